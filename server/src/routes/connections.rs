//! Connections: one system of one rooftop or of the group.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::{ObjectName, RoleName};
use actix_web::{HttpResponse, delete, get, patch, post, put, web};
use app::App;
use app::connections::{ChangeConnection, Connect, ConnectionShown, SetObject, TestShown};
use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RooftopId, SystemRole};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list)
        .service(connect)
        .service(get_one)
        .service(change)
        .service(remove)
        .service(try_out)
        .service(pause)
        .service(resume)
        .service(set_object)
        .service(renew_address);
}

/// A connection that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectBody {
    /// Key of the system; see the catalogue.
    connector: String,
    /// What people call it.
    name: String,
    /// One rooftop's; the group's where absent.
    #[schema(value_type = Option<Uuid>)]
    rooftop: Option<RooftopId>,
    /// The part the system plays; the usual one where absent.
    #[schema(value_type = Option<RoleName>)]
    role: Option<SystemRole>,
    /// Settings and credentials by the names of the system's form.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// What shall be different.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    /// What people call it.
    name: Option<String>,
    /// The part the system plays.
    #[schema(value_type = Option<RoleName>)]
    role: Option<SystemRole>,
    /// Settings and credentials; those not named stay, and so does a credential that is left empty.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// What shall be done with an object.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectBody {
    /// Whether it is read.
    pull: bool,
    /// none, update_only, create_and_update, feed.
    push: String,
}

/// A connection. Credentials are never shown.
#[derive(Serialize, ToSchema)]
pub struct ConnectionBody {
    /// Id.
    id: Uuid,
    /// Key of the system.
    connector: String,
    /// The vendor's product name.
    connector_name: String,
    /// One rooftop's; the group's where absent.
    rooftop: Option<Uuid>,
    /// The part the system plays.
    #[schema(value_type = RoleName)]
    role: SystemRole,
    /// What people call it.
    name: String,
    /// Settings.
    settings: BTreeMap<String, String>,
    /// Which credentials are stored, and since when.
    credentials: Vec<CredentialBody>,
    /// draft (not tested yet), active, paused, broken.
    #[schema(example = "active")]
    state: &'static str,
    /// Why it is so.
    state_reason: String,
    /// When it was last tested and found good.
    tested_at: Option<DateTime<Utc>>,
    /// What it does with each object.
    objects: Vec<ConnectionObject>,
    /// Where the system sends webhooks or documents; only for those who may manage connections.
    ingress_url: Option<String>,
    /// Whether the vendor's own sign-in page is used.
    has_oauth: bool,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Last changed.
    updated_at: DateTime<Utc>,
}

/// A stored credential.
#[derive(Serialize, ToSchema)]
pub struct CredentialBody {
    /// Its name in the form.
    field: String,
    /// Since when it is this one.
    updated_at: DateTime<Utc>,
}

/// What a connection does with an object.
#[derive(Serialize, ToSchema)]
pub struct ConnectionObject {
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// Whether it is read.
    pull: bool,
    /// none, update_only, create_and_update, feed.
    push: String,
    /// When all of it was read last.
    full_at: Option<DateTime<Utc>>,
    /// When a pull succeeded last.
    succeeded_at: Option<DateTime<Utc>>,
    /// Version of your lines over the mapping.
    mapping_version: i32,
    /// Names in payloads that the mapping does not know, and since when.
    drift: BTreeMap<String, String>,
    /// For feeds: when it was published last.
    feed_published_at: Option<DateTime<Utc>>,
}

impl From<ConnectionShown> for ConnectionBody {
    fn from(connection: ConnectionShown) -> Self {
        Self {
            id: connection.id.0,
            connector: connection.connector,
            connector_name: connection.connector_name,
            rooftop: connection.rooftop.map(|id| id.0),
            role: connection.role,
            name: connection.name,
            settings: connection.settings,
            credentials: connection
                .credentials
                .into_iter()
                .map(|held| CredentialBody { field: held.field, updated_at: held.updated_at })
                .collect(),
            state: connection.state.name(),
            state_reason: connection.state_reason,
            tested_at: connection.tested_at,
            objects: connection
                .objects
                .into_iter()
                .map(|object| ConnectionObject {
                    object: object.object,
                    pull: object.pull,
                    push: object.push,
                    full_at: object.full_at,
                    succeeded_at: object.succeeded_at,
                    mapping_version: object.mapping_version,
                    drift: object.drift,
                    feed_published_at: object.feed_published_at,
                })
                .collect(),
            ingress_url: connection.ingress_url,
            has_oauth: connection.has_oauth,
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        }
    }
}

/// A test's result. A failed step is a result, not an error.
#[derive(Serialize, ToSchema)]
pub struct TestBody {
    /// Whether every step went well; then the connection is active.
    is_good: bool,
    /// The steps in order.
    steps: Vec<StepBody>,
    /// A few real records per object; only for those who may read records.
    samples: Vec<SampleBody>,
}

