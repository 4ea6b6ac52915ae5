//! Rooftops.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use actix_web::{HttpResponse, get, post, put, web};
use app::App;
use app::rooftops::{Rooftop, RooftopForm};
use chrono::{DateTime, Utc};
use domain::RooftopId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(create).service(get_one).service(update);
}

/// A rooftop as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRooftop {
    /// What people call it.
    name: String,
    /// The group's short code for it.
    #[schema(example = "BAY-H")]
    code: String,
    /// IANA name.
    #[schema(example = "America/Los_Angeles")]
    time_zone: String,
    /// Street line.
    #[serde(default)]
    street: String,
    /// City.
    #[serde(default)]
    city: String,
    /// Two letters.
    #[serde(default)]
    state: String,
    /// ZIP.
    #[serde(default)]
    zip: String,
    /// Phone.
    #[serde(default)]
    phone: String,
}

impl From<SetRooftop> for RooftopForm {
    fn from(body: SetRooftop) -> Self {
        Self {
            name: body.name,
            code: body.code,
            time_zone: body.time_zone,
            street: body.street,
            city: body.city,
            state: body.state,
            zip: body.zip,
            phone: body.phone,
        }
    }
}

/// A rooftop.
#[derive(Serialize, ToSchema)]
pub struct RooftopBody {
    /// Id.
    id: Uuid,
    /// What people call it.
    name: String,
    /// The group's short code for it.
    code: String,
    /// IANA name.
    time_zone: String,
    /// Street line.
    street: String,
    /// City.
    city: String,
    /// Two letters.
    state: String,
    /// ZIP.
    zip: String,
    /// Phone.
    phone: String,
    /// Since when.
    created_at: DateTime<Utc>,
}

impl From<Rooftop> for RooftopBody {
    fn from(rooftop: Rooftop) -> Self {
        Self {
            id: rooftop.id.0,
            name: rooftop.name,
            code: rooftop.code,
            time_zone: rooftop.time_zone,
            street: rooftop.street,
            city: rooftop.city,
            state: rooftop.state,
            zip: rooftop.zip,
            phone: rooftop.phone,
            created_at: rooftop.created_at,
        }
    }
}

/// The rooftops that you may see.
#[utoipa::path(tag = "Rooftops", responses((status = 200, body = [RooftopBody])))]
#[get("/rooftops")]
pub async fn list(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<RooftopBody>>, ApiError> {
    let rooftops = app.rooftops().list(&caller.scope).await?;
    Ok(web::Json(rooftops.into_iter().map(RooftopBody::from).collect()))
}

/// Add a rooftop.
#[utoipa::path(tag = "Rooftops", request_body = SetRooftop, responses(
    (status = 201, body = RooftopBody),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/rooftops")]
pub async fn create(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<SetRooftop>,
) -> Result<HttpResponse, ApiError> {
    let rooftop = app.rooftops().create(&caller.scope, &body.into_inner().into()).await?;
    Ok(HttpResponse::Created().json(RooftopBody::from(rooftop)))
}

/// One rooftop.
#[utoipa::path(tag = "Rooftops", params(("id" = Uuid, Path)), responses(
    (status = 200, body = RooftopBody),
    (status = 404, description = "No such rooftop.", body = Problem),
))]
#[get("/rooftops/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<RooftopId>,
    app: web::Data<App>,
) -> Result<web::Json<RooftopBody>, ApiError> {
    Ok(web::Json(app.rooftops().get(&caller.scope, id.into_inner()).await?.into()))
}

/// Change a rooftop.
#[utoipa::path(tag = "Rooftops", params(("id" = Uuid, Path)), request_body = SetRooftop, responses(
    (status = 200, body = RooftopBody),
    (status = 404, description = "No such rooftop.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/rooftops/{id}")]
pub async fn update(
    caller: Caller,
    id: web::Path<RooftopId>,
    app: web::Data<App>,
    body: web::Json<SetRooftop>,
) -> Result<web::Json<RooftopBody>, ApiError> {
    let rooftop = app.rooftops().update(&caller.scope, id.into_inner(), &body.into_inner().into()).await?;
    Ok(web::Json(rooftop.into()))
}
