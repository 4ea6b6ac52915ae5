//! How a group matches: what is learned, rules with their preview, models taught by decisions and taken back.

use crate::fake::{CRM, DMS, Dealership};
use app::AppError;
use app::engine::candidates::Verdict;
use app::matching::{Rules, Say};
use chrono::Utc;
use domain::permission::Role;
use domain::{Field, GoldenId, ObjectKind};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use store::engine::targets::Whose;
use store::engine::{candidates, handover, links, review, targets};

const CUSTOMER: ObjectKind = ObjectKind::Customer;

fn person(first: &str, last: &str, rest: Json) -> Json {
    let mut person = json!({"first_name": first, "last_name": last, "changed": "2026-11-01T00:00:00Z"});
    person.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    person
}

/// A made-up town: people whose names, streets and phones differ, each by its number, and as far from the neighbours' as
/// such things are.
fn townsman(n: usize) -> Json {
    let far = |salt: usize| n.wrapping_add(salt).wrapping_mul(2_654_435_761) % 9_999_991;
    const FIRST: [&str; 12] =
        ["Mary", "John", "Linda", "Peter", "Susan", "Paul", "Karen", "Mark", "Nancy", "Carl", "Ruth", "Gary"];
    const LAST: [&str; 10] =
        ["Abbot", "Bishop", "Carver", "Dexter", "Ellison", "Fowler", "Granger", "Holt", "Ingram", "Jasper"];
    const STREETS: [&str; 6] = ["Oak St", "Main St", "Pine Ave", "Lake Dr", "Hill Rd", "Elm Ct"];
    person(
        FIRST[n % 12],
        &format!("{}{}", LAST[n / 12 % 10], ["", "s", "son", "man"][n / 120 % 4]),
        json!({
            "email": format!("p{}@example.com", far(1)),
            "phone_mobile": format!("+1415{:07}", 2_000_000 + far(2) % 7_999_999),
            "street": format!("{} {}", far(3) % 9_000, STREETS[far(4) % 6]),
            "zip": format!("9{:04}", 4000 + far(5) % 25),
            "city": "Oakland",
            "state": "CA",
        }),
    )
}

async fn open(here: &Dealership) -> Vec<candidates::CandidateRow> {
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    review::page(&tx, &review::Filter::default(), None, 1_000, Utc::now()).await.unwrap()
}

#[tokio::test]
async fn two_entities_that_a_third_record_proves_to_be_one_are_joined_and_can_be_taken_apart() {
    let here = Dealership::open().await;
    // A first name and an address; the same surname with a phone. Nothing says that they are one.
    DMS.put(CUSTOMER, "1", person("Ann", "Quillfeather", json!({"email": "ann@example.com"})));
    DMS.put(CUSTOMER, "2", person("Ann", "Quillfeather", json!({"phone_mobile": "+14155550100"})));
    here.sync(here.dms, CUSTOMER).await;
    let before = here.goldens(CUSTOMER).await;
    assert_eq!(before.len(), 2);

    // The CRM knows both of her.
    CRM.put(
        CUSTOMER,
        "c9",
        person("Ann", "Quillfeather", json!({"email": "ann@example.com", "phone_mobile": "+14155550100"})),
    );
    here.sync(here.crm, CUSTOMER).await;

    let after = here.goldens(CUSTOMER).await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(after[0].id, before[0].id.min(before[1].id), "the oldest keeps its id");
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let why = links::within(&tx, after[0].id).await.unwrap();
    drop(tx);
    assert!(!why.is_empty());
    for link in &why {
        let sum: f64 = link.steps.as_array().unwrap().iter().map(|step| step[2].as_f64().unwrap()).sum();
        assert!((sum - link.log2_odds).abs() < 1e-6, "the waterfall sums to the score: {link:?}");
    }
    let rows = here.test.rows("SELECT id FROM candidate WHERE state = 'merged' AND decided_by IS NULL").await;
    let joined: uuid::Uuid = rows[0].try_get("", "id").unwrap();
    here.engine.decide_candidate(&here.scope, joined.into(), Verdict::Undo).await.unwrap();
    assert_eq!(here.goldens(CUSTOMER).await.len(), 2);
}

