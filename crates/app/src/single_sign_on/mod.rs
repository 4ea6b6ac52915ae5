//! Single sign-on: a group's own OpenID Connect issuer, chosen by its owner.
//!
//! A person has one account over several groups, and each group chooses its issuer by itself. So what an issuer says
//! opens its own group and nothing else: the session is bound to that group and can change nothing of the account
//! (`SignedIn::bound_to`); a domain leads to a group only after its DNS said so; and somebody is known again by issuer and
//! subject, never by an address that another may have tomorrow.

mod domains;
mod issuer;
mod sign_in;
mod try_out;

pub use domains::DomainShown;
pub use sign_in::{CameBack, Leaving, NotIn, Refused};
pub use try_out::{TriedStep, TryOut};

use crate::error::AppError;
use crate::fields::Fields;
use crate::start::App;
use chrono::{DateTime, Utc};
use connectors::vendor_http::check_url;
use domain::permission::{Permission, Role};
use issuer::Issuer;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::single_sign_on::{self, SingleSignOn as Kept};
use store::{Actor, TenantScope, audit, second_factors, sessions};

/// What can be done about single sign-on.
#[derive(Clone, Copy)]
pub struct SingleSignOn<'a>(pub(crate) &'a App);

impl App {
    /// Single sign-on.
    #[must_use]
    pub const fn single_sign_on(&self) -> SingleSignOn<'_> {
        SingleSignOn(self)
    }
}

/// Roles that somebody may get whom nobody invited.
pub const FIRST_ROLES: [Role; 2] = [Role::Viewer, Role::Reviewer];

/// What an owner sets.
#[derive(Clone, Debug)]
pub struct SingleSignOnForm {
    /// The issuer's address.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// Our secret there; `None`: as before.
    pub client_secret: Option<SecretString>,
    /// The role of somebody whom nobody invited; `None`: they are not let in.
    pub first_role: Option<Role>,
    /// Whether the issuer asks for a second factor, so that we need not.
    pub checks_second_factor: bool,
    /// Whether people of the proven domains must sign in there.
    pub is_required: bool,
}

/// A group's issuer as its admins see it: never with the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerShown {
    /// The issuer's address.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// The role of somebody whom nobody invited.
    pub first_role: Option<Role>,
    /// Whether the issuer asks for a second factor.
    pub checks_second_factor: bool,
    /// Whether people of the proven domains must sign in there.
    pub is_required: bool,
    /// When somebody last signed in by issuer and client as they are now.
    pub signed_in_at: Option<DateTime<Utc>>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Single sign-on of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleSignOnShown {
    /// The issuer, where there is one.
    pub issuer: Option<IssuerShown>,
    /// The domains that it is for.
    pub domains: Vec<DomainShown>,
    /// The address that is registered at the issuer: browsers come back to it.
    pub redirect_url: String,
}

