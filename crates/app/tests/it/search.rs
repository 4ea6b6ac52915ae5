//! Everything in a group is found by what people know it by, and by nobody whom it does not concern.

use crate::fake::{DMS, Dealership};
use app::AppError;
use app::candidates::Filter;
use app::engine::candidates::Verdict;
use app::search::{Found, FoundBy, Straight};
use domain::ObjectKind::{Customer, Deal, Inventory, Lead, RepairOrder, Vehicle};
use domain::permission::Role;
use domain::{Lane, ObjectKind, RunId};
use queue::{JobKind, NewJob, enqueue};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering;
use store::TenantScope;

const VIN: &str = "1HGCM82633A004352";

async fn find(here: &Dealership, scope: &TenantScope, text: &str) -> Found {
    here.app.search().find(scope, text, 20).await.unwrap()
}

/// What was found, as `kind title`.
async fn titles(here: &Dealership, scope: &TenantScope, text: &str) -> Vec<String> {
    let found = find(here, scope, text).await;
    found
        .groups
        .iter()
        .flat_map(|group| group.records.iter().map(|record| format!("{} {}", record.object, record.title)))
        .collect()
}

async fn put_and_sync(here: &Dealership, records: &[(ObjectKind, &str, Json)]) -> RunId {
    for (object, key, record) in records {
        DMS.put(*object, key, record.clone());
    }
    let mut last = None;
    for object in ObjectKind::ALL {
        if records.iter().any(|(kind, _, _)| *kind == object) {
            last = Some(here.sync(here.dms, object).await.id);
        }
    }
    last.unwrap()
}

fn person(first: &str, last: &str, email: &str) -> Json {
    json!({"first_name": first, "last_name": last, "email": email})
}

/// Ann with a car, its sale and its service; a company; somebody else.
async fn furnished() -> (Dealership, RunId) {
    let here = Dealership::open().await;
    let ann = json!({"first_name": "Mary Ann", "last_name": "O'Brien-García", "email": "ann+cars@example.com",
        "phone_mobile": "(281) 555-0123"});
    let run = put_and_sync(
        &here,
        &[
            (Customer, "1", ann),
            (Customer, "2", json!({"company_name": "Acme Towing, LLC", "email": "office@acme.example"})),
            (Customer, "3", person("Bo", "Ng", "bo@example.com")),
            (Vehicle, "v1", json!({"vin": VIN, "owner": "1", "make": "Honda"})),
            (Inventory, "s1", json!({"stock_number": "P-1234A", "vin": VIN, "status": "in_stock", "make": "Honda"})),
            (Deal, "d1", json!({"deal_number": "D100", "stock_number": "N77", "vin": VIN, "status": "open"})),
            (RepairOrder, "r1", json!({"ro_number": "600123", "customer": "1", "vin": VIN})),
            (Lead, "l1", json!({"lead_id": "L-9", "source": "Cars.com", "status": "new"})),
        ],
    )
    .await;
    (here, run)
}

#[tokio::test]
async fn everything_is_found_by_what_people_know_it_by() {
    let (here, _) = furnished().await;
    let ann = "customer Mary Ann O'Brien-García";
    let car = ["vehicle Honda", "inventory P-1234A Honda", "deal D100", "repair_order 600123"];
    let cases: [(&str, &[&str]); 24] = [
        ("ANN+cars@example.com", &[ann]),
        ("ann@example.com", &[ann]),
        ("281.555.0123", &[ann]),
        ("+1 281 555 0123", &[ann]),
        (" 1hgcm82633a004352 ", &car),
        ("3a004352", &car),
        ("p1234a", &[car[1]]),
        ("P-1234A", &[car[1]]),
        ("d100", &[car[2]]),
        ("N77", &[car[2]]),
        ("600123", &[car[3]]),
        ("l9", &["lead Cars.com"]),
        ("obrien garcia", &[ann]),
        ("OBRI", &[ann]),
        ("mary o'brien-garcia", &[ann]),
        ("obri mary", &[ann]),
        ("mary obri", &[ann]),
        ("Mary", &[ann]),
        ("acme towing", &["customer Acme Towing, LLC"]),
        ("Acme Tow", &["customer Acme Towing, LLC"]),
        ("Ng", &["customer Bo Ng"]),
        ("ng, bo", &["customer Bo Ng"]),
        ("zoe ng", &[]),
        ("nobody@example.com", &[]),
    ];
    for (text, expected) in cases {
        let mut found = titles(&here, &here.scope, text).await;
        // A deal is titled by its number and its name, which these have not.
        found.iter_mut().for_each(|title| *title = title.trim_end().to_owned());
        assert_eq!(found, expected, "{text}");
    }
}

