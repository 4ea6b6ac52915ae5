//! What is struck and when, all from one seed; and the striking.

use crate::chaos::group::Group;
use crate::chaos::postgres::Administrator;
use crate::chaos::progress::{LOOK_EVERY, Progress};
use crate::processes::{Part, Stack};
use crate::sandbox::Sandbox;
use anyhow::bail;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value as Json, json};
use std::fmt;
use std::time::{Duration, Instant};

/// Nothing is struck before this share of the work, nor after the last one.
const SPREAD: (f64, f64) = (0.01, 0.96);
/// Without any progress for so long after a blow, the product does not come back.
const RECOVERY_MAX: Duration = Duration::from_secs(300);

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The worker, by SIGKILL.
    Worker,
    /// The server, by SIGKILL.
    Server,
    /// Redis, by SIGKILL; it forgets everything.
    Redis,
    /// Every session with Postgres.
    Sessions,
}

/// What the vendors do meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// The CRM answers so many calls by 429, every third one, with so many seconds to wait.
    Storm(u32, u64),
    /// A vendor does what was asked, and the connection is cut before the answer is whole.
    Cut(&'static str, u32),
    /// A vendor answers 500.
    Broken(&'static str, u32),
    /// A vendor takes its time.
    Slow(&'static str, u32),
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// Something is killed, and started again at once.
    Kill(Victim),
    /// The vendors have a bad moment.
    Weather(Weather),
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(Victim::Worker) => f.write_str("kill -9 worker"),
            Self::Kill(Victim::Server) => f.write_str("kill -9 server"),
            Self::Kill(Victim::Redis) => f.write_str("kill -9 Redis"),
            Self::Kill(Victim::Sessions) => f.write_str("end all sessions with Postgres"),
            Self::Weather(Weather::Storm(times, wait)) => write!(f, "429 from the CRM {times} times, wait {wait} s"),
            Self::Weather(Weather::Cut(vendor, times)) => write!(f, "cut connections to {vendor} {times} times"),
            Self::Weather(Weather::Broken(vendor, times)) => write!(f, "500 from {vendor} {times} times"),
            Self::Weather(Weather::Slow(vendor, times)) => write!(f, "{vendor} is slow {times} times"),
        }
    }
}

/// The blows of a run in their order, each with the share of the work at which it falls: as many kills as wanted,
/// every victim as often as the others, and as much bad weather, spread over the whole run.
#[must_use]
pub fn plan(seed: u64, kills: usize) -> Vec<(f64, Blow)> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let victims = [Victim::Worker, Victim::Server, Victim::Redis, Victim::Sessions];
    let mut deck: Vec<Victim> = victims.into_iter().cycle().take(kills).collect();
    deck.shuffle(&mut dice);
    let blows = deck.into_iter().map(Blow::Kill).collect();
    let mut planned = spread(&mut dice, blows);
    let weather = (0..kills).map(|_| Blow::Weather(weather(&mut dice))).collect();
    planned.extend(spread(&mut dice, weather));
    planned.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    planned
}

/// One blow at a random place of each equal piece of the work.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "shares of a few hundred")]
fn spread(dice: &mut ChaCha8Rng, blows: Vec<Blow>) -> Vec<(f64, Blow)> {
    let piece = (SPREAD.1 - SPREAD.0) / blows.len().max(1) as f64;
    let place = |at: usize, within: f64| SPREAD.0 + piece * (at as f64 + within);
    blows.into_iter().enumerate().map(|(at, blow)| (place(at, dice.random_range(0.0..1.0)), blow)).collect()
}

fn weather(dice: &mut ChaCha8Rng) -> Weather {
    let vendor = if dice.random_bool(0.6) { "hubspot" } else { "opentrack" };
    match dice.random_range(0..6) {
        0 | 1 => Weather::Storm(dice.random_range(2..6), 1),
        2 | 3 => Weather::Cut(vendor, dice.random_range(1..5)),
        4 => Weather::Broken(vendor, dice.random_range(1..4)),
        _ => Weather::Slow(vendor, dice.random_range(1..4)),
    }
}

