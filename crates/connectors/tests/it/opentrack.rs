//! OpenTrack beyond the suite: tokens, consents, changes, access, and the population's truth.

use crate::bench::{self, Bench};
use async_trait::async_trait;
use connectors::opentrack::OpenTrack;
use connectors::{Connector, ConnectorError, Outcome, PageAsk, Payload, PullMode, Retry};
use domain::check::check;
use domain::{Consent, Field, ObjectKind, Record, Value};
use reqwest::Method;
use serde_json::{Value as Json, json};
use simulators::Simulator;
use simulators::faults::{Fault, Faults};
use simulators::opentrack::{PASSWORD, USER};
use simulators::population::{Population, PopulationSize, StockStatus, System};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct Fixture;

const SEED: u64 = 4;
const CUSTOMERS: usize = 300;

fn people() -> Population {
    Population::generate(SEED, PopulationSize { customers: CUSTOMERS, rooftops: 1 })
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[async_trait]
impl bench::Fixture for Fixture {
    fn connector(&self) -> &'static dyn Connector {
        &OpenTrack
    }

    fn simulator(&self, faults: &Faults) -> Arc<dyn Simulator> {
        let nobody = Population::generate(SEED, PopulationSize { customers: 0, rooftops: 1 });
        Arc::new(simulators::opentrack::OpenTrack::with(faults, nobody))
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        map(&[("base_url", base_url), ("enterprise_code", "BA"), ("company_number", "BA1")])
    }

    fn good(&self) -> BTreeMap<String, String> {
        map(&[("user", USER), ("password", PASSWORD)])
    }

    fn bad(&self) -> BTreeMap<String, String> {
        map(&[("user", "mallory"), ("password", "guess-4711")])
    }

    fn reads(&self) -> Vec<ObjectKind> {
        vec![ObjectKind::Customer, ObjectKind::Vehicle, ObjectKind::Inventory, ObjectKind::RepairOrder]
    }

    async fn seed(&self, bench: &Bench, object: ObjectKind) -> Vec<String> {
        load(bench).await;
        let people = people();
        let ids: BTreeSet<String> = match object {
            ObjectKind::Customer => people.views_of(System::Dms).map(|view| view.external_id.clone()).collect(),
            ObjectKind::Vehicle => people
                .vehicles
                .iter()
                .map(|vehicle| match vehicle.vin.trim() {
                    "77777777777777777" => format!("77777777777777777/{}", vehicle.customer_number),
                    vin => vin.to_owned(),
                })
                .collect(),
            ObjectKind::Inventory => people.inventory.iter().map(|vehicle| vehicle.stock_number.clone()).collect(),
            ObjectKind::RepairOrder => people.repair_orders.iter().map(|order| order.number.clone()).collect(),
            ObjectKind::Deal | ObjectKind::Lead => BTreeSet::new(),
        };
        ids.into_iter().collect()
    }

    fn read_path(&self, object: ObjectKind) -> &'static str {
        match object {
            ObjectKind::Customer => "/CustomerSearch",
            ObjectKind::Vehicle => "/VehicleSearch",
            ObjectKind::Inventory => "/VehicleInventory",
            ObjectKind::RepairOrder => "/OpenRepairOrderLookup",
            ObjectKind::Deal | ObjectKind::Lead => "/nothing",
        }
    }

    fn writes(&self) -> Option<ObjectKind> {
        Some(ObjectKind::Customer)
    }

    fn write_path(&self) -> &'static str {
        "/CustomerAdd"
    }

    fn record(&self, n: usize) -> Record {
        Record::new(ObjectKind::Customer)
            .with_text(Field::CUSTOMER_KIND, "individual")
            .with_text(Field::FIRST_NAME, "Ann")
            .with_text(Field::LAST_NAME, &format!("Lee{n}"))
            .with_text(Field::EMAIL, &format!("ann{n}@example.com"))
            .with_text(Field::PHONE_MOBILE, &format!("+1813222{n:04}"))
            .with_text(Field::ZIP, "33614")
            .with(Field::CONSENT_EMAIL, Value::Consent(Consent::OptedOut))
    }

    fn drifted(&self) -> &'static [&'static str] {
        &["CompanyNo", "LoyaltyTier"]
    }
}

async fn load(bench: &Bench) {
    bench.control(Method::POST, "load", &json!({"customers": CUSTOMERS, "seed": SEED, "rooftops": 1})).await;
}

