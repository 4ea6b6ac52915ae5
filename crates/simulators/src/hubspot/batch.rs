//! The batch routes: up to 100 inputs, each of which can fail alone.

use super::api::{kind_of, wanted_or_usual};
use super::outbox::Told;
use super::table::{Properties, Refused, Wrote};
use super::{Kind, Shared, State, answer};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most inputs of one call.
const INPUTS_MAX: usize = 100;
/// The most inputs of one call about associations.
const LINKS_MAX: usize = 1000;

/// A batch.
#[derive(Deserialize)]
pub struct Batch<T> {
    inputs: Vec<T>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(rename = "idProperty")]
    id_property: Option<String>,
}

/// A record by a key.
#[derive(Deserialize)]
pub struct Key {
    id: String,
}

/// A record to write.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    id: String,
    id_property: Option<String>,
    properties: Properties,
    object_write_trace_id: Option<String>,
}

/// A pair to link.
#[derive(Deserialize)]
pub struct Pair {
    from: Key,
    to: Key,
}

fn too_many(inputs: usize, max: usize) -> Option<HttpResponse> {
    (inputs > max || inputs == 0).then(|| {
        let message = format!("The number of inputs must be between 1 and {max}, it is {inputs}");
        answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &message)
    })
}

/// Reads records by id or by a unique property.
pub async fn read(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Batch<Key>>) -> HttpResponse {
    let started_ms = Utc::now().timestamp_millis();
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    if let Some(refused) = too_many(body.inputs.len(), INPUTS_MAX) {
        return refused;
    }
    let state = shared.lock();
    let table = state.table(kind);
    let is_no_key = |name: &&String| !table.is_unique(name) || state.undefined(kind, std::iter::once(*name)).is_some();
    if let Some(property) = body.id_property.as_ref().filter(is_no_key) {
        return answer::unknown_property(property);
    }
    let wanted = wanted_or_usual(kind, body.properties.clone());
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for input in &body.inputs {
        let id = match &body.id_property {
            Some(property) => table.find(property, &input.id),
            None => input.id.parse().ok(),
        };
        match id.and_then(|id| table.get(id).map(|row| (id, row))) {
            Some((id, row)) => results.push(answer::object(kind, table, id, row, Some(&wanted), false)),
            None => missing.push(input.id.clone()),
        }
    }
    let errors = if missing.is_empty() {
        Vec::new()
    } else {
        let message = format!(
            "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
            kind.singular().to_uppercase()
        );
        let mut error = answer::item_error("OBJECT_NOT_FOUND", &message, &[]);
        error["context"] = json!({ "ids": missing });
        vec![error]
    };
    answer::batch(StatusCode::OK, results, errors, started_ms)
}

/// Updates records by id.
pub async fn update(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Batch<Input>>) -> HttpResponse {
    write(&shared, &path.1, &body.inputs, false)
}

/// Updates records by a unique property, and creates what is not there.
pub async fn upsert(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Batch<Input>>) -> HttpResponse {
    write(&shared, &path.1, &body.inputs, true)
}

fn write(shared: &Shared, kind: &str, inputs: &[Input], may_create: bool) -> HttpResponse {
    let started_ms = Utc::now().timestamp_millis();
    let kind = match kind_of(kind) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    if let Some(refused) = too_many(inputs.len(), INPUTS_MAX) {
        return refused;
    }
    let mut state = shared.lock();
    let names = inputs.iter().flat_map(|input| input.properties.keys().chain(input.id_property.as_ref()));
    if let Some(name) = state.undefined(kind, names) {
        return answer::unknown_property(name);
    }
    let mut seen = BTreeSet::new();
    if !inputs.iter().all(|input| seen.insert((&input.id_property, &input.id))) {
        return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "Duplicate IDs found in batch input");
    }
    // Without a trace id on each input, one wrong input refuses all.
    let item_by_item = inputs.iter().all(|input| input.object_write_trace_id.is_some());
    if let Some(wrong) = inputs.iter().find_map(|input| invalid(&input.properties)).filter(|_| !item_by_item) {
        return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &wrong);
    }
    let (mut results, mut errors) = (Vec::with_capacity(inputs.len()), Vec::new());
    for input in inputs {
        match write_one(shared, &mut state, kind, input, may_create, started_ms) {
            Ok(result) => results.push(result),
            Err(error) => {
                state.effects.refused += 1;
                errors.push(error);
            }
        }
    }
    answer::batch(StatusCode::OK, results, errors, started_ms)
}

