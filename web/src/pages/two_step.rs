//! Two-step sign-in: the code after the password, and setting it up.
//!
//! The set-up stands outside the frame of a group: a group that requires it lets nobody in before.

use super::entry::{own_path, status};
use super::security::taken;
use crate::portal::{Answer, Errors, PageProblem, Person, PostedByPerson, Query, Typed, origin, see_other};
use crate::ui::{Bare, Button, ButtonKind, Field, Form, FormNotice, LinkButton, Qr};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use app::identity::{RECOVERY_CODES, SetUp, SignedIn, cookie};
use app::{App, AppError};
use leptos::prelude::*;

/// `GET /sign-in/code`
pub async fn code(request: HttpRequest, query: Query) -> HttpResponse {
    show_code(&request, &query.0, &Errors::default())
}

/// `POST /sign-in/code`
pub async fn post_code(request: HttpRequest, typed: Typed, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let waiting = request.cookie(cookie::step_cookie(&app.config().web));
    let token = waiting.as_ref().map_or("", |cookie| cookie.value());
    match app.identity().finish_sign_in(token, typed.text("code"), &origin(&request, &app)).await {
        Ok(session) => {
            let mut answer = HttpResponse::SeeOther();
            answer.insert_header((header::LOCATION, own_path(typed.text("next"))));
            for line in cookie::signed_in(&app.config().web, &session, app.now()) {
                answer.append_header((header::SET_COOKIE, line));
            }
            Ok(answer.finish())
        }
        Err(AppError::SignInOver) => Ok(see_other("/sign-in?done=too-late")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(show_code(&request, &typed, &errors))
        }
    }
}

