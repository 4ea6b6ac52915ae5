//! Reading customers: found by search in windows of time, completed by what else the protocol tells.
//!
//! A search result lacks the contact flags, so the same window is searched again for those who refused each channel:
//! four calls a window instead of one lookup per customer. Where the dealer wants every field (`customer_detail`),
//! each customer is looked up.

use super::soap::{Dealer, put};
use super::walk::{Walk, Window, from_cursor, to_cursor};
use crate::access::Access;
use crate::connector::{Coverage, Next, Page, PageAsk, Payload, PullMode};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use crate::xml;
use chrono::{DateTime, Duration, NaiveDate, TimeZone, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Empty windows are passed over within a page, but not without end.
const WINDOWS_PER_PAGE: usize = 40;
/// How often a repeated answer is asked for again within a page.
const REPEATS_MAX: usize = 2;
/// Changes are read again from so long before the last pull began: the vendor's clock is not ours.
const OVERLAP: Duration = Duration::minutes(5);
/// Customers of one page where each is looked up.
const LOOKUPS_PER_PAGE: usize = 100;
/// Lookups at the same time.
const LOOKUPS_AT_ONCE: usize = 4;
/// The flags, with the name they have in a search and in a record.
const FLAGS: [&str; 3] = ["AllowContactByPostal", "AllowContactByPhone", "AllowContactByEmail"];

/// Which clock a walk follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Created,
    Updated,
}

impl By {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("CreatedDateTimeStart", "CreatedDateTimeEnd"),
            Self::Updated => ("UpdatedDateTimeStart", "UpdatedDateTimeEnd"),
        }
    }
}

/// Where the first window ends that has no start.
fn history() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).single().unwrap_or_default()
}

fn wants_every_field(access: &Access) -> bool {
    access.optional("customer_detail") == Some("every field")
}

/// One page.
pub(super) async fn page(access: &Access, ask: &PageAsk) -> Result<Page, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let cursor: Option<Walk> = from_cursor(ask)?;
    // A walk that has a start from its first window on is one of changes.
    let (mut walk, clocks): (Walk, &[By]) = match (ask.mode, cursor) {
        (PullMode::Full, cursor) => (cursor.unwrap_or_else(|| Walk::all(ask.now)), &[By::Created]),
        (PullMode::Changes, None) => (Walk::all(ask.now), &[By::Created]),
        (PullMode::Changes, Some(walk)) => (renewed(walk, ask), &[By::Updated, By::Created]),
    };
    for _ in 0..WINDOWS_PER_PAGE {
        let window = walk.window(history());
        let found = match search_window(&dealer, clocks, window, &mut walk).await {
            Err(ConnectorError::TooLarge { what, limit_bytes }) => {
                walk = walk.shorter().ok_or(ConnectorError::TooLarge { what, limit_bytes })?;
                continue;
            }
            other => other?,
        };
        let count = found.len();
        let (records, rest) = if wants_every_field(access) {
            looked_up(&dealer, found, walk.skip).await?
        } else {
            (flagged(&dealer, clocks, window, found).await?, 0)
        };
        let next = if rest > 0 {
            Next::Page(to_cursor(&walk.skipping(LOOKUPS_PER_PAGE)))
        } else {
            match walk.after(window, count) {
                Some(after) if records.is_empty() => {
                    walk = after;
                    continue;
                }
                Some(after) => Next::Page(to_cursor(&after)),
                None => done(&walk, clocks),
            }
        };
        return Ok(Page { records, rejects: Vec::new(), next, expected: None });
    }
    Ok(Page { records: Vec::new(), rejects: Vec::new(), next: Next::Page(to_cursor(&walk)), expected: None })
}

/// A finished pull's cursor starts a new pull; any other goes on.
fn renewed(walk: Walk, ask: &PageAsk) -> Walk {
    if walk.is_resume() { Walk::since(walk.from.unwrap_or(ask.now), ask.now) } else { walk }
}

fn done(walk: &Walk, clocks: &[By]) -> Next {
    let resume = walk.resume(OVERLAP);
    let coverage = if clocks == [By::Created] { Coverage::Everything } else { Coverage::Part };
    Next::Done { resume: Some(to_cursor(&resume)), coverage }
}

/// The search results of a window by customer number; refuses an answer that is the one before once more.
async fn search_window(
    dealer: &Dealer<'_>,
    clocks: &[By],
    window: Window,
    walk: &mut Walk,
) -> Result<BTreeMap<String, Json>, ConnectorError> {
    let mut found = BTreeMap::new();
    for by in clocks {
        let mut repeats = 0;
        let reply = loop {
            let reply = search(dealer, &conditions(*by, window)).await?;
            // Every answer has a token of its own, so an equal token is an answer out of somebody's cache.
            let token = reply.get("DataToken").and_then(xml::text).map(ToOwned::to_owned);
            if token.is_none() || token != walk.before {
                if !xml::children(&reply, "CustomerSearchResult").is_empty() {
                    walk.before = token;
                }
                break reply;
            }
            repeats += 1;
            if repeats > REPEATS_MAX {
                return Err(ConnectorError::Unavailable {
                    said: "the system gives the answer to the call before once more".to_owned(),
                    evidence: None,
                    source: None,
                });
            }
        };
        for result in xml::children(&reply, "CustomerSearchResult") {
            found.insert(number_of(result)?, result.clone());
        }
    }
    Ok(found)
}