/// An access with other settings.
fn with(bench: &Bench, settings: &[(&str, &str)]) -> connectors::Access {
    let mut access = bench.access();
    access.settings.extend(map(settings));
    access
}

fn canonical(access: &connectors::Access, object: ObjectKind, payload: &Payload) -> Record {
    check(&OpenTrack.mapping(access, object).unwrap().apply(&payload.body)).record
}

async fn all(bench: &Bench, object: ObjectKind) -> BTreeMap<String, Payload> {
    let (records, _) = bench.pull(&bench.access(), object, PullMode::Full, None).await.unwrap();
    records.into_iter().map(|record| (record.external_id.clone(), record)).collect()
}

#[tokio::test]
async fn opt_outs_of_every_customer_arrive() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;

    let found = all(&bench, ObjectKind::Customer).await;

    let mut refused = 0;
    for view in people().views_of(System::Dms) {
        let record = canonical(&bench.access(), ObjectKind::Customer, &found[&view.external_id]);
        for (field, told) in [
            (Field::CONSENT_EMAIL, view.consents.email),
            (Field::CONSENT_CALL, view.consents.call),
            (Field::CONSENT_TEXT, view.consents.text),
            (Field::CONSENT_MAIL, view.consents.mail),
        ] {
            let out = Some(&Value::Consent(Consent::OptedOut));
            assert_eq!(record.get(field) == out, told == Some(Consent::OptedOut), "{field} of {}", view.external_id);
            refused += usize::from(told == Some(Consent::OptedOut));
        }
    }
    assert!(refused > 20, "only {refused} opt-outs were there to see");
}

#[tokio::test]
async fn dirty_data_becomes_clean_records() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;

    let customers = all(&bench, ObjectKind::Customer).await;
    let vehicles = all(&bench, ObjectKind::Vehicle).await;
    let stock = all(&bench, ObjectKind::Inventory).await;

    let access = bench.access();
    for payload in customers.values() {
        let record = canonical(&access, ObjectKind::Customer, payload);
        assert!(record.text(Field::ZIP).is_none_or(|zip| zip.len() == 5), "{record:?}");
        assert!(record.text(Field::PHONE_HOME).is_none_or(|phone| phone.starts_with("+1")), "{record:?}");
        assert!(record.text(Field::EMAIL).is_none_or(|mail| mail.contains('@') && !mail.contains("none.com")));
        let company = payload.body["EntityType"] == "C";
        assert_eq!(record.get(Field::COMPANY_NAME).is_some(), company, "{}", payload.body);
        assert!(!company || record.get(Field::LAST_NAME).is_none(), "{}", payload.body);
    }
    let blanks = vehicles.values().filter(|p| p.body["VIN"].as_str().unwrap().starts_with(' ')).count();
    assert!(vehicles.keys().all(|key| !key.starts_with(' ')), "a blank is in a key; {blanks} were sent");
    for payload in vehicles.values() {
        let record = canonical(&access, ObjectKind::Vehicle, payload);
        assert!(record.get(Field::VEHICLE_OWNER).is_some(), "{}", payload.body);
        assert!(
            !matches!(record.get(Field::VEHICLE_LAST_SERVICE), Some(Value::Date(day)) if *day < chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap())
        );
    }
    for truth in people().inventory {
        let record = canonical(&access, ObjectKind::Inventory, &stock[&truth.stock_number]);
        let status = match truth.status {
            StockStatus::InStock => "in_stock",
            StockStatus::InTransit => "in_transit",
            StockStatus::OnHold => "on_hold",
            StockStatus::Sold => "sold",
        };
        assert_eq!(record.text(Field::STOCK_STATUS), Some(status));
        assert_eq!(record.get(Field::STOCK_PRICE), Some(&Value::Money(truth.price.into())));
        assert_eq!(record.get(Field::STOCK_PUBLISH), Some(&Value::Flag(truth.publish)));
    }
}

