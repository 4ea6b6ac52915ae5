//! A person's own second factor: set up, confirmed, its recovery codes, switched off.

use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::identity::second_step::{Proof, new_recovery_codes, plain, totp};
use crate::identity::session::about_person;
use crate::identity::sign_in::{Guess, Guessed};
use crate::identity::{Identity, Origin, SignedIn};
use crate::mail::Letter;
use chrono::{DateTime, Utc};
use rand::RngCore;
use secrecy::SecretString;
use serde_json::json;
use store::people::Person;
use store::{people, second_factors, sessions, tenants};
use zeroize::Zeroizing;

/// RFC 4226, 4: 160 bits are recommended.
const SECRET_BYTES: usize = 20;

/// How a person signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoStep {
    /// Since when a code is asked for; `None` where none is.
    pub since: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    pub recovery_codes_left: i64,
    /// Whether one of their groups requires it.
    pub is_required: bool,
}

/// What an app is given: told to its person alone, so it is neither printed nor logged.
pub struct SetUp {
    /// The secret in base32, as people type it.
    pub secret: Zeroizing<String>,
    /// The same as an `otpauth://` address, for a QR code.
    pub address: Zeroizing<String>,
}

fn shown(secret: &[u8], email: &str) -> Result<SetUp, AppError> {
    let totp = totp(secret, email)?;
    let address = totp.to_url().map_err(|error| AppError::broken("writing a code's address", error))?;
    Ok(SetUp { secret: Zeroizing::new(totp.secret().to_base32()), address: Zeroizing::new(address) })
}

fn is_on() -> AppError {
    AppError::Conflict { code: "two_step_is_on", said: "two-step sign-in is on already".to_owned() }
}

