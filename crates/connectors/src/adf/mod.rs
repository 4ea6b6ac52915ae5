//! ADF 1.0: leads in by HTTP POST and e-mail, read leniently; leads out by HTTP POST and e-mail, written strictly.
//!
//! Quirks kept here: providers send upper case, times with one-digit hours, no provider, several prospects, HTML around
//! it. A receiver knows neither updates nor deletions, so a lead is sent once; a repeat after a lost answer carries the
//! same `id@source="driveline"`, the same `Idempotency-Key` and the same message id.
//!
//! Assumed: a receiver answers 2xx to what it took and 4xx to what it refuses.

mod form;
mod mail;
mod reading;
mod records;
mod writing;

#[cfg(test)]
mod tests_reading;

use crate::about::{About, PushMode};
use crate::access::Access;
use crate::connector::{Connector, Intake, Outcome, Outgoing, Push, Pushed, Received, Step, StepOutcome, Verified};
use crate::error::{ConnectorError, short};
use crate::vendor_http::{Effect, check_url};
use async_trait::async_trait;
use domain::mapping::Mapping;
use domain::{Field, ObjectKind};
use std::collections::BTreeMap;
use writing::{Parties, SOURCE, document};

/// The largest document: a thousand leads.
const SIZE_MAX: usize = 4 * 1024 * 1024;
/// Leads of one call of `push`.
const BATCH_MAX: usize = 20;
/// All that a document can say of a lead.
const FIELDS: &[Field] = &[
    Field::LEAD_SOURCE,
    Field::LEAD_PROVIDER,
    Field::LEAD_REQUESTED_AT,
    Field::LEAD_CUSTOMER,
    Field::LEAD_INTEREST,
    Field::LEAD_CONDITION,
    Field::LEAD_YEAR,
    Field::LEAD_MAKE,
    Field::LEAD_MODEL,
    Field::LEAD_TRIM,
    Field::LEAD_VIN,
    Field::LEAD_STOCK_NUMBER,
    Field::LEAD_TRADE_IN,
    Field::LEAD_COMMENTS,
    Field::LEAD_SALESPERSON,
];

/// The connector.
pub struct Adf;

/// The ways a lead goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ways {
    http: bool,
    email: bool,
}

fn ways(settings: &BTreeMap<String, String>) -> Result<Ways, ConnectorError> {
    let (http, email) = match settings.get("deliver_by").map_or("", |way| way.trim()) {
        "" | "no" => (false, false),
        "http" => (true, false),
        "email" => (false, true),
        "both" => (true, true),
        other => {
            return Err(ConnectorError::Misconfigured {
                setting: "deliver_by",
                said: format!("`{other}` is none of no, http, email, both"),
            });
        }
    };
    Ok(Ways { http, email })
}

#[async_trait]
impl Connector for Adf {
    fn about(&self) -> &'static About {
        &form::ABOUT
    }

    fn mapping(&self, _access: &Access, object: ObjectKind) -> Option<Mapping> {
        records::mapping(object)
    }

    async fn verify(&self, access: &Access) -> Verified {
        let mut tested = Verified::default();
        let Some(ways) = tested.step("Settings", "The settings can be read.", ways(&access.settings)) else {
            return tested;
        };
        if ways.http && tested.step("Address", "The address can be used.", address(access)).is_some() {
            let reached = reached(access).await;
            let said = reached.as_ref().map(|code| format!("The receiver answers (HTTP {code}).")).unwrap_or_default();
            tested.step("Receiver", &said, reached);
        }
        if ways.email {
            tested.step("Mail server", "The mail server takes the account.", mail::greet(access).await);
        }
        if !ways.http && !ways.email {
            tested.steps.push(Step {
                name: "Leads".to_owned(),
                outcome: StepOutcome::Good,
                said: "Leads only come in: nothing has to be called.".to_owned(),
                fix: String::new(),
            });
        }
        tested
    }

    fn push_mode(&self, settings: &BTreeMap<String, String>, object: ObjectKind) -> PushMode {
        let is_sent = object == ObjectKind::Lead && ways(settings).is_ok_and(|ways| ways.http || ways.email);
        if is_sent { PushMode::CreateAndUpdate } else { PushMode::None }
    }

    fn push(&self, object: ObjectKind) -> Option<&dyn Push> {
        (object == ObjectKind::Lead).then_some(self)
    }

    fn intake(&self) -> Option<&dyn Intake> {
        Some(self)
    }
}

fn address(access: &Access) -> Result<url::Url, ConnectorError> {
    check_url("url", access.setting("url")?, access.allow_private_hosts)
}

/// Whether somebody answers there. `OPTIONS` changes nothing, and any answer but a refusal of the token will do.
async fn reached(access: &Access) -> Result<u16, ConnectorError> {
    let request = access.http.client().request(reqwest::Method::OPTIONS, address(access)?);
    let answer = access.http.send_raw(Effect::Reads, with_token(access, request)).await?;
    match answer.status.as_u16() {
        401 => Err(ConnectorError::Unauthorized { said: "HTTP 401".to_owned(), evidence: answer.request_id() }),
        status @ 500..=599 => Err(ConnectorError::Unavailable {
            said: format!("HTTP {status}"),
            evidence: answer.request_id(),
            source: None,
        }),
        status => Ok(status),
    }
}

