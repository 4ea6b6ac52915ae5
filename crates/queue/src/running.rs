//! What this process runs now, and the sign of life it gives for it.

use crate::lease::RUN_LEASE;
use crate::ledger::detail;
use crate::settings::HEARTBEAT;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::jobs::{self, Claim};
use store::{Db, StoreError};
use tokio_util::sync::CancellationToken;

/// How long a run that does not end when it should is still spoken for; then it counts as a crash.
const OVERTIME: Duration = Duration::from_secs(30);

struct Run {
    lost: CancellationToken,
    /// Our lease holds at least until [`RUN_LEASE`] after this.
    seen: Instant,
    /// Not spoken for after this.
    until: Instant,
}

/// All runs of this process.
#[derive(Default)]
pub(crate) struct Running {
    runs: Mutex<HashMap<Claim, Run>>,
}

impl Running {
    /// Notes a run that began before `seen`; the token is cancelled when its lease is lost.
    pub(crate) fn begin(&self, claim: Claim, seen: Instant, run_max: Duration) -> CancellationToken {
        let lost = CancellationToken::new();
        let run = Run { lost: lost.clone(), seen, until: Instant::now() + run_max + OVERTIME };
        self.runs().insert(claim, run);
        lost
    }

    pub(crate) fn end(&self, claim: Claim) {
        self.runs().remove(&claim);
    }

    /// Gives signs of life until stopped.
    pub(crate) async fn keep_alive(&self, db: &Db, stop: &CancellationToken) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => self.beat(db).await,
            }
        }
    }

    async fn beat(&self, db: &Db) {
        let asked = Instant::now();
        let claims: Vec<Claim> =
            self.runs().iter().filter(|(_, run)| asked < run.until).map(|(claim, _)| *claim).collect();
        if claims.is_empty() {
            return;
        }
        let extended = async {
            let tx = db.platform().await?;
            let held = jobs::extend(&tx, &claims, RUN_LEASE).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(held)
        };
        // A hanging Postgres is as good as none.
        let held = match tokio::time::timeout(RUN_LEASE / 2, extended).await {
            Ok(Ok(held)) => Some(held.into_iter().collect::<HashSet<_>>()),
            Ok(Err(error)) => {
                tracing::warn!(error = %detail(&error), "leases could not be extended");
                None
            }
            Err(_) => {
                tracing::warn!("leases could not be extended: Postgres does not answer");
                None
            }
        };
        let mut runs = self.runs();
        for claim in claims {
            let Some(run) = runs.get_mut(&claim) else { continue };
            match &held {
                Some(held) if held.contains(&claim) => run.seen = asked,
                Some(_) => run.lost.cancel(),
                None if run.seen.elapsed() > RUN_LEASE => run.lost.cancel(),
                None => {}
            }
        }
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, HashMap<Claim, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
