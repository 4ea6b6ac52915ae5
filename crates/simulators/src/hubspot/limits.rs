//! The vendor's rate limits: calls in a rolling window per app, calls per day per account, with its headers.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many calls are allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Calls per window; 0 is no limit.
    pub calls: u32,
    /// The window.
    pub window_ms: u64,
    /// Calls a day.
    pub daily: u64,
    /// Whether a 429 says `Retry-After`.
    pub tells_retry_after: bool,
}

impl Default for Limits {
    /// A professional account.
    fn default() -> Self {
        Self { calls: 190, window_ms: 10_000, daily: 625_000, tells_retry_after: true }
    }
}

/// The calls so far.
#[derive(Default)]
pub struct Meter {
    /// What is allowed.
    pub limits: Limits,
    recent: VecDeque<Instant>,
    /// Calls since the start.
    pub today: u64,
    /// Calls that were refused.
    pub refused: u64,
}

/// What the headers say of a call.
pub struct Allowance {
    /// Which policy refused it, if one did.
    pub refused_by: Option<&'static str>,
    /// Left in the window.
    pub remaining: u32,
    /// Left today.
    pub daily_remaining: u64,
    /// Until the window has room again.
    pub wait: Duration,
}

impl Meter {
    /// Counts a call.
    pub fn count(&mut self, now: Instant) -> Allowance {
        let window = Duration::from_millis(self.limits.window_ms);
        while self.recent.front().is_some_and(|at| now.duration_since(*at) >= window) {
            self.recent.pop_front();
        }
        let used = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        let refused_by = if self.limits.calls > 0 && used >= self.limits.calls {
            Some("TEN_SECONDLY_ROLLING")
        } else if self.today >= self.limits.daily {
            Some("DAILY")
        } else {
            None
        };
        if refused_by.is_some() {
            self.refused += 1;
        } else {
            self.today += 1;
            if self.limits.calls > 0 {
                self.recent.push_back(now);
            }
        }
        let wait = self.recent.front().map_or(Duration::ZERO, |at| window.saturating_sub(now.duration_since(*at)));
        let used = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        Allowance {
            refused_by,
            remaining: self.limits.calls.saturating_sub(used),
            daily_remaining: self.limits.daily.saturating_sub(self.today),
            wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls() {
        let mut meter = Meter { limits: Limits { calls: 2, window_ms: 100, ..Limits::default() }, ..Meter::default() };
        let start = Instant::now();
        assert!(meter.count(start).refused_by.is_none());
        assert_eq!(meter.count(start).remaining, 0);
        assert_eq!(meter.count(start).refused_by, Some("TEN_SECONDLY_ROLLING"));
        assert!(meter.count(start + Duration::from_millis(100)).refused_by.is_none());
    }
}