#[tokio::test]
async fn nothing_is_written_to_a_system_before_it_was_read_once() {
    let here = Dealership::open().await;
    here.test.run("UPDATE object_sync SET full_at = NULL").await;
    // No search finds her by this; only who has read the CRM knows that she is there.
    let ann = json!({"phone_mobile": "+14155550100", "birth_date": "1980-02-03"});
    CRM.put(CUSTOMER, "own", person("Ann", "Quillfeather", ann.clone()));
    DMS.put(CUSTOMER, "1", person("Ann", "Quillfeather", ann));
    DMS.put(CUSTOMER, "2", person("Robert", "Underhill", json!({"email": "rob@example.com"})));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(CRM.all(CUSTOMER).len(), 1, "nobody is made yet");
    let id = here.goldens(CUSTOMER).await[0].id;
    let page = here.app.views().record(&here.scope, id).await.unwrap().unwrap();
    assert_eq!(page.deliveries[0].state, app::views::record::DeliveryState::AwaitsFirstRead);

    here.sync(here.crm, CUSTOMER).await;

    assert_eq!((here.goldens(CUSTOMER).await.len(), CRM.all(CUSTOMER).len()), (2, 2), "only Robert was missing");
}

#[tokio::test]
async fn a_system_that_is_written_to_is_read_as_soon_as_it_is_connected() {
    let here = Dealership::open().await;
    here.test.run("UPDATE object_sync SET full_at = NULL").await;
    DMS.put(CUSTOMER, "1", person("Ann", "Quillfeather", json!({"email": "ann@example.com"})));
    here.sync(here.dms, CUSTOMER).await;
    assert!(CRM.all(CUSTOMER).is_empty());

    here.set_state(here.crm, "active").await;
    here.work().await;

    assert_eq!(CRM.all(CUSTOMER).len(), 1);
    assert_eq!(here.test.count("SELECT count(*) FROM run WHERE trigger = 'initial' AND object = 1").await, 1);
}

#[tokio::test]
async fn what_we_created_in_the_crm_is_withdrawn_when_its_own_contact_turns_out_to_be_the_same() {
    let here = Dealership::open().await;
    let crms_own = person("Ann", "Walker", json!({"phone_mobile": "+14155550100"}));
    CRM.put(CUSTOMER, "own", crms_own);
    here.sync(here.crm, CUSTOMER).await;
    DMS.put(CUSTOMER, "1", person("Ann", "Lee", json!({"phone_mobile": "+14155550100"})));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(CRM.all(CUSTOMER).len(), 2, "nobody knows yet");

    let pair = open(&here).await.remove(0);
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    here.work().await;

    let left: Vec<String> = CRM.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect();
    assert_eq!(left, ["own"], "what its people had stays, what we made goes");
    here.sync(here.crm, CUSTOMER).await;
    here.work().await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), CRM.all(CUSTOMER).len()), (1, 1));
    let gone = here.test.count("SELECT count(*) FROM source_record WHERE state = 1").await;
    assert_eq!(gone, 2, "the DMS' and the CRM's own");
}

#[tokio::test]
async fn two_contacts_of_the_crms_own_both_stay_when_they_turn_out_to_be_one_person() {
    let here = Dealership::open().await;
    let phone = json!({"phone_mobile": "+14155550100"});
    CRM.put(CUSTOMER, "a", person("Ann", "Walker", phone.clone()));
    CRM.put(CUSTOMER, "b", person("Ann", "Lee", phone));
    here.sync(here.crm, CUSTOMER).await;
    // Each is written to, and so has a target.
    DMS.put(
        CUSTOMER,
        "1",
        person("Ann", "Walker", json!({"phone_mobile": "+14155550100", "consent_email": "opted_out"})),
    );
    DMS.put(CUSTOMER, "2", person("Ann", "Lee", json!({"phone_mobile": "+14155550100", "consent_email": "opted_out"})));
    here.sync(here.dms, CUSTOMER).await;
    here.work().await;
    let known = here.test.count("SELECT count(*) FROM target WHERE external_id IN ('a', 'b') AND NOT made").await;
    assert_eq!((known, CRM.all(CUSTOMER).len()), (2, 2));

    let pair = open(&here).await.remove(0);
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    here.work().await;
    here.sync(here.crm, CUSTOMER).await;
    here.work().await;

    assert_eq!(
        (here.goldens(CUSTOMER).await.len(), CRM.all(CUSTOMER).len()),
        (1, 2),
        "its people's work is not ours to remove"
    );
    let survivor = here.goldens(CUSTOMER).await[0].id;
    let marks = || CRM.all(CUSTOMER).iter().map(|body| body["driveline"].clone()).collect::<Vec<_>>();
    assert_eq!(marks().iter().filter(|mark| !mark.is_null()).collect::<Vec<_>>(), [&json!(survivor)]);
    let due = here.test.count("SELECT count(*) FROM target WHERE state = 1").await;
    assert_eq!(due, 0, "it is let go once and done");
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Undo).await.unwrap();
    here.work().await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), CRM.all(CUSTOMER).len()), (2, 2));
    assert!(marks().iter().all(|mark| !mark.is_null()), "each is known as its own again: {:?}", marks());
}

