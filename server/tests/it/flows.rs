//! What moves, over HTTP alone: a file that becomes records while its progress is watched, a brake that is let go,
//! failures that are tried again.

use crate::rig::{Client, Rig};
use domain::{ObjectKind, TenantId};
use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use simulators::faults::{Fault, Planned};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use store::engine::take_turn;
use store::{TenantScope, TenantTx};
use testkit::{TestRedis, TestVendors, TestWorker};

const PATIENCE: Duration = Duration::from_secs(60);

/// One event of a stream.
#[derive(Debug, PartialEq)]
struct Told {
    id: String,
    name: String,
    run: Json,
}

/// A stream of events, as a browser's EventSource reads it.
struct Stream {
    response: Response,
    text: String,
    /// Comments that came: signs of life.
    alive: usize,
    waiting: VecDeque<Told>,
}

impl Stream {
    async fn of(client: &Client<'_>, run: &str, after: Option<&str>) -> Self {
        let mut ask = client
            .ask(Method::GET, &format!("/runs/{run}/events"))
            .header("accept", "text/event-stream")
            .header("accept-encoding", "gzip, br");
        if let Some(id) = after {
            ask = ask.header("last-event-id", id);
        }
        let response = ask.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new(), alive: 0, waiting: VecDeque::new() }
    }

    /// The next event; `None` at the stream's end.
    async fn next(&mut self) -> Option<Told> {
        while self.waiting.is_empty() {
            self.more().await?;
        }
        self.waiting.pop_front()
    }

    /// Reads on; `None` at the stream's end.
    async fn more(&mut self) -> Option<()> {
        let bytes = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("a sign of life").unwrap()?;
        self.text.push_str(std::str::from_utf8(&bytes).expect("text, not compressed"));
        while let Some((event, rest)) = self.text.split_once("\n\n") {
            let line =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned());
            match line("data:") {
                Some(data) => self.waiting.push_back(Told {
                    id: line("id:").expect("an id"),
                    name: line("event:").expect("a name"),
                    run: serde_json::from_str(&data).unwrap(),
                }),
                None => self.alive += 1,
            }
            self.text = rest.to_owned();
        }
        Some(())
    }

    /// Reads on until the stream has shown a sign of life; no event may come before.
    async fn until_alive(&mut self) {
        while self.alive == 0 {
            self.more().await.expect("the stream goes on");
            assert!(self.waiting.is_empty(), "{:?}", self.waiting);
        }
    }
}

fn customers(count: usize, from: usize) -> String {
    let rows: String = (from..from + count).map(|n| format!("{n},Ann,Lee{n}x,a{n}@example.com\n")).collect();
    format!("CustNo,First Name,Last Name,Email\n{rows}")
}

/// Returns when a run is over.
async fn over(client: &Client<'_>, run: &str) -> Json {
    let began = Instant::now();
    loop {
        let shown = client.get(&format!("/runs/{run}")).await.expect(200);
        if shown["is_over"] == true {
            return shown;
        }
        assert!(began.elapsed() < PATIENCE, "{shown}");
        tokio::task::yield_now().await;
    }
}

/// Takes the tenant's turn once a run has read something, so that the run stands still until it is given back.
async fn stopped_halfway(rig: &Rig, client: &Client<'_>, run: &str) -> TenantTx {
    let began = Instant::now();
    while client.get(&format!("/runs/{run}")).await.expect(200)["counts"]["received"] == 0 {
        assert!(began.elapsed() < PATIENCE, "nothing was read");
        tokio::task::yield_now().await;
    }
    let tenants = rig.test.test.rows("SELECT id::text AS id FROM tenant").await;
    let tenant: String = tenants[0].try_get("", "id").unwrap();
    let tx = rig.test.test.db.tenant(&TenantScope::driveline(TenantId(tenant.parse().unwrap()))).await.unwrap();
    take_turn(&tx, ObjectKind::Customer).await.unwrap();
    tx
}

/// How many records a run had read when it was told of; 0 before.
fn received(told: Option<&Told>) -> i64 {
    told.map_or(0, |event| event.run["counts"]["received"].as_i64().unwrap())
}

