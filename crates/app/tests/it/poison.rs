//! One record that cannot be taken in, or that a defect of ours chokes on, keeps no other out.

use crate::fake::{CRM, DMS, Dealership};
use app::engine::failures::reprocess_job;
use domain::ObjectKind;
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;
use store::engine::failures::{self, FailureRow};

const CUSTOMER: ObjectKind = ObjectKind::Customer;
const DEAL: ObjectKind = ObjectKind::Deal;

fn deal(n: usize, customer: &str) -> Json {
    json!({"deal_number": format!("D{n:03}"), "customer": customer, "status": "open"})
}

/// A text that no index takes and no compression makes small.
fn endless() -> String {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
    };
    (0..9_000).map(|_| next()).collect()
}

async fn open_failures(here: &Dealership) -> Vec<FailureRow> {
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let open = failures::Filter { state: Some("open".to_owned()), ..failures::Filter::default() };
    failures::page(&tx, &open, None, 100).await.unwrap()
}

#[tokio::test]
async fn of_a_page_with_two_poisonous_records_all_others_go_through() {
    let here = Dealership::open().await;
    DMS.page_size.store(500, Ordering::SeqCst);
    for n in 0..40 {
        DMS.put(DEAL, &format!("d{n:02}"), deal(n, "1"));
    }
    DMS.put(DEAL, "d07", deal(7, "1\u{0}"));
    DMS.put(DEAL, "d23", deal(23, &endless()));

    let run = here.sync(here.dms, DEAL).await;

    assert_eq!((run.counts.received, run.counts.added, run.counts.flagged), (40, 38, 2), "{run:?}");
    assert_eq!(CRM.all(DEAL).len(), 38);
    let open = open_failures(&here).await;
    let mut poisoned: Vec<&str> = open.iter().filter_map(|failure| failure.evidence.as_deref()).collect();
    poisoned.sort_unstable();
    assert_eq!(poisoned, ["d07", "d23"]);
    for failure in &open {
        assert_eq!((failure.code.as_str(), failure.next.as_str()), ("cannot_be_stored", "needs_you"));
        assert!(!failure.said.is_empty() && !failure.fix.is_empty());
    }
    // Their system is corrected; the next sync takes them in and closes the failures.
    DMS.put(DEAL, "d07", deal(7, "1"));
    DMS.put(DEAL, "d23", deal(23, "1"));
    let run = here.sync(here.dms, DEAL).await;
    assert_eq!((run.counts.added, run.counts.unchanged), (2, 38));
    assert!(open_failures(&here).await.is_empty());
}

#[tokio::test]
async fn a_poisonous_record_that_was_good_before_is_not_taken_for_gone_and_a_replay_changes_nothing() {
    let here = Dealership::open().await;
    for n in 0..4 {
        DMS.put(DEAL, &format!("d{n}"), deal(n, "1"));
    }
    here.sync(here.dms, DEAL).await;
    DMS.put(DEAL, "d2", deal(2, "1\u{0}"));

    let run = here.sync(here.dms, DEAL).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    queue::enqueue(&tx, &reprocess_job(here.dms, DEAL, true)).await.unwrap();
    tx.commit().await.unwrap();
    here.work().await;

    assert_eq!((run.counts.removed, run.counts.flagged, run.counts.unchanged), (0, 1, 3));
    assert_eq!(open_failures(&here).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_stored_is_a_failure_with_the_whole_record_in_it() {
    let here = Dealership::open().await;
    for n in 0..4 {
        DMS.put(DEAL, &format!("d{n}"), deal(n, "1"));
    }
    DMS.put(DEAL, "bad\u{0}key", deal(9, "1"));

    let run = here.sync(here.dms, DEAL).await;

    assert_eq!((run.counts.received, run.counts.added, run.counts.flagged), (5, 4, 1));
    let open = open_failures(&here).await;
    assert_eq!((open.len(), open[0].subject.as_str()), (1, "place:badkey"));
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let raw = failures::raw(&tx, open[0].id).await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Json>(&raw).unwrap(), deal(9, "1"));
}

#[tokio::test]
async fn a_defect_that_one_record_brings_to_light_holds_up_no_delivery_but_its_own() {
    let here = Dealership::open().await;
    DMS.page_size.store(500, Ordering::SeqCst);
    for n in 0..12 {
        let first = if n == 5 { "Defect" } else { "Ann" };
        DMS.put(
            CUSTOMER,
            &format!("{n:02}"),
            json!({"first_name": first, "last_name": format!("Lee{n}x"), "email": format!("a{n}@example.com")}),
        );
    }

    here.sync(here.dms, CUSTOMER).await;

    assert_eq!(CRM.all(CUSTOMER).len(), 11);
    let open = open_failures(&here).await;
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].code.as_str(), open[0].fault.as_str(), open[0].next.as_str()),
        ("our_code_failed", "driveline", "needs_you")
    );
}

#[tokio::test]
async fn a_key_of_the_crm_that_cannot_be_stored_holds_up_no_other_delivery() {
    let here = Dealership::open().await;
    CRM.down.store(true, Ordering::SeqCst);
    for n in 0..4 {
        DMS.put(
            CUSTOMER,
            &format!("{n}"),
            json!({"first_name": "Ann", "last_name": format!("Lee{n}x"), "email": format!("a{n}@example.com")}),
        );
    }
    here.sync(here.dms, CUSTOMER).await;
    let golden = here.goldens(CUSTOMER).await.remove(0).id;
    CRM.put(CUSTOMER, "bad\u{0}key", json!({"driveline": golden}));
    CRM.down.store(false, Ordering::SeqCst);

    here.let_time_pass().await;
    here.work().await;

    assert_eq!(CRM.creates.load(Ordering::SeqCst), 3);
    let open = open_failures(&here).await;
    assert_eq!((open.len(), open[0].code.as_str(), open[0].next.as_str()), (1, "unreadable", "needs_you"));
}

#[tokio::test]
async fn a_lead_carries_its_customer_to_a_system_that_takes_both_in_one() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "email": "a@example.com"}));
    here.sync(here.dms, CUSTOMER).await;
    DMS.put(ObjectKind::Lead, "l1", json!({"lead_id": "L1", "status": "new", "customer": "1"}));

    here.sync(here.dms, ObjectKind::Lead).await;

    assert_eq!(CRM.all(ObjectKind::Lead)[0]["carried_customer"], "a@example.com");
}
