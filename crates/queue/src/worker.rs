//! A worker process: relay, lanes, sweep and schedules, from start to graceful stop.

use crate::handler::Handler;
use crate::lanes::{Bell, LaneWorker};
use crate::ledger::{Ledger, detail};
use crate::relay::{Relay, listen};
use crate::runner::Runner;
use crate::running::Running;
use crate::settings::{CRASHES_MAX, DONE_KEPT, HEARTBEAT, SWEEP, Settings};
use crate::ticker::{OnTick, fire_due};
use crate::vitals::Vitals;
use domain::Lane;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::jobs::{self, Swept};
use store::{Db, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often schedules are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often done jobs are deleted, and how many batches at most.
const PURGE: Duration = Duration::from_secs(60);
const PURGE_BATCHES_MAX: u32 = 50;
/// After the grace period, how long the last writes may take.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// What a worker process runs.
pub struct Worker {
    /// Postgres, for the machinery alone (8 connections): handlers must not be able to use up what keeps leases alive.
    pub db: Db,
    /// How much of it.
    pub settings: Settings,
    /// What runs the jobs.
    pub handler: Arc<dyn Handler>,
    /// What happens when a schedule ticks.
    pub on_tick: Arc<dyn OnTick>,
    /// Told about the databases' signs of life.
    pub vitals: Arc<Vitals>,
}

impl Worker {
    /// Works until stopped, then lets running jobs finish for the grace period and gives the rest back.
    ///
    /// # Errors
    /// Where Redis' address cannot be read.
    pub async fn run(self, stop: CancellationToken) -> Result<(), redis::RedisError> {
        let client = redis::Client::open(self.settings.redis_url.as_str())?;
        let settings = Arc::new(self.settings);
        let name: Arc<str> = settings.worker.as_str().into();
        let woken = Arc::new(Notify::new());
        let running = Arc::new(Running::default());
        let (halt, ended) = (CancellationToken::new(), CancellationToken::new());
        let (ledger, writing) = Ledger::open(self.db.clone(), Arc::clone(&name), Arc::clone(&woken));
        let writing = tokio::spawn(writing);
        let runner =
            Runner { handler: self.handler, ledger, running: Arc::clone(&running), worker: name, halt: halt.clone() };
        let runner = Arc::new(runner);

        let machinery = TaskTracker::new();
        let (db, lives, until) = (self.db.clone(), Arc::clone(&running), ended.clone());
        let heart = tokio::spawn(async move { lives.keep_alive(&db, &until).await });
        let jobs = TaskTracker::new();
        let mut bells = HashMap::new();
        for lane in Lane::ALL {
            let bell = Arc::new(Bell::default());
            bells.insert(lane, Arc::clone(&bell));
            let worker = LaneWorker {
                lane,
                settings: Arc::clone(&settings),
                client: client.clone(),
                runner: Arc::clone(&runner),
                bell,
                vitals: Arc::clone(&self.vitals),
                jobs: jobs.clone(),
            };
            machinery.spawn(worker.run(stop.clone()));
        }
        let relay = Relay {
            db: self.db.clone(),
            client,
            settings: Arc::clone(&settings),
            bells,
            woken: Arc::clone(&woken),
            vitals: Arc::clone(&self.vitals),
        };
        machinery.spawn(relay.run(stop.clone()));
        machinery.spawn(listen(self.db.clone(), Arc::clone(&woken), stop.clone()));
        machinery.spawn(sweep(self.db.clone(), woken, self.vitals, stop.clone()));
        machinery.spawn(tick(self.db.clone(), self.on_tick, stop.clone()));
        machinery.close();
        machinery.wait().await;

        jobs.close();
        if tokio::time::timeout(settings.grace, jobs.wait()).await.is_err() {
            tracing::warn!(jobs = jobs.len(), "jobs that did not finish in time are given back");
            halt.cancel();
            tokio::time::timeout(LAST_WRITES, jobs.wait()).await.ok();
        }
        ended.cancel();
        heart.await.ok();
        // The ledger ends with its last user.
        drop(runner);
        tokio::time::timeout(LAST_WRITES, writing).await.ok();
        Ok(())
    }
}

async fn sweep(db: Db, woken: Arc<Notify>, vitals: Arc<Vitals>, stop: CancellationToken) {
    let mut every = tokio::time::interval(SWEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut purged = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        match sweep_once(&db).await {
            Ok(swept) => {
                vitals.postgres_answered();
                if swept != Swept::default() {
                    tracing::info!(?swept, "jobs were swept");
                    for (how, jobs) in
                        [("unstarted", swept.unstarted), ("crashed", swept.crashed), ("quarantined", swept.quarantined)]
                    {
                        metrics::counter!("driveline_jobs_swept_total", "how" => how).increment(jobs);
                    }
                    woken.notify_one();
                }
            }
            Err(error) => {
                tracing::warn!(error = %detail(&error), "jobs could not be swept");
                // When Postgres comes back, the living show themselves before anybody is taken for dead.
                tokio::time::sleep(HEARTBEAT * 2).await;
            }
        }
        if purged.elapsed() > PURGE {
            purged = tokio::time::Instant::now();
            if let Err(error) = purge(&db).await {
                tracing::warn!(error = %detail(&error), "done jobs could not be deleted");
            }
        }
    }
}

/// One sweep: what a dead worker left is due again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep_once(db: &Db) -> Result<Swept, StoreError> {
    let tx = db.platform().await?;
    let swept = jobs::sweep(&tx, CRASHES_MAX).await?;
    if swept != Swept::default() {
        jobs::wake(&tx).await?;
    }
    tx.commit().await?;
    Ok(swept)
}

async fn purge(db: &Db) -> Result<(), StoreError> {
    for _ in 0..PURGE_BATCHES_MAX {
        let tx = db.platform().await?;
        let deleted = jobs::purge_done(&tx, DONE_KEPT).await?;
        tx.commit().await?;
        if deleted == 0 {
            break;
        }
    }
    Ok(())
}

async fn tick(db: Db, on_tick: Arc<dyn OnTick>, stop: CancellationToken) {
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = fire_due(&db, on_tick.as_ref(), None).await {
            tracing::warn!(error = %detail(&error), "schedules could not be read");
        }
    }
}
