//! HubSpot beyond the suite: OAuth, changes, conflicts of addresses, links, signatures, limits.

use crate::bench::{self, Bench, outgoing};
use async_trait::async_trait;
use connectors::hubspot::HubSpot;
use connectors::{
    Access, Change, Connector, ConnectorError, Outcome, Payload, PullMode, Pushed, Retry, StepOutcome, WebhookRefused,
    WebhookRequest,
};
use domain::check::check;
use domain::{Field, ObjectKind, Record};
use reqwest::Method;
use serde_json::{Value as Json, json};
use simulators::Simulator;
use simulators::faults::Faults;
use simulators::hubspot::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub struct Fixture;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn person(n: usize) -> Record {
    Record::new(ObjectKind::Customer)
        .with_text(Field::FIRST_NAME, "Ann")
        .with_text(Field::LAST_NAME, &format!("Lee{n}"))
        .with_text(Field::EMAIL, &format!("ann{n}@example.com"))
        .with_text(Field::PHONE_MOBILE, &format!("+1415555{n:04}"))
}

#[async_trait]
impl bench::Fixture for Fixture {
    fn connector(&self) -> &'static dyn Connector {
        &HubSpot
    }

    fn simulator(&self, faults: &Faults) -> Arc<dyn Simulator> {
        let simulator = simulators::hubspot::HubSpot::new(faults);
        simulator.limit(Limits { calls: 0, ..Limits::default() });
        Arc::new(simulator)
    }

    fn settings(&self, base_url: &str) -> BTreeMap<String, String> {
        map(&[
            ("base_url", base_url),
            ("authorize_url", &format!("{base_url}/oauth/authorize")),
            ("client_id", "driveline-app"),
        ])
    }

    fn good(&self) -> BTreeMap<String, String> {
        map(&[("token", "pat-na1-simulated")])
    }

    fn bad(&self) -> BTreeMap<String, String> {
        map(&[("token", "pat-na1-wrong")])
    }

    fn reads(&self) -> Vec<ObjectKind> {
        vec![ObjectKind::Customer, ObjectKind::Deal]
    }

    async fn seed(&self, bench: &Bench, object: ObjectKind) -> Vec<String> {
        let (kind, property) = match object {
            ObjectKind::Deal => ("deals", "dealname"),
            _ => ("contacts", "lastname"),
        };
        let lines: Vec<String> =
            (0..250).map(|n| json!({"properties": {property: format!("Lee{n}")}}).to_string()).collect();
        bench.control_text(&format!("objects/{kind}/bulk"), lines.join("\n")).await;
        ids(bench, kind).await
    }

    fn read_path(&self, _object: ObjectKind) -> &'static str {
        "/objects/"
    }

    fn writes(&self) -> Option<ObjectKind> {
        Some(ObjectKind::Customer)
    }

    fn write_path(&self) -> &'static str {
        "/batch/upsert"
    }

    fn record(&self, n: usize) -> Record {
        person(n)
    }

    fn drifted(&self) -> &'static [&'static str] {
        &["modifiedAt", "loyaltyTier"]
    }
}

async fn ids(bench: &Bench, kind: &str) -> Vec<String> {
    let lines = bench.control(Method::GET, &format!("objects/{kind}"), &json!(null)).await;
    let id = |line: &str| serde_json::from_str::<Json>(line).unwrap()["id"].as_str().unwrap().to_owned();
    lines.lines().map(id).collect()
}

async fn get(bench: &Bench, kind: &str, id: &str) -> Json {
    serde_json::from_str(&bench.control(Method::GET, &format!("objects/{kind}/{id}"), &json!(null)).await).unwrap()
}

async fn add(bench: &Bench, kind: &str, properties: Json) -> String {
    let body = json!({ "properties": properties });
    let added = bench.control(Method::POST, &format!("objects/{kind}"), &body).await;
    serde_json::from_str::<Json>(&added).unwrap()["id"].as_str().unwrap().to_owned()
}

fn id_of(pushed: &Pushed) -> &str {
    match &pushed.outcome {
        Outcome::Created { external_id } | Outcome::Updated { external_id } => external_id,
        other => panic!("{other:?}"),
    }
}

fn mapped(bench: &Bench, payload: &Payload, object: ObjectKind) -> Record {
    check(&bench.connector().mapping(&bench.access(), object).unwrap().apply(&payload.body)).record
}

