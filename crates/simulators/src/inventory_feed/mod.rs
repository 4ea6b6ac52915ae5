//! A website with a JSON inventory API, and the checks that a listing site makes of a Google vehicle-listings file.
//!
//! `GET /_sim/inventory_feed/moments` tells when each vehicle appeared and vanished, so that "sold in the DMS → gone from
//! the website" can be measured.

pub mod google;

use crate::Simulator;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connector's key.
pub const KEY: &str = "inventory_feed";
/// The API key that the website takes.
pub const API_KEY: &str = "site-key-simulated";

/// When a vehicle was seen on the website.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Moments {
    /// Since when it is, or was last, there.
    pub appeared: DateTime<Utc>,
    /// When it vanished, where it did.
    pub vanished: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct State {
    vehicles: BTreeMap<String, Json>,
    moments: BTreeMap<String, Moments>,
    effects_by_key: BTreeMap<String, u32>,
    created: u64,
    updated: u64,
    deleted: u64,
}

/// The simulator.
#[derive(Default)]
pub struct Website {
    state: Arc<Mutex<State>>,
}

impl Website {
    /// An empty website.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

type Shared = Data<Arc<Mutex<State>>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator for Website {
    fn key(&self) -> &'static str {
        KEY
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(Arc::clone(&self.state)))
            .route("/vehicles", web::get().to(list))
            .route("/vehicles/{key}", web::get().to(one))
            .route("/vehicles/{key}", web::put().to(put))
            .route("/vehicles/{key}", web::delete().to(delete));
    }

    fn control(&self, config: &mut ServiceConfig) {
        config.app_data(Data::new(Arc::clone(&self.state))).route("/moments", web::get().to(moments));
    }

    fn truth(&self) -> Json {
        let state = self.lock();
        let duplicates = state.effects_by_key.values().filter(|times| **times > 1).count();
        json!({
            "objects": {"inventory": state.vehicles.len()},
            "effects": {
                "created": state.created,
                "updated": state.updated,
                "deleted": state.deleted,
                "duplicates": duplicates,
            },
            "vehicles": state.vehicles.keys().collect::<Vec<_>>(),
        })
    }

    fn reset(&self) {
        *self.lock() = State::default();
    }
}

fn stranger(call: &HttpRequest) -> Option<HttpResponse> {
    let given = call.headers().get("Authorization").and_then(|value| value.to_str().ok());
    (given != Some(&format!("Bearer {API_KEY}")))
        .then(|| HttpResponse::Unauthorized().json(json!({"message": "unknown API key"})))
}

fn unknown() -> HttpResponse {
    HttpResponse::NotFound().json(json!({"message": "there is no such vehicle"}))
}

#[derive(Deserialize)]
struct Wanted {
    limit: Option<usize>,
}

async fn list(state: Shared, call: HttpRequest, wanted: Query<Wanted>) -> HttpResponse {
    if let Some(refused) = stranger(&call) {
        return refused;
    }
    let state = lock(&state);
    let items: Vec<&Json> = state.vehicles.values().take(wanted.limit.unwrap_or(usize::MAX)).collect();
    HttpResponse::Ok().json(json!({"total": state.vehicles.len(), "items": items}))
}

async fn one(state: Shared, call: HttpRequest, key: Path<String>) -> HttpResponse {
    if let Some(refused) = stranger(&call) {
        return refused;
    }
    lock(&state).vehicles.get(&*key).map_or_else(unknown, |vehicle| HttpResponse::Ok().json(vehicle))
}

/// Counts an effect for the call's idempotency key.
fn count(state: &mut State, call: &HttpRequest) {
    if let Some(key) = call.headers().get("Idempotency-Key").and_then(|value| value.to_str().ok()) {
        *state.effects_by_key.entry(key.to_owned()).or_default() += 1;
    }
}

async fn put(state: Shared, call: HttpRequest, key: Path<String>, body: web::Json<Json>) -> HttpResponse {
    if let Some(refused) = stranger(&call) {
        return refused;
    }
    if !body.is_object() || body.get("price").is_some_and(|price| price.as_str().is_none()) {
        return HttpResponse::UnprocessableEntity().json(json!({"message": "price is a decimal in a string"}));
    }
    let mut state = lock(&state);
    let now = Utc::now();
    let before = state.vehicles.get(&*key);
    if before.is_none() && call.headers().contains_key("If-Match") {
        return HttpResponse::PreconditionFailed().json(json!({"message": "there is no such vehicle"}));
    }
    if before == Some(&body.0) {
        return HttpResponse::Ok().json(body.0);
    }
    let is_new = before.is_none();
    count(&mut state, &call);
    state.vehicles.insert(key.clone(), body.0.clone());
    if is_new {
        state.created += 1;
        state.moments.insert(key.into_inner(), Moments { appeared: now, vanished: None });
        HttpResponse::Created().json(body.0)
    } else {
        state.updated += 1;
        HttpResponse::Ok().json(body.0)
    }
}

async fn delete(state: Shared, call: HttpRequest, key: Path<String>) -> HttpResponse {
    if let Some(refused) = stranger(&call) {
        return refused;
    }
    let mut state = lock(&state);
    if state.vehicles.remove(&*key).is_none() {
        return unknown();
    }
    state.deleted += 1;
    if let Some(moments) = state.moments.get_mut(&*key) {
        moments.vanished = Some(Utc::now());
    }
    HttpResponse::NoContent().finish()
}

async fn moments(state: Shared) -> HttpResponse {
    HttpResponse::Ok().json(&lock(&state).moments)
}
