//! Sign-ins whose first step was right and whose code is still to come.

use crate::error::StoreError;
use crate::sql::{get, id, optional_id};
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::{TenantId, UserId};

/// A sign-in that waits for its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInStep {
    /// Whose.
    pub person: UserId,
    /// How the first step was taken.
    pub how: String,
    /// The device cookie, where the browser had this account's.
    pub device: Option<String>,
    /// The group whose issuer took the first step: the session will see that one only.
    pub bound_to: Option<TenantId>,
}

/// A sign-in that waits, at a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The sign-in.
    pub step: SignInStep,
    /// Which try this is, from 1.
    pub tries: i32,
}

/// Keeps a sign-in that waits.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    tx: &PlatformTx,
    token_hash: &[u8],
    step: &SignInStep,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO sign_in_step (token_hash, person_id, how, device, expires_at, bound_to) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            token_hash.to_vec().into(),
            step.person.0.into(),
            step.how.as_str().into(),
            step.device.clone().into(),
            expires_at.into(),
            step.bound_to.map(|tenant| tenant.0).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Counts one try at a code; `None` where the sign-in is unknown, over, or was tried too often.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_try(
    tx: &PlatformTx,
    token_hash: &[u8],
    tries_max: i32,
    now: DateTime<Utc>,
) -> Result<Option<Tried>, StoreError> {
    let row = tx
        .row(
            "UPDATE sign_in_step SET tries = tries + 1
             WHERE token_hash = $1 AND expires_at > $2 AND tries < $3 RETURNING person_id, how, device, bound_to, tries",
            [token_hash.to_vec().into(), now.into(), tries_max.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let step = SignInStep {
        person: id(&row, "person_id")?,
        how: get(&row, "how")?,
        device: get(&row, "device")?,
        bound_to: optional_id(&row, "bound_to")?,
    };
    Ok(Some(Tried { step, tries: get(&row, "tries")? }))
}

/// Ends a sign-in that waits: its code came. `false` where a twin was faster.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take(tx: &PlatformTx, token_hash: &[u8]) -> Result<bool, StoreError> {
    Ok(tx.run("DELETE FROM sign_in_step WHERE token_hash = $1", [token_hash.to_vec().into()]).await? == 1)
}

/// Ends all of a person's sign-ins that wait: the password that opened them is another now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end_all(tx: &PlatformTx, person: UserId) -> Result<(), StoreError> {
    tx.run("DELETE FROM sign_in_step WHERE person_id = $1", [person.0.into()]).await?;
    Ok(())
}

/// Forgets what ended before a moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM sign_in_step WHERE expires_at < $1", [before.into()]).await
}
