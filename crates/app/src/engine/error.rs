//! What can go wrong in the engine.

use chrono::{DateTime, Utc};
use connectors::ConnectorError;
use store::StoreError;

/// A failed piece of work.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vendor.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The scope does not permit it.
    #[error(transparent)]
    NotPermitted(#[from] store::scope::NotPermitted),
    /// There is no such thing in this tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It cannot be done now; the sentence says what to do.
    #[error("{0}")]
    NotNow(String),
    /// Somebody else looks at this pair at the moment.
    #[error("{by} is looking at this pair until {} UTC. Take another one, or come back then.", until.format("%H:%M"))]
    Claimed {
        /// What they are called.
        by: String,
        /// Until when it is theirs.
        until: DateTime<Utc>,
    },
    /// A thread of ours was lost.
    #[error("a piece of work was cut off")]
    CutOff(#[from] tokio::task::JoinError),
    /// One defect of ours, or of the database, and not single records.
    #[error("more than {0} records of one page could not be taken in; it is not them that are at fault")]
    TooManyTroubles(usize),
}
