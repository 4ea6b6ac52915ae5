//! Candidates: pairs of records that a person should decide about: the queue, one pair, its decision.

pub mod body;
pub mod many;

use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use crate::wire::ObjectName;
use actix_web::{HttpResponse, get, post, web};
use app::App;
use app::candidates::{Filter, Place, Standing};
use app::engine::Verdict;
use body::{CandidateBody, PairBody, StateName};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{CandidateId, ConnectionId, ObjectKind};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list)
        // Before the pairs' own: `next` and `bulk` are no ids.
        .service(next_pair)
        .service(many::bulk)
        .service(get_one)
        .service(claim)
        .service(release)
        .service(decide)
        .service(many::show_cluster)
        .service(many::decide_cluster);
}

/// Which pairs are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CandidatesAsk {
    /// How they stand; open where absent.
    #[param(value_type = Option<StateName>)]
    state: Option<Standing>,
    /// Only of this kind.
    #[param(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// Only those of which this connection tells one side.
    #[param(value_type = Option<Uuid>)]
    connection: Option<ConnectionId>,
    /// Of at least this score, 0 to 1.
    score_min: Option<f32>,
    /// Of at most this score, 0 to 1.
    score_max: Option<f32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Which open pairs are wanted.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenOnes {
    /// Only of this kind.
    #[schema(value_type = Option<ObjectName>)]
    object: Option<ObjectKind>,
    /// Only those of which this connection tells one side.
    #[schema(value_type = Option<Uuid>)]
    connection: Option<ConnectionId>,
    /// Of at least this score, 0 to 1.
    score_min: Option<f32>,
    /// Of at most this score, 0 to 1.
    score_max: Option<f32>,
}

impl OpenOnes {
    fn filter(&self) -> Filter {
        Filter {
            standing: Standing::Open,
            object: self.object,
            connection: self.connection,
            score_min: self.score_min,
            score_max: self.score_max,
            tellers: None,
        }
    }
}

/// The next pair is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextAsk {
    /// The pair that is skipped: it is let go of, and the next one is behind it in the queue.
    #[schema(value_type = Option<Uuid>)]
    after: Option<CandidateId>,
    /// Which open pairs are wanted; all where absent.
    #[serde(default)]
    filter: OpenOnes,
}

/// The next pair.
#[derive(Serialize, ToSchema)]
pub struct NextPair {
    /// The pair, the caller's for ten minutes; absent at the end of the queue.
    pair: Option<PairBody>,
}

/// A pair is the caller's.
#[derive(Serialize, ToSchema)]
pub struct Claimed {
    /// Until when others are not given it; looking at it makes it longer.
    until: DateTime<Utc>,
}

/// What a person says of a pair.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// They are one.
    Merge,
    /// They are two; remembered, and asked again only where what they say of who they are changes.
    NotAMatch,
    /// Not now: asked again at `until`, or after `days`.
    Snooze,
    /// Not me: the pair is let go of, and the next one is given.
    Skip,
    /// Take the earlier decision back.
    Undo,
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// What it is.
    decision: DecisionName,
    /// For `snooze`: until when.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// For `snooze`: for how many days.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// A decision was taken.
#[derive(Serialize, ToSchema)]
pub struct Decided {
    /// The record that survives a merge.
    survivor: Option<Uuid>,
    /// After a skip: the next pair, which is the caller's now.
    next: Option<Uuid>,
}

