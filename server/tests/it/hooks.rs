//! Webhooks over HTTP: signed ones are taken, at once and once; others are refused; Redis need not be there.

use crate::rig::{Answer, Rig};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::RequestBuilder;
use serde_json::{Value as Json, json};
use sha2::Sha256;
use std::time::{Duration, Instant};
use testkit::{TestRedis, TestVendors, TestWorker};

const SECRET: &str = "driveline-app-secret";
const PATIENCE: Duration = Duration::from_secs(60);

fn events(event: u64, contact: u64) -> String {
    json!([{"eventId": event, "subscriptionId": 1, "portalId": 1, "occurredAt": 1, "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0, "objectId": contact}])
    .to_string()
}

/// A connected CRM and the address that it sends webhooks to.
struct Told {
    rig: Rig,
    vendors: TestVendors,
    connection: String,
    /// As the vendor knows it: the public one, which the signature covers.
    url: String,
}

impl Told {
    async fn start(redis: &TestRedis) -> Self {
        let (rig, vendors) = (Rig::with_redis(redis).await, TestVendors::start());
        let ann = rig.owner("ann@example.com").await;
        let base_url = format!("{}/hubspot", vendors.base);
        let values = json!({
            "base_url": base_url, "authorize_url": format!("{base_url}/oauth/authorize"),
            "client_id": "driveline-app", "client_secret": SECRET, "token": "pat-na1-simulated",
        });
        let (connection, made) = ann.connected("hubspot", values).await;
        let url = made["ingress_url"].as_str().unwrap().to_owned();
        Self { rig, vendors, connection, url }
    }

    fn signed(&self, secret: &str, body: &str, at: DateTime<Utc>) -> RequestBuilder {
        let at = at.timestamp_millis().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("POST{}{body}{at}", self.url).as_bytes());
        let path = url_path(&self.url);
        self.rig
            .http
            .post(format!("{}{path}", self.rig.base))
            .header("content-type", "application/json")
            .header("x-hubspot-request-timestamp", at)
            .header("x-hubspot-signature-v3", STANDARD.encode(mac.finalize().into_bytes()))
            .body(body.to_owned())
    }

    async fn send(&self, ask: RequestBuilder) -> u16 {
        Answer::of(ask.send().await.unwrap()).await.status.as_u16()
    }

    async fn kept(&self) -> i64 {
        self.rig.test.test.count("SELECT count(*) FROM inbox").await
    }
}

fn url_path(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    &rest[rest.find('/').unwrap()..]
}

#[actix_web::test]
async fn a_signed_webhook_is_answered_at_once_and_its_change_reaches_the_golden_record() {
    let redis = TestRedis::start();
    let told = Told::start(&redis).await;
    let contact = json!({"properties": {"firstname": "Ann", "lastname": "Lee", "email": "a@example.com"}});
    let sim = reqwest::Client::new();
    let added: Json = sim
        .post(format!("{}/_sim/hubspot/objects/contacts", told.vendors.base))
        .json(&contact)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let contact = added["id"].as_u64().or_else(|| added["id"].as_str()?.parse().ok()).expect("an id");
    let worker = TestWorker::start(&told.rig.test);

    let mut took = Vec::new();
    for event in 0..200 {
        let ask = told.signed(SECRET, &events(event, contact), Utc::now());
        let began = Instant::now();
        assert_eq!(told.send(ask).await, 202);
        took.push(began.elapsed());
    }
    let golden = "SELECT count(*) FROM golden";
    told.rig.test.test.until_count(golden, 1, PATIENCE).await;
    worker.stop().await;

    took.sort_unstable();
    let at = |part: usize| took[took.len() * part / 100].as_secs_f64() * 1_000.0;
    eprintln!(
        "200 webhooks were answered in p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms while a worker ran",
        at(50),
        at(95),
        at(99)
    );
    assert_eq!(told.kept().await, 200);
}

#[actix_web::test]
async fn what_is_forged_stale_or_sent_again_changes_nothing() {
    let redis = TestRedis::start();
    let told = Told::start(&redis).await;
    let body = events(1, 42);
    let now = Utc::now();

    let forged = told.send(told.signed("a guess", &body, now)).await;
    let stale = told.send(told.signed(SECRET, &body, now - TimeDelta::minutes(6))).await;
    let unsigned =
        told.send(told.rig.http.post(format!("{}{}", told.rig.base, url_path(&told.url))).body(body.clone())).await;
    let tampered = told.send(told.signed(SECRET, &body, now).body(body.replace("42", "43"))).await;
    let moved = told.rig.http.post(format!("{}{}?x=1", told.rig.base, url_path(&told.url)));
    let genuine = told.signed(SECRET, &body, now).build().unwrap();
    let moved = told.send(moved.headers(genuine.headers().clone()).body(body.clone())).await;
    assert_eq!(told.kept().await, 0);
    let taken = told.send(told.signed(SECRET, &body, now)).await;
    let replayed = told.send(told.signed(SECRET, &body, now)).await;

    assert_eq!([forged, stale, unsigned, tampered, moved], [401; 5]);
    assert_eq!((taken, replayed, told.kept().await), (202, 202, 1), "sent again: taken, and one is kept");
    let nowhere = told.rig.http.post(format!("{}/hooks/{}", told.rig.base, "x".repeat(43))).body(body);
    assert_eq!(told.send(nowhere).await, 404);
}

#[actix_web::test]
async fn webhooks_are_taken_while_redis_is_down_and_read_when_it_is_back() {
    let mut redis = TestRedis::start();
    let told = Told::start(&redis).await;
    let worker = TestWorker::start(&told.rig.test);
    redis.kill();

    let began = Instant::now();
    for event in 0..20 {
        assert_eq!(told.send(told.signed(SECRET, &events(event, 1_000_000 + event), Utc::now())).await, 202);
    }
    let took = began.elapsed();
    let ready = told.rig.http.get(format!("{}/health/ready", told.rig.base)).send().await.unwrap().status();
    assert_eq!((told.kept().await, ready.as_u16()), (20, 200));
    assert!(redis.start_again());
    let unread =
        format!("SELECT count(*) FROM inbox WHERE connection_id = '{}' AND state = 'waiting'", told.connection);
    told.rig.test.test.until_count(&unread, 0, PATIENCE).await;
    worker.stop().await;

    eprintln!("20 webhooks without Redis took {:.0} ms", took.as_secs_f64() * 1_000.0);
}
