//! The CRM routes: who may call, how often, and reading and writing records one by one.

use super::outbox::Told;
use super::table::{Properties, Refused, Wrote};
use super::{Kind, Shared, State, answer, batch, search};
use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::Instant;
use uuid::Uuid;

/// The largest page of a list.
const LIST_MAX: usize = 100;

/// The routes below `/crm`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/v3/properties/{kind}", web::post().to(define))
        .route("/v3/properties/{kind}/{name}", web::get().to(definition))
        .route("/v4/associations/{from}/{to}/batch/read", web::post().to(batch::read_links))
        .route("/v4/associations/{from}/{to}/batch/associate/default", web::post().to(batch::link));
    // The dated and the numbered address lead to the same thing.
    for prefix in ["/objects/{version}", "/{version}/objects"] {
        config.service(
            web::scope(prefix)
                .route("/{kind}", web::get().to(list))
                .route("/{kind}", web::post().to(create))
                .route("/{kind}/search", web::post().to(search::search))
                .route("/{kind}/batch/read", web::post().to(batch::read))
                .route("/{kind}/batch/update", web::post().to(batch::update))
                .route("/{kind}/batch/upsert", web::post().to(batch::upsert))
                .route("/{kind}/batch/archive", web::post().to(batch::archive))
                .route("/{kind}/{id}", web::get().to(one))
                .route("/{kind}/{id}", web::patch().to(patch))
                .route("/{kind}/{id}", web::delete().to(archive))
                .route("/{kind}/{id}/associations/default/{to}/{to_id}", web::put().to(link)),
        );
    }
}

/// Checks the bearer token, then the rate limit, and puts the limit's headers on every answer.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<BoxBody>>, actix_web::Error> {
    let Some(shared) = request.app_data::<Data<Shared>>().cloned() else {
        return Ok(request
            .into_response(HttpResponse::InternalServerError())
            .map_into_boxed_body()
            .map_into_left_body());
    };
    let now = Instant::now();
    let token = request.headers().get("Authorization").and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let (known, allowance, limits) = {
        let mut state = shared.lock();
        let known = state.grants.accepts(&token, now);
        (known, known.then(|| state.meter.count(now)), state.meter.limits.clone())
    };
    if !known {
        let response = answer::error(
            StatusCode::UNAUTHORIZED,
            "EXPIRED_AUTHENTICATION",
            "The access token is expired or unknown.",
        );
        return Ok(request.into_response(response).map_into_boxed_body().map_into_left_body());
    }
    let refused = allowance.as_ref().and_then(|a| a.refused_by.map(|policy| (policy, a.wait)));
    let mut answered = match refused {
        Some((policy, wait)) => {
            let mut response = too_many(policy);
            if limits.tells_retry_after {
                let seconds = wait.as_millis().div_ceil(1000).max(1).to_string();
                if let Ok(value) = HeaderValue::from_str(&seconds) {
                    response.headers_mut().insert(actix_web::http::header::RETRY_AFTER, value);
                }
            }
            request.into_response(response).map_into_boxed_body().map_into_left_body()
        }
        None => next.call(request).await?.map_into_boxed_body().map_into_right_body(),
    };
    if let Some(allowance) = allowance {
        let told = [
            ("x-hubspot-ratelimit-interval-milliseconds", limits.window_ms),
            ("x-hubspot-ratelimit-max", u64::from(limits.calls)),
            ("x-hubspot-ratelimit-remaining", u64::from(allowance.remaining)),
            ("x-hubspot-ratelimit-daily", limits.daily),
            ("x-hubspot-ratelimit-daily-remaining", allowance.daily_remaining),
        ];
        for (name, value) in told.iter().filter(|_| limits.calls > 0) {
            answered.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(*value));
        }
    }
    Ok(answered)
}

/// The vendor's own 429.
fn too_many(policy: &str) -> HttpResponse {
    let message = match policy {
        "DAILY" => "You have reached your daily limit.",
        _ => "You have reached your ten_secondly_rolling limit.",
    };
    HttpResponse::TooManyRequests().json(json!({
        "status": "error",
        "message": message,
        "errorType": "RATE_LIMIT",
        "correlationId": Uuid::new_v4().to_string(),
        "policyName": policy,
        "requestId": Uuid::new_v4().to_string(),
    }))
}

/// The kind in an address.
#[expect(clippy::result_large_err, reason = "the error is the answer, and is sent at once")]
pub fn kind_of(text: &str) -> Result<Kind, HttpResponse> {
    Kind::named(text).ok_or_else(|| {
        answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &format!("Unable to infer object type from: {text}"))
    })
}

