//! Sessions: kept here and nowhere else, found by the hash of their token, revocable at once.

use crate::error::StoreError;
use crate::memberships::{self, Membership};
use crate::sql::{get, id, optional_id};
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::{SessionId, TenantId, UserId};
use sea_orm::QueryResult;

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Id.
    pub id: SessionId,
    /// Whose.
    pub person: UserId,
    /// The group they look at.
    pub tenant: Option<TenantId>,
    /// The only group that it may see, where that group's issuer began it.
    pub bound_to: Option<TenantId>,
    /// Sent back with each form.
    pub csrf_token: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Last used, to the minute.
    pub seen_at: DateTime<Utc>,
    /// Ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// The live session behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// Its person's roles in the group it looks at.
    pub roles: Vec<Membership>,
    /// Whether that group requires a second factor and none was asked for: the person has none.
    pub lacks_second_factor: bool,
    /// Whether the person has a second factor, or the issuer asked for one.
    pub has_second_factor: bool,
    /// Whether people of that group's domains must sign in at its issuer.
    pub requires_single_sign_on: bool,
}

/// What a new session starts with.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// SHA-256 of the token that only the browser knows.
    pub token_hash: &'a [u8],
    /// Whose.
    pub person: UserId,
    /// The group they look at first.
    pub tenant: Option<TenantId>,
    /// The only group that it may see, where that group's issuer began it.
    pub bound_to: Option<TenantId>,
    /// Whether the issuer asked for a second factor.
    pub issuer_checked_second_factor: bool,
    /// Sent back with each form.
    pub csrf_token: &'a str,
    /// What the browser calls itself.
    pub user_agent: &'a str,
    /// Now.
    pub now: DateTime<Utc>,
    /// Ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// Starts a session.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(tx: &PlatformTx, new: &NewSession<'_>) -> Result<SessionId, StoreError> {
    let session = SessionId::new();
    tx.run(
        "INSERT INTO session (id, token_hash, person_id, tenant_id, csrf_token, user_agent, created_at, seen_at, expires_at,
             bound_to, issuer_checked_second_factor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)",
        [
            session.0.into(),
            new.token_hash.to_vec().into(),
            new.person.0.into(),
            new.tenant.map(|tenant| tenant.0).into(),
            new.csrf_token.into(),
            new.user_agent.into(),
            new.now.into(),
            new.expires_at.into(),
            new.bound_to.map(|tenant| tenant.0).into(),
            new.issuer_checked_second_factor.into(),
        ],
    )
    .await?;
    Ok(session)
}

/// The live session of a token.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_token(
    tx: &PlatformTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
    seen_after: DateTime<Utc>,
) -> Result<Option<Live>, StoreError> {
    let row = tx
        .row(
            "SELECT s.*, coalesce(t.second_factor_required, false) AS second_factor_required,
                 coalesce(t.single_sign_on_required, false) AS single_sign_on_required,
                 s.issuer_checked_second_factor OR EXISTS (
                     SELECT FROM second_factor f WHERE f.person_id = s.person_id AND f.confirmed_at IS NOT NULL
                 ) AS has_second_factor
             FROM session s LEFT JOIN tenant t ON t.id = s.tenant_id
             WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND s.seen_at > $3",
            [token_hash.to_vec().into(), now.into(), seen_after.into()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let session = read(&row)?;
    let roles = match session.tenant {
        Some(tenant) => memberships::of_person_in(tx, session.person, tenant).await?,
        None => Vec::new(),
    };
    let has_second_factor: bool = get(&row, "has_second_factor")?;
    Ok(Some(Live {
        session,
        roles,
        lacks_second_factor: get::<bool>(&row, "second_factor_required")? && !has_second_factor,
        has_second_factor,
        requires_single_sign_on: get(&row, "single_sign_on_required")?,
    }))
}

/// Notes that a session was used.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn touch(tx: &PlatformTx, session: SessionId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run("UPDATE session SET seen_at = $2 WHERE id = $1", [session.0.into(), now.into()]).await?;
    Ok(())
}

/// A person's live sessions, newest first; `bound_to`: only those that this group's issuer began.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_person(
    tx: &PlatformTx,
    person: UserId,
    bound_to: Option<TenantId>,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM session WHERE person_id = $1 AND revoked_at IS NULL AND expires_at > $2
             AND ($3::uuid IS NULL OR bound_to = $3) ORDER BY id DESC",
            [person.0.into(), now.into(), bound_to.map(|tenant| tenant.0).into()],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// Ends one session of a person; `false` where they have no such session. `bound_to` as in [`of_person`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(
    tx: &PlatformTx,
    person: UserId,
    session: SessionId,
    bound_to: Option<TenantId>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let ended = tx
        .run(
            "UPDATE session SET revoked_at = $3 WHERE id = $2 AND person_id = $1 AND revoked_at IS NULL
             AND ($4::uuid IS NULL OR bound_to = $4)",
            [person.0.into(), session.0.into(), now.into(), bound_to.map(|tenant| tenant.0).into()],
        )
        .await?;
    Ok(ended == 1)
}

/// Ends all sessions of a person but one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_others(
    tx: &PlatformTx,
    person: UserId,
    keep: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    tx.run(
        "UPDATE session SET revoked_at = $3 WHERE person_id = $1 AND revoked_at IS NULL AND ($2::uuid IS NULL OR id <> $2)",
        [person.0.into(), keep.map(|session| session.0).into(), now.into()],
    )
    .await
}

/// Ends a person's sessions but one that this group's issuer began; returns how many.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_others_bound_to(
    tx: &PlatformTx,
    person: UserId,
    keep: SessionId,
    group: TenantId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    tx.run(
        "UPDATE session SET revoked_at = $4
         WHERE person_id = $1 AND id <> $2 AND bound_to = $3 AND revoked_at IS NULL",
        [person.0.into(), keep.0.into(), group.0.into(), now.into()],
    )
    .await
}

/// Ends everybody's sessions that a group's issuer began, and the sign-ins that wait for a code.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_bound_to(tx: &PlatformTx, group: TenantId, now: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM sign_in_step WHERE bound_to = $1", [group.0.into()]).await?;
    tx.run(
        "UPDATE session SET revoked_at = $2 WHERE bound_to = $1 AND revoked_at IS NULL",
        [group.0.into(), now.into()],
    )
    .await
}

/// Makes a session look at another group.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_tenant(tx: &PlatformTx, session: SessionId, tenant: TenantId) -> Result<(), StoreError> {
    // One that a group's issuer began stays there, whatever was checked before.
    tx.run(
        "UPDATE session SET tenant_id = $2 WHERE id = $1 AND (bound_to IS NULL OR bound_to = $2)",
        [session.0.into(), tenant.0.into()],
    )
    .await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Session, StoreError> {
    Ok(Session {
        id: id(row, "id")?,
        person: id(row, "person_id")?,
        tenant: optional_id(row, "tenant_id")?,
        bound_to: optional_id(row, "bound_to")?,
        csrf_token: get(row, "csrf_token")?,
        user_agent: get(row, "user_agent")?,
        created_at: get(row, "created_at")?,
        seen_at: get(row, "seen_at")?,
        expires_at: get(row, "expires_at")?,
    })
}

/// Forgets sessions that ended before a moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    tx.run("DELETE FROM session WHERE expires_at < $1 OR revoked_at < $1", [before.into()]).await
}
