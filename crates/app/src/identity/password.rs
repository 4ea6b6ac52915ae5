//! Passwords: argon2id, off the async threads, a few at a time.

use crate::error::AppError;
use crate::fields::Fields;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

/// The fewest characters of a password: it may be all that signs somebody in (NIST SP 800-63B-4, 3.1.1.2).
pub const CHARS_MIN: usize = 15;
/// The most: what is longer is refused, not cut.
pub const CHARS_MAX: usize = 128;
/// Each takes 19 MiB and a core for some 20 ms (OWASP's parameters), so a burst waits instead of filling the memory.
const AT_ONCE: usize = 4;

/// Hashes and checks passwords.
pub(crate) struct Hasher {
    places: Arc<Semaphore>,
}

fn argon2() -> Argon2<'static> {
    // OWASP password storage cheat sheet: m = 19 MiB, t = 2, p = 1; the crate's own default.
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// Checked against where there is no such person, so that the answer takes as long.
fn decoy() -> &'static str {
    static DECOY: OnceLock<String> = OnceLock::new();
    DECOY.get_or_init(|| {
        argon2().hash_password(b"nobody has this password").map(|hash| hash.to_string()).unwrap_or_default()
    })
}

impl Hasher {
    pub(crate) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Hashes a password.
    pub(crate) async fn hash(&self, password: &SecretString) -> Result<String, AppError> {
        let password = password.clone();
        self.work(move || argon2().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string()))
            .await?
            .map_err(|error| AppError::broken("hashing a password", error))
    }

    /// Whether the password is right. `None`: there is no such person; takes as long, and is never right.
    pub(crate) async fn is_right(&self, password: &SecretString, hash: Option<&str>) -> Result<bool, AppError> {
        let password = password.clone();
        let known = hash.map(ToOwned::to_owned);
        self.work(move || {
            let verify = |hash: &str| {
                let parsed = PasswordHash::new(hash).ok()?;
                argon2().verify_password(password.expose_secret().as_bytes(), &parsed).ok()
            };
            match known.as_deref() {
                Some(hash) if PasswordHash::new(hash).is_ok() => verify(hash).is_some(),
                Some(_) | None => {
                    verify(decoy());
                    false
                }
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _held_until_done = place;
            work()
        });
        done.await.map_err(|error| AppError::broken("checking a password", error))
    }
}

/// Tells what is wrong with a new password.
pub(crate) fn check(fields: &mut Fields, field: &str, password: &SecretString, email: &str) {
    let text = password.expose_secret();
    let length = text.chars().count();
    if length < CHARS_MIN {
        fields.wrong(field, format!("A password has at least {CHARS_MIN} characters. A few words make a good one."));
    } else if length > CHARS_MAX {
        fields.wrong(field, format!("A password has at most {CHARS_MAX} characters."));
    } else if is_easy(text, email) {
        fields
            .wrong(field, "This password is easily guessed. A few words that do not belong together make a good one.");
    }
}

/// Whether it is among the first that are tried: one character repeated, a run, the address itself, a well-known one, even
/// twice or with digits around it.
fn is_easy(text: &str, email: &str) -> bool {
    const KNOWN: [&str; 12] = [
        "password",
        "passwort",
        "qwerty",
        "qwertz",
        "asdfgh",
        "letmein",
        "welcome",
        "iloveyou",
        "driveline",
        "dealership",
        "changeme",
        "administrator",
    ];
    let lower = text.to_lowercase();
    let bytes = lower.as_bytes();
    let steady =
        |step: i16| bytes.windows(2).all(|pair| matches!(pair, [a, b] if i16::from(*b) - i16::from(*a) == step));
    // Digits that go on from 9 with 0.
    let counted = bytes.iter().all(u8::is_ascii_digit)
        && bytes.windows(2).all(|pair| matches!(pair, [a, b] if (a - b'0' + 1) % 10 == b - b'0'));
    let bare: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    let known = |word: &str| bare.contains(word) && bare.replace(word, "").is_empty();
    let local = email.split('@').next().unwrap_or_default();
    steady(0)
        || steady(1)
        || steady(-1)
        || counted
        || KNOWN.into_iter().any(known)
        || (!email.is_empty() && (lower == email || lower == local))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let hasher = Hasher::new();
        let hash = hasher.hash(&"four tall green hats".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(hasher.is_right(&"four tall green hats".into(), Some(&hash)).await.unwrap());
        assert!(!hasher.is_right(&"four tall green hat".into(), Some(&hash)).await.unwrap());
        assert!(!hasher.is_right(&"!".into(), Some("!")).await.unwrap(), "no password was set");
        assert!(!hasher.is_right(&"nobody has this password".into(), None).await.unwrap());
    }

    #[test]
    fn an_easy_password_is_refused() {
        for (text, easy) in [
            ("aaaaaaaaaaaa", true),
            ("abcdefghijkl", true),
            ("0123456789", true),
            ("123456789012345", true),
            ("Password123!", true),
            ("PasswordPassword", true),
            ("ann.lee@example.com", true),
            ("four tall green hats", false),
        ] {
            assert_eq!(is_easy(text, "ann.lee@example.com"), easy, "{text}");
        }
    }
}
