//! Connections: one system of one rooftop or of the group, with its settings. Credentials are kept apart.

use crate::error::StoreError;
use crate::sql::{get, id, optional_id, word};
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, RooftopId, SystemRole};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Whether a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Not tested yet.
    Draft,
    /// It works.
    Active,
    /// A person stopped it.
    Paused,
    /// It needs a person.
    Broken,
}

impl ConnectionState {
    /// The name in the database and in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Broken => "broken",
        }
    }
}

/// The text names no state.
#[derive(Debug, thiserror::Error)]
#[error("no state of a connection")]
pub struct UnknownState;

impl FromStr for ConnectionState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Draft, Self::Active, Self::Paused, Self::Broken]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or(UnknownState)
    }
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Id.
    pub id: ConnectionId,
    /// One rooftop's, or the group's.
    pub rooftop: Option<RooftopId>,
    /// The connector's key.
    pub connector: String,
    /// The part the system plays.
    pub role: SystemRole,
    /// What people call it.
    pub name: String,
    /// What was filled in, without credentials.
    pub settings: BTreeMap<String, String>,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why it does not.
    pub state_reason: String,
    /// When it was last tested and found good.
    pub tested_at: Option<DateTime<Utc>>,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

fn settings_json(settings: &BTreeMap<String, String>) -> serde_json::Value {
    settings.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.clone()))).collect()
}

/// Adds a connection.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(tx: &TenantTx, connection: &Connection) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO connection (tenant_id, id, rooftop_id, connector, system_role, name, settings, state, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        [
            tx.owner(),
            connection.id.0.into(),
            connection.rooftop.map(|rooftop| rooftop.0).into(),
            connection.connector.clone().into(),
            connection.role.name().into(),
            connection.name.clone().into(),
            settings_json(&connection.settings).into(),
            connection.state.name().into(),
            connection.created_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// All connections, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx) -> Result<Vec<Connection>, StoreError> {
    let rows = tx.rows("SELECT * FROM connection WHERE tenant_id = $1 ORDER BY id", [tx.owner()]).await?;
    rows.iter().map(read).collect()
}

/// One connection.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn get_one(tx: &TenantTx, connection: ConnectionId) -> Result<Option<Connection>, StoreError> {
    let row =
        tx.row("SELECT * FROM connection WHERE tenant_id = $1 AND id = $2", [tx.owner(), connection.0.into()]).await?;
    row.as_ref().map(read).transpose()
}

/// One connection, held fast until the transaction ends.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(tx: &TenantTx, connection: ConnectionId) -> Result<Option<Connection>, StoreError> {
    let row = tx
        .row("SELECT * FROM connection WHERE tenant_id = $1 AND id = $2 FOR UPDATE", [tx.owner(), connection.0.into()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Changes name, part and settings.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(tx: &TenantTx, connection: &Connection, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE connection SET name = $3, system_role = $4, settings = $5, updated_at = $6
         WHERE tenant_id = $1 AND id = $2",
        [
            tx.owner(),
            connection.id.0.into(),
            connection.name.clone().into(),
            connection.role.name().into(),
            settings_json(&connection.settings).into(),
            now.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Changes whether it works, and why not.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_state(
    tx: &TenantTx,
    connection: ConnectionId,
    state: ConnectionState,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE connection SET state = $3, state_reason = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), connection.0.into(), state.name().into(), reason.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Notes a good test: a draft or broken connection works from now on; a paused one stays paused.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_tested(tx: &TenantTx, connection: ConnectionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE connection SET tested_at = $3, updated_at = $3,
                state = CASE WHEN state = 'paused' THEN state ELSE 'active' END,
                state_reason = CASE WHEN state = 'paused' THEN state_reason ELSE '' END
         WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), connection.0.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Whether records came from or went to it: then it is paused rather than deleted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_records(tx: &TenantTx, connection: ConnectionId) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT EXISTS (SELECT FROM source_record WHERE tenant_id = $1 AND connection_id = $2)
                 OR EXISTS (SELECT FROM target WHERE tenant_id = $1 AND connection_id = $2 AND delivered_version > 0) AS has",
            [tx.owner(), connection.0.into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "has")).transpose()?.unwrap_or_default())
}

/// Deletes a connection with its credentials, schedules, uploads, runs, failures and waiting deliveries.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx, connection: ConnectionId) -> Result<(), StoreError> {
    for table in ["target", "failure", "inbox", "upload"] {
        let sql = format!("DELETE FROM {table} WHERE tenant_id = $1 AND connection_id = $2");
        tx.run(&sql, [tx.owner(), connection.0.into()]).await?;
    }
    tx.run("DELETE FROM connection WHERE tenant_id = $1 AND id = $2", [tx.owner(), connection.0.into()]).await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Connection, StoreError> {
    let settings: serde_json::Value = get(row, "settings")?;
    Ok(Connection {
        id: id(row, "id")?,
        rooftop: optional_id(row, "rooftop_id")?,
        connector: get(row, "connector")?,
        role: word(row, "system_role")?,
        name: get(row, "name")?,
        settings: serde_json::from_value(settings)
            .map_err(|source| StoreError::Document { place: "connection.settings", source })?,
        state: word(row, "state")?,
        state_reason: get(row, "state_reason")?,
        tested_at: get(row, "tested_at")?,
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    })
}
