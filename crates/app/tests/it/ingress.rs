//! Webhooks: believed once, stored before they are answered, forged ones refused.

use crate::scene::Crm;
use app::ingress::Refused;
use app::{App, TenantScope};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use connectors::WebhookRequest;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use sha2::Sha256;
use testkit::TestApp;

const BODY: &str = r#"[{"eventId":7,"subscriptionId":1,"portalId":1,"occurredAt":1,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":42}]"#;

fn signed(url: &str, secret: &str, body: &str) -> WebhookRequest {
    let at = Utc::now().timestamp_millis().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("POST{url}{body}{at}").as_bytes());
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("x-hubspot-request-timestamp", at),
        ("x-hubspot-signature-v3", STANDARD.encode(mac.finalize().into_bytes())),
    ];
    WebhookRequest {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body: body.as_bytes().to_vec(),
    }
}

async fn address(app: &App, scope: &TenantScope, crm: &Crm) -> String {
    app.connections().connect(scope, crm.ask("pat-na1-simulated")).await.unwrap().ingress_url.unwrap()
}

fn token(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

async fn counted(test: &TestApp, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS many FROM {table}");
    let owner = test.test.owner().await;
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap().unwrap();
    row.try_get("", "many").unwrap()
}

#[tokio::test]
async fn a_webhook_is_kept_once_however_often_it_comes() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let url = address(&test.app, &scope, &crm).await;

    for _ in 0..3 {
        test.app.ingress().take(token(&url), signed(&url, "driveline-app-secret", BODY)).await.unwrap();
    }

    assert_eq!(counted(&test, "inbox").await, 1);
    assert_eq!(counted(&test, "job WHERE kind = 'read_inbox'").await, 1);
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_leaves_nothing() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let url = address(&test.app, &scope, &crm).await;
    let mut changed = signed(&url, "driveline-app-secret", BODY);
    changed.body = BODY.replace("42", "43").into_bytes();

    let forged = test.app.ingress().take(token(&url), signed(&url, "a guess", BODY)).await;
    let tampered = test.app.ingress().take(token(&url), changed).await;
    let nowhere = test.app.ingress().take("no-such-token", signed(&url, "driveline-app-secret", BODY)).await;

    assert!(matches!(forged, Err(Refused::NotBelieved)));
    assert!(matches!(tampered, Err(Refused::NotBelieved)));
    assert!(matches!(nowhere, Err(Refused::Unknown)));
    assert_eq!(counted(&test, "inbox").await, 0);
}

#[tokio::test]
async fn a_renewed_address_ends_the_old_one() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let made = test.app.connections().connect(&scope, crm.ask("pat-na1-simulated")).await.unwrap();
    let old = made.ingress_url.unwrap();

    let new = test.app.connections().renew_ingress(&scope, made.id).await.unwrap().ingress_url.unwrap();

    let to_old = test.app.ingress().take(token(&old), signed(&old, "driveline-app-secret", BODY)).await;
    assert!(matches!(to_old, Err(Refused::Unknown)));
    test.app.ingress().take(token(&new), signed(&new, "driveline-app-secret", BODY)).await.unwrap();
}