/// Signs in through the vendor's page and keeps the tokens.
async fn sign_in(bench: &Bench) -> Access {
    let access = bench.access_with(map(&[("client_secret", "driveline-app-secret")]));
    let oauth = bench.connector().oauth().unwrap();
    let back = "http://127.0.0.1:9/back";
    let page = oauth.authorize_url(&access, "state-1", back).unwrap();
    let approved = access.http.client().get(page).send().await.unwrap();
    let location = url::Url::parse(approved.headers()["location"].to_str().unwrap()).unwrap();
    let answers: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    assert_eq!(answers["state"], "state-1");
    let tokens = oauth.exchange(&access, &answers["code"], back).await.unwrap();
    access.tokens.save(&tokens).await.unwrap();
    access
}

#[tokio::test]
async fn signing_in_gives_tokens_that_work_until_the_dealer_takes_them_back() {
    let bench = Bench::start(Fixture).await;
    let access = sign_in(&bench).await;
    assert!(bench.connector().verify(&access).await.steps.iter().all(|s| s.outcome == StepOutcome::Good));

    bench.control(Method::POST, "tokens/revoke", &json!(null)).await;

    let error = bench.first_page(&access, ObjectKind::Customer).await.expect_err("revoked");
    assert!(matches!(error, ConnectorError::Unauthorized { .. }), "{error:?}");
}

#[tokio::test]
async fn many_calls_with_an_expired_token_renew_it_once() {
    let bench = Bench::start(Fixture).await;
    let access = sign_in(&bench).await;
    for expired_on in ["their side", "our clock"] {
        if expired_on == "their side" {
            bench.control(Method::POST, "tokens/expire", &json!(null)).await;
        } else {
            let mut tokens = bench.tokens.0.lock().unwrap();
            tokens.as_mut().unwrap().expires_at = chrono::Utc::now();
        }
        let before = bench.count("/renewals");

        let calls = (0..8).map(|_| bench.first_page(&access, ObjectKind::Customer));
        let pages = futures::future::join_all(calls).await;

        assert!(pages.iter().all(Result::is_ok), "{expired_on}: {pages:?}");
        assert_eq!(bench.count("/renewals"), before + 1, "{expired_on}");
    }
}

#[tokio::test]
async fn changes_beyond_what_a_search_reaches_all_come() {
    let bench = Bench::start(Fixture).await;
    let access = bench.access();
    let (_, resume) = bench.pull(&access, ObjectKind::Customer, PullMode::Full, None).await.unwrap();
    let lines: Vec<String> =
        (0..10_300).map(|n| json!({"properties": {"lastname": format!("Lee{n}")}}).to_string()).collect();
    bench.control_text("objects/contacts/bulk", lines.join("\n")).await;
    let late = add(&bench, "contacts", json!({"lastname": "Late"})).await;

    let (records, resume) = bench.pull(&access, ObjectKind::Customer, PullMode::Changes, resume).await.unwrap();

    let came: BTreeSet<String> = records.into_iter().map(|record| record.external_id).collect();
    assert_eq!(came, ids(&bench, "contacts").await.into_iter().collect());
    assert!(came.contains(&late));
    // A pull without news starts where it started.
    let again = bench.pull(&access, ObjectKind::Customer, PullMode::Changes, resume.clone()).await.unwrap().1;
    assert_eq!(again, resume);
}

#[tokio::test]
async fn a_change_that_the_search_shows_late_is_not_missed() {
    let bench = Bench::start(Fixture).await;
    let access = bench.access();
    add(&bench, "contacts", json!({"lastname": "First"})).await;
    let (_, resume) = bench.pull(&access, ObjectKind::Customer, PullMode::Full, None).await.unwrap();
    let hidden = add(&bench, "contacts", json!({"lastname": "Hidden"})).await;
    bench.control(Method::POST, "search_lag", &json!({"ms": 60_000})).await;
    let (_, resume) = bench.pull(&access, ObjectKind::Customer, PullMode::Changes, resume).await.unwrap();
    bench.control(Method::POST, "search_lag", &json!({"ms": 0})).await;

    let (records, _) = bench.pull(&access, ObjectKind::Customer, PullMode::Changes, resume).await.unwrap();

    assert!(records.iter().any(|record| record.external_id == hidden));
}

