//! The audit trail: filtered, taken out as a table, each taking out told.

use app::AppError;
use app::audit_trail::Filter;
use app::people::Invite;
use app::rooftops::RooftopForm;
use chrono::TimeDelta;
use domain::permission::Role;
use store::TenantScope;
use testkit::TestApp;

fn rooftop(name: &str, code: &str) -> RooftopForm {
    RooftopForm {
        name: name.to_owned(),
        code: code.to_owned(),
        time_zone: "America/Denver".to_owned(),
        street: String::new(),
        city: String::new(),
        state: String::new(),
        zip: String::new(),
        phone: String::new(),
    }
}

async fn actions(test: &TestApp, scope: &TenantScope, filter: Filter) -> Vec<String> {
    let page = test.app.audit_trail().page(scope, &filter, None, 50).await.unwrap();
    page.into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn a_trail_is_filtered_by_who_what_and_when() {
    let test = TestApp::fresh().await;
    let ann = test.owner("ann@example.com").await;
    let scope = ann.scope.unwrap();
    test.pass(TimeDelta::days(1));
    let day_two = test.app.now();
    test.app.rooftops().create(&scope, &rooftop("North", "N")).await.unwrap();
    test.pass(TimeDelta::days(1));
    let day_three = test.app.now();
    test.app.rooftops().create(&scope, &rooftop("South", "S")).await.unwrap();
    let driveline = TenantScope::driveline(scope.tenant());
    test.app.rooftops().create(&driveline, &rooftop("East", "E")).await.unwrap();
    let of = |filter: Filter| actions(&test, &scope, filter);

    let created = of(Filter { action: Some("rooftop.created".to_owned()), ..Filter::default() }).await;
    let by_ann =
        of(Filter { actor: Some(ann.person.0), subject_kind: Some("rooftop".to_owned()), ..Filter::default() });
    let by_driveline = of(Filter { actor_kind: Some("driveline".to_owned()), ..Filter::default() });
    let on_day_two = of(Filter { from: Some(day_two), until: Some(day_three), ..Filter::default() });
    let nobody = of(Filter { actor: Some(uuid::Uuid::now_v7()), ..Filter::default() });

    assert_eq!(created.len(), 3);
    assert_eq!(by_ann.await.len(), 2);
    assert_eq!(by_driveline.await, ["rooftop.created"]);
    assert_eq!(on_day_two.await, ["rooftop.created"]);
    assert!(nobody.await.is_empty());
    let choices = test.app.views().trail_choices(&scope).await.unwrap();
    assert_eq!(choices.actors, [(ann.person.0, "Test Person".to_owned())]);
    assert!(choices.actions.contains(&("rooftop.created".to_owned(), "rooftop: created".to_owned())));
    assert!(choices.subjects.iter().any(|(kind, _)| kind == "session"));
}

#[tokio::test]
async fn an_exported_trail_holds_no_formula_and_is_itself_told() {
    let test = TestApp::fresh().await;
    let ann = test.owner("ann@example.com").await;
    let scope = ann.scope.unwrap();
    let ask = Invite { email: "mallory@example.com".to_owned(), role: Role::GroupAdmin, rooftop: None };
    test.app.people().invite(&scope, ask).await.unwrap();
    let token = test.mailed_token("mallory@example.com").await;
    let accept = app::identity::AcceptInvitation {
        token,
        name: "=HYPERLINK(\"http://evil.example\",\"x\")".to_owned(),
        password: testkit::application::PASSWORD.into(),
    };
    test.app.identity().accept_invitation(accept, &TestApp::browser(3)).await.unwrap();
    let filter = Filter { subject_kind: Some("session".to_owned()), ..Filter::default() };

    let table = test.app.audit_trail().export(&scope, &filter).await.unwrap();

    let mut reader = csv::Reader::from_reader(table.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2, "both signed in");
    assert!(rows.iter().all(|row| &row[6] == "session"));
    assert!(rows[0][2].starts_with("'=HYPERLINK"), "{:?}", &rows[0][2]);
    let newest = test.app.audit_trail().page(&scope, &Filter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!(newest.action, "audit.exported");
    assert_eq!(newest.detail["entries"], 2);
    assert_eq!(newest.detail["filter"]["subject_kind"], "session");
    assert_eq!(test.app.audit_trail().first_broken(&scope).await.unwrap(), None);
}

#[tokio::test]
async fn who_may_not_read_the_trail_takes_nothing_out() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let mut grants = store::Grants::default();
    grants.add_role(None, Role::RooftopManager);
    let manager = TenantScope::new(scope.tenant(), scope.actor(), grants);

    let refused = test.app.audit_trail().export(&manager, &Filter::default()).await;

    assert!(matches!(refused, Err(AppError::NotPermitted(_))));
    assert!(!actions(&test, &scope, Filter::default()).await.contains(&"audit.exported".to_owned()));
}
