//! Sign-in at the vendor, from the dealer's click to a renewed token, by a browser that keeps its cookie.

use crate::rig::{Answer, ORIGIN, Rig, session_cookie};
use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::application::PASSWORD;
use testkit::{TestRedis, TestVendors};

#[actix_web::test]
async fn a_dealer_signs_in_at_the_vendor_and_the_token_is_renewed_when_it_ends() {
    let (redis, vendors) = (TestRedis::start(), TestVendors::start());
    let rig = Rig::with_redis(&redis).await;
    let ann = rig.owner("ann@example.com").await;
    let base_url = format!("{}/hubspot", vendors.base);
    let values = json!({"base_url": base_url, "authorize_url": format!("{base_url}/oauth/authorize"),
        "client_id": "driveline-app", "client_secret": "driveline-app-secret"});
    let ask = json!({"connector": "hubspot", "name": "CRM", "values": values});
    let made = ann.post("/connections", ask).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let sign_in = |email: &'static str| {
        let nobody = rig.nobody();
        async move { session_cookie(&nobody.post("/sign-in", json!({"email": email, "password": PASSWORD})).await) }
    };
    let cookie = sign_in("ann@example.com").await;
    rig.owner("eve@example.com").await;
    let eves = sign_in("eve@example.com").await;
    let nobody = rig.nobody();
    let start = || nobody.ask(Method::POST, &format!("/connections/{id}/oauth")).header("origin", ORIGIN);
    let test_path = format!("/connections/{id}/test");
    let test = || ann.post(&test_path, json!({}));

    let unsigned = test().await.expect(200);
    let page = nobody.send(start().header("cookie", &cookie)).await.expect(200);
    let strange = nobody.send(start().header("cookie", &eves)).await;
    let approved = rig.http.get(page["url"].as_str().unwrap()).send().await.unwrap();
    let back = approved.headers()["location"].to_str().unwrap().to_owned();
    let back = format!("{}{}", rig.base, back.strip_prefix(ORIGIN).expect("back to our public address"));
    let come_back = |cookie: &str| rig.http.get(&back).header("cookie", cookie.to_owned());
    let by_stranger = Answer::of(come_back(&eves).send().await.unwrap()).await;
    let came = come_back(&cookie).send().await.unwrap();
    let again = Answer::of(come_back(&cookie).send().await.unwrap()).await;
    let signed_in = test().await.expect(200);

    assert_eq!(unsigned["is_good"], false, "{unsigned}");
    assert_eq!(strange.status, 404);
    assert!(by_stranger.status.is_client_error(), "{by_stranger:?}");
    assert_eq!(
        (came.status().as_u16(), came.headers()["location"].to_str().unwrap()),
        (303, format!("/connections/{id}").as_str())
    );
    assert!(again.status.is_client_error() || again.status.is_server_error(), "a code works once: {again:?}");
    assert_eq!(signed_in["is_good"], true, "{signed_in}");

    let sim = reqwest::Client::new();
    let renewals = || async {
        let truth: Json =
            sim.get(format!("{}/_sim/hubspot/truth", vendors.base)).send().await.unwrap().json().await.unwrap();
        truth["renewals"].as_u64().unwrap_or_else(|| panic!("{truth}"))
    };
    assert_eq!(renewals().await, 0);
    sim.post(format!("{}/_sim/hubspot/tokens/expire", vendors.base)).send().await.unwrap();
    let renewed = test().await.expect(200);
    assert_eq!((renewed["is_good"].as_bool(), renewals().await), (Some(true), 1), "{renewed}");

    sim.post(format!("{}/_sim/hubspot/tokens/revoke", vendors.base)).send().await.unwrap();
    let revoked = test().await.expect(200);
    assert_eq!(revoked["is_good"], false);
    let step = revoked["steps"].as_array().unwrap().iter().find(|step| step["outcome"] == "bad").unwrap();
    assert!(!step["fix"].as_str().unwrap().is_empty(), "{step}");
    let told = ann.get(&format!("/connections/{id}")).await.text;
    assert!(!told.contains("acc-") && !told.contains("ref-") && !told.contains("driveline-app-secret"), "{told}");
}