#[tokio::test]
async fn a_household_that_shares_an_address_becomes_two_contacts() {
    let bench = Bench::start(Fixture).await;
    let shared = |first: &str| outgoing(person(1).with_text(Field::FIRST_NAME, first));
    let (ann, bob, cid) = (shared("Ann"), shared("Bob"), shared("Cid"));

    let together = bench.push(&bench.access(), &[ann, bob]).await.unwrap();
    let later = bench.push(&bench.access(), &[cid]).await.unwrap();

    assert_eq!(bench.count("/objects/customer"), 3);
    assert_eq!(get(&bench, "contacts", id_of(&together[0])).await["properties"]["email"], "ann1@example.com");
    for other in [&together[1], &later[0]] {
        let contact = get(&bench, "contacts", id_of(other)).await;
        assert_eq!(contact["properties"]["email"], Json::Null, "{contact}");
        assert_eq!(contact["properties"]["lastname"], "Lee1");
    }
}

#[tokio::test]
async fn a_contact_that_is_there_already_is_found_and_not_made_again() {
    let bench = Bench::start(Fixture).await;
    let known =
        add(&bench, "contacts", json!({"email": "Ann1@example.com", "firstname": "ann", "lastname": "LEE1"})).await;
    let out = bench.outgoing(1);

    let pushed = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();

    assert!(matches!(&pushed[0].outcome, Outcome::Updated { external_id } if *external_id == known), "{pushed:?}");
    assert_eq!(bench.count("/objects/customer"), 1);
    let found = pushed[0].found.as_ref().map(|found| &found.body["properties"]["lastname"]);
    assert_eq!(found, Some(&json!("LEE1")), "its own word");
    let contact = get(&bench, "contacts", &known).await;
    assert_eq!(
        (&contact["properties"]["lastname"], &contact["properties"]["driveline_id"]),
        (&json!("Lee1"), &Json::Null)
    );

    // The answer was lost: the next try finds somebody's own contact again, not one that we made.
    let again = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
    assert!(again[0].found.is_some());

    let known_by_now = connectors::Outgoing { external_id: Some(known.clone()), ..out.clone() };
    let after = bench.push(&bench.access(), &[known_by_now]).await.unwrap();
    assert!(after[0].found.is_none());
    assert_eq!(get(&bench, "contacts", &known).await["properties"]["driveline_id"], out.golden.to_string());
}

#[tokio::test]
async fn a_contact_of_the_accounts_own_that_is_let_go_stays_as_it_is_without_our_id() {
    let bench = Bench::start(Fixture).await;
    let theirs = add(&bench, "contacts", json!({"email": "ann1@example.com", "lastname": "Lee1"})).await;
    let mut known = bench.outgoing(1);
    known.external_id = Some(theirs.clone());
    bench.push(&bench.access(), std::slice::from_ref(&known)).await.unwrap();
    let marked = get(&bench, "contacts", &theirs).await["properties"].clone();
    assert_eq!(marked["driveline_id"], known.golden.to_string());
    let mut gone = bench.outgoing(2);
    gone.external_id = Some("424242".to_owned());

    let push = bench.connector().push(ObjectKind::Customer).unwrap();
    let pushed = push.let_go(&bench.access(), ObjectKind::Customer, &[known, gone]).await.unwrap();

    assert!(pushed.iter().all(|pushed| matches!(pushed.outcome, Outcome::Withdrawn)), "{pushed:?}");
    let after = get(&bench, "contacts", &theirs).await["properties"].clone();
    assert_eq!((&after["driveline_id"], &after["lastname"]), (&Json::Null, &marked["lastname"]));
}

#[tokio::test]
async fn a_contact_that_is_known_to_be_somebody_elses_is_not_taken_over() {
    let bench = Bench::start(Fixture).await;
    let theirs =
        add(&bench, "contacts", json!({"email": "ann1@example.com", "firstname": "Ann", "lastname": "Lee1"})).await;
    let mut out = bench.outgoing(1);
    out.taken.push(theirs.clone());

    let pushed = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();

    assert!(matches!(&pushed[0].outcome, Outcome::Created { external_id } if *external_id != theirs), "{pushed:?}");
    assert_eq!(get(&bench, "contacts", &theirs).await["properties"]["driveline_id"], Json::Null);
}

#[tokio::test]
async fn a_company_does_not_take_over_the_contact_of_who_answers_its_mail() {
    let bench = Bench::start(Fixture).await;
    let clerk = json!({"email": "info@apex.example", "firstname": "Raj", "lastname": "Patel", "company": "Apex"});
    let clerk = add(&bench, "contacts", clerk).await;
    let company = domain::Record::new(ObjectKind::Customer)
        .with_text(Field::CUSTOMER_KIND, "business")
        .with_text(Field::COMPANY_NAME, "Apex")
        .with_text(Field::EMAIL, "info@apex.example");

    let pushed = bench.push(&bench.access(), &[outgoing(company)]).await.unwrap();

    assert!(matches!(&pushed[0].outcome, Outcome::Created { external_id } if *external_id != clerk), "{pushed:?}");
    assert_eq!(get(&bench, "contacts", &clerk).await["properties"]["lastname"], "Patel");
}

