//! Runs: what was read when, with what result; progress while it goes on.

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use crate::wire::{CauseBody, ObjectName};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, get, post, web};
use actix_web_lab::sse::{Data as SseData, Event, Sse};
use app::engine::syncs::Mode;
use app::views::run::{RunLine, RunPage, RunState};
use app::{App, AppError, TenantScope};
use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RunId};
use futures::stream;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// A running run is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A stream ends after so many looks; whoever wants more comes back, and is asked again who they are.
const LOOKS_MAX: u32 = 900;
/// A stream that was cut is asked for again after this time.
const COME_BACK_AFTER: Duration = Duration::from_secs(2);

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(get_one).service(events).service(approve_removals).service(start_sync);
}

/// Which runs are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RunsAsk {
    /// Only of this connection.
    #[param(value_type = Option<Uuid>)]
    connection: Option<ConnectionId>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// One pull of one object of one connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunBody {
    /// Id.
    id: Uuid,
    /// Its connection.
    connection: Uuid,
    /// Its connection's name.
    connection_name: String,
    /// What is read.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// full, changes.
    mode: String,
    /// schedule, person, initial, replay.
    trigger: String,
    /// queued, running, waiting (goes on by itself), succeeded, attention (look at it), failed, held (approve its
    /// removals), cancelled.
    #[schema(example = "succeeded")]
    state: &'static str,
    /// Whether nothing more will come.
    is_over: bool,
    /// What it said at the end, or waits for.
    message: String,
    /// When it was asked for.
    queued_at: DateTime<Utc>,
    /// When it began.
    started_at: Option<DateTime<Utc>>,
    /// When it last moved.
    progress_at: Option<DateTime<Utc>>,
    /// When it ended.
    finished_at: Option<DateTime<Utc>>,
    /// What became of the records.
    counts: CountsBody,
}

/// What became of records: received = unchanged + added + matched + updated + to_review + flagged.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountsBody {
    /// How many the system says there are.
    expected: Option<u64>,
    /// Sent by the system.
    received: u64,
    /// As they were before.
    unchanged: u64,
    /// New: no entity was known.
    added: u64,
    /// Joined an entity that was known.
    matched: u64,
    /// Known before, changed now.
    updated: u64,
    /// A person should decide about these.
    to_review: u64,
    /// Kept, waiting for a correction.
    flagged: u64,
    /// Pieces that could not be read at all; kept.
    rejected: u64,
    /// Gone from the system.
    removed: u64,
    /// Deliveries planned.
    planned: u64,
}

/// A run with what it left.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    #[serde(flatten)]
    run: RunBody,
    /// Deliveries of this object to other systems that are still due.
    due: u64,
    /// Seconds until the end, where that can be told.
    eta_s: Option<u64>,
    /// Open failures of its connection and object, by cause.
    causes: Vec<CauseBody>,
}

/// The state's name.
#[must_use]
pub const fn state_name(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Waiting => "waiting",
        RunState::Succeeded => "succeeded",
        RunState::Attention => "attention",
        RunState::Failed => "failed",
        RunState::Held => "held",
        RunState::Cancelled => "cancelled",
    }
}

impl From<RunLine> for RunBody {
    fn from(run: RunLine) -> Self {
        let counts = run.counts;
        Self {
            id: run.id.0,
            connection: run.connection.0,
            connection_name: run.connection_name,
            object: run.object,
            mode: run.mode,
            trigger: run.trigger,
            state: state_name(run.state),
            is_over: run.state.is_over(),
            message: run.message,
            queued_at: run.queued_at,
            started_at: run.started_at,
            progress_at: run.progress_at,
            finished_at: run.finished_at,
            counts: CountsBody {
                expected: counts.expected,
                received: counts.received,
                unchanged: counts.unchanged,
                added: counts.added,
                matched: counts.matched,
                updated: counts.updated,
                to_review: counts.to_review,
                flagged: counts.flagged,
                rejected: counts.rejected,
                removed: counts.removed,
                planned: counts.planned,
            },
        }
    }
}

impl From<RunPage> for RunDetail {
    fn from(page: RunPage) -> Self {
        Self {
            run: page.line.into(),
            due: page.due,
            eta_s: page.eta_s,
            causes: page.causes.into_iter().map(CauseBody::from).collect(),
        }
    }
}

/// Runs, newest first.
#[utoipa::path(tag = "Runs", params(RunsAsk), responses((status = 200, body = Page<RunBody>)))]
#[get("/runs")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<RunsAsk>,
) -> Result<web::Json<Page<RunBody>>, ApiError> {
    let limit = paging::limit(ask.limit)?;
    let before = paging::place(ask.cursor.as_deref())?;
    let runs = app.views().runs(&caller.scope, ask.connection, before, limit).await?;
    Ok(web::Json(Page::of(runs.into_iter().map(RunBody::from).collect(), limit, |run: &RunBody| run.id)))
}

