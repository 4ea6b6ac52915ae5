//! What is secret or personal lies in clear nowhere: not in the database, not in Redis, not in what is logged.
//!
//! `DRIVELINE_FULL=1` runs it at the size that the goal names (R19).

use crate::canaries::{Logs, PATIENCE, customer, export, sized};
use crate::rig::Rig;
use serde_json::json;
use simulators::faults::{Fault, Planned};
use testkit::application::PASSWORD;
use testkit::{TestRedis, TestVendors, TestWorker};

#[actix_web::test]
async fn no_secret_and_no_personal_value_lies_in_clear_in_the_database_redis_or_the_logs() {
    let (logs, redis, vendors) = (Logs::keep(), TestRedis::start(), TestVendors::start());
    let watched = redis.watch();
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner_of("zqkanari0001zq@example.com", "Bayside").await;
    let worker = TestWorker::start(&rig.test);
    let customers = sized(200, 2_000);
    let secret = "unmistakable-client-secret";
    let base_url = format!("{}/hubspot", vendors.base);
    let values = json!({"base_url": base_url, "authorize_url": format!("{base_url}/oauth/authorize"),
        "client_id": "driveline-app", "client_secret": secret, "token": "pat-na1-simulated"});
    let (_, crm) = ann.connected("hubspot", values).await;
    let (id, _) = ann.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    ann.upload(&id, "customers_1.csv", export(1, customers)).await;
    rig.test.test.until_count("SELECT count(*) FROM run WHERE finished_at IS NULL", 0, PATIENCE).await;
    let due = "SELECT count(*) FROM target WHERE state = 1";
    rig.test.test.until_count(due, 0, PATIENCE).await;
    // It refuses whoever comes later, and repeats in its reasons what it was sent.
    vendors.plan("hubspot", Planned { fault: Fault::Repeats, times: 10_000, path: "/batch/upsert".into(), every: 1 });
    let later: String = (customers..customers + 3).map(|n| format!("{n},{}\n", customer(1, n).join(","))).collect();
    let file = format!("CustNo,Email,Mobile Phone,First Name,Last Name,Address\n{later}");
    ann.upload(&id, "customers_2.csv", file).await;
    rig.test.test.until_count("SELECT count(*) FROM run WHERE finished_at IS NULL", 0, PATIENCE).await;
    rig.test.test.until_count(due, 0, PATIENCE).await;
    let repeated = rig.test.test.count("SELECT count(*) FROM failure WHERE position('[hidden]' IN said) > 0").await;
    assert!(repeated > 0, "no failure tells what the CRM repeated");
    for n in 0..20 {
        let [email, phone, _, last, _] = customer(1, n);
        for asked in [email, phone, last] {
            ann.get(&format!("/records/search?q={asked}")).await.expect(200);
            ann.get(&format!("/search?q={asked}")).await.expect(200);
        }
    }
    // What goes wrong must not tell them either.
    rig.nobody()
        .post("/sign-in", json!({"email": "zqkanari0001zq@example.com", "password": "wrong but long enough"}))
        .await;
    worker.stop().await;

    let mut known: Vec<String> = (0..customers + 3).flat_map(|n| customer(1, n)).collect();
    let hook = crm["ingress_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let key = ann.key().to_owned();
    let key_secret = key.rsplit('_').next().unwrap().to_owned();
    known.extend(
        [PASSWORD, "wrong but long enough", secret, "pat-na1-simulated", "AQEBAQEBAQEBAQEBAQEB"].map(ToOwned::to_owned),
    );
    known.extend([hook, key, key_secret, "zqkanari0001zq@example.com".to_owned()]);
    let dump = rig.test.test.dump().await;
    let places = [("the database", dump), ("Redis", watched.text()), ("the logs", logs.text())];
    for (place, text) in &places {
        let text = text.to_lowercase();
        let clear: Vec<&String> = known
            .iter()
            .filter(|value| {
                let value = value.to_lowercase();
                text.contains(&value) || text.contains(&hex::encode(&value))
            })
            .collect();
        assert!(clear.is_empty(), "{place} tells {} values in clear: {:?}", clear.len(), &clear[..clear.len().min(5)]);
        eprintln!("{} known values in {} bytes of {place}: 0 in clear", known.len(), text.len());
    }
}
