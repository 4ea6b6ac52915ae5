//! Reading repair orders: all open ones by STAR, closed ones by the direct service in windows of their closing day.
//!
//! The list of closed orders has no lines; each order's details are asked for, unless the dealer does not want them.

use super::soap::{Dealer, put};
use super::walk::{Walk, Window, from_cursor, to_cursor};
use crate::access::Access;
use crate::connector::{Coverage, Next, Page, PageAsk, Payload, PullMode};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use crate::xml;
use chrono::{DateTime, Duration, TimeZone, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Empty windows are passed over within a page, but not without end.
const WINDOWS_PER_PAGE: usize = 40;
/// How often a wrong answer is asked for again within a page.
const REPEATS_MAX: usize = 2;
/// Orders close on a day, not at a moment: two days are read again, one for the dealership's zone.
const OVERLAP: Duration = Duration::days(2);
/// Orders of one page where lines are asked for.
const DETAILS_PER_PAGE: usize = 100;
/// Calls for details at the same time.
const DETAILS_AT_ONCE: usize = 4;

fn history() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).single().unwrap_or_default()
}

/// One page. The first brings all open orders; closed ones come after it, so a closing in between holds.
pub(super) async fn page(access: &Access, ask: &PageAsk) -> Result<Page, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let cursor: Option<Walk> = from_cursor(ask)?;
    let resumed = cursor.as_ref().is_some_and(Walk::is_resume);
    let first = cursor.is_none() || (ask.mode == PullMode::Changes && resumed);
    let mut walk = match cursor {
        Some(walk) if ask.mode == PullMode::Changes && resumed => Walk::since(walk.from.unwrap_or(ask.now), ask.now),
        Some(walk) => walk,
        None => Walk::all(ask.now),
    };
    if first {
        let records = open(&dealer).await?;
        return Ok(Page { records, rejects: Vec::new(), next: Next::Page(to_cursor(&walk)), expected: None });
    }
    for _ in 0..WINDOWS_PER_PAGE {
        let window = whole_days(walk.window(history()), walk.began);
        let found = match closed(&dealer, window).await {
            Err(ConnectorError::TooLarge { what, limit_bytes }) => {
                walk = walk.shorter().ok_or(ConnectorError::TooLarge { what, limit_bytes })?;
                continue;
            }
            other => other?,
        };
        let count = found.len();
        let rest = count.saturating_sub(walk.skip + DETAILS_PER_PAGE);
        let next = if wants_lines(access) && rest > 0 {
            Some(walk.skipping(DETAILS_PER_PAGE))
        } else {
            walk.after(window, count)
        };
        let records: Vec<Payload> = if wants_lines(access) {
            with_lines(&dealer, found, walk.skip).await?
        } else {
            found.into_iter().map(|(number, order)| payload(number, order, "ClosedRepairOrder")).collect()
        };
        match next {
            Some(after) if records.is_empty() => walk = after,
            Some(after) => {
                let next = Next::Page(to_cursor(&after));
                return Ok(Page { records, rejects: Vec::new(), next, expected: None });
            }
            None => {
                let resume = walk.resume(OVERLAP);
                // An order that is neither open nor closed may have been voided; the protocol does not tell.
                let next = Next::Done { resume: Some(to_cursor(&resume)), coverage: Coverage::Part };
                return Ok(Page { records, rejects: Vec::new(), next, expected: None });
            }
        }
    }
    Ok(Page { records: Vec::new(), rejects: Vec::new(), next: Next::Page(to_cursor(&walk)), expected: None })
}

/// The same window to the end of its last day: orders close on a day, and a day cut in two would come twice.
fn whole_days((from, to): Window, began: DateTime<Utc>) -> Window {
    let end = to.and_then(|to| Some(to.date_naive().and_hms_opt(23, 59, 59)?.and_utc()));
    (from, end.filter(|end| *end < began - Duration::hours(1)))
}

fn wants_lines(access: &Access) -> bool {
    access.optional("repair_order_lines") != Some("no")
}

async fn open(dealer: &Dealer<'_>) -> Result<Vec<Payload>, ConnectorError> {
    let reply = dealer
        .star(Effect::Reads, "OpenRepairOrderLookup", "<LookupParms><InternalOnly>false</InternalOnly></LookupParms>")
        .await?;
    xml::children(&reply, "OpenRepairOrder")
        .iter()
        .map(|order| Ok(payload(number_of(order)?, order.clone(), "OpenRepairOrder")))
        .collect()
}

