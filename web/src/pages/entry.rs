//! Before sign-in: sign up, confirm the address, sign in, a forgotten password, an invitation; and signing out.

use crate::portal::{Answer, Errors, PageProblem, Posted, PostedByPerson, Query, Typed, origin, see_other};
use crate::ui::{Bare, Button, ButtonKind, Field, Form, FormNotice, LinkButton};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use app::config::MailWay;
use app::identity::{AcceptInvitation, Begun, PASSWORD_CHARS_MIN, ResetPassword, SignIn, SignUp, Verify, cookie};
use app::{App, AppError};
use leptos::prelude::*;

/// `GET /sign-up`
pub async fn sign_up(request: HttpRequest) -> HttpResponse {
    show_sign_up(&request, &Typed::default(), &Errors::default())
}

/// `POST /sign-up`
pub async fn post_sign_up(
    request: HttpRequest,
    typed: Typed,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = SignUp {
        email: typed.text("email").to_owned(),
        password: typed.raw("password").into(),
        name: typed.text("name").to_owned(),
        group: typed.text("group").to_owned(),
    };
    match app.identity().sign_up(ask, &origin(&request, &app)).await {
        Ok(()) => Ok(see_other("/check-your-mail")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(show_sign_up(&request, &typed, &errors))
        }
    }
}

/// What is said beside a field for a new password.
pub(super) fn new_password_help(more: &str) -> String {
    format!("At least {PASSWORD_CHARS_MIN} characters. {more}")
}

