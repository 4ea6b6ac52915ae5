//! Dealer groups themselves.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::{PlatformTx, TenantTx};
use domain::TenantId;

/// The group's name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn name(tx: &TenantTx) -> Result<String, StoreError> {
    let row = tx.row("SELECT name FROM tenant WHERE id = $1", [tx.owner()]).await?;
    Ok(row.map(|row| get(&row, "name")).transpose()?.unwrap_or_default())
}

/// Renames the group.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn rename(tx: &TenantTx, name: &str) -> Result<(), StoreError> {
    tx.run("UPDATE tenant SET name = $2 WHERE id = $1", [tx.owner(), name.into()]).await?;
    Ok(())
}

/// All tenants.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all(tx: &PlatformTx) -> Result<Vec<TenantId>, StoreError> {
    let rows = tx.rows("SELECT id FROM tenant ORDER BY id", []).await?;
    rows.iter().map(|row| Ok(TenantId(get(row, "id")?))).collect()
}