#[tokio::test]
async fn a_contact_that_a_search_found_stays_after_a_merge_though_we_wrote_to_it_before_we_read_it() {
    let here = Dealership::open().await;
    let phone = json!({"phone_mobile": "+14155550100"});
    CRM.put(CUSTOMER, "own", person("Ann", "Walker", json!({"email": "ann@example.com", "found_by": "email"})));
    DMS.put(CUSTOMER, "1", person("Ann", "Lee", phone.clone()));
    DMS.put(
        CUSTOMER,
        "2",
        person("Ann", "Walker", json!({"phone_mobile": "+14155550100", "email": "ann@example.com"})),
    );
    here.sync(here.dms, CUSTOMER).await;
    here.work().await;
    let keys = here.test.count("SELECT count(*) FROM target WHERE made = (external_id <> 'own')").await;
    assert_eq!((keys, CRM.all(CUSTOMER).len()), (2, 2), "one was found, one was made");

    let pair = open(&here).await.remove(0);
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    here.work().await;

    let left: Vec<String> = CRM.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect();
    assert_eq!(left, ["own"], "the survivor, whose contact we had made, has the CRM's own now");
    let key = here.test.rows("SELECT external_id FROM target WHERE NOT withdraw").await;
    assert_eq!(key.len(), 1);
    assert_eq!(key[0].try_get::<String>("", "external_id").unwrap(), "own");
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Undo).await.unwrap();
    here.work().await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), CRM.all(CUSTOMER).len()), (2, 2));
}

#[tokio::test]
async fn two_people_whom_a_system_takes_for_one_are_asked_about_and_hold_nothing_up() {
    let here = Dealership::open().await;
    CRM.put(CUSTOMER, "own", person("Ann", "Lee", json!({"found_by": "surname"})));
    DMS.put(CUSTOMER, "1", person("Ann", "Lee", json!({"email": "ann@example.com"})));
    DMS.put(CUSTOMER, "2", person("Bob", "Lee", json!({"email": "bob@example.com"})));
    here.sync(here.dms, CUSTOMER).await;
    here.work().await;

    let told = here.test.count("SELECT count(*) FROM source_record WHERE external_id = 'own'").await;
    let due = here.test.count("SELECT count(*) FROM target WHERE state = 1").await;
    let questions = open(&here).await;
    assert_eq!((told, due, questions.len()), (1, 0, 1));
    assert_eq!(questions[0].reason, "Both were found to be the same record in one system");
}

#[tokio::test]
async fn a_creation_that_was_on_its_way_during_a_merge_leaves_nothing_behind() {
    let here = Dealership::open().await;
    here.set_state(here.crm, "paused").await;
    let phone = json!({"phone_mobile": "+14155550100"});
    DMS.put(CUSTOMER, "1", person("Ann", "Lee", phone.clone()));
    DMS.put(CUSTOMER, "2", person("Ann", "Walker", phone));
    here.sync(here.dms, CUSTOMER).await;
    let pair = open(&here).await.remove(0);
    here.set_state(here.crm, "active").await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let due = targets::due(&tx, here.crm, CUSTOMER, Utc::now(), 10).await.unwrap();
    drop(tx);
    assert_eq!(due.len(), 2);

    // Both are created there, and the answer comes after the merge.
    here.engine.decide_candidate(&here.scope, pair.id, Verdict::Merge).await.unwrap();
    CRM.put(CUSTOMER, "late", person("Ann", "Walker", json!({"driveline": pair.right})));
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let taken =
        handover::arrived_late(&tx, here.crm, CUSTOMER, (pair.right, pair.left), ("late", Whose::Ours), Utc::now());
    assert!(taken.await.unwrap(), "the survivor has none there yet");
    tx.commit().await.unwrap();
    here.work().await;

    let left = || CRM.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect::<Vec<_>>();
    assert_eq!(left(), ["late"]);

    // Another answer comes even later; the survivor has one there by now.
    CRM.put(CUSTOMER, "later", person("Ann", "Walker", json!({"driveline": pair.right})));
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let taken =
        handover::arrived_late(&tx, here.crm, CUSTOMER, (pair.right, pair.left), ("later", Whose::Ours), Utc::now());
    assert!(!taken.await.unwrap());
    tx.commit().await.unwrap();
    here.set_state(here.crm, "active").await;
    here.work().await;

    assert_eq!(left(), ["late"]);
    let open = here.test.count("SELECT count(*) FROM target WHERE state = 1").await;
    assert_eq!(open, 0, "it is withdrawn once and done");
}

