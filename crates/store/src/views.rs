//! What only pages ask: a connection's story, how many records are held, what the last day brought.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::schedule::Cadence;
use domain::{ConnectionId, GoldenId, ObjectKind, SystemRole};
use serde_json::Value as Json;
use uuid::Uuid;

/// A connection as lists show it.
#[derive(Clone, Debug)]
pub struct ConnectionStory {
    /// Id.
    pub id: ConnectionId,
    /// Name.
    pub name: String,
    /// Connector.
    pub connector: String,
    /// Part it plays.
    pub role: SystemRole,
    /// Rooftop.
    pub rooftop: Option<Uuid>,
    /// Rooftop's name.
    pub rooftop_name: Option<String>,
    /// draft, active, paused, broken.
    pub state: String,
    /// Why.
    pub state_reason: String,
    /// When it was last tested with success.
    pub tested_at: Option<DateTime<Utc>>,
    /// Settings.
    pub settings: Json,
}

/// All connections, by rooftop and name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn connections(tx: &TenantTx) -> Result<Vec<ConnectionStory>, StoreError> {
    let rows = tx
        .rows(
            "SELECT c.*, r.name AS rooftop_name FROM connection c
             LEFT JOIN rooftop r ON r.tenant_id = c.tenant_id AND r.id = c.rooftop_id
             WHERE c.tenant_id = $1 ORDER BY r.name NULLS FIRST, c.created_at, c.id",
            [tx.owner()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ConnectionStory {
                id: ConnectionId(get(row, "id")?),
                name: get(row, "name")?,
                connector: get(row, "connector")?,
                role: get::<String>(row, "system_role")?.parse().unwrap_or(SystemRole::Other),
                rooftop: get(row, "rooftop_id")?,
                rooftop_name: get(row, "rooftop_name")?,
                state: get(row, "state")?,
                state_reason: get(row, "state_reason")?,
                tested_at: get(row, "tested_at")?,
                settings: get(row, "settings")?,
            })
        })
        .collect()
}

/// What a connection moves, with its schedule and how much of it is held.
#[derive(Clone, Debug)]
pub struct ObjectStory {
    /// Whose.
    pub connection: ConnectionId,
    /// What.
    pub object: ObjectKind,
    /// Whether it is read.
    pub pull: bool,
    /// none, update_only, create_and_update, feed.
    pub push: String,
    /// When it was last read to the end.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// For feeds: when it was published last.
    pub published_at: Option<DateTime<Utc>>,
    /// Unknown names in payloads.
    pub drift: i64,
    /// Records held, counted up to `held_max`.
    pub held: i64,
    /// When the first of its records was seen, read or written by us, even if all are gone now. Of many, some are
    /// looked at.
    pub first_seen_at: Option<DateTime<Utc>>,
    /// How often it is read; `None` where it has no schedule that is on.
    pub cadence: Option<Cadence>,
    /// When next.
    pub next_at: Option<DateTime<Utc>>,
}

/// What all connections move, and what arrived there unasked. Records are counted up to `held_max` per object, so that the answer stays fast.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn objects(tx: &TenantTx, held_max: i64) -> Result<Vec<ObjectStory>, StoreError> {
    let rows = tx
        .rows(
            "SELECT o.connection_id, o.object, o.pull, o.push, o.succeeded_at, o.feed_published_at,
                    (SELECT count(*) FROM jsonb_object_keys(o.drift)) AS drift, h.held, s.cadence, s.next_at,
                    (SELECT min(first_seen_at) FROM (
                         SELECT r.first_seen_at FROM source_record r WHERE r.tenant_id = $1
                         AND r.connection_id = o.connection_id AND r.object = o.object LIMIT $2) AS sampled) AS first_seen_at
             FROM object_sync o
             LEFT JOIN schedule s ON s.tenant_id = o.tenant_id AND s.connection_id = o.connection_id
                  AND s.object = o.object AND s.enabled
             CROSS JOIN LATERAL (SELECT count(*) AS held FROM (
                  SELECT FROM source_record r WHERE r.tenant_id = $1 AND r.connection_id = o.connection_id
                  AND r.object = o.object AND r.state <> 3 LIMIT $2) AS capped) AS h
             WHERE o.tenant_id = $1 AND (o.pull OR o.push <> 'none' OR h.held > 0) ORDER BY o.connection_id, o.object",
            [tx.owner(), held_max.into()],
        )
        .await?;
    let mut stories = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(object) = ObjectKind::from_code(get(row, "object")?) else { continue };
        let cadence = get::<Option<Json>>(row, "cadence")?
            .map(serde_json::from_value)
            .transpose()
            .map_err(|source| StoreError::Document { place: "schedule.cadence", source })?;
        stories.push(ObjectStory {
            connection: ConnectionId(get(row, "connection_id")?),
            object,
            pull: get(row, "pull")?,
            push: get(row, "push")?,
            succeeded_at: get(row, "succeeded_at")?,
            published_at: get(row, "feed_published_at")?,
            drift: get(row, "drift")?,
            held: get(row, "held")?,
            first_seen_at: get(row, "first_seen_at")?,
            cadence,
            next_at: get(row, "next_at")?,
        });
    }
    Ok(stories)
}

/// Which credentials a connection has, and since when; never their values.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn credential_ages(
    tx: &TenantTx,
    connection: ConnectionId,
) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT field, updated_at FROM credential WHERE tenant_id = $1 AND connection_id = $2 ORDER BY field",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, "field")?, get(row, "updated_at")?))).collect()
}

