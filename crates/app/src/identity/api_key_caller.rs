//! Who an API key stands for.

use crate::error::AppError;
use crate::identity::{Identity, token};
use domain::ApiKeyId;
use store::{Actor, Grants, TenantScope, api_keys, memberships};
use subtle::ConstantTimeEq;

impl Identity<'_> {
    /// The scope of an API key, at most what its maker may do today; `None` where it is none or has ended.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn of_api_key(self, key: &str) -> Result<Option<(ApiKeyId, TenantScope)>, AppError> {
        let Some(prefix) = crate::api_keys::prefix_of(key) else { return Ok(None) };
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let Some((found, key_hash)) = api_keys::by_prefix(&tx, prefix, now).await? else { return Ok(None) };
        if !bool::from(token::hash(key).ct_eq(&key_hash)) {
            return Ok(None);
        }
        let maker = memberships::of_person_in(&tx, found.made_by, found.tenant).await?;
        api_keys::touch(&tx, &found, now).await?;
        tx.commit().await?;
        let mut wanted = Grants::default();
        for scope in &found.scopes {
            wanted.add(found.rooftop, *scope);
        }
        let grants = wanted.within(&memberships::grants(&maker));
        Ok(Some((found.id, TenantScope::new(found.tenant, Actor::Key(found.id), grants))))
    }
}
