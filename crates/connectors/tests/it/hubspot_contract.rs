//! What we send to HubSpot and what its simulator answers, held against HubSpot's own OpenAPI files.

use crate::bench::{Bench, Fixture as _, outgoing};
use crate::hubspot::Fixture;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use connectors::PullMode;
use domain::{Field, ObjectKind, Record, Value};
use jsonschema::Validator;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// One call and its answer.
struct Exchange {
    method: String,
    path: String,
    sent: Vec<u8>,
    status: u16,
    answered: Vec<u8>,
}

/// Routes that the vendor documents elsewhere; no file of ours describes them.
const UNDESCRIBED: [&str; 4] = [
    "POST /crm/v3/properties/",
    "GET /crm/v3/properties/",
    "POST /crm/v4/associations/deals/contacts/batch/associate/default",
    "POST /crm/v4/associations/deals/contacts/batch/read",
];

/// The vendor's files, or `None` where they are not there.
fn specs() -> Option<Vec<Json>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    let names = ["hubspot-contacts.json", "hubspot-deals.json", "hubspot-oauth.json"];
    names.iter().map(|name| serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok()).collect()
}

/// A proxy that notes all that goes through it, in front of a simulator.
fn noting_proxy(target: String) -> (String, Arc<Mutex<Vec<Exchange>>>) {
    let noted: Arc<Mutex<Vec<Exchange>>> = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let for_server = Arc::clone(&noted);
    let server = HttpServer::new(move || {
        let (noted, target) = (Arc::clone(&for_server), target.clone());
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        App::new().app_data(web::PayloadConfig::new(1 << 24)).default_service(web::to(
            move |call: HttpRequest, body: web::Bytes| {
                let (noted, target, client) = (Arc::clone(&noted), target.clone(), client.clone());
                async move {
                    let mut request =
                        client.request(call.method().as_str().parse().unwrap(), format!("{target}{}", call.uri()));
                    for name in ["authorization", "content-type", "accept"] {
                        if let Some(value) = call.headers().get(name) {
                            request = request.header(name, value.as_bytes());
                        }
                    }
                    let answer = request.body(body.to_vec()).send().await.unwrap();
                    let status = answer.status().as_u16();
                    let mut response = HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap());
                    let answered = answer.bytes().await.unwrap().to_vec();
                    noted.lock().unwrap().push(Exchange {
                        method: call.method().to_string(),
                        path: call.path().to_owned(),
                        sent: body.to_vec(),
                        status,
                        answered: answered.clone(),
                    });
                    response.content_type("application/json").body(answered)
                }
            },
        ))
    });
    tokio::spawn(server.workers(1).listen(listener).unwrap().run());
    (address, noted)
}

/// Finds the operation of a call: the template with the fewest parameters that fits.
fn operation<'a>(specs: &'a [Json], method: &str, path: &str) -> Option<(&'a Json, String)> {
    let fits = |template: &str| {
        let (t, p): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        t.len() == p.len() && t.iter().zip(&p).all(|(t, p)| t == p || t.starts_with('{'))
    };
    let paths = specs.iter().flat_map(|spec| spec["paths"].as_object().unwrap().iter().map(move |(t, o)| (spec, t, o)));
    let mut found: Vec<_> = paths.filter(|(_, t, o)| fits(t) && o.get(method.to_lowercase()).is_some()).collect();
    found.sort_by_key(|(_, template, _)| template.matches('{').count());
    found.first().map(|(spec, template, _)| (*spec, (*template).clone()))
}

/// A validator of one schema of a file, with the file's other schemas for what it refers to.
fn validator(spec: &Json, schema: &Json) -> Validator {
    let mut whole = schema.as_object().unwrap().clone();
    whole.insert("components".to_owned(), spec["components"].clone());
    jsonschema::draft4::new(&Json::Object(whole)).unwrap()
}