fn conditions(by: By, (from, to): Window) -> Vec<(&'static str, String)> {
    let stamp = |moment: DateTime<Utc>| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (start, end) = by.names();
    [(start, from), (end, to)].into_iter().filter_map(|(name, moment)| Some((name, stamp(moment?)))).collect()
}

/// CustomerSearch with these conditions.
pub(super) async fn search(dealer: &Dealer<'_>, conditions: &[(&str, String)]) -> Result<Json, ConnectorError> {
    let mut inner = String::from("<SearchParms>");
    for (name, text) in conditions {
        put(&mut inner, name, text);
    }
    inner.push_str("</SearchParms>");
    dealer.star(Effect::Reads, "CustomerSearch", &inner).await
}

pub(super) fn number_of(result: &Json) -> Result<String, ConnectorError> {
    result
        .get("CustomerNumber")
        .and_then(xml::text)
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(ToOwned::to_owned)
        .ok_or_else(|| ConnectorError::unreadable("a customer has no CustomerNumber"))
}

/// The results with their contact flags: who is not found among those who refused may be contacted.
async fn flagged(
    dealer: &Dealer<'_>,
    clocks: &[By],
    window: Window,
    found: BTreeMap<String, Json>,
) -> Result<Vec<Payload>, ConnectorError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut refused: Vec<(&str, BTreeSet<String>)> = Vec::with_capacity(FLAGS.len());
    for flag in FLAGS {
        let mut numbers = BTreeSet::new();
        for by in clocks {
            let mut narrowed = conditions(*by, window);
            narrowed.push((flag, "N".to_owned()));
            let reply = search(dealer, &narrowed).await?;
            for result in xml::children(&reply, "CustomerSearchResult") {
                numbers.insert(number_of(result)?);
            }
        }
        refused.push((flag, numbers));
    }
    Ok(found
        .into_iter()
        .map(|(number, result)| {
            let mut body = match result {
                Json::Object(parts) => parts,
                other => Map::from_iter([("#text".to_owned(), other)]),
            };
            for (flag, numbers) in &refused {
                let allowed = if numbers.contains(&number) { "N" } else { "Y" };
                body.insert((*flag).to_owned(), Json::from(allowed));
            }
            payload(number, body, None)
        })
        .collect())
}

/// Some of the found customers with every field, and how many are left.
async fn looked_up(
    dealer: &Dealer<'_>,
    found: BTreeMap<String, Json>,
    skip: usize,
) -> Result<(Vec<Payload>, usize), ConnectorError> {
    let rest = found.len().saturating_sub(skip + LOOKUPS_PER_PAGE);
    let records: Vec<Option<Payload>> = stream::iter(found.into_keys().skip(skip).take(LOOKUPS_PER_PAGE))
        .map(|number| async move {
            Ok::<_, ConnectorError>(lookup(dealer, &number).await?.map(|parts| whole(number, parts)))
        })
        .buffered(LOOKUPS_AT_ONCE)
        .try_collect()
        .await?;
    Ok((records.into_iter().flatten().collect(), rest))
}

/// CustomerLookup; `None` where there is no such customer.
async fn lookup(dealer: &Dealer<'_>, number: &str) -> Result<Option<Map<String, Json>>, ConnectorError> {
    let mut inner = String::new();
    put(&mut inner, "CustomerNumber", number);
    let reply = dealer.star(Effect::Reads, "CustomerLookup", &inner).await?;
    Ok(xml::children(&reply, "Customer").first().and_then(Json::as_object).cloned())
}

/// One customer, in the same form as a page brings it.
pub(super) async fn one(access: &Access, number: &str) -> Result<Option<Payload>, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let found = lookup(&dealer, number).await?;
    Ok(found.map(|parts| {
        if wants_every_field(access) {
            whole(number.to_owned(), parts)
        } else {
            payload(number.to_owned(), as_result(parts), None)
        }
    }))
}

fn whole(number: String, parts: Map<String, Json>) -> Payload {
    let changed_at = parts
        .get("LastChangeDate")
        .and_then(xml::text)
        .and_then(|text| NaiveDate::parse_from_str(text.trim(), "%Y%m%d").ok())
        .map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    payload(number, parts, changed_at)
}

