//! The engine from a DMS to a CRM and back: nothing lost, nothing twice, everything explained.

use crate::fake::{CRM, DMS, Dealership};
use app::engine::candidates::Verdict;
use app::views::connection::Freshness;
use domain::{Field, ObjectKind};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;
use store::engine::targets::{Delivered, TargetRow, TargetState, Whose};
use store::engine::{failures, landed, review, runs, targets};

const CUSTOMER: ObjectKind = ObjectKind::Customer;

fn customer(first: &str, last: &str, email: &str) -> Json {
    json!({"first_name": first, "last_name": last, "email": email, "changed": "2026-11-01T00:00:00Z"})
}

#[tokio::test]
async fn a_customer_of_the_dms_reaches_the_crm_once_and_no_echo_follows() {
    let here = Dealership::open().await;
    for n in 0..7 {
        DMS.put(CUSTOMER, &format!("{n}"), customer("Ann", &format!("Lee{n}x"), &format!("a{n}@example.com")));
    }

    let run = here.sync(here.dms, CUSTOMER).await;
    let echo = here.sync(here.crm, CUSTOMER).await;
    here.sync(here.dms, CUSTOMER).await;

    assert_eq!((run.state.as_str(), run.counts.received, run.counts.added, run.counts.planned), ("succeeded", 7, 7, 7));
    assert_eq!(CRM.all(CUSTOMER).len(), 7);
    assert_eq!((echo.counts.received, echo.counts.unchanged), (7, 7));
    assert_eq!((CRM.creates.load(Ordering::SeqCst), CRM.updates.load(Ordering::SeqCst)), (7, 0));
}

#[tokio::test]
async fn two_systems_that_know_one_person_make_one_golden_record_and_the_loser_is_kept() {
    let here = Dealership::open().await;
    CRM.put(CUSTOMER, "x1", json!({"first_name": "Bill", "last_name": "Leigh", "email": "b@example.com", "changed": "2026-11-02T00:00:00Z"}));
    DMS.put(CUSTOMER, "9", customer("William", "Leigh", "b@example.com"));
    here.sync(here.crm, CUSTOMER).await;

    let run = here.sync(here.dms, CUSTOMER).await;

    assert_eq!((run.counts.matched, run.counts.added), (1, 0));
    let goldens = here.goldens(CUSTOMER).await;
    assert_eq!((goldens.len(), goldens[0].members, goldens[0].conflicts), (1, 2, 1));
    let first = &goldens[0].golden.fields[&Field::FIRST_NAME];
    assert_eq!((first.value.to_plain().as_str(), first.losers.len()), ("William", 1));
    assert_eq!(CRM.all(CUSTOMER)[0]["first_name"], "William", "the CRM was brought to what holds");
    assert_eq!(CRM.creates.load(Ordering::SeqCst), 0, "it was found, not made again");
}

#[tokio::test]
async fn an_opt_out_in_the_dms_reaches_the_crm_whatever_the_crm_says_later() {
    let here = Dealership::open().await;
    let mut record = customer("Ann", "Lee", "a@example.com");
    record["consent_email"] = json!("opted_out");
    DMS.put(CUSTOMER, "1", record);
    here.sync(here.dms, CUSTOMER).await;
    let key = CRM.records.lock().unwrap().keys().next().unwrap().1.clone();
    let mut theirs = CRM.all(CUSTOMER)[0].clone();
    theirs["consent_email"] = json!("opted_in");
    theirs["changed"] = json!("2026-11-20T00:00:00Z");
    CRM.put(CUSTOMER, &key, theirs);

    here.sync(here.crm, CUSTOMER).await;

    assert_eq!(CRM.all(CUSTOMER)[0]["consent_email"], "opted_out");
}

