//! Failures grouped by cause, with the fix; replay of one, or of all that share a cause.

use crate::portal::{Answer, PageProblem, Posted, Query, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, EmptyState, FailureCard, Form, IconName, LinkButton, NUMBER, Page, ROW, Section, TD, Tab,
    Table, Tabs, When, grouped, plural,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::views::failure::{Cause, CausePage};
use domain::{ConnectionId, FailureId, NextStep, ObjectKind};
use leptos::prelude::*;

/// Failures shown of one cause.
const PAGE_SIZE: u32 = 100;

/// `GET /failures`
pub async fn list(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let retrying = query.0.text("next") == "retrying";
    let causes = app.views().causes(&visitor.scope).await?;
    Ok(Answer::to(&request, &visitor, "Failures").page(|| show_list(causes, retrying)))
}

/// `GET /failures/{connection}/{object}/{code}`: one cause. `object` is `any` where it was none.
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    which: web::Path<(ConnectionId, String, String)>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (connection, object, code) = which.into_inner();
    let object = object_named(&object)?;
    let cause =
        app.views().cause(&visitor.scope, connection, object, &code, PAGE_SIZE).await?.ok_or(PageProblem::Missing)?;
    Ok(Answer::to(&request, &visitor, cause.cause.doing.clone()).page(|| show(cause)))
}

/// `POST /failures/replay`: one (`id`) or all of a cause (`connection`, `object`, `code`).
pub async fn replay(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let typed = &posted.typed;
    if let Ok(id) = typed.text("id").parse::<FailureId>() {
        app.engine().replay_failure(&posted.visitor.scope, id).await?;
    } else {
        let connection = typed.text("connection").parse().map_err(|_| PageProblem::Missing)?;
        let object = object_named(typed.text("object"))?;
        app.engine().replay_cause(&posted.visitor.scope, connection, object, typed.text("code")).await?;
    }
    Ok(see_other("/failures?done=replayed"))
}

fn object_named(name: &str) -> Result<Option<ObjectKind>, PageProblem> {
    if name == "any" { Ok(None) } else { name.parse().map(Some).map_err(|_| PageProblem::Missing) }
}

/// The address of a cause's page.
pub fn address(cause: &Cause) -> String {
    let code: String = url::form_urlencoded::byte_serialize(cause.code.as_bytes()).collect();
    format!("/failures/{}/{}/{code}", cause.connection, cause.object.map_or("any", ObjectKind::name))
}

fn show_list(causes: Vec<Cause>, retrying: bool) -> AnyView {
    let (needs_you, healing): (Vec<_>, Vec<_>) = causes.into_iter().partition(|cause| cause.next == NextStep::NeedsYou);
    let tabs = vec![
        Tab { href: "/failures".to_owned(), label: format!("Needs you ({})", needs_you.len()), current: !retrying },
        Tab {
            href: "/failures?next=retrying".to_owned(),
            label: format!("Retrying ({})", healing.len()),
            current: retrying,
        },
    ];
    let shown = if retrying { healing } else { needs_you };
    view! {
        <Page
            title="Failures"
            lead=Some(view! { "Nothing that failed is lost. Each is kept until it went through; those that share a cause stand together." }.into_any())
        >
            <Tabs label="Failures by what happens next" tabs=tabs/>
            {if shown.is_empty() {
                let (title, text) = if retrying {
                    ("Nothing is being retried", "A passing failure shows here while Driveline tries again by itself.")
                } else {
                    ("Nothing needs you", "What a person must fix shows here, with the other system's own words.")
                };
                view! {
                    <EmptyState icon=IconName::CircleCheck title=title text=text>
                        <LinkButton href="/" label="Go home"/>
                    </EmptyState>
                }
                    .into_any()
            } else {
                shown.into_iter().map(card).collect_view().into_any()
            }}
        </Page>
    }
    .into_any()
}

