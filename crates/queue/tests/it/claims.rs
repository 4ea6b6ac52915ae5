//! Asking for jobs, claiming them, and what holds against twins, zombies and crashes: Postgres alone.

use crate::stage::{ask, count, job, owner_runs};
use chrono::{TimeDelta, Utc};
use domain::{Lane, TenantId};
use queue::{enqueue, sweep_once};
use std::collections::HashSet;
use std::time::Duration;
use store::jobs::{self, Claim, ClaimLimits, Ending, Holding};
use store::{Db, StoreError};
use testkit::TestDb;

const LEASE: Duration = Duration::from_secs(60);

async fn claim(db: &Db, lane: Lane, jobs: u32, per_tenant: u32) -> Vec<Claim> {
    let tx = db.platform().await.unwrap();
    let limits = ClaimLimits { jobs, per_tenant, lease: LEASE };
    let claims = jobs::claim(&tx, lane, None, limits).await.unwrap();
    tx.commit().await.unwrap();
    claims
}

async fn start(db: &Db, claim: Claim) -> bool {
    let tx = db.platform().await.unwrap();
    let started = jobs::start(&tx, &[claim], "worker", LEASE).await.unwrap();
    tx.commit().await.unwrap();
    !started.is_empty()
}

async fn finish(db: &Db, claim: Claim, ending: Ending) -> u64 {
    let tx = db.platform().await.unwrap();
    let held = jobs::finish(&tx, &[(claim, ending)]).await.unwrap();
    tx.commit().await.unwrap();
    held
}

/// Lets all leases run out and sweeps.
async fn lose_leases(test: &TestDb) -> jobs::Swept {
    owner_runs(test, "UPDATE job SET lease_until = now() - interval '1 second' WHERE state IN (1, 2)").await;
    sweep_once(&test.db).await.unwrap()
}

#[tokio::test]
async fn two_requests_for_the_same_work_are_one_job_at_the_earlier_time_in_the_more_urgent_lane() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let later = queue::NewJob { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..job(Lane::Routine, 1) };
    let tx = test.db.tenant(&scope).await.unwrap();
    let first = enqueue(&tx, &later).await.unwrap();
    let second = enqueue(&tx, &job(Lane::Lead, 1)).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(first, second);
    assert!(claim(&test.db, Lane::Routine, 10, 10).await.is_empty());
    assert_eq!(claim(&test.db, Lane::Lead, 10, 10).await.len(), 1);
}

#[tokio::test]
async fn a_request_that_comes_while_the_job_runs_lets_it_run_once_more() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let ids = ask(&test.db, &scope, Lane::Lead, 1).await;
    let running = claim(&test.db, Lane::Lead, 1, 1).await[0];
    assert!(start(&test.db, running).await);

    assert_eq!(ask(&test.db, &scope, Lane::Lead, 1).await, ids, "it joins the running job");
    assert_eq!(finish(&test.db, running, Ending::Done).await, 1);

    let again = claim(&test.db, Lane::Lead, 1, 1).await[0];
    assert_eq!((again.job, again.fence), (running.job, running.fence + 1));
    assert!(start(&test.db, again).await);
    finish(&test.db, again, Ending::Done).await;
    assert!(claim(&test.db, Lane::Lead, 1, 1).await.is_empty(), "and only once");
}

#[tokio::test]
async fn a_job_whose_transaction_rolls_back_was_never_asked_for() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let tx = test.db.tenant(&scope).await.unwrap();
    enqueue(&tx, &job(Lane::Lead, 1)).await.unwrap();
    drop(tx);
    assert!(claim(&test.db, Lane::Lead, 1, 1).await.is_empty());
}

#[tokio::test]
async fn duplicates_twins_and_zombies_change_nothing() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 1).await;
    let old = claim(&test.db, Lane::Lead, 1, 1).await[0];
    assert!(start(&test.db, old).await);
    assert!(!start(&test.db, old).await, "the same task a second time");
    let swept = lose_leases(&test).await;
    assert_eq!(swept.crashed, 1);
    let new = claim(&test.db, Lane::Lead, 1, 1).await[0];
    assert!(!start(&test.db, old).await, "a task from before the crash");
    assert!(start(&test.db, new).await);

    let tx = test.db.tenant(&scope).await.unwrap();
    let held = jobs::hold(&tx, old, LEASE, Holding::Effects).await;
    drop(tx);
    let finished = finish(&test.db, old, Ending::Done).await;
    let tx = test.db.platform().await.unwrap();
    let extended = jobs::extend(&tx, &[old, new], LEASE).await.unwrap();
    drop(tx);

    assert!(matches!(held, Err(StoreError::LeaseLost)), "the zombie commits no effect");
    assert_eq!(finished, 0, "the zombie ends nothing");
    assert_eq!(extended, [new], "the zombie is told");
    assert_eq!(finish(&test.db, new, Ending::Done).await, 1);
}