#[tokio::test]
async fn what_one_thing_alone_has_leads_straight_there() {
    let (here, run) = furnished().await;
    let straight = async |text: &str| find(&here, &here.scope, text).await.straight;
    let id = async |text: &str, object: ObjectKind| {
        let found = find(&here, &here.scope, text).await;
        found.groups.iter().find(|group| group.object == object).unwrap().records[0].id
    };
    let (ann, car) = (id("ann+cars@example.com", Customer).await, id(VIN, Vehicle).await);

    assert_eq!(straight("ann+cars@example.com").await, Some(Straight::Record(ann)));
    assert_eq!(straight("Mary O'Brien-Garcia").await, Some(Straight::Record(ann)));
    assert_eq!(straight(VIN).await, Some(Straight::Record(car)), "the car, though its papers name the VIN too");
    assert_eq!(straight(&ann.to_string()).await, Some(Straight::Record(ann)));
    assert_eq!(straight(&run.to_string()).await, Some(Straight::Run(run)));
    assert_eq!(straight("obri").await, None, "a beginning is not beyond doubt");
    let refused = here.app.search().find(&here.scope, " x ", 20).await;
    assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn a_beginning_finds_each_surname_though_one_of_them_is_very_common() {
    let here = Dealership::open().await;
    DMS.page_size.store(500, Ordering::SeqCst);
    for n in 0..300 {
        DMS.put(Customer, &format!("s{n}"), person(&format!("Given{n}"), "Smith", &format!("s{n}@example.com")));
    }
    DMS.put(Customer, "t", person("John", "Smithers", "t@example.com"));
    DMS.put(Customer, "u", person("Ann", "Smiley", "u@example.com"));
    here.sync(here.dms, Customer).await;

    let (begun, whole) = (find(&here, &here.scope, "smi").await, find(&here, &here.scope, "Smith").await);
    let with_first = titles(&here, &here.scope, "john smi").await;
    let turned = titles(&here, &here.scope, "smith given12").await;

    let names: Vec<&str> = begun.groups[0].records.iter().map(|record| record.title.as_str()).collect();
    assert!(names.contains(&"John Smithers") && names.contains(&"Ann Smiley"), "{names:?}");
    assert!(whole.groups[0].more && whole.groups[0].records.len() == 20);
    assert!(whole.groups[0].records.iter().all(|record| record.found_by == FoundBy::Name));
    assert_eq!(with_first, ["customer John Smithers"]);
    assert_eq!(turned.first().map(String::as_str), Some("customer Given12 Smith"), "the whole name comes first");
}

#[tokio::test]
async fn who_is_limited_to_a_rooftop_finds_what_its_systems_tell_of() {
    let here = Dealership::open().await;
    let kia = here.add_rooftop("Kia").await;
    let dms_b = here.second_dms(kia).await;
    DMS.put(Customer, "1", person("Ann", "Adams", "a@example.com"));
    DMS.put(Vehicle, "v1", json!({"vin": VIN}));
    let run_a = here.sync(here.dms, Customer).await.id;
    here.sync(here.dms, Vehicle).await;
    DMS.forget();
    DMS.put(Customer, "9", person("Bo", "Baker", "b@example.com"));
    let run_b = here.sync(dms_b, Customer).await.id;
    let (of_a, of_b) = (here.manager_of(here.rooftop), here.manager_of(kia));
    let ann = find(&here, &here.scope, "adams").await.groups[0].records[0].id;

    for text in ["adams", "adam", "ann adams", "a@example.com", VIN, "3A004352", "Ann", &ann.to_string()] {
        assert_eq!(titles(&here, &of_a, text).await.len(), 1, "{text}");
        assert_eq!(find(&here, &of_b, text).await, Found::default(), "{text}");
    }
    assert_eq!(titles(&here, &of_b, "baker").await, ["customer Bo Baker"]);
    let runs = async |scope, run: RunId| find(&here, scope, &run.to_string()).await.runs.len();
    assert_eq!((runs(&of_a, run_a).await, runs(&of_a, run_b).await, runs(&of_b, run_b).await), (1, 0, 1));
}

#[tokio::test]
async fn another_group_finds_nothing_of_it() {
    let (here, run) = furnished().await;
    let stranger = here.test.tenant("Elsewhere").await;
    let ann = find(&here, &here.scope, "obri").await.groups[0].records[0].id.to_string();

    for text in ["ann@example.com", "281 555 0123", VIN, "3A004352", "D100", "obrien", "acme", &ann, &run.to_string()] {
        assert_eq!(find(&here, &stranger, text).await, Found::default(), "{text}");
    }
    let nobody = TenantScope::new(here.scope.tenant(), store::Actor::Driveline, store::Grants::default());
    let refused = here.app.search().find(&nobody, "obrien", 20).await;
    assert!(matches!(refused, Err(AppError::NotPermitted(_))), "{refused:?}");
    assert!(!find(&here, &here.somebody(None, Role::Viewer), "obrien").await.groups.is_empty());
}

#[tokio::test]
async fn what_is_gone_or_waits_for_a_correction_is_not_found() {
    let here = Dealership::open().await;
    DMS.page_size.store(50, Ordering::SeqCst);
    for n in 0..20 {
        DMS.put(RepairOrder, &format!("r{n:02}"), json!({"ro_number": format!("RO{n:02}"), "vin": VIN}));
    }
    here.sync(here.dms, RepairOrder).await;
    let before = titles(&here, &here.scope, "RO07").await.len() + titles(&here, &here.scope, "RO08").await.len();
    DMS.take(RepairOrder, "r07");
    DMS.put(RepairOrder, "r08", json!({"vin": VIN}));

    let run = here.sync(here.dms, RepairOrder).await;

    assert_eq!((before, run.counts.removed, run.counts.flagged), (2, 1, 1));
    for text in ["RO07", "RO08"] {
        assert_eq!(find(&here, &here.scope, text).await, Found::default(), "{text}");
    }
    assert_eq!(titles(&here, &here.scope, VIN).await.len(), 18);
}

#[tokio::test]
async fn who_was_merged_is_found_by_either_name_as_the_one_they_are() {
    let here = Dealership::open().await;
    let phone =
        |first: &str, last: &str| json!({"first_name": first, "last_name": last, "phone_mobile": "+14155550100"});
    DMS.put(Customer, "1", phone("Ann", "Walker"));
    DMS.put(Customer, "2", phone("Ann", "Lee"));
    here.sync(here.dms, Customer).await;
    let lee = find(&here, &here.scope, "ann lee").await.groups[0].records[0].id;
    let walker = find(&here, &here.scope, "walker").await.groups[0].records[0].id;
    let pair = here.app.candidates().list(&here.scope, &Filter::default(), None, 10).await.unwrap().remove(0).id;

    here.engine.decide_candidate(&here.scope, pair, Verdict::Merge).await.unwrap();

    assert_ne!(lee, walker);
    let mut found = Vec::new();
    for text in ["walker", "ann lee", "415 555 0100", &lee.to_string(), &walker.to_string()] {
        let one = find(&here, &here.scope, text).await;
        assert_eq!(one.shown(), 1, "{text}");
        found.push(one.groups[0].records[0].id);
    }
    found.dedup();
    assert_eq!(found.len(), 1, "one customer, by whatever they are asked for");
}

#[tokio::test]
async fn records_of_before_are_given_the_keys_of_now() {
    let (here, _) = furnished().await;
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    // As a version left it that knew no names' keys.
    tx.run("DELETE FROM lookup_key WHERE tenant_id = $1", [tx.owner()]).await.unwrap();
    tx.run("UPDATE source_record SET lookup_keys = '{7}' WHERE tenant_id = $1", [tx.owner()]).await.unwrap();
    let dedupe_key = "index again".to_owned();
    let job = NewJob { kind: JobKind::IndexAgain, lane: Lane::Backfill, dedupe_key, args: json!({}), run_at: None };
    enqueue(&tx, &job).await.unwrap();
    tx.commit().await.unwrap();
    let lost = titles(&here, &here.scope, "obri").await;

    here.work().await;

    assert!(lost.is_empty());
    for text in ["obri", "ann@example.com", "3A004352", "600123", "acme"] {
        assert!(!titles(&here, &here.scope, text).await.is_empty(), "{text}");
    }
}
