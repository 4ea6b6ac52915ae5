//! Two people review at once: each is given pairs that the other does not look at.

use super::candidates::claimed_by_another;
use super::{Engine, EngineError, reach};
use chrono::{DateTime, TimeDelta, Utc};
use domain::CandidateId;
use domain::permission::Permission;
use store::TenantScope;
use store::engine::candidates::{self, CandidateRow};
use store::engine::landscape::Landscape;
use store::engine::review::{self, Filter};
use uuid::Uuid;

/// How long a pair is somebody's after they were given it or looked at it last.
const CLAIM: TimeDelta = TimeDelta::minutes(10);

impl Engine {
    /// Gives the caller the next open pair that nobody else looks at, and lets go of `skipped`, behind which it lies.
    ///
    /// # Errors
    /// [`EngineError::NotPermitted`], [`EngineError::Store`].
    pub async fn next_candidate(
        &self,
        scope: &TenantScope,
        mut filter: Filter,
        skipped: Option<CandidateId>,
    ) -> Result<Option<CandidateId>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        filter.tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let mut after = None;
        if let Some(id) = skipped {
            review::release(&tx, id, who(scope)).await?;
            after = match candidates::find(&tx, id).await? {
                Some(row) if reach::tells_of_pair(&tx, filter.tellers.clone(), &row).await? => Some(row.place()),
                Some(_) | None => None,
            };
        }
        let next = review::claim_next(&tx, &filter, after, who(scope), now, now + CLAIM).await?;
        tx.commit().await?;
        Ok(next.map(|row| row.id))
    }

    /// Gives the caller this pair for ten minutes.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::NotNow`] where it is decided, [`EngineError::Claimed`] while somebody
    /// else looks at it.
    pub async fn claim_candidate(&self, scope: &TenantScope, id: CandidateId) -> Result<DateTime<Utc>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let candidate = self.reviewable(scope, &tx, id).await?;
        let until = now + CLAIM;
        if review::claim(&tx, id, who(scope), now, until).await? {
            tx.commit().await?;
            return Ok(until);
        }
        // Somebody may have been quicker since it was read.
        let candidate = candidates::find(&tx, id).await?.unwrap_or(candidate);
        drop(tx);
        match claimed_by_another(scope, &candidate, now) {
            Some((by, until)) => Err(self.claimed(scope, by, until).await?),
            None => Err(EngineError::NotNow("This pair is decided already. Reload to see the decision.".to_owned())),
        }
    }

    /// Lets go of a pair; one that is not the caller's stays as it is.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Store`].
    pub async fn release_candidate(&self, scope: &TenantScope, id: CandidateId) -> Result<(), EngineError> {
        let tx = self.db.tenant(scope).await?;
        self.reviewable(scope, &tx, id).await?;
        review::release(&tx, id, who(scope)).await?;
        Ok(tx.commit().await?)
    }

    /// The caller looks at a pair: one that is theirs stays theirs for longer.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub(crate) async fn look(&self, tx: &store::TenantTx, id: CandidateId) -> Result<(), EngineError> {
        let now = self.now();
        Ok(review::extend(tx, id, who(tx.scope()), now, now + CLAIM).await?)
    }

    async fn reviewable(
        &self,
        scope: &TenantScope,
        tx: &store::TenantTx,
        id: CandidateId,
    ) -> Result<CandidateRow, EngineError> {
        let tellers = reach::connections(scope, &Landscape::load(tx).await?, Permission::Review)?;
        let candidate = candidates::find(tx, id).await?.ok_or(EngineError::NotFound("candidate"))?;
        if reach::tells_of_pair(tx, tellers, &candidate).await? {
            return Ok(candidate);
        }
        Err(EngineError::NotFound("candidate"))
    }
}

/// Who claims: a person or a key.
pub(super) fn who(scope: &TenantScope) -> Uuid {
    scope.actor().id().unwrap_or_default()
}
