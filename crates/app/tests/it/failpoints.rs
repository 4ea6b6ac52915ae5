//! Ended at any named place and started again, a day's work ends as if nothing had happened: nothing lost, nothing done
//! twice. The places are read from the engine's source, and each must lie on the way.

use crate::fake::{CRM, DMS, Dealership};
use app::engine::failures::reprocess_job;
use app::engine::syncs::Mode;
use chrono::Utc;
use domain::{ConnectionId, ObjectKind};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use store::engine::runs::Counts;
use store::engine::{failures, inbox, runs};

const CUSTOMER: ObjectKind = ObjectKind::Customer;
const DEAL: ObjectKind = ObjectKind::Deal;
const INVENTORY: ObjectKind = ObjectKind::Inventory;
/// Rounds of work and waiting after which everything must be done.
const ROUNDS_MAX: usize = 12;

/// All named places of the engine.
fn places() -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for piece in text.split("failpoint!(\"").skip(1) {
            places.insert(piece.split('"').next().unwrap().to_owned());
        }
    }
    places
}

fn customer(n: usize) -> Json {
    json!({"first_name": "Ann", "last_name": format!("Lee{n}x"), "email": format!("a{n}@example.com"), "changed": "2026-11-01T00:00:00Z"})
}

fn car(n: usize) -> Json {
    json!({"stock_number": format!("A{n}"), "vin": format!("1HGCM82633A00{n:04}"), "status": "in_stock", "price": "19999"})
}

/// How everything stands at the end of the day.
#[derive(Debug, PartialEq)]
struct End {
    crm: Vec<String>,
    feed: Vec<Json>,
    goldens: Vec<String>,
    runs: Vec<(ObjectKind, String, Counts)>,
    writes: (usize, usize),
    open_failures: usize,
}

struct Day {
    here: Dealership,
}

impl Day {
    /// Works until nothing is to be done any more.
    async fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            self.here.work().await;
            let tx = self.here.test.db.tenant(&self.here.scope).await.unwrap();
            let open = tx.rows("SELECT id FROM job WHERE state NOT IN (3, 4)", []).await.unwrap().len();
            let dead = tx.rows("SELECT id FROM job WHERE state = 4", []).await.unwrap().len();
            drop(tx);
            assert_eq!(dead, 0, "a job was given up");
            if open == 0 {
                return;
            }
            self.here.let_time_pass().await;
        }
        panic!("work is left after {ROUNDS_MAX} rounds");
    }

    async fn start(&self, connection: ConnectionId, object: ObjectKind) {
        self.here.engine.start_sync(&self.here.scope, connection, Some(object), Mode::Full).await.unwrap();
    }

    async fn sync(&self, connection: ConnectionId, object: ObjectKind) {
        self.start(connection, object).await;
        self.settle().await;
    }

    async fn end(&self) -> End {
        let mut crm: Vec<String> = Vec::new();
        for ((object, _), record) in CRM.records.lock().unwrap().iter() {
            let mut record = record.clone();
            // Ids and keys differ from day to day.
            record.as_object_mut().unwrap().remove("driveline");
            let has_customer = record.as_object_mut().unwrap().remove("customer").is_some();
            crm.push(format!("{object} {record} {has_customer}"));
        }
        crm.sort();
        let mut goldens = Vec::new();
        for object in [CUSTOMER, DEAL, INVENTORY] {
            for golden in self.here.goldens(object).await {
                let values: Vec<String> = golden
                    .golden
                    .fields
                    .iter()
                    .filter(|(field, _)| field.name() != "customer")
                    .map(|(field, decided)| format!("{}={}", field.name(), decided.value.to_plain()))
                    .collect();
                goldens.push(format!("{object} {} {}", golden.members, values.join(" ")));
            }
        }
        goldens.sort();
        let mut feed = CRM.feed.lock().unwrap().clone();
        feed.sort_by_key(ToString::to_string);
        let tx = self.here.test.db.tenant(&self.here.scope).await.unwrap();
        let mut rows = runs::page(&tx, None, None, 100).await.unwrap();
        rows.sort_by_key(|run| (run.queued_at, run.object));
        let open = failures::Filter { state: Some("open".to_owned()), ..failures::Filter::default() };
        let twice: Vec<String> =
            CRM.effects.lock().unwrap().iter().filter(|(_, many)| **many > 1).map(|(key, _)| key.clone()).collect();
        assert!(twice.is_empty(), "had an effect twice: {twice:?}");
        End {
            crm,
            feed,
            goldens,
            runs: rows.into_iter().map(|run| (run.object, run.state, run.counts)).collect(),
            writes: (CRM.creates.load(Ordering::SeqCst), CRM.updates.load(Ordering::SeqCst)),
            open_failures: failures::page(&tx, &open, None, 100).await.unwrap().len(),
        }
    }
}

