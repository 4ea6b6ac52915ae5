//! A group's own issuer: how it is reached, which domains it is for, who is who there.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::{get, id};
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, Utc};
use domain::permission::Role;
use domain::{TenantId, UserId};
use sea_orm::QueryResult;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// How a group's people sign in at its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleSignOn {
    /// The issuer's address, as its tokens name it.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// The role of somebody whom nobody invited; `None`: they are not let in.
    pub first_role: Option<Role>,
    /// Whether the issuer asks for a second factor, so that we need not.
    pub checks_second_factor: bool,
    /// Whether people of the proven domains must sign in there.
    pub is_required: bool,
    /// When somebody last signed in by issuer and client as they are now.
    pub signed_in_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

fn place(tenant: &TenantId) -> Place<'_> {
    Place { column: "single_sign_on.sealed", row: tenant.0.as_bytes() }
}

/// The group's issuer; `None` where it has none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_group(tx: &TenantTx) -> Result<Option<SingleSignOn>, StoreError> {
    let row = tx
        .row(
            "SELECT s.*, t.single_sign_on_required FROM single_sign_on s JOIN tenant t ON t.id = s.tenant_id
             WHERE s.tenant_id = $1",
            [tx.owner()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let first_role: Option<String> = get(&row, "first_role")?;
    Ok(Some(SingleSignOn {
        issuer: get(&row, "issuer")?,
        client_id: get(&row, "client_id")?,
        // A role that this version does not know lets nobody in.
        first_role: first_role.and_then(|role| role.parse().ok()),
        checks_second_factor: get(&row, "checks_second_factor")?,
        is_required: get(&row, "single_sign_on_required")?,
        signed_in_at: get(&row, "signed_in_at")?,
        updated_at: get(&row, "updated_at")?,
    }))
}

/// The client's secret, opened.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn secret(tx: &TenantTx) -> Result<Option<SecretString>, StoreError> {
    let row = tx.row("SELECT sealed FROM single_sign_on WHERE tenant_id = $1", [tx.owner()]).await?;
    let Some(row) = row else { return Ok(None) };
    let plain = Zeroizing::new(tx.keys().open(place(&tx.tenant()), &get::<Vec<u8>>(&row, "sealed")?)?);
    let text = std::str::from_utf8(&plain)
        .map_err(|_| StoreError::Seal { place: "single_sign_on.sealed", why: "it holds no text" })?;
    Ok(Some(text.to_owned().into()))
}

/// Keeps the group's issuer as it is said here; `secret`: a new one, else that of before stays.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`], [`StoreError::Conflict`] where there is no secret of before.
pub async fn set(
    tx: &TenantTx,
    new: &SingleSignOn,
    secret: Option<&SecretString>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let sealed = match secret {
        Some(secret) => tx.keys().seal(place(&tx.tenant()), secret.expose_secret().as_bytes())?.0,
        None => {
            let row = tx.row("SELECT sealed FROM single_sign_on WHERE tenant_id = $1", [tx.owner()]).await?;
            get(&row.ok_or(StoreError::Conflict)?, "sealed")?
        }
    };
    tx.run(
        "INSERT INTO single_sign_on (tenant_id, issuer, client_id, sealed, first_role, checks_second_factor, signed_in_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id) DO UPDATE SET issuer = excluded.issuer, client_id = excluded.client_id,
             sealed = excluded.sealed, first_role = excluded.first_role,
             checks_second_factor = excluded.checks_second_factor, signed_in_at = excluded.signed_in_at,
             updated_at = excluded.updated_at",
        [
            tx.owner(),
            new.issuer.as_str().into(),
            new.client_id.as_str().into(),
            sealed.into(),
            new.first_role.map(|role| role.name().to_owned()).into(),
            new.checks_second_factor.into(),
            new.signed_in_at.into(),
            now.into(),
        ],
    )
    .await?;
    require(tx, new.is_required).await
}

/// Sets whether people of the proven domains must sign in at the issuer.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn require(tx: &TenantTx, required: bool) -> Result<(), StoreError> {
    tx.run("UPDATE tenant SET single_sign_on_required = $2 WHERE id = $1", [tx.owner(), required.into()]).await?;
    Ok(())
}

/// Notes that somebody signed in by it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_sign_in(tx: &TenantTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run("UPDATE single_sign_on SET signed_in_at = $2 WHERE tenant_id = $1", [tx.owner(), now.into()]).await?;
    Ok(())
}

/// Forgets the issuer and who is who there; `false` where there was none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx) -> Result<bool, StoreError> {
    forget_links(tx).await?;
    require(tx, false).await?;
    Ok(tx.run("DELETE FROM single_sign_on WHERE tenant_id = $1", [tx.owner()]).await? == 1)
}