/// The newest run of a connection's customers.
async fn newest_run(client: &Client<'_>, connection: &str) -> String {
    let runs = client.get(&format!("/runs?connection={connection}")).await.expect(200);
    let run = runs["items"].as_array().unwrap().iter().find(|run| run["object"] == "customer").expect("a run");
    run["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn an_uploaded_file_becomes_records_while_its_progress_is_watched_and_gone_on_with() {
    let redis = TestRedis::start();
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner("ann@example.com").await;
    let (id, _) = ann.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;

    let uploaded = ann.upload(&id, "customers_1.csv", customers(10_000, 0)).await;
    let run = newest_run(&ann, &id).await;
    let mut first = Stream::of(&ann, &run, None).await;
    let queued = first.next().await.unwrap();
    drop(first);
    let mut second = Stream::of(&ann, &run, Some(&queued.id)).await;
    second.until_alive().await;
    let worker = TestWorker::start(&rig.test);
    let turn = stopped_halfway(&rig, &ann, &run).await;
    let mut told = Vec::new();
    while received(told.last()) == 0 {
        told.push(second.next().await.expect("the stream goes on"));
    }
    drop(turn);
    while let Some(event) = second.next().await {
        told.push(event);
    }
    worker.stop().await;

    assert_eq!(uploaded["name"], "customers_1.csv");
    assert_eq!((queued.name.as_str(), queued.run["state"].as_str()), ("progress", Some("queued")));
    let last = told.pop().unwrap();
    assert_eq!((last.name.as_str(), last.run["state"].as_str()), ("finished", Some("succeeded")), "{}", last.run);
    assert_eq!(last.run["counts"]["added"], 10_000);
    assert!(told.iter().all(|event| event.name == "progress" && event.id != queued.id), "{told:?}");
    let received: Vec<i64> = told.iter().map(|event| received(Some(event))).collect();
    assert!(received.is_sorted() && received.iter().any(|&some| some > 0 && some < 10_000), "{received:?}");
    // Who comes after the end with the last id is told nothing twice, and the stream ends.
    let mut late = Stream::of(&ann, &run, Some(&last.id)).await;
    assert_eq!(late.next().await, None);

    let found = ann.get("/records/search?q=a77@example.com").await.expect(200);
    let title = found["items"].as_array().or_else(|| found.as_array()).expect("a list")[0]["title"].clone();
    assert_eq!(title, "Ann Lee77x");
    let found = ann.get("/search?q=lee77x&limit=5").await.expect(200);
    assert_eq!(found["groups"][0]["items"][0]["title"], title);
    assert_eq!(found["groups"][0]["items"][0]["found_by"], "name");
    assert_eq!(found["straight"], found["groups"][0]["items"][0]["id"]);
    ann.get("/search?q=lee&limit=51").await.expect(422);
    ann.get("/search?q=x").await.expect(422);
    let page = ann.get("/records?object=customer&limit=200").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 200);
    let shown = ann.get(&format!("/records/{}", page["items"][0]["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown["sources"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn removals_wait_for_an_approval_and_go_on_by_it() {
    let redis = TestRedis::start();
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner("ann@example.com").await;
    let values = json!({"transport": "upload", "customers": "customers*.csv", "snapshot": "yes"});
    let (id, _) = ann.connected("files", values).await;
    let worker = TestWorker::start(&rig.test);
    ann.upload(&id, "customers_1.csv", customers(40, 0)).await;
    let first = newest_run(&ann, &id).await;
    assert_eq!(over(&ann, &first).await["counts"]["added"], 40);
    let open = "SELECT count(*) FROM run WHERE finished_at IS NULL";
    rig.test.test.until_count(open, 0, PATIENCE).await;

    ann.upload(&id, "customers_2.csv", customers(10, 0)).await;
    rig.test.test.until_count(open, 0, PATIENCE).await;
    // Only a read of everything concludes that something is gone.
    let ask = json!({"mode": "full", "object": "customer"});
    let started = ann.post(&format!("/connections/{id}/syncs"), ask).await.expect(202);
    let run = started["runs"][0].as_str().unwrap().to_owned();
    let held = over(&ann, &run).await;
    assert_eq!((held["state"].as_str(), &held["counts"]["removed"]), (Some("held"), &json!(0)), "{held}");
    let before = ann.get("/records?object=customer&limit=200").await.expect(200)["items"].as_array().unwrap().len();
    let approve = format!("/runs/{run}/approve-removals");
    ann.post(&approve, json!({})).await.expect(202);
    let done = over(&ann, &run).await;
    worker.stop().await;

    assert_eq!(before, 40, "nothing is taken out before somebody agrees");
    assert_eq!((done["state"].as_str(), &done["counts"]["removed"]), (Some("succeeded"), &json!(30)), "{done}");
    ann.post(&approve, json!({})).await.expect(409);
    ann.post(&format!("/runs/{first}/approve-removals"), json!({})).await.expect(409);
    let audit = ann.get("/audit?limit=200").await.expect(200);
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["action"] == "removals.approved"), "{audit}");
}

fn crm(vendors: &TestVendors) -> Json {
    json!({
        "base_url": format!("{}/hubspot", vendors.base), "authorize_url": format!("{}/hubspot/oauth/authorize", vendors.base),
        "client_id": "driveline-app", "client_secret": "driveline-app-secret", "token": "pat-na1-simulated",
    })
}

async fn failures(client: &Client<'_>, query: &str) -> Vec<Json> {
    client.get(&format!("/failures?{query}")).await.expect(200)["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn a_failure_that_would_wait_is_tried_again_at_once_when_somebody_says_so() {
    let (redis, vendors) = (TestRedis::start(), TestVendors::start());
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner("ann@example.com").await;
    let (to, _) = ann.connected("hubspot", crm(&vendors)).await;
    let (from, _) = ann.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    let worker = TestWorker::start(&rig.test);
    // It is read before anything is written to it.
    let unread = format!("SELECT count(*) FROM object_sync WHERE connection_id = '{to}' AND pull AND full_at IS NULL");
    rig.test.test.until_count(&unread, 0, PATIENCE).await;
    vendors.plan("hubspot", Planned { fault: Fault::Broken, times: 10_000, path: "/crm/".into(), every: 1 });

    ann.upload(&from, "customers_1.csv", customers(5, 0)).await;
    let open = format!("SELECT count(*) FROM failure WHERE connection_id = '{to}' AND state = 'open'");
    rig.test.test.until_count(&open, 1, PATIENCE).await;
    let failure = failures(&ann, &format!("connection={to}&state=open")).await.remove(0);
    vendors.mend("hubspot");
    // As if the waits had grown for hours: nothing is due for a long time.
    rig.test.test.run("UPDATE target SET due_at = now() + interval '1 day' WHERE state = 1").await;
    rig.test.test.run("UPDATE job SET run_at = now() + interval '1 day' WHERE state = 0").await;
    ann.post(&format!("/failures/{}/replay", failure["id"].as_str().unwrap()), json!({})).await.expect(202);
    rig.test.test.until_count(&open, 0, PATIENCE).await;
    worker.stop().await;

    assert_eq!((failure["fault"].as_str(), failure["next"].as_str()), (Some("vendor"), Some("retrying")), "{failure}");
    assert!(!failure["said"].as_str().unwrap().is_empty() && !failure["fix"].as_str().unwrap().is_empty(), "{failure}");
    let there = reqwest::get(format!("{}/_sim/hubspot/objects/contacts", vendors.base)).await.unwrap();
    let there = there.text().await.unwrap();
    assert!((0..5).all(|n| there.contains(&format!("a{n}@example.com"))), "{there}");
}

#[actix_web::test]
async fn all_failures_of_one_cause_are_tried_again_together() {
    let redis = TestRedis::start();
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner("ann@example.com").await;
    let eve = rig.owner("eve@example.com").await;
    let (id, _) = ann.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    let worker = TestWorker::start(&rig.test);
    // A town and an address that is none say nothing about who somebody is.
    let file = "CustNo,City,Email,First Name,Last Name\n1,Tampa,NA,,\n2,Miami,NA,,\n3,Ocala,NA,,\n4,Ocala,z@example.com,Zoe,Ray\n";
    ann.upload(&id, "customers_1.csv", file).await;
    let run = over(&ann, &newest_run(&ann, &id).await).await;
    let cause = json!({"connection": id, "object": "customer", "code": "incomplete"});

    let causes = ann.get("/failures/causes").await.expect(200);
    let replayed = ann.post("/failures/replay", cause.clone()).await.expect(202);
    let again = "SELECT count(*) FROM failure WHERE state = 'open' AND times >= 2";
    rig.test.test.until_count(again, 3, PATIENCE).await;
    eve.post("/failures/replay", cause).await.expect(404);
    let stolen = failures(&ann, "state=open").await.remove(0);
    eve.post(&format!("/failures/{}/replay", stolen["id"].as_str().unwrap()), json!({})).await.expect(404);
    worker.stop().await;

    assert_eq!((&run["counts"]["flagged"], &run["counts"]["added"]), (&json!(3), &json!(1)), "{run}");
    assert_eq!(
        (causes.as_array().unwrap().len(), &causes[0]["code"], &causes[0]["count"]),
        (1, &json!("incomplete"), &json!(3)),
        "{causes}"
    );
    assert_eq!(replayed["replayed"], 3);
    assert_eq!(failures(&ann, "state=open").await.len(), 3, "they lack the same as before, and no more failures came");
}
