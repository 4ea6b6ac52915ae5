//! Redis flushed, killed and away: nothing is lost.

use crate::stage::{Process, actor, ask, count, until_count, willing};
use domain::Lane;
use queue::JobOutcome;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::{TestDb, TestRedis};
use tokio::sync::Semaphore;

const OPEN: &str = "SELECT count(*) FROM job WHERE state <> 3";

#[tokio::test(flavor = "multi_thread")]
async fn flushing_redis_in_the_middle_loses_nothing() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let gate = Arc::new(Semaphore::new(100));
    let held = Arc::clone(&gate);
    let (handler, mut runs) = actor(move |_, _| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            JobOutcome::Done
        }
    });
    let process = Process::start(&test, &redis, handler);
    let ids = ask(&test.db, &scope, Lane::Routine, 300).await;
    let mut ran = runs.take(104).await;
    redis.flush();
    let flushed = Instant::now();
    gate.add_permits(300);

    ran.extend(runs.take(196).await);
    until_count(&test, OPEN, 0).await;

    assert!(flushed.elapsed() <= Duration::from_secs(60), "{:?}", flushed.elapsed());
    assert_eq!(ran.iter().map(|ran| ran.job).collect::<HashSet<_>>(), ids.into_iter().collect());
    assert!(ran.iter().all(|ran| ran.attempts == 1) && runs.rest().is_empty(), "what ran went on");
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_started_again_loses_nothing_and_running_jobs_go_on() {
    let (test, mut redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (handler, mut runs) = actor(move |_, _| {
        let held = Arc::clone(&held);
        async move {
            held.acquire().await.unwrap().forget();
            JobOutcome::Done
        }
    });
    let process = Process::start(&test, &redis, handler);
    ask(&test.db, &scope, Lane::Lead, 20).await;
    runs.take(4).await;

    redis.kill();
    gate.add_permits(4);
    until_count(&test, "SELECT count(*) FROM job WHERE state = 3", 4).await;
    // Asked for while Redis is away.
    let late = test.tenant("Late").await;
    ask(&test.db, &late, Lane::Lead, 1).await;
    assert!(redis.start_again());
    let back = Instant::now();
    gate.add_permits(100);
    runs.take(17).await;
    until_count(&test, OPEN, 0).await;

    assert!(back.elapsed() <= Duration::from_secs(15), "{:?} after it was back", back.elapsed());
    assert_eq!(count(&test, "SELECT count(*) FROM job WHERE crashes > 0 OR attempts > 1").await, 0);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_data_does_not_wedge_its_lane() {
    let (test, redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    // What an apalis worker cannot read ends it, and would end each of its successors.
    assert_eq!(redis.say("RPUSH driveline:lead:active 01ARZ3NDEKTSV4RRFFQ69G5FAV"), ":1");
    let (handler, mut runs) = willing();
    let process = Process::start(&test, &redis, handler);
    ask(&test.db, &scope, Lane::Lead, 5).await;

    runs.take(5).await;

    until_count(&test, OPEN, 0).await;
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_before_redis_waits_for_it() {
    let (test, mut redis) = (TestDb::fresh().await, TestRedis::start());
    let scope = test.tenant("Bayside").await;
    redis.kill();
    let (handler, mut runs) = willing();
    let process = Process::start(&test, &redis, handler);
    ask(&test.db, &scope, Lane::Lead, 3).await;
    assert!(redis.start_again());
    runs.take(3).await;
    process.stop().await;
}
