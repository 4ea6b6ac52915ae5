//! What has landed and waits: to be read again, or to be found missing by a whole read.

use super::records::{PAYLOAD, RecordState, place};
use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, ObjectKind, RunId, SourceRecordId};
use uuid::Uuid;

/// How many records a finished full pull did not see, of how many; the brake compares them.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_unseen(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    run: RunId,
) -> Result<(i64, i64), StoreError> {
    let row = tx
        .row(
            "SELECT count(*) FILTER (WHERE seen_in IS DISTINCT FROM $4 AND first_seen_at < run.began) AS unseen,
                    count(*) AS every
             FROM source_record CROSS JOIN LATERAL
                  (SELECT coalesce(started_at, queued_at) AS began FROM run WHERE tenant_id = $1 AND id = $4) AS run
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3 AND state IN (0, 1, 2)",
            [tx.owner(), connection.0.into(), object.code().into(), run.0.into()],
        )
        .await?;
    row.map_or(Ok((0, 0)), |row| Ok((get(&row, "unseen")?, get(&row, "every")?)))
}

/// A piece of the records that a finished full pull did not see. What we wrote there while it read says nothing: its
/// page may have come before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unseen(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    run: RunId,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows = tx
        .rows(
            "SELECT external_id FROM source_record
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3 AND state IN (0, 1, 2)
               AND seen_in IS DISTINCT FROM $4
               AND first_seen_at < (SELECT coalesce(started_at, queued_at) FROM run WHERE tenant_id = $1 AND id = $4)
             ORDER BY id LIMIT $5",
            [tx.owner(), connection.0.into(), object.code().into(), run.0.into(), limit.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(get(row, "external_id")?)).collect()
}

/// What is waiting to be read again: landed or flagged records, with what the system said.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Id.
    pub id: SourceRecordId,
    /// The system's key.
    pub external_id: String,
    /// What the system said.
    pub raw: Vec<u8>,
    /// When the system last changed it.
    pub changed_at: DateTime<Utc>,
}

/// A piece of the records with this state, after `after`, with their payloads: to read them again.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn payloads(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    only: Option<RecordState>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Waiting>, StoreError> {
    let states: Vec<i16> = match only {
        Some(state) => vec![state.code()],
        None => vec![0, 1, 2],
    };
    let rows = tx
        .rows(
            "SELECT id, external_id, payload, changed_at FROM source_record
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3 AND state = ANY($4) AND id > $5
             ORDER BY id LIMIT $6",
            [tx.owner(), connection.0.into(), object.code().into(), states.into(), after.into(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let id = SourceRecordId(get(row, "id")?);
            Ok(Waiting {
                id,
                external_id: get(row, "external_id")?,
                raw: tx.keys().open(place(PAYLOAD, &id), &get::<Vec<u8>>(row, "payload")?)?,
                changed_at: get(row, "changed_at")?,
            })
        })
        .collect()
}

/// What a system said of one record.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn payload(tx: &TenantTx, id: SourceRecordId) -> Result<Option<Vec<u8>>, StoreError> {
    let row =
        tx.row("SELECT payload FROM source_record WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into()]).await?;
    row.map(|row| tx.keys().open(place(PAYLOAD, &id), &get::<Vec<u8>>(&row, "payload")?)).transpose()
}
