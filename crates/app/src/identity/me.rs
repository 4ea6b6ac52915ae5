//! Who is signed in: name, groups, what they may do; and looking at another group.

use crate::error::AppError;
use crate::identity::session::about;
use crate::identity::{Identity, SignedIn};
use domain::permission::Permission;
use domain::{TenantId, UserId};
use serde::Serialize;
use serde_json::json;
use store::{memberships, people, sessions};

/// The person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Me {
    /// Id.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Their groups, by name.
    pub groups: Vec<Group>,
    /// The group they look at.
    pub group: Option<TenantId>,
    /// What they may do there, for the whole group or for at least one rooftop.
    pub permissions: Vec<Permission>,
}

/// A dealer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Id.
    pub id: TenantId,
    /// Name.
    pub name: String,
}

impl Identity<'_> {
    /// Who is signed in.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn me(self, who: &SignedIn) -> Result<Me, AppError> {
        let tx = self.0.db().platform().await?;
        let person = people::by_id(&tx, who.person).await?.ok_or(AppError::NotFound("person"))?.person;
        let groups = memberships::groups_of(&tx, who.person).await?;
        tx.commit().await?;
        let permits = |permission: &Permission| {
            who.scope.as_ref().is_some_and(|scope| scope.grants().permits_somewhere(*permission))
        };
        Ok(Me {
            id: person.id,
            name: person.name,
            email: person.email,
            // One group's issuer learns nothing of the others.
            groups: groups
                .into_iter()
                .filter(|(id, _)| who.bound_to.is_none_or(|bound_to| bound_to == *id))
                .map(|(id, name)| Group { id, name })
                .collect(),
            group: who.scope.as_ref().map(store::TenantScope::tenant),
            permissions: Permission::ALL.into_iter().filter(permits).collect(),
        })
    }

    /// Looks at another of one's groups.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where the person has no role there, or another group's issuer began the session;
    /// [`AppError::Store`].
    pub async fn switch_group(self, who: &SignedIn, group: TenantId) -> Result<(), AppError> {
        if who.bound_to.is_some_and(|bound_to| bound_to != group) {
            return Err(AppError::NotFound("group"));
        }
        let tx = self.0.db().platform().await?;
        if memberships::of_person_in(&tx, who.person, group).await?.is_empty() {
            return Err(AppError::NotFound("group"));
        }
        sessions::set_tenant(&tx, who.session, group).await?;
        self.note(tx, who.person, Some(group), "session.entered", about(who.session), json!({})).await
    }
}
