//! Changing a role and taking it away. A group never loses its last owner, and only an owner makes or unmakes one.

use crate::error::AppError;
use crate::fields::invalid;
use crate::people::People;
use domain::permission::{Permission, Role};
use serde_json::json;
use store::memberships::{self, Membership};
use store::{Actor, TenantScope, TenantTx, audit};
use uuid::Uuid;

impl People<'_> {
    /// Changes a role.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`], [`AppError::Conflict`].
    pub async fn set_role(self, scope: &TenantScope, membership: Uuid, role: Role) -> Result<(), AppError> {
        scope.require(Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let before = self.held(&tx, scope, membership).await?;
        Self::may_give(scope, role)?;
        if before.rooftop.is_some() && role > Role::RooftopManager {
            return Err(invalid("role", "This role is for the whole group; this person has one for a rooftop."));
        }
        if role != Role::Owner {
            self.keep_an_owner(&tx, &before).await?;
        }
        memberships::set_role(&tx, membership, role).await?;
        let detail = json!({ "person": before.person, "before": before.role, "after": role });
        audit::append(&tx, "member.role_changed", "member", &membership.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Takes a role away; it is gone with the person's next click.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`].
    pub async fn remove(self, scope: &TenantScope, membership: Uuid) -> Result<(), AppError> {
        scope.require(Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let before = self.held(&tx, scope, membership).await?;
        self.keep_an_owner(&tx, &before).await?;
        memberships::delete(&tx, membership).await?;
        let detail = json!({ "person": before.person, "role": before.role, "rooftop": before.rooftop });
        audit::append(&tx, "member.removed", "member", &membership.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A role that this actor may change, held until the transaction ends.
    pub(super) async fn held(
        self,
        tx: &TenantTx,
        scope: &TenantScope,
        membership: Uuid,
    ) -> Result<Membership, AppError> {
        let held = memberships::lock(tx, membership).await?.ok_or(AppError::NotFound("member"))?;
        scope.require_at(held.rooftop, Permission::ManagePeople)?;
        Self::may_give(scope, held.role)?;
        Ok(held)
    }

    async fn keep_an_owner(self, tx: &TenantTx, before: &Membership) -> Result<(), AppError> {
        if before.role == Role::Owner && memberships::count_owners(tx).await? <= 1 {
            return Err(AppError::Conflict {
                code: "last_owner",
                said: "a group needs an owner; make somebody else owner first".to_owned(),
            });
        }
        Ok(())
    }

    /// Ownership is given and taken by owners in person only.
    pub(crate) fn may_give(scope: &TenantScope, role: Role) -> Result<(), AppError> {
        match (role, scope.actor()) {
            (Role::Owner, Actor::Person(_)) => scope.require_at(None, Permission::ManageOwners).map_err(AppError::from),
            (Role::Owner, Actor::Key(_)) => Err(store::NotPermitted(Permission::ManageOwners).into()),
            (Role::Owner, Actor::Driveline)
            | (Role::Viewer | Role::Reviewer | Role::RooftopManager | Role::GroupAdmin, _) => Ok(()),
        }
    }
}
