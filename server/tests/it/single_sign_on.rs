//! Single sign-on over HTTP: set by a person alone, never told back, and in by the issuer with the browser's cookies.

use crate::rig::{Answer, ORIGIN, Rig, session_cookie};
use reqwest::{Method, Response};
use serde_json::{Value as Json, json};
use testkit::TestIssuer;
use testkit::application::PASSWORD;
use testkit::issuer::{CLIENT, SECRET, Sent};

async fn as_owner(rig: &Rig, cookie: &str, method: Method, path: &str, body: Json) -> Answer {
    let nobody = rig.nobody();
    let ask = nobody.ask(method.clone(), path).header("cookie", cookie).header("origin", ORIGIN);
    nobody.send(if method == Method::GET { ask } else { ask.json(&body) }).await
}

/// The value of a cookie that an answer sets, as a browser sends it back.
fn cookie_of(answer: &Response, name: &str) -> String {
    let lines: Vec<&str> = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    let line = lines.iter().find(|line| line.starts_with(&format!("{name}="))).unwrap_or_else(|| panic!("{lines:?}"));
    assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

async fn leave(rig: &Rig, email: &str) -> Response {
    let form = format!("next=%2Fruns&email={}", email.replace('@', "%40"));
    rig.http
        .post(format!("{}/sign-in/sso", rig.base))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(form)
        .send()
        .await
        .unwrap()
}

#[actix_web::test]
async fn a_member_comes_in_by_the_issuer_with_this_browsers_cookie_once() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@bayside.test").await;
    let signed_in = rig.nobody().post("/sign-in", json!({"email": "ann@bayside.test", "password": PASSWORD})).await;
    let owner = session_cookie(&signed_in);
    let issuer = TestIssuer::start();
    let form = json!({"issuer": issuer.address, "client_id": CLIENT, "client_secret": SECRET});
    ann.put("/single-sign-on", form.clone()).await.expect(403);
    as_owner(&rig, &owner, Method::PUT, "/single-sign-on", form).await.expect(204);
    let domain =
        as_owner(&rig, &owner, Method::POST, "/single-sign-on/domains", json!({"domain": "Bayside.test"})).await;
    assert_eq!(domain.expect(201)["record_name"], "_driveline.bayside.test");
    let tried = as_owner(&rig, &owner, Method::POST, "/single-sign-on/test", json!({})).await.expect(200);
    assert_eq!(tried["is_good"], true, "{tried}");
    assert_eq!(leave(&rig, "bo@bayside.test").await.status(), 422, "a domain that nobody proved");
    rig.test.test.run("UPDATE sign_in_domain SET proved_at = now()").await;
    ann.post("/people", json!({"email": "bo@bayside.test", "role": "viewer"})).await.expect(201);

    let left = leave(&rig, "bo@bayside.test").await;
    assert_eq!(left.status(), 200);
    let browser = cookie_of(&left, "driveline-trip");
    let refresh = left.headers()["refresh"].to_str().unwrap().to_owned();
    let sent = Sent::of(refresh.strip_prefix("0;url=").unwrap());
    let claims = issuer.claims(&sent, rig.test.app.now().timestamp(), "bo-1", "bo@bayside.test");
    let path = sent.get("redirect_uri").strip_prefix(ORIGIN).expect("back to our public address").to_owned();
    let back = format!("{}{path}?code={}&state={}", rig.base, issuer.code(&sent, claims), sent.get("state"));
    let come = |cookie: &str| rig.http.get(&back).header("cookie", cookie.to_owned()).send();
    let strange = come("driveline-trip=another").await.unwrap();
    let came = come(&browser).await.unwrap();
    let again = come(&browser).await.unwrap();

    assert_eq!(strange.status(), 403);
    assert_eq!((came.status().as_u16(), came.headers()["location"].to_str().unwrap()), (303, "/runs"));
    assert_eq!(again.status(), 403, "what came back once comes back no more");
    let bo = cookie_of(&came, "driveline");
    let me = as_owner(&rig, &bo, Method::GET, "/me", json!({})).await.expect(200);
    assert_eq!((me["email"].as_str(), me["groups"].as_array().unwrap().len()), (Some("bo@bayside.test"), 1));
    let change = json!({"old_password": PASSWORD, "new_password": "seven red kites fly"});
    assert_eq!(
        as_owner(&rig, &bo, Method::PUT, "/me/password", change).await.expect(409)["code"],
        "single_sign_on_session"
    );
    as_owner(&rig, &bo, Method::GET, "/single-sign-on", json!({})).await.expect(403);
    let told = ann.get("/single-sign-on").await;
    assert!(!told.text.contains(SECRET), "{told:?}");
    assert!(told.expect(200)["issuer"]["signed_in_at"].is_string());
}

#[actix_web::test]
async fn where_it_is_required_the_api_says_so_to_whom_came_by_password() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@bayside.test").await;
    ann.post("/people", json!({"email": "bo@bayside.test", "role": "viewer"})).await.expect(201);
    let token = rig.test.mailed_token("bo@bayside.test").await;
    let accept = json!({"token": token, "name": "Bo", "password": PASSWORD});
    let accepted = rig.nobody().post("/invitations/accept", accept).await;
    let bo = session_cookie(&accepted);
    let before = as_owner(&rig, &bo, Method::GET, "/rooftops", json!({})).await;
    rig.test
        .test
        .run(
            "UPDATE tenant SET single_sign_on_required = true;
              INSERT INTO sign_in_domain (tenant_id, domain, token, proved_at, created_at)
                  SELECT id, 'bayside.test', 't', now(), now() FROM tenant;",
        )
        .await;

    let after = as_owner(&rig, &bo, Method::GET, "/rooftops", json!({})).await;
    let page = rig.http.get(format!("{}/runs", rig.base)).header("cookie", &bo).send().await.unwrap();
    let by_key = ann.get("/rooftops").await;

    before.expect(200);
    assert_eq!(after.expect(403)["code"], "single_sign_on_needed");
    assert_eq!((page.status().as_u16(), page.headers()["location"].to_str().unwrap()), (303, "/single-sign-on"));
    by_key.expect(200);
}
