//! The second step of signing in: a code from the person's app, or one of their recovery codes.
//!
//! Every way in that a password or a mailed link opens comes by here, a forgotten password too: who reads somebody's
//! mail has not got their phone. Codes have a count of their own, beside the one of passwords.

use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::identity::session::{Entrance, about_person};
use crate::identity::sign_in::Guessed;
use crate::identity::{Begun, Identity, NewSession, Origin, SecondStep, token};
use crate::mail::Letter;
use chrono::TimeDelta;
use domain::UserId;
use rand::seq::IndexedRandom;
use serde_json::json;
use store::sign_in_steps::{self, SignInStep, Tried};
use store::{PlatformTx, memberships, people, second_factors};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

/// The code must come within this time.
const CODE_WITHIN: TimeDelta = TimeDelta::minutes(10);
/// One sign-in takes so many tries at a code; then it starts again from the password.
const TRIES_MAX: i32 = 5;
/// Wrong codes in a row; then only a new password goes on (NIST SP 800-63B, 3.2.2). Who guesses so often has the
/// password, and ten guesses an hour would find a code within a few years.
const WRONG_IN_A_ROW_MAX: i32 = 100;
/// Recovery codes that a person is given.
pub const RECOVERY_CODES: usize = 10;
/// Without letters and digits that look alike.
const RECOVERY_LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 31^10 is 49 bits; what is kept is an HMAC, and guesses are counted.
const RECOVERY_CHARS: usize = 10;

/// What a person typed was right, and this was it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A code from the app.
    App,
    /// A recovery code, which works no more.
    Recovery,
}

/// As every app takes it: SHA-1, six digits, thirty seconds; one step of a clock that goes wrong either way.
pub(crate) fn totp(secret: &[u8], email: &str) -> Result<Totp, AppError> {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(1)
        .with_issuer(Some("Driveline"))
        .with_account_name(email)
        .build()
        .map_err(|error| AppError::broken("making a code's generator", error))
}

/// New recovery codes, as they are shown: `abcde-fghjk`.
pub(crate) fn new_recovery_codes() -> Vec<String> {
    let mut random = rand::rng();
    (0..RECOVERY_CODES)
        .map(|_| {
            let letters: Vec<u8> =
                (0..RECOVERY_CHARS).filter_map(|_| RECOVERY_LETTERS.choose(&mut random).copied()).collect();
            let (left, right) = letters.split_at(RECOVERY_CHARS / 2);
            format!("{}-{}", String::from_utf8_lossy(left), String::from_utf8_lossy(right))
        })
        .collect()
}

/// A code as it is compared: people type blanks and dashes as they like.
pub(crate) fn plain(code: &str) -> Zeroizing<String> {
    Zeroizing::new(code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase())
}

fn wrong_code() -> AppError {
    invalid("code", "This code is wrong, over or used. Wait for the next one, or use a recovery code.")
}