#[tokio::test]
async fn one_record_is_the_same_payload_as_on_a_page() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    for settings in [&[][..], &[("customer_detail", "every field"), ("repair_order_lines", "no")][..]] {
        let access = with(&bench, settings);
        for object in bench.fixture().reads() {
            let (records, _) = bench.pull(&access, object, PullMode::Full, None).await.unwrap();
            let pull = OpenTrack.pull(object).unwrap();
            for record in records.iter().step_by(records.len() / 7 + 1) {
                let one = pull.one(&access, object, &record.external_id).await.unwrap().unwrap();
                assert_eq!(one.external_id, record.external_id);
                assert_eq!(one.body.to_string(), record.body.to_string(), "{object}: names come in another order");
            }
            assert!(pull.one(&access, object, "424242").await.unwrap().is_none(), "{object}");
        }
    }
}

#[tokio::test]
async fn every_field_is_read_where_the_dealer_wants_it() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    let access = with(&bench, &[("customer_detail", "every field")]);

    let (records, _) = bench.pull(&access, ObjectKind::Customer, PullMode::Full, None).await.unwrap();

    let held: BTreeMap<_, _> = records
        .iter()
        .map(|payload| (payload.external_id.as_str(), canonical(&access, ObjectKind::Customer, payload)))
        .collect();
    assert_eq!(records.len(), CUSTOMERS);
    for view in people().views_of(System::Dms) {
        let told = held[view.external_id.as_str()].get(Field::BIRTH_DATE);
        assert_eq!(told, view.birth_date.map(Value::Date).as_ref(), "{}", view.external_id);
    }
    assert!(records.iter().all(|payload| payload.changed_at.is_some()));
}

#[tokio::test]
async fn changes_are_read_once_and_nothing_else_is() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    let (_, resume) = bench.pull(&bench.access(), ObjectKind::Customer, PullMode::Full, None).await.unwrap();
    let number = people().views_of(System::Dms).next().unwrap().external_id.clone();
    bench
        .control(Method::POST, &format!("customers/{number}"), &json!({"City": "OLDSMAR", "AllowContactByEmail": "N"}))
        .await;
    let added = json!({"LastName": "NEWMAN", "FirstName": "ALFRED", "Email1": "ALFRED@EXAMPLE.COM"});
    let added: Json = serde_json::from_str(&bench.control(Method::POST, "customers", &added).await).unwrap();

    let (changed, resume) = bench.pull(&bench.access(), ObjectKind::Customer, PullMode::Changes, resume).await.unwrap();

    let ids: Vec<_> = changed.iter().map(|record| record.external_id.as_str()).collect();
    assert_eq!(ids, [number.as_str(), added["number"].as_str().unwrap()]);
    let record = canonical(&bench.access(), ObjectKind::Customer, &changed[0]);
    assert_eq!(record.text(Field::CITY), Some("OLDSMAR"));
    assert_eq!(record.get(Field::CONSENT_EMAIL), Some(&Value::Consent(Consent::OptedOut)));
    assert!(resume.is_some());
}

#[tokio::test]
async fn a_visit_to_the_workshop_is_a_change_of_its_order_and_its_vehicle() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    let access = bench.access();
    let resume_of = async |object| bench.pull(&access, object, PullMode::Full, None).await.unwrap().1;
    let (orders, vehicles) = (resume_of(ObjectKind::RepairOrder).await, resume_of(ObjectKind::Vehicle).await);
    let vehicle = people().vehicles.into_iter().find(|v| v.vin.starts_with('1') && v.last_service.is_none()).unwrap();
    let visit = json!({"customer_number": vehicle.customer_number.parse::<u64>().unwrap(), "vin": vehicle.vin, "odometer": 4100});
    let made: Json = serde_json::from_str(&bench.control(Method::POST, "repair_orders", &visit).await).unwrap();
    let number = made["number"].as_str().unwrap();

    let (opened, orders) = bench.pull(&access, ObjectKind::RepairOrder, PullMode::Changes, orders).await.unwrap();
    let (served, _) = bench.pull(&access, ObjectKind::Vehicle, PullMode::Changes, vehicles).await.unwrap();
    bench.control(Method::POST, &format!("repair_orders/{number}/close"), &json!({})).await;
    let (closed, _) = bench.pull(&access, ObjectKind::RepairOrder, PullMode::Changes, orders).await.unwrap();

    let status = |records: &[Payload]| {
        let order = records.iter().find(|record| record.external_id == number).unwrap();
        let record = canonical(&access, ObjectKind::RepairOrder, order);
        assert_eq!(record.text(Field::RO_CUSTOMER), Some(vehicle.customer_number.as_str()));
        record.text(Field::RO_STATUS).unwrap().to_owned()
    };
    assert_eq!((status(&opened).as_str(), status(&closed).as_str()), ("open", "closed"));
    assert!(served.iter().any(|record| record.external_id == vehicle.vin));
    assert!(served.len() * 4 < people().vehicles.len(), "{} vehicles came as changed", served.len());
}

