//! The main job without the portal: sign up, rooftop, connect, test, schedule, upload, sync, watch, overview.

use crate::rig::Rig;
use reqwest::Method;
use serde_json::{Value as Json, json};

/// Settings that a connection takes, with something in each field that has no default.
fn filled(connector: &Json) -> Json {
    let mut values = serde_json::Map::new();
    for field in connector["form"].as_array().unwrap() {
        if field["required"].as_bool().unwrap() && field["default"].is_null() {
            let value = match field["kind"].as_str().unwrap() {
                "url" => "http://127.0.0.1:9".to_owned(),
                "number" => "1".to_owned(),
                "choice" => field["options"][0].as_str().unwrap().to_owned(),
                _ => "x".to_owned(),
            };
            values.insert(field["name"].as_str().unwrap().to_owned(), value.into());
        }
    }
    values.into()
}

#[actix_web::test]
async fn a_dealer_gets_from_sign_up_to_a_connection_with_a_key_alone() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let rooftop = ann.rooftop("N").await;
    let catalogue = ann.get("/connectors").await.expect(200);
    let connector = catalogue.as_array().unwrap().iter().find(|c| c["key"] == "hubspot").expect("in the catalogue");
    let mut values = filled(connector);
    for field in connector["form"].as_array().unwrap().iter().filter(|field| field["kind"] == "secret") {
        values[field["name"].as_str().unwrap()] = "tell-nobody".into();
    }

    let ask = json!({"connector": "hubspot", "name": "CRM", "rooftop": rooftop, "values": values});
    let made = ann.post("/connections", ask).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["state"], "draft");

    // Nothing listens there: the test says so step by step, and the connection stays a draft.
    let tested = ann.post(&format!("/connections/{id}/test"), json!({})).await.expect(200);
    assert_eq!(tested["is_good"], false, "{tested}");
    assert!(tested["steps"].as_array().unwrap().iter().any(|step| step["outcome"] == "bad"), "{tested}");
    let refused = ann.post(&format!("/connections/{id}/syncs"), json!({"mode": "full"})).await.expect(409);
    assert_eq!(refused["code"], "not_now");

    let schedule = json!({"cadence": {"every": "minutes", "minutes": 15}});
    let object = made["objects"][0]["object"].as_str().unwrap();
    let path = format!("/connections/{id}/objects/{object}/schedule");
    let preview = ann.post(&format!("{path}/preview"), schedule.clone()).await.expect(200);
    assert!(!preview["next"].as_array().unwrap().is_empty());
    assert_eq!(ann.put(&path, schedule).await.expect(200)["time_zone"], "America/Los_Angeles");
    assert_eq!(ann.get(&format!("/connections/{id}/schedules")).await.expect(200).as_array().unwrap().len(), 1);

    let overview = ann.get("/overview").await.expect(200);
    assert_eq!(overview["settled"], true, "{overview}");
    assert_eq!(overview["connections"][0]["state"], "draft");

    let audit = ann.get("/audit?limit=200").await.expect(200);
    let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"rooftop.created") && actions.contains(&"group.created"), "{actions:?}");
    for path in ["/connections", "/audit", "/overview"] {
        assert!(!ann.get(path).await.text.contains("tell-nobody"), "{path} tells a credential");
    }
}

#[actix_web::test]
async fn pages_of_a_list_follow_each_other_without_gap_or_repeat() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    for code in ["A", "B", "C"] {
        ann.rooftop(code).await;
    }
    let whole = ann.get("/audit?limit=200").await.expect(200);
    let mut seen = Vec::new();
    let mut path = "/audit?limit=2".to_owned();
    loop {
        let page = ann.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/audit?limit=2&cursor={next}");
    }
    let all: Vec<i64> = whole["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
    assert_eq!(seen, all);
}

#[actix_web::test]
async fn a_person_signs_out_and_the_cookie_opens_nothing_more() {
    let rig = Rig::start().await;
    rig.owner("ann@example.com").await;
    let nobody = rig.nobody();
    let ask = json!({"email": "ann@example.com", "password": testkit::application::PASSWORD});
    let cookie = crate::rig::session_cookie(&nobody.post("/sign-in", ask).await);
    let with_cookie = |method: Method, path: &str| {
        nobody.ask(method, path).header("cookie", cookie.clone()).header("origin", crate::rig::ORIGIN)
    };
    let me = nobody.send(with_cookie(Method::GET, "/me")).await.expect(200);
    assert_eq!(me["email"], "ann@example.com");

    nobody.send(with_cookie(Method::POST, "/sign-out")).await.expect(204);

    nobody.send(with_cookie(Method::GET, "/me")).await.expect(401);
}
