//! Mails: stored sealed in the transaction that causes them, sent afterwards. A demo keeps them, to show them.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::PlatformTx;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Body as plain text.
    pub text: String,
    /// Body as HTML.
    pub html: String,
}

/// A mail in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMail {
    /// Id.
    pub id: Uuid,
    /// The mail.
    pub mail: Mail,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
}

fn place(id: &Uuid) -> Place<'_> {
    Place { column: "mail.sealed", row: id.as_bytes() }
}

/// Stores a mail. `keep`: a demo's, never sent.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn insert(tx: &PlatformTx, mail: &Mail, keep: bool, now: DateTime<Utc>) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    let sealed = tx.seal(place(&id), mail)?;
    let state = if keep { "kept" } else { "waiting" };
    tx.run(
        "INSERT INTO mail (id, sealed, state, due_at, created_at) VALUES ($1, $2, $3, $4, $4)",
        [id.into(), sealed.into(), state.into(), now.into()],
    )
    .await?;
    Ok(id)
}

/// The newest kept mails.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn kept(tx: &PlatformTx, limit: u32) -> Result<Vec<StoredMail>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM mail WHERE state = 'kept' ORDER BY created_at DESC, id DESC LIMIT $1",
            [i64::from(limit).into()],
        )
        .await?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Takes mails that are due; nobody else takes them for `lease`. A sender that dies leaves them due again.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn take_due(
    tx: &PlatformTx,
    limit: u32,
    now: DateTime<Utc>,
    lease: TimeDelta,
) -> Result<Vec<StoredMail>, StoreError> {
    let rows = tx
        .rows(
            "UPDATE mail SET due_at = $2, attempts = attempts + 1
             WHERE id IN (SELECT id FROM mail WHERE state = 'waiting' AND due_at <= $1
                          ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING *",
            [now.into(), (now + lease).into(), i64::from(limit).into()],
        )
        .await?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Notes that a mail was sent; what it said is no longer needed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_sent(tx: &PlatformTx, id: Uuid, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run("UPDATE mail SET state = 'sent', sent_at = $2, sealed = '' WHERE id = $1", [id.into(), now.into()]).await?;
    Ok(())
}

/// Notes that a mail could not be sent, and when to try again; `None`: never.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_failed(
    tx: &PlatformTx,
    id: Uuid,
    said: &str,
    again_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE mail SET last_error = $2, due_at = coalesce($3, due_at),
                state = CASE WHEN $3::timestamptz IS NULL THEN 'failed' ELSE state END WHERE id = $1",
        [id.into(), said.into(), again_at.into()],
    )
    .await?;
    Ok(())
}

fn read(tx: &PlatformTx, row: &QueryResult) -> Result<StoredMail, StoreError> {
    let id: Uuid = get(row, "id")?;
    Ok(StoredMail {
        id,
        mail: tx.open(place(&id), &get::<Vec<u8>>(row, "sealed")?)?,
        created_at: get(row, "created_at")?,
        attempts: get(row, "attempts")?,
    })
}

/// Forgets mails that no longer wait and are older than a moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM mail WHERE state <> 'waiting' AND created_at < $1", [before.into()]).await
}
