//! Reading: all records by list, changes by search, one by id.

use super::HubSpot;
use super::api;
use super::properties::{OWN_ID, wanted};
use super::wire::{Filter, FilterGroup, Id, Inputs, Kind, Listed, Search};
use crate::access::Access;
use crate::connector::{Coverage, Cursor, Next, Page, PageAsk, Payload, Pull, PullMode};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ObjectKind;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The vendor's ceiling of a list.
const LIST_PAGE: u32 = 100;
/// The vendor's ceiling of a search.
const SEARCH_PAGE: u32 = 200;
/// The search shows a change only after a while: each pull of changes looks back by this much.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);

/// Where a pull goes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
enum Place {
    /// In the list of all records.
    List { after: Option<String>, began: DateTime<Utc> },
    /// Among the changes since a moment. Every page is a search of its own from the last moment seen, so that neither
    /// the 10,000 results a search reaches nor records that change meanwhile and move to its end can hide one.
    Since { ms: i64, seen_ms: i64 },
    /// More records changed in one millisecond than a page holds: by id within it.
    Within { ms: i64, after_id: String, seen_ms: i64 },
    /// Before a pull of changes: where it starts.
    Resume { since_ms: i64 },
}

impl Place {
    fn read(cursor: &Cursor) -> Result<Self, ConnectorError> {
        serde_json::from_value(cursor.0.clone()).map_err(|error| ConnectorError::Unreadable {
            said: format!("the stored cursor is not one of this connector: {error}"),
            evidence: None,
        })
    }

    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }
}

#[async_trait]
impl Pull for HubSpot {
    async fn page(&self, access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
        page(access, object, ask).await
    }

    async fn one(
        &self,
        access: &Access,
        object: ObjectKind,
        external_id: &str,
    ) -> Result<Option<Payload>, ConnectorError> {
        let kind = kind_of(object)?;
        let query = query(&[("properties", wanted(kind).join(",")), ("associations", associations(kind).to_owned())]);
        let id: String = url::form_urlencoded::byte_serialize(external_id.as_bytes()).collect();
        let answer = api::get(access, format!("{}/{id}?{query}", api::objects(access, kind)?)).await?;
        match answer.status.as_u16() {
            200 => {}
            404 => return Ok(None),
            _ => return Err(api::refused(&answer)),
        }
        let payload = payload(kind, answer.json::<Map<String, Json>>()?)?;
        // A merged record's old id leads to the record it was merged into: the old one is gone.
        Ok((payload.external_id == external_id).then_some(payload))
    }
}

/// The vendor's kind, where it has one.
pub fn kind_of(object: ObjectKind) -> Result<Kind, ConnectorError> {
    Kind::of(object)
        .ok_or_else(|| ConnectorError::refused("object_unknown", &format!("HubSpot holds no {}", object.plural())))
}

const fn associations(kind: Kind) -> &'static str {
    match kind {
        Kind::Contacts => "",
        Kind::Deals => "contacts",
    }
}

fn query(pairs: &[(&str, String)]) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    text.finish()
}

/// One page.
pub async fn page(access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
    let kind = kind_of(object)?;
    let start = Place::List { after: None, began: ask.now };
    let place = match (ask.mode, &ask.cursor) {
        (_, None) => start,
        (PullMode::Full | PullMode::Changes, Some(cursor)) => Place::read(cursor)?,
    };
    match place {
        Place::List { after, began } => list(access, kind, after, began).await,
        Place::Resume { since_ms } => match ask.mode {
            PullMode::Full => list(access, kind, None, ask.now).await,
            // Where nothing newer is seen the next pull starts where this one did.
            PullMode::Changes => since(access, kind, since_ms, since_ms + OVERLAP.num_milliseconds()).await,
        },
        Place::Since { ms, seen_ms } => since(access, kind, ms, seen_ms).await,
        Place::Within { ms, after_id, seen_ms } => within(access, kind, ms, &after_id, seen_ms).await,
    }
}

