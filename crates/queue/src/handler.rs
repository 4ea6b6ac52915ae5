//! What runs a job, and what it answers.

use crate::job::JobKind;
use crate::lease::Lease;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rand::Rng;
use std::time::Duration;
use store::jobs::Ending;

/// Attempts that fail one after the other before a job is given up.
pub const ATTEMPTS_MAX: u32 = 12;
/// The first wait after a failure; doubled with each further one.
const BACKOFF_FIRST: Duration = Duration::from_secs(5);
/// The longest wait of our own choice.
const BACKOFF_MAX: Duration = Duration::from_secs(15 * 60);
/// The longest wait somebody else may ask for.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 1_000;

/// Runs jobs. It may be dropped at any await (another worker took over) and may see the same job again: everything
/// that counts is committed under [`Lease::hold`], every call to the outside carries an idempotency key.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Runs one job for one slice of time.
    async fn run(&self, lease: &Lease, kind: JobKind, args: serde_json::Value) -> JobOutcome;
}

/// How a run went. Errors are read by people who may not see personal values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// All done.
    Done,
    /// Went well, and there is more to do: the same job again. Attempts count from 0 again.
    Again {
        /// When.
        at: DateTime<Utc>,
    },
    /// Failed in a way that may pass.
    Retry {
        /// What the other side asked for; else an exponential back-off with jitter, at most 15 minutes.
        wait: Option<Duration>,
        /// What went wrong.
        error: String,
    },
    /// Failed in a way that does not pass: kept as a dead letter.
    Failed {
        /// What went wrong.
        error: String,
    },
}

impl JobOutcome {
    /// What becomes of the job after its `attempts`-th attempt.
    pub(crate) fn ending(self, attempts: u32) -> Ending {
        match self {
            Self::Done => Ending::Done,
            Self::Again { at } => Ending::Again(at),
            Self::Retry { error, .. } if attempts >= ATTEMPTS_MAX => {
                Ending::Dead(clip(&format!("gave up after {attempts} attempts: {error}")))
            }
            Self::Retry { wait, error } => {
                let wait = match wait {
                    // Never earlier than asked, and not all at the same moment.
                    Some(wait) => wait.min(WAIT_MAX).mul_f64(rand::rng().random_range(1.0..1.1)),
                    None => backoff(attempts).mul_f64(rand::rng().random_range(0.5..1.0)),
                };
                Ending::Retry(wait, clip(&error))
            }
            Self::Failed { error } => Ending::Dead(clip(&error)),
        }
    }
}

/// The longest wait after so many failures in a row.
fn backoff(attempts: u32) -> Duration {
    BACKOFF_FIRST.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX)).min(BACKOFF_MAX)
}

fn clip(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour() {
        for (attempts, seconds) in [(0, 5), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (40, 900)] {
            assert_eq!(backoff(attempts), Duration::from_secs(seconds), "after {attempts}");
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_never_cut_short() {
        let asked = Duration::from_secs(100);
        let outcome = JobOutcome::Retry { wait: Some(asked), error: "slow down".to_owned() };
        let Ending::Retry(wait, _) = outcome.ending(1) else { unreachable!("a retry") };
        assert!(wait >= asked && wait < asked * 2, "{wait:?}");
    }

    #[test]
    fn the_twelfth_failure_in_a_row_is_the_last() {
        let failed = || JobOutcome::Retry { wait: None, error: "no".to_owned() };
        assert!(matches!(failed().ending(11), Ending::Retry(..)));
        assert!(matches!(failed().ending(12), Ending::Dead(_)));
    }
}