#[tokio::test]
async fn closed_orders_have_their_lines_and_totals() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;

    let found = all(&bench, ObjectKind::RepairOrder).await;

    for truth in people().repair_orders {
        let record = canonical(&bench.access(), ObjectKind::RepairOrder, &found[&truth.number]);
        let lines = record.get(Field::RO_LINES).map(|lines| lines.to_json());
        let count = lines.map_or(0, |lines| lines.as_array().map_or(1, Vec::len));
        assert_eq!(count, truth.lines.len(), "{}", truth.number);
        assert_eq!(record.get(Field::RO_CLOSED_ON), truth.closed_on.map(Value::Date).as_ref());
        let cents = i64::try_from(truth.labor_cents()).unwrap();
        assert_eq!(record.get(Field::RO_LABOR_TOTAL), Some(&Value::Money(rust_decimal::Decimal::new(cents, 2))));
    }
}

#[tokio::test]
async fn closed_orders_survive_the_same_answer_twice() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    bench.plan(Fault::SamePage, "/GetClosedRepairOrders");

    let found = all(&bench, ObjectKind::RepairOrder).await;

    assert_eq!(found.len(), people().repair_orders.len());
}

#[tokio::test]
async fn a_sold_vehicle_is_told_as_sold() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    let truth = people();
    let vehicle = truth.inventory.iter().find(|vehicle| vehicle.status == StockStatus::InStock).unwrap();
    bench.control(Method::POST, &format!("inventory/{}/sell", vehicle.stock_number), &json!({})).await;

    let found = all(&bench, ObjectKind::Inventory).await;

    let record = canonical(&bench.access(), ObjectKind::Inventory, &found[&vehicle.stock_number]);
    assert_eq!(record.text(Field::STOCK_STATUS), Some("sold"));
}

#[tokio::test]
async fn revoked_access_tells_the_dealer_what_to_do_until_it_is_granted_again() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    for (grant, code) in [("not_granted", "311"), ("expired", "312"), ("off", "313")] {
        bench.control(Method::POST, "access", &json!({"grant": grant})).await;

        let error = bench.first_page(&bench.access(), ObjectKind::Customer).await.unwrap_err();

        let failure = error.failure("Reading customers");
        assert!(matches!(error, ConnectorError::Forbidden { .. }), "{error:?}");
        assert!(failure.said.contains(code) && !failure.fix.is_empty(), "{failure:?}");
        assert_eq!((failure.fault, error.retry()), (domain::Fault::Dealer, Retry::Never));
    }
    let closed = bench.first_page(&bench.access(), ObjectKind::RepairOrder).await.unwrap_err();
    assert!(matches!(closed, ConnectorError::Forbidden { .. }), "{closed:?}");
    bench.control(Method::POST, "access", &json!({"grant": "granted"})).await;
    assert!(bench.first_page(&bench.access(), ObjectKind::Customer).await.is_ok());
    let stranger = with(&bench, &[("company_number", "ZZ9")]);
    assert!(matches!(bench.first_page(&stranger, ObjectKind::Customer).await, Err(ConnectorError::Forbidden { .. })));
}

#[tokio::test]
async fn somebody_the_dms_knows_is_updated_and_not_added_again() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    let truth = people();
    let known = all(&bench, ObjectKind::Customer).await;
    let before = bench.count("/objects/customer");
    let mut tried = 0;
    for view in truth.views_of(System::Dms).filter(|view| view.type_code == "I" && view.email.contains(".example")) {
        let record = canonical(&bench.access(), ObjectKind::Customer, &known[&view.external_id]);
        if record.text(Field::EMAIL).is_none_or(domain::check::is_shared_mailbox) || tried == 20 {
            continue;
        }
        tried += 1;
        let mut wanted = record.only(OpenTrack.push(ObjectKind::Customer).unwrap().fields(ObjectKind::Customer));
        wanted.set(Field::CITY, Value::Text("Oldsmar".to_owned()));

        let pushed = bench.push(&bench.access(), &[bench::outgoing(wanted)]).await.unwrap();

        let Outcome::Updated { external_id } = &pushed[0].outcome else { panic!("{:?}", pushed[0]) };
        let person = truth.who_is_who()[&(System::Dms, external_id.as_str())];
        assert_eq!(person, view.person_id, "somebody else was overwritten");
        let echo = canonical(&bench.access(), ObjectKind::Customer, pushed[0].echo.as_ref().unwrap());
        assert_eq!(echo.text(Field::CITY), Some("Oldsmar"));
    }
    assert!(tried >= 10, "only {tried} were tried");
    assert_eq!(bench.count("/objects/customer"), before);
    assert_eq!(bench.count("/effects/duplicates"), 0);
}

