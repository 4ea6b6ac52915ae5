//! Memory: after the start and one visit, after the work, and the most that it was.

use super::{Bench, rest, tenths};
use crate::processes::Part;
use std::time::Duration;

/// After so long without a request a process is idle.
const IDLE: Duration = Duration::from_secs(8);

/// Measures the idle server and worker, after one person has signed up: hashing a password takes memory once.
///
/// # Errors
/// Where a process is away.
pub async fn idle(bench: &mut Bench) -> anyhow::Result<()> {
    bench.group("idle").await?;
    rest(IDLE).await;
    let (server, worker) = (bench.stack.memory(Part::Server)?, bench.stack.memory(Part::Worker)?);
    bench.figure("idle_rss_mb", tenths(server.resident));
    bench.figure("worker_idle_rss_mb", tenths(worker.resident));
    Ok(())
}

/// Measures what the work left and the most that it took; of server and worker the larger one.
///
/// # Errors
/// Where a process is away.
pub async fn after(bench: &mut Bench) -> anyhow::Result<()> {
    rest(IDLE).await;
    let (server, worker) = (bench.stack.memory(Part::Server)?, bench.stack.memory(Part::Worker)?);
    bench.figure("peak_rss_mb", tenths(server.peak.max(worker.peak)));
    bench.figure("server_peak_rss_mb", tenths(server.peak));
    bench.figure("worker_peak_rss_mb", tenths(worker.peak));
    bench.figure("server_rested_rss_mb", tenths(server.resident));
    bench.figure("worker_rested_rss_mb", tenths(worker.resident));
    Ok(())
}
