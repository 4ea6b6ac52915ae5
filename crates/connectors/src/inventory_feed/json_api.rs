//! A website's JSON inventory API: vehicle by vehicle.

use super::vehicle::{FIELDS, is_shown, list};
use crate::access::Access;
use crate::connector::{Outcome, Outgoing, Pushed, Verified};
use crate::error::{ConnectorError, short};
use crate::vendor_http::{Answer, Effect, check_url};
use domain::{Field, Record, Value};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Map, Value as Json};

/// Vehicles that are written at the same time.
const AT_ONCE: usize = 4;

/// Tries the address and the key.
pub async fn verify(access: &Access, verified: &mut Verified) {
    let asked = match url(access, "") {
        Ok(url) => {
            let request = access.http.client().get(format!("{url}?limit=1"));
            read(access, request).await
        }
        Err(error) => Err(error),
    };
    verified.step("Read the inventory", "the website answered", asked);
}

async fn read(access: &Access, request: reqwest::RequestBuilder) -> Result<(), ConnectorError> {
    let answer = access.http.send(Effect::Reads, request.bearer_auth(access.credential("api_key")?)).await?;
    match answer.status.as_u16() {
        200..=299 => Ok(()),
        _ => Err(refused(&answer)),
    }
}

/// Writes vehicles, a few at a time.
pub async fn push(access: &Access, batch: &[Outgoing]) -> Result<Vec<Pushed>, ConnectorError> {
    let writes = batch.iter().map(|out| async move { (out.golden, write(access, out).await) });
    let written: Vec<_> = futures::stream::iter(writes.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
    // Where nothing went through the reason is not a record's own.
    if written.iter().all(|(_, result)| result.is_err()) {
        if let Some((_, Err(error))) = written.into_iter().next() {
            return Err(error);
        }
        return Ok(Vec::new());
    }
    let pushed = |(golden, result): (_, Result<Outcome, ConnectorError>)| Pushed {
        golden,
        outcome: result.unwrap_or_else(Outcome::Failed),
        echo: None,
        found: None,
    };
    Ok(written.into_iter().map(pushed).collect())
}

async fn write(access: &Access, out: &Outgoing) -> Result<Outcome, ConnectorError> {
    let key = key(access, &out.record)?;
    let former = out.external_id.as_deref().filter(|former| Some(*former) != key.as_deref());
    if out.withdraw || !is_shown(&out.record) {
        for key in former.into_iter().chain(key.as_deref()) {
            delete(access, out, key).await?;
        }
        return Ok(Outcome::Withdrawn);
    }
    let Some(key) = key else {
        return Err(ConnectorError::Refused {
            code: "no_key".to_owned(),
            said: "the vehicle has no value for the website's key".to_owned(),
            fix: "Enter the VIN or stock number in the DMS.".to_owned(),
            evidence: None,
        });
    };
    let mut request = access.http.client().put(url(access, &key)?).json(&body(&out.record));
    if !out.may_create && former.is_none() {
        request = request.header("If-Match", "*");
    }
    let answer = send(access, out, request).await?;
    let outcome = match answer.status.as_u16() {
        201 => Outcome::Created { external_id: key },
        200 | 202 | 204 => Outcome::Updated { external_id: key },
        404 | 412 => return Ok(Outcome::Absent),
        _ => return Err(refused(&answer)),
    };
    // A corrected VIN is a new page; the old one must not stay.
    if let Some(former) = former {
        delete(access, out, former).await?;
    }
    Ok(outcome)
}

async fn delete(access: &Access, out: &Outgoing, key: &str) -> Result<(), ConnectorError> {
    let request = access.http.client().request(Method::DELETE, url(access, key)?);
    let answer = send(access, out, request).await?;
    match answer.status.as_u16() {
        200..=299 | 404 | 410 => Ok(()),
        _ => Err(refused(&answer)),
    }
}

async fn send(access: &Access, out: &Outgoing, request: reqwest::RequestBuilder) -> Result<Answer, ConnectorError> {
    let request = request.bearer_auth(access.credential("api_key")?).header("Idempotency-Key", &out.idempotency_key);
    access.http.send(Effect::Writes, request).await
}

/// What the website calls the vehicle by.
fn key(access: &Access, record: &Record) -> Result<Option<String>, ConnectorError> {
    let field = match access.setting("vehicle_key")? {
        "vin" => Field::STOCK_VIN,
        "stock_number" => Field::STOCK_NUMBER,
        _ => {
            let said = "use vin or stock_number".to_owned();
            return Err(ConnectorError::Misconfigured { setting: "vehicle_key", said });
        }
    };
    Ok(record.text(field).map(ToOwned::to_owned))
}

fn url(access: &Access, key: &str) -> Result<String, ConnectorError> {
    let mut url = check_url("base_url", access.setting("base_url")?, access.allow_private_hosts)?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("vehicles");
        if !key.is_empty() {
            path.push(key);
        }
    }
    Ok(url.into())
}

fn body(record: &Record) -> Map<String, Json> {
    let mut body = Map::new();
    // Status and the wish to publish decide what is called, and are nobody's business beyond that.
    let told = FIELDS.iter().filter(|field| !matches!(**field, Field::STOCK_STATUS | Field::STOCK_PUBLISH));
    for field in told {
        match record.get(*field) {
            Some(Value::Json(_)) => {
                body.insert(field.name().to_owned(), list(record, *field).into());
            }
            Some(value) => {
                body.insert(field.name().to_owned(), value.to_json());
            }
            None => {}
        }
    }
    body
}

fn refused(answer: &Answer) -> ConnectorError {
    let told: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = ["message", "error", "detail"].iter().find_map(|name| told.get(*name).and_then(Json::as_str));
    let said = short(message.unwrap_or("the website gave no reason"));
    match answer.status.as_u16() {
        403 => ConnectorError::Forbidden {
            said,
            fix: "Ask the website's provider to let this key change the inventory.".to_owned(),
            evidence: answer.request_id(),
        },
        status => ConnectorError::Refused {
            code: format!("http_{status}"),
            said,
            fix: "Correct the vehicle in the DMS as the website says, then replay.".to_owned(),
            evidence: answer.request_id(),
        },
    }
}
