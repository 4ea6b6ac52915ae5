//! Reviewing over HTTP: two who review at once, one pair in detail, a cluster, a split, many at once.

use crate::rig::{Answer, Client, ORIGIN, Rig, session_cookie};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use testkit::application::PASSWORD;
use testkit::{TestRedis, TestWorker};

const PATIENCE: Duration = Duration::from_secs(60);
const FILE: &str = "CustNo,First Name,Last Name,Email
1,Ann,Walker,ann@example.com
2,Ann,Lee,ann@example.com
3,Bert,Stone,bert@example.com
4,Bert,Moss,bert@example.com
5,Clara,Fox,clara@example.com
6,Clara,Nolan,clara@example.com
";

/// The same tenant through a browser's session: somebody else than the key.
struct Session<'a> {
    client: Client<'a>,
    cookie: String,
}

impl Session<'_> {
    async fn post(&self, path: &str, body: Json) -> Answer {
        let ask = self.client.ask(Method::POST, path).header("cookie", self.cookie.clone()).header("origin", ORIGIN);
        self.client.send(ask.json(&body)).await
    }
}

fn id(pair: &Json) -> String {
    pair["id"].as_str().unwrap().to_owned()
}

/// Three pairs to decide: the rig's key and the connection they came by.
async fn three_pairs<'a>(rig: &'a Rig) -> (Client<'a>, Json, TestWorker) {
    let key = rig.owner("ann@example.com").await;
    let (files, _) = key.connected("files", json!({"transport": "upload", "customers": "customers*.csv"})).await;
    key.upload(&files, "customers_1.csv", FILE).await;
    let worker = TestWorker::start(&rig.test);
    let began = Instant::now();
    loop {
        let found = key.get("/candidates").await.expect(200);
        if found["items"].as_array().unwrap().len() == 3 {
            return (key, found["items"].clone(), worker);
        }
        assert!(began.elapsed() < PATIENCE, "{found}");
        tokio::task::yield_now().await;
    }
}

/// Ann's session in a browser.
async fn signed_in(rig: &Rig) -> String {
    let answer = rig.nobody().post("/sign-in", json!({"email": "ann@example.com", "password": PASSWORD})).await;
    session_cookie(&answer)
}

