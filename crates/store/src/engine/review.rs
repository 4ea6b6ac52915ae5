//! The queue of doubtful matches: which are shown in which order, and who looks at which.

use super::candidates::{CandidateRow, read};
use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{CandidateId, ConnectionId, GoldenId, ObjectKind};
use sea_orm::Value;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a pair stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Waits for a decision.
    #[default]
    Open,
    /// Waits, and is not shown before its time.
    Snoozed,
    /// A person said that they are one.
    Merged,
    /// The engine joined them without asking.
    Joined,
    /// A person said that they are two.
    NotAMatch,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Snoozed, Self::Merged, Self::Joined, Self::NotAMatch];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Snoozed => "snoozed",
            Self::Merged => "merged",
            Self::Joined => "joined",
            Self::NotAMatch => "not_a_match",
        }
    }

    /// Whether somebody decided, or the engine did.
    #[must_use]
    pub const fn is_decided(self) -> bool {
        match self {
            Self::Open | Self::Snoozed => false,
            Self::Merged | Self::Joined | Self::NotAMatch => true,
        }
    }

    /// The candidates `c` that stand so at the moment `$2`.
    const fn condition(self) -> &'static str {
        match self {
            Self::Open => "c.state = 'open' AND (c.snoozed_until IS NULL OR c.snoozed_until <= $2)",
            Self::Snoozed => "c.state = 'open' AND c.snoozed_until > $2",
            Self::Merged => "c.state = 'merged' AND c.decided_by IS NOT NULL",
            Self::Joined => "c.state = 'merged' AND c.decided_by IS NULL",
            Self::NotAMatch => "c.state = 'not_a_match'",
        }
    }
}

impl CandidateRow {
    /// How it stands at this moment.
    #[must_use]
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        match (self.state.as_str(), self.decided_by) {
            ("merged", Some(_)) => Standing::Merged,
            ("merged", None) => Standing::Joined,
            ("not_a_match", _) => Standing::NotAMatch,
            _ if self.snoozed_until.is_some_and(|until| until > now) => Standing::Snoozed,
            _ => Standing::Open,
        }
    }

    /// Who looks at it at this moment, and until when.
    #[must_use]
    pub fn claim(&self, now: DateTime<Utc>) -> Option<(Uuid, DateTime<Utc>)> {
        self.claimed_by.zip(self.claimed_until).filter(|(_, until)| *until > now)
    }

    /// Its place in the list of those that stand as it does.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { stake: self.stake, score: self.score, decided_at: self.decided_at, id: self.id }
    }
}

/// Which pairs are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// How they stand.
    pub standing: Standing,
    /// Of one kind.
    pub object: Option<ObjectKind>,
    /// Of which this connection tells one side.
    pub connection: Option<ConnectionId>,
    /// Of at least this score.
    pub score_min: Option<f32>,
    /// Of at most this score.
    pub score_max: Option<f32>,
    /// Of which these connections tell both sides, or all.
    pub tellers: Option<Vec<Uuid>>,
}

/// A place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// What hangs on it.
    pub stake: i32,
    /// 0 to 1.
    pub score: f32,
    /// When it was decided, where it was.
    pub decided_at: Option<DateTime<Utc>>,
    /// Which.
    pub id: CandidateId,
}

