//! The strangers test: every route of the document, tried as nobody and as another group.
//!
//! The list below is compared with the document: a route that is missing here fails.

use crate::rig::{Answer, Client, ORIGIN, Rig, session_cookie};
use reqwest::Method;
use serde_json::{Value as Json, json};
use server::openapi;
use std::collections::{BTreeMap, BTreeSet};
use testkit::application::PASSWORD;

/// What another group may see of a route that it calls with our ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Anybody may call it; it tells nothing.
    Open,
    /// It answers with the caller's own things only.
    Own,
    /// As if the thing were not there.
    Missing,
    /// Only for a person who is signed in; a key is refused.
    PersonOnly,
}

use Told::{Missing, Open, Own, PersonOnly};

struct Route {
    method: &'static str,
    path: &'static str,
    told: Told,
    body: fn(&Ids) -> Json,
}

const fn route(method: &'static str, path: &'static str, told: Told) -> Route {
    Route { method, path, told, body: |_| json!({}) }
}

const fn with(method: &'static str, path: &'static str, told: Told, body: fn(&Ids) -> Json) -> Route {
    Route { method, path, told, body }
}

/// Ids of the group that is not to be seen.
struct Ids {
    by_noun: BTreeMap<&'static str, String>,
}

impl Ids {
    fn of(&self, noun: &str) -> &str {
        &self.by_noun[noun]
    }

    /// The path with our ids in it.
    fn fill(&self, path: &str) -> String {
        let noun = path.split('/').nth(1).unwrap();
        path.replace("{id}", self.by_noun.get(noun).map_or("", String::as_str))
            .replace("{object}", "customer")
            .replace("{key}", "hubspot")
            .replace("{version}", "7")
            .replace("{name}", "a.csv")
            .replace("{domain}", "canary.test")
    }
}

fn schedule(_: &Ids) -> Json {
    json!({"cadence": {"every": "hourly", "minute": 5}})
}

fn rooftop(_: &Ids) -> Json {
    json!({"name": "Mine now", "code": "X", "time_zone": "America/Denver"})
}

fn match_rules(_: &Ids) -> Json {
    json!({"email": "join", "phone": "ask", "address": "weigh", "across_rooftops": true})
}