async fn list(
    access: &Access,
    kind: Kind,
    after: Option<String>,
    began: DateTime<Utc>,
) -> Result<Page, ConnectorError> {
    let query = query(&[
        ("limit", LIST_PAGE.to_string()),
        ("properties", wanted(kind).join(",")),
        ("associations", associations(kind).to_owned()),
        ("archived", "false".to_owned()),
        ("after", after.unwrap_or_default()),
    ]);
    let answer = api::get(access, format!("{}?{query}", api::objects(access, kind)?)).await?;
    if answer.status.as_u16() != 200 {
        return Err(api::refused(&answer));
    }
    let listed: Listed = answer.json()?;
    let next = match listed.paging.and_then(|paging| paging.next) {
        Some(next) => Next::Page(Place::List { after: Some(next.after), began }.cursor()),
        None => {
            let since_ms = (began - OVERLAP).timestamp_millis();
            Next::Done { resume: Some(Place::Resume { since_ms }.cursor()), coverage: Coverage::Everything }
        }
    };
    let records = listed.results.into_iter().map(|body| payload(kind, body)).collect::<Result<_, _>>()?;
    Ok(Page { records, rejects: Vec::new(), next, expected: None })
}

async fn since(access: &Access, kind: Kind, ms: i64, seen_ms: i64) -> Result<Page, ConnectorError> {
    let filter = Filter { property_name: kind.changed_property(), operator: "GTE", value: ms.to_string() };
    let (records, total) = search(access, kind, vec![filter], kind.changed_property()).await?;
    let newest = records.iter().filter_map(|record| record.changed_at).map(|at| at.timestamp_millis()).max();
    let seen_ms = seen_ms.max(newest.unwrap_or(seen_ms));
    let is_full = records.len() >= usize::try_from(SEARCH_PAGE).unwrap_or(usize::MAX);
    let next = match (is_full, newest, records.last()) {
        (true, Some(newest), _) if newest > ms => Next::Page(Place::Since { ms: newest, seen_ms }.cursor()),
        (true, _, Some(_)) => Next::Page(Place::Within { ms, after_id: "0".to_owned(), seen_ms }.cursor()),
        (true | false, _, _) => done(seen_ms),
    };
    Ok(Page { records, rejects: Vec::new(), next, expected: total })
}

async fn within(access: &Access, kind: Kind, ms: i64, after_id: &str, seen_ms: i64) -> Result<Page, ConnectorError> {
    let filters = vec![
        Filter { property_name: kind.changed_property(), operator: "EQ", value: ms.to_string() },
        Filter { property_name: "hs_object_id", operator: "GT", value: after_id.to_owned() },
    ];
    let (records, total) = search(access, kind, filters, "hs_object_id").await?;
    let place = match records.last() {
        Some(last) => Place::Within { ms, after_id: last.external_id.clone(), seen_ms },
        None => Place::Since { ms: ms + 1, seen_ms },
    };
    Ok(Page { records, rejects: Vec::new(), next: Next::Page(place.cursor()), expected: total })
}

/// The next pull starts a little before the newest change seen.
fn done(seen_ms: i64) -> Next {
    let since_ms = seen_ms - OVERLAP.num_milliseconds();
    Next::Done { resume: Some(Place::Resume { since_ms }.cursor()), coverage: Coverage::Part }
}

async fn search(
    access: &Access,
    kind: Kind,
    filters: Vec<Filter>,
    sort: &str,
) -> Result<(Vec<Payload>, Option<u64>), ConnectorError> {
    let properties = wanted(kind);
    let body = Search {
        filter_groups: vec![FilterGroup { filters }],
        sorts: vec![sort.to_owned()],
        properties: &properties,
        limit: SEARCH_PAGE,
        after: "0",
    };
    let path = format!("{}/search", api::objects(access, kind)?);
    let answer = api::post(access, Effect::Reads, path, &body).await?;
    if answer.status.as_u16() != 200 {
        return Err(api::refused(&answer));
    }
    let listed: Listed = answer.json()?;
    let total = listed.total;
    let mut records: Vec<Payload> =
        listed.results.into_iter().map(|body| payload(kind, body)).collect::<Result<_, _>>()?;
    if kind == Kind::Deals {
        add_contacts(access, &mut records).await?;
    }
    Ok((records, total))
}

