//! How far a sync is, asked of a server that may be away for a moment.

use crate::chaos::group::Group;
use crate::standing::{list, number, word};
use anyhow::Context;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// How often it is looked at.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A server that was killed and started again answers within this time.
const AWAY_MAX: Duration = Duration::from_secs(90);

/// How far a sync is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records that runs have taken in.
    pub received: u64,
    /// Golden customers that the CRM holds in their newest state.
    pub delivered: u64,
    /// On their way there.
    pub due: u64,
    /// Runs that are not over.
    pub runs: u64,
    /// Whether the product says that nothing is under way.
    pub settled: bool,
}

impl Progress {
    /// Asks once.
    ///
    /// # Errors
    /// Where the server is away or refuses.
    pub async fn ask(group: &Group) -> anyhow::Result<Self> {
        let overview = group.api.get("/overview").await?;
        let runs = group.api.get("/runs?limit=200").await?;
        let tally = list(&overview, "deliveries")
            .iter()
            .find(|tally| word(tally, "connection") == group.crm && word(tally, "object") == "customer");
        Ok(Self {
            received: list(&runs, "items").iter().map(|run| number(run, &["counts", "received"])).sum(),
            delivered: tally.map_or(0, |tally| number(tally, &["settled"])),
            due: number(&overview, &["under_way", "deliveries"]),
            runs: number(&overview, &["under_way", "runs"]),
            settled: overview.get("settled") == Some(&Json::Bool(true)),
        })
    }

    /// Asks until there is an answer.
    ///
    /// # Errors
    /// Where there is none for too long.
    pub async fn wait_for(group: &Group) -> anyhow::Result<Self> {
        patiently(|| Self::ask(group)).await
    }

    /// Whether something was done since; all being done counts.
    #[must_use]
    pub const fn is_ahead_of(&self, before: &Self) -> bool {
        self.settled || self.received != before.received || self.delivered != before.delivered
    }

    /// For people.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{} read, {} delivered, {} on their way, {} runs", self.received, self.delivered, self.due, self.runs)
    }
}

/// Starts a full read of a connection, once the server is there.
///
/// # Errors
/// Where it refuses for too long.
pub async fn start_sync(group: &Group, connection: &str) -> anyhow::Result<()> {
    let path = format!("/connections/{connection}/syncs");
    let ask = json!({"mode": "full"});
    // Asking again joins the runs that are under way.
    patiently(|| group.api.post(&path, &ask)).await.map(|_| ())
}

/// Calls until it works.
///
/// # Errors
/// The last one, where it does not work for too long.
pub async fn patiently<T, F>(call: impl Fn() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    let began = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) if began.elapsed() > AWAY_MAX => {
                return Err(error).with_context(|| format!("no answer for {} s", AWAY_MAX.as_secs()));
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}
