//! Targets: what each system should hold of each entity, and what it does hold.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, GoldenId, ObjectKind};
use sea_orm::QueryResult;
use uuid::Uuid;

/// Stands in for the hash of what was delivered where it is to be delivered again, whatever is there: no hash is so
/// short. A delivery that was on its way when this was asked does not settle it.
pub(super) const ASKED_ANEW: [u8; 1] = [0];

/// Where a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// The system holds what it should.
    Settled,
    /// A delivery is due.
    Due,
    /// A person must do something first.
    NeedsYou,
    /// The system shall not hold it (deleted there by its people).
    Unwanted,
}

impl TargetState {
    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Settled => 0,
            Self::Due => 1,
            Self::NeedsYou => 2,
            Self::Unwanted => 3,
        }
    }

    fn from_code(code: i16) -> Self {
        match code {
            1 => Self::Due,
            2 => Self::NeedsYou,
            3 => Self::Unwanted,
            _ => Self::Settled,
        }
    }

    /// As the API says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Due => "due",
            Self::NeedsYou => "needs_you",
            Self::Unwanted => "unwanted",
        }
    }
}

/// One target.
#[derive(Clone, Debug)]
pub struct TargetRow {
    /// The system.
    pub connection: ConnectionId,
    /// The entity.
    pub golden: GoldenId,
    /// Its kind.
    pub object: ObjectKind,
    /// The golden version it should hold.
    pub desired_version: i64,
    /// The golden version that was written last.
    pub delivered_version: i64,
    /// Hash of what should be there and what was there when it was written last; empty before the first time.
    pub delivered_hash: Vec<u8>,
    /// The system's key.
    pub external_id: Option<String>,
    /// Whether we made the record of that key; else it is the system's own. Deliveries decide it, and the mark of what is read.
    pub made: bool,
    /// Another record there that we made and that is one too many; it is withdrawn before anything else is written.
    pub surplus: Option<String>,
    /// Where it stands.
    pub state: TargetState,
    /// Whether it shall be gone there.
    pub withdraw: bool,
    /// Tries of this state.
    pub attempts: i32,
    /// When it may be tried.
    pub due_at: DateTime<Utc>,
    /// When the change that it carries was known.
    pub desired_at: DateTime<Utc>,
    /// When it was written last.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why it waits.
    pub last_error: String,
}

impl TargetRow {
    /// Whether it is to be written again, whatever is there.
    #[must_use]
    pub fn is_asked_anew(&self) -> bool {
        self.state == TargetState::Due && (self.delivered_hash == ASKED_ANEW || self.surplus.is_some())
    }
}

fn read(row: &QueryResult) -> Result<Option<TargetRow>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    Ok(Some(TargetRow {
        connection: ConnectionId(get(row, "connection_id")?),
        golden: GoldenId(get(row, "golden_id")?),
        object,
        desired_version: get(row, "desired_version")?,
        delivered_version: get(row, "delivered_version")?,
        delivered_hash: get::<Option<Vec<u8>>>(row, "delivered_hash")?.unwrap_or_default(),
        external_id: get(row, "external_id")?,
        made: get(row, "made")?,
        surplus: get(row, "surplus")?,
        state: TargetState::from_code(get(row, "state")?),
        withdraw: get(row, "withdraw")?,
        attempts: get(row, "attempts")?,
        due_at: get(row, "due_at")?,
        desired_at: get(row, "desired_at")?,
        delivered_at: get(row, "delivered_at")?,
        last_error: get(row, "last_error")?,
    }))
}