const ROUTES: &[Route] = &[
    route("POST", "/sign-up", Open),
    route("POST", "/verify", Open),
    route("POST", "/verify/resend", Open),
    route("POST", "/sign-in", Open),
    route("POST", "/sign-in/code", Open),
    route("POST", "/password-resets", Open),
    route("POST", "/password-resets/finish", Open),
    route("POST", "/invitations/accept", Open),
    route("GET", "/me", PersonOnly),
    route("PUT", "/me/password", PersonOnly),
    route("GET", "/me/second-factor", PersonOnly),
    with("POST", "/me/second-factor", PersonOnly, |_| json!({"password": PASSWORD})),
    with("POST", "/me/second-factor/confirm", PersonOnly, |_| json!({"code": "000000"})),
    with("POST", "/me/second-factor/recovery-codes", PersonOnly, |_| json!({"password": PASSWORD})),
    with("POST", "/me/second-factor/off", PersonOnly, |_| json!({"password": PASSWORD})),
    route("GET", "/sign-in-rules", Own),
    with("PUT", "/sign-in-rules", PersonOnly, |_| json!({"second_factor_required": true})),
    route("GET", "/single-sign-on", Own),
    with(
        "PUT",
        "/single-sign-on",
        PersonOnly,
        |_| json!({"issuer": "https://id.example.com", "client_id": "c", "client_secret": "s"}),
    ),
    route("DELETE", "/single-sign-on", PersonOnly),
    route("POST", "/single-sign-on/test", PersonOnly),
    with("POST", "/single-sign-on/domains", PersonOnly, |_| json!({"domain": "example.com"})),
    route("POST", "/single-sign-on/domains/{domain}/prove", PersonOnly),
    route("DELETE", "/single-sign-on/domains/{domain}", PersonOnly),
    with("PUT", "/me/group", PersonOnly, |ids| json!({"group": ids.of("group")})),
    route("POST", "/sign-out", PersonOnly),
    route("GET", "/sessions", PersonOnly),
    route("POST", "/sessions/end-others", PersonOnly),
    route("DELETE", "/sessions/{id}", PersonOnly),
    route("GET", "/api-keys", Own),
    with(
        "POST",
        "/api-keys",
        PersonOnly,
        |ids| json!({"name": "k", "scopes": ["read_records"], "rooftop": ids.of("rooftops")}),
    ),
    route("POST", "/api-keys/{id}/rotate", PersonOnly),
    route("DELETE", "/api-keys/{id}", Missing),
    route("GET", "/people", Own),
    with(
        "POST",
        "/people",
        Missing,
        |ids| json!({"email": "eve@example.com", "role": "viewer", "rooftop": ids.of("rooftops")}),
    ),
    with("PUT", "/people/{id}/role", Missing, |_| json!({"role": "viewer"})),
    route("DELETE", "/people/{id}", Missing),
    with("POST", "/people/{id}/second-factor/reset", PersonOnly, |_| json!({"password": PASSWORD})),
    route("GET", "/rooftops", Own),
    with("POST", "/rooftops", Own, rooftop),
    route("GET", "/rooftops/{id}", Missing),
    with("PUT", "/rooftops/{id}", Missing, rooftop),
    route("GET", "/connectors", Own),
    route("GET", "/connectors/{key}", Own),
    route("GET", "/connections", Own),
    with(
        "POST",
        "/connections",
        Missing,
        |ids| json!({"connector": "hubspot", "name": "c", "rooftop": ids.of("rooftops"), "values": {}}),
    ),
    route("GET", "/connections/{id}", Missing),
    with("PATCH", "/connections/{id}", Missing, |_| json!({"name": "mine now"})),
    route("DELETE", "/connections/{id}", Missing),
    route("POST", "/connections/{id}/test", Missing),
    route("POST", "/connections/{id}/pause", Missing),
    route("POST", "/connections/{id}/resume", Missing),
    route("POST", "/connections/{id}/oauth", PersonOnly),
    route("POST", "/connections/{id}/ingress/renew", Missing),
    with("PUT", "/connections/{id}/objects/{object}", Missing, |_| json!({"pull": true, "push": "none"})),
    route("GET", "/connections/{id}/objects/{object}/mapping", Missing),
    with("PUT", "/connections/{id}/objects/{object}/mapping", Missing, |_| json!({"version": 0, "overrides": []})),
    with("PUT", "/connections/{id}/objects/{object}/schedule", Missing, schedule),
    with("POST", "/connections/{id}/objects/{object}/schedule/preview", Missing, schedule),
    route("DELETE", "/connections/{id}/objects/{object}/schedule", Missing),
    route("GET", "/connections/{id}/schedules", Missing),
    route("GET", "/connections/{id}/uploads", Missing),
    route("PUT", "/connections/{id}/uploads/{name}", Missing),
    route("POST", "/connections/{id}/syncs", Missing),
    route("GET", "/runs", Own),
    route("GET", "/runs/{id}", Missing),
    route("GET", "/runs/{id}/events", Missing),
    route("POST", "/runs/{id}/approve-removals", Missing),
    with("GET", "/records?object=customer", Own, |_| json!({})),
    with("GET", "/records/search?q=canary", Own, |_| json!({})),
    with("GET", "/search?q=canary", Own, |_| json!({})),
    route("GET", "/records/{id}", Missing),
    route("POST", "/records/{id}/resync", Missing),
    with("POST", "/records/{id}/split", Missing, |_| json!({"sources": [uuid::Uuid::nil()]})),
    route("GET", "/candidates", Own),
    with(
        "POST",
        "/candidates/next",
        Missing,
        |ids| json!({"after": ids.of("candidates"), "filter": {"connection": ids.of("connections")}}),
    ),
    with(
        "POST",
        "/candidates/bulk",
        Missing,
        |ids| json!({"decision": "merge", "dry_run": true, "filter": {"connection": ids.of("connections")}}),
    ),
    route("GET", "/candidates/{id}", Missing),
    route("POST", "/candidates/{id}/claim", Missing),
    route("POST", "/candidates/{id}/release", Missing),
    route("GET", "/candidates/{id}/cluster", Missing),
    with("POST", "/candidates/{id}/cluster", Missing, |ids| json!({"keep": [ids.of("records")]})),
    with("POST", "/candidates/{id}/decision", Missing, |_| json!({"decision": "merge"})),
    route("GET", "/matching", Own),
    route("GET", "/matching/models", Own),
    route("POST", "/matching/models/learn", Own),
    route("POST", "/matching/models/refit", Own),
    route("POST", "/matching/models/{version}/activate", Missing),
    route("GET", "/matching/rules", Own),
    with("PUT", "/matching/rules", Own, match_rules),
    with("POST", "/matching/rules/preview", Own, match_rules),
    route("GET", "/matching/shared-values", Own),
    route("GET", "/failures", Own),
    route("GET", "/failures/causes", Own),
    route("POST", "/failures/{id}/replay", Missing),
    with("POST", "/failures/replay", Missing, |ids| json!({"connection": ids.of("connections"), "code": "x"})),
    route("GET", "/overview", Own),
    route("GET", "/audit", Own),
    route("GET", "/audit/export", Own),
];

