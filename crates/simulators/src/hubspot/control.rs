//! The control routes: what a person or a bad day does to the account, and what the account knows.

use super::oauth::Grants;
use super::outbox::{Target, Told};
use super::table::{Properties, Wrote};
use super::{Kind, Limits, Shared, State, batch, people};
use crate::faults::{Fault, Planned};
use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, Json as Body, Path, Query, ServiceConfig};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// A contact or deal as somebody types it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Contact {
    /// Properties by the vendor's names.
    pub properties: Properties,
    /// Ids of the other kind's records to link.
    #[serde(default)]
    pub linked: Vec<u64>,
}

/// The control routes of this vendor.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/load", web::post().to(people::load))
        .route("/people", web::get().to(people::people))
        .route("/limits", web::post().to(limits))
        .route("/storm", web::post().to(storm))
        .route("/search_lag", web::post().to(search_lag))
        .route("/webhooks", web::post().to(webhooks))
        .route("/tokens/expire", web::post().to(expire))
        .route("/tokens/revoke", web::post().to(revoke))
        .route("/tokens/lifetime", web::post().to(lifetime))
        .route("/objects/{kind}", web::post().to(add))
        .route("/objects/{kind}", web::get().to(dump))
        .route("/objects/{kind}/bulk", web::post().to(add_many))
        .route("/objects/{kind}/{id}", web::patch().to(change))
        .route("/objects/{kind}/{id}", web::delete().to(remove))
        .route("/objects/{kind}/{id}", web::get().to(show));
}

async fn limits(shared: Data<Shared>, limits: Body<Limits>) -> HttpResponse {
    shared.lock().meter.limits = limits.into_inner();
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
struct Storm {
    times: u32,
    #[serde(default)]
    retry_after_s: Option<u64>,
    #[serde(default = "each")]
    every: u32,
}

const fn each() -> u32 {
    1
}

async fn storm(shared: Data<Shared>, storm: Body<Storm>) -> HttpResponse {
    let fault = Fault::TooMany { retry_after_s: storm.retry_after_s };
    let planned = Planned { fault, times: storm.times, path: "/crm/".to_owned(), every: storm.every };
    shared.faults.plan(super::KEY, planned);
    HttpResponse::NoContent().finish()
}

#[derive(Deserialize)]
struct Millis {
    ms: u32,
}

async fn search_lag(shared: Data<Shared>, lag: Body<Millis>) -> HttpResponse {
    shared.lock().search_lag_ms = i64::from(lag.ms);
    HttpResponse::NoContent().finish()
}

async fn lifetime(shared: Data<Shared>, lifetime: Body<Millis>) -> HttpResponse {
    shared.lock().grants.lifetime = Duration::from_millis(u64::from(lifetime.ms));
    HttpResponse::NoContent().finish()
}

async fn webhooks(shared: Data<Shared>, target: Body<Option<Target>>) -> HttpResponse {
    shared.outbox.aim(target.into_inner());
    HttpResponse::NoContent().finish()
}

async fn expire(shared: Data<Shared>) -> HttpResponse {
    Grants::expire(&mut shared.lock().grants);
    HttpResponse::NoContent().finish()
}

async fn revoke(shared: Data<Shared>) -> HttpResponse {
    Grants::revoke(&mut shared.lock().grants);
    HttpResponse::NoContent().finish()
}

fn unknown() -> HttpResponse {
    HttpResponse::NotFound().json(json!({"message": "there is no such record"}))
}

/// Adds a record as a person does in the vendor's own pages.
fn put(shared: &Shared, state: &mut State, kind: Kind, mut given: Contact, now_ms: i64) -> Result<u64, String> {
    for name in given.properties.keys().filter(|name| name.starts_with("driveline_")) {
        state.defined.entry((kind.name(), name.clone())).or_insert(name == "driveline_id");
    }
    batch::fill(kind, &mut given.properties);
    let id = state.table_mut(kind).create(&given.properties, now_ms).map_err(|refused| format!("{refused:?}"))?;
    for linked in given.linked {
        match kind {
            Kind::Contacts => state.link(linked, id),
            Kind::Deals => state.link(id, linked),
        };
    }
    shared.outbox.tell(Told::created(kind, id, &given.properties, "CRM_UI"));
    Ok(id)
}

async fn add(shared: Data<Shared>, path: Path<String>, given: Body<Contact>) -> HttpResponse {
    let Some(kind) = Kind::named(&path) else { return unknown() };
    match put(&shared, &mut shared.lock(), kind, given.into_inner(), Utc::now().timestamp_millis()) {
        Ok(id) => HttpResponse::Created().json(json!({"id": id.to_string()})),
        Err(message) => HttpResponse::Conflict().json(json!({ "message": message })),
    }
}

/// Many records, one JSON object a line; all change in one millisecond, as an import's do.
async fn add_many(shared: Data<Shared>, path: Path<String>, body: Bytes) -> HttpResponse {
    let Some(kind) = Kind::named(&path) else { return unknown() };
    let mut state = shared.lock();
    let now_ms = Utc::now().timestamp_millis();
    let (mut added, mut refused) = (0_u64, 0_u64);
    for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let taken = serde_json::from_slice(line)
            .map_err(|error| error.to_string())
            .and_then(|given| put(&shared, &mut state, kind, given, now_ms));
        if taken.is_ok() { added += 1 } else { refused += 1 }
    }
    HttpResponse::Ok().json(json!({"added": added, "refused": refused}))
}

