//! Settings: the audit trail, filtered by the address, and taken out as a table.

use super::settings::{Part, frame, tabs};
use crate::portal::{Answer, Errors, PageProblem, Posted, Query, Typed, Visitor};
use crate::ui::{Button, EmptyState, Form, FormNotice, IconName, LinkButton, NUMBER, Pager, ROW, TD, Table, When};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::audit_trail::Filter;
use app::views::trail::{TrailChoices, TrailLine};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use domain::permission::Permission;
use leptos::prelude::*;

/// Entries of one page of the trail.
const PAGE_SIZE: u32 = 50;
/// What the address filters by.
const FIELDS: [&str; 5] = ["who", "action", "what", "from", "to"];
/// Tells Excel that the table is UTF-8; programs take it from the API, without.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// `GET /settings/audit`
pub async fn audit(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    show(&request, &visitor, &query.0, &app, None).await
}

/// `POST /settings/audit/export`: the entries that the page shows, all of them, as CSV.
pub async fn export(request: HttpRequest, posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let (visitor, typed) = (&posted.visitor, &posted.typed);
    let table = match app.audit_trail().export(&visitor.scope, &filter(typed, visitor.zone)).await {
        Ok(table) => table,
        Err(error) => {
            let mut errors = Errors::default();
            errors.take(error)?;
            return show(&request, visitor, typed, &app, errors.of("from").or_else(|| errors.whole())).await;
        }
    };
    let name = format!("attachment; filename=\"audit-{}.csv\"", app.now().with_timezone(&visitor.zone).date_naive());
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body([BYTE_ORDER_MARK, &table].concat()))
}

/// What the address asks for; what cannot be read asks for nothing.
fn filter(typed: &Typed, zone: Tz) -> Filter {
    let some = |name: &str| Some(typed.text(name).to_owned()).filter(|text| !text.is_empty());
    let who = typed.text("who");
    Filter {
        actor_kind: matches!(who, "api_key" | "driveline").then(|| who.to_owned()),
        actor: who.parse().ok(),
        action: some("action"),
        subject_kind: some("what"),
        subject: some("id"),
        from: midnight(typed.text("from"), zone, 0),
        until: midnight(typed.text("to"), zone, 1),
    }
}

/// When a day of the rooftop's zone begins, so many days later.
fn midnight(day: &str, zone: Tz, later: u64) -> Option<DateTime<Utc>> {
    let day = day.parse::<NaiveDate>().ok()?.checked_add_days(chrono::Days::new(later))?;
    // Where a clock is put forward at midnight, the day begins an hour later.
    let begins = zone.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
    let begins = begins.or_else(|| zone.from_local_datetime(&day.and_hms_opt(1, 0, 0)?).earliest());
    Some(begins?.with_timezone(&Utc))
}

/// The address of this list from an entry on; every filter stays.
fn address(typed: &Typed, before: Option<i64>) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for name in FIELDS.into_iter().chain(["id"]).filter(|name| !typed.text(name).is_empty()) {
        pairs.append_pair(name, typed.text(name));
    }
    if let Some(before) = before {
        pairs.append_pair("before", &before.to_string());
    }
    match pairs.finish() {
        query if query.is_empty() => "/settings/audit".to_owned(),
        query => format!("/settings/audit?{query}"),
    }
}

async fn show(
    request: &HttpRequest,
    visitor: &Visitor,
    typed: &Typed,
    app: &App,
    error: Option<String>,
) -> Result<HttpResponse, PageProblem> {
    let before = typed.text("before").parse().ok();
    let lines = app.views().trail(&visitor.scope, &filter(typed, visitor.zone), before, PAGE_SIZE).await?;
    let choices = app.views().trail_choices(&visitor.scope).await?;
    let tabs = tabs(visitor, Part::Audit);
    let may_export = visitor.may_at(None, Permission::Export);
    let typed = typed.clone();
    Ok(Answer::to(request, visitor, "Audit trail").page(|| {
        let filtered = address(&typed, None) != "/settings/audit";
        let full = lines.len() == usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
        let next = lines.last().filter(|line| full && line.seq > 1).map(|line| address(&typed, Some(line.seq)));
        let first = before.map(|_| address(&typed, None));
        let empty = lines.is_empty();
        let content = view! {
            <p class="max-w-prose text-small text-muted">"Who changed what, and when. Entries cannot be changed: each carries the hash of the one before."</p>
            {filters(&typed, choices, filtered)}
            {(!typed.text("id").is_empty()).then(|| view! {
                <p class="text-small break-words">
                    "Only what was done to "
                    {lines.first().and_then(|line| line.subject_name.clone()).unwrap_or_else(|| typed.text("id").to_owned())}
                </p>
            })}
            <FormNotice error=error/>
            {if empty {
                view! {
                    <EmptyState icon=IconName::ScrollText title="Nothing matches" text="No entry of the trail is like this. Choose less, or another time.">
                        <LinkButton href="/settings/audit" label="Show all"/>
                    </EmptyState>
                }
                .into_any()
            } else {
                table(lines)
            }}
            <div class="flex flex-wrap items-center justify-between gap-2">
                <Pager first=first next=next/>
                {(may_export && !empty).then(|| export_form(&typed))}
            </div>
        }
        .into_any();
        frame(tabs, content)
    }))
}