/// The condition on candidate `c` for `$1` to `$7`, and these values.
fn wanted(tx: &TenantTx, filter: &Filter, now: DateTime<Utc>) -> (String, Vec<Value>) {
    let told = |side: &str, connections: &str| {
        format!(
            "EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.golden_id = c.{side}
                     AND s.state = 1 AND s.connection_id {connections})"
        )
    };
    // The sides of a merged pair are what was moved and what was there before.
    let moved = "EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.id = ANY(c.moved)
                         AND s.connection_id = ANY($7))";
    let stayed = "EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.golden_id = c.left_golden
                          AND s.id <> ALL(c.moved) AND s.connection_id = ANY($7))";
    let both = if matches!(filter.standing, Standing::Merged | Standing::Joined) {
        format!("{moved} AND {stayed}")
    } else {
        format!("{} AND {}", told("left_golden", "= ANY($7)"), told("right_golden", "= ANY($7)"))
    };
    let condition = format!(
        "c.tenant_id = $1 AND {}
         AND ($3::smallint IS NULL OR c.object = $3)
         AND ($4::uuid IS NULL OR {} OR {})
         AND ($5::real IS NULL OR c.score >= $5) AND ($6::real IS NULL OR c.score <= $6)
         AND ($7::uuid[] IS NULL OR ({both}))",
        filter.standing.condition(),
        told("left_golden", "= $4"),
        told("right_golden", "= $4"),
    );
    let values = vec![
        tx.owner(),
        now.into(),
        filter.object.map(ObjectKind::code).into(),
        filter.connection.map(|id| id.0).into(),
        filter.score_min.into(),
        filter.score_max.into(),
        filter.tellers.clone().into(),
    ];
    (condition, values)
}

/// The order of those that stand so, and the condition that a row lies behind `$8` to `$11`.
const fn order(standing: Standing) -> (&'static str, &'static str) {
    if standing.is_decided() {
        ("c.decided_at DESC, c.id DESC", "($11 IS NULL OR c.decided_at < $10 OR (c.decided_at = $10 AND c.id < $11))")
    } else {
        (
            "c.stake DESC, c.score DESC, c.id",
            "($11 IS NULL OR c.stake < $8
              OR (c.stake = $8 AND (c.score < $9 OR (c.score = $9 AND c.id > $11))))",
        )
    }
}

fn behind(after: Option<Place>) -> [Value; 4] {
    [
        after.map(|place| place.stake).into(),
        after.map(|place| place.score).into(),
        after.and_then(|place| place.decided_at).into(),
        after.map(|place| place.id.0).into(),
    ]
}

/// A page of them, after a place: what waits by what hangs on it, then by score; what was decided newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    tx: &TenantTx,
    filter: &Filter,
    after: Option<Place>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<CandidateRow>, StoreError> {
    let (wanted, mut values) = wanted(tx, filter, now);
    let (order, place) = order(filter.standing);
    values.extend(behind(after));
    values.push(limit.into());
    let sql = format!("SELECT c.* FROM candidate c WHERE {wanted} AND {place} ORDER BY {order} LIMIT $12");
    let rows = tx.rows(&sql, values).await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// How many of them there are; those that somebody other than `free_for` looks at are left out, where given.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(
    tx: &TenantTx,
    filter: &Filter,
    free_for: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let (wanted, mut values) = wanted(tx, filter, now);
    values.push(free_for.into());
    let sql =
        format!("SELECT count(*) AS many FROM candidate c WHERE {wanted} AND ($8::uuid IS NULL OR {})", free("$8"));
    let row = tx.row(&sql, values).await?;
    row.map_or(Ok(0), |row| Ok(get(&row, "many")?))
}

/// The first of them that nobody else looks at: what a decision about many is about.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn free_page(
    tx: &TenantTx,
    filter: &Filter,
    who: Uuid,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<CandidateRow>, StoreError> {
    let (wanted, mut values) = wanted(tx, filter, now);
    values.extend([who.into(), limit.into()]);
    let (order, _) = order(filter.standing);
    let sql = format!("SELECT c.* FROM candidate c WHERE {wanted} AND {} ORDER BY {order} LIMIT $9", free("$8"));
    let rows = tx.rows(&sql, values).await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// That nobody but `who` looks at candidate `c`.
fn free(who: &str) -> String {
    format!("(c.claimed_until IS NULL OR c.claimed_until <= $2 OR c.claimed_by = {who})")
}

/// Gives `who` the next pair that nobody else looks at. Two who ask at once are given two.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim_next(
    tx: &TenantTx,
    filter: &Filter,
    after: Option<Place>,
    who: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<CandidateRow>, StoreError> {
    let (wanted, mut values) = wanted(tx, filter, now);
    let (order, place) = order(filter.standing);
    values.extend(behind(after));
    values.extend([who.into(), until.into()]);
    let sql = format!(
        "WITH next AS MATERIALIZED (
             SELECT c.id FROM candidate c WHERE {wanted} AND {place} AND {}
             ORDER BY {order} LIMIT 1 FOR UPDATE SKIP LOCKED)
         UPDATE candidate d SET claimed_by = $12, claimed_until = $13 FROM next
         WHERE d.tenant_id = $1 AND d.id = next.id RETURNING d.*",
        free("$12")
    );
    let row = tx.row(&sql, values).await?;
    row.as_ref().map_or(Ok(None), read)
}

