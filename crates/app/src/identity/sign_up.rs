//! Signing up: a person, their dealer group, and a mail that proves the address.
//!
//! Known and unknown addresses get the same answer in the same time; only the mail differs. Proving the address asks
//! for the password again: somebody who signed up with another's address never gets an account that the other opened.

use crate::error::AppError;
use crate::fields::Fields;
use crate::identity::{Begun, Identity, Origin, password, token};
use crate::mail::Letter;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::json;
use store::mail_links::{self, Purpose};
use store::{Actor, Grants, TenantScope, audit, memberships, people};

/// The link in the first mail works so long.
const VERIFY_WITHIN: TimeDelta = TimeDelta::hours(24);

/// Somebody who wants an account.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: SecretString,
    /// What they are called.
    pub name: String,
    /// What their dealer group is called; a single dealer gives the dealership's name.
    pub group: String,
}

/// Somebody who proves their address.
#[derive(Clone, Debug)]
pub struct Verify {
    /// From the link.
    pub token: String,
    /// The password that was given when signing up.
    pub password: SecretString,
}

impl Identity<'_> {
    /// Makes an account and sends the mail that opens it.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::Throttled`], [`AppError::Store`].
    pub async fn sign_up(self, ask: SignUp, origin: &Origin) -> Result<(), AppError> {
        let mut fields = Fields::default();
        let email = fields.email("email", &ask.email);
        let name = fields.text("name", &ask.name, 100);
        let group = fields.text("group", &ask.group, 100);
        password::check(&mut fields, "password", &ask.password, &email);
        fields.done()?;
        let may_mail = self.may_mail(&email, origin).await?;
        // Hashed in any case, so that a known address takes as long.
        let hash = self.0.hasher().hash(&ask.password).await?;

        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let Some(person) = people::insert(&tx, &email, &name, &hash, now).await? else {
            if may_mail {
                match people::by_email(&tx, &email).await?.map(|known| known.person) {
                    Some(known) if known.verified_at.is_none() => {
                        self.mail_verification(&tx, known.id, &email).await?;
                    }
                    Some(_) | None => Letter::AlreadyHere.post(self.0, &tx, &email).await?,
                }
            }
            tx.commit().await?;
            return Ok(());
        };
        let tenant = self.0.db().create_tenant(&tx, &group).await?;
        memberships::insert_owner(&tx, tenant, person, now).await?;
        if may_mail {
            self.mail_verification(&tx, person, &email).await?;
        }
        let scope = TenantScope::new(tenant, Actor::Person(person), Grants::default());
        let tx = self.0.db().enter(tx, &scope).await?;
        audit::append(&tx, "group.created", "group", &tenant.to_string(), json!({}), now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn mail_verification(
        self,
        tx: &store::PlatformTx,
        person: domain::UserId,
        email: &str,
    ) -> Result<(), AppError> {
        let (link_token, now) = (token::new_token(), self.0.now());
        let hash = token::hash(&link_token);
        mail_links::insert(tx, &hash, person, Purpose::Verify, now, now + VERIFY_WITHIN).await?;
        let link = self.0.config().web.address_of(&format!("/verify?token={link_token}"));
        Letter::Verify { link: &link }.post(self.0, tx, email).await
    }

    /// Sends the first mail again. Says nothing about whether there is such an account.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::Throttled`], [`AppError::Store`].
    pub async fn resend_verification(self, email: &str, origin: &Origin) -> Result<(), AppError> {
        let mut fields = Fields::default();
        let email = fields.email("email", email);
        fields.done()?;
        if !self.may_mail(&email, origin).await? {
            return Ok(());
        }
        let tx = self.0.db().platform().await?;
        if let Some(known) = people::by_email(&tx, &email).await?.filter(|known| known.person.verified_at.is_none()) {
            self.mail_verification(&tx, known.person.id, &email).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Proves the address and signs in.
    ///
    /// # Errors
    /// [`AppError::LinkOver`], [`AppError::SignInFailed`], [`AppError::Throttled`], [`AppError::Store`].
    pub async fn verify(self, ask: Verify, origin: &Origin) -> Result<Begun, AppError> {
        let hash = token::hash(&ask.token);
        let tx = self.0.db().platform().await?;
        let person = mail_links::peek(&tx, &hash, Purpose::Verify, self.0.now()).await?;
        let known = match person {
            Some(person) => people::by_id(&tx, person).await?,
            None => None,
        };
        tx.commit().await?;
        let known = known.ok_or(AppError::LinkOver)?;
        let guess = self.count_guess(&known.person.email, origin).await?;
        if !self.0.hasher().is_right(&ask.password, Some(&known.password_hash)).await? {
            return Err(AppError::SignInFailed);
        }
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        mail_links::take(&tx, &hash, Purpose::Verify, now).await?.ok_or(AppError::LinkOver)?;
        people::set_verified(&tx, known.person.id, now).await?;
        guess.forgive(&tx, now).await?;
        self.begin(tx, known.person.id, &known.person.email, guess.device, &origin.user_agent, "verification").await
    }
}
