//! What the tests play with: workers that can be killed, a handler that tells what it ran.

use async_trait::async_trait;
use domain::{JobId, Lane, TenantId};
use queue::{Handler, JobKind, JobOutcome, Lease, NewJob, OnTick, Settings, Tick, Vitals, Worker, enqueue_all};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::{Db, StoreError, TenantScope, TenantTx};
use testkit::{TestDb, TestRedis};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One run as the handler saw it.
#[derive(Clone, Debug)]
pub struct Ran {
    pub tenant: TenantId,
    pub job: JobId,
    pub attempts: u32,
}

type Play = dyn Fn(Lease, Value) -> Pin<Box<dyn Future<Output = JobOutcome> + Send>> + Send + Sync;

/// Tells each run at its start, then plays what the test wants.
pub struct Actor {
    told: mpsc::UnboundedSender<Ran>,
    play: Box<Play>,
}

#[async_trait]
impl Handler for Actor {
    async fn run(&self, lease: &Lease, _: JobKind, args: Value) -> JobOutcome {
        let ran = Ran { tenant: lease.tenant, job: lease.job, attempts: lease.attempts };
        self.told.send(ran).ok();
        (self.play)(lease.clone(), args).await
    }
}

/// The runs, in the order of their starts.
pub struct Runs(mpsc::UnboundedReceiver<Ran>);

impl Runs {
    pub async fn next(&mut self) -> Ran {
        tokio::time::timeout(PATIENCE, self.0.recv()).await.expect("a run in time").expect("a run")
    }

    pub async fn take(&mut self, count: usize) -> Vec<Ran> {
        let mut runs = Vec::with_capacity(count);
        while runs.len() < count {
            runs.push(self.next().await);
        }
        runs
    }

    /// What has been told and not been taken yet.
    pub fn rest(&mut self) -> Vec<Ran> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

pub fn actor<F, Fut>(play: F) -> (Arc<Actor>, Runs)
where
    F: Fn(Lease, Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = JobOutcome> + Send + 'static,
{
    let (told, runs) = mpsc::unbounded_channel();
    let play = Box::new(move |lease, args| -> Pin<Box<dyn Future<Output = JobOutcome> + Send>> {
        Box::pin(play(lease, args))
    });
    (Arc::new(Actor { told, play }), Runs(runs))
}

/// Answers `Done` to everything.
pub fn willing() -> (Arc<Actor>, Runs) {
    actor(|_, _| async { JobOutcome::Done })
}

pub struct NoSchedules;

#[async_trait]
impl OnTick for NoSchedules {
    async fn on_tick(&self, _: &TenantTx, _: &Tick) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A worker "process": a runtime of its own, so that killing it drops everything at once, wherever it stands.
pub struct Process {
    runtime: Option<tokio::runtime::Runtime>,
    stop: CancellationToken,
    done: Option<tokio::task::JoinHandle<()>>,
}

impl Process {
    pub fn start(test: &TestDb, redis: &TestRedis, handler: Arc<dyn Handler>) -> Self {
        let worker = format!("w-{}", uuid::Uuid::now_v7().simple());
        Self::start_with(test, Settings::new(redis.url(), worker), handler)
    }

    pub fn start_with(test: &TestDb, settings: Settings, handler: Arc<dyn Handler>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let (url, until) = (test.url(), stop.clone());
        let done = runtime.spawn(async move {
            let db = connect(&url).await;
            let on_tick = Arc::new(NoSchedules);
            let worker = Worker { db, settings, handler, on_tick, vitals: Arc::new(Vitals::default()) };
            worker.run(until).await.unwrap();
        });
        Self { runtime: Some(runtime), stop, done: Some(done) }
    }

    /// As by `kill -9`.
    pub fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// As by SIGTERM; returns when it has ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.done.take().unwrap()).await.expect("an end in time").unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection pool of a process' own.
pub async fn connect(url: &str) -> Db {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned();
    let keys = store::EnvKeys::parse(&key.into()).unwrap();
    Db::connect(url, 8, Arc::new(keys)).await.unwrap()
}

pub fn job(lane: Lane, number: usize) -> NewJob {
    NewJob {
        kind: JobKind::PullObject,
        lane,
        dedupe_key: format!("job:{number}"),
        args: json!({ "number": number }),
        run_at: None,
    }
}

/// Asks for so many jobs of a tenant, in one transaction.
pub async fn ask(db: &Db, scope: &TenantScope, lane: Lane, count: usize) -> Vec<JobId> {
    let jobs: Vec<NewJob> = (0..count).map(|number| job(lane, number)).collect();
    let tx = db.tenant(scope).await.unwrap();
    let ids = enqueue_all(&tx, &jobs).await.unwrap();
    tx.commit().await.unwrap();
    ids
}

/// One number, asked as the owner.
pub async fn count(test: &TestDb, sql: &str) -> i64 {
    let owner = test.owner().await;
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap().unwrap();
    let counted = row.try_get("", "count").unwrap();
    owner.close().await.unwrap();
    counted
}

/// Returns when a count has this value; Postgres is asked again and again.
pub async fn until_count(test: &TestDb, sql: &str, wanted: i64) {
    let reached = async {
        while count(test, sql).await != wanted {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        let owner = test.owner().await;
        let open = "SELECT concat_ws(' ', args, 'state', state, 'run_at', run_at, 'lease', lease_until, 'fence', fence,
                    'attempts', attempts, 'crashes', crashes, 'now', now(), last_error) AS job
                    FROM job WHERE state <> 3 LIMIT 5";
        let rows = owner.query_all_raw(Statement::from_string(DatabaseBackend::Postgres, open)).await.unwrap();
        let open: Vec<String> = rows.iter().map(|row| row.try_get("", "job").unwrap()).collect();
        panic!("{sql} stays at {} instead of {wanted}; open: {open:#?}", count(test, sql).await);
    }
}

/// Does something as the owner.
pub async fn owner_runs(test: &TestDb, sql: &str) {
    let owner = test.owner().await;
    owner.execute_unprepared(sql).await.unwrap();
    owner.close().await.unwrap();
}