/// The closed orders of a window by number; refuses an answer to another question.
async fn closed(dealer: &Dealer<'_>, window: Window) -> Result<BTreeMap<String, Json>, ConnectorError> {
    let (from, to) = window;
    for _ in 0..=REPEATS_MAX {
        let reply = dealer.direct("GetClosedRepairOrders", &closed_request(window)).await?;
        let orders = reply.get("ClosedRepairOrders").map(|all| xml::children(all, "ClosedRepairOrder"));
        let orders = orders.unwrap_or_default();
        let day = |moment: DateTime<Utc>| moment.format("%Y%m%d").to_string();
        let other = |order: &Json| {
            let closed = order.get("FinalCloseDate").and_then(xml::text).map(str::trim).unwrap_or_default();
            closed.len() == 8
                && (from.is_some_and(|from| closed < day(from).as_str())
                    || to.is_some_and(|to| closed > day(to).as_str()))
        };
        if !orders.iter().any(other) {
            return orders.iter().map(|order| Ok((number_of(order)?, order.clone()))).collect();
        }
    }
    Err(ConnectorError::Unavailable {
        said: "the system answers another question than was asked".to_owned(),
        evidence: None,
        source: None,
    })
}

/// The request in the order of the WSDL; what is not asked for must be there as nil.
fn closed_request((from, to): Window) -> String {
    let mut request = String::from("<RepairOrderNumber>0</RepairOrderNumber><CustomerNumber>0</CustomerNumber>");
    for name in ["CloseDate", "FinalCloseDate", "CreatedDateTimeStart", "CreatedDateTimeEnd"] {
        let _ = write!(request, "<{name} xsi:nil=\"true\"/>");
    }
    let stamp = |moment: DateTime<Utc>| moment.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    // The end may not be nil: an open window ends far ahead of every dealership's clock.
    put(&mut request, "FinalCloseDateEnd", &stamp(to.unwrap_or_else(|| Utc::now() + Duration::days(2))));
    match from {
        Some(from) => put(&mut request, "FinalCloseDateStart", &stamp(from)),
        None => request.push_str("<FinalCloseDateStart xsi:nil=\"true\"/>"),
    }
    request
}

async fn with_lines(
    dealer: &Dealer<'_>,
    found: BTreeMap<String, Json>,
    skip: usize,
) -> Result<Vec<Payload>, ConnectorError> {
    stream::iter(found.into_iter().skip(skip).take(DETAILS_PER_PAGE))
        .map(|(number, order)| async move {
            let whole = details(dealer, &number).await?.unwrap_or(order);
            Ok(payload(number, whole, "ClosedRepairOrder"))
        })
        .buffered(DETAILS_AT_ONCE)
        .try_collect()
        .await
}

async fn details(dealer: &Dealer<'_>, number: &str) -> Result<Option<Json>, ConnectorError> {
    let mut request = String::new();
    put(&mut request, "RepairOrderNumber", number);
    let reply = dealer.direct("GetClosedRepairOrderDetails", &request).await?;
    Ok(reply.get("ClosedRepairOrder").filter(|order| order.is_object()).cloned())
}

/// One order, open or closed, by its number.
pub(super) async fn one(access: &Access, number: &str) -> Result<Option<Payload>, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let mut inner = String::from("<LookupParms>");
    put(&mut inner, "RepairOrderNumber", number);
    inner.push_str("<InternalOnly>false</InternalOnly></LookupParms>");
    let reply = dealer.star(Effect::Reads, "OpenRepairOrderLookup", &inner).await?;
    for order in xml::children(&reply, "OpenRepairOrder") {
        if number_of(order)? == number {
            return Ok(Some(payload(number.to_owned(), order.clone(), "OpenRepairOrder")));
        }
    }
    let mut closed = details(&dealer, number).await?;
    if !wants_lines(access)
        && let Some(Json::Object(parts)) = &mut closed
    {
        // The same form as a page brings it.
        parts.remove("Details");
    }
    Ok(closed.map(|order| payload(number.to_owned(), order, "ClosedRepairOrder")))
}

fn number_of(order: &Json) -> Result<String, ConnectorError> {
    order
        .get("RepairOrderNumber")
        .and_then(xml::text)
        .map(str::trim)
        .filter(|number| !number.is_empty())
        .map(ToOwned::to_owned)
        .ok_or_else(|| ConnectorError::unreadable("a repair order has no number"))
}

/// The element's name goes with it: nothing inside tells an open order from a closed one.
fn payload(number: String, mut order: Json, element: &str) -> Payload {
    if let Json::Object(parts) = &mut order {
        parts.insert("@element".to_owned(), Json::from(element));
    }
    Payload { external_id: number, body: order, changed_at: None, deleted: false, mark: None }
}
