//! How deliveries stand per connection and object, and what is still under way: settled when nothing is.

use super::{Views, count, visible};
use crate::error::AppError;
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind};
use std::collections::BTreeMap;
use store::TenantScope;
use store::engine::targets::{self, TargetState};

/// Deliveries of one object to one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: String,
    /// The object.
    pub object: ObjectKind,
    /// The system holds the newest state.
    pub settled: u64,
    /// On their way.
    pub due: u64,
    /// Wait for a person.
    pub needs_you: u64,
    /// Not wanted there.
    pub unwanted: u64,
}

/// What is still under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Runs that are queued, running or waiting.
    pub runs: u64,
    /// Deliveries on their way.
    pub deliveries: u64,
    /// Webhooks and documents that were not read yet.
    pub inbox: u64,
    /// Feeds that do not show the newest state yet.
    pub feeds: u64,
    /// Jobs that are due or running.
    pub jobs: u64,
}

impl UnderWay {
    /// Whether every system holds what it should, as far as nobody is needed.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.runs == 0 && self.deliveries == 0 && self.inbox == 0 && self.feeds == 0 && self.jobs == 0
    }
}

impl Views<'_> {
    /// Deliveries per connection that this visitor may see, and what is still under way in the group.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn standing(&self, scope: &TenantScope) -> Result<(Vec<Tally>, UnderWay), AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let names = visible(&tx, scope).await?;
        let under_way = store::views::under_way(&tx).await?;
        let mut tallies: BTreeMap<(ConnectionId, ObjectKind), Tally> = BTreeMap::new();
        let mut deliveries = 0;
        for (connection, object, state, many) in targets::tally(&tx).await? {
            let many = count(many);
            if state == TargetState::Due {
                deliveries += many;
            }
            let Some(name) = names.get(&connection) else { continue };
            let tally = tallies.entry((connection, object)).or_insert_with(|| Tally {
                connection,
                connection_name: name.clone(),
                object,
                settled: 0,
                due: 0,
                needs_you: 0,
                unwanted: 0,
            });
            match state {
                TargetState::Settled => tally.settled += many,
                TargetState::Due => tally.due += many,
                TargetState::NeedsYou => tally.needs_you += many,
                TargetState::Unwanted => tally.unwanted += many,
            }
        }
        let under_way = UnderWay {
            runs: count(under_way.runs),
            deliveries,
            inbox: count(under_way.inbox),
            feeds: count(under_way.feeds),
            jobs: count(under_way.jobs),
        };
        Ok((tallies.into_values().collect(), under_way))
    }
}
