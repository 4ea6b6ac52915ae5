//! Failures: what failed, whose fault it is, what to do next.

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use crate::wire::{CauseBody, ObjectName};
use actix_web::{HttpResponse, get, post, web};
use app::App;
use app::failures::FailureFilter;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, FailureId, ObjectKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list_causes).service(list).service(replay_cause).service(replay);
}

/// Whether a failure still fails.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureState {
    /// It does.
    Open,
    /// It works now.
    Resolved,
}

/// Which failures are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FailuresAsk {
    /// Only of this connection.
    #[param(value_type = Option<Uuid>)]
    connection: Option<ConnectionId>,
    /// Only about this object.
    #[param(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// Only of this code.
    code: Option<String>,
    /// Only in this state; both where absent.
    state: Option<FailureState>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A failure. Its texts are redacted.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureBody {
    /// Id.
    id: Uuid,
    /// Connection.
    connection: Uuid,
    /// Object, where it is about one.
    #[schema(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// Run, where it happened in one.
    run: Option<Uuid>,
    /// What failed: `record:` and a source record, `golden:` and a record, `place:` and where in a file, `connection`.
    subject: String,
    /// Stable code; failures with the same code on one connection share a cause.
    code: String,
    /// What we were doing.
    doing: String,
    /// The other side's words, redacted.
    said: String,
    /// Who must act: dealer, driveline, vendor.
    fault: String,
    /// retrying, needs_you.
    next: String,
    /// What to do.
    fix: String,
    /// The vendor's request id, or ours.
    evidence: Option<String>,
    /// open, resolved.
    state: String,
    /// How often it happened.
    times: i32,
    /// First.
    first_at: DateTime<Utc>,
    /// Last.
    last_at: DateTime<Utc>,
    /// When it is tried again.
    next_try_at: Option<DateTime<Utc>>,
}

/// All failures of one cause.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayCause {
    /// The connection.
    #[schema(value_type = Uuid)]
    connection: ConnectionId,
    /// The object, where the cause is about one.
    #[schema(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// The cause's code.
    code: String,
}

/// Failures that are tried again.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    /// How many.
    replayed: usize,
}

/// Open failures by cause, those that need a person first.
#[utoipa::path(tag = "Failures", responses((status = 200, body = [CauseBody])))]
#[get("/failures/causes")]
pub async fn list_causes(caller: Caller, app: web::Data<App>) -> Result<web::Json<Vec<CauseBody>>, ApiError> {
    let causes = app.views().causes(&caller.scope).await?;
    Ok(web::Json(causes.into_iter().map(CauseBody::from).collect()))
}

/// Failures, newest first.
#[utoipa::path(tag = "Failures", params(FailuresAsk), responses((status = 200, body = Page<FailureBody>)))]
#[get("/failures")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<FailuresAsk>,
) -> Result<web::Json<Page<FailureBody>>, ApiError> {
    let ask = ask.into_inner();
    let limit = paging::limit(ask.limit)?;
    let before = paging::place(ask.cursor.as_deref())?;
    let state = ask.state.map(|state| match state {
        FailureState::Open => "open".to_owned(),
        FailureState::Resolved => "resolved".to_owned(),
    });
    let filter = FailureFilter { connection: ask.connection, object: ask.object, code: ask.code, state };
    let found = app.failures().page(&caller.scope, filter, before, limit).await?;
    let items = found
        .into_iter()
        .map(|row| FailureBody {
            id: row.id.0,
            connection: row.connection.0,
            object: row.object,
            run: row.run.map(|id| id.0),
            subject: row.subject,
            code: row.code,
            doing: row.doing,
            said: row.said,
            fault: row.fault,
            next: row.next,
            fix: row.fix,
            evidence: row.evidence,
            state: row.state,
            times: row.times,
            first_at: row.first_at,
            last_at: row.last_at,
            next_try_at: row.next_try_at,
        })
        .collect();
    Ok(web::Json(Page::of(items, limit, |failure: &FailureBody| failure.id)))
}

/// Try one failure again.
#[utoipa::path(tag = "Failures", params(("id" = Uuid, Path)), responses(
    (status = 202, description = "It is tried again."),
    (status = 404, description = "No such failure.", body = Problem),
))]
#[post("/failures/{id}/replay")]
pub async fn replay(caller: Caller, id: web::Path<FailureId>, app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.engine().replay_failure(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Try all open failures of one cause again.
#[utoipa::path(tag = "Failures", request_body = ReplayCause, responses(
    (status = 202, description = "They are tried again.", body = Replayed),
    (status = 404, description = "No such connection.", body = Problem),
))]
#[post("/failures/replay")]
pub async fn replay_cause(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<ReplayCause>,
) -> Result<HttpResponse, ApiError> {
    let replayed = app.engine().replay_cause(&caller.scope, body.connection, body.object, &body.code).await?;
    Ok(HttpResponse::Accepted().json(Replayed { replayed }))
}