/// What a read asks for.
#[derive(Deserialize, Default)]
pub struct Wanted {
    limit: Option<usize>,
    after: Option<String>,
    properties: Option<String>,
    associations: Option<String>,
    #[serde(default)]
    archived: bool,
    #[serde(rename = "idProperty")]
    id_property: Option<String>,
}

fn names(list: Option<&str>) -> Vec<String> {
    list.unwrap_or_default().split(',').filter(|name| !name.is_empty()).map(|name| name.trim().to_owned()).collect()
}

/// What comes where no properties are asked for.
fn usual(kind: Kind) -> Vec<String> {
    let names: &[&str] = match kind {
        Kind::Contacts => &["firstname", "lastname", "email"],
        Kind::Deals => &["dealname", "amount", "closedate", "pipeline", "dealstage"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The wanted properties, or the usual ones.
pub fn wanted_or_usual(kind: Kind, wanted: Vec<String>) -> Vec<String> {
    if wanted.is_empty() { usual(kind) } else { wanted }
}

async fn list(
    shared: Data<Shared>,
    path: Path<(String, String)>,
    ask: Query<Wanted>,
    call: HttpRequest,
) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let limit = ask.limit.unwrap_or(10);
    if limit == 0 || limit > LIST_MAX {
        return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "limit must be between 1 and 100");
    }
    let Ok(mut after) = ask.after.as_deref().filter(|text| !text.is_empty()).map_or(Ok(0), str::parse::<u64>) else {
        return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "after is not a token of this list");
    };
    let state = shared.lock();
    let table = state.table(kind);
    if after > 0 && shared.faults.take_own(super::KEY, call.path(), &crate::faults::Fault::SamePage) {
        after = page_before(&state, kind, after, limit);
    }
    let (properties, links) =
        (wanted_or_usual(kind, names(ask.properties.as_deref())), names(ask.associations.as_deref()));
    let rows: Box<dyn Iterator<Item = (u64, &super::table::Row)>> =
        if ask.archived { Box::new(table.archived_from(after)) } else { Box::new(table.from(after)) };
    let mut found: Vec<_> = rows.take(limit + 1).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let results: Vec<Json> = found
        .iter()
        .map(|(id, row)| {
            let mut object = answer::object(kind, table, *id, row, Some(&properties), ask.archived);
            if let Some(associations) = answer::associations(&state, kind, *id, &links) {
                object["associations"] = associations;
            }
            object
        })
        .collect();
    let mut body = json!({ "results": results });
    if let (true, Some((last, _))) = (more, found.last()) {
        body["paging"] = json!({"next": {"after": last.to_string(), "link": format!("{}?after={last}", call.path())}});
    }
    if shared.faults.take_own(super::KEY, call.path(), &crate::faults::Fault::Drift) {
        drift(&mut body);
    }
    HttpResponse::Ok().json(body)
}

/// The token of the page that came before the one after `after`.
fn page_before(state: &State, kind: Kind, after: u64, limit: usize) -> u64 {
    let before: Vec<u64> = state.table(kind).from(0).map(|(id, _)| id).take_while(|id| *id <= after).collect();
    before.len().checked_sub(limit + 1).and_then(|place| before.get(place)).copied().unwrap_or(0)
}

/// What a release of the vendor does: a field has another name, and there is one more.
fn drift(body: &mut Json) {
    for object in body["results"].as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        if let Some(updated) = object.remove("updatedAt") {
            object.insert("modifiedAt".to_owned(), updated);
        }
        object.insert("loyaltyTier".to_owned(), json!("gold"));
    }
}

async fn one(shared: Data<Shared>, path: Path<(String, String, String)>, ask: Query<Wanted>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let state = shared.lock();
    let table = state.table(kind);
    let id = match ask.id_property.as_deref() {
        Some(property) => table.find(property, &path.2),
        None => path.2.parse().ok(),
    };
    let row = id.and_then(|id| {
        let row = if ask.archived { table.get_archived(id) } else { table.get(id) };
        row.map(|row| (id, row))
    });
    let Some((id, row)) = row else { return not_found() };
    let properties = wanted_or_usual(kind, names(ask.properties.as_deref()));
    let mut object = answer::object(kind, table, id, row, Some(&properties), ask.archived);
    if let Some(links) = answer::associations(&state, kind, id, &names(ask.associations.as_deref())) {
        object["associations"] = links;
    }
    HttpResponse::Ok().json(object)
}

fn not_found() -> HttpResponse {
    answer::error(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "Object not found. objectId are usually numeric.")
}

/// The body of a write of one record.
#[derive(Deserialize)]
struct Write {
    properties: Properties,
}

