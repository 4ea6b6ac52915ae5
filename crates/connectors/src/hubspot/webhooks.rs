//! Webhooks: signatures of version 3, and events by record.

use super::HubSpot;
use crate::access::Access;
use crate::connector::{Change, Payload, WebhookRefused, WebhookRequest, Webhooks};
use crate::error::ConnectorError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ObjectKind;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Signatures of another time are refused, as the vendor demands.
const AGE_MAX: TimeDelta = TimeDelta::minutes(5);
/// Percent-encodings that the vendor decodes in the address before it signs.
const DECODED: [(&str, &str); 12] = [
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// One event. HubSpot sends up to a hundred in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    event_id: Json,
    #[serde(default)]
    subscription_type: String,
    /// For `object.*` subscriptions.
    object_type_id: Option<String>,
    #[serde(default)]
    object_id: Json,
    #[serde(default)]
    occurred_at: i64,
    primary_object_id: Option<Json>,
    #[serde(default)]
    merged_object_ids: Vec<Json>,
}

impl Webhooks for HubSpot {
    fn authenticate(
        &self,
        access: &Access,
        request: &WebhookRequest,
        now: DateTime<Utc>,
    ) -> Result<(), WebhookRefused> {
        let secret = access.optional_credential("client_secret").ok_or(WebhookRefused::Signature)?;
        let signature = request.header("x-hubspot-signature-v3").ok_or(WebhookRefused::Signature)?;
        let timestamp = request.header("x-hubspot-request-timestamp").ok_or(WebhookRefused::Signature)?;
        let signature = STANDARD.decode(signature.trim()).map_err(|_| WebhookRefused::Signature)?;
        let is_signed = |url: &str| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
            for part in [request.method.as_bytes(), url.as_bytes(), &request.body, timestamp.as_bytes()] {
                mac.update(part);
            }
            // Compares in constant time.
            mac.verify_slice(&signature).is_ok()
        };
        if !is_signed(&decoded(&request.url)) && !is_signed(&request.url) {
            return Err(WebhookRefused::Signature);
        }
        let at = timestamp.parse().ok().and_then(DateTime::from_timestamp_millis).ok_or(WebhookRefused::Signature)?;
        if (now - at).abs() > AGE_MAX {
            return Err(WebhookRefused::Stale);
        }
        Ok(())
    }

    /// HubSpot names events, not deliveries, and a repeated delivery differs in `attemptNumber`.
    fn delivery_id(&self, request: &WebhookRequest) -> Option<String> {
        let events: Vec<Event> = serde_json::from_slice(&request.body).ok()?;
        let mut names: Vec<String> = events
            .iter()
            .map(|e| format!("{}:{}:{}:{}", e.event_id, e.subscription_type, e.object_id, e.occurred_at))
            .collect();
        names.sort_unstable();
        (!names.is_empty()).then(|| hex::encode(Sha256::digest(names.join("\n"))))
    }

    fn read(&self, _access: &Access, body: &[u8]) -> Result<Vec<Change>, ConnectorError> {
        let events: Vec<Event> = serde_json::from_slice(body).map_err(|error| ConnectorError::Unreadable {
            said: format!("not the list of events that is documented: {error}"),
            evidence: None,
        })?;
        // One fetch per record, whatever number of its properties changed; a deletion is only believed where nothing
        // of the same record follows it (restored).
        let mut last: BTreeMap<(ObjectKind, String), (i64, bool)> = BTreeMap::new();
        for event in &events {
            let Some(object) = object_of(event) else { continue };
            let verb = event.subscription_type.split('.').next_back().unwrap_or_default();
            let gone = matches!(verb, "deletion" | "privacyDeletion");
            let ids = [Some(&event.object_id), event.primary_object_id.as_ref()].into_iter().flatten();
            for id in ids.chain(&event.merged_object_ids).filter_map(id_text) {
                let entry = last.entry((object, id)).or_insert((event.occurred_at, gone));
                if event.occurred_at >= entry.0 {
                    *entry = (event.occurred_at, gone);
                }
            }
        }
        Ok(last
            .into_iter()
            .map(|((object, external_id), (at_ms, gone))| match gone {
                false => Change::Changed { object, external_id },
                true => {
                    let changed_at = DateTime::from_timestamp_millis(at_ms);
                    let body = json!({"id": external_id, "archived": true, "properties": {}});
                    Change::Told {
                        object,
                        payload: Payload { external_id, body, changed_at, deleted: true, mark: None },
                    }
                }
            })
            .collect())
    }
}

fn object_of(event: &Event) -> Option<ObjectKind> {
    match (event.subscription_type.split('.').next(), event.object_type_id.as_deref()) {
        (Some("contact"), _) | (Some("object"), Some("0-1")) => Some(ObjectKind::Customer),
        (Some("deal"), _) | (Some("object"), Some("0-3")) => Some(ObjectKind::Deal),
        (Some(_), _) | (None, _) => None,
    }
}

fn id_text(id: &Json) -> Option<String> {
    match id {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::String(_) | Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn decoded(url: &str) -> String {
    let mut url = url.to_owned();
    for (encoded, plain) in DECODED {
        url = url.replace(encoded, plain).replace(&encoded.to_lowercase(), plain);
    }
    url
}