/// An answer about associations.
#[derive(Deserialize)]
struct Linked {
    #[serde(default)]
    results: Vec<LinkedFrom>,
}

#[derive(Deserialize)]
struct LinkedFrom {
    from: LinkedId,
    #[serde(default)]
    to: Vec<LinkedTo>,
}

#[derive(Deserialize)]
struct LinkedId {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkedTo {
    to_object_id: Json,
}

/// Adds the contacts of deals, in the shape in which the list tells them, to records that do not tell them.
pub async fn add_contacts(access: &Access, deals: &mut [Payload]) -> Result<(), ConnectorError> {
    if deals.is_empty() {
        return Ok(());
    }
    let inputs = deals.iter().map(|deal| Id { id: deal.external_id.clone() }).collect();
    let path = "/crm/v4/associations/deals/contacts/batch/read".to_owned();
    let answer = api::post(access, Effect::Reads, path, &Inputs { inputs }).await?;
    if !matches!(answer.status.as_u16(), 200 | 207) {
        return Err(api::refused(&answer));
    }
    let linked: Linked = answer.json()?;
    let by_deal: BTreeMap<String, Vec<LinkedTo>> =
        linked.results.into_iter().map(|result| (result.from.id, result.to)).collect();
    for deal in deals {
        let Some(to) = by_deal.get(&deal.external_id).filter(|to| !to.is_empty()) else { continue };
        let results: Vec<Json> = to
            .iter()
            .map(|to| match &to.to_object_id {
                Json::String(id) => json!({"id": id, "type": "deal_to_contact"}),
                other => json!({"id": other.to_string(), "type": "deal_to_contact"}),
            })
            .collect();
        if let Some(body) = deal.body.as_object_mut() {
            body.insert("associations".to_owned(), json!({"contacts": {"results": results}}));
        }
    }
    Ok(())
}

/// A record as it is kept: without what says something of our call and not of the record.
pub fn payload(kind: Kind, mut body: Map<String, Json>) -> Result<Payload, ConnectorError> {
    let external_id = body.get("id").and_then(Json::as_str).filter(|id| !id.is_empty()).map(ToOwned::to_owned);
    let external_id = external_id
        .ok_or_else(|| ConnectorError::Unreadable { said: "a record without `id`".to_owned(), evidence: None })?;
    body.remove("new");
    body.remove("objectWriteTraceId");
    // A property that is empty is told as null by some calls and left out by others.
    if let Some(properties) = body.get_mut("properties").and_then(Json::as_object_mut) {
        properties.retain(|_, value| !value.is_null() && value.as_str() != Some(""));
        properties.sort_keys();
    }
    let changed = body
        .get("properties")
        .and_then(|properties| properties.get(kind.changed_property()))
        .or_else(|| body.get("updatedAt"))
        .and_then(Json::as_str);
    let changed_at = changed.and_then(moment);
    let deleted = body.get("archived").and_then(Json::as_bool).unwrap_or(false);
    let mark = body.get("properties").and_then(|properties| properties.get(OWN_ID)).and_then(Json::as_str);
    let mark = mark.map(ToOwned::to_owned);
    Ok(Payload { external_id, changed_at, deleted, mark, body: Json::Object(body) })
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    match text.parse::<i64>() {
        Ok(ms) => DateTime::from_timestamp_millis(ms),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_that_bears_our_id_says_so() {
        let body = |own: Json| json!({"id": "7", "properties": {"email": "a@example.com", OWN_ID: own}});
        let mark = |own: Json| {
            let Json::Object(body) = body(own) else { return None };
            payload(Kind::Contacts, body).ok()?.mark
        };
        assert_eq!(mark(json!("0192")).as_deref(), Some("0192"));
        assert_eq!((mark(Json::Null), mark(json!(""))), (None, None), "an id that was taken off is none");
    }
}
