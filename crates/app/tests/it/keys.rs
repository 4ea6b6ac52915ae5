//! API keys: shown once, limited to what their maker may do, ended at once.

use app::api_keys::MakeKey;
use app::people::Invite;
use app::{AppError, TenantScope};
use chrono::TimeDelta;
use domain::permission::{Permission, Role};
use testkit::TestApp;

fn ask(scopes: &[Permission]) -> MakeKey {
    MakeKey { name: "Report".to_owned(), scopes: scopes.to_vec(), rooftop: None, expires_at: None }
}

async fn scope_of(test: &TestApp, secret: &str) -> Option<TenantScope> {
    test.app.identity().of_api_key(secret).await.unwrap().map(|(_, scope)| scope)
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_until_it_is_revoked_or_over() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let made = test.app.api_keys().make(&owner, ask(&[Permission::ReadRecords])).await.unwrap();
    let until = Some(test.app.now() + TimeDelta::hours(1));
    let short = MakeKey { expires_at: until, ..ask(&[Permission::Review]) };
    let short = test.app.api_keys().make(&owner, short).await.unwrap();

    let scope = scope_of(&test, &made.secret).await.unwrap();
    assert!(scope.require(Permission::ReadRecords).is_ok());
    assert!(scope.require(Permission::ManageKeys).is_err());
    let mut guessed = made.secret.clone();
    guessed.pop();
    guessed.push(if made.secret.ends_with('A') { 'B' } else { 'A' });
    assert!(scope_of(&test, &guessed).await.is_none());

    test.pass(TimeDelta::hours(2));
    assert!(scope_of(&test, &short.secret).await.is_none(), "it is over");
    test.app.api_keys().revoke(&owner, made.key.id).await.unwrap();
    assert!(scope_of(&test, &made.secret).await.is_none(), "it was revoked");
    let listed = serde_json::to_string(&test.app.api_keys().list(&owner).await.unwrap()).unwrap();
    assert!(!listed.contains(&made.secret));
}

#[tokio::test]
async fn a_key_loses_what_its_maker_loses_and_makes_no_keys() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let invite = Invite { email: "bo@example.com".to_owned(), role: Role::GroupAdmin, rooftop: None };
    let membership = test.app.people().invite(&owner, invite).await.unwrap();
    let token = test.mailed_token("bo@example.com").await;
    let accept = app::identity::AcceptInvitation {
        token,
        name: "Bo".to_owned(),
        password: testkit::application::PASSWORD.into(),
    };
    let session = test.app.identity().accept_invitation(accept, &TestApp::browser(3)).await.unwrap().session().unwrap();
    let bo = test.app.identity().of_session(&session.token).await.unwrap().unwrap().scope.unwrap();
    let made = test.app.api_keys().make(&bo, ask(&[Permission::ManageKeys, Permission::RunSync])).await.unwrap();
    let key = scope_of(&test, &made.secret).await.unwrap();

    let by_key = test.app.api_keys().make(&key, ask(&[Permission::RunSync])).await;
    test.app.people().set_role(&owner, membership, Role::Viewer).await.unwrap();
    let less = scope_of(&test, &made.secret).await.unwrap();

    assert!(matches!(by_key, Err(AppError::Conflict { code: "person_needed", .. })));
    assert!(key.require(Permission::RunSync).is_ok());
    assert!(less.require(Permission::RunSync).is_err());
}
