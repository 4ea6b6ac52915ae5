//! A system that is connected, resumed or written to later receives what was there before.

use crate::fake::{CRM, DMS, Dealership};
use crate::scene::Crm;
use app::TenantScope;
use app::connections::SetObject;
use domain::{ConnectionId, ObjectKind};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;
use store::engine::targets;
use testkit::TestApp;
use uuid::Uuid;

const CUSTOMER: ObjectKind = ObjectKind::Customer;

fn customer(n: usize) -> Json {
    json!({"first_name": "Ann", "last_name": format!("Lee{n}x"), "email": format!("a{n}@example.com"), "changed": "2026-11-01T00:00:00Z"})
}

fn effects() -> (usize, usize) {
    (CRM.creates.load(Ordering::SeqCst), CRM.updates.load(Ordering::SeqCst))
}

async fn targets_of(here: &Dealership) -> usize {
    let ids: Vec<Uuid> = here.goldens(CUSTOMER).await.iter().map(|golden| golden.id.0).collect();
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    targets::of_goldens(&tx, ids).await.unwrap().len()
}

#[tokio::test]
async fn a_crm_that_is_connected_after_the_dms_receives_every_customer_once() {
    let here = Dealership::open().await;
    here.set_state(here.crm, "draft").await;
    // More than one piece.
    DMS.page_size.store(500, Ordering::SeqCst);
    for n in 0..1_203 {
        DMS.put(CUSTOMER, &format!("{n:05}"), customer(n));
    }
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!((CRM.all(CUSTOMER).len(), targets_of(&here).await), (0, 0), "nobody plans for a draft");

    here.set_state(here.crm, "active").await;
    here.work().await;
    here.set_state(here.crm, "active").await;
    here.work().await;

    assert_eq!(CRM.all(CUSTOMER).len(), 1_203);
    assert_eq!(effects(), (1_203, 0), "a second time asks for nothing");
}

#[tokio::test]
async fn what_the_new_system_holds_already_is_not_written_and_what_differs_is() {
    let here = Dealership::open().await;
    here.set_push(here.crm, CUSTOMER, "none").await;
    let mut same = customer(1);
    same["driveline"] = json!("theirs");
    CRM.put(CUSTOMER, "c-same", same);
    let mut other = customer(2);
    other["first_name"] = json!("Anna");
    CRM.put(CUSTOMER, "c-other", other);
    for n in 1..4 {
        DMS.put(CUSTOMER, &format!("{n}"), customer(n));
    }
    here.sync(here.dms, CUSTOMER).await;
    here.sync(here.crm, CUSTOMER).await;

    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    here.work().await;

    assert_eq!(effects(), (1, 1), "one was missing, one differed");
    assert_eq!(targets_of(&here).await, 2, "what agrees needs no target");
}

#[tokio::test]
async fn widening_from_updates_to_creations_creates_what_is_missing() {
    let here = Dealership::open().await;
    here.set_push(here.crm, CUSTOMER, "update_only").await;
    for n in 0..4 {
        DMS.put(CUSTOMER, &format!("{n}"), customer(n));
    }
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(effects(), (0, 0));

    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    here.work().await;

    assert_eq!(effects(), (4, 0));
}

#[tokio::test]
async fn a_paused_system_misses_nothing_and_gets_the_newest_state_on_resume() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", customer(1));
    here.sync(here.dms, CUSTOMER).await;
    here.set_state(here.crm, "paused").await;
    let mut changed = customer(1);
    changed["first_name"] = json!("Anne");
    DMS.put(CUSTOMER, "1", changed);
    DMS.put(CUSTOMER, "2", customer(2));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(effects(), (1, 0), "nothing is written while it is paused");

    here.set_state(here.crm, "active").await;
    here.work().await;

    assert_eq!(effects(), (2, 1));
    assert!(CRM.all(CUSTOMER).iter().any(|record| record["first_name"] == "Anne"));
}

#[tokio::test]
async fn what_its_people_deleted_there_is_not_planned_again() {
    let here = Dealership::open().await;
    for n in 0..3 {
        DMS.put(CUSTOMER, &format!("{n}"), customer(n));
    }
    here.sync(here.dms, CUSTOMER).await;
    let key = CRM.records.lock().unwrap().keys().next().unwrap().1.clone();
    here.sync(here.crm, CUSTOMER).await;
    CRM.take(CUSTOMER, &key);
    here.sync(here.crm, CUSTOMER).await;

    here.set_state(here.crm, "active").await;
    here.work().await;

    assert_eq!(CRM.all(CUSTOMER).len(), 2);
}

#[tokio::test]
async fn a_rooftops_system_receives_its_rooftops_customers_alone() {
    let here = Dealership::open().await;
    for n in 0..3 {
        DMS.put(CUSTOMER, &format!("{n}"), customer(n));
    }
    here.set_push(here.crm, CUSTOMER, "none").await;
    here.sync(here.dms, CUSTOMER).await;
    let elsewhere = here.add_rooftop("Kia").await;
    here.move_to(here.crm, Some(elsewhere)).await;
    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    here.work().await;
    assert_eq!(effects(), (0, 0));

    here.move_to(here.crm, Some(here.rooftop)).await;
    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    here.work().await;

    assert_eq!(effects(), (3, 0));
}

#[tokio::test]
async fn the_first_good_test_and_a_wider_direction_ask_for_what_exists() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let connections = test.app.connections();
    let made = connections.connect(&scope, crm.ask("pat-na1-simulated")).await.unwrap();

    connections.test(&scope, made.id).await.unwrap();
    let after_test = wanted(&test, &scope, made.id).await;
    let ask = |push: &str| SetObject { object: CUSTOMER, pull: true, push: push.to_owned() };
    connections.set_object(&scope, made.id, ask("none")).await.unwrap();
    connections.set_object(&scope, made.id, ask("create_and_update")).await.unwrap();

    assert_eq!(after_test, 1);
    assert_eq!(wanted(&test, &scope, made.id).await, 2);
}

#[tokio::test]
async fn a_system_that_acts_on_each_lead_is_sent_the_new_ones_alone() {
    const LEAD: ObjectKind = ObjectKind::Lead;
    let lead = |status: &str| json!({"lead_id": "L1", "status": status});
    let here = Dealership::open().await;
    here.set_push(here.crm, LEAD, "none").await;
    DMS.put(LEAD, "old", lead("new"));
    here.sync(here.dms, LEAD).await;

    here.set_push(here.crm, LEAD, "create_and_update").await;
    here.work().await;
    DMS.put(LEAD, "old", lead("lost"));
    here.sync(here.dms, LEAD).await;
    assert!(CRM.all(LEAD).is_empty(), "an old lead is sent neither when the system comes nor when it changes");

    DMS.put(LEAD, "new", json!({"lead_id": "L2", "status": "new"}));
    here.sync(here.dms, LEAD).await;
    DMS.put(LEAD, "new", json!({"lead_id": "L2", "status": "sold"}));
    here.sync(here.dms, LEAD).await;
    let sent = CRM.all(LEAD);
    assert_eq!((sent.len(), &sent[0]["lead_id"], &sent[0]["status"]), (1, &json!("L2"), &json!("sold")));
}

/// How often planning was asked for.
async fn wanted(test: &TestApp, scope: &TenantScope, connection: ConnectionId) -> i64 {
    let tx = test.app.db().tenant(scope).await.unwrap();
    store::engine::existing::progress(&tx, connection, CUSTOMER).await.unwrap().unwrap().wanted
}
