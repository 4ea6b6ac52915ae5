//! Home: is everything fine, and if not, the one thing to do next.

use super::words;
use crate::portal::{Answer, PageProblem, Visitor};
use crate::ui::{
    ButtonKind, EmptyState, Funnel, FunnelStage, IconName, LinkButton, NUMBER, Page, ROW, Section, Status, TD, Table,
    Tone, Until, grouped, plural,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::views::connection::Freshness;
use app::views::home::{Health, Home, Todo};
use leptos::prelude::*;

/// `GET /`
pub async fn page(request: HttpRequest, visitor: Visitor, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let home = app.views().home(&visitor.scope).await?;
    Ok(Answer::to(&request, &visitor, "Home").page(|| show(home)))
}

fn show(home: Home) -> AnyView {
    let (tone, word) = match home.health {
        Health::Good => (Tone::Good, "All is well"),
        Health::NotYet => (Tone::Quiet, "Not running yet"),
        Health::Retrying => (Tone::Warn, "Retrying"),
        Health::NeedsYou => (Tone::Bad, "Needs you"),
    };
    let now = use_context::<crate::portal::PageContext>().map(|page| page.now).unwrap_or_default();
    let more = home.todo_count.saturating_sub(home.todo.len());
    let day = home.day;
    let nothing = home.connections.is_empty();
    view! {
        <Page
            title="Home"
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=Some(view! { {home.sentence} }.into_any())
        >
            {(!home.todo.is_empty()).then(|| view! {
                <Section title="Needs you">
                    <ol class="flex flex-col divide-y divide-line rounded-md border border-line bg-raised">
                        {home.todo.into_iter().enumerate().map(|(place, thing)| todo(place == 0, thing)).collect_view()}
                    </ol>
                    {(more > 0).then(|| view! {
                        <p class="text-small text-muted">
                            {format!("{more} more: see ")}
                            <a class="text-accent underline" href="/failures">"Failures"</a>
                            " and "
                            <a class="text-accent underline" href="/connections">"Connections"</a>
                            "."
                        </p>
                    })}
                </Section>
            })}
            {if nothing {
                view! {
                    <EmptyState icon=IconName::Plug title="Nothing is connected" text="Connect the DMS first; customers, vehicles, deals and repair orders come from there.">
                        <LinkButton href="/setup" label="Continue the setup" kind=ButtonKind::Primary/>
                    </EmptyState>
                }
                    .into_any()
            } else {
                view! {
                    <Section title="Freshness">
                        <Table caption="How fresh each connection's data are" heads=&["Connection", "What", "Status", "#Records held", "Last read", "Next"]>
                            {home
                                .connections
                                .into_iter()
                                .flat_map(|line| {
                                    let (id, name) = (line.id, line.name);
                                    line.objects.into_iter().filter(|object| object.freshness(now) != Freshness::Off).map(move |object| (id, name.clone(), object))
                                })
                                .map(|(id, name, object)| {
                                    let (tone, word) = words::freshness(object.freshness(now));
                                    view! {
                                        <tr class=ROW>
                                            <td class=TD><a class="font-medium hover:underline" href=format!("/connections/{id}")>{name}</a></td>
                                            <td class=TD>{object.object.plural()}</td>
                                            <td class=TD><Status tone=tone word=word/></td>
                                            <td class=NUMBER>{if object.pull || object.arrives { grouped(object.held) } else { String::new() }}</td>
                                            <td class=TD><Until at=object.succeeded_at.or(object.published_at) never={if object.pull { "never" } else { "–" }}/></td>
                                            <td class=TD><Until at=object.next_at never=words::unscheduled(&object)/></td>
                                        </tr>
                                    }
                                })
                                .collect_view()}
                        </Table>
                    </Section>
                }
                    .into_any()
            }}
            <Section title="Last 24 hours">
                {if day.runs == 0 {
                    view! { <p class="text-small text-muted">"No run has ended in the last 24 hours."</p> }.into_any()
                } else {
                    view! {
                        <Funnel stages=vec![
                            FunnelStage { label: "Received", count: day.received, note: plural(day.runs, "run", "runs") },
                            FunnelStage { label: "Valid", count: day.valid, note: format!("{} flagged or unreadable, kept", grouped(day.received.saturating_sub(day.valid))) },
                            FunnelStage { label: "Changed", count: day.changed, note: format!("{} were as before", grouped(day.unchanged)) },
                            FunnelStage { label: "To deliver", count: day.planned, note: String::new() },
                            FunnelStage { label: "Still due", count: day.due, note: if day.due == 0 { "every system holds the newest".to_owned() } else { "on their way".to_owned() } },
                        ]/>
                    }
                        .into_any()
                }}
            </Section>
        </Page>
    }
    .into_any()
}

fn todo(first: bool, thing: Todo) -> AnyView {
    let kind = if first { ButtonKind::Primary } else { ButtonKind::Secondary };
    let (title, text, href, label) = match thing {
        Todo::Connection { id, name, why } => {
            (format!("{name} is stopped"), why, format!("/connections/{id}"), "Fix the connection")
        }
        Todo::Cause(cause) => (
            format!("{}: {} at {}", cause.doing, plural(cause.count, "failure", "failures"), cause.connection_name),
            cause.fix.clone(),
            super::failures::address(&cause),
            "See and retry",
        ),
        Todo::Object { connection, name, object, freshness } => {
            let (_, word) = words::freshness(freshness);
            (
                format!("{}: {} of {name}", word, object.plural()),
                match freshness {
                    app::views::connection::Freshness::Empty => {
                        "The system answered, but sent no records. Check in its settings that Driveline may see them."
                            .to_owned()
                    }
                    _ => "Look at the newest run; it says what it waits for.".to_owned(),
                },
                format!("/connections/{connection}"),
                "Look",
            )
        }
        Todo::Duplicates { count } => (
            format!("{} may be the same customer", plural(count, "pair of records", "pairs of records")),
            "Decide whether each pair is one or two; every decision can be undone.".to_owned(),
            "/duplicates".to_owned(),
            "Review",
        ),
    };
    view! {
        <li class="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 sm:flex-nowrap">
            <div class="flex min-w-0 flex-1 flex-col">
                <p class="text-ui font-medium">{title}</p>
                <p class="text-small text-muted">{text}</p>
            </div>
            <LinkButton href=href label=label kind=kind/>
        </li>
    }
    .into_any()
}
