//! Signing in in two steps over HTTP, and a group's rule: nothing in between lets anybody do anything.

use crate::rig::{Answer, ORIGIN, Rig, session_cookie};
use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::application::PASSWORD;
use totp_rs::{Builder, Secret};

/// Somebody's browser: what it is sent as a session.
struct Browser<'a> {
    rig: &'a Rig,
    cookie: String,
}

impl Browser<'_> {
    async fn send(&self, method: Method, path: &str, body: Json) -> Answer {
        let nobody = self.rig.nobody();
        let ask = nobody.ask(method.clone(), path).header("cookie", &self.cookie).header("origin", ORIGIN);
        nobody.send(if method == Method::GET { ask } else { ask.json(&body) }).await
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let ask = self.rig.http.get(format!("{}{path}", self.rig.base)).header("cookie", &self.cookie);
        let answer = ask.send().await.unwrap();
        let to = answer.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), to)
    }

    /// Sets a second factor up; the secret.
    async fn set_up(&self) -> String {
        let set_up = self.send(Method::POST, "/me/second-factor", json!({"password": PASSWORD})).await.expect(201);
        let secret = set_up["secret"].as_str().unwrap().to_owned();
        let ask = json!({"code": code(self.rig, &secret)});
        let on = self.send(Method::POST, "/me/second-factor/confirm", ask).await.expect(200);
        assert_eq!(on["recovery_codes"].as_array().unwrap().len(), 10);
        self.rig.test.pass(chrono::TimeDelta::seconds(30));
        secret
    }
}

/// What the phone shows now.
fn code(rig: &Rig, secret: &str) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    totp.generate(u64::try_from(rig.test.app.now().timestamp()).unwrap()).to_string()
}

async fn sign_in(rig: &Rig, email: &str) -> Answer {
    rig.nobody().post("/sign-in", json!({"email": email, "password": PASSWORD})).await
}

