//! A dealer group of a bench: signed up, connected, and asked how its runs stand.

use super::rest;
use crate::api::{Account, Api, Described};
use crate::standing::{list, number, text, word};
use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use simulators::population::Rooftop;
use std::time::{Duration, Instant};

/// How often a run is looked at; its own clock says when it ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A run that does not move for so long is stuck.
const STILL_MAX: Duration = Duration::from_secs(120);

/// A group and who may do everything in it.
pub struct Group {
    /// Its owner, signed in.
    pub api: Api,
    /// The connection that its file came by, once it has one.
    pub files: Option<String>,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Records that came in.
    pub received: u64,
    /// Of these, how many were as they were before.
    pub unchanged: u64,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
}

impl Ran {
    /// Seconds since a moment before it.
    #[must_use]
    pub fn seconds_since(&self, began: DateTime<Utc>) -> f64 {
        (self.finished_at - began).as_seconds_f64()
    }
}

impl Group {
    /// Signs a group up.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn found(base: &str, name: &str) -> anyhow::Result<Self> {
        let mut api = Api::new(base)?;
        let email = format!("owner-{}@{name}.test", uuid::Uuid::new_v4().simple());
        let account = Account { email, password: "four tall green hats".to_owned() };
        api.sign_up(&account, "Bench Owner", &format!("Bench {name}")).await.context("signing up")?;
        Ok(Self { api, files: None })
    }

    /// Adds a rooftop.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn add_rooftop(&self, rooftop: &Rooftop) -> anyhow::Result<String> {
        let address = &rooftop.address;
        let ask = json!({
            "name": rooftop.name, "code": rooftop.code, "time_zone": "America/New_York", "phone": rooftop.phone,
            "street": address.street, "city": address.city, "state": address.state, "zip": address.zip,
        });
        text(&self.api.post("/rooftops", &ask).await?, "id")
    }

    /// Connects and tests a system.
    ///
    /// # Errors
    /// Where the product refuses, or the test fails.
    pub async fn connect(&self, connector: &str, rooftop: Option<&str>, values: &Json) -> anyhow::Result<String> {
        self.api.connect(&Described { connector, name: connector, rooftop, values }).await
    }

    /// Starts a sync of one object.
    ///
    /// # Errors
    /// Where the product refuses.
    pub async fn sync(&self, connection: &str, object: &str, mode: &str) -> anyhow::Result<()> {
        let ask = json!({"object": object, "mode": mode});
        self.api.post(&format!("/connections/{connection}/syncs"), &ask).await?;
        Ok(())
    }

    /// Waits until a connection's run of an object that was asked for after `began` is over, and is good.
    ///
    /// # Errors
    /// Where it fails, or does not move.
    pub async fn run_over(&self, connection: &str, object: &str, began: DateTime<Utc>) -> anyhow::Result<Ran> {
        let (mut before, mut moved_at) = (0, Instant::now());
        loop {
            let page = self.api.get(&format!("/runs?connection={connection}&limit=20")).await?;
            let run = list(&page, "items").iter().find(|run| {
                word(run, "object") == object && moment(run, "queued_at").is_some_and(|queued| queued >= began)
            });
            if let Some(run) = run {
                if run.get("is_over") == Some(&Json::Bool(true)) {
                    return ran(run);
                }
                let received = number(run, &["counts", "received"]);
                if received != before {
                    (before, moved_at) = (received, Instant::now());
                }
            }
            if moved_at.elapsed() > STILL_MAX {
                bail!("the run of {object} has not moved for {} s", STILL_MAX.as_secs());
            }
            rest(LOOK_EVERY).await;
        }
    }
}

fn ran(run: &Json) -> anyhow::Result<Ran> {
    let state = word(run, "state");
    if !matches!(state, "succeeded" | "attention") {
        bail!("the run ended as {state}: {}", word(run, "message"));
    }
    Ok(Ran {
        received: number(run, &["counts", "received"]),
        unchanged: number(run, &["counts", "unchanged"]),
        finished_at: moment(run, "finished_at").context("a run that is over has no end")?,
    })
}

fn moment(answer: &Json, name: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(word(answer, name)).ok().map(|moment| moment.to_utc())
}
