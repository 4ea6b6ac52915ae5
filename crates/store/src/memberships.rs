//! Memberships: which person holds which role, for a group or for one rooftop.

use crate::error::StoreError;
use crate::scope::Grants;
use crate::sql::{get, id, optional_id, word};
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, Utc};
use domain::permission::Role;
use domain::{RooftopId, TenantId, UserId};
use sea_orm::QueryResult;
use uuid::Uuid;

/// One role of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Id.
    pub id: Uuid,
    /// The group.
    pub tenant: TenantId,
    /// The person.
    pub person: UserId,
    /// One rooftop, or the whole group.
    pub rooftop: Option<RooftopId>,
    /// The role.
    pub role: Role,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// What all these roles together permit.
#[must_use]
pub fn grants(memberships: &[Membership]) -> Grants {
    let mut grants = Grants::default();
    for membership in memberships {
        grants.add_role(membership.rooftop, membership.role);
    }
    grants
}

/// A person's roles in one group.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_person_in(tx: &PlatformTx, person: UserId, tenant: TenantId) -> Result<Vec<Membership>, StoreError> {
    let rows = tx
        .rows("SELECT * FROM membership WHERE tenant_id = $1 AND person_id = $2", [tenant.0.into(), person.0.into()])
        .await?;
    rows.iter().map(read).collect()
}

/// The groups of a person, by name.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn groups_of(tx: &PlatformTx, person: UserId) -> Result<Vec<(TenantId, String)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT t.id, t.name FROM tenant t
             WHERE EXISTS (SELECT FROM membership m WHERE m.tenant_id = t.id AND m.person_id = $1)
             ORDER BY t.name, t.id",
            [person.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((id(row, "id")?, get(row, "name")?))).collect()
}

/// Makes the first owner of a new group.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert_owner(
    tx: &PlatformTx,
    tenant: TenantId,
    person: UserId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO membership (tenant_id, id, person_id, role, created_at) VALUES ($1, $2, $3, $4, $5)",
        [tenant.0.into(), Uuid::now_v7().into(), person.0.into(), Role::Owner.name().into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Gives a role; `None` where the person has one there already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn insert(
    tx: &TenantTx,
    person: UserId,
    rooftop: Option<RooftopId>,
    role: Role,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    let membership = Uuid::now_v7();
    let added = tx
        .run(
            "INSERT INTO membership (tenant_id, id, person_id, rooftop_id, role, created_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, person_id, rooftop_id) DO NOTHING",
            [
                tx.owner(),
                membership.into(),
                person.0.into(),
                rooftop.map(|rooftop| rooftop.0).into(),
                role.name().into(),
                now.into(),
            ],
        )
        .await?;
    Ok((added == 1).then_some(membership))
}

/// All roles in the group, oldest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx) -> Result<Vec<Membership>, StoreError> {
    let rows = tx.rows("SELECT * FROM membership WHERE tenant_id = $1 ORDER BY id", [tx.owner()]).await?;
    rows.iter().map(read).collect()
}

/// One role, held fast until the transaction ends together with all owners' roles, so that the last owner stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(tx: &TenantTx, membership: Uuid) -> Result<Option<Membership>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM membership WHERE tenant_id = $1 AND (id = $2 OR role = 'owner') ORDER BY id FOR UPDATE",
            [tx.owner(), membership.into()],
        )
        .await?;
    let all: Vec<Membership> = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(all.into_iter().find(|one| one.id == membership))
}

/// How many owners the group has.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_owners(tx: &TenantTx) -> Result<i64, StoreError> {
    let row = tx
        .row(
            "SELECT count(*) AS n FROM membership WHERE tenant_id = $1 AND role = 'owner' AND rooftop_id IS NULL",
            [tx.owner()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "n")).transpose()?.unwrap_or_default())
}

/// Changes a role.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_role(tx: &TenantTx, membership: Uuid, role: Role) -> Result<bool, StoreError> {
    let changed = tx
        .run(
            "UPDATE membership SET role = $3 WHERE tenant_id = $1 AND id = $2",
            [tx.owner(), membership.into(), role.name().into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Takes a role away.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn delete(tx: &TenantTx, membership: Uuid) -> Result<bool, StoreError> {
    let gone =
        tx.run("DELETE FROM membership WHERE tenant_id = $1 AND id = $2", [tx.owner(), membership.into()]).await?;
    Ok(gone == 1)
}

fn read(row: &QueryResult) -> Result<Membership, StoreError> {
    Ok(Membership {
        id: get(row, "id")?,
        tenant: id(row, "tenant_id")?,
        person: id(row, "person_id")?,
        rooftop: optional_id(row, "rooftop_id")?,
        role: word(row, "role")?,
        created_at: get(row, "created_at")?,
    })
}
