//! What pages show: plain structs, filled from the store in a few queries each, and the pure judgements in them.

pub mod catalogue;
pub mod connection;
pub mod failure;
pub mod home;
pub mod record;
pub mod run;
pub mod setup;
pub mod standing;
pub mod trail;

use crate::error::AppError;
use crate::start::App;
use chrono_tz::Tz;
use domain::ConnectionId;
use domain::permission::Permission;
use std::collections::HashMap;
use store::engine::review::{self, Filter};
use store::{TenantScope, TenantTx};

/// What pages show.
#[derive(Clone, Copy)]
pub struct Views<'a>(pub(crate) &'a App);

impl App {
    /// What pages show.
    #[must_use]
    pub const fn views(&self) -> Views<'_> {
        Views(self)
    }
}

/// A count from the database; a negative one cannot be.
pub(crate) fn count(number: impl TryInto<u64>) -> u64 {
    number.try_into().unwrap_or_default()
}

/// What a visitor's sidebar counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Failures that wait for a person.
    pub needs_you: u64,
    /// Pairs that wait for a decision.
    pub duplicates: u64,
    /// Whether something was read already.
    pub setup_done: bool,
    /// The zone of the rooftop, or of the first of several.
    pub zone: Tz,
}

impl Views<'_> {
    async fn open(&self, scope: &TenantScope, permission: Permission) -> Result<TenantTx, AppError> {
        scope.require(permission)?;
        Ok(self.0.db().tenant(scope).await?)
    }

    /// What waits for this visitor; nothing where they may not see it.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn waiting(&self, scope: &TenantScope) -> Result<Waiting, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let visible = visible(&tx, scope).await?;
        let needs_you = store::views::needs_you(&tx).await?;
        let duplicates = match crate::readable::readable(&tx, scope, Permission::Review).await {
            Ok(tellers) => {
                let open = Filter { tellers, ..Filter::default() };
                count(review::count(&tx, &open, None, self.0.now()).await?)
            }
            Err(AppError::NotPermitted(_)) => 0,
            Err(other) => return Err(other),
        };
        let objects = store::views::objects(&tx, 1).await?;
        let rooftops = store::rooftops::list(&tx).await?;
        Ok(Waiting {
            needs_you: needs_you.iter().filter(|(id, _)| visible.contains_key(id)).map(|(_, many)| count(*many)).sum(),
            duplicates,
            zone: rooftops.first().and_then(|rooftop| rooftop.time_zone.parse().ok()).unwrap_or(Tz::UTC),
            setup_done: objects.iter().any(|object| object.succeeded_at.is_some()),
        })
    }
}

/// Names of the connections that this visitor may see.
async fn visible(tx: &TenantTx, scope: &TenantScope) -> Result<HashMap<ConnectionId, String>, AppError> {
    let rooftops = scope.grants().rooftops(Permission::ReadOperations);
    let all = store::views::connections(tx).await?;
    Ok(all
        .into_iter()
        .filter(|story| match &rooftops {
            None => true,
            Some(mine) => story.rooftop.is_some_and(|rooftop| mine.iter().any(|id| id.0 == rooftop)),
        })
        .map(|story| (story.id, story.name))
        .collect())
}
