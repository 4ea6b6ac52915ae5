//! People of a group and their roles: listed, invited, changed, taken away.

mod invite;
mod lost_phone;
mod roles;
mod sign_in_rules;

pub use invite::Invite;
pub use lost_phone::LostPhone;
pub use sign_in_rules::SignInRules;

use crate::error::AppError;
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::permission::{Permission, Role};
use domain::{RooftopId, UserId};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{TenantScope, memberships, people, second_factors, single_sign_on};
use uuid::Uuid;

/// What can be done about people.
#[derive(Clone, Copy)]
pub struct People<'a>(pub(crate) &'a App);

impl App {
    /// People and roles.
    #[must_use]
    pub const fn people(&self) -> People<'_> {
        People(self)
    }
}

/// A role as the portal shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberShown {
    /// Id of the role, not of the person: one person may have one for each rooftop.
    pub id: Uuid,
    /// The person.
    pub person: UserId,
    /// What they are called.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// One rooftop, or the whole group.
    pub rooftop: Option<RooftopId>,
    /// The role.
    pub role: Role,
    /// Whether they have neither opened the invitation nor signed in by single sign-on.
    pub is_invited: bool,
    /// When a mail server refused their address: they never heard of the invitation.
    pub mail_refused_at: Option<DateTime<Utc>>,
    /// Whether they have a second factor.
    pub has_second_factor: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

impl People<'_> {
    /// Everybody with a role in the group.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope) -> Result<Vec<MemberShown>, AppError> {
        scope.require(Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let mut roles = memberships::list(&tx).await?;
        let linked = single_sign_on::linked_people(&tx).await?;
        tx.commit().await?;
        roles.retain(|role| scope.grants().permits(role.rooftop, Permission::ManagePeople));
        let ids: Vec<UserId> = roles.iter().map(|role| role.person).collect();
        let tx = self.0.db().platform().await?;
        let known: BTreeMap<UserId, people::Person> =
            people::by_ids(&tx, &ids).await?.into_iter().map(|person| (person.id, person)).collect();
        let secured = second_factors::who_has(&tx, &ids).await?;
        tx.commit().await?;
        Ok(roles
            .into_iter()
            .filter_map(|role| {
                let person = known.get(&role.person)?;
                Some(MemberShown {
                    id: role.id,
                    person: role.person,
                    name: person.name.clone(),
                    email: person.email.clone(),
                    rooftop: role.rooftop,
                    role: role.role,
                    is_invited: person.verified_at.is_none() && !linked.contains(&role.person),
                    mail_refused_at: person.mail_refused_at,
                    has_second_factor: secured.contains(&role.person),
                    created_at: role.created_at,
                })
            })
            .collect())
    }
}
