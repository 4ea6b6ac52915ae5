//! A member who lost their phone and their recovery codes: an admin of their group lets them set up a new one.
//!
//! A person has one second factor for all their groups. So that nobody takes it from somebody whom they merely invited
//! into a group of their own, it is reset only where the group is the person's only one.

use crate::error::AppError;
use crate::identity::{Origin, SignedIn, about_person};
use crate::mail::Letter;
use crate::people::People;
use domain::permission::Permission;
use secrecy::SecretString;
use serde_json::json;
use store::{audit, memberships, people, second_factors, sessions, sign_in_steps, tenants};
use uuid::Uuid;

/// A member whose second factor may be reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostPhone {
    /// The member's name.
    pub name: String,
    /// Their address.
    pub email: String,
}

fn conflict(code: &'static str, said: &str) -> AppError {
    AppError::Conflict { code, said: said.to_owned() }
}

impl People<'_> {
    /// Whose second factor would be reset, where that is possible.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`] (`own_second_factor`,
    /// `two_step_is_off`, `belongs_elsewhere`).
    pub async fn lost_phone(self, who: &SignedIn, membership: Uuid) -> Result<LostPhone, AppError> {
        let (_, person) = self.without_phone(who, membership).await?;
        Ok(LostPhone { name: person.name, email: person.email })
    }

    /// Switches a member's second factor off, ends their sessions, and tells them by mail. The admin proves by their
    /// password that it is them; whose rights the member holds, the admin must be able to give.
    ///
    /// # Errors
    /// Those of [`Self::lost_phone`], [`AppError::SignInFailed`] where the admin's password is wrong,
    /// [`AppError::Throttled`].
    pub async fn reset_second_factor(
        self,
        who: &SignedIn,
        membership: Uuid,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<(), AppError> {
        let (scope, person) = self.without_phone(who, membership).await?;
        let (admin, guess) = self.0.identity().prove(who, password, origin).await?;
        let tx = self.0.db().tenant(scope).await?;
        let group = tenants::name(&tx).await?;
        tx.commit().await?;

        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        guess.forgive(&tx, now).await?;
        second_factors::delete(&tx, person.id).await?;
        sessions::revoke_others(&tx, person.id, None, now).await?;
        sign_in_steps::end_all(&tx, person.id).await?;
        Letter::TwoStepReset { group: &group, by: &admin.name }.post(self.0, &tx, &person.email).await?;
        let tx = self.0.db().enter(tx, scope).await?;
        let (kind, id) = about_person(person.id);
        audit::append(&tx, "second_factor.reset", kind, &id, json!({}), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The member, where this admin may reset their second factor.
    async fn without_phone(
        self,
        who: &SignedIn,
        membership: Uuid,
    ) -> Result<(&store::TenantScope, people::Person), AppError> {
        let scope = who.scope.as_ref().ok_or(store::NotPermitted(Permission::ManagePeople))?;
        scope.require_at(None, Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let member = self.held(&tx, scope, membership).await?.person;
        tx.commit().await?;
        if member == who.person {
            return Err(conflict(
                "own_second_factor",
                "this is you; switch yours off under Your sign-in, or ask another admin",
            ));
        }
        let tx = self.0.db().platform().await?;
        let roles = memberships::of_person_in(&tx, member, scope.tenant()).await?;
        let groups = memberships::groups_of(&tx, member).await?.len();
        let is_on = !second_factors::who_has(&tx, &[member]).await?.is_empty();
        let person = people::by_id(&tx, member).await?.ok_or(AppError::NotFound("member"))?.person;
        tx.commit().await?;
        for role in roles {
            Self::may_give(scope, role.role)?;
        }
        if !is_on {
            return Err(conflict(
                "two_step_is_off",
                "this person signs in with their password alone; there is nothing to reset",
            ));
        }
        if groups > 1 {
            return Err(conflict(
                "belongs_elsewhere",
                "this person belongs to another dealer group too, which their second step protects; take their role away and add them with another address",
            ));
        }
        Ok((scope, person))
    }
}