/// Gives `who` this pair, or longer time for it, unless it is decided or somebody else looks at it. Returns whether it
/// is theirs.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim(
    tx: &TenantTx,
    id: CandidateId,
    who: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let claimed = tx
        .run(
            "UPDATE candidate SET claimed_by = $4, claimed_until = $5 WHERE tenant_id = $1 AND id = $3 AND state = 'open'
               AND (claimed_until IS NULL OR claimed_until <= $2 OR claimed_by = $4)",
            [tx.owner(), now.into(), id.0.into(), who.into(), until.into()],
        )
        .await?;
    Ok(claimed == 1)
}

/// Gives `who` longer time for a pair that is theirs.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn extend(
    tx: &TenantTx,
    id: CandidateId,
    who: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE candidate SET claimed_until = $5
         WHERE tenant_id = $1 AND id = $3 AND claimed_by = $4 AND claimed_until > $2 AND state = 'open'",
        [tx.owner(), now.into(), id.0.into(), who.into(), until.into()],
    )
    .await?;
    Ok(())
}

/// Lets go of a pair that is theirs.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release(tx: &TenantTx, id: CandidateId, who: Uuid) -> Result<(), StoreError> {
    tx.run(
        "UPDATE candidate SET claimed_by = NULL, claimed_until = NULL
         WHERE tenant_id = $1 AND id = $2 AND claimed_by = $3",
        [tx.owner(), id.0.into(), who.into()],
    )
    .await?;
    Ok(())
}

/// Puts a pair off, or back into the queue; nobody looks at it any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn snooze(tx: &TenantTx, id: CandidateId, until: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE candidate SET snoozed_until = $3, claimed_by = NULL, claimed_until = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'open'",
        [tx.owner(), id.0.into(), until.into()],
    )
    .await?;
    Ok(())
}

/// The open questions, put off or not, about any of these entities, best first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn about(tx: &TenantTx, goldens: Vec<Uuid>) -> Result<Vec<CandidateRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM candidate WHERE tenant_id = $1 AND state = 'open'
               AND (left_golden = ANY($2) OR right_golden = ANY($2)) ORDER BY score DESC, id LIMIT 2000",
            [tx.owner(), goldens.into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// The merge that moved exactly these records, or these and others that are not there any more, into this entity; the
/// newest, where several did.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn merge_of(tx: &TenantTx, into: GoldenId, records: Vec<Uuid>) -> Result<Option<CandidateRow>, StoreError> {
    let row = tx
        .row(
            "SELECT c.* FROM candidate c JOIN golden g ON g.tenant_id = c.tenant_id AND g.id = c.right_golden
             WHERE c.tenant_id = $1 AND g.tenant_id = $1 AND c.state = 'merged' AND g.state = 2 AND c.moved @> $3
               AND NOT EXISTS (SELECT FROM source_record s
                               WHERE s.tenant_id = $1 AND s.id = ANY(c.moved) AND s.id <> ALL($3)
                                 AND s.golden_id = $2 AND s.state = 1)
             ORDER BY c.decided_at DESC, c.id DESC LIMIT 1",
            [tx.owner(), into.0.into(), records.into()],
        )
        .await?;
    row.as_ref().map_or(Ok(None), read)
}
