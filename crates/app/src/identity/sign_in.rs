//! Signing in, with every guess counted.
//!
//! Guesses are counted per account, from whatever browser; but a browser that has signed in to the account before
//! carries a device cookie and is counted by itself. So an attacker's guesses do not lock the owner out, and the
//! attacker gets ten an hour. A known and an unknown address give the same answer after the same work.

use crate::error::AppError;
use crate::identity::{Begun, Identity, token};
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use std::net::IpAddr;
use std::time::Duration;
use store::attempts::{self, Subject};
use store::{PlatformTx, people};

/// Wrong guesses at one account (or from one known browser) per hour.
pub const ACCOUNT_GUESSES_MAX: i64 = 10;
/// Wrong guesses from one address per hour, at whatever account: an office may share one.
pub const ADDRESS_GUESSES_MAX: i64 = 100;
/// Mails that strangers can cause to one address per hour.
pub const MAILS_MAX: i64 = 5;
/// What is told to wait: guesses are counted in half hours.
const WAIT: Duration = Duration::from_secs(30 * 60);

/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Network address.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The device cookie, where the browser sent one.
    pub device: Option<String>,
}

/// Somebody who signs in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: SecretString,
}

/// What is guessed at. Each is counted by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guessed {
    /// The password.
    Password,
    /// The code of the second step.
    Code,
}

impl Guessed {
    /// The kinds under which it is counted: for a known browser, and for the account.
    const fn kinds(self) -> (&'static str, &'static str) {
        match self {
            Self::Password => ("device", "account"),
            Self::Code => ("code_device", "code_account"),
        }
    }
}

/// A counted guess, to be taken back where it was right.
pub(crate) struct Guess {
    account: Subject,
    address: Subject,
    /// The device cookie, where it is this account's.
    pub(crate) device: Option<String>,
}

impl Guess {
    pub(crate) async fn forgive(&self, tx: &PlatformTx, now: DateTime<Utc>) -> Result<(), AppError> {
        attempts::forgive(tx, &self.account, now).await?;
        attempts::forgive(tx, &self.address, now).await?;
        Ok(())
    }
}

/// The address, or for IPv6 the network that one household or office has.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.to_string(),
            None => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        },
    }
}

/// A new device cookie for an account: an id and our keyed hash over both.
pub(crate) fn new_device(tx: &PlatformTx, email: &str) -> String {
    let id = token::new_token();
    let proof = device_proof(tx, email, &id);
    format!("{id}.{proof}")
}

fn device_proof(tx: &PlatformTx, email: &str, id: &str) -> String {
    hex::encode(tx.keys().index("device", &format!("{id} {email}")))
}

/// The cookie's id, where the cookie is ours and this account's.
fn known_device<'a>(tx: &PlatformTx, email: &str, cookie: &'a str) -> Option<&'a str> {
    use subtle::ConstantTimeEq;
    let (id, proof) = cookie.split_once('.')?;
    bool::from(device_proof(tx, email, id).as_bytes().ct_eq(proof.as_bytes())).then_some(id)
}

impl Identity<'_> {
    /// Signs in, or asks for a code.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`], [`AppError::NotVerified`], [`AppError::Throttled`], [`AppError::Store`].
    pub async fn sign_in(self, ask: SignIn, origin: &Origin) -> Result<Begun, AppError> {
        // What is no address belongs to nobody; it takes the same way.
        let email = domain::check::email(&ask.email).unwrap_or_else(|| ask.email.trim().to_lowercase());
        let guess = self.count_guess(&email, origin).await?;
        let tx = self.0.db().platform().await?;
        let known = people::by_email(&tx, &email).await?;
        tx.commit().await?;

        let hash = known.as_ref().map(|known| known.password_hash.as_str());
        let right = self.0.hasher().is_right(&ask.password, hash).await?;
        let Some(known) = known.filter(|_| right) else { return Err(AppError::SignInFailed) };

        let tx = self.0.db().platform().await?;
        guess.forgive(&tx, self.0.now()).await?;
        if known.person.verified_at.is_none() {
            tx.commit().await?;
            return Err(AppError::NotVerified);
        }
        self.begin(tx, known.person.id, &email, guess.device, &origin.user_agent, "password").await
    }

    /// Counts a guess at a password before it is looked at.
    pub(crate) async fn count_guess(self, email: &str, origin: &Origin) -> Result<Guess, AppError> {
        self.count_guess_at(Guessed::Password, email, origin).await
    }

    /// Counts a guess before it is looked at: guesses at the same moment are all counted.
    pub(crate) async fn count_guess_at(self, what: Guessed, email: &str, origin: &Origin) -> Result<Guess, AppError> {
        let (of_device, of_account) = what.kinds();
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let device = origin.device.as_deref().and_then(|cookie| known_device(&tx, email, cookie));
        let account = match device {
            Some(id) => Subject::new(&tx, of_device, id),
            None => Subject::new(&tx, of_account, email),
        };
        let address = Subject::new(&tx, "address", &network(origin.address));
        // Always in this order, so that two never wait for each other.
        let at_account = attempts::count(&tx, &account, now).await?;
        let from_address = attempts::count(&tx, &address, now).await?;
        let guess = Guess { account, address, device: device.and(origin.device.clone()) };
        tx.commit().await?;
        if at_account > ACCOUNT_GUESSES_MAX || from_address > ADDRESS_GUESSES_MAX {
            return Err(AppError::Throttled { wait: WAIT });
        }
        Ok(guess)
    }

    /// Counts what strangers cause us to ask of others: an issuer, a name server.
    pub(crate) async fn count_trip(self, origin: &Origin) -> Result<(), AppError> {
        let tx = self.0.db().platform().await?;
        let from = attempts::count(&tx, &Subject::new(&tx, "trip", &network(origin.address)), self.0.now()).await?;
        tx.commit().await?;
        if from > ADDRESS_GUESSES_MAX { Err(AppError::Throttled { wait: WAIT }) } else { Ok(()) }
    }

    /// Takes one back: it led somebody in. An office behind one address comes in of a morning.
    pub(crate) async fn forgive_trip(self, origin: &Origin) -> Result<(), AppError> {
        let tx = self.0.db().platform().await?;
        attempts::forgive(&tx, &Subject::new(&tx, "trip", &network(origin.address)), self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether one more mail may go to this address; `Err` where the asking side has asked too often.
    pub(crate) async fn may_mail(self, email: &str, origin: &Origin) -> Result<bool, AppError> {
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let to = attempts::count(&tx, &Subject::new(&tx, "mail", email), now).await?;
        let from = attempts::count(&tx, &Subject::new(&tx, "mail_from", &network(origin.address)), now).await?;
        tx.commit().await?;
        if from > ADDRESS_GUESSES_MAX {
            return Err(AppError::Throttled { wait: WAIT });
        }
        Ok(to <= MAILS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_network() {
        let of = |text: &str| text.parse().map(network).ok();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
