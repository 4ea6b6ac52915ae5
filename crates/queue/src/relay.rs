//! The relay: from what is due in Postgres to a few ids in Redis.

use crate::failpoint::failpoint;
use crate::lanes::Bell;
use crate::ledger::detail;
use crate::settings::{PUSH_LEASE, RELAY_POLL, Settings};
use crate::vitals::Vitals;
use crate::wire::{self, Wake};
use apalis::prelude::{TaskBuilder, TaskSink};
use apalis_redis::ConnectionManager;
use domain::{Lane, TenantId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use store::jobs::{self, Claim, ClaimLimits};
use store::wakes::Wakes;
use store::{Db, StoreError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// After an error, the relay waits this long.
const REST: Duration = Duration::from_millis(500);
/// While another relay has its turn, ours asks again so soon: that one may have looked before our job was there.
const TURN_WAIT: Duration = Duration::from_millis(15);

/// Why nothing more could be pushed.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("Redis is away")]
    Redis(#[from] redis::RedisError),
    #[error("Redis did not take the jobs: {0}")]
    Push(String),
    #[error("Postgres is away")]
    Store(#[from] StoreError),
}

enum Round {
    /// So many were pushed.
    Pushed(usize),
    /// Another relay is at it.
    NotOurTurn,
}

pub(crate) struct Relay {
    pub(crate) db: Db,
    pub(crate) client: redis::Client,
    pub(crate) settings: Arc<Settings>,
    pub(crate) bells: HashMap<Lane, Arc<Bell>>,
    pub(crate) woken: Arc<Notify>,
    pub(crate) vitals: Arc<Vitals>,
}

impl Relay {
    /// Relays until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut connection: Option<ConnectionManager> = None;
        let mut turns: HashMap<Lane, TenantId> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.woken.notified() => {}
                () = tokio::time::sleep(RELAY_POLL) => {}
            }
            loop {
                let wait = match self.round(&mut connection, &mut turns).await {
                    Ok(Round::Pushed(0)) => break,
                    Ok(Round::Pushed(_)) => Duration::ZERO,
                    Ok(Round::NotOurTurn) => TURN_WAIT,
                    Err(error) => {
                        tracing::warn!(error = %detail(&error), "the relay could not push");
                        connection = None;
                        REST
                    }
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }

    async fn round(
        &self,
        connection: &mut Option<ConnectionManager>,
        turns: &mut HashMap<Lane, TenantId>,
    ) -> Result<Round, RelayError> {
        let queues: Vec<(Lane, String)> = Lane::ALL.into_iter().map(|lane| (lane, self.settings.queue(lane))).collect();
        let redis = match connection {
            Some(open) => open,
            None => connection.insert(wire::connect(&self.client).await?),
        };
        // Redis first: while it is away, nothing is claimed.
        let waiting = wire::waiting(redis, &queues).await?;
        self.vitals.redis_answered();
        let Some(claimed) = self.claim(&queues, &waiting, turns).await? else { return Ok(Round::NotOurTurn) };
        failpoint!("queue::after_claim");
        let mut pushed = 0;
        for (lane, queue, claims) in claimed {
            failpoint!("queue::before_push");
            if let Err(error) = push(redis, &queue, &claims).await {
                // Whether they went in is not known; a higher fence makes those that did harmless.
                self.give_back(&claims).await;
                return Err(error);
            }
            failpoint!("queue::after_push");
            pushed += claims.len();
            if let Some(bell) = self.bells.get(&lane) {
                bell.ring();
            }
        }
        Ok(Round::Pushed(pushed))
    }

    async fn claim(
        &self,
        queues: &[(Lane, String)],
        waiting: &[u64],
        turns: &mut HashMap<Lane, TenantId>,
    ) -> Result<Option<Vec<(Lane, String, Vec<Claim>)>>, StoreError> {
        let tx = self.db.platform().await?;
        if !jobs::take_relay_turn(&tx).await? {
            return Ok(None);
        }
        let leased = jobs::count_leased(&tx).await?;
        let mut claimed = Vec::new();
        for ((lane, queue), in_redis) in queues.iter().zip(waiting) {
            let count = leased.iter().find(|count| count.lane == *lane);
            let (pushed, running) = count.map_or((0, 0), |count| (count.pushed, count.running));
            metrics::gauge!("driveline_jobs_pushed", "lane" => lane.name()).set(metric(pushed));
            metrics::gauge!("driveline_jobs_running", "lane" => lane.name()).set(metric(running));
            let room = self.settings.room(*lane, u64::try_from(pushed).unwrap_or_default(), *in_redis);
            if room == 0 {
                continue;
            }
            let limits = ClaimLimits { jobs: room, per_tenant: self.settings.per_tenant, lease: PUSH_LEASE };
            let claims = jobs::claim(&tx, *lane, turns.get(lane).copied(), limits).await?;
            if let Some(last) = last_in_turn(&claims) {
                turns.insert(*lane, last);
                claimed.push((*lane, queue.clone(), claims));
            }
        }
        tx.commit().await?;
        self.vitals.postgres_answered();
        Ok(Some(claimed))
    }

    async fn give_back(&self, claims: &[Claim]) {
        let given = async {
            let tx = self.db.platform().await?;
            jobs::unclaim(&tx, claims).await?;
            tx.commit().await
        };
        if let Err(error) = given.await {
            tracing::warn!(error = %detail(&error), "claims could not be given back; the sweep will");
        }
    }
}

/// The tenant whose turn came last: the last one to appear for the first time.
fn last_in_turn(claims: &[Claim]) -> Option<TenantId> {
    let mut seen = HashSet::new();
    claims.iter().map(|claim| claim.tenant).filter(|tenant| seen.insert(*tenant)).last()
}

async fn push(redis: &ConnectionManager, queue: &str, claims: &[Claim]) -> Result<(), RelayError> {
    let mut storage = wire::storage(redis.clone(), queue);
    // No id is given: apalis makes a fresh one for each push, so that an old task of the same job never blocks it.
    let mut tasks = Vec::with_capacity(claims.len());
    for claim in claims {
        tasks.push(TaskBuilder::new(Wake::from(*claim)).build());
    }
    storage.push_all(futures::stream::iter(tasks)).await.map_err(|error| RelayError::Push(error.to_string()))
}

fn metric(count: i64) -> f64 {
    i32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Wakes the relay when Postgres says that jobs were asked for.
pub(crate) async fn listen(db: Db, woken: Arc<Notify>, stop: CancellationToken) {
    let hear = async {
        loop {
            let lost = match Wakes::listen(&db).await {
                Ok(mut wakes) => loop {
                    // After a gap too: what was said meanwhile was not heard.
                    woken.notify_one();
                    if let Err(error) = wakes.next().await {
                        break error;
                    }
                },
                Err(error) => error,
            };
            tracing::warn!(error = %detail(&lost), "not listening for jobs now; polling goes on");
            tokio::time::sleep(RELAY_POLL).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
}
