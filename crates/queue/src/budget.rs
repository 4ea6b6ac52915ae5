//! The vendor's quota per connection, shared by all workers: GCRA in Redis, and in process while Redis is away.

use domain::{ConnectionId, TenantId};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, RateLimiter};
use redis::aio::ConnectionManager;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The longest wait inside [`Budget::take`]; whoever would wait longer is told so and comes back later.
const WAIT_INSIDE_MAX: Duration = Duration::from_secs(2);
/// The longest pause a vendor may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long Redis may take before we go on without it.
const REDIS_PATIENCE: Duration = Duration::from_millis(500);
/// How long we go on without Redis before it is asked again.
const REDIS_REST: Duration = Duration::from_secs(2);
/// Without Redis each process takes this share of the quota, because others may be at work too.
const ALONE_SHARE: u32 = 2;

/// So many calls in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Calls per window.
    pub calls: u32,
    /// The window in milliseconds.
    pub window_ms: u32,
}

impl Quota {
    /// The pace after the burst: burst and pace together stay within the quota in any window.
    fn interval(self) -> Duration {
        let paced = self.calls.saturating_sub(self.burst()) + 1;
        Duration::from_millis(u64::from(self.window_ms.max(1))) / paced
    }

    /// Calls that may follow each other at once: a tenth of the window's, so that one minute's quota is not gone in
    /// its first second.
    fn burst(self) -> u32 {
        (self.calls / 10).max(1)
    }
}

// KEYS: theoretical arrival time, pause. ARGV: interval µs, burst, longest wait µs.
// Returns 0 (go), a positive wait in µs after which the caller may go (its place is booked), or a negative one (come
// back then). The time is Redis' own, so that all workers share one clock.
const GCRA: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then return -paused * 1000 end
local interval, burst, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
if arrival < now then arrival = now end
local wait = arrival - (burst - 1) * interval - now
if wait > patience then return -math.ceil(wait) end
local next = arrival + interval
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000) + 1000)
if wait < 0 then return 0 end
return math.ceil(wait)
";

/// All connections' budgets.
#[derive(Clone)]
pub struct Budgets {
    shared: Arc<Shared>,
}

struct Shared {
    client: redis::Client,
    connection: OnceCell<ConnectionManager>,
    script: redis::Script,
    alone: Mutex<Alone>,
}

/// What is known while Redis is away.
#[derive(Default)]
struct Alone {
    until: Option<Instant>,
    limiters: HashMap<(String, Quota), Arc<DefaultDirectRateLimiter>>,
    pauses: HashMap<String, Instant>,
}

/// One connection's budget.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
    key: String,
    quota: Quota,
}

impl Budgets {
    /// Budgets kept in this Redis.
    ///
    /// # Errors
    /// Where the address cannot be read; Redis need not be there yet.
    pub fn new(redis_url: &str) -> Result<Self, redis::RedisError> {
        let client = redis::Client::open(redis_url)?;
        Ok(Self {
            shared: Arc::new(Shared {
                client,
                connection: OnceCell::new(),
                script: redis::Script::new(GCRA),
                alone: Mutex::new(Alone::default()),
            }),
        })
    }

    /// The budget of one connection.
    #[must_use]
    pub fn of(&self, tenant: TenantId, connection: ConnectionId, quota: Quota) -> Budget {
        Budget { shared: Arc::clone(&self.shared), key: format!("driveline:budget:{{{tenant}:{connection}}}"), quota }
    }
}

impl Budget {
    /// Takes one call out of the budget, waiting up to 2 s for it.
    ///
    /// # Errors
    /// The time after which to come back, where that is later.
    pub async fn take(&self) -> Result<(), Duration> {
        if let Some(wait) = self.shared.paused_alone(&self.key) {
            return Err(wait);
        }
        match self.shared.ask(self).await {
            Some(0) => Ok(()),
            Some(wait) if wait > 0 => {
                tokio::time::sleep(Duration::from_micros(wait.unsigned_abs())).await;
                Ok(())
            }
            Some(wait) => Err(Duration::from_micros(wait.unsigned_abs())),
            None => self.take_alone().await,
        }
    }

