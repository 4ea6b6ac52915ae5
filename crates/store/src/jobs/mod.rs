//! Jobs: requested by tenants, claimed, started, kept alive, finished and swept by the platform.
//!
//! Every write of a worker names the fence it was given at the claim, so that a twin or a zombie changes nothing.
//! All times are Postgres' own (`now()`), so that no replica's clock decides who holds what.

mod claims;

pub use claims::{ClaimLimits, Ending, Started, Swept, claim, extend, finish, purge_done, start, sweep, unclaim, wake};

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::{PlatformTx, TenantTx};
use chrono::{DateTime, Utc};
use claims::millis;
use domain::{JobId, Lane, TenantId};
use std::time::Duration;
use uuid::Uuid;

/// A transaction of a handler that is idle for this long is ended by Postgres: its process is frozen, and the row
/// lock it holds would keep the job from everybody else.
pub(crate) const FROZEN_MS: u32 = 20_000;
/// Work that is asked for.
#[derive(Clone, Debug)]
pub struct JobRequest<'a> {
    /// What to do.
    pub kind: &'a str,
    /// How urgent it is.
    pub lane: Lane,
    /// Requests with the same key while one is open are one job.
    pub dedupe_key: &'a str,
    /// Ids only.
    pub args: &'a serde_json::Value,
    /// Not before; at once where absent.
    pub run_at: Option<DateTime<Utc>>,
}

/// One job as its claim knows it: who claims later has a higher fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The tenant.
    pub tenant: TenantId,
    /// The job.
    pub job: JobId,
    /// Raised at each claim.
    pub fence: i64,
}

/// How many jobs of a lane are where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneCount {
    /// The lane.
    pub lane: Lane,
    /// Pushed, not yet started.
    pub pushed: i64,
    /// Running.
    pub running: i64,
}

/// Asks for work. A request whose key is already open joins that job: one that waits runs at the earlier time in the
/// more urgent lane, one that runs is run once more at its end. Returns the jobs' ids in the requests' order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn enqueue(tx: &TenantTx, requests: &[JobRequest<'_>]) -> Result<Vec<JobId>, StoreError> {
    let mut ids = Vec::with_capacity(requests.len());
    for chunk in requests.chunks(1_000) {
        ids.extend(enqueue_chunk(tx, chunk).await?);
    }
    Ok(ids)
}

async fn enqueue_chunk(tx: &TenantTx, requests: &[JobRequest<'_>]) -> Result<Vec<JobId>, StoreError> {
    // One statement cannot touch a row twice: of several requests with one key, the first brings the row.
    let mut firsts: Vec<&JobRequest<'_>> = Vec::with_capacity(requests.len());
    let mut seen = std::collections::HashSet::with_capacity(requests.len());
    let mut twins: Vec<&JobRequest<'_>> = Vec::new();
    for request in requests {
        if seen.insert(request.dedupe_key) { firsts.push(request) } else { twins.push(request) }
    }
    let mut by_key = insert_jobs(tx, &firsts).await?;
    for twin in twins {
        by_key.extend(insert_jobs(tx, &[twin]).await?);
    }
    let id = |request: &JobRequest<'_>| by_key.get(request.dedupe_key).copied().ok_or(StoreError::Conflict);
    requests.iter().map(id).collect()
}

async fn insert_jobs(
    tx: &TenantTx,
    requests: &[&JobRequest<'_>],
) -> Result<std::collections::HashMap<String, JobId>, StoreError> {
    let ids: Vec<Uuid> = requests.iter().map(|_| JobId::new().0).collect();
    let kinds: Vec<String> = requests.iter().map(|r| r.kind.to_owned()).collect();
    let lanes: Vec<i16> = requests.iter().map(|r| r.lane.code()).collect();
    let keys: Vec<String> = requests.iter().map(|r| r.dedupe_key.to_owned()).collect();
    let args: Vec<String> = requests.iter().map(|r| r.args.to_string()).collect();
    // Arrays hold no NULLs: the empty text is "now".
    let times: Vec<String> = requests.iter().map(|r| r.run_at.map(|at| at.to_rfc3339()).unwrap_or_default()).collect();
    let rows = tx
        .rows(
            "INSERT INTO job AS open (tenant_id, id, kind, lane, dedupe_key, args, run_at)
             SELECT $1, u.id, u.kind, u.lane, u.key, u.args::jsonb,
                    coalesce(nullif(u.at, '')::timestamptz, now())
             FROM unnest($2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::text[], $7::text[])
                  AS u (id, kind, lane, key, args, at)
             ON CONFLICT (tenant_id, dedupe_key) WHERE state IN (0, 1, 2, 5) DO UPDATE SET
                 -- Its handler may already have read what this request is about: run it once more.
                 again = open.again OR open.state IN (2, 5),
                 run_at = CASE WHEN open.state = 2 AND NOT open.again THEN excluded.run_at
                               ELSE least(open.run_at, excluded.run_at) END,
                 lane = least(open.lane, excluded.lane),
                 args = CASE WHEN open.state = 0 THEN excluded.args ELSE open.args END
             RETURNING id, dedupe_key",
            [tx.owner(), ids.into(), kinds.into(), lanes.into(), keys.into(), args.into(), times.into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((get::<String>(row, "dedupe_key")?, JobId(get(row, "id")?))))
        .collect::<Result<_, sea_orm::DbErr>>()
        .map_err(StoreError::from)
}

/// Takes the turn of a job's key for this transaction, and its row where it is open. To be called before a change of
/// what a worker changes under that job's lease: both then take their locks in the same order.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_turn(tx: &TenantTx, dedupe_key: &str) -> Result<(), StoreError> {
    // Who comes second looks for the row only after the first has made it.
    tx.row(
        "SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2, 0))::text AS taken",
        [tx.owner(), dedupe_key.into()],
    )
    .await?;
    let open = "SELECT id FROM job WHERE tenant_id = $1 AND dedupe_key = $2 AND state IN (0, 1, 2, 5) FOR UPDATE";
    tx.row(open, [tx.owner(), dedupe_key.into()]).await?;
    Ok(())
}

/// What a transaction under a lease commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// Something; the job may still die at the same place as before.
    Effects,
    /// A checkpoint behind the place where it began: earlier crashes were not this job's fault.
    Progress,
}

/// Makes this transaction's changes count only if this claim still holds the job: locks its row until the end of the
/// transaction and extends the lease from this moment, not from the transaction's start.
///
/// # Errors
/// [`StoreError::LeaseLost`] where somebody else has it or may have it soon; then roll back.
pub async fn hold(tx: &TenantTx, claim: Claim, lease: Duration, holding: Holding) -> Result<(), StoreError> {
    let advancing = match holding {
        Holding::Effects => false,
        Holding::Progress => true,
    };
    let held = tx
        .row(
            "UPDATE job SET lease_until = greatest(lease_until, clock_timestamp() + $4 * interval '1 millisecond'),
                 crashes = CASE WHEN $6 THEN 0 ELSE crashes END
             WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND state = 2
             RETURNING set_config('idle_in_transaction_session_timeout', $5, true)",
            [
                tx.owner(),
                claim.job.0.into(),
                claim.fence.into(),
                millis(lease),
                FROZEN_MS.to_string().into(),
                advancing.into(),
            ],
        )
        .await?;
    held.map(|_| ()).ok_or(StoreError::LeaseLost)
}

/// Which of these jobs, by their keys, are open: due, pushed or running (`false`), or quarantined (`true`).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn open_among(tx: &TenantTx, dedupe_keys: Vec<String>) -> Result<Vec<(String, bool)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT dedupe_key, state = 5 AS quarantined FROM job
             WHERE tenant_id = $1 AND dedupe_key = ANY($2) AND state IN (0, 1, 2, 5)",
            [tx.owner(), dedupe_keys.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, "dedupe_key")?, get(row, "quarantined")?))).collect()
}

