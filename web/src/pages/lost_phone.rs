//! Settings: a member lost their phone; an admin lets them set up a new one.

use super::security::taken;
use super::settings::{Part, frame, tabs};
use crate::portal::{Answer, Errors, PageProblem, Posted, Visitor, origin, see_other};
use crate::ui::{Button, ButtonKind, Field, Form, FormNotice, LinkButton, Section};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::people::LostPhone;
use leptos::prelude::*;
use uuid::Uuid;

/// `GET /settings/team/{role}/second-factor`
pub async fn ask(
    request: HttpRequest,
    visitor: Visitor,
    membership: web::Path<Uuid>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    show(&request, &visitor, membership.into_inner(), &app, Errors::default()).await
}

/// `POST /settings/team/{role}/second-factor`: switches it off, with the admin's own password.
pub async fn reset(
    request: HttpRequest,
    posted: Posted,
    membership: web::Path<Uuid>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (visitor, membership) = (&posted.visitor, membership.into_inner());
    let password = posted.typed.raw("own_password").into();
    let origin = origin(&request, &app);
    match app.people().reset_second_factor(&visitor.session, membership, &password, &origin).await {
        Ok(()) => Ok(see_other("/settings/team?done=two-step-reset")),
        Err(error) => show(&request, visitor, membership, &app, taken(error, "own_password")?).await,
    }
}

async fn show(
    request: &HttpRequest,
    visitor: &Visitor,
    membership: Uuid,
    app: &App,
    errors: Errors,
) -> Result<HttpResponse, PageProblem> {
    let LostPhone { name, email } = app.people().lost_phone(&visitor.session, membership).await?;
    let tabs = tabs(visitor, Part::Team);
    let status = super::entry::status(&errors);
    let title = format!("{name} lost their phone");
    Ok(Answer::to(request, visitor, title.clone()).status(status).page(|| {
        let content = view! {
            <Section title=title>
                <div class="flex max-w-prose flex-col gap-2 text-small">
                    <p>{format!("Two-step sign-in is switched off for {name} ({email}): their codes and recovery codes work no more, and they are signed out everywhere. They are told by mail, sign in with their password, and set it up again.")}</p>
                    <p class="text-muted">"Speak to them first. Whoever asks by mail or chat may be somebody else who has their password."</p>
                </div>
                <Form action=format!("/settings/team/{membership}/second-factor") class="flex max-w-form flex-col gap-4">
                    <FormNotice error=errors.whole()/>
                    <Field name="own_password" label="Your own password" kind="password" autocomplete="current-password" help="It proves that this is you." error=errors.of("own_password")/>
                    <div class="flex flex-wrap gap-2">
                        <Button label="Reset two-step sign-in" kind=ButtonKind::Danger describes=name/>
                        <LinkButton href="/settings/team" label="Cancel"/>
                    </div>
                </Form>
            </Section>
        }
        .into_any();
        frame(tabs, content)
    }))
}