/// A cause as a card, with its replay.
pub fn card(cause: Cause) -> AnyView {
    let address = address(&cause);
    let spoken = format!("{} at {}", cause.doing, cause.connection_name);
    let all =
        if cause.count == 1 { "Retry it now".to_owned() } else { format!("Retry all {} now", grouped(cause.count)) };
    let meta = view! {
        {plural(cause.count, "time", "times")}
        " · "
        <a class="underline" href=format!("/connections/{}", cause.connection)>{cause.connection_name.clone()}</a>
        {cause.object.map(|object| format!(" · {}", object.plural()))}
        " · last " <When at=cause.last_at/>
    }
    .into_any();
    view! {
        <FailureCard doing=cause.doing.clone() said=cause.said.clone() fault=cause.fault next=cause.next fix=cause.fix.clone() meta=meta>
            {replay_all(&cause, all, spoken)}
            <LinkButton href=address label="See each"/>
        </FailureCard>
    }
    .into_any()
}

fn replay_all(cause: &Cause, label: String, describes: String) -> AnyView {
    let (connection, object, code) =
        (cause.connection.to_string(), cause.object.map_or("any", ObjectKind::name), cause.code.clone());
    view! {
        <Form action="/failures/replay" class="contents">
            <input type="hidden" name="connection" value=connection/>
            <input type="hidden" name="object" value=object/>
            <input type="hidden" name="code" value=code/>
            <Button label=label describes=describes icon=Some(IconName::RefreshCw)/>
        </Form>
    }
    .into_any()
}

fn show(page: CausePage) -> AnyView {
    let cause = page.cause;
    let all =
        if cause.count == 1 { "Retry it now".to_owned() } else { format!("Retry all {} now", grouped(cause.count)) };
    let meta = view! {
        {plural(cause.count, "time", "times")} " · since " <When at=cause.first_at/> " · last " <When at=cause.last_at/>
    }
    .into_any();
    let action = replay_all(&cause, all, String::new());
    view! {
        <Page
            title=cause.doing.clone()
            up=Some(("/failures".to_owned(), "Failures".to_owned()))
            lead=Some(view! {
                <a class="text-accent underline" href=format!("/connections/{}", cause.connection)>{cause.connection_name.clone()}</a>
                {cause.object.map(|object| format!(" · {}", object.plural()))}
                " · " <code>{cause.code.clone()}</code>
            }.into_any())
        >
            <FailureCard doing="The cause" said=cause.said fault=cause.fault next=cause.next fix=cause.fix meta=meta>{action}</FailureCard>
            <Section title="Each of them">
                <Table caption="Failures of this cause" heads=&["What", "It said", "#Times", "Last", "Evidence", ""]>
                    {page
                        .failures
                        .into_iter()
                        .map(|line| {
                            let what = line.subject.clone();
                            view! {
                                <tr class=ROW>
                                    <td class=TD>
                                        {match line.golden {
                                            Some(id) => view! { <a class="underline" href=format!("/records/{id}")>{line.subject}</a> }.into_any(),
                                            None => line.subject.into_any(),
                                        }}
                                    </td>
                                    <td class=TD>
                                        {line.said}
                                        {line.next_try_at.map(|at| view! { <span class="block text-meta text-muted">"next try " <When at=at/></span> })}
                                    </td>
                                    <td class=NUMBER>{grouped(line.times)}</td>
                                    <td class=TD><When at=line.last_at/></td>
                                    <td class=TD><code>{line.evidence.unwrap_or_default()}</code></td>
                                    <td class=TD>
                                        <Form action="/failures/replay" class="contents">
                                            <Button name="id" value=line.id.to_string() label="Retry" describes=what kind=ButtonKind::Secondary/>
                                        </Form>
                                    </td>
                                </tr>
                            }
                        })
                        .collect_view()}
                </Table>
                {page.more.then(|| view! { <p class="text-small text-muted">"The newest are shown. Retrying all takes the older ones too."</p> })}
            </Section>
        </Page>
    }
    .into_any()
}
