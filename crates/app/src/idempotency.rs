//! Requests that may come twice: the first is done, the second gets the first one's answer.

use crate::error::AppError;
use crate::start::App;
use sha2::{Digest, Sha256};
use store::TenantScope;
pub use store::idempotency::Claim;
use store::idempotency::{claim, keep, release};

/// The longest key that is taken.
pub const KEY_CHARS_MAX: usize = 255;

/// What can be done with `Idempotency-Key`s.
#[derive(Clone, Copy)]
pub struct Idempotency<'a>(&'a App);

impl App {
    /// Requests that may come twice.
    #[must_use]
    pub const fn idempotency(&self) -> Idempotency<'_> {
        Idempotency(self)
    }
}

/// What makes two requests the same: method, address and body.
#[must_use]
pub fn fingerprint(method: &str, path_and_query: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [method.as_bytes(), path_and_query.as_bytes(), body] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

impl Idempotency<'_> {
    /// Claims a key for a request: it is [`Claim::Ours`] to do, or was done, or is being done.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a key that is empty, too long or not printable, [`AppError::Store`].
    pub async fn claim(self, scope: &TenantScope, key: &str, fingerprint: &[u8; 32]) -> Result<Claim, AppError> {
        let fits = (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            let said = format!("Use 1 to {KEY_CHARS_MAX} printable characters without blanks, such as a UUID.");
            return Err(crate::fields::invalid("Idempotency-Key", said));
        }
        let tx = self.0.db().tenant(scope).await?;
        let claimed = claim(&tx, &owned_key(scope, key), fingerprint, self.0.now()).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Keeps the answer to a claimed key for 24 hours.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn keep(self, scope: &TenantScope, key: &str, status: u16, body: &[u8]) -> Result<(), AppError> {
        let tx = self.0.db().tenant(scope).await?;
        keep(&tx, &owned_key(scope, key), status, body).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives a claimed key back: the request failed on our side and may be repeated.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn release(self, scope: &TenantScope, key: &str) -> Result<(), AppError> {
        let tx = self.0.db().tenant(scope).await?;
        release(&tx, &owned_key(scope, key)).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// A key belongs to who sent it: another person or API key of the group never gets the answer to it.
fn owned_key(scope: &TenantScope, key: &str) -> String {
    let actor = scope.actor();
    let who = actor.id().map(|id| id.to_string()).unwrap_or_default();
    format!("{} {who} {key}", actor.kind())
}
