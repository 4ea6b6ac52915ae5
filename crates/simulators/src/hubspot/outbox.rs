//! Webhooks out: events in batches of up to 100, signed v3, tried again where the receiver does not answer 2xx.

use super::Kind;
use super::table::Properties;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const EVENTS_MAX: usize = 100;
/// The vendor tries up to ten times over a day; here the waits are short.
const TRIES_MAX: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// How long events are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(20);

/// Where webhooks go.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// The receiver.
    pub url: String,
    /// The app's secret.
    pub secret: String,
    /// Properties whose changes are told.
    #[serde(default = "usual_properties")]
    pub properties: Vec<String>,
}

fn usual_properties() -> Vec<String> {
    let names = ["email", "firstname", "lastname", "phone", "mobilephone", "address", "city", "state", "zip"];
    let deal = ["hs_email_optout", "dealname", "dealstage", "amount"];
    names.iter().chain(&deal).map(|name| (*name).to_owned()).collect()
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Told {
    subscription: String,
    id: u64,
    properties: Vec<(String, String)>,
    source: &'static str,
}

impl Told {
    /// A record was created.
    pub fn created(kind: Kind, id: u64, _properties: &Properties, source: &'static str) -> Self {
        Self { subscription: format!("{}.creation", kind.singular()), id, properties: Vec::new(), source }
    }

    /// Properties of a record changed.
    pub fn changed(kind: Kind, id: u64, properties: &Properties, source: &'static str) -> Self {
        let properties = properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { subscription: format!("{}.propertyChange", kind.singular()), id, properties, source }
    }

    /// A record was archived.
    pub fn deleted(kind: Kind, id: u64, source: &'static str) -> Self {
        Self { subscription: format!("{}.deletion", kind.singular()), id, properties: Vec::new(), source }
    }
}

/// What waits to be told.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    next_event: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    target: Option<Target>,
    events: VecDeque<Json>,
    sending: bool,
}

impl Outbox {
    /// Sends webhooks to this address from now on; `None` for nowhere.
    pub fn aim(&self, target: Option<Target>) {
        self.lock().target = target;
    }

    /// Forgets everything.
    pub fn reset(&self) {
        let mut waiting = self.lock();
        waiting.target = None;
        waiting.events.clear();
        self.delivered.store(0, Ordering::Relaxed);
        self.failed.store(0, Ordering::Relaxed);
    }

    /// Events told, given up and waiting.
    pub fn told(&self) -> Json {
        json!({
            "delivered": self.delivered.load(Ordering::Relaxed),
            "given_up": self.failed.load(Ordering::Relaxed),
            "waiting": self.lock().events.len(),
        })
    }

    /// Takes note of something that happened.
    pub fn tell(self: &Arc<Self>, told: Told) {
        let mut waiting = self.lock();
        let Some(target) = &waiting.target else { return };
        let is_change = told.subscription.ends_with("propertyChange");
        let mut events = Vec::new();
        if is_change {
            for (name, value) in told.properties.iter().filter(|(name, _)| target.properties.contains(name)) {
                let mut event = self.event(&told);
                event["propertyName"] = json!(name);
                event["propertyValue"] = json!(value);
                events.push(event);
            }
        } else {
            events.push(self.event(&told));
        }
        waiting.events.extend(events);
        if !waiting.sending && !waiting.events.is_empty() {
            waiting.sending = true;
            tokio::spawn(Arc::clone(self).send_all());
        }
    }

    fn event(&self, told: &Told) -> Json {
        json!({
            "eventId": self.next_event.fetch_add(1, Ordering::Relaxed) + 1,
            "subscriptionId": 1_000 + told.subscription.len(),
            "portalId": super::oauth::HUB_ID,
            "appId": 77,
            "occurredAt": Utc::now().timestamp_millis(),
            "subscriptionType": told.subscription,
            "attemptNumber": 0,
            "objectId": told.id,
            "changeSource": told.source,
        })
    }

    async fn send_all(self: Arc<Self>) {
        let client = reqwest::Client::new();
        loop {
            tokio::time::sleep(GATHER).await;
            let (target, events) = {
                let mut waiting = self.lock();
                let count = waiting.events.len().min(EVENTS_MAX);
                let events: Vec<Json> = waiting.events.drain(..count).collect();
                match (&waiting.target, events.is_empty()) {
                    (Some(target), false) => (target.clone(), events),
                    _ => {
                        waiting.sending = false;
                        return;
                    }
                }
            };
            let count = u64::try_from(events.len()).unwrap_or_default();
            let counter = if deliver(&client, &target, events).await { &self.delivered } else { &self.failed };
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(client: &reqwest::Client, target: &Target, mut events: Vec<Json>) -> bool {
    let mut wait = FIRST_WAIT;
    for attempt in 0..TRIES_MAX {
        for event in &mut events {
            event["attemptNumber"] = json!(attempt);
        }
        let body = Json::Array(events.clone()).to_string();
        let timestamp = Utc::now().timestamp_millis().to_string();
        let sent = client
            .post(&target.url)
            .header("Content-Type", "application/json")
            .header("X-HubSpot-Request-Timestamp", &timestamp)
            .header("X-HubSpot-Signature-v3", sign(&target.secret, "POST", &target.url, &body, &timestamp))
            .body(body)
            .send()
            .await;
        if sent.is_ok_and(|response| response.status().is_success()) {
            return true;
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(Duration::from_secs(5));
    }
    false
}

/// The v3 signature: HMAC-SHA256 over method, address, body and timestamp, in base64.
#[must_use]
pub fn sign(secret: &str, method: &str, url: &str, body: &str, timestamp: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    for part in [method, url, body, timestamp] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}
