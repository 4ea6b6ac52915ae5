//! What workers do with jobs: claim, start, keep alive, finish and sweep them.

use super::Claim;
use crate::error::StoreError;
use crate::sql::get;
use crate::tx::PlatformTx;
use chrono::{DateTime, Utc};
use domain::{JobId, Lane, TenantId};
use sea_orm::{QueryResult, Value};
use std::time::Duration;
use uuid::Uuid;

/// A worker that dies takes all it runs with it. What was there for the second time may be the killer: from then on
/// such jobs run one at a time, so that the next crash shows which one it was, and the others are cleared.
const SUSPECT_CRASHES: i32 = 2;
/// Rows deleted by one purge.
const PURGE_ROWS_MAX: i64 = 5_000;

/// A job that this worker holds now.
#[derive(Clone, Debug)]
pub struct Started {
    /// What is held.
    pub claim: Claim,
    /// What to do.
    pub kind: String,
    /// Its lane.
    pub lane: Lane,
    /// Ids only.
    pub args: serde_json::Value,
    /// Which attempt this is, from 1.
    pub attempts: i32,
}

/// What becomes of a job after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Done; once more where it was asked for meanwhile.
    Done,
    /// The same job again at this time; not a failure.
    Again(DateTime<Utc>),
    /// Failed, to be tried again after this wait.
    Retry(Duration, String),
    /// Failed for good.
    Dead(String),
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Pushed and never started: due again.
    pub unstarted: u64,
    /// Their worker is gone: due again.
    pub crashed: u64,
    /// Crashed too often: kept away until a person looks.
    pub quarantined: u64,
}

/// How much to claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimits {
    /// Jobs claimed at once.
    pub jobs: u32,
    /// Jobs of one tenant in this lane that are pushed or running at the same time.
    pub per_tenant: u32,
    /// How long the claim holds while nobody starts it.
    pub lease: Duration,
}

/// Claims due jobs of a lane for pushing: tenants in turn, beginning after `after`, one job each before anybody's
/// second. Of the jobs under suspicion of killing their process only one is out at a time. Finds the tenants by hopping over the index, so that a tenant with a million jobs costs one hop.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn claim(
    tx: &PlatformTx,
    lane: Lane,
    after: Option<TenantId>,
    limits: ClaimLimits,
) -> Result<Vec<Claim>, StoreError> {
    let rows = tx
        .rows(
            "WITH RECURSIVE
             leased AS MATERIALIZED (
                 SELECT tenant_id, count(*) AS n FROM job WHERE state IN (1, 2) AND lane = $1 GROUP BY tenant_id
             ),
             later AS (
                 (SELECT tenant_id, run_at FROM job WHERE state = 0 AND lane = $1 AND tenant_id > $2
                  ORDER BY lane, tenant_id, run_at LIMIT 1)
                 UNION ALL
                 SELECT hop.tenant_id, hop.run_at FROM later, LATERAL (
                     SELECT tenant_id, run_at FROM job WHERE state = 0 AND lane = $1 AND tenant_id > later.tenant_id
                     ORDER BY lane, tenant_id, run_at LIMIT 1) hop
             ),
             earlier AS (
                 (SELECT tenant_id, run_at FROM job WHERE state = 0 AND lane = $1 AND tenant_id <= $2
                  ORDER BY lane, tenant_id, run_at LIMIT 1)
                 UNION ALL
                 SELECT hop.tenant_id, hop.run_at FROM earlier, LATERAL (
                     SELECT tenant_id, run_at FROM job
                     WHERE state = 0 AND lane = $1 AND tenant_id > earlier.tenant_id AND tenant_id <= $2
                     ORDER BY lane, tenant_id, run_at LIMIT 1) hop
             ),
             turn AS MATERIALIZED (
                 SELECT tenant_id, room, row_number() OVER () AS turn FROM (
                     SELECT due.tenant_id, $4 - coalesce(leased.n, 0) AS room
                     FROM (SELECT * FROM later UNION ALL SELECT * FROM earlier) due
                     LEFT JOIN leased USING (tenant_id)
                     WHERE due.run_at <= now() AND coalesce(leased.n, 0) < $4
                     LIMIT $3
                 ) found
             ),
             chosen AS MATERIALIZED (
                 SELECT due.tenant_id, due.id, due.crashes, due.nth, turn.turn FROM turn, LATERAL (
                     SELECT tenant_id, id, crashes, row_number() OVER (ORDER BY run_at) AS nth FROM (
                         SELECT tenant_id, id, crashes, run_at FROM job
                         WHERE state = 0 AND lane = $1 AND tenant_id = turn.tenant_id AND run_at <= now()
                           AND (crashes < $6 OR NOT EXISTS (
                               SELECT FROM job suspect WHERE suspect.state IN (1, 2) AND suspect.crashes >= $6))
                         ORDER BY lane, tenant_id, run_at LIMIT turn.room FOR UPDATE SKIP LOCKED
                     ) locked
                 ) due
                 ORDER BY due.nth, turn.turn LIMIT $3
             ),
             claimed AS (
                 UPDATE job SET state = 1, fence = job.fence + 1, lease_until = now() + $5 * interval '1 millisecond'
                 FROM chosen WHERE job.tenant_id = chosen.tenant_id AND job.id = chosen.id AND job.state = 0
                   AND (chosen.crashes < $6 OR chosen.id = (SELECT id FROM chosen WHERE crashes >= $6 LIMIT 1))
                 RETURNING job.tenant_id, job.id, job.fence, chosen.nth, chosen.turn
             )
             SELECT tenant_id, id, fence FROM claimed ORDER BY nth, turn",
            [
                lane.code().into(),
                after.map_or(Uuid::nil(), |tenant| tenant.0).into(),
                i64::from(limits.jobs).into(),
                i64::from(limits.per_tenant).into(),
                millis(limits.lease),
                SUSPECT_CRASHES.into(),
            ],
        )
        .await?;
    rows.iter().map(read_claim).collect()
}

