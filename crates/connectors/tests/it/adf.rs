//! ADF leads out: what is written is taken by a strict receiver, by HTTP and by mail, once.

use crate::bench::{Bench, outgoing};
use crate::files_support::{access, credentials, settings};
use async_trait::async_trait;
use chrono::DateTime;
use connectors::{Access, Connector, ConnectorError, Outcome, Outgoing, PushMode};
use domain::{Field, ObjectKind, Record, Value};
use simulators::Simulator;
use simulators::adf::{Adf, TOKEN, serve_smtp};
use simulators::faults::Faults;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// For the conformance suite.
#[derive(Default)]
pub struct Fixture {
    simulator: Mutex<Option<Adf>>,
}

#[async_trait]
impl crate::bench::Fixture for Fixture {
    fn connector(&self) -> &'static dyn Connector {
        connector()
    }

    fn simulator(&self, _faults: &Faults) -> Arc<dyn Simulator> {
        let simulator = Adf::default();
        *self.simulator.lock().unwrap() = Some(simulator.clone());
        Arc::new(simulator)
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        settings(&[("deliver_by", "http"), ("url", &format!("{base_url}/leads")), ("vendor_name", "Bayside Honda")])
    }

    fn good(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("token".to_owned(), TOKEN.to_owned())])
    }

    fn bad(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("token".to_owned(), "wrong".to_owned())])
    }
}

fn connector() -> &'static dyn Connector {
    connectors::connector("adf").unwrap()
}

#[test]
fn leads_are_written_only_where_a_way_is_chosen() {
    for (way, mode) in [
        ("", PushMode::None),
        ("no", PushMode::None),
        ("fax", PushMode::None),
        ("http", PushMode::CreateAndUpdate),
        ("email", PushMode::CreateAndUpdate),
        ("both", PushMode::CreateAndUpdate),
    ] {
        assert_eq!(connector().push_mode(&settings(&[("deliver_by", way)]), ObjectKind::Lead), mode, "{way}");
    }
    assert_eq!(connector().push_mode(&settings(&[]), ObjectKind::Lead), PushMode::None);
}

fn lead() -> Record {
    Record::new(ObjectKind::Lead)
        .with(Field::LEAD_REQUESTED_AT, Value::Time(DateTime::from_timestamp(1_800_000_000, 0).unwrap()))
        .with_text(Field::LEAD_INTEREST, "test_drive")
        .with_text(Field::LEAD_CONDITION, "new")
        .with(Field::LEAD_YEAR, Value::Int(2026))
        .with_text(Field::LEAD_MAKE, "Honda")
        .with_text(Field::LEAD_MODEL, "CR-V")
        .with_text(Field::LEAD_SOURCE, "Website")
        .with(Field::LEAD_TRADE_IN, Value::Json(serde_json::json!({"year": "2010", "make": "Ford", "model": "Focus"})))
        .with_text(Field::LEAD_COMMENTS, "Is it <there> & \"blue\"?\u{1}\nJos\u{e9} =?= .")
}

fn person() -> Record {
    Record::new(ObjectKind::Customer)
        .with_text(Field::FIRST_NAME, "Jos\u{e9}")
        .with_text(Field::LAST_NAME, "O'Neil")
        .with_text(Field::EMAIL, "jose@example.com")
        .with_text(Field::PHONE_MOBILE, "+14155550100")
        .with_text(Field::STREET, "12 Main St")
        .with_text(Field::CITY, "Tampa")
        .with_text(Field::STATE, "FL")
        .with_text(Field::ZIP, "33601")
}

fn out(person: Option<Record>) -> Outgoing {
    let related = person.map(|person| (Field::LEAD_CUSTOMER, person)).into_iter().collect();
    Outgoing { related, ..outgoing(lead()) }
}

async fn push(access: &Access, batch: &[Outgoing]) -> Result<Vec<Outcome>, ConnectorError> {
    let pushed = connector().push(ObjectKind::Lead).unwrap().push(access, ObjectKind::Lead, batch).await?;
    Ok(pushed.into_iter().map(|pushed| pushed.outcome).collect())
}

fn taken(simulator: &Adf, out: &Outgoing) {
    let leads = simulator.leads();
    let lead = leads.iter().find(|lead| lead.id == format!("driveline:{}", out.golden)).unwrap();
    assert_eq!(lead.name, "Jos\u{e9} O'Neil");
    assert_eq!(
        (lead.email.as_str(), lead.phones.as_slice()),
        ("jose@example.com", ["+14155550100".to_owned()].as_slice())
    );
    assert_eq!(lead.vehicle, "2026 Honda CR-V");
    assert_eq!(lead.comments.replace('\r', ""), "Is it <there> & \"blue\"?\nJos\u{e9} =?= .");
    assert_eq!(lead.vendor, "Bayside Honda");
}

async fn http() -> (Bench, Adf) {
    let fixture = Arc::new(Fixture::default());
    let bench = Bench::start(Shared(fixture.clone())).await;
    let simulator = fixture.simulator.lock().unwrap().clone().unwrap();
    (bench, simulator)
}

/// A fixture that the test looks into as well.
struct Shared(Arc<Fixture>);

#[async_trait]
impl crate::bench::Fixture for Shared {
    fn connector(&self) -> &'static dyn Connector {
        connector()
    }

    fn simulator(&self, faults: &Faults) -> Arc<dyn Simulator> {
        crate::bench::Fixture::simulator(self.0.as_ref(), faults)
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        crate::bench::Fixture::settings(self.0.as_ref(), base_url)
    }

    fn good(&self) -> BTreeMap<String, String> {
        crate::bench::Fixture::good(self.0.as_ref())
    }

    fn bad(&self) -> BTreeMap<String, String> {
        crate::bench::Fixture::bad(self.0.as_ref())
    }
}