#[tokio::test]
async fn a_record_that_was_archived_there_is_made_again_only_where_it_may_be() {
    let bench = Bench::start(Fixture).await;
    let mut out = bench.outgoing(1);
    let first = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
    let id = id_of(&first[0]).to_owned();
    bench.control(Method::DELETE, &format!("objects/contacts/{id}"), &json!(null)).await;
    out.external_id = Some(id.clone());

    out.may_create = false;
    let absent = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();
    out.may_create = true;
    let made = bench.push(&bench.access(), std::slice::from_ref(&out)).await.unwrap();

    assert!(matches!(absent[0].outcome, Outcome::Absent), "{absent:?}");
    assert!(matches!(&made[0].outcome, Outcome::Created { external_id } if *external_id != id), "{made:?}");
}

#[tokio::test]
async fn one_bad_record_fails_alone() {
    let bench = Bench::start(Fixture).await;
    let mut batch: Vec<_> = (0..100).map(|n| bench.outgoing(n)).collect();
    batch[41].record.set(Field::EMAIL, domain::Value::Text("no address".into()));

    let pushed = bench.push(&bench.access(), &batch).await.unwrap();

    assert_eq!(bench.count("/objects/customer"), 99);
    for (n, pushed) in pushed.iter().enumerate() {
        match &pushed.outcome {
            Outcome::Failed(error) => {
                assert_eq!(n, 41);
                assert!(matches!(error, ConnectorError::Refused { .. }), "{error:?}");
            }
            outcome => assert!(matches!(outcome, Outcome::Created { .. }), "{n}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_write_tells_back_is_what_the_next_pull_tells() {
    let bench = Bench::start(Fixture).await;
    let access = bench.access();
    let mut out = bench.outgoing(1);
    let created = bench.push(&access, std::slice::from_ref(&out)).await.unwrap();
    out.external_id = Some(id_of(&created[0]).to_owned());
    out.record.set(Field::CITY, domain::Value::Text("Tampa".into()));
    out.idempotency_key = format!("{}:2", out.golden);

    let pushed = [created, bench.push(&access, std::slice::from_ref(&out)).await.unwrap()].concat_all();
    let (pulled, _) = bench.pull(&access, ObjectKind::Customer, PullMode::Full, None).await.unwrap();

    let echo = pushed[1].echo.as_ref().expect("an echo");
    assert_eq!(*echo, pulled[0]);
    let of_create = mapped(&bench, pushed[0].echo.as_ref().expect("an echo"), ObjectKind::Customer);
    let mut of_pull = mapped(&bench, &pulled[0], ObjectKind::Customer);
    of_pull.remove(Field::CITY);
    assert_eq!(of_create, of_pull);
}

/// Two lists as one, for results that cannot be cloned.
trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}

impl<T, const N: usize> ConcatAll<T> for [Vec<T>; N] {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

#[tokio::test]
async fn a_deal_is_linked_to_its_buyer_and_both_ways_of_reading_tell_it() {
    let bench = Bench::start(Fixture).await;
    let access = bench.access();
    let (_, resume) = bench.pull(&access, ObjectKind::Deal, PullMode::Full, None).await.unwrap();
    let buyer = add(&bench, "contacts", json!({"lastname": "Lee"})).await;
    let record = Record::new(ObjectKind::Deal)
        .with_text(Field::DEAL_NUMBER, "D-17")
        .with_text(Field::DEAL_STATUS, "pending")
        .with(Field::DEAL_AMOUNT, domain::Value::Money("23998.50".parse().unwrap()));
    let mut out = outgoing(record.clone());
    out.refs = vec![(Field::DEAL_CUSTOMER, buyer.clone())];

    let pushed = bench.push(&access, &[out]).await.unwrap();
    let (listed, _) = bench.pull(&access, ObjectKind::Deal, PullMode::Full, None).await.unwrap();
    let (changed, _) = bench.pull(&access, ObjectKind::Deal, PullMode::Changes, resume).await.unwrap();
    let one = bench.connector().pull(ObjectKind::Deal).unwrap();
    let one = one.one(&access, ObjectKind::Deal, id_of(&pushed[0])).await.unwrap().expect("the deal");

    for (way, payload) in
        [("echo", pushed[0].echo.as_ref().unwrap()), ("list", &listed[0]), ("search", &changed[0]), ("one", &one)]
    {
        let read = mapped(&bench, payload, ObjectKind::Deal);
        assert_eq!(read.text(Field::DEAL_CUSTOMER), Some(buyer.as_str()), "{way}: {}", payload.body);
        for (field, value) in record.fields() {
            assert_eq!(read.get(field), Some(value), "{way}: {field}");
        }
    }
}

#[tokio::test]
async fn a_record_that_is_not_there_is_none() {
    let bench = Bench::start(Fixture).await;
    let pull = bench.connector().pull(ObjectKind::Customer).unwrap();
    for id in ["999999", "../0-3", "a b"] {
        assert_eq!(pull.one(&bench.access(), ObjectKind::Customer, id).await.unwrap(), None, "{id}");
    }
}

#[tokio::test]
async fn a_spent_window_slows_us_down_before_the_vendor_does() {
    let bench = Bench::start(Fixture).await;
    let limits = json!({"calls": 2, "window_ms": 10_000, "daily": 1000, "tells_retry_after": false});
    bench.control(Method::POST, "limits", &limits).await;

    bench.first_page(&bench.access(), ObjectKind::Customer).await.unwrap();
    assert!(bench.budget.0.lock().unwrap().is_empty());
    bench.first_page(&bench.access(), ObjectKind::Customer).await.unwrap();
    assert_eq!(*bench.budget.0.lock().unwrap(), [Duration::from_secs(10)]);

    let error = bench.first_page(&bench.access(), ObjectKind::Customer).await.expect_err("too many");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(10)));
    assert!(error.to_string().contains("TEN_SECONDLY_ROLLING"), "{error}");
}

#[tokio::test]
async fn webhooks_are_believed_only_with_a_fresh_signature_over_everything() {
    let bench = Bench::start(Fixture).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks/in?a=b%40c", listener.local_addr().unwrap());
    let server = actix_web::HttpServer::new(move || {
        let sender = sender.clone();
        let take = move |call: actix_web::HttpRequest, body: actix_web::web::Bytes| {
            let headers = call.headers().iter();
            let headers = headers.map(|(n, v)| (n.as_str().to_owned(), v.to_str().unwrap().to_owned())).collect();
            sender.send((headers, body.to_vec())).unwrap();
            async { actix_web::HttpResponse::Ok().finish() }
        };
        actix_web::App::new().default_service(actix_web::web::to(take))
    });
    tokio::spawn(server.workers(1).listen(listener).unwrap().run());
    let kept = add(&bench, "contacts", json!({"lastname": "Kept"})).await;
    let gone = add(&bench, "contacts", json!({"lastname": "Gone"})).await;
    let target = json!({"url": url, "secret": "driveline-app-secret"});
    bench.control(Method::POST, "webhooks", &target).await;

    let change = json!({"properties": {"firstname": "Ann", "city": "Tampa"}});
    bench.control(Method::PATCH, &format!("objects/contacts/{kept}"), &change).await;
    bench.control(Method::DELETE, &format!("objects/contacts/{gone}"), &json!(null)).await;

    let webhooks = bench.connector().webhooks().unwrap();
    let access = bench.access_with(map(&[("client_secret", "driveline-app-secret")]));
    let mut told = Vec::new();
    while told.len() < 2 {
        let (headers, body) = receiver.recv().await.unwrap();
        let request = WebhookRequest { method: "POST".to_owned(), url: url.clone(), headers, body };
        let now = chrono::Utc::now();
        assert_eq!(webhooks.authenticate(&access, &request, now), Ok(()));
        let late = now + chrono::TimeDelta::minutes(6);
        assert_eq!(webhooks.authenticate(&access, &request, late), Err(WebhookRefused::Stale));
        let mut other = request.clone();
        other.body.push(b' ');
        assert_eq!(webhooks.authenticate(&access, &other, now), Err(WebhookRefused::Signature));
        let mut other = request.clone();
        other.url.push('x');
        assert_eq!(webhooks.authenticate(&access, &other, now), Err(WebhookRefused::Signature));
        assert!(webhooks.authenticate(&bench.access(), &request, now).is_err(), "believed without a secret");
        assert!(webhooks.delivery_id(&request).is_some());
        told.extend(webhooks.read(&access, &request.body).unwrap());
    }
    assert!(told.contains(&Change::Changed { object: ObjectKind::Customer, external_id: kept }), "{told:?}");
    let is_gone = |change: &Change| matches!(change, Change::Told { payload, .. } if payload.deleted && payload.external_id == gone);
    assert!(told.iter().any(is_gone), "{told:?}");
}