/// What runs brought since a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brought {
    /// Runs that ended.
    pub runs: i64,
    /// Records that came.
    pub received: i64,
    /// As before.
    pub unchanged: i64,
    /// Flagged or unreadable.
    pub unusable: i64,
    /// Added, joined or changed.
    pub changed: i64,
    /// Deliveries planned.
    pub planned: i64,
}

/// Sums the runs that ended since `since`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn brought(tx: &TenantTx, since: DateTime<Utc>) -> Result<Brought, StoreError> {
    let row = tx
        .row(
            "SELECT count(*) AS runs, coalesce(sum(received), 0)::bigint AS received,
                    coalesce(sum(unchanged), 0)::bigint AS unchanged,
                    coalesce(sum(flagged + rejected), 0)::bigint AS unusable,
                    coalesce(sum(added + matched + updated), 0)::bigint AS changed,
                    coalesce(sum(planned), 0)::bigint AS planned
             FROM run WHERE tenant_id = $1 AND finished_at >= $2",
            [tx.owner(), since.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(Brought::default()) };
    Ok(Brought {
        runs: get(&row, "runs")?,
        received: get(&row, "received")?,
        unchanged: get(&row, "unchanged")?,
        unusable: get(&row, "unusable")?,
        changed: get(&row, "changed")?,
        planned: get(&row, "planned")?,
    })
}

/// Deliveries that are due, all objects or one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(tx: &TenantTx, object: Option<ObjectKind>) -> Result<i64, StoreError> {
    let row = tx
        .row(
            "SELECT count(*) AS due FROM target WHERE tenant_id = $1 AND state = 1 AND ($2::smallint IS NULL OR object = $2)",
            [tx.owner(), object.map(ObjectKind::code).into()],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(get(&row, "due")?))
}

/// What one system should hold of an entity and does hold.
#[derive(Clone, Debug)]
pub struct TargetStory {
    /// The system.
    pub connection: ConnectionId,
    /// 0 settled, 1 due, 2 waits for a person, 3 not wanted there.
    pub state: i16,
    /// Its key there.
    pub external_id: Option<String>,
    /// When it was last delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    pub due_at: DateTime<Utc>,
    /// Tries.
    pub attempts: i32,
    /// Why not.
    pub last_error: String,
    /// Whether nothing is written to the system before it was read once.
    pub awaits_first_read: bool,
}

/// An entity's deliveries.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn targets(tx: &TenantTx, golden: GoldenId) -> Result<Vec<TargetStory>, StoreError> {
    let rows = tx
        .rows(
            "SELECT t.connection_id, t.state, t.external_id, t.delivered_at, t.due_at, t.attempts, t.last_error,
                    coalesce(o.pull AND o.full_at IS NULL, false) AS awaits_first_read
             FROM target t
             LEFT JOIN object_sync o ON o.tenant_id = $1 AND o.connection_id = t.connection_id AND o.object = t.object
             WHERE t.tenant_id = $1 AND t.golden_id = $2 ORDER BY t.connection_id",
            [tx.owner(), golden.0.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TargetStory {
                connection: ConnectionId(get(row, "connection_id")?),
                state: get(row, "state")?,
                external_id: get(row, "external_id")?,
                delivered_at: get(row, "delivered_at")?,
                due_at: get(row, "due_at")?,
                attempts: get(row, "attempts")?,
                last_error: get(row, "last_error")?,
                awaits_first_read: get(row, "awaits_first_read")?,
            })
        })
        .collect()
}

/// Open failures of each connection that need a person: connection and how many.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn needs_you(tx: &TenantTx) -> Result<Vec<(ConnectionId, i64)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT connection_id, count(*) AS many FROM failure
             WHERE tenant_id = $1 AND state = 'open' AND next = 'needs_you' GROUP BY connection_id",
            [tx.owner()],
        )
        .await?;
    rows.iter().map(|row| Ok((ConnectionId(get(row, "connection_id")?), get(row, "many")?))).collect()
}

/// The open pairs that name an entity.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn pairs_of(tx: &TenantTx, golden: GoldenId) -> Result<Vec<(domain::CandidateId, GoldenId)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT id, CASE WHEN left_golden = $2 THEN right_golden ELSE left_golden END AS other FROM candidate
             WHERE tenant_id = $1 AND state = 'open' AND $2 IN (left_golden, right_golden) ORDER BY score DESC, id LIMIT 20",
            [tx.owner(), golden.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((domain::CandidateId(get(row, "id")?), GoldenId(get(row, "other")?)))).collect()
}

/// What is still under way in a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Runs that are queued, running or waiting.
    pub runs: i64,
    /// Webhooks and documents that were not read yet.
    pub inbox: i64,
    /// Feeds that do not show the newest state yet.
    pub feeds: i64,
    /// Jobs that are due or running.
    pub jobs: i64,
}

/// Counts what is still under way.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn under_way(tx: &TenantTx) -> Result<UnderWay, StoreError> {
    let row = tx
        .row(
            "SELECT (SELECT count(*) FROM run WHERE tenant_id = $1 AND state IN ('queued', 'running', 'waiting')) AS runs,
                    (SELECT count(*) FROM inbox WHERE tenant_id = $1 AND state = 'waiting') AS inbox,
                    (SELECT count(*) FROM object_sync WHERE tenant_id = $1 AND feed_desired > feed_published) AS feeds,
                    (SELECT count(*) FROM job WHERE tenant_id = $1 AND state IN (0, 1, 2)) AS jobs",
            [tx.owner()],
        )
        .await?;
    let Some(row) = row else { return Ok(UnderWay::default()) };
    Ok(UnderWay {
        runs: get(&row, "runs")?,
        inbox: get(&row, "inbox")?,
        feeds: get(&row, "feeds")?,
        jobs: get(&row, "jobs")?,
    })
}