fn write_one(
    shared: &Shared,
    state: &mut State,
    kind: Kind,
    input: &Input,
    may_create: bool,
    now_ms: i64,
) -> Result<Json, Json> {
    let trace = input.object_write_trace_id.as_deref().unwrap_or_default();
    let failed = |category: &str, message: &str| {
        let context = [("ids", input.id.as_str()), ("objectWriteTraceId", trace)];
        Err(answer::item_error(category, message, &context))
    };
    if let Some(wrong) = invalid(&input.properties) {
        return failed("VALIDATION_ERROR", &wrong);
    }
    let known = match input.id_property.as_deref() {
        Some(property) => state.table(kind).find(property, &input.id),
        None => input.id.parse::<u64>().ok().filter(|id| state.table(kind).get(*id).is_some()),
    };
    let mut properties = input.properties.clone();
    if let Some(property) = &input.id_property {
        properties.insert(property.clone(), input.id.clone());
    }
    let written = match known {
        Some(id) => state.table_mut(kind).update(id, &properties, now_ms).map(|wrote| (id, wrote)),
        None if may_create => {
            fill(kind, &mut properties);
            state.table_mut(kind).create(&properties, now_ms).map(|id| (id, Wrote::Created))
        }
        None => Err(Refused::NotFound),
    };
    let (id, wrote) = match written {
        Ok(written) => written,
        Err(Refused::NotFound) => {
            return failed("OBJECT_NOT_FOUND", "No object with this id: it may be deleted or merged.");
        }
        Err(Refused::Conflict { property, existing }) => {
            let name = if kind == Kind::Contacts { "Contact" } else { "Deal" };
            let message = format!("{name} already exists. Existing ID: {existing} (property {property})");
            return failed("CONFLICT", &message);
        }
    };
    match wrote {
        Wrote::Created => {
            state.effects.created += 1;
            shared.outbox.tell(Told::created(kind, id, &properties, "INTEGRATION"));
        }
        Wrote::Changed => {
            state.effects.updated += 1;
            shared.outbox.tell(Told::changed(kind, id, &properties, "INTEGRATION"));
        }
        Wrote::Nothing => {}
    }
    if wrote != Wrote::Nothing && !trace.is_empty() {
        let mut hasher = DefaultHasher::new();
        (kind.name(), trace).hash(&mut hasher);
        let times = state.effects.by_key.entry(hasher.finish()).or_default();
        *times += 1;
        if *times > 1 {
            state.effects.duplicates += 1;
        }
    }
    let table = state.table(kind);
    let Some(row) = table.get(id) else { return failed("OBJECT_NOT_FOUND", "it is gone") };
    // The answer holds what was written and what is always there, not the whole record.
    let names: Vec<String> = properties.keys().cloned().collect();
    let mut object = answer::object(kind, table, id, row, Some(&names), false);
    if may_create {
        object["new"] = json!(wrote == Wrote::Created);
    }
    if !trace.is_empty() {
        object["objectWriteTraceId"] = json!(trace);
    }
    Ok(object)
}

/// What the vendor sets on a new record.
pub fn fill(kind: Kind, properties: &mut Properties) {
    let defaults: &[(&str, &str)] = match kind {
        Kind::Contacts => &[("lifecyclestage", "lead")],
        Kind::Deals => &[("pipeline", "default"), ("dealstage", "appointmentscheduled")],
    };
    for (name, value) in defaults {
        properties.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
    }
}

/// What is wrong with properties, in the vendor's words.
fn invalid(properties: &Properties) -> Option<String> {
    let email = properties.get("email").filter(|email| !email.is_empty())?;
    let fine = email
        .split_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !email.contains(char::is_whitespace));
    let detail = json!([{
        "isValid": false,
        "message": "Email address is invalid",
        "error": "INVALID_EMAIL",
        "name": "email",
    }]);
    (!fine).then(|| format!("Property values were not valid: {detail}"))
}

