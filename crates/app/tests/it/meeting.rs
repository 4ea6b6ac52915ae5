//! A person asks for something at the very moment a worker is at it: both get their way.

use crate::fake::{DMS, Dealership};
use app::engine::syncs::{Mode, pull_key};
use domain::ObjectKind;
use serde_json::json;
use std::time::Duration;
use store::TenantTx;

const CUSTOMER: ObjectKind = ObjectKind::Customer;
const PATIENCE: Duration = Duration::from_secs(30);
const BLOCKED: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND cardinality(pg_blocking_pids(pid)) > 0";

/// A worker in the middle of a transaction under its lease.
async fn at_work(here: &Dealership, key: &str) -> TenantTx {
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let held = tx
        .run(
            "UPDATE job SET lease_until = now() + interval '6 s' WHERE tenant_id = $1 AND dedupe_key = $2 AND state IN (0, 1, 2)",
            [tx.owner(), key.into()],
        )
        .await
        .unwrap();
    assert_eq!(held, 1);
    tx
}

#[tokio::test]
async fn a_sync_that_is_asked_for_while_its_job_writes_waits_and_neither_is_given_up() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "changed": "2026-11-01T00:00:00Z"}));
    let run = here.engine.start_sync(&here.scope, here.dms, Some(CUSTOMER), Mode::Full).await.unwrap().remove(0);
    let worker = at_work(&here, &pull_key(here.dms, CUSTOMER)).await;

    let (engine, scope, dms) = (here.engine.clone(), here.scope.clone(), here.dms);
    let asked = tokio::spawn(async move { engine.start_sync(&scope, dms, Some(CUSTOMER), Mode::Full).await });
    here.test.until_count(BLOCKED, 1, PATIENCE).await;
    // Postgres looks for two that wait for each other after a second only: nobody may wait at all.
    worker.run("SET LOCAL lock_timeout = '100 ms'", []).await.unwrap();
    let wrote = worker
        .run("UPDATE run SET pages = pages + 1 WHERE tenant_id = $1 AND id = $2", [worker.owner(), run.0.into()])
        .await;
    assert_eq!(wrote.unwrap(), 1, "the worker waits for nobody");
    worker.commit().await.unwrap();

    assert_eq!(asked.await.unwrap().unwrap(), vec![run]);
    here.work().await;
    assert_eq!(here.run(run).await.state, "succeeded");
}

#[tokio::test]
async fn what_a_person_tries_again_is_done_though_it_met_a_worker_the_other_way_round() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "changed": "2026-11-01T00:00:00Z"}));
    here.sync(here.dms, CUSTOMER).await;
    let golden = here.goldens(CUSTOMER).await.remove(0).id;
    // Its delivery is asked for again, and a worker is at it.
    here.engine.resync_record(&here.scope, golden).await.unwrap();
    let worker = at_work(&here, &format!("deliver {}", here.crm)).await;

    let (engine, scope) = (here.engine.clone(), here.scope.clone());
    let asked = tokio::spawn(async move { engine.resync_record(&scope, golden).await });
    here.test.until_count(BLOCKED, 1, PATIENCE).await;
    // Here Postgres gives up the one that waited longer, the person's; a worker's job would be repeated.
    let target = "UPDATE target SET attempts = 0 WHERE tenant_id = $1 AND golden_id = $2";
    worker.run(target, [worker.owner(), golden.0.into()]).await.unwrap();
    worker.commit().await.unwrap();

    asked.await.unwrap().unwrap();
    here.work().await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);
}
