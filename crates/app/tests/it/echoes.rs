//! What we wrote is read before the answer to the write came: it stays our own voice.

use crate::fake::{CRM, DMS, Dealership};
use app::engine::candidates::Verdict;
use chrono::Utc;
use domain::{Field, ObjectKind};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;
use store::engine::review;

const CUSTOMER: ObjectKind = ObjectKind::Customer;

fn ann(field: Field, value: &str) -> Json {
    let mut ann = json!({"first_name": "Ann", "last_name": "Lee", "email": "a@example.com"});
    ann[field.name()] = json!(value);
    ann
}

async fn value(here: &Dealership, field: Field) -> Option<String> {
    let goldens = here.goldens(CUSTOMER).await;
    assert_eq!(goldens.len(), 1);
    goldens[0].golden.fields.get(&field).map(|decided| decided.value.to_plain())
}

/// Writes whose answers are lost, then a read of the CRM before anything is tried again.
async fn write_deaf_and_read(here: &Dealership) {
    CRM.deaf.store(true, Ordering::SeqCst);
    here.sync(here.dms, CUSTOMER).await;
    CRM.deaf.store(false, Ordering::SeqCst);
}

#[tokio::test]
async fn a_contact_that_we_made_is_known_by_its_mark_and_stays_ours() {
    let here = Dealership::open().await;
    let first = json!({"first_name": "Ann", "last_name": "Lee", "phone_mobile": "+14155550100"});
    DMS.put(CUSTOMER, "1", first);
    write_deaf_and_read(&here).await;
    // The CRM adds something by itself, as they do to everything new.
    let key = CRM.records.lock().unwrap().keys().next().unwrap().1.clone();
    CRM.records.lock().unwrap().get_mut(&(CUSTOMER, key)).unwrap()["lifecycle_stage"] = json!("lead");
    here.sync(here.crm, CUSTOMER).await;

    assert_eq!(value(&here, Field::LIFECYCLE_STAGE).await, None, "nobody of the dealership said so");
    here.let_time_pass().await;
    here.work().await;
    assert_eq!(CRM.all(CUSTOMER).len(), 1);

    // Its people have had her under another address, which makes two; ours is one too many.
    CRM.put(CUSTOMER, "own", json!({"first_name": "Ann", "last_name": "Lee", "email": "a@example.com"}));
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", ann(Field::PHONE_MOBILE, "+14155550100"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(value(&here, Field::EMAIL).await.as_deref(), Some("a@example.com"));
    let left: Vec<String> = CRM.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect();
    assert_eq!(left, ["own"], "what we made is withdrawn, for it is known as ours");
}

#[tokio::test]
async fn a_value_that_we_wrote_does_not_become_the_systems_own_word() {
    let here = Dealership::open().await;
    CRM.put(CUSTOMER, "c1", ann(Field::FIRST_NAME, "Ann"));
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", ann(Field::CONSENT_EMAIL, "opted_out"));
    write_deaf_and_read(&here).await;
    assert_eq!(CRM.all(CUSTOMER)[0]["consent_email"], "opted_out", "it was written");
    here.sync(here.crm, CUSTOMER).await;

    DMS.put(CUSTOMER, "1", ann(Field::CONSENT_EMAIL, "opted_in"));
    here.sync(here.dms, CUSTOMER).await;
    here.let_time_pass().await;
    here.work().await;

    assert_eq!(value(&here, Field::CONSENT_EMAIL).await.as_deref(), Some("opted_in"), "the CRM never said otherwise");
    assert_eq!(CRM.all(CUSTOMER)[0]["consent_email"], "opted_in");
}

#[tokio::test]
async fn of_two_contacts_that_we_made_for_one_person_one_stays() {
    let here = Dealership::open().await;
    let phone = json!("+14155550100");
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "phone_mobile": phone}));
    DMS.put(CUSTOMER, "2", json!({"first_name": "Ann", "last_name": "Walker", "phone_mobile": phone}));
    write_deaf_and_read(&here).await;
    assert_eq!(CRM.all(CUSTOMER).len(), 2);
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let pair = review::page(&tx, &review::Filter::default(), None, 10, Utc::now()).await.unwrap().remove(0);
    drop(tx);

    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    here.sync(here.crm, CUSTOMER).await;
    here.let_time_pass().await;
    here.work().await;

    let left = CRM.all(CUSTOMER);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["driveline"], json!(here.goldens(CUSTOMER).await[0].id));
}

#[tokio::test]
async fn what_we_made_while_it_turned_out_that_the_system_has_its_own_leaves_again() {
    let here = Dealership::open().await;
    let phone = json!("+14155550100");
    DMS.put(CUSTOMER, "1", json!({"first_name": "Ann", "last_name": "Lee", "phone_mobile": phone}));
    write_deaf_and_read(&here).await;
    let (key, made) = {
        // The creation is still on its way.
        let mut records = CRM.records.lock().unwrap();
        let ((_, key), made) = records.pop_first().unwrap();
        (key, made)
    };
    CRM.put(CUSTOMER, "own", json!({"first_name": "Ann", "last_name": "Walker", "phone_mobile": phone}));
    here.sync(here.crm, CUSTOMER).await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let pair = review::page(&tx, &review::Filter::default(), None, 10, Utc::now()).await.unwrap().remove(0);
    drop(tx);
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();

    CRM.put(CUSTOMER, &key, made);
    here.sync(here.crm, CUSTOMER).await;
    here.let_time_pass().await;
    here.work().await;

    let left: Vec<String> = CRM.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect();
    assert_eq!(left, ["own"]);
    assert_eq!(CRM.all(CUSTOMER)[0]["last_name"], "Lee", "its own is written to");
    assert_eq!(here.test.count("SELECT count(*) FROM target WHERE state = 1 OR surplus IS NOT NULL").await, 0);
    assert_eq!(here.test.count("SELECT count(*) FROM source_record WHERE state = 1").await, 2);
}

#[tokio::test]
async fn a_mark_from_an_earlier_connection_takes_nobodys_word_away() {
    let here = Dealership::open().await;
    here.test.run("UPDATE object_sync SET full_at = NULL").await;
    DMS.put(CUSTOMER, "1", ann(Field::FIRST_NAME, "Ann"));
    here.sync(here.dms, CUSTOMER).await;
    let golden = here.goldens(CUSTOMER).await[0].id;
    let mut theirs = ann(Field::PHONE_MOBILE, "+14155550111");
    theirs["driveline"] = json!(golden);
    CRM.put(CUSTOMER, "c1", theirs);

    here.sync(here.crm, CUSTOMER).await;

    assert_eq!(value(&here, Field::PHONE_MOBILE).await.as_deref(), Some("+14155550111"), "the CRM's people told it");
    assert_eq!(here.test.count("SELECT count(*) FROM target WHERE made").await, 0);
}
