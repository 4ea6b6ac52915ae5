//! Dealer groups themselves.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::{PlatformTx, TenantTx};
use domain::{TenantId, UserId};

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

/// Whether everybody in the group must sign in with a second factor.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn requires_second_factor(tx: &TenantTx) -> Result<bool, StoreError> {
    let row = tx.row("SELECT second_factor_required FROM tenant WHERE id = $1", [tx.owner()]).await?;
    Ok(row.map(|row| get(&row, "second_factor_required")).transpose()?.unwrap_or_default())
}

/// Sets whether everybody in the group must; `false` where it was so already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn require_second_factor(tx: &TenantTx, required: bool) -> Result<bool, StoreError> {
    let changed = tx
        .run(
            "UPDATE tenant SET second_factor_required = $2 WHERE id = $1 AND second_factor_required <> $2",
            [tx.owner(), required.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether any of a person's groups requires a second factor.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn any_requires_second_factor(tx: &PlatformTx, person: UserId) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT EXISTS (SELECT FROM membership m JOIN tenant t ON t.id = m.tenant_id
             WHERE m.person_id = $1 AND t.second_factor_required) AS required",
            [person.0.into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "required")).transpose()?.unwrap_or_default())
}

/// All tenants.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn all(tx: &PlatformTx) -> Result<Vec<TenantId>, StoreError> {
    let rows = tx.rows("SELECT id FROM tenant ORDER BY id", []).await?;
    rows.iter().map(|row| Ok(TenantId(get(row, "id")?))).collect()
}