/// All targets of these entities.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_goldens(tx: &TenantTx, goldens: Vec<Uuid>) -> Result<Vec<TargetRow>, StoreError> {
    if goldens.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows("SELECT * FROM target WHERE tenant_id = $1 AND golden_id = ANY($2)", [tx.owner(), goldens.into()])
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Writes targets as planned. A key that the system gave once is kept.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn write(tx: &TenantTx, targets: &[TargetRow]) -> Result<(), StoreError> {
    if targets.is_empty() {
        return Ok(());
    }
    let connections: Vec<Uuid> = targets.iter().map(|t| t.connection.0).collect();
    let goldens: Vec<Uuid> = targets.iter().map(|t| t.golden.0).collect();
    let objects: Vec<i16> = targets.iter().map(|t| t.object.code()).collect();
    let desired: Vec<i64> = targets.iter().map(|t| t.desired_version).collect();
    let delivered: Vec<i64> = targets.iter().map(|t| t.delivered_version).collect();
    let hashes: Vec<Vec<u8>> = targets.iter().map(|t| t.delivered_hash.clone()).collect();
    let keys: Vec<String> = targets.iter().map(|t| t.external_id.clone().unwrap_or_default()).collect();
    let states: Vec<i16> = targets.iter().map(|t| t.state.code()).collect();
    let withdraws: Vec<bool> = targets.iter().map(|t| t.withdraw).collect();
    let made: Vec<bool> = targets.iter().map(|t| t.made).collect();
    let attempts: Vec<i32> = targets.iter().map(|t| t.attempts).collect();
    let due: Vec<DateTime<Utc>> = targets.iter().map(|t| t.due_at).collect();
    let desired_at: Vec<DateTime<Utc>> = targets.iter().map(|t| t.desired_at).collect();
    tx.run(
        "INSERT INTO target (tenant_id, connection_id, golden_id, object, desired_version, delivered_version,
                             delivered_hash, external_id, state, withdraw, attempts, due_at, desired_at, made)
         SELECT $1, connection, golden, object, desired, delivered, nullif(hash, ''::bytea), nullif(key, ''), state,
                withdraw, attempts, due, desired_at, made
         FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[],
                     $9::smallint[], $10::bool[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::bool[])
              AS t (connection, golden, object, desired, delivered, hash, key, state, withdraw, attempts, due, desired_at,
                    made)
         ON CONFLICT (tenant_id, connection_id, golden_id) DO UPDATE SET
             desired_version = excluded.desired_version, delivered_version = excluded.delivered_version,
             delivered_hash = coalesce(excluded.delivered_hash, target.delivered_hash),
             external_id = coalesce(excluded.external_id, target.external_id),
             made = excluded.made,
             state = excluded.state, withdraw = excluded.withdraw, attempts = excluded.attempts,
             due_at = excluded.due_at, desired_at = excluded.desired_at, last_error = ''",
        [
            tx.owner(),
            connections.into(),
            goldens.into(),
            objects.into(),
            desired.into(),
            delivered.into(),
            hashes.into(),
            keys.into(),
            states.into(),
            withdraws.into(),
            attempts.into(),
            due.into(),
            desired_at.into(),
            made.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The next targets of a connection that are due, longest waiting first. Of one moment, those that the system knows come
/// before those it is searched for: after a split the search must not find a record under the id of who had it before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn due(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<TargetRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM target
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3 AND state = 1 AND due_at <= $4
             ORDER BY due_at, external_id IS NULL LIMIT $5",
            [tx.owner(), connection.0.into(), object.code().into(), now.into(), limit.into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// When the next target of a connection is due, if one of these kinds is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn next_due(
    tx: &TenantTx,
    connection: ConnectionId,
    objects: &[ObjectKind],
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let objects: Vec<i16> = objects.iter().map(|object| object.code()).collect();
    let row = tx
        .row(
            "SELECT min(due_at) AS due_at FROM target
             WHERE tenant_id = $1 AND connection_id = $2 AND object = ANY($3) AND state = 1",
            [tx.owner(), connection.0.into(), objects.into()],
        )
        .await?;
    Ok(row.map(|row| get::<Option<DateTime<Utc>>>(&row, "due_at")).transpose()?.flatten())
}

/// Whose a system's record is that a delivery wrote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The system's own: it was there before us.
    Theirs,
    /// We made it.
    Ours,
    /// The one that was written to before.
    AsBefore,
}

impl Whose {
    pub(super) const fn made(self) -> Option<bool> {
        match self {
            Self::Theirs => Some(false),
            Self::Ours => Some(true),
            Self::AsBefore => None,
        }
    }
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The entity.
    pub golden: GoldenId,
    /// The golden version that was written.
    pub version: i64,
    /// Hash of what should be there and what is there now.
    pub hash: Vec<u8>,
    /// The system's key.
    pub external_id: Option<String>,
    /// Whose the record of that key is.
    pub whose: Whose,
    /// Since when the target was due as it was read.
    pub due_at: DateTime<Utc>,
}

/// Notes deliveries. A target whose desired version was raised meanwhile, or that was asked for anew, stays due.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn settle(
    tx: &TenantTx,
    connection: ConnectionId,
    delivered: &[Delivered],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if delivered.is_empty() {
        return Ok(());
    }
    let goldens: Vec<Uuid> = delivered.iter().map(|d| d.golden.0).collect();
    let versions: Vec<i64> = delivered.iter().map(|d| d.version).collect();
    let hashes: Vec<Vec<u8>> = delivered.iter().map(|d| d.hash.clone()).collect();
    let keys: Vec<String> = delivered.iter().map(|d| d.external_id.clone().unwrap_or_default()).collect();
    let due: Vec<DateTime<Utc>> = delivered.iter().map(|d| d.due_at).collect();
    let ours: Vec<bool> = delivered.iter().map(|d| d.whose == Whose::Ours).collect();
    let theirs: Vec<bool> = delivered.iter().map(|d| d.whose == Whose::Theirs).collect();
    tx.run(
        "UPDATE target t SET
             delivered_version = greatest(t.delivered_version, d.version), delivered_hash = d.hash,
             external_id = coalesce(nullif(d.key, ''), t.external_id), delivered_at = $7, attempts = 0, last_error = '',
             made = (t.made OR d.ours) AND NOT d.theirs,
             state = CASE WHEN t.state = 1 AND (t.desired_version > d.version
                                                OR t.delivered_hash = $9 AND t.due_at > d.due_at) THEN 1
                          WHEN t.state = 3 THEN 3 ELSE 0 END
         FROM unnest($3::uuid[], $4::bigint[], $5::bytea[], $6::text[], $8::timestamptz[], $10::bool[], $11::bool[])
              AS d (golden, version, hash, key, due_at, ours, theirs)
         WHERE t.tenant_id = $1 AND t.connection_id = $2 AND t.golden_id = d.golden",
        [
            tx.owner(),
            connection.0.into(),
            goldens.into(),
            versions.into(),
            hashes.into(),
            keys.into(),
            now.into(),
            due.into(),
            ASKED_ANEW.to_vec().into(),
            ours.into(),
            theirs.into(),
        ],
    )
    .await?;
    Ok(())
}