async fn create(shared: Data<Shared>, path: Path<(String, String)>, body: web::Json<Write>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let mut state = shared.lock();
    if let Some(name) = state.undefined(kind, body.properties.keys()) {
        return answer::unknown_property(name);
    }
    let now_ms = Utc::now().timestamp_millis();
    let mut properties = body.into_inner().properties;
    batch::fill(kind, &mut properties);
    match state.table_mut(kind).create(&properties, now_ms) {
        Ok(id) => {
            state.effects.created += 1;
            shared.outbox.tell(Told::created(kind, id, &properties, "INTEGRATION"));
            let table = state.table(kind);
            let Some(row) = table.get(id) else { return not_found() };
            HttpResponse::Created().json(answer::object(kind, table, id, row, None, false))
        }
        Err(refused) => conflict(kind, &refused),
    }
}

fn conflict(kind: Kind, refused: &Refused) -> HttpResponse {
    match refused {
        Refused::NotFound => not_found(),
        Refused::Conflict { existing, .. } => {
            let name = if kind == Kind::Contacts { "Contact" } else { "Deal" };
            let message = format!("{name} already exists. Existing ID: {existing}");
            answer::error(StatusCode::CONFLICT, "CONFLICT", &message)
        }
    }
}

async fn patch(shared: Data<Shared>, path: Path<(String, String, String)>, body: web::Json<Write>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let Ok(id) = path.2.parse() else { return not_found() };
    let mut state = shared.lock();
    if let Some(name) = state.undefined(kind, body.properties.keys()) {
        return answer::unknown_property(name);
    }
    match state.table_mut(kind).update(id, &body.properties, Utc::now().timestamp_millis()) {
        Ok(wrote) => {
            if wrote == Wrote::Changed {
                state.effects.updated += 1;
                shared.outbox.tell(Told::changed(kind, id, &body.properties, "INTEGRATION"));
            }
            let table = state.table(kind);
            let Some(row) = table.get(id) else { return not_found() };
            HttpResponse::Ok().json(answer::object(kind, table, id, row, None, false))
        }
        Err(refused) => conflict(kind, &refused),
    }
}

async fn archive(shared: Data<Shared>, path: Path<(String, String, String)>) -> HttpResponse {
    let kind = match kind_of(&path.1) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    if let Ok(id) = path.2.parse() {
        batch::archive_one(&shared, &mut shared.lock(), kind, id, "INTEGRATION");
    }
    HttpResponse::NoContent().finish()
}

async fn link(shared: Data<Shared>, path: Path<(String, String, String, String, String)>) -> HttpResponse {
    let (_, kind, id, to, to_id) = path.into_inner();
    let (Some(kind), Some(to), Ok(id), Ok(to_id)) = (Kind::named(&kind), Kind::named(&to), id.parse(), to_id.parse())
    else {
        return not_found();
    };
    let started_ms = Utc::now().timestamp_millis();
    let mut state = shared.lock();
    match batch::link_pair(&mut state, kind, id, to, to_id) {
        Ok(results) => answer::batch(StatusCode::OK, results, Vec::new(), started_ms),
        Err(error) => answer::batch(StatusCode::OK, Vec::new(), vec![error], started_ms),
    }
}

/// A property of the account's own.
#[derive(Deserialize)]
struct Definition {
    name: String,
    #[serde(rename = "hasUniqueValue", default)]
    has_unique_value: bool,
}

async fn define(shared: Data<Shared>, path: Path<String>, body: web::Json<Json>) -> HttpResponse {
    let kind = match kind_of(&path) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    let Ok(wanted) = serde_json::from_value::<Definition>(body.0.clone()) else {
        return answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "name is missing");
    };
    let mut state = shared.lock();
    let key = (kind.name(), wanted.name.clone());
    if state.defined.contains_key(&key) {
        let message = format!("A property named '{}' already exists.", wanted.name);
        return answer::error(StatusCode::CONFLICT, "OBJECT_ALREADY_EXISTS", &message);
    }
    state.defined.insert(key, wanted.has_unique_value);
    HttpResponse::Created().json(body.0)
}

async fn definition(shared: Data<Shared>, path: Path<(String, String)>) -> HttpResponse {
    let kind = match kind_of(&path.0) {
        Ok(kind) => kind,
        Err(response) => return response,
    };
    match shared.lock().defined.get(&(kind.name(), path.1.clone())) {
        Some(unique) => HttpResponse::Ok().json(json!({"name": path.1, "type": "string", "hasUniqueValue": unique})),
        None => answer::error(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "property does not exist"),
    }
}