fn wrong(validator: &Validator, body: &Json) -> Vec<String> {
    validator.iter_errors(body).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

#[tokio::test]
async fn what_we_send_and_what_the_simulator_answers_is_what_the_vendor_documents() {
    let Some(specs) = specs() else {
        eprintln!("skipped: the vendor's OpenAPI files are not at ../shared/specs");
        return;
    };
    let bench = Bench::start(Fixture).await;
    let (proxy, noted) = noting_proxy(bench.root.clone());
    let mut access = bench.access();
    access.settings.insert("base_url".to_owned(), format!("{proxy}/hubspot"));

    // Everything that the connector does.
    assert!(bench.connector().verify(&access).await.is_good());
    Fixture.seed(&bench, ObjectKind::Customer).await;
    let (_, resume) = bench.pull(&access, ObjectKind::Customer, PullMode::Full, None).await.unwrap();
    let mut batch: Vec<_> = (0..5).map(|n| bench.outgoing(n)).collect();
    batch[3].record.set(Field::EMAIL, Value::Text("no address".into()));
    let pushed = bench.push(&access, &batch).await.unwrap();
    let created = pushed[0].echo.as_ref().unwrap().external_id.clone();
    batch[0].external_id = Some(created.clone());
    batch[1].external_id = Some("424242".to_owned());
    bench.push(&access, &batch).await.unwrap();
    let mut deal = outgoing(Record::new(ObjectKind::Deal).with_text(Field::DEAL_NUMBER, "D-1"));
    deal.refs = vec![(Field::DEAL_CUSTOMER, created.clone())];
    bench.push(&access, &[deal]).await.unwrap();
    bench.pull(&access, ObjectKind::Deal, PullMode::Full, None).await.unwrap();
    bench.pull(&access, ObjectKind::Customer, PullMode::Changes, resume).await.unwrap();
    let pull = bench.connector().pull(ObjectKind::Customer).unwrap();
    assert!(pull.one(&access, ObjectKind::Customer, &created).await.unwrap().is_some());
    assert!(pull.one(&access, ObjectKind::Customer, "424242").await.unwrap().is_none());
    let push = bench.connector().push(ObjectKind::Customer).unwrap();
    push.let_go(&access, ObjectKind::Customer, &batch[..2]).await.unwrap();
    batch[0].withdraw = true;
    bench.push(&access, &batch[..1]).await.unwrap();
    access.credentials = bench.access_with(BTreeMap::from([("token".to_owned(), "wrong".to_owned())])).credentials;
    assert!(!bench.connector().verify(&access).await.is_good());
    sign_in(&bench, &access, &proxy).await;

    let mut described = BTreeSet::new();
    let mut problems = Vec::new();
    for exchange in noted.lock().unwrap().iter() {
        let path = exchange.path.trim_start_matches("/hubspot");
        let name = format!("{} {path}", exchange.method);
        if UNDESCRIBED.iter().any(|known| name.starts_with(known)) {
            continue;
        }
        let Some((spec, template)) = operation(&specs, &exchange.method, path) else {
            problems.push(format!("{name}: no such operation"));
            continue;
        };
        described.insert(format!("{} {template}", exchange.method));
        let operation = &spec["paths"][&template][exchange.method.to_lowercase()];
        if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
            let sent = serde_json::from_slice(&exchange.sent).unwrap_or(json!("not JSON"));
            problems.extend(wrong(&validator(spec, schema), &sent).iter().map(|w| format!("{name} sent: {w}")));
        }
        let responses = &operation["responses"];
        let status = exchange.status.to_string();
        let response = responses.get(&status).unwrap_or(&responses["default"]);
        let response = match response["$ref"].as_str() {
            Some(place) => spec.pointer(place.trim_start_matches('#')).unwrap(),
            None => response,
        };
        let content = response["content"].as_object();
        let Some(schema) = content.and_then(|content| content.values().next()).map(|media| &media["schema"]) else {
            if !exchange.answered.is_empty() {
                problems.push(format!("{name} {status}: a body where none is documented"));
            }
            continue;
        };
        let answered = serde_json::from_slice(&exchange.answered).unwrap_or(json!("not JSON"));
        problems.extend(wrong(&validator(spec, schema), &answered).iter().map(|w| format!("{name} {status}: {w}")));
    }
    assert_eq!(problems, Vec::<String>::new());
    let expected = [
        "GET /crm/objects/2026-03/contacts",
        "GET /crm/objects/2026-03/contacts/{contactId}",
        "GET /crm/objects/2026-03/0-3",
        "POST /crm/objects/2026-03/contacts/batch/archive",
        "POST /crm/objects/2026-03/contacts/batch/read",
        "POST /crm/objects/2026-03/contacts/batch/update",
        "POST /crm/objects/2026-03/contacts/batch/upsert",
        "POST /crm/objects/2026-03/contacts/search",
        "POST /crm/objects/2026-03/0-3/batch/upsert",
        "POST /oauth/v3/token",
    ];
    assert_eq!(described, expected.iter().map(|name| (*name).to_owned()).collect(), "not all was tried");
}

/// Signs in through the proxy, so that the token endpoint's answers are noted.
async fn sign_in(bench: &Bench, access: &connectors::Access, proxy: &str) {
    let mut access = access.clone();
    access.settings.insert("authorize_url".to_owned(), format!("{}/oauth/authorize", bench.base_url()));
    access.settings.insert("base_url".to_owned(), format!("{proxy}/hubspot"));
    let secret = BTreeMap::from([("client_secret".to_owned(), "driveline-app-secret".to_owned())]);
    access.credentials = bench.access_with(secret).credentials;
    let oauth = bench.connector().oauth().unwrap();
    let page = oauth.authorize_url(&access, "s", "http://127.0.0.1:9/back").unwrap();
    let approved = access.http.client().get(page).send().await.unwrap();
    let back = url::Url::parse(approved.headers()["location"].to_str().unwrap()).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    oauth.exchange(&access, &code, "http://127.0.0.1:9/back").await.unwrap();
    // A code works once; the refusal is documented too.
    assert!(oauth.exchange(&access, &code, "http://127.0.0.1:9/back").await.is_err());
}
