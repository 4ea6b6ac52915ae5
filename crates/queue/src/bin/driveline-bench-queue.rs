//! `driveline-bench-queue`: measures the queue on a fresh database: idle pick-up, one tenant's flood, a million due jobs.
//!
//! Wants `DATABASE_URL` (migrated, as the application role), `REDIS_URL`, `DRIVELINE_MASTER_KEY`; where
//! `DRIVELINE_REDIS_CONF` is set, it starts that Redis and ends it.

use anyhow::{Context, ensure};
use async_trait::async_trait;
use clap::Parser;
use domain::{Lane, TenantId};
use queue::{Handler, JobKind, JobOutcome, LaneSettings, Lease, NewJob, OnTick, Settings, Tick, Vitals, Worker};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Db, EnvKeys, StoreError, TenantScope, TenantTx};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Jobs whose pick-up is measured one after the other.
const PICK_UPS: usize = 200;
/// Jobs of one transaction.
const CHUNK: usize = 10_000;
/// Tenants that the due jobs belong to.
const TENANTS: usize = 100;

/// Measures the queue.
#[derive(Parser)]
struct Options {
    /// Jobs that are due at once.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: usize,
    /// Jobs of the tenant that floods the queue.
    #[arg(long, default_value_t = 200_000)]
    flood: usize,
    /// Tenants with one job each beside it.
    #[arg(long, default_value_t = 999)]
    others: usize,
    /// Prints nothing but the last line.
    #[arg(long)]
    json: bool,
}

struct Tells(mpsc::UnboundedSender<(TenantId, Instant)>);

#[async_trait]
impl Handler for Tells {
    async fn run(&self, lease: &Lease, _: JobKind, _: Value) -> JobOutcome {
        self.0.send((lease.tenant, Instant::now())).ok();
        JobOutcome::Done
    }
}

struct NoSchedules;

#[async_trait]
impl OnTick for NoSchedules {
    async fn on_tick(&self, _: &TenantTx, _: &Tick) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A Redis of this run's own.
struct Redis(Option<Child>);

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut redis) = self.0.take() {
            redis.kill().ok();
            redis.wait().ok();
        }
    }
}

struct Bench {
    db: Db,
    runs: mpsc::UnboundedReceiver<(TenantId, Instant)>,
    redis: redis::Client,
    quiet: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let redis_url = variable("REDIS_URL")?;
    let _redis = Redis(match std::env::var("DRIVELINE_REDIS_CONF") {
        Ok(conf) => Some(Command::new("redis-server").arg(conf).spawn().context("starting redis-server")?),
        Err(_) => None,
    });
    let (told, runs) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let wide = LaneSettings { slots: 32, pushed_max: 500 };
    let mut settings = Settings::new(&redis_url, format!("bench-{}", uuid::Uuid::now_v7().simple()));
    settings = settings.with_lane(Lane::Backfill, wide);
    let worker = Worker {
        db: connect().await?,
        settings,
        handler: Arc::new(Tells(told)),
        on_tick: Arc::new(NoSchedules),
        vitals: Arc::new(Vitals::default()),
    };
    let working = tokio::spawn(worker.run(stop.clone()));
    let redis = redis::Client::open(redis_url)?;
    let mut bench = Bench { db: connect().await?, runs, redis, quiet: options.json };

    let (p50, p99) = bench.pick_up().await?;
    let flood = bench.flood(options.flood, options.others).await?;
    let due = bench.due(options.jobs).await?;
    stop.cancel();
    working.await??;
    let result = json!({
        "pickup_p50_ms": p50, "pickup_p99_ms": p99,
        "flood": options.flood, "others": options.others, "others_max_s": flood,
        "jobs": options.jobs, "seconds": due.seconds, "jobs_per_s": due.per_second,
        "stall_max_s": due.stall_max, "redis_ids_max": due.ids_max,
    });
    say(&result.to_string())?;
    ensure!(due.ids_max <= 1_000, "more than 1,000 ids lay in Redis");
    ensure!(due.stall_max <= 5.0, "nothing ran for more than 5 s");
    ensure!(flood <= 10.0, "a tenant waited more than 10 s for another one's flood");
    ensure!(p50 <= 50.0 && p99 <= 250.0, "an idle queue's job waited too long");
    Ok(())
}

struct Due {
    seconds: f64,
    per_second: f64,
    stall_max: f64,
    ids_max: u64,
}

