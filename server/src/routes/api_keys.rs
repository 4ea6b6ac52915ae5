//! API keys.

use crate::caller::{Caller, Person};
use crate::problem::{ApiError, Problem};
use actix_web::{HttpResponse, delete, get, post, web};
use app::App;
use app::api_keys::{KeyShown, MakeKey, OVERLAP};
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Permission;
use domain::{ApiKeyId, RooftopId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(make).service(rotate).service(revoke);
}

/// A key that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeKeyBody {
    /// What people call it.
    name: String,
    /// What it may do; at most what you may.
    #[schema(value_type = Vec<String>, example = json!(["read_records", "run_sync"]))]
    scopes: Vec<Permission>,
    /// Limit it to one rooftop.
    #[schema(value_type = Option<Uuid>)]
    rooftop: Option<RooftopId>,
    /// Until when it works.
    expires_at: Option<DateTime<Utc>>,
}

/// A key.
#[derive(Serialize, ToSchema)]
pub struct KeyBody {
    /// Id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// Its first characters.
    prefix: String,
    /// What it may do, at most what its maker may.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<Permission>,
    /// Limited to one rooftop.
    rooftop: Option<Uuid>,
    /// Who made it.
    made_by: Uuid,
    /// When.
    created_at: DateTime<Utc>,
    /// Until when it works.
    expires_at: Option<DateTime<Utc>>,
    /// Last used, to the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// Since when it does not work any more.
    revoked_at: Option<DateTime<Utc>>,
    /// The key that takes its place; until this one ends, both work.
    replaced_by: Option<Uuid>,
}

impl From<KeyShown> for KeyBody {
    fn from(key: KeyShown) -> Self {
        Self {
            id: key.id.0,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            rooftop: key.rooftop.map(|id| id.0),
            made_by: key.made_by.0,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            replaced_by: key.replaced_by.map(|id| id.0),
        }
    }
}

/// A new key: the only time its secret is told.
#[derive(Serialize, ToSchema)]
pub struct KeyMadeBody {
    /// The key.
    key: KeyBody,
    /// The whole of it: send it as `Authorization: Bearer …`.
    secret: String,
}

/// All keys of the group, newest first.
#[utoipa::path(tag = "API keys", responses((status = 200, body = [KeyBody])))]
#[get("/api-keys")]
pub async fn list(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<KeyBody>>, ApiError> {
    let keys = app.api_keys().list(&caller.scope).await?;
    Ok(web::Json(keys.into_iter().map(KeyBody::from).collect()))
}

/// Make a key. Only a person who is signed in can.
#[utoipa::path(tag = "API keys", request_body = MakeKeyBody, responses(
    (status = 201, description = "Made; its secret is told this once.", body = KeyMadeBody),
    (status = 403, description = "A scope that you do not have.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/api-keys")]
pub async fn make(person: Person, app: web::Data<App>, body: web::Json<MakeKeyBody>) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = MakeKey { name: body.name, scopes: body.scopes, rooftop: body.rooftop, expires_at: body.expires_at };
    let made = app.api_keys().make(person.scope()?, ask).await?;
    Ok(HttpResponse::Created().json(KeyMadeBody { key: made.key.into(), secret: made.secret }))
}

/// A key that is to be replaced.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateKeyBody {
    /// So long the older key goes on, 0 to 168; 24 where absent.
    #[schema(minimum = 0, maximum = 168)]
    overlap_hours: Option<u16>,
}

/// Make a key in place of an older one, with its name, scopes and rooftop; both work for a time. Only a person who is
/// signed in can.
#[utoipa::path(tag = "API keys", params(("id" = Uuid, Path)), request_body = RotateKeyBody, responses(
    (status = 201, description = "Made; its secret is told this once.", body = KeyMadeBody),
    (status = 403, description = "The key has a scope that you do not have.", body = Problem),
    (status = 404, description = "No such key.", body = Problem),
    (status = 409, description = "The key has ended, or has a successor.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/api-keys/{id}/rotate")]
pub async fn rotate(
    person: Person,
    id: web::Path<ApiKeyId>,
    app: web::Data<App>,
    body: web::Json<RotateKeyBody>,
) -> Result<HttpResponse, ApiError> {
    let overlap = body.overlap_hours.map_or(OVERLAP, |hours| TimeDelta::hours(i64::from(hours)));
    let made = app.api_keys().rotate(person.scope()?, id.into_inner(), overlap).await?;
    Ok(HttpResponse::Created().json(KeyMadeBody { key: made.key.into(), secret: made.secret }))
}

/// End a key at once.
#[utoipa::path(tag = "API keys", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "It works no more."),
    (status = 404, description = "No such key.", body = Problem),
))]
#[delete("/api-keys/{id}")]
pub async fn revoke(caller: Caller, id: web::Path<ApiKeyId>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.api_keys().revoke(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}