fn with_token(access: &Access, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    match access.optional_credential("token") {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

impl Intake for Adf {
    fn size_max(&self) -> usize {
        SIZE_MAX
    }

    fn receive(&self, _access: &Access, content_type: &str, body: &[u8]) -> Result<Received, ConnectorError> {
        if body.len() > SIZE_MAX {
            return Err(ConnectorError::TooLarge { what: "the document".to_owned(), limit_bytes: SIZE_MAX as u64 });
        }
        let found = reading::read(&reading::find(content_type, body)?)?;
        let records = found.prospects.into_iter().flat_map(records::records).collect();
        Ok(Received { records, rejects: found.rejects })
    }
}

#[async_trait]
impl Push for Adf {
    fn batch_max(&self) -> usize {
        BATCH_MAX
    }

    fn fields(&self, object: ObjectKind) -> &'static [Field] {
        match object {
            ObjectKind::Lead => FIELDS,
            ObjectKind::Customer
            | ObjectKind::Vehicle
            | ObjectKind::Inventory
            | ObjectKind::Deal
            | ObjectKind::RepairOrder => &[],
        }
    }

    fn only_new(&self, _object: ObjectKind) -> bool {
        true
    }

    fn carries(&self, object: ObjectKind) -> &'static [Field] {
        match object {
            ObjectKind::Lead => &[Field::LEAD_CUSTOMER],
            ObjectKind::Customer
            | ObjectKind::Vehicle
            | ObjectKind::Inventory
            | ObjectKind::Deal
            | ObjectKind::RepairOrder => &[],
        }
    }

    async fn push(
        &self,
        access: &Access,
        _object: ObjectKind,
        batch: &[Outgoing],
    ) -> Result<Vec<Pushed>, ConnectorError> {
        let ways = ways(&access.settings)?;
        if !ways.http && !ways.email {
            return Err(ConnectorError::Misconfigured {
                setting: "deliver_by",
                said: "leads are not sent by this connection".to_owned(),
            });
        }
        let mail = if ways.email { Some(mail::transport(access).await?) } else { None };
        let mut pushed = Vec::with_capacity(batch.len());
        for out in batch {
            let outcome = match (&out.external_id, out.withdraw, out.may_create) {
                // A receiver takes a lead once.
                (Some(external_id), false, _) => Outcome::Updated { external_id: external_id.clone() },
                (None, true, _) => Outcome::Withdrawn,
                (Some(_), true, _) => Outcome::Failed(ConnectorError::Refused {
                    code: "no_withdrawal".to_owned(),
                    said: "ADF has no way to take a lead back".to_owned(),
                    fix: "Close the lead in the receiving system by hand.".to_owned(),
                    evidence: None,
                }),
                (None, false, false) => Outcome::Absent,
                (None, false, true) => match send(access, ways, mail.as_ref(), out).await {
                    Ok(()) => Outcome::Created { external_id: format!("{SOURCE}:{}", out.golden) },
                    // The whole batch waits: the next call would meet the same.
                    Err(
                        error @ (ConnectorError::RateLimited { .. }
                        | ConnectorError::Unauthorized { .. }
                        | ConnectorError::Unavailable { .. }),
                    ) if pushed.is_empty() => return Err(error),
                    Err(error) => Outcome::Failed(error),
                },
            };
            pushed.push(Pushed { golden: out.golden, outcome, echo: None, found: None });
        }
        Ok(pushed)
    }
}

async fn send(
    access: &Access,
    ways: Ways,
    mail: Option<&lettre::AsyncSmtpTransport<lettre::Tokio1Executor>>,
    out: &Outgoing,
) -> Result<(), ConnectorError> {
    let vendor = access.optional("vendor_name").unwrap_or("Dealership");
    let parties = Parties { vendor, vendor_id: access.optional("vendor_id"), provider: "Driveline" };
    let document = document(out, &parties)?;
    if ways.http {
        let request = access
            .http
            .client()
            .post(address(access)?)
            .header("Content-Type", "application/xml; charset=utf-8")
            .header("Idempotency-Key", &out.idempotency_key)
            .body(document.clone());
        let answer = access.http.send(Effect::Writes, with_token(access, request)).await?;
        if !answer.status.is_success() {
            return Err(ConnectorError::Refused {
                code: format!("http_{}", answer.status.as_u16()),
                said: short(&format!("HTTP {}", answer.status.as_u16())),
                fix: "Ask the receiver why it refuses this lead, correct it, then replay it.".to_owned(),
                evidence: answer.request_id(),
            });
        }
    }
    if let Some(mail) = mail {
        mail::send(mail, access, &out.golden.to_string(), &document).await?;
    }
    Ok(())
}
