//! The watchdog: runs and due work that no job is there for any more are started again, and somebody can see that.
//!
//! A job is only a wake-up. One that was given up, lost, or kept away after it killed its worker would leave a run that
//! stands still for ever under a green light.

use super::agree::{deliver_job, publish_job};
use super::existing::plan_job;
use super::failures::inbox_job;
use super::pull::subject;
use super::syncs::{pull_job, pull_key};
use super::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{ConnectionId, Failure, Fault, Lane, NextStep, TenantId};
use queue::{NewJob, enqueue_all};
use std::collections::{HashMap, HashSet};
use store::engine::failures::{self, Report};
use store::engine::overdue::{self, Overdue};
use store::engine::runs::{self, RunRow};
use store::{TenantScope, TenantTx, jobs, tenants};

/// Work without progress for so long is looked at.
const QUIET: TimeDelta = TimeDelta::seconds(60);

/// What a look found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Runs without a job: started again.
    pub runs_restarted: usize,
    /// Runs whose job no worker survives: ended, waiting for a person.
    pub runs_stopped: usize,
    /// Other work without a job: asked for again.
    pub work_restarted: usize,
}

impl Engine {
    /// Looks once over all tenants; one process at a time does.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn watch(&self) -> Result<Watched, EngineError> {
        let turn = self.db.platform().await?;
        let mut watched = Watched::default();
        if !jobs::take_watch_turn(&turn).await? {
            return Ok(watched);
        }
        for tenant in tenants::all(&turn).await? {
            let found = self.watch_tenant(tenant).await?;
            watched.runs_restarted += found.runs_restarted;
            watched.runs_stopped += found.runs_stopped;
            watched.work_restarted += found.work_restarted;
        }
        turn.commit().await?;
        Ok(watched)
    }

    async fn watch_tenant(&self, tenant: TenantId) -> Result<Watched, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&TenantScope::driveline(tenant)).await?;
        let stuck = runs::stuck(&tx, now - QUIET).await?;
        let mut work = Vec::new();
        for (connection, what) in overdue::find(&tx, now - QUIET).await? {
            work.push((connection, job_for(connection, what)));
        }
        let keys = stuck.iter().map(|run| pull_key(run.connection, run.object));
        let keys = keys.chain(work.iter().map(|(_, job)| job.dedupe_key.clone())).collect();
        let open: HashMap<String, bool> = jobs::open_among(&tx, keys).await?.into_iter().collect();
        let mut watched = Watched::default();
        let mut restart = Vec::new();
        for run in stuck {
            match open.get(&pull_key(run.connection, run.object)) {
                // Somebody is at it, or it waits for its time.
                Some(false) => {}
                Some(true) => {
                    stop(&tx, &run, now).await?;
                    watched.runs_stopped += 1;
                }
                None => {
                    report_lost(&tx, &run, now).await?;
                    let lane = if run.mode == "full" { Lane::Backfill } else { Lane::Routine };
                    restart.push(pull_job(run.connection, run.object, run.id, lane));
                    watched.runs_restarted += 1;
                }
            }
        }
        let mut asked = HashSet::new();
        for (connection, job) in work {
            match open.get(&job.dedupe_key) {
                Some(false) => {}
                Some(true) => report_quarantined(&tx, connection, &job.dedupe_key, now).await?,
                None if asked.insert(job.dedupe_key.clone()) => {
                    restart.push(job);
                    watched.work_restarted += 1;
                }
                None => {}
            }
        }
        if watched != Watched::default() {
            tracing::warn!(%tenant, ?watched, "work without a job was found");
        }
        enqueue_all(&tx, &restart).await?;
        tx.commit().await?;
        Ok(watched)
    }
}

fn job_for(connection: ConnectionId, what: Overdue) -> NewJob {
    match what {
        Overdue::Targets => deliver_job(connection, Lane::Routine),
        Overdue::Inbox => inbox_job(connection),
        Overdue::Feed(object) => publish_job(connection, object, Lane::Routine),
        Overdue::Existing(object) => plan_job(connection, object),
    }
}

async fn report_lost(tx: &TenantTx, run: &RunRow, now: DateTime<Utc>) -> Result<(), EngineError> {
    let failure = Failure {
        code: "run_stood_still".to_owned(),
        doing: format!("Reading {}", run.object.plural()),
        said: "Nobody was working at this run any more. It goes on where it stopped.".to_owned(),
        fault: Fault::Driveline,
        next: NextStep::Retrying,
        fix: "Nothing to do. If it comes back, tell support.".to_owned(),
        evidence: Some(run.id.to_string()),
    };
    report(tx, run, failure, now, Some(now)).await
}

/// Ends a run whose job no worker survived; a replay, or a new sync, lets it try again where it stopped.
async fn stop(tx: &TenantTx, run: &RunRow, now: DateTime<Utc>) -> Result<(), EngineError> {
    let failure = Failure {
        code: "run_stops_its_worker".to_owned(),
        doing: format!("Reading {}", run.object.plural()),
        said: "The program ended three times while it worked at this run, so it was stopped.".to_owned(),
        fault: Fault::Driveline,
        next: NextStep::NeedsYou,
        fix: "Tell support. Replay it after the next update of Driveline.".to_owned(),
        evidence: Some(run.id.to_string()),
    };
    runs::end(tx, run.id, "failed", &failure.said, now).await?;
    report(tx, run, failure, now, None).await
}

async fn report(
    tx: &TenantTx,
    run: &RunRow,
    failure: Failure,
    now: DateTime<Utc>,
    next_try_at: Option<DateTime<Utc>>,
) -> Result<(), EngineError> {
    let report = Report {
        object: Some(run.object),
        run: Some(run.id),
        // Reading the object without trouble resolves it.
        subject: subject(run.object),
        failure,
        raw: None,
        next_try_at,
    };
    failures::report(tx, run.connection, &[report], now).await?;
    Ok(())
}

async fn report_quarantined(
    tx: &TenantTx,
    connection: ConnectionId,
    key: &str,
    now: DateTime<Utc>,
) -> Result<(), EngineError> {
    let subject = format!("job:{key}");
    if failures::is_open(tx, connection, &subject).await? {
        return Ok(());
    }
    let failure = Failure {
        code: "job_stops_its_worker".to_owned(),
        doing: "Working for this system".to_owned(),
        said: "The program ended three times while it did this, so it was stopped.".to_owned(),
        fault: Fault::Driveline,
        next: NextStep::NeedsYou,
        fix: "Tell support. Replay it after the next update of Driveline.".to_owned(),
        evidence: None,
    };
    let report = Report { object: None, run: None, subject, failure, raw: None, next_try_at: None };
    failures::report(tx, connection, &[report], now).await?;
    Ok(())
}