fn show_code(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (next, errors) = (own_path(typed.text("next")).to_owned(), errors.clone());
    Answer::to_anybody(request, "Enter your code").status(status(&errors)).page(|| {
        view! {
            <Bare title="Enter your code" lead="Open the app that you set up for Driveline. Its code changes every 30 seconds.">
                <Form action="/sign-in/code">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="next" value=next/>
                    <Field
                        name="code"
                        label="Code"
                        autocomplete="one-time-code"
                        help="No phone at hand? Type one of your recovery codes; each works once."
                        error=errors.of("code")
                    />
                    <Button label="Sign in" kind=ButtonKind::Primary/>
                </Form>
                <p class="text-small"><a class="text-accent underline" href="/sign-in">"Back to sign in"</a></p>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /two-step`
pub async fn set_up(request: HttpRequest, person: Person, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    if person.0.bound_to.is_some() {
        return Ok(show_not_by_single_sign_on(&request, &person.0));
    }
    if app.identity().two_step(&person.0).await?.since.is_some() {
        return Ok(see_other("/settings/security"));
    }
    let begun = app.identity().begun_two_step(&person.0).await?;
    Ok(show_set_up(&request, &person.0, begun, &Errors::default()))
}

/// `POST /two-step/begin`: a new secret, for who has the password.
pub async fn begin(
    request: HttpRequest,
    posted: PostedByPerson,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let password = posted.typed.raw("password").into();
    match app.identity().begin_two_step(&posted.who, &password, &origin(&request, &app)).await {
        Ok(_) => Ok(see_other("/two-step")),
        Err(error) => Ok(show_set_up(&request, &posted.who, None, &taken(error, "password")?)),
    }
}

/// `POST /two-step`: the first code; shows the recovery codes, this once.
pub async fn confirm(
    request: HttpRequest,
    posted: PostedByPerson,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let result = app.identity().confirm_two_step(&posted.who, posted.typed.text("code"), &origin(&request, &app)).await;
    match result {
        Ok(codes) => Ok(show_recovery_codes(&request, &posted.who, codes, "Two-step sign-in is on")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            let begun = app.identity().begun_two_step(&posted.who).await?;
            Ok(show_set_up(&request, &posted.who, begun, &errors))
        }
    }
}

/// A second factor is of the person's own account, which single sign-on does not open.
fn show_not_by_single_sign_on(request: &HttpRequest, who: &SignedIn) -> HttpResponse {
    Answer::to_person(request, who, "Two-step sign-in").page(|| {
        view! {
            <Bare title="Your group asks for a code as well" lead="It is set up in your own account, which single sign-on does not open.">
                <ol class="flex list-decimal flex-col gap-2 pl-5 text-small">
                    <li>"Sign out here, and set a password by the link under “Forgot the password?”, if you have none."</li>
                    <li>"Sign in with it and set up two-step sign-in."</li>
                    <li>"Come back by single sign-on; from then on it asks for a code."</li>
                </ol>
                <p class="text-small text-muted">"An owner of your group can also say that your company's sign-in asks for a second factor itself; then nothing is to be set up here."</p>
                <Form action="/sign-out" class="contents"><div><Button label="Sign out" kind=ButtonKind::Primary/></div></Form>
            </Bare>
        }
        .into_any()
    })
}

/// In groups of four, as people copy it.
fn in_fours(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn show_set_up(request: &HttpRequest, who: &SignedIn, begun: Option<SetUp>, errors: &Errors) -> HttpResponse {
    let (errors, wrong_password) = (errors.clone(), errors.of("password"));
    let kept_out = who.kept_out.is_some();
    let lead = if kept_out {
        "Your group asks everybody for a code besides the password. Set it up, and you are in; it takes a minute."
    } else {
        "Signing in then takes your password and a code from an app on your phone, so a stolen password is not enough."
    };
    Answer::to_person(request, who, "Set up two-step sign-in").status(status(&errors)).page(|| {
        view! {
            <Bare title="Set up two-step sign-in" lead=lead>
                <FormNotice error=errors.whole()/>
                {match begun {
                    Some(begun) => scan(&begun, &errors),
                    None => view! {
                        <p class="text-small">"You need an authenticator app: Google Authenticator, Microsoft Authenticator, 1Password, or any other."</p>
                        <Form action="/two-step/begin">
                            <Field name="password" label="Your password" kind="password" autocomplete="current-password" help="It proves that this is you. Once it is on, every other browser is signed out." error=wrong_password/>
                            <Button label="Continue" kind=ButtonKind::Primary/>
                        </Form>
                    }
                    .into_any(),
                }}
                {if kept_out {
                    view! { <Form action="/sign-out" class="contents"><div><Button label="Sign out"/></div></Form> }.into_any()
                } else {
                    view! { <p class="text-small"><a class="text-accent underline" href="/settings/security">"Not now"</a></p> }.into_any()
                }}
            </Bare>
        }
        .into_any()
    })
}

fn scan(begun: &SetUp, errors: &Errors) -> AnyView {
    let wrong = errors.of("code");
    view! {
        <ol class="flex flex-col gap-6">
            <li class="flex flex-col gap-3">
                <h2 class="text-ui font-semibold">"1. Scan this with the app"</h2>
                <Qr text=begun.address.to_string() label="QR code for the app; the key below says the same"/>
                <div class="flex flex-col gap-1">
                    <p class="text-small text-muted">"Or type this key into it:"</p>
                    <code id="key" class="break-words rounded-sm bg-sunken px-3 py-2 text-small">{in_fours(&begun.secret)}</code>
                </div>
            </li>
            <li class="flex flex-col gap-3">
                <h2 class="text-ui font-semibold">"2. Enter the code that it shows"</h2>
                <Form action="/two-step">
                    <Field name="code" label="Code" autocomplete="one-time-code" help="Six digits." error=wrong/>
                    <Button label="Switch it on" kind=ButtonKind::Primary/>
                </Form>
            </li>
        </ol>
    }
    .into_any()
}

/// Recovery codes, this once.
pub(super) fn show_recovery_codes(
    request: &HttpRequest,
    who: &SignedIn,
    codes: Vec<String>,
    title: &'static str,
) -> HttpResponse {
    let lead = format!(
        "Keep these {RECOVERY_CODES} recovery codes where you find them without your phone. Each signs you in once. They are not shown again."
    );
    Answer::to_person(request, who, title).page(|| {
        view! {
            <Bare title=title lead=lead>
                <ul id="recovery-codes" class="grid grid-cols-2 gap-x-6 gap-y-1 rounded-md border border-line bg-raised p-4">
                    {codes.into_iter().map(|code| view! { <li><code class="text-ui">{code}</code></li> }).collect_view()}
                </ul>
                <div><LinkButton href="/settings/security" label="I have kept them" kind=ButtonKind::Primary/></div>
            </Bare>
        }
        .into_any()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_people_copy_it() {
        assert_eq!(in_fours("ABCDEFGHIJ"), "ABCD EFGH IJ");
    }
}
