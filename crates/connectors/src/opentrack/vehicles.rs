//! Reading vehicles: those that customers own, by model year or by last visit, and those for sale.

use super::soap::{Dealer, put};
use super::walk::{from_cursor, to_cursor};
use crate::access::Access;
use crate::connector::{Coverage, Next, Page, PageAsk, Payload, PullMode};
use crate::error::ConnectorError;
use crate::vendor_http::Effect;
use crate::xml;
use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use domain::vin::Vin;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The first model year that is asked for.
const YEAR_FIRST: i32 = 1900;
/// Years without a vehicle are passed over within a page, but not without end.
const YEARS_PER_PAGE: usize = 30;
/// How often a wrong answer is asked for again within a page.
const REPEATS_MAX: usize = 2;
/// Days, not moments, are what the search knows: the day of the last pull is read again.
const OVERLAP: Duration = Duration::days(1);

/// Where a walk over the model years stands, newest first; year 0 holds vehicles without one.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Years {
    began: DateTime<Utc>,
    year: i32,
}

/// Where the next pull of changes starts.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Since {
    since: NaiveDate,
}

/// One page of vehicles owned.
pub(super) async fn page(access: &Access, ask: &PageAsk) -> Result<Page, ConnectorError> {
    let dealer = Dealer::of(access)?;
    if ask.mode == PullMode::Changes
        && let Some(Since { since }) = since(ask)?
    {
        return changes(&dealer, since, ask.now).await;
    }
    let first = Years { began: ask.now, year: ask.now.year() + 2 };
    let mut here = from_cursor::<Years>(ask)?.unwrap_or(first);
    for _ in 0..YEARS_PER_PAGE {
        let records = of_year(&dealer, here.year).await?;
        let next = match here.year {
            0 => {
                let resume = Since { since: (here.began - OVERLAP).date_naive() };
                // A vehicle is never gone for good, it changes hands; so absence says nothing.
                Next::Done { resume: Some(to_cursor(&resume)), coverage: Coverage::Part }
            }
            YEAR_FIRST => Next::Page(to_cursor(&Years { year: 0, ..here })),
            year => Next::Page(to_cursor(&Years { year: year - 1, ..here })),
        };
        match next {
            Next::Page(_) if records.is_empty() => {
                here.year = if here.year == YEAR_FIRST { 0 } else { here.year - 1 };
            }
            next => return Ok(Page { records, rejects: Vec::new(), next, expected: None }),
        }
    }
    Ok(Page { records: Vec::new(), rejects: Vec::new(), next: Next::Page(to_cursor(&here)), expected: None })
}

/// The cursor of a finished pull; `None` where this is a page of a pull that started over.
fn since(ask: &PageAsk) -> Result<Option<Since>, ConnectorError> {
    Ok(match &ask.cursor {
        Some(cursor) if cursor.0.get("since").is_some() => from_cursor(ask)?,
        Some(_) | None => None,
    })
}

async fn of_year(dealer: &Dealer<'_>, year: i32) -> Result<Vec<Payload>, ConnectorError> {
    let wanted = year.to_string();
    for _ in 0..=REPEATS_MAX {
        let reply = search(dealer, &[("ModelYear", wanted.as_str())]).await?;
        let results = xml::children(&reply, "VehicleSearchResult");
        let other = |result: &Json| {
            let told = result.get("ModelYear").and_then(xml::text).map(str::trim).unwrap_or_default();
            !told.is_empty() && told != wanted
        };
        // An answer to another question: somebody's cache gave the one before.
        if !results.iter().any(other) {
            return Ok(owned(results).into_values().collect());
        }
    }
    Err(ConnectorError::Unavailable {
        said: "the system answers another question than was asked".to_owned(),
        evidence: None,
        source: None,
    })
}

/// What was serviced or delivered since a day.
async fn changes(dealer: &Dealer<'_>, since: NaiveDate, now: DateTime<Utc>) -> Result<Page, ConnectorError> {
    let from = since.format("%Y%m%d").to_string();
    let to = (now + Duration::days(1)).format("%Y%m%d").to_string();
    let mut found = BTreeMap::new();
    for (start, end) in [("LastServiceDateStart", "LastServiceDateEnd"), ("DeliveredDateStart", "DeliveredDateEnd")] {
        let reply = search(dealer, &[(start, from.as_str()), (end, to.as_str())]).await?;
        found.extend(owned(xml::children(&reply, "VehicleSearchResult")));
    }
    let resume = Since { since: (now - OVERLAP).date_naive() };
    Ok(Page {
        records: found.into_values().collect(),
        rejects: Vec::new(),
        next: Next::Done { resume: Some(to_cursor(&resume)), coverage: Coverage::Part },
        expected: None,
    })
}

