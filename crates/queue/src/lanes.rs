//! One apalis worker per lane: fetches ids while there is a free slot, and comes back after every failure.

use crate::ledger::detail;
use crate::runner::Runner;
use crate::settings::{LANE_POLL, Settings};
use crate::vitals::Vitals;
use crate::wire::{self, Wake};
use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BackendExt, WorkerBuilder};
use domain::Lane;
use futures::task::AtomicWaker;
use futures::{FutureExt, Stream};
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Waits between a worker's end and its successor's start.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_MAX: Duration = Duration::from_secs(2);
/// A worker that lived so long was well; its successor starts at once.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// How often Redis is tidied.
const TIDY: Duration = Duration::from_secs(1);

/// Tells a lane of this process that its queue has something new.
#[derive(Default)]
pub(crate) struct Bell {
    waker: AtomicWaker,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// When to ask Redis: every 50 ms, and at the bell.
struct Beat {
    interval: tokio::time::Interval,
    bell: Arc<Bell>,
}

impl Stream for Beat {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<()>> {
        let mut due = false;
        // Until it is pending, so that this task is surely woken by the next one.
        while self.interval.poll_tick(context).is_ready() {
            due = true;
        }
        self.bell.waker.register(context.waker());
        due |= self.bell.rung.swap(false, Ordering::AcqRel);
        if due { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}

/// One lane of this process.
pub(crate) struct LaneWorker {
    pub(crate) lane: Lane,
    pub(crate) settings: Arc<Settings>,
    pub(crate) client: redis::Client,
    pub(crate) runner: Arc<Runner>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) vitals: Arc<Vitals>,
    /// The jobs themselves: they outlive the apalis worker that brought them.
    pub(crate) jobs: TaskTracker,
}

impl LaneWorker {
    /// Works until stopped. Running jobs go on afterwards.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let queue = self.settings.queue(self.lane);
        let slots = Arc::new(Semaphore::new(self.settings.lane(self.lane).slots));
        let mut wait = RESTART_FIRST;
        while !stop.is_cancelled() {
            // A name is never used twice: apalis refuses it, or runs jobs twice.
            let name = format!("{}-{}", self.settings.worker, Uuid::now_v7().simple());
            let born = tokio::time::Instant::now();
            let worker = AssertUnwindSafe(self.work(&queue, &name, &slots)).catch_unwind();
            let end = tokio::select! {
                () = stop.cancelled() => None,
                end = worker => Some(end.unwrap_or_else(|_| "apalis panicked".to_owned())),
            };
            self.clean_up(&queue, &name, end.as_deref()).await;
            let Some(end) = end else { return };
            tracing::warn!(lane = self.lane.name(), error = end, "the lane's worker ended; another one starts");
            metrics::counter!("driveline_lane_restarts_total", "lane" => self.lane.name()).increment(1);
            wait = if born.elapsed() > WELL_AFTER { RESTART_FIRST } else { (wait * 2).min(RESTART_MAX) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Fetches and hands out tasks until something fails; returns what.
    async fn work(&self, queue: &str, name: &str, slots: &Arc<Semaphore>) -> String {
        let connection = match wire::connect(&self.client).await {
            Ok(connection) => connection,
            Err(error) => return detail(&error),
        };
        let mut tidying = connection.clone();
        let mut interval = tokio::time::interval(LANE_POLL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let beat = Beat { interval, bell: Arc::clone(&self.bell) };
        let (runner, jobs, slots) = (Arc::clone(&self.runner), self.jobs.clone(), Arc::clone(slots));
        let handle = move |wake: Wake| {
            let (runner, jobs, slots) = (Arc::clone(&runner), jobs.clone(), Arc::clone(&slots));
            async move {
                // Jobs of this worker's predecessor may still have the slots.
                if let Ok(slot) = slots.acquire_owned().await {
                    let job = jobs.spawn(async move {
                        runner.run(wake.into()).await;
                        drop(slot);
                    });
                    job.await.ok();
                }
                // Whatever came of the job is in Postgres. To apalis all went well.
                Ok::<(), Infallible>(())
            }
        };
        let worker = WorkerBuilder::new(name)
            .backend(wire::storage(connection, queue).poll_with_stream(beat))
            .concurrency(self.settings.lane(self.lane).slots)
            .build(handle);
        let tidy = async {
            let mut every = tokio::time::interval(TIDY);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                every.tick().await;
                let tidied = async {
                    wire::keep_worker(&mut tidying, queue, name).await?;
                    wire::trim(&mut tidying, queue).await
                };
                match tidied.await {
                    Ok(_) => self.vitals.redis_answered(),
                    Err(error) => return detail(&error),
                }
            }
        };
        tokio::select! {
            end = worker.run() => match end {
                Ok(()) => "it stopped by itself".to_owned(),
                Err(error) => error.to_string(),
            },
            end = tidy => end,
        }
    }

    /// Removes what an ended worker leaves in Redis, as far as Redis is there.
    async fn clean_up(&self, queue: &str, name: &str, end: Option<&str>) {
        let cleaned = async {
            let mut connection = wire::connect(&self.client).await?;
            wire::forget_worker(&mut connection, queue, name).await?;
            if end.is_some_and(|end| end.contains("Invalid job data")) {
                wire::empty(&mut connection, queue).await?;
            }
            Ok::<_, redis::RedisError>(())
        };
        match tokio::time::timeout(RESTART_MAX, cleaned).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(error = %detail(&error), "an ended worker's keys expire by themselves"),
            Err(_) => tracing::debug!("an ended worker's keys expire by themselves"),
        }
    }
}