#[tokio::test]
async fn a_lease_is_extended_while_its_own_transaction_holds_the_row() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 1).await;
    let mine = claim(&test.db, Lane::Lead, 1, 1).await[0];
    start(&test.db, mine).await;
    let tx = test.db.tenant(&scope).await.unwrap();
    jobs::hold(&tx, mine, LEASE, Holding::Effects).await.unwrap();

    let platform = test.db.platform().await.unwrap();
    let extended = tokio::time::timeout(Duration::from_secs(10), jobs::extend(&platform, &[mine], LEASE)).await;

    assert_eq!(extended.expect("it waits for nobody").unwrap(), [mine]);
}

#[tokio::test]
async fn the_third_crash_without_progress_quarantines() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let ids = ask(&test.db, &scope, Lane::Lead, 1).await;
    for crash in 1..=3 {
        let claim = claim(&test.db, Lane::Lead, 1, 1).await[0];
        assert!(start(&test.db, claim).await);
        let swept = lose_leases(&test).await;
        assert_eq!((swept.crashed, swept.quarantined), if crash < 3 { (1, 0) } else { (0, 1) }, "crash {crash}");
    }
    assert!(claim(&test.db, Lane::Lead, 1, 1).await.is_empty());
    assert_eq!(ask(&test.db, &scope, Lane::Lead, 1).await, ids, "asking again does not let it out");
    assert!(claim(&test.db, Lane::Lead, 1, 1).await.is_empty());

    let tx = test.db.tenant(&scope).await.unwrap();
    assert!(jobs::release(&tx, ids[0]).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(claim(&test.db, Lane::Lead, 1, 1).await.len(), 1, "a person does");
}

#[tokio::test]
async fn a_job_that_gets_ahead_is_not_blamed_for_its_workers_crashes() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 1).await;
    for _ in 0..5 {
        let claim = claim(&test.db, Lane::Lead, 1, 1).await[0];
        assert!(start(&test.db, claim).await);
        let tx = test.db.tenant(&scope).await.unwrap();
        jobs::hold(&tx, claim, LEASE, Holding::Progress).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(lose_leases(&test).await.crashed, 1);
    }
}

#[tokio::test]
async fn suspects_run_one_at_a_time_and_the_others_go_on() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 6).await;
    owner_runs(&test, "UPDATE job SET crashes = 2 WHERE (args ->> 'number')::int < 3").await;

    let first = claim(&test.db, Lane::Lead, 10, 10).await;
    let second = claim(&test.db, Lane::Lead, 10, 10).await;

    assert_eq!((first.len(), second.len()), (4, 0), "one suspect of three, all three others");
    for claim in first {
        start(&test.db, claim).await;
        finish(&test.db, claim, Ending::Done).await;
    }
    assert_eq!(claim(&test.db, Lane::Lead, 10, 10).await.len(), 1, "the next suspect");
}

#[tokio::test]
async fn what_was_pushed_and_not_started_is_due_again_and_counts_as_no_crash() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 5).await;
    assert_eq!(claim(&test.db, Lane::Lead, 10, 10).await.len(), 5);
    let swept = lose_leases(&test).await;
    assert_eq!((swept.unstarted, swept.crashed), (5, 0));
    assert_eq!(count(&test, "SELECT count(*) FROM job WHERE state = 0 AND crashes = 0 AND attempts = 0").await, 5);
}

#[tokio::test]
async fn a_failure_waits_and_its_attempts_count_until_a_success() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 1).await;
    let first = claim(&test.db, Lane::Lead, 1, 1).await[0];
    start(&test.db, first).await;
    finish(&test.db, first, Ending::Retry(Duration::from_secs(600), "busy".to_owned())).await;
    assert!(claim(&test.db, Lane::Lead, 1, 1).await.is_empty(), "it waits");
    assert_eq!(
        count(&test, "SELECT count(*) FROM job WHERE run_at > now() + interval '590 s' AND attempts = 1").await,
        1
    );

    // Another request for the same work does not wait for the failed one's time.
    ask(&test.db, &scope, Lane::Lead, 1).await;
    let second = claim(&test.db, Lane::Lead, 1, 1).await[0];
    start(&test.db, second).await;
    finish(&test.db, second, Ending::Again(Utc::now())).await;
    assert_eq!(count(&test, "SELECT count(*) FROM job WHERE state = 0 AND attempts = 0").await, 1);
}

