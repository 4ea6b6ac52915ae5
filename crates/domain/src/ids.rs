//! Ids: every id is a UUIDv7 in a type of its own, so that a rooftop can never be passed for a connection.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id: UUIDv7, so that ids made later sort later.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default id would not be unique by name")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A dealer group: the tenant. A single dealer is a group with one rooftop.
    TenantId,
    /// One dealership at one address.
    RooftopId,
    /// One system of one rooftop (or of the group), with its credentials and the vendor's unit ids.
    ConnectionId,
    /// A person who signs in.
    UserId,
    /// A signed-in browser.
    SessionId,
    /// An API key.
    ApiKeyId,
    /// One record as one system tells it.
    SourceRecordId,
    /// The entity behind all source records that tell of the same customer, vehicle, deal, …
    GoldenId,
    /// One pull of one object from one connection, from start to end.
    RunId,
    /// One job in Postgres.
    JobId,
    /// A pair of entities that a person should decide about.
    CandidateId,
    /// One failed record or call, kept until it is resolved.
    FailureId,
    /// When a connection's object is pulled.
    ScheduleId,
    /// One received webhook or pushed file.
    InboxId,
    /// One entry of the audit trail.
    AuditId,
}