#[tokio::test]
async fn a_number_that_was_given_to_somebody_else_leaves_the_entity() {
    let here = Dealership::open().await;
    let ann = json!({"email": "ann@example.com", "phone_mobile": "+14155550100", "birth_date": "1980-02-03"});
    DMS.put(CUSTOMER, "1", person("Ann", "Quillfeather", ann.clone()));
    CRM.put(CUSTOMER, "c1", person("Ann", "Quillfeather", ann));
    here.sync(here.crm, CUSTOMER).await;
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);

    let rob = json!({"email": "rob@example.org", "phone_mobile": "+12125550111", "birth_date": "1951-12-30"});
    DMS.put(CUSTOMER, "1", person("Robert", "Underhill", rob));
    here.sync(here.dms, CUSTOMER).await;

    let goldens = here.goldens(CUSTOMER).await;
    let mut names: Vec<String> = goldens.iter().map(|g| g.golden.fields[&Field::LAST_NAME].value.to_plain()).collect();
    names.sort();
    assert_eq!(names, ["Quillfeather", "Underhill"]);
}

#[tokio::test]
async fn rules_are_previewed_on_the_data_before_they_count() {
    let here = Dealership::open().await;
    // Same phone and names and nothing else: the rule joins, the score alone would not.
    for n in 0..6 {
        let phone = json!({"phone_mobile": format!("+1415555{n:04}")});
        DMS.put(CUSTOMER, &format!("{n}a"), person("Mary", &format!("Carver{n}"), phone.clone()));
        DMS.put(CUSTOMER, &format!("{n}b"), person("Mary", &format!("Carver{n}"), phone));
    }
    let matching = here.app.matching();
    let careful = Rules { phone: Say::Weigh, auto: Some(0.999_999_9), ..Rules::default() };
    matching.publish(&here.scope, careful).await.unwrap();
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), open(&here).await.len()), (12, 6));

    let preview = matching.preview(&here.scope, Rules::default()).await.unwrap();
    assert_eq!((preview.more_merged, preview.fewer_merged, preview.sample_merged.len()), (6, 0, 6), "{preview:?}");
    assert_eq!(here.goldens(CUSTOMER).await.len(), 12, "a preview changes nothing");

    matching.publish(&here.scope, Rules::default()).await.unwrap();
    here.work().await;
    assert_eq!((here.goldens(CUSTOMER).await.len(), open(&here).await.len()), (6, 0));
    let back = matching.preview(&here.scope, careful).await.unwrap();
    assert_eq!((back.more_merged, back.fewer_merged), (0, 6), "{back:?}");
    let first = &back.sample_loosened[0];
    assert_eq!((back.sample_loosened.len(), first.title.starts_with("Mary Carver")), (6, true), "{back:?}");
    assert!(first.score < 0.999_999_9, "{first:?}");
}

