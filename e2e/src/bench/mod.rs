//! `./dev bench sync`: how fast the first load is, whether changes cost the same beside a million records, how soon a
//! change reaches the other system, how much memory it takes, and all that beside a loader that only lands rows.

pub mod dlt;
pub mod export;
pub mod group;
pub mod incremental;
pub mod initial;
pub mod memory;
pub mod sold;
pub mod webhook;

use crate::processes::{self, Stack, setting};
use crate::sandbox::Sandbox;
use anyhow::Context;
use group::Group;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The first load from one uploaded file.
    Csv,
    /// The same file by dlt into the same Postgres.
    Dlt,
    /// The first load from the simulated DMS's interface.
    Rest,
    /// The first load with a CRM connected, until every customer is there.
    Crm,
    /// A contact changed in the CRM → changed in the DMS.
    Webhook,
    /// A vehicle sold in the DMS → gone from the website.
    Sold,
    /// A thousand changes beside so many records.
    Incremental,
}

/// A running stack, and what was measured so far.
pub struct Bench {
    /// The processes.
    pub stack: Stack,
    /// The simulated vendors.
    pub sandbox: Sandbox,
    /// Results, in the order of the last line.
    pub figures: Map<String, Json>,
    /// Groups with so many customers from a file.
    pub loaded: BTreeMap<usize, Group>,
    folder: PathBuf,
    base: String,
    quiet: bool,
    began: Instant,
}

impl Bench {
    /// Starts every process.
    ///
    /// # Errors
    /// Where something does not start.
    pub async fn start(quiet: bool) -> anyhow::Result<Self> {
        let folder = Path::new(&setting("DRIVELINE_LOG_DIR")?).join("bench");
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut stack = Stack::from_env()?;
        stack.start_all().await?;
        let sandbox = Sandbox::new(&setting("DRIVELINE_SIMULATORS_URL")?)?;
        let base = setting("DRIVELINE_PUBLIC_URL")?;
        Ok(Self {
            stack,
            sandbox,
            figures: Map::new(),
            loaded: BTreeMap::new(),
            folder,
            base,
            quiet,
            began: Instant::now(),
        })
    }

    /// A group of its own: nothing that another part did is seen by it.
    ///
    /// # Errors
    /// Where signing up is refused.
    pub async fn group(&self, name: &str) -> anyhow::Result<Group> {
        Group::found(&self.base, name).await
    }

    /// Waits until the worker does nothing any more: after a load it learns from everybody who came.
    ///
    /// # Errors
    /// Where it does not run.
    pub async fn quiet(&self) -> anyhow::Result<()> {
        const LOOK: Duration = Duration::from_secs(2);
        let (mut before, mut looks) = (self.stack.computed(processes::Part::Worker)?, 0);
        while looks < 2 {
            rest(LOOK).await;
            let now = self.stack.computed(processes::Part::Worker)?;
            looks = if now - before < LOOK.as_secs_f64() / 20.0 { looks + 1 } else { 0 };
            before = now;
        }
        Ok(())
    }

    /// Where files of this run lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps a result.
    pub fn figure(&mut self, name: &str, value: impl Into<Json>) {
        let value = value.into();
        self.say(&format!("{name}: {value}"));
        self.figures.insert(name.to_owned(), value);
    }

    /// A result that was kept before.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<f64> {
        self.figures.get(name).and_then(Json::as_f64)
    }

    /// A line for people.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("  {:>6.1} s  {line}", self.began.elapsed().as_secs_f32());
        }
    }
}

/// Without what is after the point.
#[must_use]
pub fn whole(value: f64) -> Json {
    format!("{value:.0}").parse::<i64>().map_or(Json::Null, Json::from)
}

/// With one digit after the point.
#[must_use]
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// With two digits after the point.
#[must_use]
pub fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The value below which so many of a hundred lie.
#[must_use]
pub fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).or(sorted.last()).copied().unwrap_or(f64::NAN)
}

/// A pause between two looks.
pub async fn rest(time: Duration) {
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 50).to_string(), "100");
        assert_eq!(percentile(&values, 99).to_string(), "198");
        assert!(percentile(&[], 50).is_nan());
    }
}
