//! Runs: one pull of one object of one connection, from start to end, with what became of every record.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RunId};
use sea_orm::QueryResult;
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

/// What became of records. Every received record is in exactly one of the first six, and `rejected` pieces beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records that came.
    pub received: i64,
    /// Known and the same as before.
    pub unchanged: i64,
    /// Started an entity.
    pub added: i64,
    /// Joined an entity.
    pub matched: i64,
    /// Changed an entity that they belong to.
    pub updated: i64,
    /// Left a question for a person.
    pub to_review: i64,
    /// Wait for a correction.
    pub flagged: i64,
    /// Gone from the system.
    pub removed: i64,
    /// Pieces that could not be read as records.
    pub rejected: i64,
    /// Deliveries planned.
    pub planned: i64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.received += more.received;
        self.unchanged += more.unchanged;
        self.added += more.added;
        self.matched += more.matched;
        self.updated += more.updated;
        self.to_review += more.to_review;
        self.flagged += more.flagged;
        self.removed += more.removed;
        self.rejected += more.rejected;
        self.planned += more.planned;
    }
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRow {
    /// Id.
    pub id: RunId,
    /// Connection.
    pub connection: ConnectionId,
    /// Object.
    pub object: ObjectKind,
    /// full, changes.
    pub mode: String,
    /// schedule, person, initial, replay.
    pub trigger: String,
    /// queued, running, waiting, succeeded, attention, failed, held, cancelled.
    pub state: String,
    /// Where it goes on.
    #[serde(skip)]
    pub cursor: Option<Json>,
    /// Pages read.
    pub pages: i32,
    /// Records the system announced.
    pub expected: Option<i64>,
    /// What became of them.
    pub counts: Counts,
    /// What a person should know.
    pub message: String,
    /// When it was asked for.
    pub queued_at: DateTime<Utc>,
    /// When it started.
    pub started_at: Option<DateTime<Utc>>,
    /// When it last got further.
    pub progress_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

fn read(row: &QueryResult) -> Result<Option<RunRow>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    Ok(Some(RunRow {
        id: RunId(get(row, "id")?),
        connection: ConnectionId(get(row, "connection_id")?),
        object,
        mode: get(row, "mode")?,
        trigger: get(row, "trigger")?,
        state: get(row, "state")?,
        cursor: get(row, "cursor")?,
        pages: get(row, "pages")?,
        expected: get(row, "expected")?,
        counts: Counts {
            received: get(row, "received")?,
            unchanged: get(row, "unchanged")?,
            added: get(row, "added")?,
            matched: get(row, "matched")?,
            updated: get(row, "updated")?,
            to_review: get(row, "to_review")?,
            flagged: get(row, "flagged")?,
            removed: get(row, "removed")?,
            rejected: get(row, "rejected")?,
            planned: get(row, "planned")?,
        },
        message: get(row, "message")?,
        queued_at: get(row, "queued_at")?,
        started_at: get(row, "started_at")?,
        progress_at: get(row, "progress_at")?,
        finished_at: get(row, "finished_at")?,
    }))
}

/// Asks for a run; joins one that is open. Returns its id and whether it is new.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn request(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    mode: &str,
    trigger: &str,
    now: DateTime<Utc>,
) -> Result<(RunId, bool), StoreError> {
    let id = RunId::new();
    let row = tx
        .row(
            "INSERT INTO run (tenant_id, id, connection_id, object, mode, trigger, state, requested_by, queued_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8)
             ON CONFLICT (tenant_id, connection_id, object) WHERE state IN ('queued', 'running', 'waiting')
             -- A full run that is asked for while one of changes is queued takes its place.
             DO UPDATE SET mode = CASE WHEN run.state = 'queued' AND excluded.mode = 'full' THEN 'full' ELSE run.mode END
             RETURNING id",
            [
                tx.owner(),
                id.0.into(),
                connection.0.into(),
                object.code().into(),
                mode.into(),
                trigger.into(),
                tx.scope().actor().id().into(),
                now.into(),
            ],
        )
        .await?;
    let kept = row.map(|row| get::<Uuid>(&row, "id")).transpose()?.map_or(id, RunId);
    Ok((kept, kept == id))
}

