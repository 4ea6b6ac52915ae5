//! Starts and ends of runs, written in groups: whatever waits goes into one transaction.

use crate::failpoint::failpoint;
use crate::lease::RUN_LEASE;
use std::sync::Arc;
use std::time::Duration;
use store::jobs::{self, Claim, Ending, Started};
use store::{Db, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};

/// Entries of one transaction.
const GROUP_MAX: usize = 256;
/// How long an ending is tried while Postgres is away. After that the sweep finds the job and it runs again.
const ENDING_TRIES: u32 = 60;
const ENDING_WAIT: Duration = Duration::from_millis(500);

enum Entry {
    Start(Claim, oneshot::Sender<Started>),
    End(Claim, Ending, oneshot::Sender<()>),
}

/// Where runs are entered.
#[derive(Clone)]
pub(crate) struct Ledger {
    entries: mpsc::Sender<Entry>,
}

impl Ledger {
    /// The ledger, and the work that writes it, which ends when all copies of the ledger are gone.
    pub(crate) fn open(db: Db, worker: Arc<str>, relay: Arc<Notify>) -> (Self, impl Future<Output = ()> + Send) {
        let (entries, received) = mpsc::channel(1_024);
        (Self { entries }, write(db, worker, relay, received))
    }

    /// Starts a job under this claim; `None` where it is not (or no longer) to be started.
    pub(crate) async fn start(&self, claim: Claim) -> Option<Started> {
        let (answer, answered) = oneshot::channel();
        self.entries.send(Entry::Start(claim, answer)).await.ok()?;
        answered.await.ok()
    }

    /// Ends a run; returns when that is durable, or known to be of no use any more.
    pub(crate) async fn end(&self, claim: Claim, ending: Ending) {
        let (answer, answered) = oneshot::channel();
        if self.entries.send(Entry::End(claim, ending, answer)).await.is_ok() {
            answered.await.ok();
        }
    }
}

async fn write(db: Db, worker: Arc<str>, relay: Arc<Notify>, mut entries: mpsc::Receiver<Entry>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while entries.recv_many(&mut group, GROUP_MAX).await > 0 {
        let (mut starts, mut ends, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for entry in group.drain(..) {
            match entry {
                Entry::Start(claim, answer) => starts.push((claim, answer)),
                Entry::End(claim, ending, answer) => {
                    ends.push((claim, ending));
                    told.push(answer);
                }
            }
        }
        write_ends(&db, &ends).await;
        for answer in told {
            answer.send(()).ok();
        }
        if !ends.is_empty() {
            relay.notify_one(); // there is room again
        }
        write_starts(&db, &worker, starts).await;
    }
}

async fn write_starts(db: &Db, worker: &str, starts: Vec<(Claim, oneshot::Sender<Started>)>) {
    if starts.is_empty() {
        return;
    }
    let claims: Vec<Claim> = starts.iter().map(|(claim, _)| *claim).collect();
    let started = async {
        let tx = db.platform().await?;
        let started = jobs::start(&tx, &claims, worker, RUN_LEASE).await?;
        tx.commit().await?;
        Ok::<_, StoreError>(started)
    };
    match started.await {
        Ok(started) => {
            failpoint!("queue::after_start");
            let mut by_claim: std::collections::HashMap<Claim, Started> =
                started.into_iter().map(|started| (started.claim, started)).collect();
            for (claim, answer) in starts {
                // Two tasks for one claim: the first gets it.
                if let Some(started) = by_claim.remove(&claim) {
                    answer.send(started).ok();
                }
            }
        }
        // Not started, or nobody knows: its lease runs out and it is pushed again.
        Err(error) => tracing::warn!(error = %detail(&error), "jobs could not be started"),
    }
}

async fn write_ends(db: &Db, ends: &[(Claim, Ending)]) {
    if ends.is_empty() {
        return;
    }
    for _ in 0..ENDING_TRIES {
        failpoint!("queue::before_finish");
        let written = async {
            let tx = db.platform().await?;
            let held = jobs::finish(&tx, ends).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(held)
        };
        match written.await {
            Ok(_) => {
                failpoint!("queue::after_finish");
                return;
            }
            Err(error) => tracing::warn!(error = %detail(&error), "finished jobs could not be noted yet"),
        }
        tokio::time::sleep(ENDING_WAIT).await;
    }
    tracing::error!(jobs = ends.len(), "finished jobs could not be noted; they will run again");
}

/// An error with its causes, on one line.
pub(crate) fn detail(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
