//! What can be asked for: kinds of jobs, and how to ask inside the transaction that makes them needed.

use chrono::{DateTime, Utc};
use domain::{JobId, Lane};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use store::jobs::JobRequest;
use store::{StoreError, TenantTx};

/// A kind of job: verb and noun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JobKind {
    /// Read one object of one connection, page by page, and land it.
    PullObject,
    /// Plan what exists already for a connection that came later.
    PlanTargets,
    /// Bring the due targets of one connection up to date.
    DeliverTargets,
    /// Write a connection's whole feed.
    PublishFeed,
    /// Work through what was received by webhook or upload.
    ReadInbox,
    /// Map landed records again, after a mapping or a rule has changed.
    ReprocessRecords,
    /// Read one record anew from its system.
    FetchRecord,
    /// Look again at all customers who may be one, if asked after learning from all of them.
    MatchAgain,
    /// Give records the keys by which a newer version finds them.
    IndexAgain,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::PullObject,
        Self::PlanTargets,
        Self::DeliverTargets,
        Self::PublishFeed,
        Self::ReadInbox,
        Self::ReprocessRecords,
        Self::FetchRecord,
        Self::MatchAgain,
        Self::IndexAgain,
    ];

    /// The name in the database, in logs and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PullObject => "pull_object",
            Self::PlanTargets => "plan_targets",
            Self::DeliverTargets => "deliver_targets",
            Self::PublishFeed => "publish_feed",
            Self::ReadInbox => "read_inbox",
            Self::ReprocessRecords => "reprocess_records",
            Self::FetchRecord => "fetch_record",
            Self::MatchAgain => "match_again",
            Self::IndexAgain => "index_again",
        }
    }

    /// The longest single run. Handlers work in slices far below it and answer [`crate::JobOutcome::Again`].
    #[must_use]
    pub const fn run_max(self) -> Duration {
        match self {
            Self::FetchRecord => Duration::from_secs(2 * 60),
            // All of them in one go: what is learned is of no use in pieces, and keys are only looked at once.
            Self::MatchAgain | Self::IndexAgain => Duration::from_secs(60 * 60),
            Self::PullObject
            | Self::PlanTargets
            | Self::DeliverTargets
            | Self::PublishFeed
            | Self::ReadInbox
            | Self::ReprocessRecords => Duration::from_secs(10 * 60),
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No kind of job has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of job that this version knows")]
pub struct UnknownKind(pub String);

impl FromStr for JobKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// Work to be done later.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What to do.
    pub kind: JobKind,
    /// How urgent it is.
    pub lane: Lane,
    /// Requests with the same key are one job while it is open.
    pub dedupe_key: String,
    /// Ids only: they are read by people who may not see personal values.
    pub args: serde_json::Value,
    /// Not before; at once where absent.
    pub run_at: Option<DateTime<Utc>>,
}

impl NewJob {
    fn request(&self) -> JobRequest<'_> {
        JobRequest {
            kind: self.kind.name(),
            lane: self.lane,
            dedupe_key: &self.dedupe_key,
            args: &self.args,
            run_at: self.run_at,
        }
    }
}

/// Asks for a job in the transaction that makes it needed, so that both happen or neither. Joins an open job with the
/// same key: one that waits runs at the earlier of both times in the more urgent of both lanes; one that runs (or is
/// quarantined) runs once more afterwards.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn enqueue(tx: &TenantTx, job: &NewJob) -> Result<JobId, StoreError> {
    let ids = enqueue_all(tx, std::slice::from_ref(job)).await?;
    ids.first().copied().ok_or(StoreError::Conflict)
}

/// The same for many at once, in one statement; ids in the order of the jobs.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn enqueue_all(tx: &TenantTx, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
    let requests: Vec<JobRequest<'_>> = jobs.iter().map(NewJob::request).collect();
    store::jobs::enqueue(tx, &requests).await
}
