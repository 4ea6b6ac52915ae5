//! Files that were uploaded to a connection, kept sealed in chunks until they are read.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::ConnectionId;
use sea_orm::QueryResult;
use uuid::Uuid;

/// Bytes of one chunk; the last may be shorter.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// An upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Id.
    pub id: Uuid,
    /// The connection.
    pub connection: ConnectionId,
    /// Our own name for it.
    pub name: String,
    /// Bytes.
    pub size_bytes: i64,
    /// SHA-256 of all of it.
    pub sha256: Option<Vec<u8>>,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was complete.
    pub complete_at: Option<DateTime<Utc>>,
}

fn row_key(upload: Uuid, number: i32) -> Vec<u8> {
    [upload.as_bytes().as_slice(), &number.to_be_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { column: "upload_chunk.sealed", row }
}

/// Begins an upload; `false` where the connection has one of this name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn begin(
    tx: &TenantTx,
    id: Uuid,
    connection: ConnectionId,
    name: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let added = tx
        .run(
            "INSERT INTO upload (tenant_id, id, connection_id, name, size_bytes, created_at) VALUES ($1, $2, $3, $4, 0, $5)
             ON CONFLICT (tenant_id, connection_id, name) DO NOTHING",
            [tx.owner(), id.into(), connection.0.into(), name.into(), now.into()],
        )
        .await?;
    Ok(added == 1)
}

/// Keeps one chunk.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn put_chunk(tx: &TenantTx, upload: Uuid, number: i32, bytes: &[u8]) -> Result<(), StoreError> {
    let sealed = tx.keys().seal(place(&row_key(upload, number)), bytes)?.0;
    tx.run(
        "INSERT INTO upload_chunk (tenant_id, upload_id, number, sealed) VALUES ($1, $2, $3, $4)",
        [tx.owner(), upload.into(), number.into(), sealed.into()],
    )
    .await?;
    Ok(())
}

/// Completes an upload: from now on it is read.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn complete(
    tx: &TenantTx,
    upload: Uuid,
    size_bytes: i64,
    sha256: &[u8],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE upload SET size_bytes = $3, sha256 = $4, complete_at = $5 WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), upload.into(), size_bytes.into(), sha256.to_vec().into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Takes an upload away with all its chunks.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx, upload: Uuid) -> Result<(), StoreError> {
    tx.run("DELETE FROM upload WHERE tenant_id = $1 AND id = $2", [tx.owner(), upload.into()]).await?;
    Ok(())
}

/// Takes away uploads of a connection that were begun before `before` and never completed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &TenantTx, connection: ConnectionId, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run(
        "DELETE FROM upload WHERE tenant_id = $1 AND connection_id = $2 AND complete_at IS NULL AND created_at < $3",
        [tx.owner(), connection.0.into(), before.into()],
    )
    .await
}

/// Complete uploads of a connection, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx, connection: ConnectionId) -> Result<Vec<Upload>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM upload WHERE tenant_id = $1 AND connection_id = $2 AND complete_at IS NOT NULL
             ORDER BY complete_at, id",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// The complete upload of this name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_name(tx: &TenantTx, connection: ConnectionId, name: &str) -> Result<Option<Upload>, StoreError> {
    let row = tx
        .row(
            "SELECT * FROM upload WHERE tenant_id = $1 AND connection_id = $2 AND name = $3 AND complete_at IS NOT NULL",
            [tx.owner(), connection.0.into(), name.into()],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// One chunk; `None` after the last.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn chunk(tx: &TenantTx, upload: Uuid, number: i32) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx
        .row(
            "SELECT sealed FROM upload_chunk WHERE tenant_id = $1 AND upload_id = $2 AND number = $3",
            [tx.owner(), upload.into(), number.into()],
        )
        .await?;
    row.map(|row| tx.keys().open(place(&row_key(upload, number)), &get::<Vec<u8>>(&row, "sealed")?)).transpose()
}

fn read(row: &QueryResult) -> Result<Upload, StoreError> {
    Ok(Upload {
        id: get(row, "id")?,
        connection: ConnectionId(get(row, "connection_id")?),
        name: get(row, "name")?,
        size_bytes: get(row, "size_bytes")?,
        sha256: get(row, "sha256")?,
        created_at: get(row, "created_at")?,
        complete_at: get(row, "complete_at")?,
    })
}