#[tokio::test]
async fn rules_that_contradict_themselves_are_refused() {
    let here = Dealership::open().await;
    let wrong = Rules { auto: Some(0.3), review: Some(0.6), ..Rules::default() };
    let refused = here.app.matching().publish(&here.scope, wrong).await;
    assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn what_was_learned_judges_from_then_on_and_is_rolled_back_in_one_step() {
    let here = Dealership::open().await;
    DMS.page_size.store(200, std::sync::atomic::Ordering::SeqCst);
    for n in 0..400 {
        DMS.put(CUSTOMER, &format!("{n:04}"), townsman(n));
    }
    // A desk's phone at twenty customers says nothing of who they are.
    for n in 0..40 {
        let mut shared = townsman(n);
        shared["phone_work"] = json!("+14155559999");
        DMS.put(CUSTOMER, &format!("{n:04}"), shared);
    }
    here.sync(here.dms, CUSTOMER).await;
    here.work().await;

    let matching = here.app.matching();
    let shown = matching.show(&here.scope).await.unwrap();
    let model = shown.model.unwrap();
    assert_eq!((model.version, model.kind.as_str(), model.records), (1, "learned", 400));
    assert_eq!(here.goldens(CUSTOMER).await.len(), 400, "nobody is anybody else");
    let shared = matching.shared_values(&here.scope).await.unwrap();
    assert_eq!(shared.iter().map(|s| (s.family.as_str(), s.holders)).collect::<Vec<_>>(), [("phone", 40)]);

    matching.activate(&here.scope, None).await.unwrap();
    assert_eq!(matching.show(&here.scope).await.unwrap().model, None, "the shipped one judges again");
    matching.activate(&here.scope, Some(1)).await.unwrap();
    here.work().await;
    assert_eq!(matching.show(&here.scope).await.unwrap().model.unwrap().version, 1);
}

#[tokio::test]
async fn decisions_teach_a_model_that_serves_only_where_it_does_better_on_those_held_back() {
    let here = Dealership::open().await;
    let matching = here.app.matching();
    assert!(matches!(matching.refit(&here.scope).await, Err(AppError::Conflict { code: "too_few_decisions", .. })));
    // Only a person may decide: whoever shares a phone and a surname is one if the birth year agrees nearly.
    matching
        .publish(
            &here.scope,
            Rules {
                email: Say::Weigh,
                phone: Say::Weigh,
                address: Say::Weigh,
                auto: Some(0.999_999_999),
                review: Some(0.02),
                ..Rules::default()
            },
        )
        .await
        .unwrap();
    DMS.page_size.store(500, std::sync::atomic::Ordering::SeqCst);
    for n in 0..240 {
        let last =
            format!("{}{}", ["Carver", "Holt", "Granger"][n % 3], char::from(b'a' + u8::try_from(n / 3 % 26).unwrap()));
        let phone = json!({"phone_mobile": format!("+1415555{n:04}"), "zip": format!("94{:03}", n % 50)});
        let other = if n % 2 == 0 { "Marie" } else { "Mark" };
        DMS.put(CUSTOMER, &format!("{n}a"), person("Mary", &last, phone.clone()));
        DMS.put(CUSTOMER, &format!("{n}b"), person(other, &last, phone));
    }
    here.sync(here.dms, CUSTOMER).await;
    let pairs = open(&here).await;
    assert!(pairs.len() >= 200, "{} pairs", pairs.len());
    let names: BTreeMap<GoldenId, String> = here
        .goldens(CUSTOMER)
        .await
        .iter()
        .map(|golden| (golden.id, golden.golden.fields[&Field::FIRST_NAME].value.to_plain()))
        .collect();
    let reviewer = here.somebody(None, Role::Reviewer);
    for pair in &pairs {
        // The dealer's people know: Marie is Mary, Mark is not.
        let is_marie = [pair.left, pair.right].iter().any(|side| names[side] == "Marie");
        let verdict = if is_marie { Verdict::Merge } else { Verdict::NotAMatch };
        here.engine.decide_candidate(&reviewer, pair.id, verdict).await.unwrap();
    }
    let shown = matching.show(&here.scope).await.unwrap();
    assert_eq!(shown.reviewed, pairs.len());
    let refit = matching.refit(&here.scope).await;
    eprintln!("{refit:?}");
    let refit = refit.unwrap();
    assert_eq!((refit.kind.as_str(), refit.state.as_str()), ("refit", "active"), "{refit:?}");
    let surprise = |when: &str| refit.figures[when]["surprise"].as_f64().unwrap();
    assert!(surprise("after") < surprise("before"), "{}", refit.figures);
    matching.activate(&here.scope, None).await.unwrap();
    assert_eq!(matching.show(&here.scope).await.unwrap().model, None);
}

#[tokio::test]
async fn somebody_who_has_more_records_than_an_address_may_have_people_stays_one() {
    let here = Dealership::open().await;
    DMS.page_size.store(10, std::sync::atomic::Ordering::SeqCst);
    for n in 0..50 {
        let own =
            json!({"email": "otti@moss.example", "phone_mobile": "+14155550177", "street": format!("{n} Oak St")});
        DMS.put(CUSTOMER, &format!("{n:02}"), person("Ottilie", "Quillfeather", own));
    }
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);

    // A salesperson's address on as many customers of their own names brings nobody together.
    for n in 0..50 {
        let names = (format!("Given{n}"), format!("Surname{n}"));
        DMS.put(CUSTOMER, &format!("s{n:02}"), person(&names.0, &names.1, json!({"email": "sales@bayside.example"})));
    }
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 51);
}
