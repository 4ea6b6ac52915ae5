//! Who tells of an entity: its source records and the connections that they come from.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use domain::{ConnectionId, GoldenId, ObjectKind, SourceRecordId};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The living records of an entity, oldest first, and which connection tells each; without what they say.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn told_of(tx: &TenantTx, golden: GoldenId) -> Result<Vec<(SourceRecordId, ConnectionId)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT id, connection_id FROM source_record
             WHERE tenant_id = $1 AND golden_id = $2 AND state = 1 ORDER BY id",
            [tx.owner(), golden.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((SourceRecordId(get(row, "id")?), ConnectionId(get(row, "connection_id")?)))).collect()
}

/// Which connections tell of these entities.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn tellers(tx: &TenantTx, goldens: Vec<Uuid>) -> Result<Vec<(GoldenId, ConnectionId)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT golden_id, connection_id FROM source_record
             WHERE tenant_id = $1 AND golden_id = ANY($2) AND state = 1 ORDER BY 1, 2",
            [tx.owner(), goldens.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((GoldenId(get(row, "golden_id")?), ConnectionId(get(row, "connection_id")?)))).collect()
}

/// Which of these entities one of `tellers` tells of.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn told_by(tx: &TenantTx, goldens: Vec<Uuid>, tellers: Vec<Uuid>) -> Result<BTreeSet<GoldenId>, StoreError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT golden_id FROM source_record
             WHERE tenant_id = $1 AND golden_id = ANY($2) AND state = 1 AND connection_id = ANY($3)",
            [tx.owner(), goldens.into(), tellers.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(GoldenId(get(row, "golden_id")?))).collect()
}

/// Whether one of these records comes from one of these connections, gone ones included.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn any_from(tx: &TenantTx, records: Vec<Uuid>, connections: Vec<Uuid>) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT EXISTS (SELECT FROM source_record
                            WHERE tenant_id = $1 AND id = ANY($2) AND connection_id = ANY($3)) AS any",
            [tx.owner(), records.into(), connections.into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "any")).transpose()?.unwrap_or_default())
}

/// Where one record comes from: connection, object and the system's key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn origin(
    tx: &TenantTx,
    id: SourceRecordId,
) -> Result<Option<(ConnectionId, ObjectKind, String)>, StoreError> {
    let row = tx
        .row(
            "SELECT connection_id, object, external_id FROM source_record WHERE tenant_id = $1 AND id = $2",
            [tx.owner(), id.0.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(object) = ObjectKind::from_code(get(&row, "object")?) else { return Ok(None) };
    Ok(Some((ConnectionId(get(&row, "connection_id")?), object, get(&row, "external_id")?)))
}

/// Which of these entities have a living record beside those named.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn with_others(
    tx: &TenantTx,
    goldens: Vec<Uuid>,
    named: Vec<Uuid>,
) -> Result<BTreeSet<GoldenId>, StoreError> {
    if goldens.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = tx
        .rows(
            "SELECT w.golden_id FROM (SELECT DISTINCT unnest($2::uuid[]) AS golden_id) AS w
             CROSS JOIN LATERAL (SELECT FROM source_record
                                 WHERE tenant_id = $1 AND golden_id = w.golden_id AND state = 1 AND id <> ALL($3)
                                 LIMIT 1) AS other",
            [tx.owner(), goldens.into(), named.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(GoldenId(get(row, "golden_id")?))).collect()
}
