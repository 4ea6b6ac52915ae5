//! Settings: the browsers where somebody is signed in.

use super::settings::{Part, frame, tabs};
use crate::portal::{Answer, PageProblem, Posted, Visitor, see_other};
use crate::ui::{Button, ButtonKind, Form, ROW, Status, TD, Table, Tone, When};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::identity::SessionShown;
use leptos::prelude::*;

/// `GET /settings/sessions`
pub async fn sessions(
    request: HttpRequest,
    visitor: Visitor,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let sessions = app.identity().sessions(&visitor.session).await?;
    let tabs = tabs(&visitor, Part::Sessions);
    Ok(Answer::to(&request, &visitor, "Your sessions").page(|| frame(tabs, show_sessions(sessions))))
}

/// `POST /settings/sessions`: ends one (`id`), or all others.
pub async fn end_sessions(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    match posted.typed.text("id").parse() {
        Ok(session) => app.identity().revoke_session(&posted.visitor.session, session).await?,
        Err(_) => {
            app.identity().revoke_other_sessions(&posted.visitor.session).await?;
        }
    }
    Ok(see_other("/settings/sessions?done=removed"))
}

fn show_sessions(sessions: Vec<SessionShown>) -> AnyView {
    let others = sessions.len() > 1;
    view! {
        <Table caption="Browsers where you are signed in" heads=&["Browser", "Since", "Last used", ""]>
            {sessions
                .into_iter()
                .map(|session| {
                    let browser = if session.user_agent.is_empty() { "A browser without a name".to_owned() } else { session.user_agent.clone() };
                    view! {
                        <tr class=ROW>
                            <td class=TD>
                                {session.is_this_one.then(|| view! { <Status tone=Tone::Good word="This one"/> " " })}
                                <span class="break-all">{browser.clone()}</span>
                            </td>
                            <td class=TD><When at=session.created_at/></td>
                            <td class=TD><When at=session.seen_at/></td>
                            <td class=TD>
                                {(!session.is_this_one).then(|| view! {
                                    <Form action="/settings/sessions" class="contents">
                                        <Button name="id" value=session.id.to_string() label="Sign out" kind=ButtonKind::Danger describes=browser/>
                                    </Form>
                                })}
                            </td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
        {others.then(|| view! {
            <Form action="/settings/sessions" class="contents"><div><Button label="Sign out everywhere else" kind=ButtonKind::Danger/></div></Form>
        })}
    }
    .into_any()
}
