//! How long searches take in a tenant that is full, for each way to be found.

use anyhow::{Context, ensure};
use app::App;
use domain::RooftopId;
use domain::permission::Role;
use serde_json::{Map, Value as Json, json};
use simulators::population::SourceView;
use std::time::{Duration, Instant};
use store::scope::Grants;
use store::{Actor, TenantScope};

/// Records of each kind, as on the search page.
const PER_KIND: u32 = 20;
/// Searches of each way.
const SEARCHES: usize = 200;

/// What somebody types who looks for a customer; empty where the customer has nothing of the kind.
type Typed = fn(&SourceView) -> String;

const WAYS: [(&str, Typed); 9] = [
    ("email", |view| view.email.clone()),
    ("phone", |view| view.phone_mobile.clone()),
    ("number_of_nothing", |view| view.external_id.clone()),
    ("surname", |view| view.last_name.clone()),
    ("first_and_surname", |view| full(&view.first_name, &view.last_name)),
    ("company", |view| view.company_name.clone()),
    ("beginning_of_3", |view| beginning(&view.last_name, 3)),
    ("beginning_of_4", |view| beginning(&view.last_name, 4)),
    ("first_and_beginning", |view| full(&view.first_name, &beginning(&view.last_name, 3))),
];

fn full(first: &str, last: &str) -> String {
    if first.is_empty() || last.is_empty() { String::new() } else { format!("{first} {last}") }
}

fn beginning(text: &str, letters: usize) -> String {
    text.chars().filter(|letter| letter.is_alphabetic()).take(letters).collect()
}

/// Milliseconds of searches for these customers: p50, p99 and the longest of each way, by somebody of the whole group
/// and by somebody whose rooftop has none of them, which is the most that has to be looked at.
///
/// # Errors
/// Where a search fails, or finds nobody who is there.
pub async fn search_times(app: &App, scope: &TenantScope, views: &[SourceView]) -> anyhow::Result<Json> {
    let mut grants = Grants::default();
    grants.add_role(Some(RooftopId::new()), Role::Viewer);
    let limited = TenantScope::new(scope.tenant(), Actor::Driveline, grants);
    let mut all = Map::new();
    for (whose, scope) in [("group", scope), ("one_rooftop", &limited)] {
        for (way, typed) in WAYS {
            let apart = (views.len() / SEARCHES).max(1);
            let texts = views.iter().step_by(apart).map(typed).filter(|text| text.len() > 1);
            let (mut took, mut found) = (Vec::new(), 0_usize);
            for text in texts.take(SEARCHES) {
                let began = Instant::now();
                let answer = app.search().find(scope, &text, PER_KIND).await.context(way)?;
                took.push(began.elapsed());
                found += usize::from(answer.shown() > 0);
            }
            // Some of what people typed at the counter is no address, number or name at all.
            let expected = if whose == "group" && way != "number_of_nothing" { took.len() / 2 } else { 0 };
            ensure!(found >= expected, "{way}: {found} of {} found anybody", took.len());
            took.sort_unstable();
            let times = json!({"searches": took.len(), "found": found, "p50_ms": of(&took, 50), "p99_ms": of(&took, 99),
                               "max_ms": of(&took, 100)});
            all.insert(format!("{whose}/{way}"), times);
        }
    }
    Ok(Json::Object(all))
}

/// A percentile of sorted times, in milliseconds to a hundredth.
fn of(sorted: &[Duration], percent: usize) -> Option<f64> {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map(|time| (time.as_secs_f64() * 100_000.0).round() / 100.0)
}