async fn load(app: &App, scope: &TenantScope, id: RunId) -> Result<RunDetail, AppError> {
    let page = app.views().run(scope, id).await?;
    page.map(RunDetail::from).ok_or(AppError::NotFound("run"))
}

/// One run.
#[utoipa::path(tag = "Runs", params(("id" = Uuid, Path)), responses(
    (status = 200, body = RunDetail),
    (status = 404, description = "No such run.", body = Problem),
))]
#[get("/runs/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<RunId>,
    app: web::Data<App>,
) -> Result<web::Json<RunDetail>, ApiError> {
    Ok(web::Json(load(&app, &caller.scope, id.into_inner()).await?))
}

/// An event's id: the same state has the same id, so that a stream that was cut goes on with what is new.
fn event_id(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(16).collect()
}

struct Watch {
    app: web::Data<App>,
    scope: TenantScope,
    run: RunId,
    seen: Option<String>,
    looks: u32,
    is_over: bool,
}

impl Watch {
    /// The next event: the run's state where it has changed, else a sign of life.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.is_over || self.looks >= LOOKS_MAX {
            return None;
        }
        if self.looks > 0 {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.looks += 1;
        let detail = match load(&self.app, &self.scope, self.run).await {
            Ok(detail) => detail,
            Err(error) => {
                tracing::warn!(run = %self.run, code = error.code(), "a stream of progress ended early");
                return None;
            }
        };
        self.is_over = detail.run.is_over;
        let text = serde_json::to_string(&detail).unwrap_or_default();
        let id = event_id(&text);
        let event = if self.seen.as_deref() == Some(id.as_str()) {
            Event::Comment("same".into())
        } else {
            self.seen = Some(id.clone());
            let name = if self.is_over { "finished" } else { "progress" };
            Event::Data(SseData::new(text).event(name).id(id))
        };
        Some((Ok(event), self))
    }
}

/// A run's progress as server-sent events: `progress` while it goes on, `finished` at its end, each with the run as JSON.
///
/// Send `Last-Event-ID` to go on after a stream that was cut.
#[utoipa::path(tag = "Runs", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The stream; it ends with the run.", content_type = "text/event-stream", body = String),
    (status = 404, description = "No such run.", body = Problem),
))]
#[get("/runs/{id}/events")]
pub async fn events(
    caller: Caller,
    id: web::Path<RunId>,
    request: HttpRequest,
    app: web::Data<App>,
) -> Result<impl Responder, ApiError> {
    let run = id.into_inner();
    load(&app, &caller.scope, run).await?;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    let watch = Watch { app, scope: caller.scope, run, seen: last, looks: 0, is_over: false };
    let sse = Sse::from_stream(stream::unfold(watch, Watch::next)).with_retry_duration(COME_BACK_AFTER);
    // Told to proxies that would gather the answer first.
    let plain = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(sse.customize().insert_header(plain))
}

/// Approve the removals that a held run asks about; it goes on.
#[utoipa::path(tag = "Runs", params(("id" = Uuid, Path)), responses(
    (status = 202, description = "It goes on."),
    (status = 404, description = "No such run.", body = Problem),
    (status = 409, description = "It does not wait for an approval.", body = Problem),
))]
#[post("/runs/{id}/approve-removals")]
pub async fn approve_removals(
    caller: Caller,
    id: web::Path<RunId>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    app.engine().approve_removals(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// A sync that is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSync {
    /// One object; all that the connection reads where absent.
    #[schema(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// Everything, or what changed since the last time; what changed where absent.
    #[serde(default)]
    mode: ModeName,
}

/// How much is read.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    /// Everything there is.
    Full,
    /// What changed; everything where nothing was read yet.
    #[default]
    Changes,
}

/// Runs that were started, or that were under way and are joined.
#[derive(Serialize, ToSchema)]
pub struct SyncStarted {
    /// Their ids.
    runs: Vec<Uuid>,
}

/// Start a sync and answer at once; watch it by its runs.
#[utoipa::path(tag = "Runs", params(("id" = Uuid, Path, description = "The connection.")), request_body = StartSync, responses(
    (status = 202, description = "Started.", body = SyncStarted),
    (status = 404, description = "No such connection.", body = Problem),
    (status = 409, description = "The connection is not active, or reads nothing of that kind.", body = Problem),
))]
#[post("/connections/{id}/syncs")]
pub async fn start_sync(
    caller: Caller,
    id: web::Path<ConnectionId>,
    app: web::Data<App>,
    body: web::Json<StartSync>,
) -> Result<HttpResponse, ApiError> {
    let mode = match body.mode {
        ModeName::Full => Mode::Full,
        ModeName::Changes => Mode::Changes,
    };
    let runs = app.engine().start_sync(&caller.scope, id.into_inner(), body.object, mode).await?;
    Ok(HttpResponse::Accepted().json(SyncStarted { runs: runs.into_iter().map(|id| id.0).collect() }))
}
