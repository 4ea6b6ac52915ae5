//! Several pairs at once: a cluster, and all pairs of a filter.

use super::body::{CandidateBody, ClaimBody};
use super::{OpenOnes, snoozed_until};
use crate::caller::Caller;
use crate::problem::{ApiError, Problem};
use crate::routes::records::RecordDetail;
use actix_web::{get, post, web};
use app::App;
use app::candidates::ClusterShown;
use app::engine::Verdict;
use chrono::{DateTime, Utc};
use domain::{CandidateId, GoldenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Records that open questions connect.
#[derive(Serialize, ToSchema)]
pub struct ClusterBody {
    /// The records, oldest first; at most forty.
    members: Vec<RecordDetail>,
    /// The open questions among them, likeliest first.
    links: Vec<ClusterLinkBody>,
    /// Whether there may be more than are shown.
    is_cut: bool,
}

/// An open question of a cluster.
#[derive(Serialize, ToSchema)]
pub struct ClusterLinkBody {
    /// The pair.
    id: Uuid,
    /// One record.
    left: Uuid,
    /// The other.
    right: Uuid,
    /// How alike, 0 to 1.
    score: f32,
    /// What speaks for it and what against.
    reason: String,
    /// Who looks at it now.
    claim: Option<ClaimBody>,
}

impl From<ClusterShown> for ClusterBody {
    fn from(cluster: ClusterShown) -> Self {
        Self {
            members: cluster.members.into_iter().map(RecordDetail::from).collect(),
            links: cluster
                .links
                .into_iter()
                .map(|link| ClusterLinkBody {
                    id: link.id.0,
                    left: link.left.0,
                    right: link.right.0,
                    score: link.score,
                    reason: link.reason,
                    claim: link.claim.map(ClaimBody::from),
                })
                .collect(),
            is_cut: cluster.is_cut,
        }
    }
}

/// A decision about a cluster. Records that are named in neither list are left as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideCluster {
    /// These are one; the oldest keeps its id.
    #[schema(value_type = Vec<Uuid>)]
    keep: Vec<GoldenId>,
    /// Each of these is somebody else.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    drop: Vec<GoldenId>,
}

/// What a cluster became.
#[derive(Serialize, ToSchema)]
pub struct ClusterOutcome {
    /// The record that those who are kept became.
    survivor: Uuid,
    /// The merges, each a pair with its own undo.
    merged: Vec<Uuid>,
    /// Those told apart, each a pair with its own undo.
    apart: Vec<Uuid>,
}

/// All records that open questions connect with this pair.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ClusterBody),
    (status = 404, description = "No such pair.", body = Problem),
))]
#[get("/candidates/{id}/cluster")]
pub async fn show_cluster(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<web::Json<ClusterBody>, ApiError> {
    Ok(web::Json(app.candidates().cluster(&caller.scope, id.into_inner()).await?.into()))
}

/// Decide a cluster: all that are kept become one, and each that is dropped is told apart from them.
#[utoipa::path(tag = "Candidates", params(("id" = Uuid, Path)), request_body = DecideCluster, responses(
    (status = 200, body = ClusterOutcome),
    (status = 404, description = "No such pair.", body = Problem),
    (status = 409, description = "Somebody else looks at one of its pairs (`claimed`), or the cluster is another one by now.", body = Problem),
))]
#[post("/candidates/{id}/cluster")]
pub async fn decide_cluster(
    caller: Caller,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
    body: web::Json<DecideCluster>,
) -> Result<web::Json<ClusterOutcome>, ApiError> {
    let done = app.engine().decide_cluster(&caller.scope, id.into_inner(), &body.keep, &body.drop).await?;
    let ids = |pairs: Vec<CandidateId>| pairs.into_iter().map(|id| id.0).collect();
    Ok(web::Json(ClusterOutcome { survivor: done.survivor.0, merged: ids(done.merged), apart: ids(done.apart) }))
}

/// What is said of many pairs.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkDecision {
    /// Each is one.
    Merge,
    /// Each is two.
    NotAMatch,
    /// Not now: asked again at `until`, or after `days`.
    Snooze,
}

/// A decision about all open pairs of a filter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkAsk {
    /// Which open pairs; all where nothing is named. Pairs that somebody else looks at are left out.
    #[serde(default)]
    filter: OpenOnes,
    /// What is said of them.
    decision: BulkDecision,
    /// Only count them and show some; nothing is decided.
    #[serde(default)]
    dry_run: bool,
    /// How many there are, as the dry run said. Needed where it is none.
    #[serde(default)]
    expect: Option<i64>,
    /// For `snooze`: until when.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// For `snooze`: for how many days.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
}

/// What a dry run found, or what was done.
#[derive(Serialize, ToSchema)]
pub struct BulkOutcome {
    /// A dry run's count.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
    /// A dry run's first pairs, at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Vec<CandidateBody>>,
    /// Pairs decided, at most 500 with one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<i64>,
    /// Pairs of the filter that are left: repeat it with this count.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<i64>,
}

/// Decide all open pairs of a filter, after a dry run that shows some of them. Each decision has its own undo.
#[utoipa::path(tag = "Candidates", request_body = BulkAsk, responses(
    (status = 200, body = BulkOutcome),
    (status = 409, description = "There is another number of them by now; it is named.", body = Problem),
))]
#[post("/candidates/bulk")]
pub async fn bulk(
    caller: Caller,
    app: web::Data<App>,
    body: web::Json<BulkAsk>,
) -> Result<web::Json<BulkOutcome>, ApiError> {
    let filter = body.filter.filter();
    let verdict = match body.decision {
        BulkDecision::Merge => Verdict::Merge,
        BulkDecision::NotAMatch => Verdict::NotAMatch,
        BulkDecision::Snooze => Verdict::Snooze(snoozed_until(body.until, body.days, app.now())?),
    };
    if body.dry_run {
        let found = app.candidates().sample(&caller.scope, &filter).await?;
        let sample = found.sample.into_iter().map(CandidateBody::from).collect();
        return Ok(web::Json(BulkOutcome { count: Some(found.count), sample: Some(sample), done: None, left: None }));
    }
    let Some(expect) = body.expect else {
        return Err(ApiError::field("expect", "Send the count that a dry run answered."));
    };
    let done = app.engine().decide_many(&caller.scope, &filter, verdict, expect).await?;
    Ok(web::Json(BulkOutcome { count: None, sample: None, done: Some(done.done), left: Some(done.left) }))
}
