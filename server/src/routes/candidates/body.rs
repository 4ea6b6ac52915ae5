//! Pairs as they are sent.

use crate::routes::records::{FieldBody, RecordDetail};
use crate::wire::ObjectName;
use app::candidates::{CandidateShown, ClaimShown, LinkShown, PairShown, Standing};
use chrono::{DateTime, Utc};
use domain::ObjectKind;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// How a pair stands, as the document lists it; values are `app::candidates::Standing`.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum StateName {
    /// Waits for a decision.
    Open,
    /// Waits, and is not shown before its time.
    Snoozed,
    /// A person said that they are one.
    Merged,
    /// Driveline joined them without asking.
    Joined,
    /// A person said that they are two.
    NotAMatch,
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
    /// What hangs on it: a deal counts five, a lead three, a repair order or a vehicle one. The queue's order.
    stake: i32,
    /// What speaks for it and what against.
    reason: String,
    /// How it stands.
    #[schema(value_type = StateName)]
    state: Standing,
    /// One record, of a merged pair as it was; absent where it is gone.
    left: Option<RecordDetail>,
    /// The other.
    right: Option<RecordDetail>,
    /// When it was asked.
    created_at: DateTime<Utc>,
    /// When it was decided.
    decided_at: Option<DateTime<Utc>>,
    /// Who decided; absent where Driveline did.
    decided_by: Option<String>,
    /// Until when it was put off.
    snoozed_until: Option<DateTime<Utc>>,
    /// Who looks at it now.
    claim: Option<ClaimBody>,
}

/// Somebody looks at a pair: others are not given it, and do not decide it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClaimBody {
    /// What they are called.
    by: String,
    /// Until when.
    until: DateTime<Utc>,
    /// Whether that is the caller.
    is_mine: bool,
}

impl From<ClaimShown> for ClaimBody {
    fn from(claim: ClaimShown) -> Self {
        Self { by: claim.by, until: claim.until, is_mine: claim.is_mine }
    }
}

impl From<CandidateShown> for CandidateBody {
    fn from(candidate: CandidateShown) -> Self {
        Self {
            id: candidate.id.0,
            object: candidate.object,
            score: candidate.score,
            stake: candidate.stake,
            reason: candidate.reason,
            state: candidate.state,
            left: candidate.left.map(RecordDetail::from),
            right: candidate.right.map(RecordDetail::from),
            created_at: candidate.created_at,
            decided_at: candidate.decided_at,
            decided_by: candidate.decided_by,
            snoozed_until: candidate.snoozed_until,
            claim: candidate.claim.map(ClaimBody::from),
        }
    }
}

/// A pair in detail.
#[derive(Debug, Serialize, ToSchema)]
pub struct PairBody {
    /// What the list shows too.
    #[serde(flatten)]
    pair: CandidateBody,
    /// The best link between source records of the two sides; absent where they are told by a key alone.
    link: Option<LinkBody>,
    /// Every value that would survive a merge, or did.
    survivors: Vec<SurvivorBody>,
}

/// Why two source records may be one.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkBody {
    /// One source record.
    left: Uuid,
    /// The other.
    right: Uuid,
    /// Log2 odds that both are one: the sum of the steps.
    log2_odds: f64,
    /// The same from 0 to 1.
    probability: f32,
    /// The version of the model that says so.
    model: String,
    /// Step by step.
    steps: Vec<StepBody>,
}

/// What one thing adds.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepBody {
    /// What is weighed.
    #[schema(example = "email")]
    about: String,
    /// What was found.
    found: String,
    /// What it adds to the log2 odds; less than nothing speaks against.
    bits: f64,
}

/// A value that would survive.
#[derive(Debug, Serialize, ToSchema)]
pub struct SurvivorBody {
    /// Field, value, who told it, by which rule, and who told something else.
    #[serde(flatten)]
    field: FieldBody,
    /// What people call the winner's connection.
    system: String,
}

impl From<LinkShown> for LinkBody {
    fn from(link: LinkShown) -> Self {
        let steps = link.steps.into_iter();
        Self {
            left: link.left.0,
            right: link.right.0,
            log2_odds: link.log2_odds,
            probability: link.probability,
            model: link.model,
            steps: steps.map(|step| StepBody { about: step.about, found: step.found, bits: step.bits }).collect(),
        }
    }
}

impl From<PairShown> for PairBody {
    fn from(pair: PairShown) -> Self {
        let survivors = pair.survivors.into_iter();
        Self {
            pair: pair.pair.into(),
            link: pair.link.map(LinkBody::from),
            survivors: survivors.map(|one| SurvivorBody { field: one.field.into(), system: one.system }).collect(),
        }
    }
}
