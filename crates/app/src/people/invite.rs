//! Inviting somebody into the group or one rooftop.

use crate::error::AppError;
use crate::fields::Fields;
use crate::identity::token;
use crate::mail::Letter;
use crate::people::People;
use chrono::TimeDelta;
use domain::RooftopId;
use domain::permission::{Permission, Role};
use serde_json::json;
use store::mail_links::{self, Purpose};
use store::{TenantScope, audit, memberships, people, rooftops, single_sign_on, tenants};
use uuid::Uuid;

/// The link of an invitation works so long.
const ACCEPT_WITHIN: TimeDelta = TimeDelta::days(7);

/// Somebody who shall have a role.
#[derive(Clone, Debug)]
pub struct Invite {
    /// E-mail address.
    pub email: String,
    /// The role.
    pub role: Role,
    /// One rooftop, or the whole group.
    pub rooftop: Option<RooftopId>,
}

impl People<'_> {
    /// Gives a role to the person with this address, who is told by mail; returns the role's id.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::NotFound`] (the rooftop), [`AppError::Conflict`].
    pub async fn invite(self, scope: &TenantScope, ask: Invite) -> Result<Uuid, AppError> {
        scope.require_at(ask.rooftop, Permission::ManagePeople)?;
        Self::may_give(scope, ask.role)?;
        let mut fields = Fields::default();
        let email = fields.email("email", &ask.email);
        if ask.rooftop.is_some() && ask.role > Role::RooftopManager {
            fields.wrong("role", "This role is for the whole group; choose no rooftop, or a lesser role.");
        }
        fields.done()?;

        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        if let Some(rooftop) = ask.rooftop {
            rooftops::get_one(&tx, rooftop).await?.ok_or(AppError::NotFound("rooftop"))?;
        }
        let group = tenants::name(&tx).await?;
        tx.commit().await?;

        let tx = self.0.db().platform().await?;
        let person = match people::by_email(&tx, &email).await? {
            Some(known) if known.person.verified_at.is_some() => {
                Letter::Added { group: &group }.post(self.0, &tx, &email).await?;
                known.person.id
            }
            Some(known) => {
                self.mail_invitation(&tx, known.person.id, &email, &group).await?;
                known.person.id
            }
            None => {
                let added = people::insert(&tx, &email, &email, people::NO_PASSWORD, now).await?;
                // Somebody else made the same person at this moment.
                let person = added.ok_or_else(|| AppError::from(store::StoreError::Conflict))?;
                self.mail_invitation(&tx, person, &email, &group).await?;
                person
            }
        };
        let is_new = memberships::of_person_in(&tx, person, scope.tenant()).await?.is_empty();
        let tx = self.0.db().enter(tx, scope).await?;
        if is_new {
            // Who was removed and is invited again may have another account at the issuer by now.
            single_sign_on::unlink(&tx, person).await?;
        }
        let added = memberships::insert(&tx, person, ask.rooftop, ask.role, now).await?;
        let membership = added.ok_or_else(|| AppError::Conflict {
            code: "already_member",
            said: "this person has a role there already; change that one".to_owned(),
        })?;
        let detail = json!({ "person": person, "role": ask.role, "rooftop": ask.rooftop });
        audit::append(&tx, "member.invited", "member", &membership.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(membership)
    }

    async fn mail_invitation(
        self,
        tx: &store::PlatformTx,
        person: domain::UserId,
        email: &str,
        group: &str,
    ) -> Result<(), AppError> {
        let (link_token, now) = (token::new_token(), self.0.now());
        let (hash, until) = (token::hash(&link_token), now + ACCEPT_WITHIN);
        mail_links::insert(tx, &hash, person, Purpose::AcceptInvitation, now, until).await?;
        let link = self.0.config().web.address_of(&format!("/accept-invitation?token={link_token}"));
        Letter::Invitation { group, link: &link }.post(self.0, tx, email).await
    }
}
