//! Rolling restarts under load: the new worker works before the old one stops, the server is stopped and started.

use crate::processes::{Part, Stack};
use std::time::{Duration, Instant};

/// Between two restarts.
const EVERY: Duration = Duration::from_secs(10);

/// Restarts that are still to come.
#[derive(Debug)]
pub struct Rolling {
    left: u32,
    done: u32,
    next_at: Instant,
}

impl Rolling {
    /// So many restarts, the first in a while.
    #[must_use]
    pub fn of(times: u32) -> Self {
        Self { left: times, done: 0, next_at: Instant::now() + EVERY }
    }

    /// Whether none is left.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Restarts where it is time; what was done.
    ///
    /// # Errors
    /// Where a process refuses to start, or to stop.
    pub async fn step(&mut self, stack: &mut Stack) -> anyhow::Result<Option<String>> {
        if self.left == 0 || Instant::now() < self.next_at {
            return Ok(None);
        }
        let began = Instant::now();
        stack.replace(Part::Worker).await?;
        let worker_s = began.elapsed().as_secs_f64();
        stack.stop(Part::Server).await?;
        stack.start(Part::Server)?;
        stack.until_ready(Part::Server).await?;
        self.left -= 1;
        self.done += 1;
        self.next_at = began + EVERY;
        let all_s = began.elapsed().as_secs_f64();
        Ok(Some(format!(
            "rolling restart {}: worker replaced in {worker_s:.1} s, server restarted in {:.1} s",
            self.done,
            all_s - worker_s
        )))
    }
}
