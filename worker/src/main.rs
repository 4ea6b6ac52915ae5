//! `driveline-worker`: pulls, delivers, publishes and fires schedules, until SIGTERM or Ctrl-C.

use anyhow::Context;
use app::{App, AppConfig};
use clap::Parser;
use domain::Lane;
use queue::{LaneSettings, Vitals};
use secrecy::SecretString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use worker::probes::{self, Probes};
use worker::watchdog;

/// Gives memory back, where the system's allocator keeps the largest page that each thread has ever read.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds by which jobs are counted.
const SECONDS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];

/// The Driveline worker. Its other settings come from the environment, as the server's do.
#[derive(Parser)]
struct Options {
    /// Where probes and figures are answered.
    #[arg(long, env = "DRIVELINE_WORKER_BIND", default_value = "127.0.0.1:8081")]
    bind: SocketAddr,
    /// Who sends it as a bearer may read /metrics from anywhere; without it, only this machine may.
    #[arg(long, env = "DRIVELINE_METRICS_TOKEN", hide_env_values = true)]
    metrics_token: Option<SecretString>,
    /// Jobs that run at the same time in each lane but the backfills'.
    #[arg(long, env = "DRIVELINE_WORKER_SLOTS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    slots: u16,
    /// Backfill jobs that run at the same time.
    #[arg(long, env = "DRIVELINE_WORKER_BACKFILL_SLOTS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    backfill_slots: u16,
    /// Seconds that running jobs may go on after the signal to stop.
    #[arg(long, env = "DRIVELINE_WORKER_GRACE_S", default_value_t = 10)]
    grace_s: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Kept until the end: named places where FAILPOINTS ends this process.
    #[cfg(feature = "failpoints")]
    let _failpoints = fail::FailScenario::setup();
    let options = Options::parse();
    let _traces = telemetry::start_logs("driveline-worker")?;
    let vitals = Arc::new(Vitals::default());
    let figures = telemetry::start_figures(&SECONDS)?;
    let config = AppConfig::from_env()?;
    let app = App::start(config).await.context("starting")?;
    // New at every start: two processes of one name would run each other's jobs.
    let name = format!("worker-{}-{}", std::process::id(), Uuid::now_v7().simple());
    let mut worker = app.worker(&name, Arc::clone(&vitals)).await.context("starting")?;
    worker.settings.grace = Duration::from_secs(options.grace_s);
    for lane in Lane::ALL {
        let slots = usize::from(if lane == Lane::Backfill { options.backfill_slots } else { options.slots });
        let pushed_max = worker.settings.lane(lane).pushed_max;
        worker.settings = worker.settings.with_lane(lane, LaneSettings { slots, pushed_max });
    }
    watchdog::watch().context("starting the watchdog")?;
    probes::answer(Probes { vitals, figures, token: options.metrics_token }, options.bind)?;
    let stop = CancellationToken::new();
    tokio::spawn(stop_at_signal(stop.clone()));
    tokio::spawn(app.watch_over(stop.clone()));
    tracing::info!(worker = name, probes = %options.bind, "working");
    worker.run(stop).await.context("REDIS_URL is no address of a Redis")?;
    tracing::info!(worker = name, "stopped");
    Ok(())
}

async fn stop_at_signal(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be heard; stop this process by killing it");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: running jobs may finish");
    stop.cancel();
}