/// One step of a test.
#[derive(Serialize, ToSchema)]
pub struct StepBody {
    /// What was tried.
    name: String,
    /// good, bad, skipped.
    #[schema(value_type = String)]
    outcome: Json,
    /// The system's own words, redacted, or ours.
    said: String,
    /// How to fix it; empty where it went well.
    fix: String,
}

/// A few real records of one object.
#[derive(Serialize, ToSchema)]
pub struct SampleBody {
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// As the system sent them.
    #[schema(value_type = Vec<Object>)]
    payloads: Vec<Json>,
}

impl From<TestShown> for TestBody {
    fn from(test: TestShown) -> Self {
        Self {
            is_good: test.is_good,
            steps: test
                .steps
                .into_iter()
                .map(|step| StepBody {
                    outcome: serde_json::to_value(step.outcome).unwrap_or_default(),
                    name: step.name,
                    said: step.said,
                    fix: step.fix,
                })
                .collect(),
            samples: test
                .samples
                .into_iter()
                .map(|sample| SampleBody { object: sample.object, payloads: sample.payloads })
                .collect(),
        }
    }
}

/// The connections that you may see.
#[utoipa::path(tag = "Connections", responses((status = 200, body = [ConnectionBody])))]
#[get("/connections")]
pub async fn list(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<ConnectionBody>>, ApiError> {
    let connections = app.connections().list(&caller.scope).await?;
    Ok(web::Json(connections.into_iter().map(ConnectionBody::from).collect()))
}

/// Connect a system. It is a draft until a test finds it good.
#[utoipa::path(tag = "Connections", request_body = ConnectBody, responses(
    (status = 201, body = ConnectionBody),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/connections")]
pub async fn connect(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<ConnectBody>,
) -> Result<HttpResponse, ApiError> {
    let body = body.into_inner();
    let ask = Connect {
        connector: body.connector,
        name: body.name,
        rooftop: body.rooftop,
        role: body.role,
        values: body.values,
    };
    let made = app.connections().connect(&caller.scope, ask).await?;
    Ok(HttpResponse::Created().json(ConnectionBody::from(made)))
}

/// One connection.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[get("/connections/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    Ok(web::Json(app.connections().get(&caller.scope, id.into_inner()).await?.into()))
}

/// Change a connection.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), request_body = ChangeBody, responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[patch("/connections/{id}")]
pub async fn change(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
    body: web::Json<ChangeBody>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    let body = body.into_inner();
    let ask = ChangeConnection { name: body.name, role: body.role, values: body.values };
    Ok(web::Json(app.connections().change(&caller.scope, id.into_inner(), ask).await?.into()))
}

/// Delete a connection that has moved nothing yet; pause one that has.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Gone."),
    (status = 404, description = "No such connection.", body = Problem),
    (status = 409, description = "It has moved records.", body = Problem),
))]
#[delete("/connections/{id}")]
pub async fn remove(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    app.connections().delete(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Test a connection step by step. It changes nothing in the system; a good test makes the connection active.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = TestBody),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[post("/connections/{id}/test")]
pub async fn try_out(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<TestBody>, ApiError> {
    Ok(web::Json(app.connections().test(&caller.scope, id.into_inner()).await?.into()))
}

/// Stop a connection: nothing is read or written, nothing is missed.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[post("/connections/{id}/pause")]
pub async fn pause(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    Ok(web::Json(app.connections().pause(&caller.scope, id.into_inner()).await?.into()))
}

/// Let a connection go on.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection.", body = Problem),
    (status = 409, description = "It was never tested.", body = Problem),
))]
#[post("/connections/{id}/resume")]
pub async fn resume(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    Ok(web::Json(app.connections().resume(&caller.scope, id.into_inner()).await?.into()))
}

/// Set whether an object is read and how it is written.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), request_body = ObjectBody, responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection, or the system does not know the object.", body = Problem),
    (status = 422, description = "The system cannot do that.", body = Problem),
))]
#[put("/connections/{id}/objects/{object}")]
pub async fn set_object(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
    body: web::Json<ObjectBody>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    let (id, object) = path.into_inner();
    let body = body.into_inner();
    let ask = SetObject { object, pull: body.pull, push: body.push };
    Ok(web::Json(app.connections().set_object(&caller.scope, id, ask).await?.into()))
}

/// Give a connection a new address for webhooks and documents; the old one ends at once.
#[utoipa::path(tag = "Connections", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ConnectionBody),
    (status = 404, description = "No such connection, or the system sends nothing by itself.", body = Problem),
))]
#[post("/connections/{id}/ingress/renew")]
pub async fn renew_address(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<ConnectionBody>, ApiError> {
    Ok(web::Json(app.connections().renew_ingress(&caller.scope, id.into_inner()).await?.into()))
}
