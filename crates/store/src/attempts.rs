//! Counted guesses: at an account, from an address, from a known device. What is guessed at is a keyed hash.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::PlatformTx;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Guesses are counted in windows of this length, three at a time: no hour ever sees more than the limit.
const WINDOW: TimeDelta = TimeDelta::minutes(30);

/// What guesses are counted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(Vec<u8>);

impl Subject {
    /// A subject of one kind.
    #[must_use]
    pub fn new(tx: &PlatformTx, kind: &str, what: &str) -> Self {
        Self(tx.keys().index(&format!("attempt.{kind}"), what).to_vec())
    }
}

/// Counts one more guess; returns how many there were within the last hour, this one included. Two at the same moment
/// are told different numbers, because the second waits for the first one's row.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count(tx: &PlatformTx, subject: &Subject, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let window = now.duration_trunc(WINDOW).unwrap_or(now);
    tx.run(
        "INSERT INTO sign_in_attempt (subject, window_start, failures) VALUES ($1, $2, 1)
         ON CONFLICT (subject, window_start) DO UPDATE SET failures = sign_in_attempt.failures + 1",
        [subject.0.clone().into(), window.into()],
    )
    .await?;
    let row = tx
        .row(
            "SELECT coalesce(sum(failures), 0) AS n FROM sign_in_attempt WHERE subject = $1 AND window_start >= $2",
            [subject.0.clone().into(), (window - WINDOW * 2).into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "n")).transpose()?.unwrap_or_default())
}

/// Takes one guess back: it was right. Others' guesses stay counted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forgive(tx: &PlatformTx, subject: &Subject, now: DateTime<Utc>) -> Result<(), StoreError> {
    let window = now.duration_trunc(WINDOW).unwrap_or(now);
    tx.run(
        "UPDATE sign_in_attempt SET failures = failures - 1 WHERE subject = $1 AND window_start = $2 AND failures > 0",
        [subject.0.clone().into(), window.into()],
    )
    .await?;
    Ok(())
}

/// Forgets what is too old to count.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM sign_in_attempt WHERE window_start < $1", [(now - WINDOW * 4).into()]).await
}
