//! Rooftops: one dealership at one address.

use crate::error::StoreError;
use crate::sql::{get, id};
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::RooftopId;
use sea_orm::QueryResult;

/// A rooftop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooftop {
    /// Id.
    pub id: RooftopId,
    /// What people call it.
    pub name: String,
    /// Short code, unique in the group; what channels know it by.
    pub code: String,
    /// IANA name, such as `America/New_York`.
    pub time_zone: String,
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State, two letters.
    pub state: String,
    /// ZIP.
    pub zip: String,
    /// Phone in E.164, or empty.
    pub phone: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// Adds a rooftop; `false` where the code is taken.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(tx: &TenantTx, rooftop: &Rooftop) -> Result<bool, StoreError> {
    let added = tx
        .run(
            "INSERT INTO rooftop (tenant_id, id, name, code, time_zone, street, city, state, zip, phone, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (tenant_id, code) DO NOTHING",
            [
                tx.owner(),
                rooftop.id.0.into(),
                rooftop.name.clone().into(),
                rooftop.code.clone().into(),
                rooftop.time_zone.clone().into(),
                rooftop.street.clone().into(),
                rooftop.city.clone().into(),
                rooftop.state.clone().into(),
                rooftop.zip.clone().into(),
                rooftop.phone.clone().into(),
                rooftop.created_at.into(),
            ],
        )
        .await?;
    Ok(added == 1)
}

/// Writes all of a rooftop but its id; `false` where the code is another's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn update(tx: &TenantTx, rooftop: &Rooftop) -> Result<bool, StoreError> {
    let changed = tx
        .run(
            "UPDATE rooftop SET name = $3, code = $4, time_zone = $5, street = $6, city = $7, state = $8, zip = $9, phone = $10
             WHERE tenant_id = $1 AND id = $2
               AND NOT EXISTS (SELECT FROM rooftop o WHERE o.tenant_id = $1 AND o.code = $4 AND o.id <> $2)",
            [
                tx.owner(),
                rooftop.id.0.into(),
                rooftop.name.clone().into(),
                rooftop.code.clone().into(),
                rooftop.time_zone.clone().into(),
                rooftop.street.clone().into(),
                rooftop.city.clone().into(),
                rooftop.state.clone().into(),
                rooftop.zip.clone().into(),
                rooftop.phone.clone().into(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// All rooftops, by name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx) -> Result<Vec<Rooftop>, StoreError> {
    let rows = tx.rows("SELECT * FROM rooftop WHERE tenant_id = $1 ORDER BY name, id", [tx.owner()]).await?;
    rows.iter().map(read).collect()
}

/// One rooftop.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn get_one(tx: &TenantTx, rooftop: RooftopId) -> Result<Option<Rooftop>, StoreError> {
    let row = tx.row("SELECT * FROM rooftop WHERE tenant_id = $1 AND id = $2", [tx.owner(), rooftop.0.into()]).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &QueryResult) -> Result<Rooftop, StoreError> {
    Ok(Rooftop {
        id: id(row, "id")?,
        name: get(row, "name")?,
        code: get(row, "code")?,
        time_zone: get(row, "time_zone")?,
        street: get(row, "street")?,
        city: get(row, "city")?,
        state: get(row, "state")?,
        zip: get(row, "zip")?,
        phone: get(row, "phone")?,
        created_at: get(row, "created_at")?,
    })
}