/// What CustomerLookup calls otherwise than CustomerSearch.
const RENAMED: [(&str, &str); 5] = [
    ("TypeCode", "EntityType"),
    ("StateCode", "State"),
    ("PhoneNumber", "HomePhone"),
    ("BusinessExt", "BusinessPhoneExt"),
    ("FaxNumber", "FaxPhone"),
];
/// The elements of a search result with flags, in the vendor's order.
const RESULT: [&str; 23] = [
    "CompanyNumber",
    "CustomerNumber",
    "EntityType",
    "LastName",
    "FirstName",
    "MiddleName",
    "Salutation",
    "Address1",
    "City",
    "State",
    "ZipCode",
    "County",
    "HomePhone",
    "CellPhone",
    "BusinessPhone",
    "BusinessPhoneExt",
    "FaxPhone",
    "Email1",
    "Email2",
    "Vehicles",
    "AllowContactByPostal",
    "AllowContactByPhone",
    "AllowContactByEmail",
];

/// A looked-up customer cut down to what a search tells, so that both bring the same payload.
fn as_result(parts: Map<String, Json>) -> Map<String, Json> {
    let mut parts: Map<String, Json> = parts
        .into_iter()
        .map(|(name, value)| {
            let result =
                RENAMED.iter().find(|(looked_up, _)| *looked_up == name).map(|(_, result)| (*result).to_owned());
            (result.unwrap_or(name), value)
        })
        .collect();
    RESULT
        .iter()
        .filter_map(|name| {
            let value = parts.remove(*name)?;
            let blank = xml::text(&value).is_some_and(|text| text.trim().is_empty());
            let value = if FLAGS.contains(name) && blank { Json::from("Y") } else { value };
            Some(((*name).to_owned(), value))
        })
        .collect()
}

/// Adds what the one field for names means: a company's name, or a surname with its suffix.
pub(super) fn payload(number: String, mut body: Map<String, Json>, changed_at: Option<DateTime<Utc>>) -> Payload {
    let text = |name: &str| body.get(name).and_then(xml::text).map(str::trim).unwrap_or_default();
    let kind = if body.contains_key("EntityType") { text("EntityType") } else { text("TypeCode") };
    let name = text("LastName").to_owned();
    if kind.eq_ignore_ascii_case("C") {
        body.insert("@company".to_owned(), Json::from(name));
    } else {
        let (surname, suffix) = without_suffix(&name);
        let suffix = suffix.map(ToOwned::to_owned);
        body.insert("@surname".to_owned(), Json::from(surname));
        if let Some(suffix) = suffix {
            body.insert("@suffix".to_owned(), Json::from(suffix));
        }
    }
    Payload { external_id: number, body: Json::Object(body), changed_at, deleted: false, mark: None }
}

/// "SMITH JR" is Smith and Jr: the DMS has no field for suffixes.
fn without_suffix(name: &str) -> (&str, Option<&str>) {
    const SUFFIXES: [&str; 5] = ["JR", "SR", "II", "III", "IV"];
    match name.rsplit_once([' ', ',']) {
        Some((surname, last)) if SUFFIXES.contains(&last.trim_matches('.').to_ascii_uppercase().as_str()) => {
            (surname.trim_end_matches([' ', ',']), Some(last.trim_matches('.')))
        }
        Some(_) | None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn a_suffix_is_told_from_a_surname_of_several_words() {
        assert_eq!(without_suffix("SMITH JR"), ("SMITH", Some("JR")));
        assert_eq!(without_suffix("Smith, Jr."), ("Smith", Some("Jr")));
        assert_eq!(without_suffix("DE LA CRUZ"), ("DE LA CRUZ", None));
        assert_eq!(without_suffix("III"), ("III", None));
    }

    #[test]
    fn a_lookup_becomes_the_same_payload_as_a_search() {
        let (_, result) = xml::parse(
            "<CustomerSearchResult><CompanyNumber>ZE7</CompanyNumber><CustomerNumber>1</CustomerNumber>\
             <EntityType>I</EntityType><LastName>SHIER</LastName><State>FL</State><HomePhone>4075558899</HomePhone>\
             <FaxPhone>0</FaxPhone><Vehicles/></CustomerSearchResult>",
        )
        .unwrap();
        let (_, whole) = xml::parse(
            "<Customer><CompanyNumber>ZE7</CompanyNumber><CustomerNumber>1</CustomerNumber><TypeCode>I</TypeCode>\
             <LastName>SHIER</LastName><Gender/><StateCode>FL</StateCode><PhoneNumber>4075558899</PhoneNumber>\
             <FaxNumber>0</FaxNumber><BirthDate>0</BirthDate><Vehicles/></Customer>",
        )
        .unwrap();
        assert_eq!(Json::Object(as_result(whole.as_object().unwrap().clone())), result);
    }
}
