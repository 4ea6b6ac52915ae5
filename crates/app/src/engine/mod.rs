//! The sync engine: land, map, check, identify, agree, plan, deliver.
//!
//! A page of records goes through the first six steps in one transaction, together with the cursor that follows it:
//! after a crash either all of it happened or none. Vendors are called between transactions, never inside one.

/// A named place, at a boundary of a commit, where a test ends the work: by a panic, or by a failure that passes. It is
/// nothing unless the crate `fail` is built with its feature.
macro_rules! failpoint {
    ($name:literal) => {
        fail::fail_point!($name, |_| Err(store::StoreError::Conflict.into()));
    };
}

mod again;
pub(crate) mod agree;
pub mod bulk;
pub mod candidates;
mod claims;
pub mod cluster;
mod deliver;
mod delivery;
mod echo;
mod error;
mod existing;
pub mod failures;
mod freed;
mod handler;
mod identify;
mod inbox;
mod index_again;
mod ingest;
mod isolate;
pub(crate) mod judge;
mod keep;
mod land;
pub(crate) mod learn;
mod merge;
mod plan;
mod prepare;
mod publish;
mod pull;
pub(crate) mod reach;
mod reprocess;
mod settle;
pub mod split;
pub mod syncs;
pub mod watch;

pub use candidates::Verdict;
pub use error::EngineError;
pub use handler::EngineHandler;
pub use judge::Judges;

use crate::clock::Clock;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connectors::{Access, Connector};
use domain::ConnectionId;
use std::sync::Arc;
use store::{Db, TenantScope};

/// Opens a connection's credentials for as long as one piece of work takes.
#[async_trait]
pub trait OpenAccess: Send + Sync {
    /// What a connector needs to act for this connection; `None` where the connection is not this tenant's.
    async fn open(&self, scope: &TenantScope, connection: ConnectionId) -> Result<Option<Access>, EngineError>;
}

/// What the engine works with.
#[derive(Clone)]
pub struct Engine {
    /// Postgres.
    pub db: Db,
    /// Credentials.
    pub access: Arc<dyn OpenAccess>,
    /// The registry of connectors.
    pub connector: fn(&str) -> Option<&'static dyn Connector>,
    /// The clock.
    pub clock: Clock,
    /// What tenants' customers are judged by.
    pub judges: Judges,
}

impl Engine {
    /// An engine over the registry of all connectors.
    #[must_use]
    pub fn new(db: Db, access: Arc<dyn OpenAccess>, clock: Clock) -> Self {
        Self { db, access, connector: connectors::connector, clock, judges: Judges::default() }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
