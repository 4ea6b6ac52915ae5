//! Answers already given to requests that carried an `Idempotency-Key`.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, TimeDelta, Utc};

/// How long an answer is kept.
pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);
/// A request that gave no answer within this time has died; its key may be used again.
pub const ANSWER_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is new, and now ours.
    Ours,
    /// The same request is being worked on at this moment.
    Busy,
    /// It was used for another request.
    Another,
    /// It was answered.
    Answered {
        /// HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
}

fn place(key: &str) -> Place<'_> {
    Place { column: "idempotent_answer.body", row: key.as_bytes() }
}

/// Claims a key for a request.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn claim(tx: &TenantTx, key: &str, request_hash: &[u8], now: DateTime<Utc>) -> Result<Claim, StoreError> {
    tx.run(
        "DELETE FROM idempotent_answer WHERE tenant_id = $1
         AND (created_at < $2 OR (key = $3 AND status IS NULL AND created_at < $4))",
        [tx.owner(), (now - KEPT_FOR).into(), key.into(), (now - ANSWER_WITHIN).into()],
    )
    .await?;
    let ours = tx
        .run(
            "INSERT INTO idempotent_answer (tenant_id, key, request_hash, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            [tx.owner(), key.into(), request_hash.to_vec().into(), now.into()],
        )
        .await?;
    if ours == 1 {
        return Ok(Claim::Ours);
    }
    let row = tx
        .row(
            "SELECT request_hash, status, body FROM idempotent_answer WHERE tenant_id = $1 AND key = $2",
            [tx.owner(), key.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(Claim::Busy) };
    if get::<Vec<u8>>(&row, "request_hash")? != request_hash {
        return Ok(Claim::Another);
    }
    match (get::<Option<i16>>(&row, "status")?, get::<Option<Vec<u8>>>(&row, "body")?) {
        (Some(status), Some(body)) => Ok(Claim::Answered {
            status: u16::try_from(status).unwrap_or(500),
            body: tx.keys().open(place(key), &body)?,
        }),
        (None, _) | (_, None) => Ok(Claim::Busy),
    }
}

/// Keeps the answer to a claimed key.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn keep(tx: &TenantTx, key: &str, status: u16, body: &[u8]) -> Result<(), StoreError> {
    let sealed = tx.keys().seal(place(key), body)?.0;
    tx.run(
        "UPDATE idempotent_answer SET status = $3, body = $4 WHERE tenant_id = $1 AND key = $2",
        [tx.owner(), key.into(), i16::try_from(status).unwrap_or(500).into(), sealed.into()],
    )
    .await?;
    Ok(())
}

/// Gives a claimed key back: the request failed on our side and may be repeated.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release(tx: &TenantTx, key: &str) -> Result<(), StoreError> {
    tx.run(
        "DELETE FROM idempotent_answer WHERE tenant_id = $1 AND key = $2 AND status IS NULL",
        [tx.owner(), key.into()],
    )
    .await?;
    Ok(())
}
