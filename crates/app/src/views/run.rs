//! Runs as their pages show them.

use super::failure::Cause;
use super::{Views, count, visible};
use crate::error::AppError;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind, RunId};
use std::collections::HashMap;
use store::TenantScope;
use store::engine::runs::{self, RunRow};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Will start.
    Queued,
    /// Goes on.
    Running,
    /// Waits for a limit or a passing failure, and goes on by itself.
    Waiting,
    /// Coverage, freshness and outcome hold.
    Succeeded,
    /// Finished, but somebody should look.
    Attention,
    /// Stopped by a failure.
    Failed,
    /// Stopped by a brake; asks a person.
    Held,
    /// Stopped by a person.
    Cancelled,
}

impl RunState {
    /// The state with this name in the database; what is unknown needs a look.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "waiting" => Self::Waiting,
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "held" => Self::Held,
            "cancelled" => Self::Cancelled,
            _ => Self::Attention,
        }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub const fn is_over(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Waiting => false,
            Self::Succeeded | Self::Attention | Self::Failed | Self::Held | Self::Cancelled => true,
        }
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLine {
    /// Id.
    pub id: RunId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its connection's name.
    pub connection_name: String,
    /// What was read.
    pub object: ObjectKind,
    /// full, changes.
    pub mode: String,
    /// schedule, person, initial, replay.
    pub trigger: String,
    /// State.
    pub state: RunState,
    /// What it said at the end, or waits for.
    pub message: String,
    /// When it was asked for.
    pub queued_at: DateTime<Utc>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it last moved.
    pub progress_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Its numbers.
    pub counts: RunCounts,
}

/// A run's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// How many the source says there are.
    pub expected: Option<u64>,
    /// Sent by the source.
    pub received: u64,
    /// Of these, as they were before.
    pub unchanged: u64,
    /// New to us.
    pub added: u64,
    /// Of these, linked to an entity that was known.
    pub matched: u64,
    /// Known before, changed now.
    pub updated: u64,
    /// A person should decide about these.
    pub to_review: u64,
    /// Kept, waiting for a correction.
    pub flagged: u64,
    /// Could not be read at all; kept.
    pub rejected: u64,
    /// Gone from the source.
    pub removed: u64,
    /// Deliveries planned.
    pub planned: u64,
}

impl RunCounts {
    /// Part of a golden record: a new one, one that others tell of too, or the one they were part of before.
    #[must_use]
    pub const fn identified(&self) -> u64 {
        self.added + self.matched + self.updated + self.unchanged
    }

    /// Parsed and checked without a blocking issue.
    #[must_use]
    pub const fn valid(&self) -> u64 {
        self.received.saturating_sub(self.flagged).saturating_sub(self.rejected)
    }
}

/// A run's own page.
#[derive(Clone, Debug)]
pub struct RunPage {
    /// What the list shows too.
    pub line: RunLine,
    /// Open failures of its connection and object, by cause.
    pub causes: Vec<Cause>,
    /// Deliveries of this object to other systems that are still due.
    pub due: u64,
    /// Seconds until the end, where that can be told.
    pub eta_s: Option<u64>,
}

impl RunLine {
    /// A run of a connection that may be seen.
    pub(super) fn of(row: RunRow, names: &HashMap<ConnectionId, String>) -> Option<Self> {
        let counts = row.counts;
        Some(Self {
            id: row.id,
            connection: row.connection,
            connection_name: names.get(&row.connection)?.clone(),
            object: row.object,
            mode: row.mode,
            trigger: row.trigger,
            state: RunState::named(&row.state),
            message: row.message,
            queued_at: row.queued_at,
            started_at: row.started_at,
            progress_at: row.progress_at,
            finished_at: row.finished_at,
            counts: RunCounts {
                expected: row.expected.map(count),
                received: count(counts.received),
                unchanged: count(counts.unchanged),
                added: count(counts.added),
                matched: count(counts.matched),
                updated: count(counts.updated),
                to_review: count(counts.to_review),
                flagged: count(counts.flagged),
                rejected: count(counts.rejected),
                removed: count(counts.removed),
                planned: count(counts.planned),
            },
        })
    }
}

impl Views<'_> {
    /// Runs that this visitor may see, newest first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn runs(
        &self,
        scope: &TenantScope,
        connection: Option<ConnectionId>,
        before: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<RunLine>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let names = visible(&tx, scope).await?;
        let wanted = names.keys().filter(|id| connection.is_none_or(|only| only == **id)).map(|id| id.0).collect();
        let rows = runs::page(&tx, Some(wanted), before, i64::from(limit)).await?;
        Ok(rows.into_iter().filter_map(|row| RunLine::of(row, &names)).collect())
    }

    /// One run's page.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn run(&self, scope: &TenantScope, id: RunId) -> Result<Option<RunPage>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let names = visible(&tx, scope).await?;
        let Some(line) = runs::find(&tx, id).await?.and_then(|row| RunLine::of(row, &names)) else { return Ok(None) };
        let causes = store::engine::failures::causes(&tx, Some(vec![line.connection.0])).await?;
        let due = count(store::views::due(&tx, Some(line.object)).await?);
        Ok(Some(RunPage {
            causes: causes
                .into_iter()
                .filter(|cause| cause.object.is_none_or(|object| object == line.object))
                .filter_map(|cause| Cause::of(cause, &names))
                .collect(),
            due,
            eta_s: eta_s(&line, self.0.now()),
            line,
        }))
    }
}

/// Seconds until the end, from the pace so far.
#[must_use]
pub fn eta_s(line: &RunLine, now: DateTime<Utc>) -> Option<u64> {
    let expected = line.counts.expected?;
    let left = expected.checked_sub(line.counts.received)?;
    let spent_ms = u64::try_from((now - line.started_at?).num_milliseconds()).ok()?;
    // The first seconds say nothing of the pace.
    if line.state.is_over() || line.counts.received == 0 || spent_ms < 2_000 {
        return None;
    }
    Some(left.saturating_mul(spent_ms) / line.counts.received / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn running(received: u64) -> RunLine {
        RunLine {
            id: RunId::new(),
            connection: ConnectionId::new(),
            connection_name: String::new(),
            object: ObjectKind::Customer,
            mode: "full".to_owned(),
            trigger: "person".to_owned(),
            state: RunState::Running,
            message: String::new(),
            queued_at: DateTime::UNIX_EPOCH,
            started_at: Some(DateTime::UNIX_EPOCH),
            progress_at: None,
            finished_at: None,
            counts: RunCounts { expected: Some(1_000), received, ..RunCounts::default() },
        }
    }

    #[test]
    fn the_end_is_told_from_the_pace_so_far() {
        let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(10);
        assert_eq!(eta_s(&running(200), now), Some(40));
        assert_eq!(eta_s(&running(0), now), None);
    }

    #[test]
    fn what_was_flagged_or_rejected_is_not_valid() {
        let counts = RunCounts { received: 10, flagged: 2, rejected: 1, ..RunCounts::default() };
        assert_eq!(counts.valid(), 7);
    }
}