/// A day in which every kind of work is done. Whatever is armed strikes when it is reached first.
async fn day() -> End {
    DMS.forget();
    CRM.forget();
    let here = Dealership::open().await;
    here.set_push(here.crm, INVENTORY, "feed").await;
    let day = Day { here };
    let here = &day.here;
    day.settle().await;
    // A first sync, pages of three.
    for n in 0..7 {
        DMS.put(CUSTOMER, &format!("{n}"), customer(n));
    }
    day.sync(here.dms, CUSTOMER).await;
    // A deal waits for its customer, who could not be delivered yet.
    CRM.down.store(true, Ordering::SeqCst);
    DMS.put(CUSTOMER, "7", customer(7));
    day.start(here.dms, CUSTOMER).await;
    here.work().await;
    here.let_time_pass().await;
    here.work().await;
    CRM.down.store(false, Ordering::SeqCst);
    DMS.put(DEAL, "d1", json!({"deal_number": "D100", "customer": "7", "status": "open"}));
    day.start(here.dms, DEAL).await;
    here.work().await;
    day.settle().await;
    // Two are gone; then most of the stock, which asks.
    DMS.take(CUSTOMER, "0");
    DMS.take(CUSTOMER, "1");
    day.sync(here.dms, CUSTOMER).await;
    for n in 0..8 {
        DMS.put(INVENTORY, &format!("A{n}"), car(n));
    }
    day.sync(here.dms, INVENTORY).await;
    for n in 1..8 {
        DMS.take(INVENTORY, &format!("A{n}"));
    }
    day.sync(here.dms, INVENTORY).await;
    // A document, a record read anew, all of them read again, and all planned again.
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let document = json!({"key": "9", "record": customer(9)}).to_string();
    inbox::store(&tx, here.dms, "document", "1", "application/json", document.as_bytes(), Utc::now()).await.unwrap();
    queue::enqueue(&tx, &app::engine::failures::inbox_job(here.dms)).await.unwrap();
    queue::enqueue(&tx, &reprocess_job(here.dms, CUSTOMER, false)).await.unwrap();
    tx.commit().await.unwrap();
    day.settle().await;
    let third = here.goldens(CUSTOMER).await.remove(3).id;
    here.engine.resync_record(&here.scope, third).await.unwrap();
    day.settle().await;
    here.set_push(here.crm, CUSTOMER, "create_and_update").await;
    day.settle().await;
    // Two that may be one, and what is learned from everybody.
    let mut married = customer(8);
    DMS.put(CUSTOMER, "8", married.clone());
    married["last_name"] = json!("Walker");
    DMS.put(CUSTOMER, "8b", married);
    day.sync(here.dms, CUSTOMER).await;
    here.engine.start_learning(&here.scope).await.unwrap();
    day.settle().await;
    day.end().await
}

#[tokio::test]
async fn every_named_place_lies_on_the_way_of_the_day() {
    let hit: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for place in places() {
        let (hit, name) = (Arc::clone(&hit), place.clone());
        fail::cfg_callback(place, move || {
            hit.lock().unwrap().insert(name.clone());
        })
        .unwrap();
    }

    let end = day().await;

    let hit = hit.lock().unwrap().clone();
    assert_eq!(places().difference(&hit).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(hit.len() > 20, "{hit:?}");
    assert_eq!((end.crm.len(), end.feed.len(), end.open_failures), (12, 8, 0), "{end:#?}");
}

/// The day, ended once at each of these places.
async fn ended_at(action: &str, part: usize, parts: usize) {
    let undisturbed = day().await;
    for place in places().into_iter().skip(part).step_by(parts) {
        fail::cfg(place.as_str(), action).unwrap();

        let end = day().await;

        fail::remove(&place);
        assert_eq!(end, undisturbed, "ended at {place}");
    }
}

#[tokio::test]
async fn a_day_with_a_crash_at_any_place_ends_like_any_other() {
    ended_at("1*panic(killed by the test)", 0, 2).await;
}

#[tokio::test]
async fn a_day_with_a_crash_at_any_other_place_ends_like_any_other() {
    ended_at("1*panic(killed by the test)", 1, 2).await;
}

#[tokio::test]
async fn a_day_with_a_passing_failure_at_any_place_ends_like_any_other() {
    ended_at("1*return", 0, 2).await;
}

#[tokio::test]
async fn a_day_with_a_passing_failure_at_any_other_place_ends_like_any_other() {
    ended_at("1*return", 1, 2).await;
}
