//! Work that no job is there for any more is found, shown and started again.

use crate::fake::{CRM, DMS, Dealership};
use app::engine::Engine;
use app::engine::syncs::Mode;
use app::engine::watch::Watched;
use chrono::{TimeDelta, Utc};
use domain::{ObjectKind, RunId};
use serde_json::json;
use std::sync::atomic::Ordering;
use store::engine::failures::{self, Cause};

const CUSTOMER: ObjectKind = ObjectKind::Customer;

/// The engine as it is two minutes later.
fn later(here: &Dealership) -> Engine {
    let mut engine = here.engine.clone();
    engine.clock = app::Clock::set_by(|| Utc::now() + TimeDelta::minutes(2));
    engine
}

async fn asked(here: &Dealership) -> RunId {
    for n in 0..5 {
        DMS.put(
            CUSTOMER,
            &format!("{n}"),
            json!({"first_name": "Ann", "last_name": format!("Lee{n}x"), "email": format!("a{n}@example.com")}),
        );
    }
    here.engine.start_sync(&here.scope, here.dms, Some(CUSTOMER), Mode::Full).await.unwrap()[0]
}

async fn causes(here: &Dealership) -> Vec<Cause> {
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    failures::causes(&tx, None).await.unwrap()
}

#[tokio::test]
async fn a_run_whose_job_is_gone_is_shown_and_goes_on() {
    let here = Dealership::open().await;
    let run = asked(&here).await;
    here.test.run("DELETE FROM job").await;

    let at_once = here.engine.watch().await.unwrap();
    let after_a_while = later(&here).watch().await.unwrap();
    let shown = causes(&here).await;
    here.work().await;
    let again = later(&here).watch().await.unwrap();

    assert_eq!(at_once, Watched::default(), "it may just be starting");
    assert_eq!(after_a_while, Watched { runs_restarted: 1, ..Watched::default() });
    assert_eq!((shown[0].code.as_str(), shown[0].fault.as_str()), ("run_stood_still", "driveline"));
    let run = here.run(run).await;
    assert_eq!((run.state.as_str(), run.counts.received), ("succeeded", 5));
    assert!(causes(&here).await.is_empty(), "and it is resolved");
    assert_eq!(again, Watched::default());
}

#[tokio::test]
async fn a_run_that_kills_its_worker_ends_and_a_replay_lets_it_try_again() {
    let here = Dealership::open().await;
    let run = asked(&here).await;
    here.test.run("UPDATE job SET state = 5, crashes = 3, finished_at = now()").await;

    let watched = later(&here).watch().await.unwrap();
    let stopped = here.run(run).await;
    let shown = causes(&here).await;
    here.engine.replay_cause(&here.scope, here.dms, Some(CUSTOMER), &shown[0].code).await.unwrap();
    here.work().await;

    assert_eq!(watched, Watched { runs_stopped: 1, ..Watched::default() });
    assert_eq!(stopped.state, "failed");
    assert_eq!((shown[0].next.as_str(), shown[0].fault.as_str()), ("needs_you", "driveline"));
    assert_eq!(CRM.all(CUSTOMER).len(), 5);
    assert!(causes(&here).await.is_empty());
}

#[tokio::test]
async fn deliveries_documents_and_planning_without_a_job_are_asked_for_again() {
    let here = Dealership::open().await;
    CRM.down.store(true, Ordering::SeqCst);
    asked(&here).await;
    here.work().await;
    CRM.down.store(false, Ordering::SeqCst);
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let document = br#"{"key": "d9", "record": {"first_name": "Di", "last_name": "Doe", "email": "d@example.com"}}"#;
    store::engine::inbox::store(&tx, here.dms, "document", "1", "application/json", document, Utc::now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    here.let_time_pass().await;
    here.test.run("DELETE FROM job").await;

    let watched = later(&here).watch().await.unwrap();
    here.work().await;

    assert_eq!(watched, Watched { work_restarted: 3, ..Watched::default() });
    assert_eq!(CRM.all(CUSTOMER).len(), 6, "five of the sync and one of the document");
    assert_eq!(CRM.creates.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_run_that_joined_the_ending_job_of_the_one_before_is_read_by_it() {
    let here = Dealership::open().await;
    let first = asked(&here).await;
    here.work().await;
    let second = asked(&here).await;
    here.test.run(&format!("UPDATE job SET args = '{{\"run\": \"{first}\"}}' WHERE state = 0")).await;

    here.work().await;

    assert_ne!(first, second);
    assert_eq!(here.run(second).await.state, "succeeded");
}
