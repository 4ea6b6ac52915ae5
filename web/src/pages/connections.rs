//! Connections: the list, and one connection with its objects, runs, settings and the age of its credentials.

use super::runs::RunTable;
use super::{failures, words};
use crate::portal::{Answer, PageContext, PageProblem, Posted, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, EmptyState, ErrorCard, Fact, Facts, Form, IconName, LinkButton, NUMBER, Page, ROW, Section,
    Status, TD, Table, Until, grouped,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::engine::syncs::Mode;
use app::schedules::SetSchedule;
use app::views::connection::{ConnectionLine, ConnectionPage, ConnectionState, Freshness, HELD_MAX, ObjectLine};
use app::{App, AppError};
use domain::permission::Permission;
use domain::schedule::{Cadence, CatchUp};
use domain::{ConnectionId, ObjectKind};
use leptos::prelude::*;

/// `GET /connections`
pub async fn list(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let lines = app.views().connections(&visitor.scope).await?;
    let may = visitor.may(Permission::ManageConnections);
    Ok(Answer::to(&request, &visitor, "Connections").page(|| show_list(lines, may)))
}

/// `GET /connections/{id}`
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let page = app.views().connection(&visitor.scope, id.into_inner()).await?.ok_or(PageProblem::Missing)?;
    let rooftop = page.line.rooftop;
    let may = May {
        run: visitor.may_at(rooftop, Permission::RunSync),
        manage: visitor.may_at(rooftop, Permission::ManageConnections),
    };
    Ok(Answer::to(&request, &visitor, page.line.name.clone()).page(|| show(page, may)))
}

/// What the visitor may do with a connection.
#[derive(Clone, Copy)]
struct May {
    run: bool,
    manage: bool,
}

/// `POST /connections/{id}/sync`: reads the changes of one object, or of all; goes to the run where it is one.
pub async fn sync(
    posted: Posted,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    let object = match posted.typed.text("object") {
        "" => None,
        name => Some(name.parse::<ObjectKind>().map_err(|_| PageProblem::Missing)?),
    };
    let mode = if posted.typed.text("mode") == "full" { Mode::Full } else { Mode::Changes };
    if posted.typed.text("first") == "yes" {
        schedule_all(&posted.visitor, id, &app).await?;
    }
    let runs = app.engine().start_sync(&posted.visitor.scope, id, object, mode).await?;
    Ok(match runs.as_slice() {
        [run] => see_other(format!("/runs/{run}?done=started")),
        _ => see_other(format!("/runs?connection={id}&done=started")),
    })
}

/// With the first sync, what has no schedule yet is read every 15 minutes; it can be changed at any time.
async fn schedule_all(visitor: &Visitor, id: ConnectionId, app: &App) -> Result<(), PageProblem> {
    let page = app.views().connection(&visitor.scope, id).await?.ok_or(PageProblem::Missing)?;
    if !visitor.may_at(page.line.rooftop, Permission::ManageConnections) {
        return Ok(());
    }
    for object in page.line.objects.iter().filter(|object| object.pull && object.cadence.is_none()) {
        let cadence = Cadence::Minutes { minutes: 15 };
        let ask = SetSchedule { cadence, open_hours: None, catch_up: CatchUp::Once, enabled: true, time_zone: None };
        app.schedules().set(&visitor.scope, id, object.object, ask).await?;
    }
    Ok(())
}

/// `POST /connections/{id}/pause` and `/resume`
pub async fn set_paused(
    posted: Posted,
    path: web::Path<(ConnectionId, String)>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (id, what) = path.into_inner();
    let paused = what == "pause";
    if paused {
        app.connections().pause(&posted.visitor.scope, id).await?;
    } else {
        app.connections().resume(&posted.visitor.scope, id).await?;
    }
    Ok(see_other(format!("/connections/{id}?done={}", if paused { "paused" } else { "resumed" })))
}