/// A domain that the group's issuer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `example.com`, lower case.
    pub domain: String,
    /// What its DNS must say.
    pub token: String,
    /// Since when it is proven to be the group's; until then it counts for nothing.
    pub proved_at: Option<DateTime<Utc>>,
    /// Since when it is listed.
    pub created_at: DateTime<Utc>,
}

fn read_domain(row: &QueryResult) -> Result<Domain, StoreError> {
    Ok(Domain {
        domain: get(row, "domain")?,
        token: get(row, "token")?,
        proved_at: get(row, "proved_at")?,
        created_at: get(row, "created_at")?,
    })
}

/// The group's domains, by name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn domains(tx: &TenantTx) -> Result<Vec<Domain>, StoreError> {
    let rows = tx.rows("SELECT * FROM sign_in_domain WHERE tenant_id = $1 ORDER BY domain", [tx.owner()]).await?;
    rows.iter().map(read_domain).collect()
}

/// Lists a domain; `false` where it is listed already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_domain(tx: &TenantTx, domain: &str, token: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let added = tx
        .run(
            "INSERT INTO sign_in_domain (tenant_id, domain, token, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant_id, domain) DO NOTHING",
            [tx.owner(), domain.into(), token.into(), now.into()],
        )
        .await?;
    Ok(added == 1)
}

/// Notes that a domain is proven; `false` where it is not listed.
///
/// # Errors
/// [`StoreError::Database`], also where another group proves it at this moment.
pub async fn prove_domain(tx: &TenantTx, domain: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let proved = tx
        .run(
            "UPDATE sign_in_domain SET proved_at = coalesce(proved_at, $3) WHERE tenant_id = $1 AND domain = $2",
            [tx.owner(), domain.into(), now.into()],
        )
        .await?;
    Ok(proved == 1)
}

/// Takes a domain off the list; `false` where it was not there.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete_domain(tx: &TenantTx, domain: &str) -> Result<bool, StoreError> {
    let gone =
        tx.run("DELETE FROM sign_in_domain WHERE tenant_id = $1 AND domain = $2", [tx.owner(), domain.into()]).await?;
    Ok(gone == 1)
}

/// The group that proved a domain.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn group_of_domain(tx: &PlatformTx, domain: &str) -> Result<Option<TenantId>, StoreError> {
    let row = tx
        .row("SELECT tenant_id FROM sign_in_domain WHERE domain = $1 AND proved_at IS NOT NULL", [domain.into()])
        .await?;
    Ok(row.map(|row| id(&row, "tenant_id")).transpose()?)
}

fn subject_index(tx: &TenantTx, issuer: &str, subject: &str) -> Vec<u8> {
    // The length keeps apart what would run together.
    tx.keys().index("issuer_link", &format!("{} {issuer} {subject}", issuer.len())).to_vec()
}

/// Who somebody at the issuer is here.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn linked(tx: &TenantTx, issuer: &str, subject: &str) -> Result<Option<UserId>, StoreError> {
    let row = tx
        .row(
            "SELECT person_id FROM issuer_link WHERE tenant_id = $1 AND subject_index = $2",
            [tx.owner(), subject_index(tx, issuer, subject).into()],
        )
        .await?;
    Ok(row.map(|row| id(&row, "person_id")).transpose()?)
}

/// Remembers who somebody at the issuer is here; `false` where either of them is linked already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn link(
    tx: &TenantTx,
    issuer: &str,
    subject: &str,
    person: UserId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let linked = tx
        .run(
            "INSERT INTO issuer_link (tenant_id, subject_index, person_id, linked_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
            [tx.owner(), subject_index(tx, issuer, subject).into(), person.0.into(), now.into()],
        )
        .await?;
    Ok(linked == 1)
}

/// Everybody of the group who is linked.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn linked_people(tx: &TenantTx) -> Result<BTreeSet<UserId>, StoreError> {
    let rows = tx.rows("SELECT person_id FROM issuer_link WHERE tenant_id = $1", [tx.owner()]).await?;
    rows.iter().map(|row| Ok(id(row, "person_id")?)).collect()
}

/// Forgets who a person is at the issuer: the next first sign-in links them anew.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unlink(tx: &TenantTx, person: UserId) -> Result<(), StoreError> {
    tx.run("DELETE FROM issuer_link WHERE tenant_id = $1 AND person_id = $2", [tx.owner(), person.0.into()]).await?;
    Ok(())
}

/// Forgets who everybody is at the issuer.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget_links(tx: &TenantTx) -> Result<(), StoreError> {
    tx.run("DELETE FROM issuer_link WHERE tenant_id = $1", [tx.owner()]).await?;
    Ok(())
}