#[actix_web::test]
async fn the_portals_pages_show_the_same_and_work_without_scripts() {
    let redis = TestRedis::start();
    let rig = Rig::with_redis(&redis).await;
    let (key, pairs, worker) = three_pairs(&rig).await;
    let cookie = signed_in(&rig).await;
    let page = async |path: &str| {
        let ask = rig.http.get(format!("{}{path}", rig.base)).header("cookie", cookie.clone());
        let answer = Answer::of(ask.send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
        answer.text
    };
    let send = async |path: &str, html: &str, fields: &[(&str, &str)]| {
        let token =
            html.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form");
        let mut form = vec![("csrf", token)];
        form.extend(fields);
        let ask = rig
            .http
            .post(format!("{}{path}", rig.base))
            .header("cookie", cookie.clone())
            .header("origin", rig.base.clone());
        let answer = Answer::of(ask.form(&form).send().await.unwrap()).await;
        assert_eq!(answer.status, 303, "{path} {}", answer.text);
        answer.headers["location"].to_str().unwrap().to_owned()
    };
    let has = |html: &str, words: &[&str]| {
        for word in words {
            assert!(html.contains(word), "no {word:?} in {html}");
        }
    };
    let (first, second) = (id(&pairs[0]), id(&pairs[1]));

    let list = page("/duplicates?object=customer&min=1&max=100").await;
    has(&list, &["Review the first", "3 pairs wait", "At stake", "Joined by Driveline", "Many at once"]);
    for state in ["open", "snoozed", "joined", "merged", "not_a_match"] {
        page(&format!("/duplicates?state={state}")).await;
    }
    let open = page(&format!("/duplicates/{first}")).await;
    has(&open, &["Who wins", "If you merge", "Why they may be one", "bits for", "Ask in a week", "Skip"]);
    has(&page("/duplicates").await, &["You"]);
    key.post(&format!("/candidates/{second}/claim"), json!({})).await.expect(200);
    let theirs = page(&format!("/duplicates/{second}")).await;
    has(&theirs, &["The API key “test”", "is looking at this pair"]);
    assert!(!theirs.contains("/merge\""), "what is another's cannot be decided");
    let sample = page("/duplicates/bulk?decision=merge&object=customer").await;
    has(&sample, &["2 pairs fit your filters", "Merge 2 pairs"]);

    let next = send(&format!("/duplicates/{first}/skip"), &open, &[]).await;
    assert!(next != format!("/duplicates/{first}") && next != format!("/duplicates/{second}"), "{next}");
    let done = send(&format!("{next}/snooze"), &open, &[("days", "7")]).await;
    has(&page(&done).await, &["Put off", "Undo"]);
    let cluster = page(&format!("/duplicates/{first}/cluster")).await;
    has(&cluster, &["One of them", "Somebody else", "Decide them"]);
    let members: Vec<&str> = cluster.split("name=\"member\" value=\"").skip(1).map(|rest| &rest[..36]).collect();
    let (kept, dropped) = (format!("says-{}", members[0]), format!("says-{}", members[1]));
    let fields = [("member", members[0]), ("member", members[1]), (kept.as_str(), "keep"), (dropped.as_str(), "drop")];
    let record = send(&format!("/duplicates/{first}/cluster"), &cluster, &fields).await;
    assert_eq!(record, format!("/records/{}?done=cluster", members[0]));
    has(&page("/duplicates?state=not_a_match").await, &["1 pair", "Ann"]);
    key.post(&format!("/candidates/{second}/release"), json!({})).await.expect(204);
    let sample = page("/duplicates/bulk?decision=merge").await;
    let done = send("/duplicates/bulk", &sample, &[("decision", "merge"), ("expect", "1")]).await;
    assert_eq!(done, "/duplicates?done=bulk");
    let merged = page(&format!("/duplicates/{second}")).await;
    has(&merged, &["Merged", "The merged record", "Undo", "bits for"]);

    let survivor = merged.split("href=\"/records/").nth(1).map(|rest| &rest[..36]).expect("a link to the survivor");
    let record = page(&format!("/records/{survivor}")).await;
    has(&record, &["Not all of them the same?", "Take the chosen apart"]);
    let source = record.split("name=\"source\" value=\"").nth(2).map(|rest| &rest[..36]).expect("two sources");
    let out = send(&format!("/records/{survivor}/split"), &record, &[("source", source)]).await;
    assert!(out.ends_with("?done=split") && !out.contains(survivor), "{out}");
    has(&page(&out).await, &["Taken apart.", "Told by 1 record"]);
    worker.stop().await;
}

#[actix_web::test]
async fn two_people_review_the_queue_over_http() {
    let redis = TestRedis::start();
    let rig = Rig::with_redis(&redis).await;
    let (key, pairs, worker) = three_pairs(&rig).await;
    let ann = Session { client: rig.nobody(), cookie: signed_in(&rig).await };

    // Each is given another one, and neither decides the other's.
    let anns = ann.post("/candidates/next", json!({})).await.expect(200)["pair"].clone();
    let keys = key.post("/candidates/next", json!({})).await.expect(200)["pair"].clone();
    let (anns, keys) = (id(&anns), id(&keys));
    assert_ne!(anns, keys);
    let refused = key.post(&format!("/candidates/{anns}/decision"), json!({"decision": "merge"})).await.expect(409);
    assert_eq!(refused["code"], "claimed");
    assert!(refused["detail"].as_str().unwrap().starts_with("Ann is looking at this pair until "), "{refused}");
    let theirs = ann.post(&format!("/candidates/{keys}/claim"), json!({})).await.expect(409);
    assert!(theirs["detail"].as_str().unwrap().contains("The API key “test”"), "{theirs}");
    let listed = key.get("/candidates?limit=200").await.expect(200);
    let shown = listed["items"].as_array().unwrap().iter().find(|pair| id(pair) == anns).unwrap().clone();
    assert_eq!((shown["claim"]["by"].as_str(), shown["claim"]["is_mine"].as_bool()), (Some("Ann"), Some(false)));

    // In detail: why, and what would survive.
    let detail = key.get(&format!("/candidates/{keys}")).await.expect(200);
    let steps = detail["link"]["steps"].as_array().unwrap();
    let sum: f64 = steps.iter().map(|step| step["bits"].as_f64().unwrap()).sum();
    assert!((sum - detail["link"]["log2_odds"].as_f64().unwrap()).abs() < 1e-6, "{detail}");
    let email = detail["survivors"].as_array().unwrap().iter().find(|one| one["name"] == "email").unwrap();
    assert_eq!((&email["rule"], &email["system"]), (&json!("agreed"), &json!("files")));

    // Decided, undone, put off, skipped.
    let decide = async |pair: &str, body: Json| key.post(&format!("/candidates/{pair}/decision"), body).await;
    let survivor = decide(&keys, json!({"decision": "merge"})).await.expect(200)["survivor"].clone();
    let merged = key.get("/candidates?state=merged").await.expect(200);
    assert_eq!(
        (id(&merged["items"][0]), &merged["items"][0]["decided_by"]),
        (keys.clone(), &json!("The API key “test”"))
    );
    decide(&keys, json!({"decision": "undo"})).await.expect(200);
    decide(&keys, json!({"decision": "snooze"})).await.expect(422);
    decide(&keys, json!({"decision": "snooze", "days": 1})).await.expect(200);
    assert_eq!(key.get("/candidates?state=snoozed").await.expect(200)["items"].as_array().unwrap().len(), 1);
    let next = decide(&keys, json!({"decision": "skip"})).await.expect(200)["next"].clone();
    assert!(next.is_string() && next != json!(anns), "{next}");
    ann.post(&format!("/candidates/{anns}/release"), json!({})).await.expect(204);

    // As a cluster, and then taken apart by its sources.
    let cluster = key.get(&format!("/candidates/{anns}/cluster")).await.expect(200);
    let members: Vec<&Json> = cluster["members"].as_array().unwrap().iter().map(|member| &member["id"]).collect();
    let done = key.post(&format!("/candidates/{anns}/cluster"), json!({"keep": members})).await.expect(200);
    let whole = done["survivor"].as_str().unwrap();
    let sources = key.get(&format!("/records/{whole}")).await.expect(200)["sources"].clone();
    assert_eq!((members.len(), sources.as_array().unwrap().len()), (2, 2));
    key.post(&format!("/records/{whole}/split"), json!({"sources": []})).await.expect(409);
    let split = key.post(&format!("/records/{whole}/split"), json!({"sources": [sources[1]["id"]]})).await.expect(200);
    assert!(members.contains(&&split["record"]), "it is what it was: {split} {members:?}");

    // All that are left, as many as were seen.
    let ask = |more: Json| {
        let mut body = json!({"decision": "not_a_match", "filter": {"object": "customer"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let seen = key.post("/candidates/bulk", ask(json!({"dry_run": true}))).await.expect(200);
    assert_eq!((seen["count"].as_i64(), seen["sample"].as_array().map(Vec::len)), (Some(1), Some(1)), "{seen}");
    key.post("/candidates/bulk", ask(json!({}))).await.expect(422);
    let changed = key.post("/candidates/bulk", ask(json!({"expect": 7}))).await.expect(409);
    assert!(changed["detail"].as_str().unwrap().contains("There are 1 pairs by now, not 7"), "{changed}");
    let bulk = key.post("/candidates/bulk", ask(json!({"expect": 1}))).await.expect(200);
    assert_eq!((bulk["done"].as_i64(), bulk["left"].as_i64()), (Some(1), Some(0)));
    worker.stop().await;
    assert!(survivor.is_string() && pairs[0]["stake"].is_number());
}