/// A delivery that did not work.
#[derive(Clone, Debug)]
pub struct Missed {
    /// The entity.
    pub golden: GoldenId,
    /// Due again, or waiting for a person.
    pub state: TargetState,
    /// When it is tried again.
    pub due_at: DateTime<Utc>,
    /// Why, redacted.
    pub error: String,
    /// Whether this counts as a try; waiting for one's turn does not.
    pub counts: bool,
}

/// Notes deliveries that did not work.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn postpone(tx: &TenantTx, connection: ConnectionId, missed: &[Missed]) -> Result<(), StoreError> {
    if missed.is_empty() {
        return Ok(());
    }
    let goldens: Vec<Uuid> = missed.iter().map(|m| m.golden.0).collect();
    let states: Vec<i16> = missed.iter().map(|m| m.state.code()).collect();
    let due: Vec<DateTime<Utc>> = missed.iter().map(|m| m.due_at).collect();
    let errors: Vec<String> = missed.iter().map(|m| m.error.clone()).collect();
    let counts: Vec<i32> = missed.iter().map(|m| i32::from(m.counts)).collect();
    tx.run(
        "UPDATE target t SET state = m.state, due_at = m.due, last_error = m.error, attempts = t.attempts + m.counts
         FROM unnest($3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[], $7::int[]) AS m (golden, state, due, error, counts)
         WHERE t.tenant_id = $1 AND t.connection_id = $2 AND t.golden_id = m.golden AND t.state = 1",
        [
            tx.owner(),
            connection.0.into(),
            goldens.into(),
            states.into(),
            due.into(),
            errors.into(),
            counts.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Makes targets due again: a replay. `golden` for one, all of the connection that wait for a person otherwise.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replay(
    tx: &TenantTx,
    connection: ConnectionId,
    goldens: Option<Vec<Uuid>>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    match goldens {
        Some(goldens) => {
            tx.run(
                "UPDATE target SET state = 1, due_at = $3, attempts = 0, delivered_hash = $5
                 WHERE tenant_id = $1 AND connection_id = $2 AND golden_id = ANY($4) AND state <> 3",
                [tx.owner(), connection.0.into(), now.into(), goldens.into(), ASKED_ANEW.to_vec().into()],
            )
            .await
        }
        None => {
            tx.run(
                // What waits for its next try as well: somebody says that it is worth one now.
                "UPDATE target SET state = 1, due_at = $3, attempts = 0
                 WHERE tenant_id = $1 AND connection_id = $2 AND (state = 2 OR state = 1 AND due_at > $3)",
                [tx.owner(), connection.0.into(), now.into()],
            )
            .await
        }
    }
}

/// Marks what a system's own people deleted there as not wanted there.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unwant(tx: &TenantTx, connection: ConnectionId, goldens: Vec<Uuid>) -> Result<(), StoreError> {
    if goldens.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE target SET state = 3 WHERE tenant_id = $1 AND connection_id = $2 AND golden_id = ANY($3)",
        [tx.owner(), connection.0.into(), goldens.into()],
    )
    .await?;
    Ok(())
}