/// `POST /connections/{id}/schedule`
pub async fn schedule(
    posted: Posted,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    let object = posted.typed.text("object").parse::<ObjectKind>().map_err(|_| PageProblem::Missing)?;
    let scope = &posted.visitor.scope;
    match cadence_named(posted.typed.text("cadence")) {
        Some(cadence) => {
            let ask =
                SetSchedule { cadence, open_hours: None, catch_up: CatchUp::Once, enabled: true, time_zone: None };
            app.schedules().set(scope, id, object, ask).await?;
        }
        None => match app.schedules().delete(scope, id, object).await {
            // It had none: as it was asked for.
            Ok(()) | Err(AppError::NotFound("schedule")) => {}
            Err(error) => return Err(error.into()),
        },
    }
    Ok(see_other(format!("/connections/{id}?done=saved")))
}

/// The choices of how often.
const CADENCES: [(&str, &str); 5] = [
    ("hand", "By hand and by webhook only"),
    ("5", "Every 5 minutes"),
    ("15", "Every 15 minutes"),
    ("hourly", "Every hour"),
    ("nightly", "Every night at 02:00"),
];

fn cadence_named(name: &str) -> Option<Cadence> {
    match name {
        "5" => Some(Cadence::Minutes { minutes: 5 }),
        "15" => Some(Cadence::Minutes { minutes: 15 }),
        "hourly" => Some(Cadence::Hourly { minute: 0 }),
        "nightly" => Some(Cadence::Nightly { at: chrono::NaiveTime::from_hms_opt(2, 0, 0).unwrap_or_default() }),
        _ => None,
    }
}

fn cadence_name(cadence: Option<&Cadence>) -> &'static str {
    match cadence {
        Some(Cadence::Minutes { minutes: 5 }) => "5",
        Some(Cadence::Minutes { .. }) => "15",
        Some(Cadence::Hourly { .. }) => "hourly",
        Some(Cadence::Nightly { .. }) => "nightly",
        // A cron expression is kept unless another choice is made through the API.
        Some(Cadence::Cron { .. }) | None => "hand",
    }
}

fn show_list(lines: Vec<ConnectionLine>, may: bool) -> AnyView {
    let add = move || {
        may.then(|| view! { <LinkButton href="/connections/new" label="Connect a system" kind=ButtonKind::Primary icon=Some(IconName::Plus)/> }.into_any())
    };
    let now = expect_context::<PageContext>().now;
    view! {
        <Page title="Connections" lead=Some(view! { "The systems that Driveline keeps telling the same story." }.into_any()) actions=(!lines.is_empty()).then(add).flatten()>
            {if lines.is_empty() {
                view! {
                    <EmptyState icon=IconName::Plug title="Nothing is connected" text="Connect the DMS first; customers, vehicles, deals and repair orders come from there.">{add()}</EmptyState>
                }
                    .into_any()
            } else {
                view! {
                    <Table caption="Connections" heads=&["Name", "System", "Part", "Rooftop", "Status", "Freshness", "Last read"]>
                        {lines
                            .into_iter()
                            .map(|line| {
                                let (tone, word) = words::connection(line.state);
                                let worst = worst(&line, now);
                                let newest = line.objects.iter().filter_map(|object| object.succeeded_at.or(object.published_at)).max();
                                view! {
                                    <tr class=ROW>
                                        <td class=TD><a class="font-medium hover:underline" href=format!("/connections/{}", line.id)>{line.name}</a></td>
                                        <td class=TD>{line.system}</td>
                                        <td class=TD>{line.role.label()}</td>
                                        <td class=TD>{if line.rooftop.is_none() { "All rooftops".to_owned() } else { line.rooftop_name }}</td>
                                        <td class=TD><Status tone=tone word=word/></td>
                                        <td class=TD>
                                            {worst.map(|(freshness, object)| {
                                                let (tone, word) = words::freshness(freshness);
                                                let word = if freshness == Freshness::Fresh { word.to_owned() } else { format!("{word}: {}", object.plural()) };
                                                view! { <Status tone=tone word=word/> }
                                            })}
                                        </td>
                                        <td class=TD><Until at=newest/></td>
                                    </tr>
                                }
                            })
                            .collect_view()}
                    </Table>
                }
                    .into_any()
            }}
        </Page>
    }
    .into_any()
}