/// How long it took to come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// Until what was killed was ready again, in seconds.
    pub ready_s: f64,
    /// Until the sync was seen to go on, in seconds. Where something stayed away, from its return.
    pub progress_s: f64,
}

/// What is struck, and with what.
pub struct Striker<'a> {
    /// The processes.
    pub stack: &'a mut Stack,
    /// The vendors.
    pub sandbox: &'a Sandbox,
    /// The database.
    pub database: &'a Administrator,
    /// How long Redis stays away at its first kill.
    pub redis_away: Duration,
}

impl Striker<'_> {
    /// Kills, starts again, and waits until the sync goes on.
    ///
    /// # Errors
    /// Where what was killed does not start, or nothing moves any more.
    pub async fn kill(&mut self, victim: Victim, group: &Group) -> anyhow::Result<Recovery> {
        let mut began = Instant::now();
        let part = match victim {
            Victim::Worker => Some(Part::Worker),
            Victim::Server => Some(Part::Server),
            Victim::Redis => Some(Part::Redis),
            Victim::Sessions => None,
        };
        match part {
            Some(part) => {
                self.stack.kill(part)?;
                if part == Part::Redis && !self.redis_away.is_zero() {
                    tokio::time::sleep(std::mem::take(&mut self.redis_away)).await;
                    began = Instant::now();
                }
                self.stack.start(part)?;
            }
            None => {
                self.database.end_sessions().await?;
            }
        }
        // Who died cannot have moved on since; for the server's death the rest goes on, and is asked once it is back.
        let before = Progress::ask(group).await.ok();
        if let Some(part) = part {
            self.stack.until_ready(part).await?;
        }
        let ready_s = began.elapsed().as_secs_f64();
        let before = match before {
            Some(progress) => progress,
            None => Progress::wait_for(group).await?,
        };
        loop {
            if Progress::wait_for(group).await?.is_ahead_of(&before) {
                return Ok(Recovery { ready_s, progress_s: began.elapsed().as_secs_f64() });
            }
            if began.elapsed() > RECOVERY_MAX {
                bail!("nothing moved for {} s after {}", RECOVERY_MAX.as_secs(), Blow::Kill(victim));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Plans a bad moment for the next calls.
    ///
    /// # Errors
    /// Where the simulators are away.
    pub async fn brew(&self, weather: Weather) -> anyhow::Result<()> {
        let (path, ask) = match weather {
            Weather::Storm(times, wait) => {
                ("/_sim/hubspot/storm".to_owned(), json!({"times": times, "every": 3, "retry_after_s": wait}))
            }
            Weather::Cut(vendor, times) => fault(vendor, "cut", times, json!({})),
            Weather::Broken(vendor, times) => fault(vendor, "broken", times, json!({})),
            Weather::Slow(vendor, times) => fault(vendor, "slow", times, json!({"delay_ms": 2_000})),
        };
        self.sandbox.post(&path, &ask).await.map(|_| ())
    }
}

fn fault(vendor: &str, kind: &str, times: u32, more: Json) -> (String, Json) {
    let mut ask = json!({"kind": kind, "times": times, "every": 2});
    if let (Some(ask), Json::Object(more)) = (ask.as_object_mut(), more) {
        ask.extend(more);
    }
    (format!("/_sim/{vendor}/faults"), ask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_strikes_the_same_way_and_every_part_of_the_run_is_struck() {
        assert_eq!(plan(7, 20), plan(7, 20));
        assert_ne!(plan(7, 20), plan(8, 20));
        for quarter in 0..4_u32 {
            let within = |at: f64| (f64::from(quarter) * 0.25..f64::from(quarter + 1) * 0.25).contains(&at);
            let kills = plan(7, 20).into_iter().filter(|(at, blow)| within(*at) && matches!(blow, Blow::Kill(_)));
            assert!(kills.count() >= 4, "quarter {quarter}");
        }
    }

    #[test]
    fn four_kills_meet_everything_once() {
        let victims = [Victim::Worker, Victim::Server, Victim::Redis, Victim::Sessions];
        for victim in victims {
            let struck = plan(3, 4).into_iter().filter(|(_, blow)| *blow == Blow::Kill(victim)).count();
            assert_eq!(struck, 1, "{victim:?}");
        }
    }
}