#[tokio::test]
async fn tenants_take_turns_within_their_cap_whoever_waits_in_front() {
    let test = TestDb::fresh().await;
    let big = test.tenant("Big").await;
    ask(&test.db, &big, Lane::Backfill, 2_000).await;
    let mut small = HashSet::new();
    for n in 0..20 {
        let scope = test.tenant(&format!("Small {n}")).await;
        ask(&test.db, &scope, Lane::Backfill, 1).await;
        small.insert(scope.tenant());
    }

    let claims = claim(&test.db, Lane::Backfill, 64, 8).await;

    let of_big = claims.iter().filter(|claim| claim.tenant == big.tenant()).count();
    let served: HashSet<TenantId> = claims.iter().map(|claim| claim.tenant).collect();
    assert_eq!(of_big, 8, "its cap");
    assert!(small.is_subset(&served));
    assert_eq!(claims.iter().take(21).map(|claim| claim.tenant).collect::<HashSet<_>>().len(), 21, "one each first");
    assert!(claim(&test.db, Lane::Backfill, 64, 8).await.is_empty(), "the big one has its share out");
}

#[tokio::test]
async fn turns_go_on_after_the_last_tenant_and_around() {
    let test = TestDb::fresh().await;
    let mut tenants = Vec::new();
    for n in 0..5 {
        let scope = test.tenant(&format!("Group {n}")).await;
        ask(&test.db, &scope, Lane::Lead, 4).await;
        tenants.push(scope.tenant());
    }
    let limits = ClaimLimits { jobs: 2, per_tenant: 8, lease: LEASE };
    let (mut after, mut order) = (None, Vec::new());
    for _ in 0..5 {
        let tx = test.db.platform().await.unwrap();
        let claims = jobs::claim(&tx, Lane::Lead, after, limits).await.unwrap();
        tx.commit().await.unwrap();
        after = claims.last().map(|claim| claim.tenant);
        order.extend(claims.iter().map(|claim| claim.tenant));
    }
    assert_eq!(order, [tenants.clone(), tenants].concat());
}

#[tokio::test]
async fn claiming_costs_no_more_with_a_million_strangers_rows_in_front() {
    let test = TestDb::fresh().await;
    let (big, small) = (test.tenant("Big").await, test.tenant("Small").await);
    owner_runs(
        &test,
        &format!(
            "SET app.tenant_id = '{0}';
             INSERT INTO job (tenant_id, id, kind, lane, dedupe_key, args, state, run_at)
             SELECT '{0}', gen_random_uuid(), 'pull_object', 4, 'k' || n, '{{}}', 0, now()
             FROM generate_series(1, 50000) n",
            big.tenant()
        ),
    )
    .await;
    ask(&test.db, &small, Lane::Routine, 1).await;

    // The plan is what keeps it cheap: no scan of the table, whatever the statistics say.
    let tx = test.db.platform().await.unwrap();
    assert!(jobs::take_relay_turn(&tx).await.unwrap());
    let before = scanned(&test).await;
    let limits = ClaimLimits { jobs: 64, per_tenant: 8, lease: LEASE };
    let claims = jobs::claim(&tx, Lane::Routine, None, limits).await.unwrap();
    jobs::count_leased(&tx).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(claims.len(), 9);
    assert_eq!(scanned(&test).await, before, "sequential scans of the job table");
}

async fn scanned(test: &TestDb) -> i64 {
    count(test, "SELECT coalesce(seq_scan, 0) AS count FROM pg_stat_user_tables WHERE relname = 'job'").await
}

#[tokio::test]
async fn a_transaction_that_outlasts_its_lease_keeps_the_job_when_it_ends() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    ask(&test.db, &scope, Lane::Lead, 1).await;
    let running = claim(&test.db, Lane::Lead, 1, 1).await[0];
    assert!(start(&test.db, running).await);
    let short = Duration::from_millis(100);
    owner_runs(&test, "UPDATE job SET lease_until = now() + interval '100 ms'").await;
    let tx = test.db.tenant(&scope).await.unwrap();
    jobs::hold(&tx, running, short, Holding::Progress).await.unwrap();
    // Work in the database that takes longer.
    tx.rows("SELECT pg_sleep(0.3)::text", []).await.unwrap();

    let swept_meanwhile = sweep_once(&test.db).await.unwrap();
    jobs::hold(&tx, running, Duration::from_secs(6), Holding::Effects).await.unwrap();
    let lease =
        tx.row("SELECT (lease_until > clock_timestamp() + interval '5.8 s')::text AS full FROM job", []).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(swept_meanwhile, jobs::Swept::default(), "its row is locked");
    assert_eq!(lease.unwrap().try_get::<String>("", "full").unwrap(), "true", "the lease counts from the end");
    assert_eq!(sweep_once(&test.db).await.unwrap(), jobs::Swept::default());
    assert_eq!(finish(&test.db, running, Ending::Done).await, 1);
}
