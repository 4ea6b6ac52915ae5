//! Roles: given, changed, taken away; ownership is special.

use app::identity::AcceptInvitation;
use app::people::Invite;
use app::{AppError, TenantScope};
use domain::permission::{Permission, Role};
use testkit::TestApp;
use testkit::application::PASSWORD;

async fn invited(test: &TestApp, scope: &TenantScope, email: &str, role: Role) -> app::identity::SignedIn {
    let ask = Invite { email: email.to_owned(), role, rooftop: None };
    test.app.people().invite(scope, ask).await.unwrap();
    let token = test.mailed_token(email).await;
    let ask = AcceptInvitation { token, name: "Bo".to_owned(), password: PASSWORD.into() };
    let session = test.app.identity().accept_invitation(ask, &TestApp::browser(3)).await.unwrap().session().unwrap();
    test.app.identity().of_session(&session.token).await.unwrap().unwrap()
}

#[tokio::test]
async fn somebody_invited_accepts_and_may_do_what_the_role_permits() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();

    let bo = invited(&test, &owner, "bo@example.com", Role::Reviewer).await.scope.unwrap();

    assert_eq!(bo.tenant(), owner.tenant());
    assert!(bo.require(Permission::Review).is_ok());
    assert!(bo.require(Permission::ManagePeople).is_err());
}

#[tokio::test]
async fn a_role_taken_away_is_gone_with_the_next_click() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let ask = Invite { email: "bo@example.com".to_owned(), role: Role::Viewer, rooftop: None };
    let membership = test.app.people().invite(&owner, ask).await.unwrap();
    let token = test.mailed_token("bo@example.com").await;
    let ask = AcceptInvitation { token, name: "Bo".to_owned(), password: PASSWORD.into() };
    let session = test.app.identity().accept_invitation(ask, &TestApp::browser(3)).await.unwrap().session().unwrap();

    test.app.people().remove(&owner, membership).await.unwrap();

    let bo = test.app.identity().of_session(&session.token).await.unwrap().unwrap();
    assert!(bo.scope.is_none());
}

#[tokio::test]
async fn a_group_keeps_its_last_owner_and_an_admin_makes_none() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let admin = invited(&test, &owner, "bo@example.com", Role::GroupAdmin).await.scope.unwrap();
    let members = test.app.people().list(&owner).await.unwrap();
    let of = |email: &str| members.iter().find(|member| member.email == email).unwrap().id;

    let last = test.app.people().set_role(&owner, of("ann@example.com"), Role::Viewer).await;
    let made = test.app.people().set_role(&admin, of("bo@example.com"), Role::Owner).await;
    let unmade = test.app.people().remove(&admin, of("ann@example.com")).await;

    assert!(matches!(last, Err(AppError::Conflict { code: "last_owner", .. })));
    assert!(matches!(made, Err(AppError::NotPermitted(_))));
    assert!(matches!(unmade, Err(AppError::NotPermitted(_))));
}

#[tokio::test]
async fn a_strangers_role_is_not_there() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let stranger = test.owner("eve@example.com").await.scope.unwrap();
    let member = test.app.people().list(&owner).await.unwrap()[0].id;

    let removed = test.app.people().remove(&stranger, member).await;

    assert!(matches!(removed, Err(AppError::NotFound(_))));
}
