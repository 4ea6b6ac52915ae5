//! The search: filters, one sort, pages of 200, and the wall at 10,000 results.

use super::api::{kind_of, wanted_or_usual};
use super::table::{Row, Table};
use super::{Kind, Shared, answer};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value as Json, json};

const LIMIT_MAX: usize = 200;
/// No result beyond this place can be reached.
const REACH: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    #[serde(default)]
    filter_groups: Vec<Group>,
    #[serde(default)]
    sorts: Vec<Json>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Json>,
}

#[derive(Deserialize)]
struct Group {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    property_name: String,
    operator: String,
    value: Option<String>,
    high_value: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

/// The search.
pub async fn search(shared: Data<Shared>, path: Path<(String, String)>, ask: web::Json<Search>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let wrong = |message: &str| answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message);
    let limit = ask.limit.unwrap_or(10);
    if limit == 0 || limit > LIMIT_MAX {
        return wrong("limit must be between 1 and 200");
    }
    let after = match &ask.after {
        Some(Json::String(text)) if !text.is_empty() => text.parse::<usize>().ok(),
        Some(Json::Number(number)) => number.as_u64().and_then(|n| usize::try_from(n).ok()),
        _ => Some(0),
    };
    let Some(after) = after else { return wrong("after is not a number") };
    if after + limit > REACH {
        return wrong("The paging cursor goes beyond the 10,000 results that a search reaches.");
    }
    if ask.filter_groups.len() > 5 || ask.filter_groups.iter().any(|group| group.filters.len() > 6) {
        return wrong("at most 5 filterGroups with 6 filters each");
    }
    let state = shared.lock();
    let table = state.table(kind);
    let visible_ms = Utc::now().timestamp_millis() - state.search_lag_ms;
    let (from_ms, to_ms) = window(kind, &ask.filter_groups);
    let fits = |id: u64, row: &Row| {
        row.changed_ms <= visible_ms
            && (ask.filter_groups.is_empty()
                || ask.filter_groups.iter().any(|g| g.filters.iter().all(|f| holds(kind, table, id, row, f))))
    };
    let mut found: Vec<(u64, &Row)> =
        table.changed_between(from_ms, to_ms.min(visible_ms)).filter(|(id, row)| fits(*id, row)).collect();
    sort(kind, &mut found, ask.sorts.first());
    let wanted = wanted_or_usual(kind, ask.properties.clone());
    let results: Vec<Json> = found
        .iter()
        .skip(after)
        .take(limit)
        .map(|(id, row)| answer::object(kind, table, *id, row, Some(&wanted), false))
        .collect();
    let mut body = json!({"total": found.len(), "results": results});
    let next = after + limit;
    if next < found.len() {
        body["paging"] = json!({"next": {"after": next.to_string()}});
    }
    HttpResponse::Ok().json(body)
}

/// The times that the filters let through, so that a search for what changed does not look at a million rows.
fn window(kind: Kind, groups: &[Group]) -> (i64, i64) {
    let [group] = groups else { return (i64::MIN, i64::MAX) };
    let (mut from, mut to) = (i64::MIN, i64::MAX);
    for filter in group.filters.iter().filter(|f| f.property_name == kind.changed_property()) {
        let Some(ms) = filter.value.as_deref().and_then(millis) else { continue };
        match filter.operator.as_str() {
            "GTE" | "GT" => from = from.max(ms),
            "LTE" | "LT" => to = to.min(ms),
            "EQ" => (from, to) = (from.max(ms), to.min(ms)),
            "BETWEEN" => from = from.max(ms),
            _ => {}
        }
    }
    (from, to)
}

/// A moment as the vendor takes it: milliseconds, or ISO.
fn millis(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_millis()))
}

fn holds(kind: Kind, table: &Table, id: u64, row: &Row, filter: &Filter) -> bool {
    let name = filter.property_name.as_str();
    let number = match name {
        "hs_object_id" => i64::try_from(id).ok(),
        "createdate" => Some(row.created_ms),
        _ if name == kind.changed_property() => Some(row.changed_ms),
        _ => None,
    };
    let wanted = filter.value.as_deref().unwrap_or_default();
    if let Some(number) = number {
        let Some(value) = millis(wanted) else { return filter.operator == "HAS_PROPERTY" };
        return match filter.operator.as_str() {
            "EQ" => number == value,
            "NEQ" => number != value,
            "GT" => number > value,
            "GTE" => number >= value,
            "LT" => number < value,
            "LTE" => number <= value,
            "BETWEEN" => {
                number >= value && filter.high_value.as_deref().and_then(millis).is_some_and(|high| number <= high)
            }
            _ => false,
        };
    }
    let has = table.value(row, name);
    match filter.operator.as_str() {
        "EQ" => has.is_some_and(|value| value.eq_ignore_ascii_case(wanted)),
        "NEQ" => has.is_none_or(|value| !value.eq_ignore_ascii_case(wanted)),
        "IN" => has.is_some_and(|value| filter.values.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))),
        "NOT_IN" => has.is_none_or(|value| !filter.values.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))),
        "HAS_PROPERTY" => has.is_some(),
        "NOT_HAS_PROPERTY" => has.is_none(),
        "CONTAINS_TOKEN" => {
            let token = wanted.trim_matches('*').to_lowercase();
            has.is_some_and(|value| value.to_lowercase().contains(&token))
        }
        _ => false,
    }
}

/// `"name"`, `"-name"` or `{"propertyName", "direction"}`; without one, by creation.
fn sort(kind: Kind, found: &mut [(u64, &Row)], by: Option<&Json>) {
    let (name, descending) = match by {
        Some(Json::String(text)) => text.strip_prefix('-').map_or((text.as_str(), false), |name| (name, true)),
        Some(object) => {
            (object["propertyName"].as_str().unwrap_or_default(), object["direction"].as_str() == Some("DESCENDING"))
        }
        None => ("createdate", false),
    };
    if name == "hs_object_id" {
        found.sort_unstable_by_key(|(id, _)| *id);
    } else if name == kind.changed_property() {
        found.sort_unstable_by_key(|(id, row)| (row.changed_ms, *id));
    } else {
        found.sort_unstable_by_key(|(id, row)| (row.created_ms, *id));
    }
    if descending {
        found.reverse();
    }
}