async fn search(dealer: &Dealer<'_>, conditions: &[(&str, &str)]) -> Result<Json, ConnectorError> {
    let mut inner = String::from("<SearchParms>");
    for (name, text) in conditions {
        put(&mut inner, name, text);
    }
    inner.push_str("</SearchParms>");
    dealer.star(Effect::Reads, "VehicleSearch", &inner).await
}

/// Those results that belong to a customer, by key; the same vehicle twice is one, the later holds.
fn owned(results: &[Json]) -> BTreeMap<String, Payload> {
    results
        .iter()
        .filter_map(|result| {
            let part = |name: &str| result.get(name).and_then(xml::text).map(str::trim).unwrap_or_default();
            let owner = owner_of(result);
            if owner.is_none() && part("StockStatus") != "C" {
                return None;
            }
            let external_id = key(part("VIN"), owner.unwrap_or_default());
            let payload = Payload {
                external_id: external_id.clone(),
                body: result.clone(),
                changed_at: None,
                deleted: false,
                mark: None,
            };
            Some((external_id, payload))
        })
        .collect()
}

fn owner_of(result: &Json) -> Option<&str> {
    xml::children(result.get("Customers")?, "CustomerNumber").first().and_then(xml::text).map(str::trim)
}

/// The VIN without its stray blanks; where it is a placeholder that many vehicles share, with the owner's number.
fn key(vin: &str, owner: &str) -> String {
    if Vin::parse(vin).is_ok() { vin.to_owned() } else { format!("{vin}/{owner}") }
}

/// One vehicle owned, by its key.
pub(super) async fn one(access: &Access, external_id: &str) -> Result<Option<Payload>, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let vin = external_id.split_once('/').map_or(external_id, |(vin, _)| vin);
    if vin.is_empty() {
        return Ok(None);
    }
    let reply = search(&dealer, &[("VIN", vin)]).await?;
    Ok(owned(xml::children(&reply, "VehicleSearchResult")).remove(external_id))
}

/// Which half of the lot comes now.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Half {
    New,
    Used,
}

/// One page of the lot: first what is new, then what is used. Always all of it: the protocol tells no changes.
pub(super) async fn lot_page(access: &Access, ask: &PageAsk) -> Result<Page, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let half = from_cursor::<Half>(ask)?.unwrap_or(Half::New);
    let wanted = match half {
        Half::New => "N",
        Half::Used => "U",
    };
    let mut inner = String::from("<LookupParms>");
    put(&mut inner, "Type", wanted);
    inner.push_str("</LookupParms>");
    for _ in 0..=REPEATS_MAX {
        let reply = dealer.star(Effect::Reads, "VehicleInventory", &inner).await?;
        let vehicles = xml::children(&reply, "Vehicle");
        let other = |vehicle: &Json| {
            let told = vehicle.get("TypeNU").and_then(xml::text).map(str::trim).unwrap_or_default();
            !told.is_empty() && told != wanted
        };
        if vehicles.iter().any(other) {
            continue;
        }
        let next = match half {
            Half::New => Next::Page(to_cursor(&Half::Used)),
            Half::Used => Next::Done { resume: None, coverage: Coverage::Everything },
        };
        let records = vehicles.iter().map(stock).collect::<Result<_, _>>()?;
        return Ok(Page { records, rejects: Vec::new(), next, expected: None });
    }
    Err(ConnectorError::Unavailable {
        said: "the system answers another question than was asked".to_owned(),
        evidence: None,
        source: None,
    })
}

fn stock(vehicle: &Json) -> Result<Payload, ConnectorError> {
    let part = |name: &str| vehicle.get(name).and_then(xml::text).map(str::trim).filter(|text| !text.is_empty());
    let external_id = part("StockNumber")
        .or_else(|| part("VIN"))
        .ok_or_else(|| ConnectorError::unreadable("a vehicle has neither stock number nor VIN"))?;
    Ok(Payload {
        external_id: external_id.to_owned(),
        body: vehicle.clone(),
        changed_at: None,
        deleted: false,
        mark: None,
    })
}

/// One vehicle of the lot by its stock number.
pub(super) async fn lot_one(access: &Access, stock_number: &str) -> Result<Option<Payload>, ConnectorError> {
    let dealer = Dealer::of(access)?;
    let mut inner = String::new();
    put(&mut inner, "StockNumber", stock_number);
    let reply = dealer.star(Effect::Reads, "VehicleLookup", &inner).await?;
    xml::children(&reply, "Vehicle").first().map(stock).transpose()
}
