//! The right to work on one job for now.

use domain::{JobId, TenantId};
use std::sync::Arc;
use std::time::Duration;
use store::jobs::{Claim, Holding};
use store::{StoreError, TenantScope, TenantTx};
use tokio_util::sync::CancellationToken;

/// How long a running job stays its worker's without a sign of life.
pub const RUN_LEASE: Duration = Duration::from_secs(6);

/// One worker's hold on one job. It ends when the worker is not heard of for [`RUN_LEASE`]; then somebody else may
/// take the job under a higher fence, and whatever this one still tries to commit fails.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The tenant whose job it is.
    pub tenant: TenantId,
    /// The job.
    pub job: JobId,
    /// Raised at each claim: tells this hold from every other one on the same job.
    pub fence: i64,
    /// Which attempt this is, from 1. Falls back to 1 after a success.
    pub attempts: u32,
    /// The process that runs it.
    pub worker: Arc<str>,
    pub(crate) lost: CancellationToken,
}

impl Lease {
    /// The scope in which Driveline works for this job's tenant.
    #[must_use]
    pub fn scope(&self) -> TenantScope {
        TenantScope::driveline(self.tenant)
    }

    /// Makes the changes of this transaction count only under this lease. Call it in every transaction that writes
    /// effects or a cursor; the row stays locked until the transaction ends.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where the job is no longer ours: roll back and stop.
    pub async fn hold(&self, tx: &TenantTx) -> Result<(), StoreError> {
        store::jobs::hold(tx, self.claim(), RUN_LEASE, Holding::Effects).await
    }

    /// The same for a transaction that moves the job's checkpoint on. A job that gets ahead is not what kills its
    /// worker, so its crashes so far are forgotten; one that never does is quarantined after three.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where the job is no longer ours: roll back and stop.
    pub async fn advance(&self, tx: &TenantTx) -> Result<(), StoreError> {
        store::jobs::hold(tx, self.claim(), RUN_LEASE, Holding::Progress).await
    }

    /// Commits a transaction that was held or advanced under this lease. The lease counts from here on: one that ran out
    /// while a long transaction kept its row locked would be taken for a dead worker's the moment it ends.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] where the job is no longer ours; then nothing was done.
    pub async fn commit(&self, tx: TenantTx) -> Result<(), StoreError> {
        self.hold(&tx).await?;
        tx.commit().await
    }

    /// Whether the job is known to be somebody else's by now. Ask before a call to the outside.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    pub(crate) const fn claim(&self) -> Claim {
        Claim { tenant: self.tenant, job: self.job, fence: self.fence }
    }
}
