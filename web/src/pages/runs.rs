//! Runs: the list, and one run with its live progress.

use super::{failures, words};
use crate::islands::{Progress, RunProgress};
use crate::portal::{Answer, PageProblem, Posted, Query, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, EmptyState, ErrorCard, Fact, Facts, Form, Funnel, FunnelStage, IconName, LinkButton, NUMBER,
    Page, Pager, ROW, Section, Status, TD, Table, When, grouped,
};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::views::run::{RunLine, RunPage, RunState};
use domain::permission::Permission;
use domain::{ConnectionId, RunId};
use leptos::prelude::*;

/// Runs of one page of the list.
const PAGE_SIZE: u32 = 50;

/// `GET /runs`
pub async fn list(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let connection = query.0.text("connection").parse::<ConnectionId>().ok();
    let before = query.0.text("before").parse::<RunId>().ok();
    let runs = app.views().runs(&visitor.scope, connection, before, PAGE_SIZE).await?;
    Ok(Answer::to(&request, &visitor, "Runs").page(|| show_list(runs, connection, before)))
}

/// `GET /runs/{id}`
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    run: web::Path<RunId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let run = app.views().run(&visitor.scope, run.into_inner()).await?.ok_or(PageProblem::Missing)?;
    let title = format!("{} from {}", words::capitalised(run.line.object.plural()), run.line.connection_name);
    let may = visitor.may(Permission::RunSync);
    let refresh_s = (!run.line.state.is_over()).then_some(3);
    Ok(Answer::to(&request, &visitor, title.clone()).refreshed(refresh_s).page(|| show(title, run, may)))
}

/// `POST /runs/{id}/approve`: a brake stopped the removals of this run; a person lets them through.
pub async fn approve(posted: Posted, run: web::Path<RunId>, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let run = run.into_inner();
    app.engine().approve_removals(&posted.visitor.scope, run).await?;
    Ok(see_other(format!("/runs/{run}?done=started")))
}

/// How often the stream looks.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(500);
/// A stream ends after so many looks; the browser opens it again by itself.
const LOOKS_MAX: u32 = 600;

