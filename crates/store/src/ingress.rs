//! Addresses for webhooks and documents: a token in the path says which connection is meant.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::{get, id};
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, Utc};
use domain::{ConnectionId, TenantId};

fn place(connection: &ConnectionId) -> Place<'_> {
    Place { column: "ingress.sealed", row: connection.0.as_bytes() }
}

/// Keeps a connection's token, replacing the one before.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn set(
    tx: &TenantTx,
    connection: ConnectionId,
    token: &str,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sealed = tx.keys().seal(place(&connection), token.as_bytes())?.0;
    tx.run(
        "INSERT INTO ingress (tenant_id, connection_id, token_hash, sealed, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, connection_id) DO UPDATE SET
             token_hash = excluded.token_hash, sealed = excluded.sealed, created_at = excluded.created_at",
        [tx.owner(), connection.0.into(), token_hash.to_vec().into(), sealed.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// A connection's token, to show its address again.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn token(tx: &TenantTx, connection: ConnectionId) -> Result<Option<String>, StoreError> {
    let row = tx
        .row(
            "SELECT sealed FROM ingress WHERE tenant_id = $1 AND connection_id = $2",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let plain = tx.keys().open(place(&connection), &get::<Vec<u8>>(&row, "sealed")?)?;
    String::from_utf8(plain)
        .map(Some)
        .map_err(|_| StoreError::Seal { place: "ingress.sealed", why: "it holds no text" })
}

/// Whose a token is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_token(tx: &PlatformTx, token_hash: &[u8]) -> Result<Option<(TenantId, ConnectionId)>, StoreError> {
    let row = tx
        .row("SELECT tenant_id, connection_id FROM ingress WHERE token_hash = $1", [token_hash.to_vec().into()])
        .await?;
    row.map(|row| Ok((id(&row, "tenant_id")?, id(&row, "connection_id")?))).transpose()
}
