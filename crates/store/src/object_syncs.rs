//! What a connection does with each object: read it, write it, by which mapping.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::mapping::Rule;
use domain::{ConnectionId, ObjectKind};
use sea_orm::QueryResult;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// One object of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectSetup {
    /// The connection.
    pub connection: ConnectionId,
    /// The object.
    pub object: ObjectKind,
    /// Whether it is read.
    pub pull: bool,
    /// none, update_only, create_and_update, feed.
    pub push: String,
    /// When all of it was read last.
    pub full_at: Option<DateTime<Utc>>,
    /// When a pull succeeded last.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// The tenant's lines over the default mapping.
    pub overrides: Vec<Rule>,
    /// Version of those lines.
    pub mapping_version: i32,
    /// Names in payloads that the mapping does not know, and since when.
    pub drift: BTreeMap<String, String>,
    /// When a feed was last published.
    pub feed_published_at: Option<DateTime<Utc>>,
}

/// Adds an object to a connection.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    pull: bool,
    push: &str,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO object_sync (tenant_id, connection_id, object, pull, push) VALUES ($1, $2, $3, $4, $5)",
        [tx.owner(), connection.0.into(), object.code().into(), pull.into(), push.into()],
    )
    .await?;
    Ok(())
}

/// The objects of one connection, or of all.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Document`].
pub async fn list(tx: &TenantTx, connection: Option<ConnectionId>) -> Result<Vec<ObjectSetup>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM object_sync WHERE tenant_id = $1 AND ($2::uuid IS NULL OR connection_id = $2)
             ORDER BY connection_id, object",
            [tx.owner(), connection.map(|connection| connection.0).into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// One object of one connection.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Document`].
pub async fn get_one(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
) -> Result<Option<ObjectSetup>, StoreError> {
    let row = tx
        .row(
            "SELECT * FROM object_sync WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
            [tx.owner(), connection.0.into(), object.code().into()],
        )
        .await?;
    row.as_ref().map_or(Ok(None), read)
}

/// Changes the directions of an object.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_directions(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    pull: bool,
    push: &str,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET pull = $4, push = $5 WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into(), pull.into(), push.into()],
    )
    .await?;
    Ok(())
}

/// Sets the tenant's lines over the default mapping, as the version after `expected`; `None` where somebody was faster.
/// Names that the new lines use are no drift any more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_overrides(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    overrides: &[Rule],
    expected: i32,
) -> Result<Option<i32>, StoreError> {
    let lines: Json = serde_json::to_value(overrides)
        .map_err(|source| StoreError::Document { place: "object_sync.overrides", source })?;
    let used: Vec<String> =
        overrides.iter().filter_map(|rule| rule.from.split(['.', '[']).next().map(ToOwned::to_owned)).collect();
    let row = tx
        .row(
            "UPDATE object_sync SET overrides = $4, mapping_version = mapping_version + 1, drift = drift - $6::text[]
             WHERE tenant_id = $1 AND connection_id = $2 AND object = $3 AND mapping_version = $5
             RETURNING mapping_version",
            [tx.owner(), connection.0.into(), object.code().into(), lines.into(), expected.into(), used.into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "mapping_version")).transpose()?)
}

fn read(row: &QueryResult) -> Result<Option<ObjectSetup>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    let (overrides, drift): (Json, Json) = (get(row, "overrides")?, get(row, "drift")?);
    Ok(Some(ObjectSetup {
        connection: ConnectionId(get(row, "connection_id")?),
        object,
        pull: get(row, "pull")?,
        push: get(row, "push")?,
        full_at: get(row, "full_at")?,
        succeeded_at: get(row, "succeeded_at")?,
        overrides: serde_json::from_value(overrides)
            .map_err(|source| StoreError::Document { place: "object_sync.overrides", source })?,
        mapping_version: get(row, "mapping_version")?,
        drift: serde_json::from_value(drift)
            .map_err(|source| StoreError::Document { place: "object_sync.drift", source })?,
        feed_published_at: get(row, "feed_published_at")?,
    }))
}