/// Archives records; what is not there is fine.
pub async fn archive(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Batch<Key>>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    if let Some(refused) = too_many(body.inputs.len(), INPUTS_MAX) {
        return refused;
    }
    let mut state = shared.lock();
    for id in body.inputs.iter().filter_map(|input| input.id.parse().ok()) {
        archive_one(&shared, &mut state, kind, id, "INTEGRATION");
    }
    HttpResponse::NoContent().finish()
}

/// Archives one record; whether it was there.
pub fn archive_one(shared: &Shared, state: &mut State, kind: Kind, id: u64, source: &'static str) -> bool {
    let done = state.table_mut(kind).archive(id, Utc::now().timestamp_millis());
    if done {
        state.unlink_all(kind, id);
        state.effects.archived += 1;
        shared.outbox.tell(Told::deleted(kind, id, source));
    }
    done
}

/// Links pairs by the default label.
pub async fn link(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Batch<Pair>>) -> HttpResponse {
    let started_ms = Utc::now().timestamp_millis();
    let (from, to) = match (kind_of(&path.0), kind_of(&path.1)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(response), _) | (_, Err(response)) => return response,
    };
    if let Some(refused) = too_many(body.inputs.len(), LINKS_MAX) {
        return refused;
    }
    let mut state = shared.lock();
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for pair in &body.inputs {
        let ids = pair.from.id.parse::<u64>().ok().zip(pair.to.id.parse::<u64>().ok());
        let linked = match ids {
            Some((id, to_id)) => link_pair(&mut state, from, id, to, to_id),
            None => Err(answer::item_error("VALIDATION_ERROR", "ids are numbers", &[("fromObjectId", &pair.from.id)])),
        };
        match linked {
            Ok(both) => results.extend(both),
            Err(error) => errors.push(error),
        }
    }
    answer::batch(StatusCode::OK, results, errors, started_ms)
}

/// Links a pair; the answer tells both directions.
pub fn link_pair(state: &mut State, from: Kind, id: u64, to: Kind, to_id: u64) -> Result<Vec<Json>, Json> {
    let (deal, contact) = match (from, to) {
        (Kind::Deals, Kind::Contacts) => (id, to_id),
        (Kind::Contacts, Kind::Deals) => (to_id, id),
        (Kind::Contacts, Kind::Contacts) | (Kind::Deals, Kind::Deals) => {
            return Err(answer::item_error("VALIDATION_ERROR", "these kinds have no default association", &[]));
        }
    };
    if state.deals.get(deal).is_none() || state.contacts.get(contact).is_none() {
        let context = [("fromObjectId", id.to_string()), ("toObjectId", to_id.to_string())];
        let context: Vec<(&str, &str)> = context.iter().map(|(name, value)| (*name, value.as_str())).collect();
        return Err(answer::item_error("OBJECT_NOT_FOUND", "One of the objects does not exist", &context));
    }
    if state.link(deal, contact) {
        state.effects.updated += 1;
    }
    let told = |from: u64, to: u64, type_id: i32| {
        json!({
            "from": {"id": from.to_string()},
            "to": {"id": to.to_string()},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id},
        })
    };
    Ok(vec![told(deal, contact, 3), told(contact, deal, 4)])
}

/// Who is linked to whom.
pub async fn read_links(
    shared: Data<Shared>,
    path: Path<(String, String)>,
    body: web::Json<Batch<Key>>,
) -> HttpResponse {
    let started_ms = Utc::now().timestamp_millis();
    let kind = match kind_of(&path.0) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    if let Some(refused) = too_many(body.inputs.len(), LINKS_MAX) {
        return refused;
    }
    let state = shared.lock();
    let type_id = if kind == Kind::Deals { 3 } else { 4 };
    let results = body
        .inputs
        .iter()
        .filter_map(|input| {
            let linked = state.linked(kind, input.id.parse().ok()?);
            let to: Vec<Json> = linked
                .iter()
                .map(|id| {
                    json!({"toObjectId": id, "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": null},
                    ]})
                })
                .collect();
            (!to.is_empty()).then(|| json!({"from": {"id": input.id}, "to": to}))
        })
        .collect();
    answer::batch(StatusCode::OK, results, Vec::new(), started_ms)
}
