//! What the vendor's answers look like.

use super::table::{Row, Table};
use super::{Kind, State};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

/// A moment as the vendor writes it.
pub fn moment(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An error body.
pub fn error(status: StatusCode, category: &str, message: &str) -> HttpResponse {
    let correlation = Uuid::new_v4().to_string();
    HttpResponse::build(status).insert_header(("X-HubSpot-Correlation-Id", correlation.clone())).json(json!({
        "status": "error",
        "message": message,
        "correlationId": correlation,
        "category": category,
    }))
}

/// Properties that were written to but that the account does not have.
pub fn unknown_property(name: &str) -> HttpResponse {
    let detail = json!([{
        "isValid": false,
        "message": format!("Property \"{name}\" does not exist"),
        "error": "PROPERTY_DOESNT_EXIST",
        "name": name,
    }]);
    error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &format!("Property values were not valid: {detail}"))
}

/// One entry of `errors` in a 207.
pub fn item_error(category: &str, message: &str, context: &[(&str, &str)]) -> Json {
    let context: Map<String, Json> = context.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    json!({
        "status": "error",
        "category": category,
        "message": message,
        "context": context,
        "errors": [],
        "links": {},
    })
}

/// A batch's answer: 200, or 207 where some inputs failed.
pub fn batch(ok: StatusCode, results: Vec<Json>, errors: Vec<Json>, started_ms: i64) -> HttpResponse {
    let now = moment(chrono::Utc::now().timestamp_millis());
    let mut body = json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": moment(started_ms),
        "completedAt": now,
    });
    if errors.is_empty() {
        return HttpResponse::build(ok).json(body);
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = Json::Array(errors);
    HttpResponse::MultiStatus().json(body)
}

/// A record with the wanted properties; those that are always told come too.
pub fn object(kind: Kind, table: &Table, id: u64, row: &Row, wanted: Option<&[String]>, archived: bool) -> Json {
    let mut properties = Map::new();
    match wanted {
        Some(wanted) => {
            for name in wanted {
                if let Some(value) = table.value(row, name) {
                    properties.insert(name.clone(), json!(value));
                }
            }
        }
        None => {
            for (name, value) in table.properties(row) {
                properties.insert(name, Json::String(value));
            }
        }
    }
    properties.insert("createdate".to_owned(), json!(moment(row.created_ms)));
    properties.insert(kind.changed_property().to_owned(), json!(moment(row.changed_ms)));
    properties.insert("hs_object_id".to_owned(), json!(id.to_string()));
    let mut object = json!({
        "id": id.to_string(),
        "properties": properties,
        "createdAt": moment(row.created_ms),
        "updatedAt": moment(row.changed_ms),
        "archived": archived,
    });
    if archived {
        object["archivedAt"] = json!(moment(row.changed_ms));
    }
    object
}

/// The `associations` of a record, where they are asked for.
pub fn associations(state: &State, kind: Kind, id: u64, wanted: &[String]) -> Option<Json> {
    let other = kind.other();
    if !wanted.iter().any(|name| other.is_named(name)) {
        return None;
    }
    let linked = state.linked(kind, id);
    if linked.is_empty() {
        return None;
    }
    let label = match kind {
        Kind::Contacts => "contact_to_deal",
        Kind::Deals => "deal_to_contact",
    };
    let results: Vec<Json> = linked.iter().map(|id| json!({"id": id.to_string(), "type": label})).collect();
    Some(json!({ other.name(): { "results": results } }))
}