#[tokio::test]
async fn father_and_son_and_husband_and_wife_stay_apart() {
    let bench = Bench::start(Fixture).await;
    let person = |first: &str, suffix: Option<&str>| {
        let record = Record::new(ObjectKind::Customer)
            .with_text(Field::FIRST_NAME, first)
            .with_text(Field::LAST_NAME, "De La Cruz")
            .with_text(Field::PHONE_HOME, "+18132220000")
            .with_text(Field::STREET, "1 Palm St")
            .with_text(Field::ZIP, "33614");
        suffix.into_iter().fold(record, |record, suffix| record.with_text(Field::NAME_SUFFIX, suffix))
    };
    let family = [person("Juan", Some("Sr")), person("Juan", Some("Jr")), person("Rosa", None)].map(bench::outgoing);

    let first = bench.push(&bench.access(), &family).await.unwrap();
    let again = bench.push(&bench.access(), &family).await.unwrap();

    assert!(first.iter().all(|pushed| matches!(pushed.outcome, Outcome::Created { .. })), "{first:?}");
    assert!(again.iter().all(|pushed| matches!(pushed.outcome, Outcome::Updated { .. })), "{again:?}");
    assert_eq!(bench.count("/objects/customer"), 3);
    let echo = canonical(&bench.access(), ObjectKind::Customer, again[1].echo.as_ref().unwrap());
    assert_eq!((echo.text(Field::LAST_NAME), echo.text(Field::NAME_SUFFIX)), (Some("De La Cruz"), Some("Jr")));
}

#[tokio::test]
async fn who_may_not_be_created_is_absent_and_who_cannot_be_deleted_is_told() {
    let bench = Bench::start(Fixture).await;
    let mut out = bench.outgoing(1);
    out.may_create = false;

    let absent = bench.push(&bench.access(), &[out.clone()]).await.unwrap();
    out.may_create = true;
    let made = bench.push(&bench.access(), &[out.clone()]).await.unwrap();
    let Outcome::Created { external_id } = &made[0].outcome else { panic!("{made:?}") };
    out.external_id = Some(external_id.clone());
    out.withdraw = true;
    let kept = bench.push(&bench.access(), &[out.clone()]).await.unwrap();
    bench.control(Method::DELETE, &format!("customers/{external_id}"), &json!({})).await;
    let gone = bench.push(&bench.access(), &[out]).await.unwrap();

    assert!(matches!(absent[0].outcome, Outcome::Absent), "{absent:?}");
    let Outcome::Failed(error) = &kept[0].outcome else { panic!("{kept:?}") };
    assert_eq!(error.code(), "refused:no_delete");
    assert!(matches!(gone[0].outcome, Outcome::Withdrawn), "{gone:?}");
}

#[tokio::test]
async fn a_page_that_cannot_be_told_from_the_one_before_is_no_page() {
    let bench = Bench::start(Fixture).await;
    load(&bench).await;
    // The vendor's cache answers every search with the first page from now on.
    let ask = |cursor| PageAsk { mode: PullMode::Full, cursor, now: chrono::Utc::now() };
    let pull = OpenTrack.pull(ObjectKind::Customer).unwrap();
    let first = pull.page(&bench.access(), ObjectKind::Customer, &ask(None)).await.unwrap();
    let connectors::Next::Page(next) = first.next else { panic!("one page holds everybody") };
    for _ in 0..3 {
        bench.plan(Fault::SamePage, "/CustomerSearch");
    }

    let told = pull.page(&bench.access(), ObjectKind::Customer, &ask(Some(next))).await.map(|page| page.records.len());

    assert!(matches!(told, Err(ConnectorError::Unavailable { .. })), "{told:?}");
}
