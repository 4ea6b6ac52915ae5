//! The audit trail.

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::ApiError;
use actix_web::{get, web};
use app::App;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list);
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
#[utoipa::path(tag = "Audit", params(paging::PageAsk), responses((status = 200, body = Page<AuditBody>)))]
#[get("/audit")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<paging::PageAsk>,
) -> Result<web::Json<Page<AuditBody>>, ApiError> {
    let limit = paging::limit(ask.limit)?;
    let before = paging::place(ask.cursor.as_deref())?;
    let entries = app.audit_trail().page(&caller.scope, before, limit).await?;
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