impl Bench {
    async fn pick_up(&mut self) -> anyhow::Result<(f64, f64)> {
        self.note(&format!("Idle pick-up, {PICK_UPS} jobs one after the other"))?;
        let scope = self.tenant("Idle").await?;
        let mut waits = Vec::with_capacity(PICK_UPS);
        for number in 0..=PICK_UPS {
            self.ask(&scope, Lane::Lead, number, 1).await?;
            let asked = Instant::now();
            let (_, began) = self.next().await?;
            // The first one waits for the worker to start.
            if number > 0 {
                waits.push(began.saturating_duration_since(asked).as_secs_f64() * 1_000.0);
            }
            // Until it is idle again.
            tokio::time::sleep(Duration::from_millis(20 + u64::try_from(number * 37 % 80)?)).await;
        }
        waits.sort_by(f64::total_cmp);
        let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
        Ok((at(50), at(99)))
    }

    async fn flood(&mut self, flood: usize, others: usize) -> anyhow::Result<f64> {
        self.note(&format!("One tenant asks for {flood} jobs, {others} others for one each"))?;
        let big = self.tenant("Flood").await?;
        let mut small = HashSet::new();
        let mut scopes = Vec::with_capacity(others);
        for number in 0..others {
            let scope = self.tenant(&format!("Other {number}")).await?;
            small.insert(scope.tenant());
            scopes.push(scope);
        }
        self.ask(&big, Lane::Routine, 0, flood).await?;
        let mut asked = std::collections::HashMap::new();
        for scope in &scopes {
            self.ask(scope, Lane::Routine, 0, 1).await?;
            asked.insert(scope.tenant(), Instant::now());
        }
        let mut longest = Duration::ZERO;
        let mut ran = 0;
        while ran < flood + others {
            let (tenant, began) = self.next().await?;
            if small.remove(&tenant) {
                let since = asked.get(&tenant).copied().unwrap_or(began);
                longest = longest.max(began.saturating_duration_since(since));
            }
            ran += 1;
        }
        ensure!(small.is_empty(), "{} tenants were not served", small.len());
        Ok(longest.as_secs_f64())
    }

    async fn due(&mut self, jobs: usize) -> anyhow::Result<Due> {
        self.note(&format!("{jobs} jobs due at once, of {TENANTS} tenants"))?;
        let mut ran = 0;
        for number in 0..TENANTS {
            let scope = self.tenant(&format!("Due {number}")).await?;
            self.ask(&scope, Lane::Backfill, 0, jobs / TENANTS).await?;
        }
        let wanted = jobs / TENANTS * TENANTS;
        let (began, mut last, mut stall_max) = (Instant::now(), Instant::now(), Duration::ZERO);
        let mut connection = self.redis.get_multiplexed_async_connection().await?;
        let mut ids_max = 0;
        while ran < wanted {
            let (_, at) = self.next().await?;
            stall_max = stall_max.max(at.saturating_duration_since(last));
            last = at;
            ran += 1;
            if ran % 500 == 0 {
                let counts: (u64, u64) = redis::pipe()
                    .llen("driveline:backfill:active")
                    .zcard("driveline:backfill:scheduled")
                    .query_async(&mut connection)
                    .await?;
                ids_max = ids_max.max(counts.0 + counts.1);
            }
            if ran % 50_000 == 0 {
                self.note(&format!("{ran} jobs in {:.0} s", began.elapsed().as_secs_f64()))?;
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let per_second = f64::from(u32::try_from(wanted)?) / seconds.max(0.001);
        Ok(Due { seconds, per_second, stall_max: stall_max.as_secs_f64(), ids_max })
    }

    async fn tenant(&self, name: &str) -> anyhow::Result<TenantScope> {
        let tx = self.db.platform().await?;
        let id = self.db.create_tenant(&tx, name).await?;
        tx.commit().await?;
        Ok(TenantScope::driveline(id))
    }

    async fn ask(&self, scope: &TenantScope, lane: Lane, first: usize, count: usize) -> anyhow::Result<()> {
        let numbers: Vec<usize> = (first..first + count).collect();
        for chunk in numbers.chunks(CHUNK) {
            let kind = JobKind::PullObject;
            let job = |number: &usize| {
                let (dedupe_key, args) = (format!("bench:{number}"), json!({}));
                NewJob { kind, lane, dedupe_key, args, run_at: None }
            };
            let jobs: Vec<NewJob> = chunk.iter().map(job).collect();
            let tx = self.db.tenant(scope).await?;
            queue::enqueue_all(&tx, &jobs).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> anyhow::Result<(TenantId, Instant)> {
        let run = tokio::time::timeout(Duration::from_secs(60), self.runs.recv());
        run.await.context("nothing ran for a minute")?.context("the worker ended")
    }

    fn note(&self, text: &str) -> anyhow::Result<()> {
        if self.quiet { Ok(()) } else { say(text) }
    }
}

async fn connect() -> anyhow::Result<Db> {
    let keys = EnvKeys::parse(&variable("DRIVELINE_MASTER_KEY")?.into())?;
    Ok(Db::connect(&variable("DATABASE_URL")?, 8, Arc::new(keys)).await?)
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set; use ./dev bench queue"))
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("printing")
}