#[tokio::test]
async fn a_lead_is_taken_by_a_strict_receiver_and_its_repeat_makes_no_duplicate() {
    let (bench, simulator) = http().await;
    let out = out(Some(person()));

    let first = push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
    let repeat = push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();

    assert!(
        matches!((&first[0], &repeat[0]), (Outcome::Created { external_id: a }, Outcome::Created { external_id: b }) if a == b)
    );
    taken(&simulator, &out);
    let truth = simulator.truth();
    assert_eq!((&truth["effects"]["created"], &truth["effects"]["duplicates"]), (&1.into(), &0.into()), "{truth}");
}

#[tokio::test]
async fn a_lead_without_a_person_to_reach_fails_alone_and_says_what_to_do() {
    let (bench, simulator) = http().await;
    let nameless = person().only(&[Field::EMAIL]);
    let batch = [out(None), out(Some(nameless)), out(Some(person()))];

    let outcomes = push(&bench.access(), &batch).await.unwrap();

    for outcome in &outcomes[..2] {
        let Outcome::Failed(error) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code(), "refused:no_contact");
    }
    assert!(matches!(outcomes[2], Outcome::Created { .. }));
    assert_eq!(simulator.leads().len(), 1);
}

#[tokio::test]
async fn a_known_lead_is_not_sent_again_and_cannot_be_taken_back() {
    let (bench, simulator) = http().await;
    let known = Outgoing { external_id: Some("driveline:x".into()), ..out(Some(person())) };
    let gone = Outgoing { withdraw: true, ..known.clone() };
    let never = Outgoing { may_create: false, ..out(Some(person())) };

    let outcomes = push(&bench.access(), &[known, gone, never]).await.unwrap();

    assert!(matches!(outcomes[0], Outcome::Updated { .. }));
    assert!(matches!(&outcomes[1], Outcome::Failed(error) if error.code() == "refused:no_withdrawal"));
    assert!(matches!(outcomes[2], Outcome::Absent));
    assert_eq!(simulator.leads().len(), 0);
}

#[tokio::test]
async fn what_we_write_we_read_back() {
    let (bench, _) = http().await;
    let out = out(Some(person()));
    let simulator = Adf::default();
    let door = serve_smtp(simulator.clone(), TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let by_mail = mail(&door.address.port().to_string());
    assert!(connector().verify(&by_mail).await.is_good());

    let outcomes = push(&by_mail, std::slice::from_ref(&out)).await.unwrap();
    let again = push(&by_mail, std::slice::from_ref(&out)).await.unwrap();

    assert!(matches!((&outcomes[0], &again[0]), (Outcome::Created { .. }, Outcome::Created { .. })));
    taken(&simulator, &out);
    assert_eq!(simulator.truth()["effects"]["duplicates"], 0, "the same message id is the same lead");
    assert!(connector().verify(&bench.access()).await.is_good());
}

fn mail(port: &str) -> Access {
    let all = settings(&[
        ("deliver_by", "email"),
        ("vendor_name", "Bayside Honda"),
        ("email_to", "leads@crm.example"),
        ("email_from", "leads@driveline.example"),
        ("smtp_host", "127.0.0.1"),
        ("smtp_port", port),
        ("smtp_security", "none"),
    ]);
    credentials(access(all), &[])
}

#[tokio::test]
async fn a_mail_server_that_is_away_is_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let error = push(&mail(&closed), &[out(Some(person()))]).await.err().unwrap();
    assert!(matches!(error, ConnectorError::Unavailable { .. }), "{error:?}");
    let verified = connector().verify(&mail(&closed)).await;
    assert!(!verified.is_good());
}

#[tokio::test]
async fn without_protection_mail_goes_only_to_this_machine() {
    let public = Access { allow_private_hosts: false, ..mail("25") };
    let error = push(&public, &[out(Some(person()))]).await.err().unwrap();
    assert!(error.code().starts_with("misconfigured:smtp"), "{error:?}");
}

#[test]
fn the_receiver_is_as_strict_as_the_standard() {
    let good = "<?xml version=\"1.0\"?><?adf version=\"1.0\"?><adf><prospect><id source=\"a\">1</id>\
        <requestdate>2026-11-23T10:00:00-05:00</requestdate><vehicle><year>2026</year><make>Honda</make><model>CR-V</model></vehicle>\
        <customer><contact><name part=\"full\">Ann Lee</name><email>a@b.co</email></contact></customer>\
        <vendor><vendorname>Bayside</vendorname><contact><name part=\"full\">Bayside</name></contact></vendor></prospect></adf>";
    assert!(simulators::adf::validate(good).is_ok());
    for (from, to) in [
        ("<?adf version=\"1.0\"?>", ""),
        ("part=\"full\"", "part=\"whole\""),
        ("2026-11-23T10:00:00-05:00", "2026-11-23T8:00:00"),
        ("<year>2026</year><make>Honda</make>", "<make>Honda</make><year>2026</year>"),
        ("<email>a@b.co</email>", ""),
        ("<model>CR-V</model>", ""),
        ("<vendorname>Bayside</vendorname>", ""),
        ("</prospect>", "<extra/></prospect>"),
        ("</adf>", ""),
    ] {
        assert!(simulators::adf::validate(&good.replacen(from, to, 1)).is_err(), "{from} → {to}");
    }
}