    /// Takes no more calls for so long, here and in all other workers: the vendor said so.
    pub async fn pause(&self, wait: Duration) {
        let wait = wait.min(PAUSE_MAX);
        self.shared.pause(&self.key, wait).await;
    }

    async fn take_alone(&self) -> Result<(), Duration> {
        let limiter = self.shared.limiter(&self.key, self.quota);
        for _ in 0..2 {
            let Err(early) = limiter.check() else { return Ok(()) };
            let wait = early.wait_time_from(DefaultClock::default().now());
            if wait > WAIT_INSIDE_MAX {
                return Err(wait);
            }
            tokio::time::sleep(wait).await;
        }
        Err(self.quota.interval())
    }
}

impl Shared {
    async fn connection(&self) -> Result<ConnectionManager, redis::RedisError> {
        let config = redis::aio::ConnectionManagerConfig::new().set_number_of_retries(0);
        let connect = || self.client.get_connection_manager_with_config(config);
        self.connection.get_or_try_init(connect).await.cloned()
    }

    /// The script's answer; `None` where Redis is away.
    async fn ask(&self, budget: &Budget) -> Option<i64> {
        if self.alone().until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let asked = tokio::time::timeout(REDIS_PATIENCE, async {
            let mut connection = self.connection().await?;
            self.script
                .key(&budget.key)
                .key(format!("{}:pause", budget.key))
                .arg(micros(budget.quota.interval()))
                .arg(budget.quota.burst())
                .arg(micros(WAIT_INSIDE_MAX))
                .invoke_async::<i64>(&mut connection)
                .await
        })
        .await;
        match asked {
            Ok(Ok(answer)) => {
                self.alone().until = None;
                Some(answer)
            }
            Ok(Err(_)) | Err(_) => {
                self.rest();
                None
            }
        }
    }

    async fn pause(&self, key: &str, wait: Duration) {
        // Kept here too, so that it holds when Redis forgets it or is away.
        self.alone().pauses.insert(key.to_owned(), Instant::now() + wait);
        let told = tokio::time::timeout(REDIS_PATIENCE, async {
            let mut connection = self.connection().await?;
            redis::cmd("SET")
                .arg(format!("{key}:pause"))
                .arg(1)
                .arg("PX")
                .arg(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
                .query_async::<()>(&mut connection)
                .await
        })
        .await;
        if !matches!(told, Ok(Ok(()))) {
            self.rest();
        }
    }

    fn rest(&self) {
        let mut alone = self.alone();
        if alone.until.is_none() {
            tracing::warn!("Redis is away: call budgets are kept in this process, at half the quota");
        }
        alone.until = Some(Instant::now() + REDIS_REST);
    }

    fn paused_alone(&self, key: &str) -> Option<Duration> {
        let mut alone = self.alone();
        let left = alone.pauses.get(key)?.checked_duration_since(Instant::now());
        if left.is_none() {
            alone.pauses.remove(key);
        }
        left
    }

    fn limiter(&self, key: &str, quota: Quota) -> Arc<DefaultDirectRateLimiter> {
        let mut alone = self.alone();
        let limiter = alone.limiters.entry((key.to_owned(), quota)).or_insert_with(|| {
            let interval = (quota.interval() * ALONE_SHARE).max(Duration::from_nanos(1));
            let burst = NonZeroU32::new(quota.burst() / ALONE_SHARE).unwrap_or(NonZeroU32::MIN);
            let pace = governor::Quota::with_period(interval)
                .unwrap_or_else(|| governor::Quota::per_second(NonZeroU32::MIN))
                .allow_burst(burst);
            Arc::new(RateLimiter::direct(pace))
        });
        Arc::clone(limiter)
    }

    fn alone(&self) -> std::sync::MutexGuard<'_, Alone> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
