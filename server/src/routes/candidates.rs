//! Candidates: pairs of records that a person should decide about.

use super::records::RecordDetail;
use crate::caller::Caller;
use crate::paging::{self, Page};
use crate::problem::{ApiError, Problem};
use crate::wire::ObjectName;
use actix_web::{get, post, web};
use app::App;
use app::candidates::CandidateShown;
use app::engine::candidates::Verdict;
use chrono::{DateTime, Utc};
use domain::{CandidateId, ObjectKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Mounts the routes.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(get_one).service(decide);
}

/// A pair, side by side.
#[derive(Debug, Serialize, ToSchema)]
pub struct CandidateBody {
    /// Id.
    id: Uuid,
    /// What they are.
    #[schema(value_type = ObjectName)]
    object: ObjectKind,
    /// How alike, 0 to 1.
    score: f32,
    /// What speaks for it and what against.
    reason: String,
    /// open, merged, not_a_match.
    #[schema(example = "open")]
    state: String,
    /// One record; absent where it is gone.
    left: Option<RecordDetail>,
    /// The other.
    right: Option<RecordDetail>,
    /// When it was asked.
    created_at: DateTime<Utc>,
    /// When it was decided.
    decided_at: Option<DateTime<Utc>>,
}

impl From<CandidateShown> for CandidateBody {
    fn from(candidate: CandidateShown) -> Self {
        Self {
            id: candidate.id.0,
            object: candidate.object,
            score: candidate.score,
            reason: candidate.reason,
            state: candidate.state,
            left: candidate.left.map(RecordDetail::from),
            right: candidate.right.map(RecordDetail::from),
            created_at: candidate.created_at,
            decided_at: candidate.decided_at,
        }
    }
}

/// What a person says of a pair.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// They are one.
    Merge,
    /// They are two; remembered.
    NotAMatch,
    /// Take the earlier decision back.
    Undo,
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// What it is.
    decision: DecisionName,
}

/// A decision was taken.
#[derive(Serialize, ToSchema)]
pub struct Decided {
    /// The record that survives a merge.
    survivor: Option<Uuid>,
}

/// Open pairs, likeliest first.
#[utoipa::path(tag = "Candidates", params(paging::PageAsk), responses((status = 200, body = Page<CandidateBody>)))]
#[get("/candidates")]
pub async fn list(
    caller: Caller,
    app: web::Data<App>,
    ask: web::Query<paging::PageAsk>,
) -> Result<web::Json<Page<CandidateBody>>, ApiError> {
    let limit = paging::limit(ask.limit)?;
    let after: Option<(f32, CandidateId)> = paging::place(ask.cursor.as_deref())?;
    let pairs = app.candidates().open(&caller.scope, after, limit).await?;
    let items = pairs.into_iter().map(CandidateBody::from).collect();
    Ok(web::Json(Page::of(items, limit, |pair: &CandidateBody| (pair.score, pair.id))))
}

/// One pair, side by side.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), responses(
    (status = 200, body = CandidateBody),
    (status = 404, description = "No such pair.", body = Problem),
))]
#[get("/candidates/{id}")]
pub async fn get_one(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<web::Json<CandidateBody>, ApiError> {
    Ok(web::Json(app.candidates().get(&caller.scope, id.into_inner()).await?.into()))
}

/// Decide a pair, or take the decision back.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), request_body = Decide, responses(
    (status = 200, body = Decided),
    (status = 404, description = "No such pair.", body = Problem),
    (status = 409, description = "Somebody else decided first, or there is nothing to take back.", body = Problem),
))]
#[post("/candidates/{id}/decision")]
pub async fn decide(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
    body: web::Json<Decide>,
) -> Result<web::Json<Decided>, ApiError> {
    let verdict = match body.decision {
        DecisionName::Merge => Verdict::Merge,
        DecisionName::NotAMatch => Verdict::NotAMatch,
        DecisionName::Undo => Verdict::Undo,
    };
    // Who may not see the pair may not decide it.
    let pair = app.candidates().get(&caller.scope, id.into_inner()).await?;
    let survivor = app.engine().decide_candidate(&caller.scope, pair.id, verdict).await?;
    Ok(web::Json(Decided { survivor: survivor.map(|id| id.0) }))
}
