//! API keys: made, shown once, listed, rotated, revoked. `dl_` + 10 characters name a key, 43 more prove it.

mod rotation;

pub use rotation::{OVERLAP, OVERLAP_MAX};

use crate::error::AppError;
use crate::fields::Fields;
use crate::identity::token;
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{ApiKeyId, RooftopId, UserId};
use serde::Serialize;
use serde_json::json;
use store::{Actor, TenantScope, api_keys, audit, rooftops};

/// `dl_` and ten characters.
const PREFIX_CHARS: usize = 13;

/// The part of a key that may be shown; `None` where the text is no key.
pub(crate) fn prefix_of(key: &str) -> Option<&str> {
    let prefix = key.get(..PREFIX_CHARS)?;
    (prefix.starts_with("dl_") && key.len() == PREFIX_CHARS + 1 + 43).then_some(prefix)
}

/// The prefix of a new key, and the whole of it.
fn new_secret() -> (String, String) {
    let letters: String = token::new_token().chars().filter(char::is_ascii_alphanumeric).take(10).collect();
    let prefix = format!("dl_{letters:x<10}");
    let secret = format!("{prefix}_{}", token::new_token());
    (prefix, secret)
}

/// What can be done about API keys.
#[derive(Clone, Copy)]
pub struct ApiKeys<'a>(&'a App);

impl App {
    /// API keys.
    #[must_use]
    pub const fn api_keys(&self) -> ApiKeys<'_> {
        ApiKeys(self)
    }
}

/// A wanted key.
#[derive(Clone, Debug)]
pub struct MakeKey {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// Limited to one rooftop.
    pub rooftop: Option<RooftopId>,
    /// Until when it works.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as the portal shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyShown {
    /// Id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What it may do, at most what its maker may.
    pub scopes: Vec<Permission>,
    /// Limited to one rooftop.
    pub rooftop: Option<RooftopId>,
    /// Who made it.
    pub made_by: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Until when it works.
    pub expires_at: Option<DateTime<Utc>>,
    /// Last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it does not work any more.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The key that takes its place; until this one ends, both work.
    pub replaced_by: Option<ApiKeyId>,
}

/// A new key: the only time its secret is told.
#[derive(Clone, Debug, Serialize)]
pub struct KeyMade {
    /// The key as it will be shown.
    pub key: KeyShown,
    /// The whole of it.
    pub secret: String,
}

impl From<api_keys::ApiKey> for KeyShown {
    fn from(key: api_keys::ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes,
            rooftop: key.rooftop,
            made_by: key.made_by,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            replaced_by: key.replaced_by,
        }
    }
}

impl ApiKeys<'_> {
    /// Makes a key. Only a person may, and only with rights of their own: a key makes no keys.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn make(self, scope: &TenantScope, ask: MakeKey) -> Result<KeyMade, AppError> {
        scope.require_at(None, Permission::ManageKeys)?;
        let made_by = Self::maker(scope)?;
        let now = self.0.now();
        let mut fields = Fields::default();
        let name = fields.text("name", &ask.name, 100);
        if ask.scopes.is_empty() {
            fields.wrong("scopes", "Choose at least one.");
        }
        if ask.expires_at.is_some_and(|until| until <= now) {
            fields.wrong("expires_at", "This is in the past.");
        }
        fields.done()?;
        for permission in &ask.scopes {
            scope.require_at(ask.rooftop, *permission)?;
        }
        let (prefix, secret) = new_secret();
        let mut scopes = ask.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let key = api_keys::ApiKey {
            id: ApiKeyId::new(),
            tenant: scope.tenant(),
            prefix,
            name,
            scopes,
            rooftop: ask.rooftop,
            made_by,
            created_at: now,
            expires_at: ask.expires_at,
            last_used_at: None,
            revoked_at: None,
            replaced_by: None,
        };
        let tx = self.0.db().tenant(scope).await?;
        if let Some(rooftop) = ask.rooftop {
            rooftops::get_one(&tx, rooftop).await?.ok_or(AppError::NotFound("rooftop"))?;
        }
        api_keys::insert(&tx, &key, &token::hash(&secret)).await?;
        let detail = json!({ "scopes": key.scopes, "rooftop": key.rooftop, "expires_at": key.expires_at });
        audit::append(&tx, "api_key.created", "api_key", &key.id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(KeyMade { key: key.into(), secret })
    }

    /// Only a person makes a key.
    pub(super) fn maker(scope: &TenantScope) -> Result<UserId, AppError> {
        match scope.actor() {
            Actor::Person(person) => Ok(person),
            Actor::Key(_) | Actor::Driveline => Err(AppError::Conflict {
                code: "person_needed",
                said: "only a person makes API keys, not another key".to_owned(),
            }),
        }
    }

    /// All keys, newest first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope) -> Result<Vec<KeyShown>, AppError> {
        scope.require_at(None, Permission::ManageKeys)?;
        let tx = self.0.db().tenant(scope).await?;
        let keys = api_keys::list(&tx).await?;
        tx.commit().await?;
        Ok(keys.into_iter().map(KeyShown::from).collect())
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn revoke(self, scope: &TenantScope, key: ApiKeyId) -> Result<(), AppError> {
        scope.require_at(None, Permission::ManageKeys)?;
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        if !api_keys::revoke(&tx, key, now).await? {
            return Err(AppError::NotFound("API key"));
        }
        audit::append(&tx, "api_key.revoked", "api_key", &key.to_string(), json!({}), now).await?;
        tx.commit().await?;
        Ok(())
    }
}
