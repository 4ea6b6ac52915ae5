//! API keys: found by their prefix, believed by the hash of the whole.

use crate::error::StoreError;
use crate::sql::{get, id, optional_id};
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Permission;
use domain::{ApiKeyId, RooftopId, TenantId, UserId};
use sea_orm::QueryResult;

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Id.
    pub id: ApiKeyId,
    /// The group.
    pub tenant: TenantId,
    /// The part that may be shown.
    pub prefix: String,
    /// What people call it.
    pub name: String,
    /// What it may do, at most what its maker may.
    pub scopes: Vec<Permission>,
    /// Limited to one rooftop.
    pub rooftop: Option<RooftopId>,
    /// Who made it.
    pub made_by: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it works.
    pub expires_at: Option<DateTime<Utc>>,
    /// Last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it does not work any more.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key that takes its place.
    pub replaced_by: Option<ApiKeyId>,
}

/// Keeps a new key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(tx: &TenantTx, key: &ApiKey, key_hash: &[u8]) -> Result<(), StoreError> {
    let scopes: Vec<String> = key.scopes.iter().map(|scope| scope.name().to_owned()).collect();
    tx.run(
        "INSERT INTO api_key (tenant_id, id, prefix, key_hash, name, scopes, rooftop_id, made_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            tx.owner(),
            key.id.0.into(),
            key.prefix.clone().into(),
            key_hash.to_vec().into(),
            key.name.clone().into(),
            scopes.into(),
            key.rooftop.map(|rooftop| rooftop.0).into(),
            key.made_by.0.into(),
            key.created_at.into(),
            key.expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// All keys of the group, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx) -> Result<Vec<ApiKey>, StoreError> {
    let rows = tx.rows("SELECT * FROM api_key WHERE tenant_id = $1 ORDER BY id DESC", [tx.owner()]).await?;
    rows.iter().map(read).collect()
}

/// A key, held until the transaction ends.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(tx: &TenantTx, key: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let row =
        tx.row("SELECT * FROM api_key WHERE tenant_id = $1 AND id = $2 FOR UPDATE", [tx.owner(), key.0.into()]).await?;
    row.as_ref().map(read).transpose()
}

/// Names the key that takes a key's place, and when the older one ends.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replace(
    tx: &TenantTx,
    key: ApiKeyId,
    successor: ApiKeyId,
    ends_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE api_key SET replaced_by = $3, expires_at = $4 WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), key.0.into(), successor.0.into(), ends_at.into()],
    )
    .await?;
    Ok(())
}

/// Ends a key; `false` where there is none such, or it has ended.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(tx: &TenantTx, key: ApiKeyId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let ended = tx
        .run(
            "UPDATE api_key SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
            [tx.owner(), key.0.into(), now.into()],
        )
        .await?;
    Ok(ended == 1)
}

/// The live key with this prefix, and the hash of the whole.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_prefix(
    tx: &PlatformTx,
    prefix: &str,
    now: DateTime<Utc>,
) -> Result<Option<(ApiKey, Vec<u8>)>, StoreError> {
    let row = tx
        .row(
            "SELECT * FROM api_key WHERE prefix = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
            [prefix.into(), now.into()],
        )
        .await?;
    row.map(|row| Ok((read(&row)?, get(&row, "key_hash")?))).transpose()
}

/// Notes that a key was used; writes at most once a minute.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn touch(tx: &PlatformTx, key: &ApiKey, now: DateTime<Utc>) -> Result<(), StoreError> {
    if key.last_used_at.is_some_and(|used| now - used < TimeDelta::minutes(1)) {
        return Ok(());
    }
    tx.run(
        "UPDATE api_key SET last_used_at = $3 WHERE tenant_id = $1 AND id = $2",
        [key.tenant.0.into(), key.id.0.into(), now.into()],
    )
    .await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<ApiKey, StoreError> {
    let scopes: Vec<String> = get(row, "scopes")?;
    Ok(ApiKey {
        id: id(row, "id")?,
        tenant: id(row, "tenant_id")?,
        prefix: get(row, "prefix")?,
        name: get(row, "name")?,
        // A scope that a newer version made says nothing here.
        scopes: scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
        rooftop: optional_id(row, "rooftop_id")?,
        made_by: id(row, "made_by")?,
        created_at: get(row, "created_at")?,
        expires_at: get(row, "expires_at")?,
        last_used_at: get(row, "last_used_at")?,
        revoked_at: get(row, "revoked_at")?,
        replaced_by: optional_id(row, "replaced_by")?,
    })
}
