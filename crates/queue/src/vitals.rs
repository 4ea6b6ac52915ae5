//! When the databases were last heard of, for the readiness probe.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Not heard of for this long is away.
const AWAY_AFTER: Duration = Duration::from_secs(10);

/// Signs of life of what a worker depends on.
#[derive(Debug)]
pub struct Vitals {
    born: Instant,
    // Milliseconds after `born`, plus one; 0 is never.
    postgres: AtomicU64,
    redis: AtomicU64,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { born: Instant::now(), postgres: AtomicU64::new(0), redis: AtomicU64::new(0) }
    }
}

impl Vitals {
    /// Whether Postgres answered lately.
    #[must_use]
    pub fn postgres_is_there(&self) -> bool {
        self.is_there(&self.postgres)
    }

    /// Whether Redis answered lately.
    #[must_use]
    pub fn redis_is_there(&self) -> bool {
        self.is_there(&self.redis)
    }

    pub(crate) fn postgres_answered(&self) {
        self.postgres.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn redis_answered(&self) {
        self.redis.store(self.now(), Ordering::Relaxed);
    }

    fn is_there(&self, heard: &AtomicU64) -> bool {
        let heard = heard.load(Ordering::Relaxed);
        heard > 0 && Duration::from_millis(self.now().saturating_sub(heard)) < AWAY_AFTER
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}
