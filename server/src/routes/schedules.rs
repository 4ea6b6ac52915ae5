//! Schedules: when an object of a connection is read.

use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::wire::ObjectName;
use actix_web::{HttpResponse, delete, get, post, put, web};
use app::App;
use app::schedules::{ScheduleShown, SetSchedule};
use chrono::{DateTime, Utc};
use domain::schedule::{Cadence, CatchUp, Window};
use domain::{ConnectionId, ObjectKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(set).service(preview).service(remove);
}

/// How often, as the document shows it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used; values are `domain::schedule::Cadence`")]
pub struct CadenceBody {
    /// minutes, hourly, nightly, cron.
    #[schema(example = "minutes")]
    every: String,
    /// For `minutes`: 1 to 59.
    #[schema(example = 15)]
    minutes: Option<u32>,
    /// For `hourly`: 0 to 59.
    minute: Option<u32>,
    /// For `nightly`: local time of the rooftop, `HH:MM:SS`.
    at: Option<String>,
    /// For `cron`: five fields.
    expression: Option<String>,
}

/// Local hours, as the document shows them; they may cross midnight.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; values are `domain::schedule::Window`")]
pub struct WindowBody {
    /// First local time inside, `HH:MM:SS`.
    #[schema(example = "22:00:00")]
    from: String,
    /// First local time outside again, `HH:MM:SS`.
    #[schema(example = "06:00:00")]
    until: String,
}

/// A schedule as it shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetScheduleBody {
    /// How often.
    #[schema(value_type = CadenceBody)]
    cadence: Cadence,
    /// Local hours outside which nothing is read.
    #[schema(value_type = Option<WindowBody>)]
    open_hours: Option<Window>,
    /// What to do about ticks that were missed: once, all, skip.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    catch_up: CatchUp,
    /// Whether it fires; yes where absent.
    enabled: Option<bool>,
    /// IANA name of the zone; the rooftop's where absent.
    time_zone: Option<String>,
}

impl From<SetScheduleBody> for SetSchedule {
    fn from(body: SetScheduleBody) -> Self {
        Self {
            cadence: body.cadence,
            open_hours: body.open_hours,
            catch_up: body.catch_up,
            enabled: body.enabled.unwrap_or(true),
            time_zone: body.time_zone,
        }
    }
}

/// A schedule.
#[derive(Serialize, ToSchema)]
pub struct ScheduleBody {
    /// The object.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// How often.
    #[schema(value_type = CadenceBody)]
    cadence: Cadence,
    /// The same in words.
    described: String,
    /// Local hours outside which nothing is read.
    #[schema(value_type = Option<WindowBody>)]
    open_hours: Option<Window>,
    /// once, all, skip.
    #[schema(value_type = String)]
    catch_up: CatchUp,
    /// IANA name of the zone.
    time_zone: String,
    /// Whether it fires.
    enabled: bool,
    /// The next times.
    next: Vec<DateTime<Utc>>,
}

impl From<ScheduleShown> for ScheduleBody {
    fn from(schedule: ScheduleShown) -> Self {
        Self {
            object: schedule.object,
            cadence: schedule.cadence,
            described: schedule.described,
            open_hours: schedule.open_hours,
            catch_up: schedule.catch_up,
            time_zone: schedule.time_zone,
            enabled: schedule.enabled,
            next: schedule.next,
        }
    }
}

/// The schedules of a connection.
#[utoipa::path(tag = "Schedules", params(("id" = Uuid, Path)), responses(
    (status = 200, body = [ScheduleBody]),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[get("/connections/{id}/schedules")]
pub async fn list(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
) -> Result<web::Json<Vec<ScheduleBody>>, ApiError> {
    let schedules = app.schedules().list(&caller.scope, id.into_inner()).await?;
    Ok(web::Json(schedules.into_iter().map(ScheduleBody::from).collect()))
}

/// Set the schedule of an object.
#[utoipa::path(tag = "Schedules", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), request_body = SetScheduleBody, responses(
    (status = 200, body = ScheduleBody),
    (status = 404, description = "No such connection, or it does not read the object.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[put("/connections/{id}/objects/{object}/schedule")]
pub async fn set(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
    body: web::Json<SetScheduleBody>,
) -> Result<web::Json<ScheduleBody>, ApiError> {
    let (id, object) = path.into_inner();
    Ok(web::Json(app.schedules().set(&caller.scope, id, object, body.into_inner().into()).await?.into()))
}

/// See when a schedule would fire, without setting it.
#[utoipa::path(tag = "Schedules", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), request_body = SetScheduleBody, responses(
    (status = 200, body = ScheduleBody),
    (status = 404, description = "No such connection, or it does not read the object.", body = Problem),
    (status = 422, description = "Fields need a correction.", body = Problem),
))]
#[post("/connections/{id}/objects/{object}/schedule/preview")]
pub async fn preview(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
    body: web::Json<SetScheduleBody>,
) -> Result<web::Json<ScheduleBody>, ApiError> {
    let (id, object) = path.into_inner();
    Ok(web::Json(app.schedules().preview(&caller.scope, id, object, body.into_inner().into()).await?.into()))
}

/// Take a schedule away.
#[utoipa::path(tag = "Schedules", params(("id" = Uuid, Path), ("object" = ObjectName, Path)), responses(
    (status = 204, description = "Gone."),
    (status = 404, description = "No such schedule.", body = Problem),
))]
#[delete("/connections/{id}/objects/{object}/schedule")]
pub async fn remove(
    caller: Caller,
    path: web::Path<(ConnectionId, ObjectKind)>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    let (id, object) = path.into_inner();
    app.schedules().delete(&caller.scope, id, object).await?;
    Ok(HttpResponse::NoContent().finish())
}