#[tokio::test]
async fn a_newer_email_of_the_crm_becomes_golden_and_is_not_written_back_over_it() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "email": "old@example.com", "phone_mobile": "4155550100", "changed": "2026-11-01T00:00:00Z"}));
    here.sync(here.dms, CUSTOMER).await;
    let key = CRM.records.lock().unwrap().keys().next().unwrap().1.clone();
    let mut theirs = CRM.all(CUSTOMER)[0].clone();
    theirs["email"] = json!("new@example.com");
    theirs["changed"] = json!("2026-11-20T00:00:00Z");
    CRM.put(CUSTOMER, &key, theirs);

    here.sync(here.crm, CUSTOMER).await;

    let goldens = here.goldens(CUSTOMER).await;
    assert_eq!(goldens[0].golden.fields[&Field::EMAIL].value.to_plain(), "new@example.com");
    assert_eq!(CRM.all(CUSTOMER)[0]["email"], "new@example.com");
    assert_eq!(CRM.updates.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_system_that_is_down_waits_for_it_and_gets_the_newest_state_once() {
    let here = Dealership::open().await;
    CRM.down.store(true, Ordering::SeqCst);
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", customer("Anna", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    assert_eq!(failures::causes(&tx, None).await.unwrap().len(), 1, "somebody can see why");
    drop(tx);

    CRM.down.store(false, Ordering::SeqCst);
    here.let_time_pass().await;
    here.work().await;

    assert_eq!(CRM.all(CUSTOMER)[0]["first_name"], "Anna");
    assert_eq!((CRM.creates.load(Ordering::SeqCst), CRM.updates.load(Ordering::SeqCst)), (1, 0));
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    assert!(failures::causes(&tx, None).await.unwrap().is_empty(), "and it is resolved");
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_effect_makes_no_duplicate() {
    let here = Dealership::open().await;
    CRM.deaf.store(true, Ordering::SeqCst);
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;

    CRM.deaf.store(false, Ordering::SeqCst);
    here.let_time_pass().await;
    here.work().await;

    assert_eq!(CRM.all(CUSTOMER).len(), 1);
    assert_eq!(CRM.creates.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_only_the_crm_knows_stays_known_after_we_wrote_there() {
    let here = Dealership::open().await;
    let ann = |consent: &str| {
        let mut ann = customer("Ann", "Lee", "a@example.com");
        ann["consent_email"] = json!(consent);
        ann
    };
    let mut theirs = customer("Ann", "Lee", "a@example.com");
    theirs["phone_mobile"] = json!("4155550111");
    CRM.put(CUSTOMER, "c1", theirs);
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", ann("opted_out"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(CRM.all(CUSTOMER)[0]["consent_email"], "opted_out");

    DMS.put(CUSTOMER, "1", ann("opted_in"));
    here.sync(here.dms, CUSTOMER).await;

    let goldens = here.goldens(CUSTOMER).await;
    let value = |field: Field| goldens[0].golden.fields.get(&field).map(|decided| decided.value.to_plain());
    assert_eq!(value(Field::PHONE_MOBILE).as_deref(), Some("+14155550111"), "the CRM told it, and nobody else");
    assert_eq!(value(Field::CONSENT_EMAIL).as_deref(), Some("opted_in"), "what we wrote is not the CRM's word");
}

#[tokio::test]
async fn an_address_that_the_crm_gives_to_one_record_only_goes_to_the_next_when_it_is_free() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "family@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    DMS.put(CUSTOMER, "2", customer("Robert", "Stone", "family@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let addresses =
        || CRM.all(CUSTOMER).iter().map(|c| (c["first_name"].clone(), c["email"].clone())).collect::<Vec<_>>();
    assert_eq!(addresses(), [(json!("Ann"), json!("family@example.com")), (json!("Robert"), Json::Null)]);

    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "ann@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(addresses(), [(json!("Ann"), json!("ann@example.com")), (json!("Robert"), json!("family@example.com"))]);
}

#[tokio::test]
async fn an_address_that_the_crms_own_people_free_goes_to_who_wants_it() {
    let here = Dealership::open().await;
    for (key, first) in [("x1", "Zoe"), ("x2", "Yan")] {
        let mut theirs = customer(first, "Quill", &format!("{first}@example.com").to_lowercase());
        theirs["changed"] = json!("2026-10-01T00:00:00Z");
        CRM.put(CUSTOMER, key, theirs);
    }
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "zoe@example.com"));
    DMS.put(CUSTOMER, "2", customer("Ben", "Ost", "yan@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let address = |first: &str| {
        let all = CRM.all(CUSTOMER);
        all.iter().find(|c| c["first_name"] == *first).map(|c| c["email"].clone()).unwrap()
    };
    assert_eq!((address("Ann"), address("Ben")), (Json::Null, Json::Null));

    let mut zoe = customer("Zoe", "Quill", "zoe.quill@example.com");
    zoe["changed"] = json!("2026-11-05T00:00:00Z");
    CRM.put(CUSTOMER, "x1", zoe);
    here.sync(here.crm, CUSTOMER).await;
    assert_eq!((address("Ann"), address("Ben")), (json!("zoe@example.com"), Json::Null));
}

#[tokio::test]
async fn what_is_asked_anew_while_it_is_on_its_way_goes_once_more() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "ann@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let golden = here.goldens(CUSTOMER).await.remove(0);
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let ask = async || {
        targets::replay(&tx, here.crm, Some(vec![golden.id.0]), chrono::Utc::now()).await.unwrap();
        targets::of_goldens(&tx, vec![golden.id.0]).await.unwrap().remove(0)
    };
    let settle = async |read: &TargetRow| {
        let delivered = Delivered {
            golden: golden.id,
            version: golden.version,
            hash: vec![7; 16],
            external_id: read.external_id.clone(),
            whose: Whose::AsBefore,
            due_at: read.due_at,
        };
        targets::settle(&tx, here.crm, &[delivered], chrono::Utc::now()).await.unwrap();
        targets::of_goldens(&tx, vec![golden.id.0]).await.unwrap().remove(0).state
    };
    let on_its_way = ask().await;
    let asked_meanwhile = ask().await;
    assert_eq!(settle(&on_its_way).await, TargetState::Due);
    assert_eq!(settle(&asked_meanwhile).await, TargetState::Settled);
}

#[tokio::test]
async fn a_system_that_had_none_before_we_wrote_there_has_lost_nothing() {
    let here = Dealership::open().await;
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let freshness = async || {
        let page = here.app.views().connection(&here.scope, here.crm).await.unwrap().unwrap();
        page.line.objects.iter().find(|line| line.object == CUSTOMER).unwrap().freshness(chrono::Utc::now())
    };
    assert_eq!(freshness().await, Freshness::NoneYet);

    here.sync(here.crm, CUSTOMER).await;
    assert_eq!(freshness().await, Freshness::Fresh);

    CRM.forget();
    here.sync(here.crm, CUSTOMER).await;
    assert_ne!(freshness().await, Freshness::NoneYet, "it had some");
}

#[tokio::test]
async fn what_we_write_to_a_system_while_it_is_read_is_not_taken_for_gone() {
    let here = Dealership::open().await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let now = chrono::Utc::now() - chrono::TimeDelta::hours(1);
    let (run, _) = runs::request(&tx, here.crm, CUSTOMER, "full", "person", now).await.unwrap();
    runs::start(&tx, run, now).await.unwrap();
    tx.commit().await.unwrap();

    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;

    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    assert_eq!(landed::count_unseen(&tx, here.crm, CUSTOMER, run).await.unwrap(), (0, 1));
    assert!(landed::unseen(&tx, here.crm, CUSTOMER, run, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_read_that_loses_most_records_stops_and_asks_before_anything_is_removed() {
    let here = Dealership::open().await;
    for n in 0..20 {
        DMS.put(CUSTOMER, &format!("{n:02}"), customer("Ann", &format!("Lee{n}x"), &format!("a{n}@example.com")));
    }
    here.sync(here.dms, CUSTOMER).await;
    for n in 0..15 {
        DMS.take(CUSTOMER, &format!("{n:02}"));
    }

    let run = here.sync(here.dms, CUSTOMER).await;
    assert_eq!((run.state.as_str(), run.counts.removed), ("held", 0), "{}", run.message);
    assert_eq!(here.goldens(CUSTOMER).await.len(), 20);

    here.engine.approve_removals(&here.scope, run.id).await.unwrap();
    here.work().await;
    let run = here.run(run.id).await;
    assert_eq!((run.state.as_str(), run.counts.removed), ("succeeded", 15));
    // The CRM knows them still: they are customers of the dealership all the same.
    assert_eq!(here.goldens(CUSTOMER).await.len(), 20);
    assert_eq!(CRM.all(CUSTOMER).len(), 20);
}

#[tokio::test]
async fn an_empty_answer_is_never_green_and_removes_nothing() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    DMS.take(CUSTOMER, "1");
    for n in 0..9 {
        DMS.put(CUSTOMER, &format!("z{n}"), customer("Ann", &format!("Ng{n}q"), &format!("z{n}@example.com")));
    }
    here.sync(here.dms, CUSTOMER).await;
    for n in 0..9 {
        DMS.take(CUSTOMER, &format!("z{n}"));
    }

    let run = here.sync(here.dms, CUSTOMER).await;

    assert_ne!(run.state, "succeeded");
    assert_eq!(run.counts.removed, 0);
}

#[tokio::test]
async fn a_record_with_nothing_to_go_on_is_kept_explained_and_mended_by_its_correction() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"city": "Tampa", "email": "NA"}));
    let run = here.sync(here.dms, CUSTOMER).await;
    assert_eq!((run.counts.flagged, run.counts.added), (1, 0));
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let causes = failures::causes(&tx, None).await.unwrap();
    assert_eq!((causes[0].code.as_str(), causes[0].next.as_str()), ("incomplete", "needs_you"));
    drop(tx);

    DMS.put(CUSTOMER, "1", json!({"city": "Tampa", "last_name": "Lee"}));
    let run = here.sync(here.dms, CUSTOMER).await;

    assert_eq!(run.counts.added, 1);
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    assert!(failures::causes(&tx, None).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_person_merges_a_doubtful_pair_and_takes_it_back_to_the_byte() {
    let here = Dealership::open().await;
    let email = "b@example.com";
    DMS.put(CUSTOMER, "1", customer("Ann", "Walker", email));
    DMS.put(CUSTOMER, "2", customer("Ann", "Lee", email));
    let run = here.sync(here.dms, CUSTOMER).await;
    assert_eq!(run.counts.to_review, 2, "{:?}", run.counts);
    let before = here.goldens(CUSTOMER).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let pair = review::page(&tx, &review::Filter::default(), None, 10, chrono::Utc::now()).await.unwrap().remove(0);
    drop(tx);

    let survivor = here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    here.work().await;
    let merged = here.goldens(CUSTOMER).await;
    assert_eq!((merged.len(), merged[0].members >= 2, Some(merged[0].id)), (1, true, survivor));
    assert!(here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.is_err(), "decided once");

    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Undo).await.unwrap();
    here.work().await;
    let after = here.goldens(CUSTOMER).await;
    let content = |rows: &[store::engine::goldens::GoldenRow]| {
        rows.iter().map(|row| (row.id, row.golden.clone())).collect::<Vec<_>>()
    };
    assert_eq!(content(&after), content(&before));
}

