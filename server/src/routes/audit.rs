//! The audit trail.

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use app::App;
use app::audit_trail::Filter;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(export);
}

/// Which entries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuditAsk {
    /// `next` of the page before; absent for the first.
    cursor: Option<String>,
    /// Entries on the page, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// person, api_key, driveline.
    actor_kind: Option<String>,
    /// A person or a key.
    actor: Option<Uuid>,
    /// noun.verb.
    action: Option<String>,
    /// What it was done to.
    subject_kind: Option<String>,
    /// Which one.
    subject: Option<String>,
    /// From this moment on.
    from: Option<DateTime<Utc>>,
    /// Before this moment.
    until: Option<DateTime<Utc>>,
}

impl AuditAsk {
    fn filter(self) -> Filter {
        let Self { cursor: _, limit: _, actor_kind, actor, action, subject_kind, subject, from, until } = self;
        Filter { actor_kind, actor, action, subject_kind, subject, from, until }
    }
}

/// An entry; each is chained to the one before by its hash.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditBody {
    /// Place in the chain, from 1.
    seq: i64,
    /// Id.
    id: Uuid,
    /// When.
    at: DateTime<Utc>,
    /// person, api_key, driveline.
    actor_kind: String,
    /// Who.
    actor: Option<Uuid>,
    /// noun.verb.
    #[schema(example = "connection.created")]
    action: String,
    /// What it was done to.
    subject_kind: String,
    /// Which one.
    subject: String,
    /// More, without personal values or credentials.
    #[schema(value_type = Object)]
    detail: Json,
    /// SHA-256 over this entry and the hash of the one before, in hex.
    hash: String,
}

/// The trail, newest first.
#[utoipa::path(tag = "Audit", params(AuditAsk), responses((status = 200, body = Page<AuditBody>)))]
#[get("/audit")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<AuditAsk>,
) -> Result<web::Json<Page<AuditBody>>, ApiError> {
    let ask = ask.into_inner();
    let limit = paging::limit(ask.limit)?;
    let before = paging::place(ask.cursor.as_deref())?;
    let entries = app.audit_trail().page(&caller.scope, &ask.filter(), before, limit).await?;
    let items = entries
        .into_iter()
        .map(|entry| AuditBody {
            seq: entry.seq,
            id: entry.id,
            at: entry.at,
            actor_kind: entry.actor_kind,
            actor: entry.actor_id,
            action: entry.action,
            subject_kind: entry.subject_kind,
            subject: entry.subject_id,
            detail: entry.detail,
            hash: entry.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
        .collect();
    Ok(web::Json(Page::of(items, limit, |entry: &AuditBody| entry.seq)))
}

/// The trail as CSV, newest first, at most 50,000 entries. No cell is a formula. The export is an entry of the trail.
#[utoipa::path(tag = "Audit", params(AuditAsk), responses(
    (status = 200, description = "The table; `cursor` and `limit` are not looked at.", body = String, content_type = "text/csv"),
    (status = 422, description = "More entries match.", body = Problem),
))]
#[get("/audit/export")]
pub async fn export(caller: Caller, app: web::Data<App>, ask: web::Query<AuditAsk>) -> Result<HttpResponse, ApiError> {
    let table = app.audit_trail().export(&caller.scope, &ask.into_inner().filter()).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""))
        .body(table))
}
