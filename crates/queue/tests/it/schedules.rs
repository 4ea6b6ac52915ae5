//! Schedules: each tick has one effect, whoever fires it and whatever the clocks say.

use crate::stage::{PATIENCE, connect, count, owner_runs};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Lane;
use queue::{JobKind, NewJob, OnTick, Tick, enqueue, fire_due};
use serde_json::json;
use store::{StoreError, TenantScope, TenantTx};
use testkit::TestDb;
use uuid::Uuid;

/// Asks for a job per tick.
struct AskForRun;

#[async_trait]
impl OnTick for AskForRun {
    async fn on_tick(&self, tx: &TenantTx, tick: &Tick) -> Result<(), StoreError> {
        // A second effect of one tick would be a second job.
        let dedupe_key = format!("{}:{}", tick.at, Uuid::now_v7());
        let args = json!({ "at": tick.at });
        enqueue(tx, &NewJob { kind: JobKind::PullObject, lane: Lane::Routine, dedupe_key, args, run_at: None }).await?;
        Ok(())
    }
}

async fn schedule(test: &TestDb, scope: &TenantScope, catch_up: &str, next_at: DateTime<Utc>) {
    let (tenant, connection, id) = (scope.tenant(), Uuid::now_v7(), Uuid::now_v7());
    owner_runs(
        test,
        &format!(
            "SET app.tenant_id = '{tenant}';
             INSERT INTO connection (tenant_id, id, connector, name, system_role)
             VALUES ('{tenant}', '{connection}', 'files', 'c-{connection}', 'dms');
             INSERT INTO schedule (tenant_id, id, connection_id, object, cadence, catch_up, time_zone, next_at)
             VALUES ('{tenant}', '{id}', '{connection}', 1, '{{\"every\": \"minutes\", \"minutes\": 1}}',
                     '{catch_up}', 'America/Chicago', '{next_at}')"
        ),
    )
    .await;
}

fn start() -> DateTime<Utc> {
    "2026-03-08T07:00:00Z".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_with_jumping_clocks_fire_each_of_a_thousand_ticks_once() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    for _ in 0..4 {
        schedule(&test, &scope, "all", start()).await;
    }
    let (one, two, three) = (connect(&test.url()).await, connect(&test.url()).await, connect(&test.url()).await);

    for minute in 0..250 {
        let now = start() + TimeDelta::minutes(minute);
        // One replica's clock goes ahead or behind by up to ten minutes, but not at the end.
        let astray = if minute < 230 { now + TimeDelta::minutes(minute * 7 % 21 - 10) } else { now };
        let (a, b, c) = tokio::join!(
            fire_due(&one, &AskForRun, Some(now)),
            fire_due(&two, &AskForRun, Some(astray)),
            fire_due(&three, &AskForRun, Some(now)),
        );
        for fired in [a, b, c] {
            fired.unwrap();
        }
    }

    assert_eq!(count(&test, "SELECT count(*) FROM job").await, 1_000);
    assert_eq!(count(&test, "SELECT count(*) FROM schedule_tick").await, 1_000);
    assert_eq!(count(&test, "SELECT count(DISTINCT args ->> 'at') FROM job").await, 250);
}

#[tokio::test]
async fn an_outage_of_half_an_hour_is_caught_up_as_configured() {
    let test = TestDb::fresh().await;
    for (catch_up, ticks) in [("once", 1), ("all", 31), ("skip", 1)] {
        let scope = test.tenant(catch_up).await;
        schedule(&test, &scope, catch_up, start()).await;
        let back = start() + TimeDelta::minutes(30);
        assert_eq!(fire_due(&test.db, &AskForRun, Some(back)).await.unwrap(), ticks, "{catch_up}");
        assert_eq!(fire_due(&test.db, &AskForRun, Some(back)).await.unwrap(), 0, "{catch_up}, a second time");
        let next = back + TimeDelta::minutes(1);
        assert_eq!(fire_due(&test.db, &AskForRun, Some(next)).await.unwrap(), 1, "{catch_up}, afterwards");
        owner_runs(&test, "UPDATE schedule SET enabled = false").await;
    }
}

#[tokio::test]
async fn a_tick_whose_effect_fails_is_fired_again() {
    struct Fails;
    #[async_trait]
    impl OnTick for Fails {
        async fn on_tick(&self, _: &TenantTx, _: &Tick) -> Result<(), StoreError> {
            Err(StoreError::Conflict)
        }
    }
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    schedule(&test, &scope, "once", start()).await;
    assert_eq!(fire_due(&test.db, &Fails, Some(start())).await.unwrap(), 0);
    // The failed transaction is rolled back in the background; until then its schedule is passed over.
    let again = async {
        while fire_due(&test.db, &AskForRun, Some(start())).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it is fired again");
    assert_eq!(count(&test, "SELECT count(*) FROM job").await, 1);
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_leaves_the_others_alone() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    schedule(&test, &scope, "once", start()).await;
    owner_runs(&test, "UPDATE schedule SET time_zone = 'Mars/Olympus'").await;
    schedule(&test, &scope, "once", start()).await;
    assert_eq!(fire_due(&test.db, &AskForRun, Some(start())).await.unwrap(), 1);
}
