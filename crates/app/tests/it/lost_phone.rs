//! A member lost their phone: who may let them in again, what it ends, who hears of it.

use crate::two_step::set_up;
use app::AppError;
use app::audit_trail::Filter;
use app::identity::{AcceptInvitation, NewSession, SignIn, SignedIn};
use app::people::Invite;
use domain::permission::Role;
use testkit::TestApp;
use testkit::application::PASSWORD;
use uuid::Uuid;

/// A member of Ann's group: their session, their role's id.
async fn member(test: &TestApp, ann: &SignedIn, email: &str, role: Role) -> (NewSession, Uuid) {
    let ask = Invite { email: email.to_owned(), role, rooftop: None };
    let membership = test.app.people().invite(ann.scope.as_ref().unwrap(), ask).await.unwrap();
    let token = test.mailed_token(email).await;
    let accept = AcceptInvitation { token, name: "Bo".to_owned(), password: PASSWORD.into() };
    let session = test.app.identity().accept_invitation(accept, &TestApp::browser(3)).await.unwrap();
    (session.session().unwrap(), membership)
}

async fn who(test: &TestApp, session: &NewSession) -> SignedIn {
    test.app.identity().of_session(&session.token).await.unwrap().unwrap()
}

async fn reset(test: &TestApp, by: &SignedIn, membership: Uuid, password: &str) -> Result<(), AppError> {
    test.app.people().reset_second_factor(by, membership, &password.into(), &TestApp::browser(5)).await
}

async fn has_second_factor(test: &TestApp, ann: &SignedIn, membership: Uuid) -> bool {
    let members = test.app.people().list(ann.scope.as_ref().unwrap()).await.unwrap();
    members.iter().find(|member| member.id == membership).unwrap().has_second_factor
}

#[tokio::test]
async fn an_admin_lets_a_member_in_who_lost_their_phone_and_both_are_told_of() {
    let test = TestApp::fresh().await;
    let ann = test.owner("ann@example.com").await;
    let (session, membership) = member(&test, &ann, "bo@example.com", Role::Reviewer).await;
    let bo = who(&test, &session).await;
    set_up(&test, &bo).await;

    let wrong = reset(&test, &ann, membership, "wrong wrong wrong").await;
    assert!(matches!(wrong, Err(AppError::SignInFailed)));
    assert!(has_second_factor(&test, &ann, membership).await);
    reset(&test, &ann, membership, PASSWORD).await.unwrap();

    assert!(!has_second_factor(&test, &ann, membership).await);
    let identity = test.app.identity();
    assert!(identity.of_session(&session.token).await.unwrap().is_none(), "the phone may be in strange hands");
    let ask = SignIn { email: "bo@example.com".to_owned(), password: PASSWORD.into() };
    assert!(identity.sign_in(ask, &TestApp::browser(3)).await.unwrap().session().is_some());
    let mails = test.app.mails().mailbox().await.unwrap().unwrap();
    let mail = mails.iter().find(|mail| mail.subject == "Your two-step sign-in was reset").unwrap();
    assert!(mail.to == "bo@example.com" && mail.text.contains("Test Person"), "{mail:?}");
    let filter = Filter { action: Some("second_factor.reset".to_owned()), ..Filter::default() };
    let told = test.app.audit_trail().page(ann.scope.as_ref().unwrap(), &filter, None, 9).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].actor_id, told[0].subject_id.as_str()), (Some(ann.person.0), bo.person.to_string().as_str()));
}

#[tokio::test]
async fn nobody_resets_their_own_or_of_who_stands_above_them() {
    let test = TestApp::fresh().await;
    let ann = test.owner("ann@example.com").await;
    set_up(&test, &ann).await;
    let (session, bos) = member(&test, &ann, "bo@example.com", Role::GroupAdmin).await;
    let bo = who(&test, &session).await;
    let (session, cys) = member(&test, &ann, "cy@example.com", Role::RooftopManager).await;
    let cy = who(&test, &session).await;
    let members = test.app.people().list(ann.scope.as_ref().unwrap()).await.unwrap();
    let anns = members.iter().find(|member| member.person == ann.person).unwrap().id;

    assert!(
        matches!(reset(&test, &bo, anns, PASSWORD).await, Err(AppError::NotPermitted(_))),
        "an owner's, by an admin"
    );
    assert!(matches!(reset(&test, &cy, bos, PASSWORD).await, Err(AppError::NotPermitted(_))), "by a manager");
    let own = reset(&test, &ann, anns, PASSWORD).await;
    assert!(matches!(own, Err(AppError::Conflict { code: "own_second_factor", .. })), "{own:?}");
    let off = reset(&test, &bo, cys, PASSWORD).await;
    assert!(matches!(off, Err(AppError::Conflict { code: "two_step_is_off", .. })), "{off:?}");
    assert!(has_second_factor(&test, &ann, anns).await);
}

#[tokio::test]
async fn inviting_somebody_into_ones_own_group_gives_no_power_over_their_second_factor() {
    let test = TestApp::fresh().await;
    let ann = test.owner("ann@example.com").await;
    set_up(&test, &ann).await;
    let mallory = test.owner("mallory@example.com").await;
    let ask = Invite { email: "ann@example.com".to_owned(), role: Role::Viewer, rooftop: None };
    let membership = test.app.people().invite(mallory.scope.as_ref().unwrap(), ask).await.unwrap();

    let refused = reset(&test, &mallory, membership, PASSWORD).await;

    assert!(matches!(refused, Err(AppError::Conflict { code: "belongs_elsewhere", .. })), "{refused:?}");
    assert!(has_second_factor(&test, &mallory, membership).await);
}