/// Gives claims back that could not be pushed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unclaim(tx: &PlatformTx, claims: &[Claim]) -> Result<u64, StoreError> {
    let [tenants, jobs, fences] = columns(claims);
    tx.run(
        "UPDATE job SET state = 0, lease_until = NULL
         FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (tenant_id, id, fence)
         WHERE job.tenant_id = c.tenant_id AND job.id = c.id AND job.fence = c.fence AND job.state = 1",
        [tenants, jobs, fences],
    )
    .await
}

/// Starts what was pushed under exactly these fences and was not started, given up or claimed anew since; the rest
/// is left out. The attempt counts from here on.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn start(
    tx: &PlatformTx,
    claims: &[Claim],
    worker: &str,
    lease: Duration,
) -> Result<Vec<Started>, StoreError> {
    let [tenants, jobs, fences] = columns(claims);
    let rows = tx
        .rows(
            "UPDATE job SET state = 2, attempts = attempts + 1, worker = $4, started_at = now(),
                 lease_until = now() + $5 * interval '1 millisecond'
             FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (tenant_id, id, fence)
             WHERE job.tenant_id = c.tenant_id AND job.id = c.id AND job.fence = c.fence AND job.state = 1
             RETURNING job.tenant_id, job.id, job.fence, job.kind, job.lane, job.args, job.attempts",
            [tenants, jobs, fences, worker.into(), millis(lease)],
        )
        .await?;
    let mut started = Vec::with_capacity(rows.len());
    for row in &rows {
        started.push(Started {
            claim: read_claim(row)?,
            kind: get(row, "kind")?,
            lane: Lane::from_code(get(row, "lane")?).unwrap_or(Lane::Routine),
            args: get(row, "args")?,
            attempts: get(row, "attempts")?,
        });
    }
    Ok(started)
}

/// Extends the leases of what runs; returns those that are still held. A row that its own handler has locked is not
/// waited for: nobody else can take it while the lock lasts.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn extend(tx: &PlatformTx, claims: &[Claim], lease: Duration) -> Result<Vec<Claim>, StoreError> {
    let [tenants, jobs, fences] = columns(claims);
    tx.run(
        "UPDATE job SET lease_until = now() + $4 * interval '1 millisecond'
         FROM (SELECT held.tenant_id, held.id FROM job held
               JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (tenant_id, id, fence)
                 ON held.tenant_id = c.tenant_id AND held.id = c.id AND held.fence = c.fence
               WHERE held.state = 2 FOR UPDATE OF held SKIP LOCKED) mine
         WHERE job.tenant_id = mine.tenant_id AND job.id = mine.id",
        [tenants.clone(), jobs.clone(), fences.clone(), millis(lease)],
    )
    .await?;
    let rows = tx
        .rows(
            "SELECT job.tenant_id, job.id, job.fence FROM job
             JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS c (tenant_id, id, fence)
               ON job.tenant_id = c.tenant_id AND job.id = c.id AND job.fence = c.fence
             WHERE job.state = 2",
            [tenants, jobs, fences],
        )
        .await?;
    rows.iter().map(read_claim).collect()
}