/// Until when something is put off.
pub(super) fn snoozed_until(
    until: Option<DateTime<Utc>>,
    days: Option<u32>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, ApiError> {
    match (until, days) {
        (Some(until), None) if until > now => Ok(until),
        (None, Some(days @ 1..=366)) => Ok(now + TimeDelta::days(i64::from(days))),
        (Some(_), None) => Err(ApiError::field("until", "Name a moment that is still to come.")),
        (None, Some(_)) => Err(ApiError::field("days", "Use a number from 1 to 366.")),
        (None, None) | (Some(_), Some(_)) => Err(ApiError::field("until", "Name either `until` or `days`.")),
    }
}

/// Pairs: what waits comes by what hangs on it (deals, leads, repair orders, vehicles), then likeliest first; what was
/// decided comes newest first.
#[utoipa::path(tag = "Candidates", params(CandidatesAsk), responses((status = 200, body = Page<CandidateBody>)))]
#[get("/candidates")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<CandidatesAsk>,
) -> Result<web::Json<Page<CandidateBody>>, ApiError> {
    let limit = paging::limit(ask.limit)?;
    let after: Option<Place> = paging::place(ask.cursor.as_deref())?;
    let filter = Filter {
        standing: ask.state.unwrap_or_default(),
        object: ask.object,
        connection: ask.connection,
        score_min: ask.score_min,
        score_max: ask.score_max,
        tellers: None,
    };
    let pairs = app.candidates().list(&caller.scope, &filter, after, limit).await?;
    let page = Page::of(pairs, limit, |pair| pair.place);
    let items = page.items.into_iter().map(CandidateBody::from).collect();
    Ok(web::Json(Page { items, next: page.next }))
}

/// The next open pair that nobody else looks at. It is the caller's for ten minutes; two who ask are given two.
#[utoipa::path(tag = "Candidates", request_body = NextAsk, responses((status = 200, body = NextPair)))]
#[post("/candidates/next")]
pub async fn next_pair(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<NextAsk>,
) -> Result<web::Json<NextPair>, ApiError> {
    let next = app.candidates().next(&caller.scope, body.filter.filter(), body.after).await?;
    let pair = match next {
        Some(id) => Some(app.candidates().get(&caller.scope, id).await?.into()),
        None => None,
    };
    Ok(web::Json(NextPair { pair }))
}

/// One pair, side by side: why they may be one, what would survive, and who looks at it.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), responses(
    (status = 200, body = PairBody),
    (status = 404, description = "No such pair.", body = Problem),
))]
#[get("/candidates/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<web::Json<PairBody>, ApiError> {
    Ok(web::Json(app.candidates().get(&caller.scope, id.into_inner()).await?.into()))
}

/// Take a pair: nobody else is given it for ten minutes, or decides it.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), responses(
    (status = 200, body = Claimed),
    (status = 404, description = "No such pair.", body = Problem),
    (status = 409, description = "Somebody else looks at it (`claimed`), or it is decided.", body = Problem),
))]
#[post("/candidates/{id}/claim")]
pub async fn claim(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<web::Json<Claimed>, ApiError> {
    Ok(web::Json(Claimed { until: app.engine().claim_candidate(&caller.scope, id.into_inner()).await? }))
}

/// Let go of a pair.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), responses(
    (status = 204, description = "It is free."),
    (status = 404, description = "No such pair.", body = Problem),
))]
#[post("/candidates/{id}/release")]
pub async fn release(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<HttpResponse, ApiError> {
    app.engine().release_candidate(&caller.scope, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Decide a pair, put it off, skip it, or take the decision back.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), request_body = Decide, responses(
    (status = 200, body = Decided),
    (status = 404, description = "No such pair.", body = Problem),
    (status = 409, description = "Somebody else looks at it (`claimed`) or decided first, or there is nothing to take back.", body = Problem),
))]
#[post("/candidates/{id}/decision")]
pub async fn decide(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
    body: web::Json<Decide>,
) -> Result<web::Json<Decided>, ApiError> {
    let id = id.into_inner();
    let verdict = match body.decision {
        DecisionName::Merge => Verdict::Merge,
        DecisionName::NotAMatch => Verdict::NotAMatch,
        DecisionName::Undo => Verdict::Undo,
        DecisionName::Snooze => Verdict::Snooze(snoozed_until(body.until, body.days, app.now())?),
        DecisionName::Skip => {
            app.engine().release_candidate(&caller.scope, id).await?;
            let next = app.candidates().next(&caller.scope, Filter::default(), Some(id)).await?;
            return Ok(web::Json(Decided { survivor: None, next: next.map(|id| id.0) }));
        }
    };
    let survivor = app.engine().decide_candidate(&caller.scope, id, verdict).await?;
    Ok(web::Json(Decided { survivor: survivor.map(|id| id.0), next: None }))
}
