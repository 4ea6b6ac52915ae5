//! Single sign-on, as who signs in sees it: to the issuer, back from it, and kept out of a group that asks for it.

use super::entry::{own_path, status};
use crate::portal::{Answer, Errors, PageProblem, Person, PostedByPerson, Query, Typed, origin, see_other};
use crate::ui::{Bare, Button, ButtonKind, ErrorCard, Field, Form, FormNotice, LinkButton};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::identity::{Begun, cookie};
use app::single_sign_on::{CameBack, Leaving, NotIn, Refused};
use leptos::prelude::*;

/// `GET /sign-in/sso`
pub async fn ask(request: HttpRequest, query: Query) -> HttpResponse {
    show_ask(&request, &query.0, &Errors::default())
}

/// `POST /sign-in/sso`: on to the issuer of the address' domain.
pub async fn leave(request: HttpRequest, typed: Typed, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let next = own_path(typed.text("next"));
    match app.single_sign_on().leave(typed.text("email"), next, &origin(&request, &app)).await {
        Ok(leaving) => Ok(show_leaving(&request, &app, &leaving)),
        Err(NotIn::Refused(refused)) => Ok(show_refused(&request, &refused)),
        Err(NotIn::App(error)) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(show_ask(&request, &typed, &errors))
        }
    }
}

fn show_ask(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (typed, errors) = (typed.clone(), errors.clone());
    let next = own_path(typed.text("next")).to_owned();
    Answer::to_anybody(request, "Single sign-on").status(status(&errors)).page(|| {
        view! {
            <Bare title="Single sign-on" lead="Sign in with the account that you have at work. Your address tells us where that is.">
                <Form action="/sign-in/sso">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="next" value=next/>
                    <Field name="email" label="Work e-mail" kind="email" autocomplete="username" value=typed.text("email") error=errors.of("email")/>
                    <Button label="Continue" kind=ButtonKind::Primary/>
                </Form>
                <p class="text-small"><a class="text-accent underline" href="/sign-in">"Sign in with a password"</a></p>
            </Bare>
        }
        .into_any()
    })
}

/// The policy lets a form lead nowhere but here, so on to the issuer's page it goes by the page after it.
fn show_leaving(request: &HttpRequest, app: &App, leaving: &Leaving) -> HttpResponse {
    let (address, host) = (leaving.address.clone(), leaving.host.clone());
    let mut answer = Answer::to_anybody(request, "To your company's sign-in").page(|| {
        view! {
            <Bare title="To your company's sign-in" lead=format!("You sign in at {host} and come back by yourself.")>
                <p><LinkButton href=address label="Continue" kind=ButtonKind::Primary/></p>
            </Bare>
        }
        .into_any()
    });
    let headers = answer.headers_mut();
    // A URL has no line ends; should ours have one, the link above still leads there.
    if let Ok(refresh) = header::HeaderValue::from_str(&format!("0;url={}", leaving.address)) {
        headers.insert(header::HeaderName::from_static("refresh"), refresh);
    }
    if let Ok(line) = header::HeaderValue::from_str(&cookie::leaving(&app.config().web, leaving, app.now())) {
        headers.append(header::SET_COOKIE, line);
    }
    answer
}

