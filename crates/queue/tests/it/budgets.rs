//! The vendor's quota: shared by all workers, kept without Redis too.

use domain::{ConnectionId, TenantId};
use queue::{Budgets, Quota};
use std::time::{Duration, Instant};
use testkit::TestRedis;

/// Two per second: one at once, the next half a second later.
const SLOW: Quota = Quota { calls: 2, window_ms: 1_000 };
/// One per minute.
const SCARCE: Quota = Quota { calls: 1, window_ms: 60_000 };

#[tokio::test]
async fn two_workers_share_one_quota_and_neither_exceeds_it() {
    let redis = TestRedis::start();
    let (here, there) = (Budgets::new(&redis.url()).unwrap(), Budgets::new(&redis.url()).unwrap());
    let (tenant, connection) = (TenantId::new(), ConnectionId::new());
    let quota = Quota { calls: 20, window_ms: 1_000 };
    let began = Instant::now();
    let take = async |budgets: &Budgets| {
        for _ in 0..20 {
            budgets.of(tenant, connection, quota).take().await.unwrap();
        }
    };
    tokio::join!(take(&here), take(&there));

    // 40 calls at 20 a second, the first of them at once.
    assert!(began.elapsed() >= Duration::from_millis(1_900), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_would_wait_too_long_is_told_when_to_come_back() {
    let redis = TestRedis::start();
    let budget = Budgets::new(&redis.url()).unwrap().of(TenantId::new(), ConnectionId::new(), SCARCE);
    budget.take().await.unwrap();
    let wait = budget.take().await.unwrap_err();
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60), "{wait:?}");
}

#[tokio::test]
async fn connections_do_not_share_a_quota() {
    let redis = TestRedis::start();
    let budgets = Budgets::new(&redis.url()).unwrap();
    let tenant = TenantId::new();
    for _ in 0..3 {
        budgets.of(tenant, ConnectionId::new(), SCARCE).take().await.unwrap();
    }
}

#[tokio::test]
async fn a_pause_holds_for_all_workers_and_when_redis_forgets_it() {
    let redis = TestRedis::start();
    let (here, there) = (Budgets::new(&redis.url()).unwrap(), Budgets::new(&redis.url()).unwrap());
    let (tenant, connection) = (TenantId::new(), ConnectionId::new());
    here.of(tenant, connection, SLOW).pause(Duration::from_secs(30)).await;

    let elsewhere = there.of(tenant, connection, SLOW).take().await;
    redis.flush();
    let forgotten = here.of(tenant, connection, SLOW).take().await;

    for wait in [elsewhere.unwrap_err(), forgotten.unwrap_err()] {
        assert!(wait > Duration::from_secs(20) && wait <= Duration::from_secs(30), "{wait:?}");
    }
}

#[tokio::test]
async fn without_redis_the_quota_is_kept_in_process_at_half_the_pace_and_redis_is_used_again_when_back() {
    let mut redis = TestRedis::start();
    let budgets = Budgets::new(&redis.url()).unwrap();
    let budget = budgets.of(TenantId::new(), ConnectionId::new(), SLOW);
    budget.take().await.unwrap();
    redis.kill();

    let began = Instant::now();
    for _ in 0..3 {
        budget.take().await.unwrap();
    }
    let alone = began.elapsed();
    assert!(redis.start_again());
    let scarce = budgets.of(TenantId::new(), ConnectionId::new(), SCARCE);
    let shared = async {
        while redis.number("DBSIZE") == 0 {
            scarce.take().await.ok();
            tokio::task::yield_now().await;
        }
    };

    assert!(alone >= Duration::from_millis(1_900), "three at one a second, the first at once: {alone:?}");
    tokio::time::timeout(Duration::from_secs(20), shared).await.expect("Redis keeps the budget again");
}
