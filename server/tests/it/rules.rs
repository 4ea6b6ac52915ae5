//! Rules that hold for every route: problems, idempotency, limits, headers, other sites.

use crate::rig::{Answer, ORIGIN, Rig, session_cookie};
use reqwest::Method;
use serde_json::json;
use server::limits::RequestLimit;
use std::num::NonZeroU32;
use testkit::application::PASSWORD;

#[actix_web::test]
async fn a_refused_form_names_each_field_and_repeats_no_value() {
    let rig = Rig::start().await;
    let ask = json!({"email": "no address", "password": "hunter2", "name": "", "group": "G"});

    let refused = rig.nobody().post("/sign-up", ask).await;

    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let problem = refused.expect(422);
    let fields: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["email", "name", "password"], "{problem}");
    assert_eq!(problem["code"], "invalid");
    assert!(!problem.to_string().contains("hunter2"));
}

#[actix_web::test]
async fn what_cannot_be_read_is_a_problem_too() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let raw = |body: &'static str, kind: &'static str| {
        ann.ask(Method::POST, "/rooftops").header("content-type", kind).body(body)
    };

    let cases = [
        (raw("{", "application/json"), 400, "malformed"),
        (raw("{\"name\":7}", "application/json"), 422, "invalid"),
        (raw("{\"name\":\"x\",\"shoe\":1}", "application/json"), 422, "invalid"),
        (raw("name=x", "application/x-www-form-urlencoded"), 415, "media_type"),
        (ann.ask(Method::GET, "/runs?limit=0"), 422, "invalid"),
        (ann.ask(Method::GET, "/runs?limit=many"), 422, "invalid"),
        (ann.ask(Method::GET, "/runs?cursor=abc"), 422, "invalid"),
        (ann.ask(Method::GET, "/runs/not-an-id"), 404, "not_found"),
        (ann.ask(Method::GET, "/nothing-here"), 404, "not_found"),
        (ann.ask(Method::DELETE, "/rooftops"), 405, "wrong_method"),
    ];

    for (ask, status, code) in cases {
        let answer = ann.send(ask).await;
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{answer:?}");
        assert_eq!(answer.expect(status)["code"], code);
    }
}

#[actix_web::test]
async fn a_post_that_comes_twice_is_done_once() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let form = |code: &str| json!({"name": "North", "code": code, "time_zone": "America/Denver"});
    let ask = |code: &str| ann.ask(Method::POST, "/rooftops").header("idempotency-key", "k-1").json(&form(code));

    let first = ann.send(ask("N")).await;
    let second = ann.send(ask("N")).await;
    let another = ann.send(ask("M")).await;

    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(first.expect(201), second.expect(201));
    assert_eq!(another.expect(422)["errors"][0]["field"], "Idempotency-Key");
    assert_eq!(ann.get("/rooftops").await.expect(200).as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_key_of_another_group_is_not_answered_with_this_ones_answer() {
    let rig = Rig::start().await;
    let (ann, bob) = (rig.owner("ann@example.com").await, rig.owner("bob@example.com").await);
    let form = json!({"name": "North", "code": "N", "time_zone": "America/Denver"});
    let one = ann.send(ann.ask(Method::POST, "/rooftops").header("idempotency-key", "same").json(&form)).await;
    let two = bob.send(bob.ask(Method::POST, "/rooftops").header("idempotency-key", "same").json(&form)).await;
    assert_ne!(one.expect(201)["id"], two.expect(201)["id"]);
}

#[actix_web::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let rig = Rig::limited(RequestLimit::new(NonZeroU32::new(4).unwrap())).await;
    let mut last = rig.nobody().get("/me").await;
    assert_eq!(last.headers["ratelimit-limit"], "4");
    assert_eq!(last.headers["ratelimit-remaining"], "3");
    for _ in 0..4 {
        last = rig.nobody().get("/me").await;
    }
    let wait: u64 = last.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=15).contains(&wait), "{wait}");
    assert_eq!(last.expect(429)["code"], "too_many_requests");
}

#[actix_web::test]
async fn another_site_cannot_act_with_the_cookie_of_a_browser() {
    let rig = Rig::start().await;
    rig.owner("ann@example.com").await;
    let signed_in = rig.nobody().post("/sign-in", json!({"email": "ann@example.com", "password": PASSWORD})).await;
    let cookie = session_cookie(&signed_in);
    let end = |name: &'static str, value: &'static str| {
        let ask = rig.nobody().ask(Method::POST, "/sessions/end-others").header("cookie", cookie.clone());
        if name.is_empty() { ask } else { ask.header(name, value) }
    };

    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("", "")] {
        let refused = rig.nobody().send(end(name, value)).await;
        assert_eq!(refused.expect(403)["code"], "cross_site", "{name}");
    }
    rig.nobody().send(end("origin", ORIGIN)).await.expect(200);
    rig.nobody().send(end("sec-fetch-site", "same-origin")).await.expect(200);
}

#[actix_web::test]
async fn a_revoked_key_and_a_made_up_one_are_refused_alike() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let keys = ann.get("/api-keys").await.expect(200);
    let id = keys[0]["id"].as_str().unwrap().to_owned();
    ann.send(ann.ask(Method::DELETE, &format!("/api-keys/{id}"))).await.expect(204);

    let revoked = ann.get("/rooftops").await.expect(401);
    let made_up = rig.with_key(&format!("dl_{}_{}", "a".repeat(10), "b".repeat(43))).get("/rooftops").await.expect(401);

    assert_eq!(revoked, made_up);
}

#[actix_web::test]
async fn every_answer_carries_an_id_and_safe_headers() {
    let rig = Rig::start().await;
    for path in ["/health/live", "/health/ready", "/api/v1/me", "/api/openapi.json", "/hooks/none"] {
        let answer = Answer::of(rig.http.get(format!("{}{path}", rig.base)).send().await.unwrap()).await;
        for name in ["x-request-id", "x-content-type-options", "x-frame-options", "content-security-policy"] {
            assert!(answer.headers.contains_key(name), "{path} {name}");
        }
    }
    let own = rig.http.get(format!("{}/health/live", rig.base)).header("x-request-id", "mine-1").send().await.unwrap();
    assert_eq!(own.headers()["x-request-id"], "mine-1");
}
