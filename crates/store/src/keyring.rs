//! The master keys, and the data keys that they unwrapped, remembered for a while.
//!
//! A process that remembers a tenant's keys does not know a version that was added since. So keys are remembered for
//! [`KeyTimes::remembered_for`] only, and a new version seals nothing until [`KeyTimes::seals_after`] has passed: by
//! then every process has asked again, and whatever one seals the others can open.

use crate::seal::{KeyProvider, TenantKeys};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use uuid::Uuid;

/// How a new version of a sealing key comes into use.
#[derive(Clone, Copy, Debug)]
pub struct KeyTimes {
    /// Keys older than this are asked for again.
    pub remembered_for: Duration,
    /// A new version seals after this wait. It must exceed `remembered_for` by more than any transaction lasts, for a
    /// transaction keeps the keys that it began with.
    pub seals_after: Duration,
}

impl Default for KeyTimes {
    fn default() -> Self {
        Self { remembered_for: Duration::from_secs(60), seals_after: Duration::from_secs(600) }
    }
}

/// The master keys, and the data keys unwrapped so far.
pub struct Keyring {
    provider: Arc<dyn KeyProvider>,
    times: KeyTimes,
    unwrapped: RwLock<HashMap<Uuid, Arc<TenantKeys>>>,
}

impl Keyring {
    /// A keyring over master keys.
    #[must_use]
    pub fn new(provider: Arc<dyn KeyProvider>, times: KeyTimes) -> Self {
        Self { provider, times, unwrapped: RwLock::default() }
    }

    /// The master keys.
    #[must_use]
    pub fn provider(&self) -> &dyn KeyProvider {
        self.provider.as_ref()
    }

    /// How new versions come into use.
    #[must_use]
    pub const fn times(&self) -> KeyTimes {
        self.times
    }

    /// Keys unwrapped a short time ago.
    #[must_use]
    pub fn known(&self, owner: Uuid) -> Option<Arc<TenantKeys>> {
        let unwrapped = self.unwrapped.read().unwrap_or_else(PoisonError::into_inner);
        unwrapped.get(&owner).filter(|keys| keys.age() < self.times.remembered_for).cloned()
    }

    /// Remembers unwrapped keys, unless newer ones are there.
    pub fn remember(&self, keys: Arc<TenantKeys>) {
        let mut unwrapped = self.unwrapped.write().unwrap_or_else(PoisonError::into_inner);
        match unwrapped.get(&keys.owner()) {
            Some(there) if there.age() < keys.age() => {}
            Some(_) | None => {
                unwrapped.insert(keys.owner(), keys);
            }
        }
    }
}