fn step_cookie(answer: &Answer) -> String {
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap().to_owned());
    let lines: Vec<String> = lines.collect();
    assert_eq!(lines.len(), 1, "more than the step's cookie was set: {lines:?}");
    let line = lines[0].clone();
    assert!(line.starts_with("driveline-step=") && line.contains("HttpOnly") && line.contains("SameSite"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

#[actix_web::test]
async fn what_waits_for_a_code_is_no_session_and_the_code_makes_it_one() {
    let rig = Rig::start().await;
    rig.owner("ann@example.com").await;
    let ann = Browser { rig: &rig, cookie: session_cookie(&sign_in(&rig, "ann@example.com").await) };
    let secret = ann.set_up().await;

    let asked = sign_in(&rig, "ann@example.com").await;
    let waiting = step_cookie(&asked);
    asked.expect(202);
    let token = waiting.split_once('=').unwrap().1.to_owned();
    for cookie in [waiting.clone(), format!("driveline={token}")] {
        let nobody = Browser { rig: &rig, cookie };
        for path in ["/me", "/me/second-factor", "/records", "/sessions", "/audit"] {
            nobody.send(Method::GET, path, Json::Null).await.expect(401);
        }
        nobody.send(Method::POST, "/me/second-factor/off", json!({"password": PASSWORD})).await.expect(401);
        let (status, to) = nobody.page("/settings/security").await;
        assert!(status == 303 && to.starts_with("/sign-in"), "{status} {to}");
    }
    let step = Browser { rig: &rig, cookie: waiting };
    step.send(Method::POST, "/sign-in/code", json!({"code": "000000"})).await.expect(422);
    let right = json!({"code": code(&rig, &secret)});
    let done = step.send(Method::POST, "/sign-in/code", right.clone()).await;
    let cookie = session_cookie(&done);
    done.expect(200);
    Browser { rig: &rig, cookie }.send(Method::GET, "/me", Json::Null).await.expect(200);
    step.send(Method::POST, "/sign-in/code", right).await.expect(410);
}

#[actix_web::test]
async fn a_groups_rule_holds_for_every_route_and_page_until_the_factor_is_there() {
    let rig = Rig::start().await;
    let key = rig.owner("ann@example.com").await;
    let ann = Browser { rig: &rig, cookie: session_cookie(&sign_in(&rig, "ann@example.com").await) };
    let invited = key.post("/people", json!({"email": "bo@example.com", "role": "group_admin"})).await.expect(201);
    let bos_role = invited["id"].as_str().unwrap().to_owned();
    let accept = json!({"token": rig.test.mailed_token("bo@example.com").await, "name": "Bo", "password": PASSWORD});
    let bo = Browser { rig: &rig, cookie: session_cookie(&rig.nobody().post("/invitations/accept", accept).await) };
    bo.send(Method::GET, "/records?object=customer", Json::Null).await.expect(200);
    ann.set_up().await;
    ann.send(Method::PUT, "/sign-in-rules", json!({"second_factor_required": true})).await.expect(204);

    for path in
        ["/records?object=customer", "/overview", "/people", "/audit", "/api-keys", "/sign-in-rules", "/connections"]
    {
        let refused = bo.send(Method::GET, path, Json::Null).await.expect(403);
        assert_eq!(refused["code"], "second_factor_needed", "{path}");
    }
    let make = json!({"name": "a way around", "scopes": ["read_records"]});
    bo.send(Method::POST, "/api-keys", make).await.expect(403);
    for path in ["/", "/records", "/settings/security", "/settings/team"] {
        assert_eq!(bo.page(path).await, (303, "/two-step".to_owned()), "{path}");
    }
    key.get("/records?object=customer").await.expect(200);

    bo.set_up().await;
    bo.send(Method::GET, "/records?object=customer", Json::Null).await.expect(200);
    assert_eq!(bo.page("/settings/security").await.0, 200);
    // The same route, for who lost their phone: the rule asks for a new one then.
    let reset = format!("/people/{bos_role}/second-factor/reset");
    ann.send(Method::POST, &reset, json!({"password": "not my password"})).await.expect(401);
    ann.send(Method::POST, &reset, json!({"password": PASSWORD})).await.expect(204);
    bo.send(Method::GET, "/me", Json::Null).await.expect(401);
    let again = Browser { rig: &rig, cookie: session_cookie(&sign_in(&rig, "bo@example.com").await) };
    let refused = again.send(Method::GET, "/records?object=customer", Json::Null).await.expect(403);
    assert_eq!(refused["code"], "second_factor_needed");
}

#[actix_web::test]
async fn a_form_of_another_site_or_of_another_session_sets_nothing_up() {
    let rig = Rig::start().await;
    rig.owner("ann@example.com").await;
    let ann = Browser { rig: &rig, cookie: session_cookie(&sign_in(&rig, "ann@example.com").await) };
    let form = async |path: &str, site: &str, csrf: &str| {
        let ask = rig.http.post(format!("{}{path}", rig.base)).header("cookie", &ann.cookie);
        let ask = ask.header("sec-fetch-site", site).header("content-type", "application/x-www-form-urlencoded");
        ask.body(format!("csrf={csrf}&password=x&code=000000")).send().await.unwrap().status().as_u16()
    };

    for path in ["/two-step/begin", "/two-step", "/settings/security/two-step-off", "/settings/security/recovery-codes"]
    {
        assert_eq!(form(path, "same-origin", "guessed").await, 403, "{path}");
        assert_eq!(form(path, "cross-site", "guessed").await, 403, "{path}");
    }
    assert_eq!(form("/sign-in/code", "cross-site", "").await, 403);
}

#[actix_web::test]
async fn a_filter_that_no_text_can_be_is_told_so() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;

    for path in ["/audit?action=%00", "/audit/export?subject=%00"] {
        let refused = ann.get(path).await.expect(422);
        assert_eq!(refused["code"], "invalid", "{path}");
    }
}