async fn change(shared: Data<Shared>, path: Path<(String, u64)>, given: Body<Contact>) -> HttpResponse {
    let Some(kind) = Kind::named(&path.0) else { return unknown() };
    let mut state = shared.lock();
    match state.table_mut(kind).update(path.1, &given.properties, Utc::now().timestamp_millis()) {
        Ok(wrote) => {
            if wrote == Wrote::Changed {
                shared.outbox.tell(Told::changed(kind, path.1, &given.properties, "CRM_UI"));
            }
            HttpResponse::NoContent().finish()
        }
        Err(refused) => HttpResponse::Conflict().json(json!({"message": format!("{refused:?}")})),
    }
}

async fn remove(shared: Data<Shared>, path: Path<(String, u64)>) -> HttpResponse {
    let Some(kind) = Kind::named(&path.0) else { return unknown() };
    let mut state = shared.lock();
    if batch::archive_one(&shared, &mut state, kind, path.1, "CRM_UI") {
        HttpResponse::NoContent().finish()
    } else {
        unknown()
    }
}

fn told(state: &State, kind: Kind, id: u64) -> Option<Json> {
    let table = state.table(kind);
    let row = table.get(id)?;
    Some(json!({"id": id.to_string(), "properties": table.properties(row), "linked": state.linked(kind, id)}))
}

async fn show(shared: Data<Shared>, path: Path<(String, u64)>) -> HttpResponse {
    let Some(kind) = Kind::named(&path.0) else { return unknown() };
    told(&shared.lock(), kind, path.1).map_or_else(unknown, |record| HttpResponse::Ok().json(record))
}

#[derive(Deserialize)]
struct Which {
    /// Only the record that has this value of a unique property.
    email: Option<String>,
    driveline_id: Option<String>,
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

/// Records, one JSON object a line.
async fn dump(shared: Data<Shared>, path: Path<String>, which: Query<Which>) -> HttpResponse {
    let Some(kind) = Kind::named(&path) else { return unknown() };
    let state = shared.lock();
    let table = state.table(kind);
    let ids: Vec<u64> = match (&which.email, &which.driveline_id) {
        (Some(email), _) => table.find("email", email).into_iter().collect(),
        (None, Some(own)) => table.find("driveline_id", own).into_iter().collect(),
        (None, None) => table.from(which.after).map(|(id, _)| id).take(which.limit.unwrap_or(usize::MAX)).collect(),
    };
    let mut lines = String::new();
    for record in ids.iter().filter_map(|id| told(&state, kind, *id)) {
        lines.push_str(&record.to_string());
        lines.push('\n');
    }
    HttpResponse::Ok().content_type("application/x-ndjson").body(lines)
}

/// Live contacts beyond the first that have the same own id, e-mail, or name with phone, street and birth date.
pub fn same(state: &State) -> Json {
    let table = &state.contacts;
    let again = |of: &dyn Fn(&super::table::Row) -> Option<u64>| {
        let mut seen: HashMap<u64, u32> = HashMap::new();
        table.from(0).filter_map(|(_, row)| of(row)).for_each(|key| *seen.entry(key).or_default() += 1);
        seen.values().map(|times| u64::from(times.saturating_sub(1))).sum::<u64>()
    };
    let hashed = |row: &super::table::Row, names: &[&str]| {
        let mut hasher = DefaultHasher::new();
        for name in names {
            table.value(row, name).unwrap_or_default().to_lowercase().hash(&mut hasher);
        }
        hasher.finish()
    };
    let person = ["firstname", "lastname", "driveline_name_suffix", "phone", "mobilephone", "address", "date_of_birth"];
    json!({
        "driveline_id": again(&|row| table.value(row, "driveline_id").map(|_| hashed(row, &["driveline_id"]))),
        "email": again(&|row| table.value(row, "email").map(|_| hashed(row, &["email"]))),
        "person": again(&|row| table.value(row, "lastname").map(|_| hashed(row, &person))),
    })
}