/// In every name of the group that is not to be seen.
const CANARY: &str = "canary";

/// A group with something of each noun.
async fn furnished(rig: &Rig, ann: &Client<'_>) -> Ids {
    let mut by_noun = BTreeMap::new();
    let form = json!({"name": CANARY, "code": CANARY, "time_zone": "America/Denver"});
    let rooftop = ann.post("/rooftops", form).await.expect(201)["id"].as_str().unwrap().to_owned();
    let catalogue = ann.get("/connectors/hubspot").await.expect(200);
    let mut values = serde_json::Map::new();
    for field in catalogue["form"].as_array().unwrap() {
        if field["required"].as_bool().unwrap() && field["default"].is_null() {
            values.insert(field["name"].as_str().unwrap().to_owned(), CANARY.into());
        }
    }
    let ask = json!({"connector": "hubspot", "name": CANARY, "rooftop": rooftop, "values": values});
    let connection = ann.post("/connections", ask).await.expect(201)["id"].as_str().unwrap().to_owned();
    let invited = json!({"email": "canary@example.com", "role": "viewer"});
    let role = ann.post("/people", invited).await.expect(201)["id"].as_str().unwrap().to_owned();
    let key = ann.get("/api-keys").await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    // What only the engine makes, written as it would be.
    let group = group_of(rig, "ann@example.com").await;
    let run = uuid::Uuid::now_v7().to_string();
    let failure = uuid::Uuid::now_v7().to_string();
    let candidate = uuid::Uuid::now_v7().to_string();
    let (left, right) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    rig.test
        .test
        .run(&format!(
            "INSERT INTO run (tenant_id, id, connection_id, object, mode, trigger, state, message)
                 VALUES ('{group}', '{run}', '{connection}', 1, 'full', 'person', 'held', '{CANARY}');
             INSERT INTO failure (tenant_id, id, connection_id, subject, code, doing, said, fault, next, fix, first_at, last_at)
                 VALUES ('{group}', '{failure}', '{connection}', 'connection', 'x', '{CANARY}', '{CANARY}', 'dealer',
                         'needs_you', '{CANARY}', now(), now());
             INSERT INTO candidate (tenant_id, id, object, left_golden, right_golden, score, reason, state)
                 VALUES ('{group}', '{candidate}', 1, '{left}', '{right}', 0.5, '{CANARY}', 'open');
             INSERT INTO match_model (tenant_id, version, kind, state, model, auto, review, present, records, created_at)
                 VALUES ('{group}', 7, '{CANARY}', 'retired', '{{}}', 0.9, 0.1, '{{}}', 0, now());
             INSERT INTO single_sign_on (tenant_id, issuer, client_id, sealed, updated_at)
                 VALUES ('{group}', 'https://{CANARY}.test', '{CANARY}', '', now());
             INSERT INTO sign_in_domain (tenant_id, domain, token, created_at)
                 VALUES ('{group}', '{CANARY}.test', '{CANARY}', now());"
        ))
        .await;
    by_noun.extend([
        ("rooftops", rooftop),
        ("connections", connection),
        ("people", role),
        ("api-keys", key),
        ("group", group),
        ("runs", run),
        ("failures", failure),
        ("candidates", candidate),
        ("records", left.to_string()),
        ("sessions", uuid::Uuid::now_v7().to_string()),
    ]);
    Ids { by_noun }
}

async fn group_of(rig: &Rig, email: &str) -> String {
    let nobody = rig.nobody();
    let signed_in = nobody.post("/sign-in", json!({"email": email, "password": PASSWORD})).await;
    let ask = nobody.ask(Method::GET, "/me").header("cookie", session_cookie(&signed_in));
    nobody.send(ask).await.expect(200)["group"].as_str().unwrap().to_owned()
}