impl SingleSignOn<'_> {
    /// Where an issuer sends browsers back to. Each group has its own, so that no issuer can pass off what another gave
    /// (RFC 9700, 4.4.2.2).
    fn redirect_url(self, scope: &TenantScope) -> String {
        self.0.config().web.address_of(&format!("/sign-in/sso/{}", scope.tenant()))
    }

    /// How a group's people sign in at its issuer.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope) -> Result<SingleSignOnShown, AppError> {
        scope.require_at(None, Permission::ManagePeople)?;
        let tx = self.0.db().tenant(scope).await?;
        let kept = single_sign_on::of_group(&tx).await?;
        let domains = single_sign_on::domains(&tx).await?;
        tx.commit().await?;
        Ok(SingleSignOnShown {
            issuer: kept.map(|kept| IssuerShown {
                issuer: kept.issuer,
                client_id: kept.client_id,
                first_role: kept.first_role,
                checks_second_factor: kept.checks_second_factor,
                is_required: kept.is_required,
                signed_in_at: kept.signed_in_at,
                updated_at: kept.updated_at,
            }),
            domains: domains.into_iter().map(DomainShown::of).collect(),
            redirect_url: self.redirect_url(scope),
        })
    }

    /// Owners decide, in person.
    fn may_change(scope: &TenantScope) -> Result<domain::UserId, AppError> {
        scope.require_at(None, Permission::ManageOwners)?;
        match scope.actor() {
            Actor::Person(owner) => Ok(owner),
            Actor::Key(_) | Actor::Driveline => Err(store::NotPermitted(Permission::ManageOwners).into()),
        }
    }

    /// Sets it. Sessions end where what they rest on has changed.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn set(self, scope: &TenantScope, form: SingleSignOnForm) -> Result<(), AppError> {
        let owner = Self::may_change(scope)?;
        let mut fields = Fields::default();
        let issuer = fields.text("issuer", &form.issuer, 500);
        let client_id = fields.text("client_id", &form.client_id, 300);
        if !issuer.is_empty() {
            self.check_issuer(&mut fields, &issuer);
        }
        if form.first_role.is_some_and(|role| !FIRST_ROLES.contains(&role)) {
            fields
                .wrong("first_role", "Somebody whom nobody invited becomes viewer or reviewer; give more under Team.");
        }
        let secret = form.client_secret.filter(|secret| !secret.expose_secret().trim().is_empty());
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().len() > 2000) {
            fields.wrong("client_secret", "This is longer than 2000 characters.");
        }

        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let has_second_factor = !second_factors::who_has(&tx, &[owner]).await?.is_empty();
        let tx = self.0.db().enter(tx, scope).await?;
        let before = single_sign_on::of_group(&tx).await?;
        let is_same = before.as_ref().is_some_and(|before| before.issuer == issuer && before.client_id == client_id);
        // The secret of before goes to nobody but whom it was for.
        if secret.is_none() && !is_same {
            fields.wrong("client_secret", "This is needed: a secret belongs to one issuer and client.");
        }
        let signed_in_at = before.as_ref().filter(|_| is_same).and_then(|before| before.signed_in_at);
        if form.is_required {
            let is_proven = single_sign_on::domains(&tx).await?.iter().any(|domain| domain.proved_at.is_some());
            if !is_proven {
                fields.wrong("required", "Prove a domain first; the rule is for people with an address there.");
            } else if signed_in_at.is_none() {
                fields.wrong("required", "Sign in by it once with these settings; then require it of everybody.");
            } else if !has_second_factor && !before.as_ref().is_some_and(|before| before.is_required) {
                fields.wrong("required", "Set up two-step sign-in for yourself first: password and code are an owner's way back in should the issuer fail.");
            }
        }
        fields.done()?;
        let new = Kept {
            issuer,
            client_id,
            first_role: form.first_role,
            checks_second_factor: form.checks_second_factor,
            is_required: form.is_required,
            signed_in_at,
            updated_at: now,
        };
        single_sign_on::set(&tx, &new, secret.as_ref(), now).await?;
        let is_other_issuer = before.as_ref().is_some_and(|before| before.issuer != new.issuer);
        if is_other_issuer {
            single_sign_on::forget_links(&tx).await?;
        }
        let detail = json!({
            "issuer": new.issuer,
            "client_id": new.client_id,
            "client_secret_changed": secret.is_some(),
            "first_role": new.first_role,
            "checks_second_factor": new.checks_second_factor,
            "required": new.is_required,
        });
        let group = scope.tenant().to_string();
        audit::append(&tx, "single_sign_on.changed", "group", &group, detail, now).await?;
        tx.commit().await?;
        let trusts_less = before.is_some_and(|before| before.checks_second_factor && !new.checks_second_factor);
        if is_other_issuer || trusts_less {
            self.end_sessions(scope).await?;
        }
        Ok(())
    }

    fn check_issuer(self, fields: &mut Fields, issuer: &str) {
        match check_url("issuer", issuer, self.0.config().vendors.allow_private_hosts) {
            Ok(url) if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() => {
                fields.wrong("issuer", "An issuer's address has neither ? nor # nor a user name in it.");
            }
            Ok(url) if url.path().contains("/.well-known/") => {
                fields.wrong("issuer", "Leave out what begins with /.well-known/; Driveline adds it.");
            }
            Ok(_) => {}
            Err(connectors::ConnectorError::Misconfigured { said, .. }) => {
                fields.wrong("issuer", format!("This cannot be an issuer: {said}."));
            }
            Err(error) => fields.wrong("issuer", format!("This cannot be an issuer: {error}.")),
        }
    }

    /// Forgets the issuer: whoever signed in by it is signed out.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn remove(self, scope: &TenantScope) -> Result<(), AppError> {
        Self::may_change(scope)?;
        let tx = self.0.db().tenant(scope).await?;
        if !single_sign_on::delete(&tx).await? {
            return Err(AppError::NotFound("single sign-on"));
        }
        let group = scope.tenant().to_string();
        audit::append(&tx, "single_sign_on.removed", "group", &group, json!({}), self.0.now()).await?;
        tx.commit().await?;
        self.end_sessions(scope).await
    }

    async fn end_sessions(self, scope: &TenantScope) -> Result<(), AppError> {
        let tx = self.0.db().platform().await?;
        sessions::revoke_bound_to(&tx, scope.tenant(), self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The group's issuer, ready to be asked; `None` where the group has none.
    async fn issuer(self, scope: &TenantScope) -> Result<Option<(Issuer, Kept)>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let kept = single_sign_on::of_group(&tx).await?;
        let secret = single_sign_on::secret(&tx).await?;
        tx.commit().await?;
        let (Some(kept), Some(secret)) = (kept, secret) else { return Ok(None) };
        let issuer = Issuer::new(self.0, &kept.issuer, &kept.client_id, secret, self.redirect_url(scope));
        Ok(Some((issuer, kept)))
    }
}

/// The domain of an address as `check::email` writes it.
fn domain_of(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}
