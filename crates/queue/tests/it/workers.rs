//! Whole workers: speed, fairness, restarts, crashes.

use crate::stage::{PATIENCE, Process, actor, ask, connect, count, job, until_count, willing};
use chrono::{TimeDelta, Utc};
use domain::Lane;
use queue::{JobOutcome, LaneSettings, Lease, Settings, enqueue};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::{Db, StoreError};
use testkit::{TestDb, TestRedis};
use tokio::sync::{OnceCell, Semaphore};

const OPEN: &str = "SELECT count(*) FROM job WHERE state <> 3";

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_once_and_its_outcome_is_kept() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let (handler, mut runs) = actor(|_, args| async move {
        match args["number"].as_u64().unwrap() {
            0 => JobOutcome::Done,
            1 => JobOutcome::Failed { error: "unreadable".to_owned() },
            2 => JobOutcome::Retry { wait: None, error: "busy".to_owned() },
            3 => JobOutcome::Again { at: Utc::now() + TimeDelta::hours(1) },
            _ => panic!("a bug"),
        }
    });
    let process = Process::start(&test, &redis, handler);
    let ids = ask(&test.db, &scope, Lane::Lead, 5).await;

    let ran = runs.take(5).await;
    until_count(&test, "SELECT count(*) FROM job WHERE state IN (1, 2)", 0).await;

    assert_eq!(ran.iter().map(|ran| ran.job).collect::<HashSet<_>>(), ids.into_iter().collect());
    let is = async |number: u32, what: &str| {
        let sql = format!("SELECT count(*) FROM job WHERE args ->> 'number' = '{number}' AND {what}");
        assert_eq!(count(&test, &sql).await, 1, "{number}: {what}");
    };
    is(0, "state = 3 AND finished_at IS NOT NULL").await;
    is(1, "state = 4 AND last_error = 'unreadable'").await;
    is(2, "state = 0 AND attempts = 1 AND run_at > now() AND last_error = 'busy'").await;
    is(3, "state = 0 AND attempts = 0 AND run_at > now() + interval '50 minutes'").await;
    is(4, "state = 0 AND attempts = 1 AND last_error LIKE 'the job panicked%'").await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_due_jobs_drain_with_few_ids_in_redis() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    for n in 0..4 {
        let scope = test.tenant(&format!("Group {n}")).await;
        ask(&test.db, &scope, Lane::Backfill, 5_000).await;
    }
    let most = Arc::new(AtomicUsize::new(0));
    let (handler, mut runs) = willing();
    let wide = LaneSettings { slots: 32, pushed_max: 500 };
    let mut settings = Settings::new(redis.url(), "w-drain");
    settings.per_tenant = 500;
    let process = Process::start_with(&test, settings.with_lane(Lane::Backfill, wide), handler);

    let mut ran = HashMap::new();
    while ran.len() < 20_000 {
        *ran.entry(runs.next().await.job).or_insert(0) += 1;
        if ran.len() % 100 == 0 {
            let ids =
                redis.number("ZCARD driveline:backfill:scheduled") + redis.number("LLEN driveline:backfill:active");
            most.fetch_max(usize::try_from(ids).unwrap(), Ordering::Relaxed);
        }
    }
    until_count(&test, OPEN, 0).await;
    process.stop().await;

    assert!(ran.values().all(|runs| *runs == 1), "none ran twice");
    let most = most.load(Ordering::Relaxed);
    assert!((1..=1_000).contains(&most), "at most {most} ids in Redis");
    // What apalis keeps of each task is gone: only the lanes' own few keys are left.
    assert_eq!(redis.number("HLEN driveline:backfill:data"), redis.number("SCARD driveline:backfill:done"));
    assert!(redis.number("DBSIZE") < 1_500, "{} keys", redis.number("DBSIZE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_does_not_grow_with_the_jobs_that_were_done() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let (handler, mut runs) = willing();
    let process = Process::start(&test, &redis, handler);
    ask(&test.db, &scope, Lane::Lead, 500).await;
    runs.take(500).await;
    let tidied = async {
        while redis.number("HLEN driveline:lead:data") + redis.number("SCARD driveline:lead:done") > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, tidied).await.expect("Redis is tidied");
    process.stop().await;
    assert!(redis.number("DBSIZE") < 20, "{} keys are left", redis.number("DBSIZE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenants_flood_holds_nobody_else_up() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let flood = test.tenant("Flood").await;
    ask(&test.db, &flood, Lane::Routine, 20_000).await;
    for n in 0..99 {
        let scope = test.tenant(&format!("Group {n}")).await;
        ask(&test.db, &scope, Lane::Routine, 1).await;
    }
    let (handler, mut runs) = willing();
    let process = Process::start(&test, &redis, handler);

    let (mut position, mut others) = (0, 0);
    while others < 99 {
        position += 1;
        if runs.next().await.tenant != flood.tenant() {
            others += 1;
        }
    }
    process.kill();

    assert!(position <= 99 + 99, "the last of 99 others was the {position}th to run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_does_not_wait_for_a_backfill_that_fills_its_lane() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (handler, mut runs) = actor(move |_, args| {
        let held = Arc::clone(&held);
        async move {
            if args["number"] != 100_000 {
                held.acquire().await.unwrap().forget();
            }
            JobOutcome::Done
        }
    });
    let process = Process::start(&test, &redis, handler);
    ask(&test.db, &scope, Lane::Backfill, 50).await;
    runs.take(2).await;

    let tx = test.db.tenant(&scope).await.unwrap();
    let lead = enqueue(&tx, &job(Lane::Lead, 100_000)).await.unwrap();
    tx.commit().await.unwrap();
    let next = runs.next().await;

    assert_eq!(next.job, lead, "the backfill's two slots are taken, the lead's are not");
    gate.add_permits(1_000);
    runs.take(48).await;
    until_count(&test, OPEN, 0).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_jobs_run_again_within_ten_seconds() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let (stuck, mut started) = actor(|_, _| std::future::pending());
    let victim = Process::start(&test, &redis, stuck);
    let ids = ask(&test.db, &scope, Lane::Lead, 4).await;
    started.take(4).await;
    let (handler, mut runs) = willing();
    let survivor = Process::start(&test, &redis, handler);
    victim.kill();
    let killed = Instant::now();

    let again = runs.take(4).await;

    let took = killed.elapsed();
    assert!(took <= Duration::from_secs(10), "{took:?}");
    assert_eq!(again.iter().map(|ran| ran.job).collect::<HashSet<_>>(), ids.into_iter().collect());
    assert!(again.iter().all(|ran| ran.attempts == 2), "the crashed attempt counts");
    until_count(&test, OPEN, 0).await;
    survivor.stop().await;
}

/// Not idempotent on purpose: what keeps a second row away is the lease, and the mark that commits with the effect.
async fn write_effect(db: &Db, lease: &Lease, args: &serde_json::Value) -> Result<(), StoreError> {
    let tx = db.tenant(&lease.scope()).await?;
    lease.advance(&tx).await?;
    let mark = "UPDATE job SET args = args || '{\"done\": true}' WHERE tenant_id = $1 AND id = $2
                AND NOT args ? 'done' RETURNING id";
    if tx.row(mark, [tx.owner(), lease.job.0.into()]).await?.is_none() {
        return Ok(());
    }
    let insert = "INSERT INTO rooftop (tenant_id, id, name, code, time_zone)
                  VALUES ($1, $2, $3, gen_random_uuid()::text, 'UTC')";
    tx.run(insert, [tx.owner(), uuid::Uuid::now_v7().into(), args["number"].to_string().into()]).await?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn effects_are_written_once_whatever_is_killed_and_restarted() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let url = test.url();
    let act = move || {
        // Each process has a pool of its own: connections die with the process that opened them.
        let (url, pool) = (url.clone(), Arc::new(OnceCell::new()));
        actor(move |lease, args| {
            let (url, pool) = (url.clone(), Arc::clone(&pool));
            async move {
                let db = pool.get_or_init(|| connect(&url)).await;
                match write_effect(db, &lease, &args).await {
                    Ok(()) | Err(StoreError::LeaseLost) => JobOutcome::Done,
                    Err(error) => JobOutcome::Retry { wait: Some(Duration::ZERO), error: error.to_string() },
                }
            }
        })
        .0
    };
    ask(&test.db, &scope, Lane::Lead, 300).await;
    let some_are_done = |n: i64| format!("SELECT least(count(*), {n}) AS count FROM rooftop");
    // Old and new overlap; every other one is killed.
    let mut process = Process::start(&test, &redis, act());
    for round in 1..=5_i64 {
        until_count(&test, &some_are_done(round * 40), round * 40).await;
        let next = Process::start(&test, &redis, act());
        if round % 2 == 0 {
            process.kill()
        } else {
            process.stop().await
        }
        process = next;
    }
    until_count(&test, OPEN, 0).await;
    process.stop().await;

    assert_eq!(count(&test, "SELECT count(*) FROM rooftop").await, 300);
    assert_eq!(count(&test, "SELECT count(DISTINCT name) FROM rooftop").await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_gives_back_what_it_could_not_finish_and_no_crash_is_counted() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let (stuck, mut started) = actor(|_, _| std::future::pending());
    let mut settings = Settings::new(redis.url(), "w-stopped");
    settings.grace = Duration::from_millis(100);
    let process = Process::start_with(&test, settings, stuck);
    ask(&test.db, &scope, Lane::Lead, 3).await;
    started.take(3).await;

    process.stop().await;

    let given_back = "SELECT count(*) FROM job WHERE state = 0 AND crashes = 0 AND run_at <= now()";
    assert_eq!(count(&test, given_back).await, 3);
}