async fn call(client: &Client<'_>, route: &Route, ids: &Ids) -> Answer {
    let ask = client.ask(route.method.parse().unwrap(), &ids.fill(route.path));
    let body = (route.body)(ids);
    client.send(if route.method == "GET" { ask } else { ask.json(&body) }).await
}

fn documented() -> BTreeSet<(String, String)> {
    let strip = |path: &str| path.strip_prefix(openapi::BASE).unwrap().to_owned();
    openapi::addresses().iter().map(|address| (address.method.to_owned(), strip(&address.path))).collect()
}

#[test]
fn every_documented_route_is_in_the_list_and_no_other() {
    let listed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path.split('?').next().unwrap().to_owned()))
        .collect();
    let documented = documented();
    let missing: Vec<_> = documented.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&documented).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not tried: {missing:?}; not there any more: {gone:?}");
}

#[actix_web::test]
async fn nobody_gets_past_the_door() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let ids = furnished(&rig, &ann).await;

    for route in ROUTES {
        let answer = call(&rig.nobody(), route, &ids).await;
        let is_refused = answer.status == 401;
        match route.told {
            // An open form is refused for its fields, never for the caller.
            Open => assert_eq!(answer.status, 422, "{} {} {answer:?}", route.method, route.path),
            Own | Missing | PersonOnly => assert!(is_refused, "{} {} {answer:?}", route.method, route.path),
        }
        assert!(!answer.text.contains(CANARY), "{} {} {answer:?}", route.method, route.path);
    }
}

#[actix_web::test]
async fn another_group_is_told_nothing_of_this_one() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let ids = furnished(&rig, &ann).await;
    let before = ann.get("/overview").await.expect(200);
    let bob = rig.owner("bob@example.com").await;

    for route in ROUTES {
        let answer = call(&bob, route, &ids).await;
        let name = format!("{} {}", route.method, route.path);
        match route.told {
            Open => {}
            // Of their own they may have too little for it.
            Own => assert!(answer.status.is_success() || answer.status == 409, "{name} {answer:?}"),
            Missing => {
                assert!(matches!(answer.status.as_u16(), 404 | 422), "{name} {answer:?}");
                // The same as for an id that nobody has.
                let unknown =
                    Ids { by_noun: ids.by_noun.keys().map(|noun| (*noun, uuid::Uuid::now_v7().to_string())).collect() };
                let other = call(&bob, route, &unknown).await;
                assert_eq!((other.status, other.text), (answer.status, answer.text.clone()), "{name}");
            }
            PersonOnly => assert_eq!(answer.status, 403, "{name} {answer:?}"),
        }
        assert!(!answer.text.contains(CANARY), "{name} {answer:?}");
    }
    assert_eq!(ann.get("/overview").await.expect(200), before, "something of Ann's was changed");
}

#[actix_web::test]
async fn another_groups_person_cannot_enter_this_group_or_end_its_sessions() {
    let rig = Rig::start().await;
    let ann = rig.owner("ann@example.com").await;
    let mut ids = furnished(&rig, &ann).await;
    let anns_session = rig.nobody().post("/sign-in", json!({"email": "ann@example.com", "password": PASSWORD})).await;
    let anns_cookie = session_cookie(&anns_session);
    let nobody = rig.nobody();
    let sessions = nobody.send(nobody.ask(Method::GET, "/sessions").header("cookie", anns_cookie)).await.expect(200);
    ids.by_noun.insert("sessions", sessions[0]["id"].as_str().unwrap().to_owned());
    rig.owner("bob@example.com").await;
    let signed_in = nobody.post("/sign-in", json!({"email": "bob@example.com", "password": PASSWORD})).await;
    let bobs_cookie = session_cookie(&signed_in);

    let named = [
        "/me/group",
        "/sessions/{id}",
        "/connections/{id}/oauth",
        "/api-keys",
        "/people/{id}/second-factor/reset",
        "/api-keys/{id}/rotate",
        "/single-sign-on/test",
        "/single-sign-on/domains/{domain}/prove",
        "/single-sign-on/domains/{domain}",
    ];
    for route in ROUTES.iter().filter(|route| route.told == PersonOnly && named.contains(&route.path)) {
        let ask = nobody
            .ask(route.method.parse().unwrap(), &ids.fill(route.path))
            .header("cookie", bobs_cookie.clone())
            .header("origin", ORIGIN)
            .json(&(route.body)(&ids));
        assert_eq!(nobody.send(ask).await.status, 404, "{} {}", route.method, route.path);
    }
}