/// Ends runs; returns how many were still held. Asked for again meanwhile, a job is due once more, except after a
/// failure that asks for a wait.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish(tx: &PlatformTx, endings: &[(Claim, Ending)]) -> Result<u64, StoreError> {
    let claims: Vec<Claim> = endings.iter().map(|(claim, _)| *claim).collect();
    let [tenants, jobs, fences] = columns(&claims);
    let (mut hows, mut times, mut waits, mut errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, ending) in endings {
        let (how, time, wait, error) = match ending {
            Ending::Done => ("done", String::new(), 0, ""),
            Ending::Again(at) => ("again", at.to_rfc3339(), 0, ""),
            Ending::Retry(wait, error) => ("retry", String::new(), duration_ms(*wait), error.as_str()),
            Ending::Dead(error) => ("dead", String::new(), 0, error.as_str()),
        };
        hows.push(how.to_owned());
        times.push(time);
        waits.push(wait);
        errors.push(error.to_owned());
    }
    tx.run(
        "UPDATE job SET
             state = CASE WHEN e.how IN ('again', 'retry') OR job.again THEN 0 WHEN e.how = 'done' THEN 3 ELSE 4 END,
             run_at = CASE
                 WHEN e.how = 'retry' THEN now() + e.wait_ms * interval '1 millisecond'
                 WHEN e.how = 'again' AND job.again THEN least(job.run_at, e.at)
                 WHEN e.how = 'again' THEN e.at
                 ELSE job.run_at END,
             attempts = CASE WHEN e.how = 'retry' OR (e.how = 'dead' AND NOT job.again) THEN job.attempts ELSE 0 END,
             crashes = CASE WHEN e.how IN ('done', 'again') THEN 0 ELSE job.crashes END,
             finished_at = CASE WHEN e.how IN ('done', 'dead') AND NOT job.again THEN now() END,
             last_error = e.error, again = false, lease_until = NULL, worker = ''
         FROM (SELECT tenant_id, id, fence, how, nullif(at, '')::timestamptz AS at, wait_ms, error
               FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[])
                    AS u (tenant_id, id, fence, how, at, wait_ms, error)) e
         WHERE job.tenant_id = e.tenant_id AND job.id = e.id AND job.fence = e.fence AND job.state = 2",
        [tenants, jobs, fences, hows.into(), times.into(), waits.into(), errors.into()],
    )
    .await
}

/// Makes due again what was pushed and not started in time, and what runs on without a sign of life; the latter is a
/// crash, and after `crashes_max` of them the job is kept away from the workers.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn sweep(tx: &PlatformTx, crashes_max: u32) -> Result<Swept, StoreError> {
    let rows = tx
        .rows(
            "UPDATE job SET
                 state = CASE WHEN job.state = 2 AND job.crashes + 1 >= $1 THEN 5 ELSE 0 END,
                 crashes = CASE WHEN job.state = 2 THEN job.crashes + 1 ELSE job.crashes END,
                 run_at = CASE WHEN job.state = 2 THEN least(job.run_at, now()) ELSE job.run_at END,
                 finished_at = CASE WHEN job.state = 2 AND job.crashes + 1 >= $1 THEN now() END,
                 last_error = CASE WHEN job.state = 2 THEN 'the worker that ran it went away' ELSE job.last_error END,
                 again = false, lease_until = NULL, worker = ''
             FROM (SELECT tenant_id, id, state AS was FROM job
                   WHERE state IN (1, 2) AND lease_until < now()
                   ORDER BY lease_until LIMIT 1000 FOR UPDATE SKIP LOCKED) gone
             WHERE job.tenant_id = gone.tenant_id AND job.id = gone.id
             RETURNING gone.was, job.state",
            [i64::from(crashes_max).into()],
        )
        .await?;
    let mut swept = Swept::default();
    for row in &rows {
        match (get::<i16>(row, "was")?, get::<i16>(row, "state")?) {
            (1, _) => swept.unstarted += 1,
            (_, 5) => swept.quarantined += 1,
            (_, _) => swept.crashed += 1,
        }
    }
    Ok(swept)
}

/// Wakes the relays of all replicas at the end of this transaction.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn wake(tx: &PlatformTx) -> Result<(), StoreError> {
    tx.row("SELECT pg_notify('job_due', '')::text", []).await?;
    Ok(())
}

/// Deletes a batch of jobs that were done longer ago than this; returns how many.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn purge_done(tx: &PlatformTx, older_than: Duration) -> Result<u64, StoreError> {
    tx.run(
        "DELETE FROM job USING (
             SELECT tenant_id, id FROM job
             WHERE state = 3 AND finished_at < now() - $1 * interval '1 millisecond'
             ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED) old
         WHERE job.tenant_id = old.tenant_id AND job.id = old.id",
        [millis(older_than), PURGE_ROWS_MAX.into()],
    )
    .await
}

fn read_claim(row: &QueryResult) -> Result<Claim, StoreError> {
    Ok(Claim { tenant: TenantId(get(row, "tenant_id")?), job: JobId(get(row, "id")?), fence: get(row, "fence")? })
}

fn columns(claims: &[Claim]) -> [Value; 3] {
    [
        claims.iter().map(|claim| claim.tenant.0).collect::<Vec<_>>().into(),
        claims.iter().map(|claim| claim.job.0).collect::<Vec<_>>().into(),
        claims.iter().map(|claim| claim.fence).collect::<Vec<_>>().into(),
    ]
}

fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: Duration) -> Value {
    duration_ms(duration).into()
}
