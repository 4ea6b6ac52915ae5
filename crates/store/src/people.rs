//! People who sign in. Their names and addresses are sealed; a keyed hash of the address finds them.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::{get, id};
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::UserId;
use sea_orm::QueryResult;
use serde::{Deserialize, Serialize};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Id.
    pub id: UserId,
    /// E-mail address, lower case.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// When they proved that the address is theirs.
    pub verified_at: Option<DateTime<Utc>>,
    /// When a mail server refused this address, if no mail went through since.
    pub mail_refused_at: Option<DateTime<Utc>>,
    /// Whether they are Driveline's own support staff.
    pub is_platform_support: bool,
    /// Since when they are known.
    pub created_at: DateTime<Utc>,
}

/// A person with what their password is checked against.
#[derive(Clone, Debug)]
pub struct WithPassword {
    /// The person.
    pub person: Person,
    /// Argon2id in PHC form; [`NO_PASSWORD`] where none was set yet.
    pub password_hash: String,
}

/// Stands in for a password that was never set: no password has this hash.
pub const NO_PASSWORD: &str = "!";

#[derive(Serialize, Deserialize)]
struct Sealed {
    email: String,
    name: String,
}

fn place(id: &UserId) -> Place<'_> {
    Place { column: "person.sealed", row: id.0.as_bytes() }
}

/// Adds a person; `None` where the address is taken.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn insert(
    tx: &PlatformTx,
    email: &str,
    name: &str,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let person = UserId::new();
    let sealed = tx.seal(place(&person), &Sealed { email: email.to_owned(), name: name.to_owned() })?;
    let added = tx
        .run(
            "INSERT INTO person (id, email_index, sealed, password_hash, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (email_index) DO NOTHING",
            [person.0.into(), index(tx, email).into(), sealed.into(), password_hash.into(), now.into()],
        )
        .await?;
    Ok((added == 1).then_some(person))
}

/// The person with this address.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn by_email(tx: &PlatformTx, email: &str) -> Result<Option<WithPassword>, StoreError> {
    let row = tx.row("SELECT * FROM person WHERE email_index = $1", [index(tx, email).into()]).await?;
    row.map(|row| with_password(tx, &row)).transpose()
}

/// The person with this id.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn by_id(tx: &PlatformTx, person: UserId) -> Result<Option<WithPassword>, StoreError> {
    let row = tx.row("SELECT * FROM person WHERE id = $1", [person.0.into()]).await?;
    row.map(|row| with_password(tx, &row)).transpose()
}

/// The people with these ids, in no order.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn by_ids(tx: &PlatformTx, people: &[UserId]) -> Result<Vec<Person>, StoreError> {
    let ids: Vec<uuid::Uuid> = people.iter().map(|person| person.0).collect();
    let rows = tx.rows("SELECT * FROM person WHERE id = ANY($1)", [ids.into()]).await?;
    rows.iter().map(|row| read(tx, row)).collect()
}

/// Sets a new password.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_password(tx: &PlatformTx, person: UserId, password_hash: &str) -> Result<(), StoreError> {
    tx.run("UPDATE person SET password_hash = $2 WHERE id = $1", [person.0.into(), password_hash.into()]).await?;
    Ok(())
}

/// Sets what a person is called.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn rename(tx: &PlatformTx, person: &Person, name: &str) -> Result<(), StoreError> {
    let sealed = tx.seal(place(&person.id), &Sealed { email: person.email.clone(), name: name.to_owned() })?;
    tx.run("UPDATE person SET sealed = $2 WHERE id = $1", [person.id.0.into(), sealed.into()]).await?;
    Ok(())
}

/// Notes that the address is theirs; the first time counts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_verified(tx: &PlatformTx, person: UserId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run("UPDATE person SET verified_at = coalesce(verified_at, $2) WHERE id = $1", [person.0.into(), now.into()])
        .await?;
    Ok(())
}

/// Notes that a mail server refused an address (`Some`), or that a mail to it went through.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_mail_refused(tx: &PlatformTx, email: &str, at: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE person SET mail_refused_at = $2 WHERE email_index = $1 AND mail_refused_at IS DISTINCT FROM $2",
        [index(tx, email).into(), at.into()],
    )
    .await?;
    Ok(())
}

fn index(tx: &PlatformTx, email: &str) -> Vec<u8> {
    tx.keys().index("email", email).to_vec()
}

fn with_password(tx: &PlatformTx, row: &QueryResult) -> Result<WithPassword, StoreError> {
    Ok(WithPassword { person: read(tx, row)?, password_hash: get(row, "password_hash")? })
}

fn read(tx: &PlatformTx, row: &QueryResult) -> Result<Person, StoreError> {
    let person: UserId = id(row, "id")?;
    let sealed: Sealed = tx.open(place(&person), &get::<Vec<u8>>(row, "sealed")?)?;
    Ok(Person {
        id: person,
        email: sealed.email,
        name: sealed.name,
        verified_at: get(row, "verified_at")?,
        mail_refused_at: get(row, "mail_refused_at")?,
        is_platform_support: get(row, "is_platform_support")?,
        created_at: get(row, "created_at")?,
    })
}