/// The object that most wants a look.
fn worst(line: &ConnectionLine, now: chrono::DateTime<chrono::Utc>) -> Option<(Freshness, ObjectKind)> {
    let weight = |freshness| match freshness {
        Freshness::Stopped => 6,
        Freshness::Empty => 5,
        Freshness::Late => 4,
        Freshness::Running => 3,
        Freshness::NoneYet | Freshness::Never => 2,
        Freshness::Fresh => 1,
        Freshness::WriteOnly | Freshness::Arrives | Freshness::Off => 0,
    };
    line.objects
        .iter()
        .map(|object| (object.freshness(now), object.object))
        .max_by_key(|(freshness, _)| weight(*freshness))
}

fn show(page: ConnectionPage, may: May) -> AnyView {
    let line = page.line;
    let id = line.id;
    let (tone, word) = words::connection(line.state);
    let works = line.state == ConnectionState::Active;
    let reads = line.objects.iter().any(|object| object.pull);
    let never = reads && line.objects.iter().all(|object| object.succeeded_at.is_none());
    let system = line.system.clone();
    let signs_in = page.signs_in_at_vendor;
    let sign_in_kind = if page.signed_in { ButtonKind::Secondary } else { ButtonKind::Primary };
    let test_kind = match line.state {
        ConnectionState::Paused => ButtonKind::Secondary,
        ConnectionState::Draft if signs_in && !page.signed_in => ButtonKind::Secondary,
        ConnectionState::Draft | ConnectionState::Active | ConnectionState::Broken => ButtonKind::Primary,
    };
    let actions = view! {
        {(may.manage && !works).then(|| view! {
            {signs_in.then(|| view! { <LinkButton href=format!("/connections/{id}/sign-in") label=format!("Sign in at {system}") kind=sign_in_kind/> })}
            <Form action=format!("/connections/{id}/test") class="contents"><Button label="Test it" kind=test_kind/></Form>
        })}
        {(may.run && works && reads).then(|| view! {
            <Form action=format!("/connections/{id}/sync") class="contents">
                <Button
                    name="first"
                    value=if never { "yes" } else { "no" }
                    label=if never { "Start the first sync" } else { "Sync now" }
                    kind=ButtonKind::Primary
                    icon=Some(IconName::RefreshCw)
                />
            </Form>
        })}
        {may.manage.then(|| view! { <LinkButton href=format!("/connections/{id}/edit") label="Change"/> })}
        {(may.run && works).then(|| view! {
            <Form action=format!("/connections/{id}/pause") class="contents"><Button label="Pause"/></Form>
        })}
        {(may.run && line.state == ConnectionState::Paused).then(|| view! {
            <Form action=format!("/connections/{id}/resume") class="contents"><Button label="Resume" kind=ButtonKind::Primary/></Form>
        })}
    }
    .into_any();
    let place = if line.rooftop.is_none() { "All rooftops".to_owned() } else { line.rooftop_name.clone() };
    let stopped = (line.state == ConnectionState::Broken).then(|| line.reason.clone());
    view! {
        <Page
            title=line.name.clone()
            up=Some(("/connections".to_owned(), "Connections".to_owned()))
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=Some(view! { {format!("{} · {} · {place}", line.system, line.role.label())} }.into_any())
            actions=Some(actions)
        >
            {stopped.map(|why| view! {
                <ErrorCard title="This connection is stopped" text=if why.is_empty() { "Test it again to see why.".to_owned() } else { why }/>
            })}
            {page.causes.into_iter().map(failures::card).collect_view()}
            <Section title="What it moves">
                {if line.objects.is_empty() {
                    view! { <p class="text-small text-muted">"Nothing yet: its test must pass first."</p> }.into_any()
                } else {
                    objects(id, line.objects, may)
                }}
            </Section>
            <Section title="Runs" actions=(!page.runs.is_empty()).then(|| view! { <a class="text-small text-accent underline" href=format!("/runs?connection={id}")>"All runs"</a> }.into_any())>
                {if page.runs.is_empty() {
                    view! { <p class="text-small text-muted">"No run yet."</p> }.into_any()
                } else {
                    view! { <RunTable runs=page.runs/> }.into_any()
                }}
            </Section>
            <Section title="Settings">
                <Facts>
                    {page
                        .settings
                        .into_iter()
                        .map(|(label, value)| view! { <Fact term=label><span class="line-clamp-3">{value}</span></Fact> })
                        .collect_view()}
                    {page
                        .credentials
                        .into_iter()
                        .map(|(label, at)| view! { <Fact term=label>"sealed, stored " <Until at=at never="not yet"/></Fact> })
                        .collect_view()}
                    <Fact term="Tested with success"><Until at=line.tested_at/></Fact>
                </Facts>
            </Section>
        </Page>
    }
    .into_any()
}

