//! How people of a group must sign in: whether each needs a second factor. Owners decide, in person.

use crate::error::AppError;
use crate::people::People;
use domain::permission::Permission;
use serde_json::json;
use store::{Actor, TenantScope, audit, second_factors, tenants};

/// How people of a group sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInRules {
    /// Whether each needs a second factor.
    pub second_factor_required: bool,
}

impl People<'_> {
    /// How people of the group must sign in.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn sign_in_rules(self, scope: &TenantScope) -> Result<SignInRules, AppError> {
        scope.require(Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let second_factor_required = tenants::requires_second_factor(&tx).await?;
        tx.commit().await?;
        Ok(SignInRules { second_factor_required })
    }

    /// Sets it. Who has no second factor then sets one up with their next click, before anything else.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Conflict`] where the owner has none themself, [`AppError::Store`].
    pub async fn set_sign_in_rules(self, scope: &TenantScope, rules: SignInRules) -> Result<(), AppError> {
        scope.require_at(None, Permission::ManageOwners)?;
        let Actor::Person(owner) = scope.actor() else {
            return Err(store::NotPermitted(Permission::ManageOwners).into());
        };
        let tx = self.0.db().platform().await?;
        if rules.second_factor_required && second_factors::who_has(&tx, &[owner]).await?.is_empty() {
            return Err(AppError::Conflict {
                code: "two_step_is_off",
                said: "set up two-step sign-in for yourself first; then require it of the others".to_owned(),
            });
        }
        tx.commit().await?;
        let tx = self.0.db().tenant(scope).await?;
        if tenants::require_second_factor(&tx, rules.second_factor_required).await? {
            let detail = json!({ "second_factor_required": rules.second_factor_required });
            let group = scope.tenant().to_string();
            audit::append(&tx, "group.sign_in_rules_changed", "group", &group, detail, self.0.now()).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
