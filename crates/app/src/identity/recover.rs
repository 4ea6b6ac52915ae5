//! A forgotten password, a changed one, and the first one of somebody who was invited.

use crate::error::AppError;
use crate::fields::Fields;
use crate::identity::session::about;
use crate::identity::{Begun, Identity, Origin, SignedIn, password, token};
use crate::mail::Letter;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde_json::json;
use store::mail_links::{self, Purpose};
use store::{people, second_factors, sessions, sign_in_steps};

/// The link for a new password works so long.
const RESET_WITHIN: TimeDelta = TimeDelta::hours(1);

/// Somebody with the link for a new password.
#[derive(Clone, Debug)]
pub struct ResetPassword {
    /// From the link.
    pub token: String,
    /// The new password.
    pub password: SecretString,
}

/// Somebody who was invited.
#[derive(Clone, Debug)]
pub struct AcceptInvitation {
    /// From the link.
    pub token: String,
    /// What they are called.
    pub name: String,
    /// Their password.
    pub password: SecretString,
}

impl Identity<'_> {
    /// Sends the link for a new password. Says nothing about whether there is such an account.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::Throttled`], [`AppError::Store`].
    pub async fn ask_password_reset(self, email: &str, origin: &Origin) -> Result<(), AppError> {
        let mut fields = Fields::default();
        let email = fields.email("email", email);
        fields.done()?;
        if !self.may_mail(&email, origin).await? {
            return Ok(());
        }
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        if let Some(known) = people::by_email(&tx, &email).await? {
            let link_token = token::new_token();
            let (hash, until) = (token::hash(&link_token), now + RESET_WITHIN);
            mail_links::insert(&tx, &hash, known.person.id, Purpose::ResetPassword, now, until).await?;
            let link = self.0.config().web.address_of(&format!("/reset-password?token={link_token}"));
            Letter::ResetPassword { link: &link }.post(self.0, &tx, &email).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Sets a new password by the mailed link, ends all sessions and begins a new one, or asks for a code. The mail proves the address too.
    ///
    /// # Errors
    /// [`AppError::LinkOver`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn reset_password(self, ask: ResetPassword, origin: &Origin) -> Result<Begun, AppError> {
        self.set_by_link(Purpose::ResetPassword, &ask.token, None, &ask.password, origin, "password_reset").await
    }

    /// Sets name and first password by the invitation's link, and signs in.
    ///
    /// # Errors
    /// [`AppError::LinkOver`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn accept_invitation(self, ask: AcceptInvitation, origin: &Origin) -> Result<Begun, AppError> {
        let mut fields = Fields::default();
        let name = fields.text("name", &ask.name, 100);
        fields.done()?;
        let purpose = Purpose::AcceptInvitation;
        self.set_by_link(purpose, &ask.token, Some(&name), &ask.password, origin, "invitation").await
    }

    async fn set_by_link(
        self,
        purpose: Purpose,
        link_token: &str,
        name: Option<&str>,
        new_password: &SecretString,
        origin: &Origin,
        how: &str,
    ) -> Result<Begun, AppError> {
        let hash = token::hash(link_token);
        let tx = self.0.db().platform().await?;
        let person = mail_links::peek(&tx, &hash, purpose, self.0.now()).await?.ok_or(AppError::LinkOver)?;
        let known = people::by_id(&tx, person).await?.ok_or(AppError::LinkOver)?.person;
        tx.commit().await?;
        let mut fields = Fields::default();
        password::check(&mut fields, "password", new_password, &known.email);
        fields.done()?;
        let password_hash = self.0.hasher().hash(new_password).await?;

        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        mail_links::take(&tx, &hash, purpose, now).await?.ok_or(AppError::LinkOver)?;
        people::set_password(&tx, person, &password_hash).await?;
        if let Some(name) = name {
            people::rename(&tx, &known, name).await?;
        }
        people::set_verified(&tx, person, now).await?;
        sessions::revoke_others(&tx, person, None, now).await?;
        sign_in_steps::end_all(&tx, person).await?;
        second_factors::forgive_wrong(&tx, person).await?;
        self.begin(tx, person, &known.email, None, &origin.user_agent, how).await
    }

    /// Changes the password of somebody who is signed in and knows the old one; ends their other sessions.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] where the old one is wrong, [`AppError::Invalid`], [`AppError::Throttled`].
    pub async fn change_password(
        self,
        who: &SignedIn,
        old: &SecretString,
        new: &SecretString,
        origin: &Origin,
    ) -> Result<(), AppError> {
        who.require_own_sign_in()?;
        let tx = self.0.db().platform().await?;
        let email = people::by_id(&tx, who.person).await?.ok_or(AppError::NotFound("person"))?.person.email;
        tx.commit().await?;
        let mut fields = Fields::default();
        password::check(&mut fields, "new_password", new, &email);
        fields.done()?;
        let (person, guess) = self.prove(who, old, origin).await?;
        let hash = self.0.hasher().hash(new).await?;
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        guess.forgive(&tx, now).await?;
        people::set_password(&tx, who.person, &hash).await?;
        sessions::revoke_others(&tx, who.person, Some(who.session), now).await?;
        sign_in_steps::end_all(&tx, who.person).await?;
        second_factors::forgive_wrong(&tx, who.person).await?;
        Letter::PasswordChanged.post(self.0, &tx, &person.email).await?;
        self.note(tx, who.person, who.group(), "password.changed", about(who.session), json!({})).await
    }
}