/// The keys by which a connection knows these entities: its own records first, then what it answered to our writes.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn keys_at(
    tx: &TenantTx,
    connection: ConnectionId,
    goldens: Vec<Uuid>,
) -> Result<Vec<(GoldenId, String)>, StoreError> {
    if goldens.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            "SELECT g.id, coalesce(
                 (SELECT s.external_id FROM source_record s
                  WHERE s.tenant_id = $1 AND s.golden_id = g.id AND s.connection_id = $2 AND s.state = 1
                  ORDER BY s.id LIMIT 1),
                 (SELECT t.external_id FROM target t
                  WHERE t.tenant_id = $1 AND t.connection_id = $2 AND t.golden_id = g.id)) AS key
             FROM unnest($3::uuid[]) AS g (id)",
            [tx.owner(), connection.0.into(), goldens.into()],
        )
        .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(key) = get::<Option<String>>(&row, "key")? {
            keys.push((GoldenId(get(&row, "id")?), key));
        }
    }
    Ok(keys)
}

/// How the targets of each connection and object stand. What was withdrawn, and is not to be there, is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn tally(tx: &TenantTx) -> Result<Vec<(ConnectionId, ObjectKind, TargetState, i64)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT connection_id, object, state, count(*) AS many FROM target
             WHERE tenant_id = $1 AND NOT (withdraw AND state = 0)
             GROUP BY connection_id, object, state ORDER BY connection_id, object, state",
            [tx.owner()],
        )
        .await?;
    let mut tally = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(object) = ObjectKind::from_code(get(&row, "object")?) {
            let state = TargetState::from_code(get(&row, "state")?);
            tally.push((ConnectionId(get(&row, "connection_id")?), object, state, get(&row, "many")?));
        }
    }
    Ok(tally)
}