#[tokio::test]
async fn what_a_person_told_apart_is_not_joined_by_the_next_sync() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Walker", "b@example.com"));
    DMS.put(CUSTOMER, "2", customer("Ann", "Lee", "b@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let pair = review::page(&tx, &review::Filter::default(), None, 10, chrono::Utc::now()).await.unwrap().remove(0);
    drop(tx);

    here.engine.decide_candidate(&here.scope, pair.id, Verdict::NotAMatch).await.unwrap();
    let open = async || {
        let tx = here.test.db.tenant(&here.scope).await.unwrap();
        review::count(&tx, &review::Filter::default(), None, chrono::Utc::now()).await.unwrap()
    };
    let mut lee = customer("Ann", "Lee", "b@example.com");
    lee["consent_email"] = json!("opted_in");
    DMS.put(CUSTOMER, "2", lee);
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), open().await), (2, 0), "nothing new was said about who they are");

    DMS.put(CUSTOMER, "2", customer("Anna", "Lee", "b@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), open().await), (2, 1), "asked again, and never joined alone");
}

#[tokio::test]
async fn a_deal_is_delivered_with_its_customers_key_there() {
    let here = Dealership::open().await;
    DMS.put(ObjectKind::Deal, "d1", json!({"deal_number": "D100", "customer": "1", "status": "delivered"}));
    here.sync(here.dms, ObjectKind::Deal).await;
    DMS.put(CUSTOMER, "1", customer("Ann", "Lee", "a@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    DMS.put(ObjectKind::Deal, "d2", json!({"deal_number": "D200", "customer": "1", "status": "open"}));

    here.sync(here.dms, ObjectKind::Deal).await;

    let key = CRM.records.lock().unwrap().keys().find(|(o, _)| *o == CUSTOMER).unwrap().1.clone();
    let deals = CRM.all(ObjectKind::Deal);
    let second = deals.iter().find(|deal| deal["deal_number"] == "D200").unwrap();
    assert_eq!(second["customer"], json!(key));
}

#[tokio::test]
async fn a_sold_vehicle_is_withdrawn_where_it_was_shown() {
    let here = Dealership::open().await;
    let car =
        |status: &str| json!({"stock_number": "A1", "vin": "1HGCM82633A004352", "status": status, "price": "19999"});
    DMS.put(ObjectKind::Inventory, "A1", car("in_stock"));
    here.sync(here.dms, ObjectKind::Inventory).await;
    assert_eq!(CRM.all(ObjectKind::Inventory).len(), 1);

    DMS.put(ObjectKind::Inventory, "A1", car("sold"));
    here.sync(here.dms, ObjectKind::Inventory).await;

    assert_eq!(CRM.all(ObjectKind::Inventory).len(), 0);
}

#[tokio::test]
async fn a_stranger_can_neither_start_a_sync_nor_decide_nor_replay() {
    let here = Dealership::open().await;
    let stranger = here.test.tenant("Stranger").await;
    DMS.put(CUSTOMER, "1", json!({"city": "Tampa"}));
    here.sync(here.dms, CUSTOMER).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let failure = failures::page(&tx, &failures::Filter::default(), None, 1).await.unwrap().remove(0);
    drop(tx);

    let started = here.engine.start_sync(&stranger, here.dms, None, app::engine::syncs::Mode::Full).await;
    let replayed = here.engine.replay_failure(&stranger, failure.id).await;

    assert!(matches!(started, Err(app::engine::EngineError::NotFound(_))));
    assert!(matches!(replayed, Err(app::engine::EngineError::NotFound(_))));
}

#[tokio::test]
async fn nothing_personal_lies_in_the_database_in_clear() {
    let here = Dealership::open().await;
    DMS.put(CUSTOMER, "1", json!({"first_name": "Xanthippe", "last_name": "Quillfeather", "email": "xq@quill-feather.example", "phone_mobile": "4155550188", "street": "77 Unlikely Lane", "city": "Tampa", "zip": "33601"}));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(
        here.goldens(CUSTOMER).await[0].golden.fields[&Field::EMAIL].value.to_plain(),
        "xq@quill-feather.example"
    );

    let dump = here.test.dump().await;

    for secret in ["xanthippe", "quillfeather", "quill-feather", "4155550188", "unlikely lane"] {
        assert!(!dump.to_lowercase().contains(secret), "`{secret}` lies in clear");
    }
}