/// The status of a page with a form.
pub(super) fn status(errors: &Errors) -> StatusCode {
    if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

fn show_sign_up(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (typed, errors) = (typed.clone(), errors.clone());
    Answer::to_anybody(request, "Create your account").status(status(&errors)).page(|| {
        view! {
            <Bare title="Create your account" lead="Connect your DMS and your CRM within minutes.">
                <Form action="/sign-up">
                    <FormNotice error=errors.whole()/>
                    <Field name="email" label="Work e-mail" kind="email" autocomplete="email" value=typed.text("email") error=errors.of("email")/>
                    <Field name="password" label="Password" kind="password" autocomplete="new-password" help=new_password_help("Password managers and pasting are welcome.") error=errors.of("password")/>
                    <Field name="name" label="Your name" autocomplete="name" value=typed.text("name") error=errors.of("name")/>
                    <Field name="group" label="Dealership or group" autocomplete="organization" value=typed.text("group") error=errors.of("group")/>
                    <Button label="Create account" kind=ButtonKind::Primary/>
                </Form>
                <p class="text-small text-muted">
                    "Have an account? " <a class="text-accent underline" href="/sign-in">"Sign in"</a>
                </p>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /check-your-mail`
pub async fn check_your_mail(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let demo = matches!(app.config().mail.way, MailWay::Mailbox);
    Answer::to_anybody(&request, "Check your mail").page(|| {
        view! {
            <Bare title="Check your mail" lead="We sent you a link. Open it within 24 hours to confirm your address; then your account is ready.">
                {demo.then(|| view! {
                    <p class="text-small">
                        "This is a demo: no mail leaves this machine. " <a class="text-accent underline" href="/mailbox">"Open the demo mailbox"</a>
                    </p>
                })}
                <Form action="/resend">
                    <Field name="email" label="No mail? Send it again to" kind="email" autocomplete="email"/>
                    <Button label="Send again"/>
                </Form>
                <p class="text-small text-muted"><a class="text-accent underline" href="/sign-in">"Sign in"</a></p>
            </Bare>
        }
        .into_any()
    })
}

/// `POST /resend`
pub async fn resend(request: HttpRequest, typed: Typed, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    app.identity().resend_verification(typed.text("email"), &origin(&request, &app)).await?;
    Ok(see_other("/check-your-mail"))
}

/// `GET /verify?token=…`: the link of the first mail. It asks for the password, so that a scanner of mails opens nothing.
pub async fn verify(request: HttpRequest, query: Query) -> HttpResponse {
    show_verify(&request, query.0.text("token"), &Errors::default())
}

/// `POST /verify`
pub async fn post_verify(request: HttpRequest, typed: Typed, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let ask = Verify { token: typed.text("token").to_owned(), password: typed.raw("password").into() };
    let result = app.identity().verify(ask, &origin(&request, &app)).await;
    entered(&app, result, "/setup?done=verified", |errors| show_verify(&request, typed.text("token"), errors))
}

fn show_verify(request: &HttpRequest, token: &str, errors: &Errors) -> HttpResponse {
    let (token, errors) = (token.to_owned(), errors.clone());
    Answer::to_anybody(request, "Confirm your address").status(status(&errors)).page(|| {
        view! {
            <Bare title="Confirm your address" lead="Enter the password that you chose, and you are in.">
                <Form action="/verify">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="token" value=token/>
                    <Field name="password" label="Password" kind="password" autocomplete="current-password" error=errors.of("password")/>
                    <Button label="Confirm and sign in" kind=ButtonKind::Primary/>
                </Form>
                <p class="text-small text-muted">
                    "Link over? " <a class="text-accent underline" href="/check-your-mail">"Get another one"</a>
                </p>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /sign-in`
pub async fn sign_in(request: HttpRequest, query: Query) -> HttpResponse {
    show_sign_in(&request, &query.0, &Errors::default())
}

/// `POST /sign-in`
pub async fn post_sign_in(
    request: HttpRequest,
    typed: Typed,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = SignIn { email: typed.text("email").to_owned(), password: typed.raw("password").into() };
    let result = app.identity().sign_in(ask, &origin(&request, &app)).await;
    let next = own_path(typed.text("next")).to_owned();
    entered(&app, result, &next, |errors| show_sign_in(&request, &typed, errors))
}

/// Only a path of ours: an address with a host would send people elsewhere.
pub(super) fn own_path(next: &str) -> &str {
    let is_ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if is_ours { next } else { "/" }
}

fn show_sign_in(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (typed, errors) = (typed.clone(), errors.clone());
    let next = own_path(typed.text("next")).to_owned();
    let single_sign_on = match next.as_str() {
        "/" => "/sign-in/sso".to_owned(),
        next => {
            format!("/sign-in/sso?next={}", url::form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>())
        }
    };
    Answer::to_anybody(request, "Sign in").status(status(&errors)).page(|| {
        view! {
            <Bare title="Sign in">
                <Form action="/sign-in">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="next" value=next/>
                    <Field name="email" label="E-mail" kind="email" autocomplete="username" value=typed.text("email") error=errors.of("email")/>
                    <Field name="password" label="Password" kind="password" autocomplete="current-password" error=errors.of("password")/>
                    <Button label="Sign in" kind=ButtonKind::Primary/>
                </Form>
                <LinkButton href=single_sign_on label="Continue with single sign-on"/>
                <p class="flex flex-wrap justify-between gap-2 text-small">
                    <a class="text-accent underline" href="/forgot-password">"Forgot the password?"</a>
                    <a class="text-accent underline" href="/sign-up">"Create an account"</a>
                </p>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /forgot-password`
pub async fn forgot_password(request: HttpRequest) -> HttpResponse {
    show_forgot_password(&request, &Typed::default(), &Errors::default())
}

/// `POST /forgot-password`
pub async fn post_forgot_password(
    request: HttpRequest,
    typed: Typed,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    match app.identity().ask_password_reset(typed.text("email"), &origin(&request, &app)).await {
        Ok(()) => Ok(see_other("/check-your-mail")),
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(show_forgot_password(&request, &typed, &errors))
        }
    }
}

fn show_forgot_password(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (typed, errors) = (typed.clone(), errors.clone());
    Answer::to_anybody(request, "Forgot the password?").status(status(&errors)).page(|| {
        view! {
            <Bare title="Forgot the password?" lead="We send a link to set a new one. It works for one hour.">
                <Form action="/forgot-password">
                    <FormNotice error=errors.whole()/>
                    <Field name="email" label="E-mail" kind="email" autocomplete="email" value=typed.text("email") error=errors.of("email")/>
                    <Button label="Send the link" kind=ButtonKind::Primary/>
                </Form>
                <p class="text-small"><a class="text-accent underline" href="/sign-in">"Back to sign in"</a></p>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /reset-password?token=…`
pub async fn reset_password(request: HttpRequest, query: Query) -> HttpResponse {
    show_reset_password(&request, query.0.text("token"), &Errors::default())
}

/// `POST /reset-password`
pub async fn post_reset_password(
    request: HttpRequest,
    typed: Typed,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = ResetPassword { token: typed.text("token").to_owned(), password: typed.raw("password").into() };
    let result = app.identity().reset_password(ask, &origin(&request, &app)).await;
    entered(&app, result, "/?done=saved", |errors| show_reset_password(&request, typed.text("token"), errors))
}

fn show_reset_password(request: &HttpRequest, token: &str, errors: &Errors) -> HttpResponse {
    let (token, errors) = (token.to_owned(), errors.clone());
    Answer::to_anybody(request, "Set a new password").status(status(&errors)).page(|| {
        view! {
            <Bare title="Set a new password" lead="Every other browser is signed out.">
                <Form action="/reset-password">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="token" value=token/>
                    <Field name="password" label="New password" kind="password" autocomplete="new-password" help=new_password_help("A few words make a good one.") error=errors.of("password")/>
                    <Button label="Save and sign in" kind=ButtonKind::Primary/>
                </Form>
            </Bare>
        }
        .into_any()
    })
}

/// `GET /accept-invitation?token=…`
pub async fn accept_invitation(request: HttpRequest, query: Query) -> HttpResponse {
    show_accept_invitation(&request, &query.0, &Errors::default())
}

/// `POST /accept-invitation`
pub async fn post_accept_invitation(
    request: HttpRequest,
    typed: Typed,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = AcceptInvitation {
        token: typed.text("token").to_owned(),
        name: typed.text("name").to_owned(),
        password: typed.raw("password").into(),
    };
    let result = app.identity().accept_invitation(ask, &origin(&request, &app)).await;
    entered(&app, result, "/", |errors| show_accept_invitation(&request, &typed, errors))
}

fn show_accept_invitation(request: &HttpRequest, typed: &Typed, errors: &Errors) -> HttpResponse {
    let (typed, errors) = (typed.clone(), errors.clone());
    Answer::to_anybody(request, "Accept the invitation").status(status(&errors)).page(|| {
        view! {
            <Bare title="Accept the invitation" lead="Choose a password, and you are in.">
                <Form action="/accept-invitation">
                    <FormNotice error=errors.whole()/>
                    <input type="hidden" name="token" value=typed.text("token").to_owned()/>
                    <Field name="name" label="Your name" autocomplete="name" value=typed.text("name") error=errors.of("name")/>
                    <Field name="password" label="Password" kind="password" autocomplete="new-password" help=new_password_help("A few words make a good one.") error=errors.of("password")/>
                    <Button label="Accept and sign in" kind=ButtonKind::Primary/>
                </Form>
            </Bare>
        }
        .into_any()
    })
}

/// Goes on with the new session or to its second step, or shows the form again.
fn entered(
    app: &App,
    result: Result<Begun, AppError>,
    to: &str,
    again: impl FnOnce(&Errors) -> HttpResponse,
) -> Result<HttpResponse, PageProblem> {
    match result {
        Ok(Begun::Session(session)) => {
            let mut answer = HttpResponse::SeeOther();
            answer.insert_header((header::LOCATION, to));
            for line in cookie::signed_in(&app.config().web, &session, app.now()) {
                answer.append_header((header::SET_COOKIE, line));
            }
            Ok(answer.finish())
        }
        Ok(Begun::SecondStep(step)) => {
            let next: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
            Ok(HttpResponse::SeeOther()
                .insert_header((header::LOCATION, format!("/sign-in/code?next={next}")))
                .append_header((header::SET_COOKIE, cookie::second_step(&app.config().web, &step, app.now())))
                .finish())
        }
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            Ok(again(&errors))
        }
    }
}

/// `POST /sign-out`
pub async fn sign_out(posted: PostedByPerson, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    app.identity().sign_out(&posted.who).await?;
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/sign-in?done=signed-out"))
        .append_header((header::SET_COOKIE, cookie::signed_out(&app.config().web)))
        .finish())
}

/// `POST /theme`: light, dark or as the device says; kept in this browser.
pub async fn theme(posted: Posted, app: web::Data<App>) -> HttpResponse {
    let chosen = match posted.typed.text("theme") {
        "light" => "light",
        "dark" => "dark",
        _ => "system",
    };
    let cookie = Cookie::build("theme", chosen)
        .path("/")
        .http_only(true)
        .secure(app.config().web.is_secure())
        .same_site(SameSite::Lax)
        .max_age(Duration::days(400))
        .finish();
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, own_path(posted.typed.text("back"))))
        .cookie(cookie)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_sign_in_nobody_is_sent_elsewhere() {
        for (asked, goes) in
            [("/runs", "/runs"), ("", "/"), ("https://evil.test", "/"), ("//evil.test", "/"), ("/\\evil.test", "/")]
        {
            assert_eq!(own_path(asked), goes, "{asked}");
        }
    }
}
