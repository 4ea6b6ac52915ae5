//! Settings: how somebody signs in themself: password and second factor.

use super::entry::new_password_help;
use super::settings::{Part, frame, tabs};
use super::two_step::show_recovery_codes;
use crate::portal::{Answer, Errors, PageProblem, Posted, Visitor, origin, see_other};
use crate::ui::{Button, ButtonKind, Field, Form, FormNotice, LinkButton, Section, Status, Tone, When, plural};
use actix_web::{HttpRequest, HttpResponse, web};
use app::identity::TwoStep;
use app::{App, AppError};
use leptos::prelude::*;

/// Which of the page's forms came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Nothing,
    Password,
    RecoveryCodes,
    SwitchOff,
}

/// `GET /settings/security`
pub async fn page(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    if visitor.session.bound_to.is_some() {
        let tabs = tabs(&visitor, Part::Security);
        return Ok(Answer::to(&request, &visitor, "Your sign-in").page(|| frame(tabs, by_single_sign_on())));
    }
    show(&request, &visitor, &app, Of::Nothing, Errors::default()).await
}

/// What a group's issuer opened changes nothing of the person's own account.
fn by_single_sign_on() -> AnyView {
    view! {
        <Section title="Single sign-on">
            <p class="flex flex-wrap items-center gap-2 text-small"><Status tone=Tone::Good word="Signed in"/> "with the account that you have at work, for a day."</p>
            <p class="max-w-prose text-small text-muted">
                "Password and second factor are looked after there. If you have a password of your own at Driveline, sign in with it to change it or to set up two-step sign-in."
            </p>
        </Section>
    }
    .into_any()
}

/// A wrong password belongs beside its field; the e-mail was not asked for here.
pub(super) fn taken(error: AppError, field: &str) -> Result<Errors, PageProblem> {
    let mut errors = Errors::default();
    match error {
        AppError::SignInFailed => errors.add(field, "This is not your password."),
        error => errors.take(error)?,
    }
    Ok(errors)
}

/// `POST /settings/security/password`
pub async fn change_password(
    request: HttpRequest,
    posted: Posted,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (old, new) = (posted.typed.raw("old_password").into(), posted.typed.raw("new_password").into());
    let who = &posted.visitor.session;
    match app.identity().change_password(who, &old, &new, &origin(&request, &app)).await {
        Ok(()) => Ok(see_other("/settings/security?done=password")),
        Err(error) => show(&request, &posted.visitor, &app, Of::Password, taken(error, "old_password")?).await,
    }
}

/// `POST /settings/security/recovery-codes`: new ones, shown this once.
pub async fn renew_recovery_codes(
    request: HttpRequest,
    posted: Posted,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let password = posted.typed.raw("recovery_password").into();
    let who = &posted.visitor.session;
    match app.identity().renew_recovery_codes(who, &password, &origin(&request, &app)).await {
        Ok(codes) => Ok(show_recovery_codes(&request, who, codes, "New recovery codes")),
        Err(error) => {
            show(&request, &posted.visitor, &app, Of::RecoveryCodes, taken(error, "recovery_password")?).await
        }
    }
}

/// `POST /settings/security/two-step-off`
pub async fn end_two_step(
    request: HttpRequest,
    posted: Posted,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let password = posted.typed.raw("off_password").into();
    match app.identity().end_two_step(&posted.visitor.session, &password, &origin(&request, &app)).await {
        Ok(()) => Ok(see_other("/settings/security?done=two-step-off")),
        Err(error) => show(&request, &posted.visitor, &app, Of::SwitchOff, taken(error, "off_password")?).await,
    }
}

async fn show(
    request: &HttpRequest,
    visitor: &Visitor,
    app: &App,
    of: Of,
    errors: Errors,
) -> Result<HttpResponse, PageProblem> {
    let two_step = app.identity().two_step(&visitor.session).await?;
    let tabs = tabs(visitor, Part::Security);
    let status = super::entry::status(&errors);
    Ok(Answer::to(request, visitor, "Your sign-in").status(status).page(|| {
        let two_step = two_step_part(&two_step, of, errors.clone());
        let content = view! {
            <Section title="Two-step sign-in">{two_step}</Section>
            <Section title="Password">
                <Form action="/settings/security/password" class="flex max-w-form flex-col gap-4">
                    <FormNotice error=errors.whole().filter(|_| of == Of::Password)/>
                    <Field name="old_password" label="Password until now" kind="password" autocomplete="current-password" error=errors.of("old_password")/>
                    <Field name="new_password" label="New password" kind="password" autocomplete="new-password" help=new_password_help("Every other browser is signed out.") error=errors.of("new_password")/>
                    <div><Button label="Change the password"/></div>
                </Form>
            </Section>
        }
        .into_any();
        frame(tabs, content)
    }))
}

fn two_step_part(two_step: &TwoStep, of: Of, errors: Errors) -> AnyView {
    let off_errors = errors.clone();
    let Some(since) = two_step.since else {
        return view! {
            <p class="flex flex-wrap items-center gap-2 text-small"><Status tone=Tone::Warn word="Off"/> "Your password alone signs you in."</p>
            <div><LinkButton href="/two-step" label="Set up" kind=ButtonKind::Primary/></div>
        }
        .into_any();
    };
    let left = u64::try_from(two_step.recovery_codes_left).unwrap_or_default();
    let few = left < 3;
    view! {
        <p class="flex flex-wrap items-center gap-2 text-small"><Status tone=Tone::Good word="On"/> "since " <When at=since/></p>
        <p class="flex flex-wrap items-center gap-2 text-small">
            {few.then(|| view! { <Status tone=Tone::Warn word="Few left"/> })}
            {format!("{} left.", plural(left, "recovery code", "recovery codes"))}
        </p>
        <div class="flex flex-col gap-3">
            <details open=of == Of::RecoveryCodes>
                <summary class="min-h-6 cursor-pointer text-small underline decoration-dotted">"Make new recovery codes"</summary>
                <Form action="/settings/security/recovery-codes" class="mt-3 flex max-w-form flex-col gap-4">
                    <FormNotice error=errors.whole().filter(|_| of == Of::RecoveryCodes)/>
                    <Field name="recovery_password" label="Your password" kind="password" autocomplete="current-password" help="Those that you have now will work no more." error=errors.of("recovery_password")/>
                    <div><Button label="Make new codes"/></div>
                </Form>
            </details>
            {if two_step.is_required {
                view! { <p class="text-small text-muted">"Your group requires it, so it cannot be switched off."</p> }.into_any()
            } else {
                view! {
                    <details open=of == Of::SwitchOff>
                        <summary class="min-h-6 cursor-pointer text-small underline decoration-dotted">"Switch it off"</summary>
                        <Form action="/settings/security/two-step-off" class="mt-3 flex max-w-form flex-col gap-4">
                            <FormNotice error=off_errors.whole().filter(|_| of == Of::SwitchOff)/>
                            <Field name="off_password" label="Your password" kind="password" autocomplete="current-password" error=off_errors.of("off_password")/>
                            <div><Button label="Switch off" kind=ButtonKind::Danger describes="two-step sign-in"/></div>
                        </Form>
                    </details>
                }
                .into_any()
            }}
        </div>
    }
    .into_any()
}