/// `GET /runs/{id}/events`: where the run stands, as server-sent events, until it is over.
pub async fn events(visitor: Visitor, run: web::Path<RunId>, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let run = run.into_inner();
    app.views().run(&visitor.scope, run).await?.ok_or(PageProblem::Missing)?;
    let scope = visitor.scope;
    let looks = futures::stream::unfold((0_u32, None::<Progress>, false), move |(looks, last, over)| {
        let (app, scope) = (app.clone(), scope.clone());
        async move {
            if over || looks >= LOOKS_MAX {
                return None;
            }
            if looks > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            let Ok(Some(page)) = app.views().run(&scope, run).await else { return None };
            let now = progress(&page);
            let text = if last.as_ref() == Some(&now) {
                // A comment: it keeps proxies from closing a silent stream, and tells us when the browser has gone.
                ": same\n\n".to_owned()
            } else {
                format!("event: progress\ndata: {}\n\n", serde_json::to_string(&now).unwrap_or_default())
            };
            let over = now.finished;
            Some((Ok::<_, actix_web::Error>(web::Bytes::from(text)), (looks + 1, Some(now), over)))
        }
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Told to proxies that would gather the answer first.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(looks))
}

fn show_list(runs: Vec<RunLine>, connection: Option<ConnectionId>, before: Option<RunId>) -> AnyView {
    let of = connection.map(|id| format!("&connection={id}")).unwrap_or_default();
    let full = runs.len() == usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let next = runs.last().filter(|_| full).map(|last| format!("/runs?before={}{of}", last.id));
    let first = before.map(|_| connection.map_or_else(|| "/runs".to_owned(), |id| format!("/runs?connection={id}")));
    view! {
        <Page title="Runs" lead=Some(view! { "Each time Driveline reads one kind of record from one system." }.into_any())>
            {if runs.is_empty() {
                view! {
                    <EmptyState icon=IconName::RefreshCw title="No runs yet" text="A run starts on the schedule of a connection, or when you press Sync now.">
                        <LinkButton href="/connections" label="See the connections"/>
                    </EmptyState>
                }
                    .into_any()
            } else {
                view! { <RunTable runs=runs/> <Pager first=first next=next/> }.into_any()
            }}
        </Page>
    }
    .into_any()
}

/// Runs as a table.
#[component]
pub fn RunTable(
    /// Newest first.
    runs: Vec<RunLine>,
) -> impl IntoView {
    view! {
        <Table caption="Runs, newest first" heads=&["When", "Connection", "What", "Status", "#Received", "#Changed", "#To review", "#Flagged", "Why"]>
            {runs
                .into_iter()
                .map(|line| {
                    let (tone, word) = words::run(&line);
                    let counts = line.counts;
                    view! {
                        <tr class=ROW>
                            <td class=TD><a class="whitespace-nowrap font-medium hover:underline" href=format!("/runs/{}", line.id)><When at=line.queued_at/></a></td>
                            <td class=TD><a class="hover:underline" href=format!("/connections/{}", line.connection)>{line.connection_name}</a></td>
                            <td class=TD>{format!("{}, {}", line.object.plural(), words::mode(&line.mode))}</td>
                            <td class=TD><Status tone=tone word=word/></td>
                            <td class=NUMBER>{grouped(counts.received)}</td>
                            <td class=NUMBER>{grouped(counts.added + counts.matched + counts.updated)}</td>
                            <td class=NUMBER>{grouped(counts.to_review)}</td>
                            <td class=NUMBER>{grouped(counts.flagged + counts.rejected)}</td>
                            <td class=TD><span class="whitespace-nowrap text-muted">{words::trigger(&line.trigger)}</span></td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
}

/// The numbers as the island takes them.
fn progress(run: &RunPage) -> Progress {
    let counts = run.line.counts;
    Progress {
        received: counts.received,
        valid: counts.valid(),
        matched: counts.identified(),
        sent: counts.planned,
        accepted: counts.planned.saturating_sub(run.due),
        expected: counts.expected,
        eta_s: run.eta_s,
        state: words::run(&run.line).1.to_owned(),
        finished: run.line.state.is_over(),
    }
}

fn show(title: String, run: RunPage, may: bool) -> AnyView {
    let (tone, word) = words::run(&run.line);
    let over = run.line.state.is_over();
    let held = run.line.state == RunState::Held;
    let live = progress(&run);
    let RunPage { line, causes, due, eta_s: _ } = run;
    let counts = line.counts;
    let (id, connection, queued_at) = (line.id, line.connection, line.queued_at);
    let (reads, why, time) = (words::mode(&line.mode), words::trigger(&line.trigger), took(&line));
    let message = (!line.message.is_empty()).then(|| line.message.clone());
    view! {
        <Page
            title=title
            up=Some(("/runs".to_owned(), "Runs".to_owned()))
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=message.map(|message| view! { {message} }.into_any())
            actions=Some(view! { <LinkButton href=format!("/connections/{}", connection) label="See the connection"/> }.into_any())
        >
            {(held && may).then(|| view! {
                <ErrorCard title="Stopped before removing records" text="The system sent far fewer records than before. Look there first; if it is right, let the removals through.">
                    <Form action=format!("/runs/{}/approve", id) class="contents">
                        <Button label="Let the removals through" kind=ButtonKind::Danger/>
                    </Form>
                </ErrorCard>
            })}
            {(!over).then(|| view! {
                <RunProgress stream=format!("/runs/{}/events", id) initial=live/>
            })}
            <Facts>
                <Fact term="Asked for"><When at=queued_at/></Fact>
                <Fact term="Reads">{reads}</Fact>
                <Fact term="Why">{why}</Fact>
                <Fact term="Took">{time}</Fact>
            </Facts>
            {over.then(|| view! {
                <Section title="From received to delivered">
                    <Funnel stages=vec![
                        FunnelStage { label: "Received", count: counts.received, note: counts.expected.map(|n| format!("of {} the system told of", grouped(n))).unwrap_or_default() },
                        FunnelStage { label: "Valid", count: counts.valid(), note: format!("{} flagged, {} unreadable; all kept", grouped(counts.flagged), grouped(counts.rejected)) },
                        FunnelStage { label: "Identified", count: counts.identified(), note: format!("{} new, {} joined a known one", grouped(counts.added), grouped(counts.matched)) },
                        FunnelStage { label: "To deliver", count: counts.planned, note: String::new() },
                        FunnelStage { label: "Still due", count: due, note: if due == 0 { "every system holds the newest".to_owned() } else { "on their way to other systems".to_owned() } },
                    ]/>
                </Section>
                <Section title="Rows">
                    <Table caption="What became of the rows" heads=&["#New", "#Joined", "#Changed", "#As before", "#Gone", "#To review", "#Flagged", "#Unreadable"]>
                        <tr class=ROW>
                            <td class=NUMBER>{grouped(counts.added)}</td>
                            <td class=NUMBER>{grouped(counts.matched)}</td>
                            <td class=NUMBER>{grouped(counts.updated)}</td>
                            <td class=NUMBER>{grouped(counts.unchanged)}</td>
                            <td class=NUMBER>{grouped(counts.removed)}</td>
                            <td class=NUMBER>{grouped(counts.to_review)}</td>
                            <td class=NUMBER>{grouped(counts.flagged)}</td>
                            <td class=NUMBER>{grouped(counts.rejected)}</td>
                        </tr>
                    </Table>
                </Section>
            })}
            {(!causes.is_empty()).then(|| view! {
                <Section title="What went wrong, by cause">
                    {causes.into_iter().map(failures::card).collect_view()}
                </Section>
            })}
        </Page>
    }
    .into_any()
}

/// How long it ran.
fn took(line: &RunLine) -> String {
    let Some(started_at) = line.started_at else { return "not started".to_owned() };
    let Some(finished_at) = line.finished_at else { return "still going".to_owned() };
    let ms = (finished_at - started_at).num_milliseconds();
    if ms < 1_000 {
        format!("{ms} ms")
    } else if ms < 120_000 {
        format!("{:.1} s", std::time::Duration::from_millis(u64::try_from(ms).unwrap_or_default()).as_secs_f64())
    } else {
        format!("{} min", ms / 60_000)
    }
}
