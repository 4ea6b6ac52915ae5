//! Credentials: each sealed by itself, for its connection and field, and never shown again.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::ConnectionId;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

fn row_key(connection: ConnectionId, field: &str) -> Vec<u8> {
    [connection.0.as_bytes().as_slice(), field.as_bytes()].concat()
}

fn place(row: &[u8]) -> Place<'_> {
    Place { column: "credential.sealed", row }
}

/// Keeps a credential, replacing the one before.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn set(
    tx: &TenantTx,
    connection: ConnectionId,
    field: &str,
    secret: &SecretString,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sealed = tx.keys().seal(place(&row_key(connection, field)), secret.expose_secret().as_bytes())?.0;
    tx.run(
        "INSERT INTO credential (tenant_id, connection_id, field, sealed, updated_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, connection_id, field) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
        [tx.owner(), connection.0.into(), field.into(), sealed.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Forgets a credential.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx, connection: ConnectionId, field: &str) -> Result<(), StoreError> {
    tx.run(
        "DELETE FROM credential WHERE tenant_id = $1 AND connection_id = $2 AND field = $3",
        [tx.owner(), connection.0.into(), field.into()],
    )
    .await?;
    Ok(())
}

/// All credentials of a connection, opened.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn open_all(tx: &TenantTx, connection: ConnectionId) -> Result<BTreeMap<String, SecretString>, StoreError> {
    let rows = tx
        .rows(
            "SELECT field, sealed FROM credential WHERE tenant_id = $1 AND connection_id = $2",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    let mut opened = BTreeMap::new();
    for row in rows {
        let (field, sealed): (String, Vec<u8>) = (get(&row, "field")?, get(&row, "sealed")?);
        opened.insert(field.clone(), open(tx, connection, &field, &sealed)?);
    }
    Ok(opened)
}

/// One credential, opened.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn open_one(
    tx: &TenantTx,
    connection: ConnectionId,
    field: &str,
) -> Result<Option<SecretString>, StoreError> {
    let row = tx
        .row(
            "SELECT sealed FROM credential WHERE tenant_id = $1 AND connection_id = $2 AND field = $3",
            [tx.owner(), connection.0.into(), field.into()],
        )
        .await?;
    row.map(|row| open(tx, connection, field, &get::<Vec<u8>>(&row, "sealed")?)).transpose()
}

/// Which credentials a connection has, and how old each is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn fields(tx: &TenantTx, connection: ConnectionId) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
    let rows = tx
        .rows(
            "SELECT field, updated_at FROM credential WHERE tenant_id = $1 AND connection_id = $2",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, "field")?, get(row, "updated_at")?))).collect()
}

fn open(tx: &TenantTx, connection: ConnectionId, field: &str, sealed: &[u8]) -> Result<SecretString, StoreError> {
    let plain = Zeroizing::new(tx.keys().open(place(&row_key(connection, field)), sealed)?);
    let text = std::str::from_utf8(&plain)
        .map_err(|_| StoreError::Seal { place: "credential.sealed", why: "it holds no text" })?;
    Ok(text.to_owned().into())
}
