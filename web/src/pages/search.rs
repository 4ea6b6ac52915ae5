//! Search over everything in the group: results by kind, each a link. The palette of the browser shows the same.

use super::words;
use crate::portal::{Answer, Errors, PageProblem, Query, Visitor, see_other};
use crate::ui::{Button, ButtonKind, EmptyState, IconName, LinkButton, Page, Section, When, plural};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::search::{Found, FoundBy, FoundGroup, FoundRun, Straight, TYPED_MAX};
use leptos::prelude::*;

/// Records of each kind on the page.
const PER_KIND: u32 = 20;

/// `GET /search?q=…`; with `go=1`, from the form on every page, one thing beyond doubt is gone to at once.
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let asked = query.0.text("q").to_owned();
    let mut errors = Errors::default();
    let found = if asked.is_empty() {
        None
    } else {
        match app.search().find(&visitor.scope, &asked, PER_KIND).await {
            Ok(found) => Some(found),
            Err(error) => {
                errors.take(error)?;
                None
            }
        }
    };
    if let Some(straight) = found.as_ref().and_then(|found| found.straight).filter(|_| query.0.text("go") == "1") {
        return Ok(see_other(match straight {
            Straight::Record(id) => format!("/records/{id}"),
            Straight::Run(id) => format!("/runs/{id}"),
        }));
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let title = if asked.is_empty() { "Search".to_owned() } else { format!("{asked} · Search") };
    let error = errors.of("q");
    Ok(Answer::to(&request, &visitor, title).status(status).page(|| show(asked, found, error)))
}

fn show(asked: String, found: Option<Found>, error: Option<String>) -> AnyView {
    let invalid = error.is_some().then_some("true");
    let described = if error.is_some() { "found-q-error found-q-help" } else { "found-q-help" };
    view! {
        <Page title="Search">
            <form method="get" action="/search" role="search" aria-label="Everything" class="flex flex-col gap-1">
                <label for="found-q" class="text-small font-medium">"What you know"</label>
                <div class="flex gap-2">
                    <input
                        id="found-q" name="q" type="search" value=asked.clone() autocomplete="off" maxlength=TYPED_MAX.to_string()
                        autofocus=asked.is_empty() aria-invalid=invalid aria-describedby=described
                        class="w-full min-w-0 min-h-9 pointer-coarse:min-h-11 rounded-sm border border-line bg-raised px-3 py-1.5 text-ui text-text sm:max-w-form aria-invalid:border-bad"
                    />
                    <Button label="Search" kind=ButtonKind::Primary/>
                </div>
                {error.map(|error| view! { <p id="found-q-error" class="text-small text-bad">{error}</p> })}
                <p id="found-q-help" class="text-meta text-muted">
                    "Name or its beginning, company, e-mail, phone, VIN or its last 8, stock, deal, RO or lead number, run id"
                </p>
            </form>
            {found.map(|found| results(&asked, found))}
        </Page>
    }
    .into_any()
}

fn results(asked: &str, found: Found) -> AnyView {
    let shown = found.shown();
    if shown == 0 {
        return view! {
            <EmptyState
                icon=IconName::Search
                title=format!("Nothing has “{asked}”")
                text="Names are found by three letters of the surname or company, or by first name and surname. Everything else is looked up whole: all of an e-mail, phone or number, and of a VIN all or the last 8."
            >
                <LinkButton href="/records" label="Look through the records"/>
            </EmptyState>
        }
        .into_any();
    }
    let more = found.groups.iter().any(|group| group.more);
    let said = plural(shown as u64, "result", "results");
    view! {
        <p class="text-meta text-muted" role="status">
            {if more { format!("The first {said}") } else { said }}
        </p>
        {found.groups.into_iter().map(group).collect_view()}
        {(!found.runs.is_empty()).then(|| runs(found.runs))}
    }
    .into_any()
}

const LIST: &str = "flex flex-col rounded-md border border-line";
const LINE: &str = "flex flex-col gap-x-4 gap-y-0.5 border-b border-line px-3 py-2 text-small last:border-b-0 hover:bg-sunken sm:flex-row sm:items-baseline";

fn group(group: FoundGroup) -> AnyView {
    let lines = group
        .records
        .into_iter()
        .map(|record| {
            view! {
                <li class=LINE>
                    <a class="min-w-0 break-words font-medium hover:underline" href=format!("/records/{}", record.id)>{record.title}</a>
                    <span class="min-w-0 flex-1 break-words text-muted tabular">{record.detail}</span>
                    <span class="text-meta text-muted">{by(record.found_by)}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title=words::capitalised(group.object.plural())>
            <ul class=LIST>{lines}</ul>
            {group.more.then(|| view! {
                <p class="text-meta text-muted">"There are more. Type more of it: the first name with the surname, an e-mail or a phone."</p>
            })}
        </Section>
    }
    .into_any()
}

fn runs(runs: Vec<FoundRun>) -> AnyView {
    let lines = runs
        .into_iter()
        .map(|run| {
            view! {
                <li class=LINE>
                    <a class="font-medium hover:underline" href=format!("/runs/{}", run.id)>
                        {format!("{} from {}", words::capitalised(run.object.plural()), run.connection_name)}
                    </a>
                    <span class="flex-1 text-muted"><When at=run.queued_at/></span>
                    <span class="text-meta text-muted">"by its id"</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section title="Runs">
            <ul class=LIST>{lines}</ul>
        </Section>
    }
    .into_any()
}

/// By what it was found, at the end of its line.
const fn by(found_by: FoundBy) -> &'static str {
    match found_by {
        FoundBy::Id => "by its id",
        FoundBy::Email => "by e-mail",
        FoundBy::Phone => "by phone",
        FoundBy::Vin => "by VIN",
        FoundBy::LastEight => "by the VIN’s last 8",
        FoundBy::Number => "by number",
        FoundBy::Name => "by name",
        FoundBy::Beginning => "name begins so",
        FoundBy::FirstName => "by first name",
    }
}