/// One run.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &TenantTx, id: RunId) -> Result<Option<RunRow>, StoreError> {
    let row = tx.row("SELECT * FROM run WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into()]).await?;
    row.as_ref().map_or(Ok(None), read)
}

/// The run of this connection and object that is open.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn open_of(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
) -> Result<Option<RunRow>, StoreError> {
    let row = tx
        .row(
            "SELECT * FROM run WHERE tenant_id = $1 AND connection_id = $2 AND object = $3
               AND state IN ('queued', 'running', 'waiting')",
            [tx.owner(), connection.0.into(), object.code().into()],
        )
        .await?;
    row.as_ref().map_or(Ok(None), read)
}

/// Runs, newest first, before `before`, of one connection where given.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    tx: &TenantTx,
    connections: Option<Vec<Uuid>>,
    before: Option<RunId>,
    limit: i64,
) -> Result<Vec<RunRow>, StoreError> {
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows = match connections {
        Some(connections) => {
            tx.rows(
                "SELECT * FROM run WHERE tenant_id = $1 AND connection_id = ANY($4) AND id < $2 ORDER BY id DESC LIMIT $3",
                [tx.owner(), before.into(), limit.into(), connections.into()],
            )
            .await?
        }
        None => {
            tx.rows(
                "SELECT * FROM run WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                [tx.owner(), before.into(), limit.into()],
            )
            .await?
        }
    };
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Starts a run or goes on with it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn start(tx: &TenantTx, id: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE run SET state = 'running', started_at = coalesce(started_at, $3), message = ''
         WHERE tenant_id = $1 AND id = $2 AND state IN ('queued', 'waiting', 'running')",
        [tx.owner(), id.0.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Moves a run on by a page: the cursor and what became of the page's records, in the transaction that holds them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn advance(
    tx: &TenantTx,
    id: RunId,
    cursor: Option<&Json>,
    expected: Option<i64>,
    counts: Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE run SET cursor = $3::jsonb, pages = pages + 1, expected = coalesce($4, expected), progress_at = $5,
                received = received + $6, unchanged = unchanged + $7, added = added + $8, matched = matched + $9,
                updated = updated + $10, to_review = to_review + $11, flagged = flagged + $12, removed = removed + $13,
                rejected = rejected + $14, planned = planned + $15
         WHERE tenant_id = $1 AND id = $2",
        [
            tx.owner(),
            id.0.into(),
            cursor.cloned().into(),
            expected.into(),
            now.into(),
            counts.received.into(),
            counts.unchanged.into(),
            counts.added.into(),
            counts.matched.into(),
            counts.updated.into(),
            counts.to_review.into(),
            counts.flagged.into(),
            counts.removed.into(),
            counts.rejected.into(),
            counts.planned.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Ends a run, or parks it (`waiting`: it goes on by itself; `held`: a person must decide).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end(tx: &TenantTx, id: RunId, state: &str, message: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE run SET state = $3, message = $4,
                finished_at = CASE WHEN $3 IN ('waiting', 'running') THEN NULL ELSE $5 END
         WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), id.0.into(), state.into(), message.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// The latest run of each connection and object.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn latest(tx: &TenantTx) -> Result<Vec<RunRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT ON (connection_id, object) * FROM run WHERE tenant_id = $1
             ORDER BY connection_id, object, queued_at DESC",
            [tx.owner()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Opens a held run again at another place.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn reopen(tx: &TenantTx, id: RunId, cursor: &Json) -> Result<u64, StoreError> {
    tx.run(
        "UPDATE run SET state = 'queued', cursor = $3::jsonb, message = '', finished_at = NULL
         WHERE tenant_id = $1 AND id = $2 AND state = 'held'",
        [tx.owner(), id.0.into(), cursor.clone().into()],
    )
    .await
}

/// Open runs without progress since `since`: the watchdog looks whether anybody still works at them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn stuck(tx: &TenantTx, since: DateTime<Utc>) -> Result<Vec<RunRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM run WHERE tenant_id = $1 AND state IN ('queued', 'running', 'waiting')
               AND coalesce(progress_at, queued_at) < $2",
            [tx.owner(), since.into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}
