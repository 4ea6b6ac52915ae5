//! How the product stands, asked over and over until nothing is under way.

use crate::api::Api;
use anyhow::{Context, bail};
use serde_json::Value as Json;
use std::time::{Duration, Instant};

/// How often it is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A page of a list.
const PAGE: usize = 200;

/// Waits until every system holds what it should, as far as nobody is needed; what the product says then.
///
/// `tell` gets a line whenever something moved.
///
/// # Errors
/// Where the server refuses, or nothing moves for `still_max`: then something is stuck.
pub async fn until_settled(api: &Api, still_max: Duration, mut tell: impl FnMut(&str)) -> anyhow::Result<Json> {
    let (mut before, mut moved_at) = (String::new(), Instant::now());
    loop {
        let overview = api.get("/overview").await?;
        if overview.get("settled") == Some(&Json::Bool(true)) {
            return Ok(overview);
        }
        let now = movement(&overview);
        if now != before {
            moved_at = Instant::now();
            tell(&now);
            before = now;
        } else if moved_at.elapsed() > still_max {
            bail!("nothing has moved for {} s: {before}", still_max.as_secs());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What changes as long as something moves, as people read it.
fn movement(overview: &Json) -> String {
    let under_way = |name: &str| number(overview, &["under_way", name]);
    let held: u64 = list(overview, "connections")
        .iter()
        .flat_map(|connection| list(connection, "objects"))
        .map(|object| number(object, &["held"]))
        .sum();
    let settled: u64 = list(overview, "deliveries").iter().map(|tally| number(tally, &["settled"])).sum();
    format!(
        "{held} records held, {} runs, {settled} delivered, {} on their way, {} in the inbox, {} feeds",
        under_way("runs"),
        under_way("deliveries"),
        under_way("inbox"),
        under_way("feeds"),
    )
}

/// All items of a list that comes in pages; `path` has a question mark already.
///
/// # Errors
/// Where the server refuses.
pub async fn all(api: &Api, path: &str) -> anyhow::Result<Vec<Json>> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = api.get(&format!("{path}&limit={PAGE}{cursor}")).await?;
        let next = page.get("next").and_then(Json::as_str).map(str::to_owned);
        match page.get_mut("items") {
            Some(Json::Array(found)) => items.append(found),
            _ => bail!("{path} answered no list"),
        }
        match next {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}

/// A whole number of an answer, 0 where there is none.
#[must_use]
pub fn number(answer: &Json, path: &[&str]) -> u64 {
    path.iter().try_fold(answer, |at, name| at.get(name)).and_then(Json::as_u64).unwrap_or(0)
}

/// A list of an answer, empty where there is none.
#[must_use]
pub fn list<'a>(answer: &'a Json, name: &str) -> &'a [Json] {
    answer.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// A text of an answer, empty where there is none.
#[must_use]
pub fn word<'a>(answer: &'a Json, name: &str) -> &'a str {
    answer.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// A text of an answer.
///
/// # Errors
/// Where there is none.
pub fn text(answer: &Json, name: &str) -> anyhow::Result<String> {
    let found = answer.get(name).and_then(Json::as_str);
    found.map(str::to_owned).with_context(|| format!("the answer has no {name}: {answer}"))
}
