//! A record names what it has to do with.

use crate::fake::{DMS, Dealership};
use domain::ObjectKind;
use serde_json::json;

const VIN: &str = "1HGCM82633A004352";

#[tokio::test]
async fn a_deal_names_its_customer_and_vehicle_and_they_name_it() {
    let here = Dealership::open().await;
    DMS.put(ObjectKind::Customer, "1", json!({"first_name": "Ann", "last_name": "Lee", "email": "a@example.com"}));
    DMS.put(ObjectKind::Customer, "2", json!({"first_name": "Bo", "last_name": "Ng", "email": "b@example.com"}));
    DMS.put(ObjectKind::Vehicle, "v1", json!({"vin": VIN, "owner": "1"}));
    DMS.put(ObjectKind::Deal, "d1", json!({"deal_number": "D100", "customer": "1", "vin": VIN, "status": "open"}));
    for n in 0..25 {
        let number = format!("R{n:03}");
        DMS.put(ObjectKind::RepairOrder, &number, json!({"ro_number": number, "customer": "1", "vin": VIN}));
    }
    for object in [ObjectKind::Customer, ObjectKind::Vehicle, ObjectKind::Deal, ObjectKind::RepairOrder] {
        here.sync(here.dms, object).await;
    }
    let records = here.app.records();
    let id = async |text: &str, object| {
        let found = records.search(&here.scope, text).await.unwrap();
        found.into_iter().find(|record| record.object == object).unwrap().id
    };

    let deal = records.get(&here.scope, id("D100", ObjectKind::Deal).await).await.unwrap();
    let ann = records.get(&here.scope, id("a@example.com", ObjectKind::Customer).await).await.unwrap();
    let bo = records.get(&here.scope, id("b@example.com", ObjectKind::Customer).await).await.unwrap();
    let car = records.get(&here.scope, id(VIN, ObjectKind::Vehicle).await).await.unwrap();

    let kinds = |shown: &[app::records::RelatedShown]| {
        let mut kinds: Vec<_> = shown.iter().map(|other| (other.object, other.field.clone())).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(
        kinds(&deal.refers_to),
        [(ObjectKind::Customer, "customer".to_owned()), (ObjectKind::Vehicle, "vin".to_owned())]
    );
    assert_eq!(deal.refers_to[0].title, ann.title);
    assert!(deal.referred_by.is_empty());
    let count = |object| ann.referred_by.iter().filter(|other| other.object == object).count();
    assert_eq!(
        (count(ObjectKind::Vehicle), count(ObjectKind::Deal), count(ObjectKind::RepairOrder)),
        (1, 1, 20),
        "many of one kind hide none of another"
    );
    assert!(bo.referred_by.is_empty() && bo.refers_to.is_empty());
    assert_eq!(kinds(&car.refers_to), [(ObjectKind::Customer, "owner".to_owned())]);
    assert!(car.referred_by.iter().any(|other| other.id == deal.id));
    let page = here.app.views().record(&here.scope, deal.id).await.unwrap().unwrap();
    assert_eq!(page.related.len(), 2, "the portal shows them too");
}

#[tokio::test]
async fn a_household_is_shown_as_such_and_is_not_one() {
    let here = Dealership::open().await;
    let lives = |first: &str, last: &str, street: &str, zip: &str| json!({"first_name": first, "last_name": last, "street": street, "zip": zip, "email": format!("{first}@example.com").to_lowercase()});
    for (key, customer) in [
        ("1", lives("Ann", "Underhill", "12 North Main Street", "94601")),
        ("2", lives("Robert", "Underhill", "12 N Main St", "94601")),
        ("3", lives("Zoe", "Quill", "12 N Main St", "94601")),
        ("4", lives("Carl", "Underhill", "12 N Main St", "10001")),
    ] {
        DMS.put(ObjectKind::Customer, key, customer);
    }
    here.sync(here.dms, ObjectKind::Customer).await;
    let records = here.app.records();
    let ann = records.search(&here.scope, "ann@example.com").await.unwrap().remove(0).id;

    let shown = records.get(&here.scope, ann).await.unwrap();

    let names: Vec<&str> = shown.household.iter().map(|other| other.title.as_str()).collect();
    assert_eq!(names, ["Robert Underhill"], "neither another family in the house nor namesakes in another town");
    let page = here.app.views().record(&here.scope, ann).await.unwrap().unwrap();
    assert_eq!(page.household.len(), 1);
}
