//! The second step of signing in: the secret that a person's app shares with us, and their recovery codes.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::{get, id};
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::UserId;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// A person's second factor.
pub struct SecondFactor {
    /// What the app was given.
    pub secret: Zeroizing<Vec<u8>>,
    /// Since when it is asked for; `None` while no code has proven that the app has it.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Wrong codes since the last right one or the last new password.
    pub wrong_codes: i32,
}

fn place(person: &UserId) -> Place<'_> {
    Place { column: "second_factor.sealed", row: person.0.as_bytes() }
}

/// Keeps a new secret that waits for its first code; `false` where a proven one is there already.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn begin(tx: &PlatformTx, person: UserId, secret: &[u8], now: DateTime<Utc>) -> Result<bool, StoreError> {
    let sealed = tx.keys().seal(place(&person), secret)?.0;
    let kept = tx
        .run(
            "INSERT INTO second_factor (person_id, sealed, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (person_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at
             WHERE second_factor.confirmed_at IS NULL",
            [person.0.into(), sealed.into(), now.into()],
        )
        .await?;
    Ok(kept == 1)
}

/// A person's second factor, proven or not.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn of_person(tx: &PlatformTx, person: UserId) -> Result<Option<SecondFactor>, StoreError> {
    let row = tx
        .row("SELECT sealed, confirmed_at, wrong_codes FROM second_factor WHERE person_id = $1", [person.0.into()])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let secret = Zeroizing::new(tx.keys().open(place(&person), &get::<Vec<u8>>(&row, "sealed")?)?);
    let (confirmed_at, wrong_codes) = (get(&row, "confirmed_at")?, get(&row, "wrong_codes")?);
    Ok(Some(SecondFactor { secret, confirmed_at, wrong_codes }))
}

/// Who of these people has a proven one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn who_has(tx: &PlatformTx, people: &[UserId]) -> Result<BTreeSet<UserId>, StoreError> {
    let ids: Vec<uuid::Uuid> = people.iter().map(|person| person.0).collect();
    let rows = tx
        .rows(
            "SELECT person_id FROM second_factor WHERE person_id = ANY($1) AND confirmed_at IS NOT NULL",
            [ids.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(id(row, "person_id")?)).collect()
}

/// Notes that the app has the secret.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn confirm(tx: &PlatformTx, person: UserId, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = tx
        .run(
            "UPDATE second_factor SET confirmed_at = $2 WHERE person_id = $1 AND confirmed_at IS NULL",
            [person.0.into(), now.into()],
        )
        .await?;
    Ok(done == 1)
}

/// Takes the code of a time step; `false` where that or a later one was taken. Of two at the same moment one wins.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_step(tx: &PlatformTx, person: UserId, step: u64) -> Result<bool, StoreError> {
    let step = i64::try_from(step).unwrap_or_default();
    let taken = tx
        .run(
            "UPDATE second_factor SET last_step = $2 WHERE person_id = $1 AND last_step < $2",
            [person.0.into(), step.into()],
        )
        .await?;
    Ok(taken == 1)
}

/// Counts a wrong code.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_wrong(tx: &PlatformTx, person: UserId) -> Result<(), StoreError> {
    tx.run("UPDATE second_factor SET wrong_codes = wrong_codes + 1 WHERE person_id = $1", [person.0.into()]).await?;
    Ok(())
}

/// Forgets the wrong codes: a right one came, or the password that let somebody guess is another now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forgive_wrong(tx: &PlatformTx, person: UserId) -> Result<(), StoreError> {
    tx.run("UPDATE second_factor SET wrong_codes = 0 WHERE person_id = $1 AND wrong_codes > 0", [person.0.into()])
        .await?;
    Ok(())
}

/// Forgets the secret and the recovery codes; `false` where there was none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &PlatformTx, person: UserId) -> Result<bool, StoreError> {
    tx.run("DELETE FROM recovery_code WHERE person_id = $1", [person.0.into()]).await?;
    Ok(tx.run("DELETE FROM second_factor WHERE person_id = $1", [person.0.into()]).await? == 1)
}

fn code_hash(tx: &PlatformTx, person: UserId, code: &str) -> Vec<u8> {
    tx.keys().index("recovery_code", &format!("{person} {code}")).to_vec()
}

/// Keeps new recovery codes; those before work no more.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_recovery_codes(tx: &PlatformTx, person: UserId, codes: &[String]) -> Result<(), StoreError> {
    tx.run("DELETE FROM recovery_code WHERE person_id = $1", [person.0.into()]).await?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code_hash(tx, person, code)).collect();
    tx.run(
        "INSERT INTO recovery_code (person_id, code_hash) SELECT $1, unnest($2::bytea[])",
        [person.0.into(), hashes.into()],
    )
    .await?;
    Ok(())
}

/// Uses a recovery code; `false` where there is none such, or it was used.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_recovery_code(
    tx: &PlatformTx,
    person: UserId,
    code: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let used = tx
        .run(
            "UPDATE recovery_code SET used_at = $3 WHERE person_id = $1 AND code_hash = $2 AND used_at IS NULL",
            [person.0.into(), code_hash(tx, person, code).into(), now.into()],
        )
        .await?;
    Ok(used == 1)
}

/// How many recovery codes are left.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn recovery_codes_left(tx: &PlatformTx, person: UserId) -> Result<i64, StoreError> {
    let row = tx
        .row("SELECT count(*) AS n FROM recovery_code WHERE person_id = $1 AND used_at IS NULL", [person.0.into()])
        .await?;
    Ok(row.map(|row| get(&row, "n")).transpose()?.unwrap_or_default())
}
