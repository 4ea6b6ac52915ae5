//! Connections: what a dealer does with them, and what a stranger cannot.

use crate::scene::{Crm, by_upload, rooftop, values};
use app::connections::{ChangeConnection, Connect, SetObject};
use app::failures::FailureFilter;
use app::people::Invite;
use app::{AppError, TenantScope};
use domain::ObjectKind;
use domain::permission::Role;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use std::collections::BTreeMap;
use testkit::TestApp;

#[tokio::test]
async fn a_dealer_connects_a_system_mends_the_credential_and_sees_it_work() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let made = test.app.connections().connect(&scope, crm.ask("pat-na1-wrong-unmistakable")).await.unwrap();

    let bad = test.app.connections().test(&scope, made.id).await.unwrap();
    let still = test.app.connections().get(&scope, made.id).await.unwrap();
    let change = ChangeConnection { values: values(&[("token", "pat-na1-simulated")]), ..ChangeConnection::default() };
    test.app.connections().change(&scope, made.id, change).await.unwrap();
    let good = test.app.connections().test(&scope, made.id).await.unwrap();
    let shown = test.app.connections().get(&scope, made.id).await.unwrap();

    assert!(!bad.is_good);
    assert!(bad.steps.iter().any(|step| !step.fix.is_empty()), "{:?}", bad.steps);
    assert_eq!(still.state.name(), "draft");
    assert!(good.is_good, "{:?}", good.steps);
    assert_eq!(shown.state.name(), "active");
    assert!(shown.ingress_url.is_some() && shown.has_oauth);
    assert_eq!(shown.settings["base_url"], crm.base_url, "a field that is not named stays");
    let told = serde_json::to_string(&shown).unwrap();
    assert!(!told.contains("pat-na1") && !told.contains("driveline-app-secret"), "{told}");
}

#[tokio::test]
async fn a_credential_is_stored_sealed_and_opens_for_its_connection() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let made = test.app.connections().connect(&scope, crm.ask("pat-na1-unmistakable")).await.unwrap();

    let access = test.app.engine().access.open(&scope, made.id).await.unwrap().unwrap();
    let owner = test.test.owner().await;
    let sql = "SELECT string_agg(x, ' ') AS all FROM (SELECT row_to_json(c)::text x FROM credential c
               UNION ALL SELECT row_to_json(c)::text FROM connection c UNION ALL SELECT row_to_json(a)::text FROM audit a
               UNION ALL SELECT row_to_json(i)::text FROM ingress i) t";
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap().unwrap();
    let all: String = row.try_get("", "all").unwrap();

    assert_eq!(access.credential("token").unwrap(), "pat-na1-unmistakable");
    assert_eq!(access.setting("api_version").unwrap(), "2026-03", "defaults are filled in");
    let token = made.ingress_url.unwrap().rsplit('/').next().unwrap().to_owned();
    for secret in ["pat-na1-unmistakable", "driveline-app-secret", &token] {
        assert!(!all.contains(secret) && !all.contains(&hex::encode(secret)), "{secret} is stored in clear");
    }
}

#[tokio::test]
async fn a_wrong_form_is_told_field_by_field_and_saves_nothing() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let ask = Connect {
        connector: "files".to_owned(),
        name: String::new(),
        rooftop: None,
        role: None,
        values: values(&[("transport", "carrier pigeon"), ("port", "many"), ("colour", "blue"), ("host", "a\nb")]),
    };

    let refused = test.app.connections().connect(&scope, ask).await;

    let Err(AppError::Invalid(fields)) = refused else { panic!("{refused:?}") };
    let mut wrong: Vec<&str> = fields.iter().map(|field| field.field.as_str()).collect();
    wrong.sort_unstable();
    assert_eq!(wrong, ["colour", "host", "port", "transport"]);
    assert!(test.app.connections().list(&scope).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_object_does_only_what_the_system_can() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let files = by_upload(&test, &scope, None).await;
    let set = async |push: &str| {
        let ask = SetObject { object: ObjectKind::Customer, pull: false, push: push.to_owned() };
        test.app.connections().set_object(&scope, files.id, ask).await
    };

    assert!(matches!(set("create_and_update").await, Err(AppError::Invalid(_))), "files are only read");
    let shown = set("none").await.unwrap();
    let customers = shown.objects.iter().find(|object| object.object == ObjectKind::Customer).unwrap();
    assert!(!customers.pull);
}

#[tokio::test]
async fn a_paused_connection_goes_on_where_it_was() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let id = test.app.connections().connect(&scope, crm.ask("pat-na1-simulated")).await.unwrap().id;
    test.app.connections().test(&scope, id).await.unwrap();
    let connections = test.app.connections();

    assert_eq!(connections.pause(&scope, id).await.unwrap().state.name(), "paused");
    connections.test(&scope, id).await.unwrap();
    assert_eq!(connections.get(&scope, id).await.unwrap().state.name(), "paused", "a test does not resume it");
    assert_eq!(connections.resume(&scope, id).await.unwrap().state.name(), "active");
    assert!(matches!(connections.resume(&scope, id).await, Err(AppError::Conflict { code: "not_paused", .. })));
    connections.delete(&scope, id).await.unwrap();
    assert!(matches!(connections.get(&scope, id).await, Err(AppError::NotFound(_))));
}