/// `GET /sign-in/sso/{group}`: the browser comes back from the issuer.
pub async fn arrive(
    request: HttpRequest,
    group: web::Path<String>,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let given = |name: &str| Some(query.0.text(name).to_owned()).filter(|text| !text.is_empty());
    let config = &app.config().web;
    let back = CameBack {
        group: group.into_inner(),
        state: query.0.text("state").to_owned(),
        code: given("code"),
        iss: given("iss"),
        error: given("error"),
        error_description: given("error_description"),
        browser: request
            .cookie(cookie::trip_cookie(config))
            .map(|cookie| cookie.value().to_owned())
            .unwrap_or_default(),
    };
    let mut answer = HttpResponse::SeeOther();
    answer.append_header((header::SET_COOKIE, cookie::back(config)));
    match app.single_sign_on().arrive(&back, &origin(&request, &app)).await {
        Ok((Begun::Session(session), next)) => {
            answer.insert_header((header::LOCATION, own_path(&next)));
            for line in cookie::signed_in(config, &session, app.now()) {
                answer.append_header((header::SET_COOKIE, line));
            }
            Ok(answer.finish())
        }
        Ok((Begun::SecondStep(step), next)) => {
            let next: String = url::form_urlencoded::byte_serialize(own_path(&next).as_bytes()).collect();
            answer.insert_header((header::LOCATION, format!("/sign-in/code?next={next}")));
            answer.append_header((header::SET_COOKIE, cookie::second_step(config, &step, app.now())));
            Ok(answer.finish())
        }
        Err(NotIn::Refused(refused)) => Ok(show_refused(&request, &refused)),
        Err(NotIn::App(error)) => Err(error.into()),
    }
}

fn show_refused(request: &HttpRequest, refused: &Refused) -> HttpResponse {
    let Refused { what, said, fix, .. } = refused.clone();
    Answer::to_anybody(request, "Not signed in").status(StatusCode::FORBIDDEN).page(|| {
        view! {
            <Bare title="Not signed in">
                <ErrorCard title=what text=fix/>
                {(!said.is_empty()).then(|| view! {
                    <div class="flex flex-col gap-1">
                        <p class="text-small text-muted">"The other side said:"</p>
                        <p class="break-words border-l-2 border-line pl-3 text-small">{said}</p>
                    </div>
                })}
                <div class="flex flex-wrap gap-2">
                    <LinkButton href="/sign-in/sso" label="Start again" kind=ButtonKind::Primary/>
                    <LinkButton href="/sign-in" label="Sign in with a password"/>
                </div>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /single-sign-on`: a group that lets this person in by single sign-on only.
pub async fn kept_out(request: HttpRequest, person: Person, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let who = person.0;
    let Some(out) = who.kept_out else { return Ok(see_other("/")) };
    let me = app.identity().me(&who).await?;
    let two_step = app.identity().two_step(&who).await?;
    let sets_up = two_step.is_required && two_step.since.is_none();
    let name = me.groups.iter().find(|group| group.id == out.group).map(|group| group.name.clone()).unwrap_or_default();
    let others: Vec<_> = me.groups.into_iter().filter(|group| group.id != out.group).collect();
    Ok(Answer::to_person(&request, &who, "Single sign-on").page(|| {
        let lead = format!("{name} lets you in with the account that you have at work. Your password here does not open it.");
        view! {
            <Bare title="Single sign-on" lead=lead>
                <Form action="/sign-in/sso">
                    <input type="hidden" name="email" value=me.email/>
                    <Button label="Continue with single sign-on" kind=ButtonKind::Primary/>
                </Form>
                {(!others.is_empty()).then(|| view! {
                    <div class="flex flex-col gap-2">
                        <h2 class="text-ui font-semibold">"Your other groups"</h2>
                        {others
                            .into_iter()
                            .map(|group| view! {
                                <Form action="/single-sign-on" class="contents">
                                    <div><Button name="group" value=group.id.to_string() label=format!("Go to {}", group.name)/></div>
                                </Form>
                            })
                            .collect_view()}
                    </div>
                })}
                {sets_up.then(|| view! {
                    <p class="text-small">
                        "The group asks for a code as well. " <a class="text-accent underline" href="/two-step">"Set up two-step sign-in"</a> " first."
                    </p>
                })}
                <Form action="/sign-out" class="contents"><div><Button label="Sign out"/></div></Form>
            </Bare>
        }
        .into_any()
    }))
}

/// `POST /single-sign-on`: on to another of one's groups.
pub async fn to_another_group(posted: PostedByPerson, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let group = posted.typed.text("group").parse::<uuid::Uuid>().map_err(|_| PageProblem::Unreadable)?;
    app.identity().switch_group(&posted.who, group.into()).await?;
    Ok(see_other("/"))
}
