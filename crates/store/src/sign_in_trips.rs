//! Browsers that were sent to an issuer and are to come back. A trip ends once.

use crate::error::StoreError;
use crate::sql::{get, id};
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::TenantId;

/// A trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trip {
    /// The group whose issuer it leads to.
    pub tenant: TenantId,
    /// SHA-256 of what only the browser knows.
    pub browser_hash: Vec<u8>,
    /// The page that was asked for.
    pub next: String,
}

/// Keeps a trip that begins.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    tx: &PlatformTx,
    state_hash: &[u8],
    trip: &Trip,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO sign_in_trip (state_hash, tenant_id, browser_hash, next, expires_at) VALUES ($1, $2, $3, $4, $5)",
        [
            state_hash.to_vec().into(),
            trip.tenant.0.into(),
            trip.browser_hash.clone().into(),
            trip.next.as_str().into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Ends a trip of this browser; `None` where there is none such, it is over, or it has ended before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take(
    tx: &PlatformTx,
    state_hash: &[u8],
    browser_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Trip>, StoreError> {
    let row = tx
        .row(
            "DELETE FROM sign_in_trip WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3
             RETURNING tenant_id, browser_hash, next",
            [state_hash.to_vec().into(), browser_hash.to_vec().into(), now.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Trip {
        tenant: id(&row, "tenant_id")?,
        browser_hash: get(&row, "browser_hash")?,
        next: get(&row, "next")?,
    }))
}

/// Forgets what ended before a moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM sign_in_trip WHERE expires_at < $1", [before.into()]).await
}