impl Identity<'_> {
    /// Begins a session, or asks for a code first where the person has a second factor.
    pub(crate) async fn begin(
        self,
        tx: PlatformTx,
        person: UserId,
        email: &str,
        device: Option<String>,
        user_agent: &str,
        how: &str,
    ) -> Result<Begun, AppError> {
        self.begin_by(tx, person, email, device, user_agent, Entrance::own(how)).await
    }

    /// The same for whatever way in. Where the issuer asked for a second factor, ours is not asked for.
    pub(crate) async fn begin_by(
        self,
        tx: PlatformTx,
        person: UserId,
        email: &str,
        device: Option<String>,
        user_agent: &str,
        entrance: Entrance<'_>,
    ) -> Result<Begun, AppError> {
        if entrance.issuer_checked_second_factor || second_factors::who_has(&tx, &[person]).await?.is_empty() {
            let session = self.start_session(tx, person, email, device, user_agent, entrance).await?;
            return Ok(Begun::Session(session));
        }
        let (step_token, expires_at) = (token::new_token(), self.0.now() + CODE_WITHIN);
        let step = SignInStep { person, how: entrance.how.to_owned(), device, bound_to: entrance.bound_to };
        sign_in_steps::insert(&tx, &token::hash(&step_token), &step, expires_at).await?;
        tx.commit().await?;
        Ok(Begun::SecondStep(SecondStep { token: step_token, expires_at }))
    }

    /// Ends signing in with a code.
    ///
    /// # Errors
    /// [`AppError::SignInOver`] where it starts again from the password, [`AppError::Invalid`] where the code is
    /// wrong, [`AppError::Conflict`] where too many in a row were, [`AppError::Throttled`], [`AppError::Store`].
    pub async fn finish_sign_in(self, step_token: &str, code: &str, origin: &Origin) -> Result<NewSession, AppError> {
        let mut fields = Fields::default();
        let code = fields.text("code", code, 40);
        fields.done()?;
        let (hash, now) = (token::hash(step_token), self.0.now());
        let tx = self.0.db().platform().await?;
        let tried = sign_in_steps::count_try(&tx, &hash, TRIES_MAX, now).await?;
        let known = match &tried {
            Some(tried) => people::by_id(&tx, tried.step.person).await?,
            None => None,
        };
        tx.commit().await?;
        let (Some(Tried { step, tries }), Some(known)) = (tried, known) else { return Err(AppError::SignInOver) };
        let email = known.person.email;
        let guess = self.count_guess_at(Guessed::Code, &email, origin).await?;

        let tx = self.0.db().platform().await?;
        let Some(proof) = self.take_code(&tx, step.person, &email, &code).await? else {
            self.refuse(tx, &step, &email, tries).await?;
            return Err(wrong_code());
        };
        if !sign_in_steps::take(&tx, &hash).await? {
            return Err(AppError::SignInOver);
        }
        guess.forgive(&tx, now).await?;
        second_factors::forgive_wrong(&tx, step.person).await?;
        let how = match proof {
            Proof::App => format!("{}_and_code", step.how),
            Proof::Recovery => {
                let left = second_factors::recovery_codes_left(&tx, step.person).await?;
                Letter::RecoveryCodeUsed { left }.post(self.0, &tx, &email).await?;
                format!("{}_and_recovery_code", step.how)
            }
        };
        let entrance = Entrance { bound_to: step.bound_to, ..Entrance::own(&how) };
        self.start_session(tx, step.person, &email, step.device, &origin.user_agent, entrance).await
    }

    /// Keeps that a code was wrong. Its person hears of it when the tries of a sign-in are used up: whoever it was has
    /// their password.
    async fn refuse(self, tx: PlatformTx, step: &SignInStep, email: &str, tries: i32) -> Result<(), AppError> {
        second_factors::count_wrong(&tx, step.person).await?;
        if tries < TRIES_MAX {
            tx.commit().await?;
            return Ok(());
        }
        Letter::WrongCodes { by_issuer: step.bound_to.is_some() }.post(self.0, &tx, email).await?;
        let group = match step.bound_to {
            Some(group) => Some(group),
            None => memberships::groups_of(&tx, step.person).await?.first().map(|(id, _)| *id),
        };
        let detail = json!({ "how": step.how, "wrong_codes": tries });
        self.note(tx, step.person, group, "session.refused", about_person(step.person), detail).await
    }

    /// Uses a code up, where it is right: the app's newer than any before, or a recovery code.
    pub(crate) async fn take_code(
        self,
        tx: &PlatformTx,
        person: UserId,
        email: &str,
        code: &str,
    ) -> Result<Option<Proof>, AppError> {
        let Some(factor) = second_factors::of_person(tx, person).await? else { return Ok(None) };
        if factor.wrong_codes >= WRONG_IN_A_ROW_MAX {
            return Err(AppError::Conflict {
                code: "too_many_wrong_codes",
                said: "too many codes were wrong; set a new password by the link under “Forgot the password?”, and codes are taken again".to_owned(),
            });
        }
        let (code, now) = (plain(code), self.0.now());
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        if let Some(step) = totp(&factor.secret, email)?.check(&code, seconds) {
            return Ok(second_factors::take_step(tx, person, step).await?.then_some(Proof::App));
        }
        Ok(second_factors::take_recovery_code(tx, person, &code, now).await?.then_some(Proof::Recovery))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn recovery_codes_are_many_different_and_typed_as_one_likes() {
        let codes = new_recovery_codes();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), RECOVERY_CODES);
        for code in &codes {
            assert_eq!(code.len(), RECOVERY_CHARS + 1, "{code}");
            assert_eq!(plain(code), plain(&code.to_uppercase().replace('-', " ")));
        }
    }

    #[test]
    fn a_generator_gives_the_codes_of_the_standard() {
        // RFC 6238, appendix B, the last six of its eight digits.
        let totp = totp(b"12345678901234567890", "ann@example.com").ok();
        let at = |seconds: u64| totp.as_ref().map(|totp| totp.generate(seconds).to_string());
        assert_eq!(at(59).as_deref(), Some("287082"));
        assert_eq!(at(1_111_111_109).as_deref(), Some("081804"));
        assert_eq!(at(20_000_000_000).as_deref(), Some("353130"));
    }
}