impl Identity<'_> {
    /// How somebody signs in.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn two_step(self, who: &SignedIn) -> Result<TwoStep, AppError> {
        who.require_own_sign_in()?;
        let tx = self.0.db().platform().await?;
        let factor = second_factors::of_person(&tx, who.person).await?;
        let recovery_codes_left = second_factors::recovery_codes_left(&tx, who.person).await?;
        let is_required = tenants::any_requires_second_factor(&tx, who.person).await?;
        tx.commit().await?;
        Ok(TwoStep { since: factor.and_then(|factor| factor.confirmed_at), recovery_codes_left, is_required })
    }

    /// Makes a new secret for somebody's app. Nothing is asked for until [`Self::confirm_two_step`]. Who only found
    /// their browser open cannot: the password is asked for.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] where the password is wrong, [`AppError::Conflict`] where it is on,
    /// [`AppError::Throttled`], [`AppError::Store`].
    pub async fn begin_two_step(
        self,
        who: &SignedIn,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<SetUp, AppError> {
        let (person, guess) = self.prove(who, password, origin).await?;
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rand::rng().fill_bytes(secret.as_mut());
        let tx = self.0.db().platform().await?;
        guess.forgive(&tx, self.0.now()).await?;
        if !second_factors::begin(&tx, who.person, secret.as_ref(), self.0.now()).await? {
            return Err(is_on());
        }
        tx.commit().await?;
        shown(secret.as_ref(), &person.email)
    }

    /// The secret that waits for its first code; `None` where none does.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn begun_two_step(self, who: &SignedIn) -> Result<Option<SetUp>, AppError> {
        who.require_own_sign_in()?;
        let tx = self.0.db().platform().await?;
        let person = people::by_id(&tx, who.person).await?.ok_or(AppError::NotFound("person"))?.person;
        let factor = second_factors::of_person(&tx, who.person).await?;
        tx.commit().await?;
        let waits = factor.filter(|factor| factor.confirmed_at.is_none());
        waits.map(|factor| shown(&factor.secret, &person.email)).transpose()
    }

    /// Switches it on by a first code of the app, and ends the other sessions, which no code has opened; returns the
    /// recovery codes, this once.
    ///
    /// # Errors
    /// [`AppError::Invalid`] where the code is wrong, [`AppError::Conflict`], [`AppError::Throttled`].
    pub async fn confirm_two_step(self, who: &SignedIn, code: &str, origin: &Origin) -> Result<Vec<String>, AppError> {
        who.require_own_sign_in()?;
        let mut fields = Fields::default();
        let code = fields.text("code", code, 40);
        fields.done()?;
        let tx = self.0.db().platform().await?;
        let person = people::by_id(&tx, who.person).await?.ok_or(AppError::NotFound("person"))?.person;
        tx.commit().await?;
        let guess = self.count_guess_at(Guessed::Code, &person.email, origin).await?;

        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let proof = self.take_code(&tx, who.person, &person.email, &code).await?;
        if proof != Some(Proof::App) {
            return Err(invalid(
                "code",
                "This code is wrong, over or used. Wait for the next one; where all are wrong, let the phone set its clock by itself.",
            ));
        }
        if !second_factors::confirm(&tx, who.person, now).await? {
            return Err(is_on());
        }
        guess.forgive(&tx, now).await?;
        sessions::revoke_others(&tx, who.person, Some(who.session), now).await?;
        let codes = self.give_recovery_codes(&tx, who).await?;
        Letter::TwoStepOn.post(self.0, &tx, &person.email).await?;
        self.note(tx, who.person, who.group(), "second_factor.on", about_person(who.person), json!({})).await?;
        Ok(codes)
    }

    /// New recovery codes, told this once; those before work no more.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] where the password is wrong, [`AppError::Conflict`] where it is off,
    /// [`AppError::Throttled`].
    pub async fn renew_recovery_codes(
        self,
        who: &SignedIn,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<Vec<String>, AppError> {
        let (person, guess) = self.prove(who, password, origin).await?;
        let tx = self.0.db().platform().await?;
        if second_factors::who_has(&tx, &[who.person]).await?.is_empty() {
            return Err(AppError::Conflict { code: "two_step_is_off", said: "two-step sign-in is off".to_owned() });
        }
        guess.forgive(&tx, self.0.now()).await?;
        let codes = self.give_recovery_codes(&tx, who).await?;
        Letter::RecoveryCodesRenewed.post(self.0, &tx, &person.email).await?;
        self.note(
            tx,
            who.person,
            who.group(),
            "second_factor.recovery_codes_renewed",
            about_person(who.person),
            json!({}),
        )
        .await?;
        Ok(codes)
    }

    /// Switches it off.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] where the password is wrong, [`AppError::Conflict`] where a group requires it,
    /// [`AppError::NotFound`] where it is off, [`AppError::Throttled`].
    pub async fn end_two_step(self, who: &SignedIn, password: &SecretString, origin: &Origin) -> Result<(), AppError> {
        let (person, guess) = self.prove(who, password, origin).await?;
        let tx = self.0.db().platform().await?;
        guess.forgive(&tx, self.0.now()).await?;
        if tenants::any_requires_second_factor(&tx, who.person).await? {
            tx.commit().await?;
            return Err(AppError::Conflict {
                code: "two_step_required",
                said: "your group requires two-step sign-in; its owner decides that under Team".to_owned(),
            });
        }
        if !second_factors::delete(&tx, who.person).await? {
            return Err(AppError::NotFound("second factor"));
        }
        Letter::TwoStepOff.post(self.0, &tx, &person.email).await?;
        self.note(tx, who.person, who.group(), "second_factor.off", about_person(who.person), json!({})).await
    }

    async fn give_recovery_codes(self, tx: &store::PlatformTx, who: &SignedIn) -> Result<Vec<String>, AppError> {
        let codes = new_recovery_codes();
        let kept: Vec<String> = codes.iter().map(|code| plain(code).to_string()).collect();
        second_factors::set_recovery_codes(tx, who.person, &kept).await?;
        Ok(codes)
    }

    /// Asks somebody who is signed in for their password once more; the guess is counted and yet to be forgiven. Not
    /// where a group's issuer began the session.
    pub(crate) async fn prove(
        self,
        who: &SignedIn,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<(Person, Guess), AppError> {
        who.require_own_sign_in()?;
        let tx = self.0.db().platform().await?;
        let known = people::by_id(&tx, who.person).await?.ok_or(AppError::NotFound("person"))?;
        tx.commit().await?;
        let guess = self.count_guess(&known.person.email, origin).await?;
        if !self.0.hasher().is_right(password, Some(&known.password_hash)).await? {
            return Err(AppError::SignInFailed);
        }
        Ok((known.person, guess))
    }
}
