//! Runs one job from start to end: under its lease, within its time, caught when it panics.

use crate::handler::{Handler, JobOutcome};
use crate::job::JobKind;
use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::running::Running;
use chrono::Utc;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::jobs::{Claim, Ending, Started};
use tokio_util::sync::CancellationToken;

/// A job that only another version of Driveline can run waits this long between tries.
const UNKNOWN_KIND_WAIT: Duration = Duration::from_secs(30);

/// What it takes to run jobs.
pub(crate) struct Runner {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) ledger: Ledger,
    pub(crate) running: Arc<Running>,
    pub(crate) worker: Arc<str>,
    /// Cancelled when running jobs have to stop now.
    pub(crate) halt: CancellationToken,
}

impl Runner {
    /// Starts and runs the job of this claim, if it is still to be run.
    pub(crate) async fn run(&self, claim: Claim) {
        let asked = Instant::now();
        let Some(started) = self.ledger.start(claim).await else {
            tracing::debug!(tenant = %claim.tenant, job = %claim.job, "not to be started: a duplicate or late");
            return;
        };
        let attempts = u32::try_from(started.attempts).unwrap_or(1);
        let lane = started.lane.name();
        let (name, outcome) = match started.kind.parse::<JobKind>() {
            Ok(kind) => (kind.name(), self.run_held(&started, kind, attempts, asked).await),
            Err(unknown) => {
                let error = unknown.to_string();
                ("unknown", JobOutcome::Retry { wait: Some(UNKNOWN_KIND_WAIT), error })
            }
        };
        let ending = outcome.ending(attempts);
        let how = match &ending {
            Ending::Done => "done",
            Ending::Again(_) => "again",
            Ending::Retry(..) => "retry",
            Ending::Dead(_) => "dead",
        };
        if let Ending::Retry(_, error) | Ending::Dead(error) = &ending {
            tracing::warn!(tenant = %claim.tenant, job = %claim.job, kind = name, attempts, error, "job failed ({how})");
        }
        metrics::counter!("driveline_jobs_total", "kind" => name, "lane" => lane, "outcome" => how).increment(1);
        metrics::histogram!("driveline_job_seconds", "kind" => name).record(asked.elapsed().as_secs_f64());
        self.ledger.end(claim, ending).await;
        self.running.end(claim);
    }

    async fn run_held(&self, started: &Started, kind: JobKind, attempts: u32, asked: Instant) -> JobOutcome {
        let claim = started.claim;
        let lost = self.running.begin(claim, asked, kind.run_max());
        let lease = Lease {
            tenant: claim.tenant,
            job: claim.job,
            fence: claim.fence,
            attempts,
            worker: Arc::clone(&self.worker),
            lost: lost.clone(),
        };
        let run = AssertUnwindSafe(self.handler.run(&lease, kind, started.args.clone())).catch_unwind();
        tokio::select! {
            biased;
            // Under a lost lease the ending changes nothing; it only spares a crash where nobody took over yet.
            () = lost.cancelled() => JobOutcome::Again { at: Utc::now() },
            () = self.halt.cancelled() => JobOutcome::Again { at: Utc::now() },
            run = tokio::time::timeout(kind.run_max(), run) => match run {
                Ok(Ok(outcome)) => outcome,
                // What a panic says may hold a person's data.
                Ok(Err(_)) => JobOutcome::Retry {
                    wait: None,
                    error: format!("the job panicked; worker {} tells where", self.worker),
                },
                Err(_) => JobOutcome::Retry {
                    wait: None,
                    error: format!("the job took longer than {} s", kind.run_max().as_secs()),
                },
            },
        }
    }
}