#[tokio::test]
async fn a_strangers_connection_is_not_there() {
    let test = TestApp::fresh().await;
    let mine = test.owner("ann@example.com").await.scope.unwrap();
    let stranger = test.owner("eve@example.com").await.scope.unwrap();
    let id = by_upload(&test, &mine, None).await.id;
    let app = &test.app;
    let set = SetObject { object: ObjectKind::Customer, pull: true, push: "none".to_owned() };

    let answers: Vec<Option<AppError>> = vec![
        app.connections().get(&stranger, id).await.err(),
        app.connections().change(&stranger, id, ChangeConnection::default()).await.err(),
        app.connections().set_object(&stranger, id, set).await.err(),
        app.connections().test(&stranger, id).await.err(),
        app.connections().pause(&stranger, id).await.err(),
        app.connections().resume(&stranger, id).await.err(),
        app.connections().renew_ingress(&stranger, id).await.err(),
        app.connections().delete(&stranger, id).await.err(),
        app.schedules().list(&stranger, id).await.err(),
        app.uploads().begin(&stranger, id, "customers.csv").await.err(),
        app.uploads().list(&stranger, id).await.err(),
        app.mappings().get(&stranger, id, ObjectKind::Customer).await.err(),
        app.mappings().set(&stranger, id, ObjectKind::Customer, &[], 0).await.err(),
        app.failures()
            .page(&stranger, FailureFilter { connection: Some(id), ..FailureFilter::default() }, None, 10)
            .await
            .err(),
    ];

    for (place, answer) in answers.iter().enumerate() {
        assert!(matches!(answer, Some(AppError::NotFound(_))), "{place}: {answer:?}");
    }
    assert!(app.connections().list(&stranger).await.unwrap().is_empty());
}

async fn manager(test: &TestApp, owner: &TenantScope, rooftop: domain::RooftopId) -> TenantScope {
    let ask = Invite { email: "bo@example.com".to_owned(), role: Role::RooftopManager, rooftop: Some(rooftop) };
    test.app.people().invite(owner, ask).await.unwrap();
    let token = test.mailed_token("bo@example.com").await;
    let ask = app::identity::AcceptInvitation {
        token,
        name: "Bo".to_owned(),
        password: testkit::application::PASSWORD.into(),
    };
    let session = test.app.identity().accept_invitation(ask, &TestApp::browser(4)).await.unwrap().session().unwrap();
    test.app.identity().of_session(&session.token).await.unwrap().unwrap().scope.unwrap()
}

#[tokio::test]
async fn a_rooftops_manager_works_there_and_nowhere_else() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let (ford, kia) = (rooftop(&test, &owner, "Ford").await, rooftop(&test, &owner, "Kia").await);
    let bo = manager(&test, &owner, ford.id).await;
    let theirs = by_upload(&test, &owner, Some(kia.id)).await;

    let own = by_upload(&test, &bo, Some(ford.id)).await;
    let elsewhere = Connect {
        connector: "files".to_owned(),
        name: "x".to_owned(),
        rooftop: Some(kia.id),
        role: None,
        values: BTreeMap::new(),
    };

    assert!(matches!(test.app.connections().connect(&bo, elsewhere).await, Err(AppError::NotPermitted(_))));
    assert!(matches!(test.app.connections().get(&bo, theirs.id).await, Err(AppError::NotFound(_))));
    let seen: Vec<_> = test.app.connections().list(&bo).await.unwrap().into_iter().map(|c| c.id).collect();
    assert_eq!(seen, [own.id]);
    assert_eq!(test.app.rooftops().list(&bo).await.unwrap().len(), 1);
}

#[tokio::test]
async fn signing_in_at_the_vendors_page_works_for_the_browser_that_began_it_only() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let scope = who.scope.clone().unwrap();
    let crm = Crm::start();
    let id = test.app.connections().connect(&scope, crm.ask("")).await.unwrap().id;
    let page = test.app.connections().start_oauth(&who, id).await.unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let approved = client.get(page).send().await.unwrap();
    let back = url::Url::parse(approved.headers()["location"].to_str().unwrap()).unwrap();
    let answers: BTreeMap<String, String> = back.query_pairs().into_owned().collect();
    let other = test.owner("eve@example.com").await;

    let stolen = test.app.connections().finish_oauth(&other, &answers["code"], &answers["state"]).await;
    let finished = test.app.connections().finish_oauth(&who, &answers["code"], &answers["state"]).await.unwrap();
    let tested = test.app.connections().test(&scope, id).await.unwrap();

    assert!(matches!(stolen, Err(AppError::LinkOver)));
    assert_eq!(finished, id);
    assert!(tested.is_good, "{:?}", tested.steps);
}

#[tokio::test]
async fn two_who_change_a_mapping_at_once_do_not_overwrite_each_other() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let crm = Crm::start();
    let id = test.app.connections().connect(&scope, crm.ask("pat-na1-simulated")).await.unwrap().id;
    let line = domain::mapping::Rule {
        to: domain::Field::CITY,
        from: "properties.town".to_owned(),
        read: domain::mapping::Read::AsIs,
    };
    let foreign = domain::mapping::Rule { to: domain::Field::DEAL_NUMBER, ..line.clone() };
    let mappings = test.app.mappings();
    let save = async |line: &domain::mapping::Rule, version| {
        mappings.set(&scope, id, ObjectKind::Customer, std::slice::from_ref(line), version).await
    };

    let first = save(&line, 0).await.unwrap();
    let late = save(&line, 0).await;

    assert_eq!(first.version, 1);
    assert!(first.effective.contains(&line) && !first.default.contains(&line));
    assert!(matches!(late, Err(AppError::Conflict { code: "changed_meanwhile", .. })));
    assert!(matches!(save(&foreign, 1).await, Err(AppError::Invalid(_))));
}