const CONTROL: &str =
    "min-h-9 pointer-coarse:min-h-11 w-full rounded-sm border border-line bg-raised px-2 py-1 text-small text-text";

fn labelled(name: &'static str, label: &'static str, control: AnyView) -> AnyView {
    view! {
        <div class="flex min-w-36 flex-1 flex-col gap-1 sm:max-w-56">
            <label for=name class="text-meta text-muted">{label}</label>
            {control}
        </div>
    }
    .into_any()
}

fn choice(
    typed: &Typed,
    name: &'static str,
    label: &'static str,
    all: &'static str,
    of: Vec<(String, String)>,
) -> AnyView {
    let chosen = typed.text(name).to_owned();
    let options = of
        .into_iter()
        .map(|(key, words)| {
            let selected = key == chosen;
            view! { <option value=key selected=selected>{words}</option> }
        })
        .collect_view();
    let control = view! { <select id=name name=name class=CONTROL><option value="">{all}</option>{options}</select> };
    labelled(name, label, control.into_any())
}

fn day(typed: &Typed, name: &'static str, label: &'static str) -> AnyView {
    let value = typed.text(name).to_owned();
    labelled(name, label, view! { <input id=name name=name type="date" value=value class=CONTROL/> }.into_any())
}

fn filters(typed: &Typed, choices: TrailChoices, filtered: bool) -> AnyView {
    let mut who: Vec<_> = choices.actors.into_iter().map(|(id, name)| (id.to_string(), name)).collect();
    who.extend(
        [("api_key", "Any API key"), ("driveline", "Driveline")].map(|(key, words)| (key.to_owned(), words.to_owned())),
    );
    view! {
        <form method="get" action="/settings/audit" aria-label="Filter the trail" class="flex flex-wrap items-end gap-3">
            {choice(typed, "who", "Who", "Everybody", who)}
            {choice(typed, "action", "Action", "All actions", choices.actions)}
            {choice(typed, "what", "Of what", "Everything", choices.subjects)}
            {day(typed, "from", "From")}
            {day(typed, "to", "To, that day included")}
            <div class="flex gap-2">
                <Button label="Show"/>
                {filtered.then(|| view! { <LinkButton href="/settings/audit" label="Clear"/> })}
            </div>
        </form>
    }
    .into_any()
}

fn table(lines: Vec<TrailLine>) -> AnyView {
    view! {
        <Table caption="The audit trail, newest first" heads=&["#No.", "When", "Who", "What", "Of what", "More"]>
            {lines
                .into_iter()
                .map(|line| {
                    let subject = subject(&line);
                    view! {
                        <tr class=ROW>
                            <td class=NUMBER>{line.seq}</td>
                            <td class=TD><span class="sm:whitespace-nowrap"><When at=line.at/></span></td>
                            <td class=TD><div class="sm:min-w-24">{line.who}</div></td>
                            <td class=TD><span class="sm:whitespace-nowrap">{line.action}</span></td>
                            <td class=TD><div class="min-w-28">{subject}</div></td>
                            <td class=TD><div class="min-w-72 break-words text-small">{line.detail}</div></td>
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

/// What an entry is about; a link shows all that was done to it.
fn subject(line: &TrailLine) -> AnyView {
    let kind = line.subject.clone();
    if line.subject_id.is_empty() {
        return kind.into_any();
    }
    let typed = Typed::default().with("what", &line.subject_kind).with("id", &line.subject_id);
    // Ids that are made one after another differ at their end.
    let short = || line.subject_id.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<String>();
    let name = line.subject_name.clone();
    let called = match name {
        Some(name) => name.into_any(),
        None => view! { <code>{short()}</code> }.into_any(),
    };
    view! {
        {kind} " "
        <a class="text-accent underline" href=address(&typed, None) title=line.subject_id.clone()>{called}</a>
    }
    .into_any()
}

fn export_form(typed: &Typed) -> AnyView {
    let hidden = FIELDS
        .into_iter()
        .chain(["id"])
        .map(|name| view! { <input type="hidden" name=name value=typed.text(name).to_owned()/> })
        .collect_view();
    view! {
        <Form action="/settings/audit/export" class="contents">
            {hidden}
            <Button label="Export as CSV" icon=Some(IconName::Download)/>
        </Form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_rooftops_own_and_its_last_moment_is_in() {
        let typed = Typed::default().with("from", "2026-11-01").with("to", "2026-11-01");

        let filter = filter(&typed, chrono_tz::America::New_York);

        // Summer time ends on that day: it has 25 hours.
        assert_eq!(filter.from.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-01T04:00:00+00:00"));
        assert_eq!(filter.until.map(|at| at.to_rfc3339()).as_deref(), Some("2026-11-02T05:00:00+00:00"));
    }

    #[test]
    fn the_address_of_the_next_page_keeps_the_filter() {
        let typed = Typed::default().with("what", "rooftop").with("before", "9");

        assert_eq!(address(&typed, Some(4)), "/settings/audit?what=rooftop&before=4");
        assert_eq!(address(&Typed::default(), None), "/settings/audit");
    }
}
