//! Runs what is due in this process, without Redis: for tests and for one-shot commands.

use crate::handler::Handler;
use crate::ledger::Ledger;
use crate::runner::Runner;
use crate::running::Running;
use crate::settings::PUSH_LEASE;
use domain::Lane;
use std::sync::Arc;
use store::jobs::{self, ClaimLimits};
use store::{Db, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Jobs claimed at once: few, because a claim lasts seconds only.
const CLAIMED_MAX: u32 = 4;

/// Runs jobs one after the other, urgent lanes first, until none is due or `runs_max` have run; returns how many ran.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn drain(db: &Db, handler: Arc<dyn Handler>, runs_max: usize) -> Result<usize, StoreError> {
    let worker: Arc<str> = "drain".into();
    let (ledger, writing) = Ledger::open(db.clone(), Arc::clone(&worker), Arc::new(Notify::new()));
    let (running, halt) = (Arc::new(Running::default()), CancellationToken::new());
    let lives = Arc::clone(&running);
    let runner = Runner { handler, ledger, running, worker, halt: halt.clone() };
    let runs = async {
        let drained = drain_with(db, &runner, runs_max).await;
        halt.cancel();
        drop(runner);
        drained
    };
    let (drained, (), ()) = tokio::join!(runs, writing, lives.keep_alive(db, &halt));
    drained
}

async fn drain_with(db: &Db, runner: &Runner, runs_max: usize) -> Result<usize, StoreError> {
    let limits = ClaimLimits { jobs: CLAIMED_MAX, per_tenant: u32::MAX, lease: PUSH_LEASE };
    let mut ran = 0;
    'due: while ran < runs_max {
        for lane in Lane::ALL {
            let tx = db.platform().await?;
            let claims = jobs::claim(&tx, lane, None, limits).await?;
            tx.commit().await?;
            if claims.is_empty() {
                continue;
            }
            for claim in claims {
                runner.run(claim).await;
                ran += 1;
            }
            // Something more urgent may have been asked for.
            continue 'due;
        }
        break;
    }
    Ok(ran)
}
