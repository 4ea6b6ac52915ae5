//! Redis as the workers see it: one apalis queue per lane, its keys, and what keeps them few.
//!
//! apalis keeps of every task it ever ran a hash field, a hash and a set member, and of every worker a hash. None of
//! it is needed here, so it is trimmed; nothing in Redis is ever the only copy of anything.

use apalis_redis::{Config, ConnectionManager, RedisStorage};
use domain::{JobId, Lane, TenantId};
use redis::aio::ConnectionManagerConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::jobs::Claim;

/// Done tasks that one call trims.
const TRIM_MAX: u32 = 1_000;
/// What is known about a worker is kept so long after its last sign of life.
const WORKER_KEPT_S: u32 = 600;
/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// All that a task in Redis says: look at this job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Wake {
    tenant: TenantId,
    job: JobId,
    fence: i64,
}

impl From<Claim> for Wake {
    fn from(claim: Claim) -> Self {
        Self { tenant: claim.tenant, job: claim.job, fence: claim.fence }
    }
}

impl From<Wake> for Claim {
    fn from(wake: Wake) -> Self {
        Self { tenant: wake.tenant, job: wake.job, fence: wake.fence }
    }
}

/// A lane's queue, as apalis is told.
pub(crate) fn config(queue: &str) -> Config {
    Config::default()
        .queue(queue)
        // Another replica may have a free slot for what this one would only keep at hand.
        .batch_size(1)
        .heartbeat_interval(Duration::from_secs(1))
        .missed_heartbeats(3)
        // Postgres leases the job; Redis need not lease the task.
        .lock_tasks(false)
        .emit_events(false)
}

/// A lane's queue.
pub(crate) fn storage(connection: ConnectionManager, queue: &str) -> RedisStorage<Wake> {
    RedisStorage::new(connection).with_config(config(queue))
}

/// A new connection, or soon an error.
pub(crate) async fn connect(client: &redis::Client) -> Result<ConnectionManager, redis::RedisError> {
    let patient = ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    client.get_connection_manager_with_config(patient).await
}

/// How many ids wait in each lane's queue, in the lanes' order.
pub(crate) async fn waiting(
    connection: &mut ConnectionManager,
    queues: &[(Lane, String)],
) -> Result<Vec<u64>, redis::RedisError> {
    let mut ask = redis::pipe();
    for (_, queue) in queues {
        let config = config(queue);
        ask.llen(config.active_jobs_list()).zcard(config.scheduled_jobs_set());
    }
    let counts: Vec<u64> = ask.query_async(connection).await?;
    Ok(counts.chunks(2).map(|pair| pair.iter().sum()).collect())
}

// KEYS: data hash, meta prefix, sets of finished tasks … ARGV: how many.
const TRIM: &str = "
local trimmed = 0
for set = 3, #KEYS do
    local ids = redis.call('SPOP', KEYS[set], ARGV[1])
    for _, id in ipairs(ids) do
        redis.call('HDEL', KEYS[1], id)
        redis.call('DEL', KEYS[2] .. ':' .. id)
    end
    trimmed = trimmed + #ids
end
return trimmed
";

/// Deletes what apalis keeps of finished tasks.
pub(crate) async fn trim(connection: &mut ConnectionManager, queue: &str) -> Result<u64, redis::RedisError> {
    let config = config(queue);
    let script = redis::Script::new(TRIM);
    let mut trimmed = 0;
    loop {
        let step: u64 = script
            .key(config.job_data_hash())
            .key(config.job_meta_hash())
            .key(config.done_jobs_set())
            .key(config.dead_jobs_set())
            .key(config.failed_jobs_set())
            .arg(TRIM_MAX)
            .invoke_async(connection)
            .await?;
        trimmed += step;
        if step < u64::from(TRIM_MAX) {
            return Ok(trimmed);
        }
    }
}

/// Lets what is known about a worker vanish some time after its last sign of life.
pub(crate) async fn keep_worker(
    connection: &mut ConnectionManager,
    queue: &str,
    worker: &str,
) -> Result<(), redis::RedisError> {
    let key = format!("{queue}:workers:metadata:{worker}");
    redis::cmd("EXPIRE").arg(key).arg(WORKER_KEPT_S).query_async(connection).await
}

// KEYS: data hash, meta prefix, the worker's inflight set, workers set, the worker's metadata. ARGV: worker.
const FORGET: &str = "
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    redis.call('HDEL', KEYS[1], id)
    redis.call('DEL', KEYS[2] .. ':' .. id)
end
redis.call('DEL', KEYS[3], KEYS[5])
redis.call('ZREM', KEYS[4], ARGV[1])
return 1
";

/// Forgets a worker of ours that has ended, and the tasks it held: their jobs are run or pushed again from Postgres.
pub(crate) async fn forget_worker(
    connection: &mut ConnectionManager,
    queue: &str,
    worker: &str,
) -> Result<(), redis::RedisError> {
    let config = config(queue);
    redis::Script::new(FORGET)
        .key(config.job_data_hash())
        .key(config.job_meta_hash())
        .key(format!("{}:{worker}", config.inflight_jobs_set()))
        .key(config.workers_set())
        .key(format!("{queue}:workers:metadata:{worker}"))
        .arg(worker)
        .invoke_async(connection)
        .await
}

/// Empties a queue whose content no worker can read: a task without data would end each that meets it.
pub(crate) async fn empty(connection: &mut ConnectionManager, queue: &str) -> Result<(), redis::RedisError> {
    let config = config(queue);
    redis::cmd("DEL").arg(config.active_jobs_list()).arg(config.scheduled_jobs_set()).query_async(connection).await
}