/// Lets a quarantined job run again, by its key; false where there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release_by_key(tx: &TenantTx, dedupe_key: &str) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT id FROM job WHERE tenant_id = $1 AND dedupe_key = $2 AND state = 5",
            [tx.owner(), dedupe_key.into()],
        )
        .await?;
    match row {
        Some(row) => release(tx, JobId(get(&row, "id")?)).await,
        None => Ok(false),
    }
}

/// Takes the right to look for lost work for this transaction; false where another process is at it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_watch_turn(tx: &PlatformTx) -> Result<bool, StoreError> {
    let row = tx.row("SELECT pg_try_advisory_xact_lock(7526483) AS mine", []).await?;
    Ok(row.map(|row| get::<bool>(&row, "mine")).transpose()?.unwrap_or_default())
}

/// Lets a quarantined or dead job run again; false where there is none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn release(tx: &TenantTx, job: JobId) -> Result<bool, StoreError> {
    let released = tx
        .run(
            "UPDATE job SET state = 0, run_at = now(), attempts = 0, crashes = 0, again = false, finished_at = NULL
             WHERE tenant_id = $1 AND id = $2 AND state IN (4, 5)
               AND NOT EXISTS (SELECT FROM job other WHERE other.tenant_id = job.tenant_id
                               AND other.dedupe_key = job.dedupe_key AND other.state IN (0, 1, 2, 5)
                               AND other.id <> job.id)",
            [tx.owner(), job.0.into()],
        )
        .await?;
    Ok(released > 0)
}

/// Takes the right to claim for this transaction; false where another relay has it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_relay_turn(tx: &PlatformTx) -> Result<bool, StoreError> {
    // Planned by rows that are not there yet, a table of a million fresh jobs is read from end to end.
    let row = tx
        .row(
            "SELECT pg_try_advisory_xact_lock(7526482) AS mine,
                    set_config('enable_seqscan', 'off', true),
                    set_config('idle_in_transaction_session_timeout', '5000', true)",
            [],
        )
        .await?;
    Ok(row.map(|row| get::<bool>(&row, "mine")).transpose()?.unwrap_or_default())
}

/// How many jobs are pushed or running, lane by lane; lanes with none are absent.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn count_leased(tx: &PlatformTx) -> Result<Vec<LaneCount>, StoreError> {
    let rows = tx
        .rows(
            "SELECT lane, count(*) FILTER (WHERE state = 1) AS pushed, count(*) FILTER (WHERE state = 2) AS running
             FROM job WHERE state IN (1, 2) GROUP BY lane",
            [],
        )
        .await?;
    let mut counts = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(lane) = Lane::from_code(get(row, "lane")?) {
            counts.push(LaneCount { lane, pushed: get(row, "pushed")?, running: get(row, "running")? });
        }
    }
    Ok(counts)
}
