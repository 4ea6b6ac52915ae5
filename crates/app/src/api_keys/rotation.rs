//! A new key in place of an older one, both working for a time, so that no program stands still in between.

use super::{ApiKeys, KeyMade, new_secret};
use crate::error::AppError;
use crate::fields::invalid;
use crate::identity::token;
use chrono::TimeDelta;
use domain::ApiKeyId;
use domain::permission::Permission;
use serde_json::json;
use store::{TenantScope, api_keys, audit};

/// So long both keys work, where nothing else is said.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// So long at most: what is rotated because it leaked must end.
pub const OVERLAP_MAX: TimeDelta = TimeDelta::days(7);

impl ApiKeys<'_> {
    /// Makes a key with the name, scopes, rooftop and time to live of an older one, which ends after `overlap`. The new
    /// key's maker is who asks: it never has rights that they have not.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`] where the overlap is too long,
    /// [`AppError::Conflict`] where the key has ended (`key_over`) or has a successor (`already_rotated`).
    pub async fn rotate(self, scope: &TenantScope, key: ApiKeyId, overlap: TimeDelta) -> Result<KeyMade, AppError> {
        scope.require_at(None, Permission::ManageKeys)?;
        let made_by = Self::maker(scope)?;
        if overlap < TimeDelta::zero() || overlap > OVERLAP_MAX {
            let said = format!("The key may go on for 0 to {} hours.", OVERLAP_MAX.num_hours());
            return Err(invalid("overlap_hours", said));
        }
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let old = api_keys::lock(&tx, key).await?.ok_or(AppError::NotFound("API key"))?;
        for permission in &old.scopes {
            scope.require_at(old.rooftop, *permission)?;
        }
        if old.replaced_by.is_some() {
            return Err(conflict("already_rotated", "this key has a successor already; rotate that one"));
        }
        if old.revoked_at.is_some() || old.expires_at.is_some_and(|until| until <= now) {
            return Err(conflict("key_over", "this key works no more; make a new one"));
        }
        let ends_at = old.expires_at.map_or(now + overlap, |until| until.min(now + overlap));
        let (prefix, secret) = new_secret();
        let new = api_keys::ApiKey {
            id: ApiKeyId::new(),
            prefix,
            made_by,
            created_at: now,
            expires_at: old.expires_at.map(|until| now + (until - old.created_at)),
            last_used_at: None,
            ..old
        };
        api_keys::insert(&tx, &new, &token::hash(&secret)).await?;
        api_keys::replace(&tx, key, new.id, ends_at).await?;
        let detail = json!({ "successor": new.id, "ends_at": ends_at });
        audit::append(&tx, "api_key.rotated", "api_key", &key.to_string(), detail, now).await?;
        let detail =
            json!({ "in_place_of": key, "scopes": new.scopes, "rooftop": new.rooftop, "expires_at": new.expires_at });
        audit::append(&tx, "api_key.created", "api_key", &new.id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(KeyMade { key: new.into(), secret })
    }
}

fn conflict(code: &'static str, said: &str) -> AppError {
    AppError::Conflict { code, said: said.to_owned() }
}
