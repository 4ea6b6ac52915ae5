//! Links in mails: work once, for a while, for one purpose. Only the hash of a link is kept.

use crate::error::StoreError;
use crate::sql::id;
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::UserId;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Proves that the address is theirs.
    Verify,
    /// Sets a new password.
    ResetPassword,
    /// Sets the first password of somebody who was invited.
    AcceptInvitation,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::ResetPassword => "reset_password",
            Self::AcceptInvitation => "accept_invitation",
        }
    }
}

/// Keeps a new link; earlier ones of the same purpose end.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    tx: &PlatformTx,
    token_hash: &[u8],
    person: UserId,
    purpose: Purpose,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE mail_link SET used_at = $3 WHERE person_id = $1 AND purpose = $2 AND used_at IS NULL",
        [person.0.into(), purpose.name().into(), now.into()],
    )
    .await?;
    tx.run(
        "INSERT INTO mail_link (token_hash, person_id, purpose, expires_at) VALUES ($1, $2, $3, $4)",
        [token_hash.to_vec().into(), person.0.into(), purpose.name().into(), expires_at.into()],
    )
    .await?;
    Ok(())
}

/// Uses a link; `None` where it is unknown, used or over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take(
    tx: &PlatformTx,
    token_hash: &[u8],
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let row = tx
        .row(
            "UPDATE mail_link SET used_at = $3
             WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3 RETURNING person_id",
            [token_hash.to_vec().into(), purpose.name().into(), now.into()],
        )
        .await?;
    Ok(row.map(|row| id(&row, "person_id")).transpose()?)
}

/// Whose a link is, without using it; `None` where it is unknown, used or over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn peek(
    tx: &PlatformTx,
    token_hash: &[u8],
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let row = tx
        .row(
            "SELECT person_id FROM mail_link
             WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
            [token_hash.to_vec().into(), purpose.name().into(), now.into()],
        )
        .await?;
    Ok(row.map(|row| id(&row, "person_id")).transpose()?)
}

/// Forgets links that ended before a moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM mail_link WHERE expires_at < $1 OR used_at < $1", [before.into()]).await
}