fn objects(id: ConnectionId, objects: Vec<ObjectLine>, may: May) -> AnyView {
    let now = expect_context::<PageContext>().now;
    view! {
        <Table caption="What this connection moves" heads=&["What", "Direction", "Status", "#Held", "Last read", "How often", "Next"]>
            {objects
                .into_iter()
                .map(|object| {
                    let (tone, word) = words::freshness(object.freshness(now));
                    let held = if object.held >= HELD_MAX { format!("{}+", grouped(HELD_MAX)) } else { grouped(object.held) };
                    let name = words::capitalised(object.object.plural());
                    let every = object.cadence.as_ref().map_or_else(|| "by hand".to_owned(), words::cadence);
                    let message = (!object.last_message.is_empty()).then(|| object.last_message.clone());
                    let chosen = cadence_name(object.cadence.as_ref());
                    view! {
                        <tr class=ROW>
                            <td class=TD>
                                <span class="font-medium">{name.clone()}</span>
                                {(object.drift > 0).then(|| view! { <span class="block text-meta text-warn">{format!("{} new names in its data", object.drift)}</span> })}
                            </td>
                            <td class=TD>{direction(&object)}</td>
                            <td class=TD>
                                <Status tone=tone word=word/>
                                {message.map(|message| view! { <span class="block max-w-prose text-meta text-muted">{message}</span> })}
                            </td>
                            <td class=NUMBER>{if object.pull || object.arrives { held } else { String::new() }}</td>
                            <td class=TD><Until at=object.succeeded_at.or(object.published_at) never={if object.pull { "never" } else { "–" }}/></td>
                            <td class=TD>
                                {if may.manage && object.pull {
                                    view! {
                                        <details>
                                            <summary class="min-h-6 cursor-pointer whitespace-nowrap underline decoration-dotted">{every}</summary>
                                            <Form action=format!("/connections/{id}/schedule") class="mt-2 flex min-w-48 flex-col gap-2">
                                                <input type="hidden" name="object" value=object.object.name()/>
                                                <label class="sr-only" for=format!("cadence-{}", object.object.name())>{format!("How often: {name}")}</label>
                                                <select
                                                    id=format!("cadence-{}", object.object.name())
                                                    name="cadence"
                                                    class="min-h-8 rounded-sm border border-line bg-raised px-2 text-small"
                                                >
                                                    {CADENCES.iter().map(|(key, words)| view! { <option value=*key selected=*key == chosen>{*words}</option> }).collect_view()}
                                                </select>
                                                <Button label="Save" describes=format!("how often {name} are read")/>
                                            </Form>
                                        </details>
                                    }
                                        .into_any()
                                } else if object.pull {
                                    every.into_any()
                                } else {
                                    words::unscheduled(&object).into_any()
                                }}
                            </td>
                            <td class=TD>{object.pull.then(|| view! { <Until at=object.next_at never="–"/> })}</td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

fn direction(object: &ObjectLine) -> &'static str {
    match (object.pull, object.push.as_str()) {
        (true, "none") => "Read",
        (true, _) => "Read and written",
        (false, "feed") => "Published",
        (false, "none") if object.arrives => "Received",
        (false, "none") => "–",
        (false, _) if object.arrives => "Received and written",
        (false, _) => "Written",
    }
}
