//! API keys: shown once, limited to what their maker may do, ended at once.

use app::api_keys::{self, MakeKey};
use app::audit_trail::Filter;
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

#[tokio::test]
async fn a_rotated_key_goes_on_beside_its_successor_for_the_chosen_time() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let until = Some(test.app.now() + TimeDelta::days(90));
    let old = MakeKey { expires_at: until, ..ask(&[Permission::ReadRecords]) };
    let old = test.app.api_keys().make(&owner, old).await.unwrap();
    test.pass(TimeDelta::days(60));

    let new = test.app.api_keys().rotate(&owner, old.key.id, api_keys::OVERLAP).await.unwrap();

    assert_eq!((&new.key.name, &new.key.scopes), (&old.key.name, &old.key.scopes));
    assert_eq!(new.key.expires_at, Some(test.app.now() + TimeDelta::days(90)), "it lives as long as the older did");
    test.pass(TimeDelta::hours(23));
    assert!(scope_of(&test, &old.secret).await.is_some() && scope_of(&test, &new.secret).await.is_some());
    let listed = test.app.api_keys().list(&owner).await.unwrap();
    let shown = |id| listed.iter().find(|key| key.id == id).unwrap();
    assert_eq!(shown(old.key.id).replaced_by, Some(new.key.id));
    assert!(shown(old.key.id).last_used_at.is_some() && shown(new.key.id).last_used_at.is_some());
    test.pass(TimeDelta::hours(2));
    assert!(scope_of(&test, &old.secret).await.is_none(), "its time is over");
    assert!(scope_of(&test, &new.secret).await.is_some());
    let trail = test.app.audit_trail().page(&owner, &Filter::default(), None, 2).await.unwrap();
    let told: Vec<(&str, &str)> = trail.iter().map(|e| (e.action.as_str(), e.subject_id.as_str())).collect();
    let (new_id, old_id) = (new.key.id.to_string(), old.key.id.to_string());
    assert_eq!(told, [("api_key.created", new_id.as_str()), ("api_key.rotated", old_id.as_str())]);
}

#[tokio::test]
async fn rotating_never_lengthens_an_older_key_and_happens_once() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let keys = test.app.api_keys();
    let soon = Some(test.app.now() + TimeDelta::hours(1));
    let old = keys.make(&owner, MakeKey { expires_at: soon, ..ask(&[Permission::Review]) }).await.unwrap();
    let leaked = keys.make(&owner, ask(&[Permission::Review])).await.unwrap();

    let too_long = keys.rotate(&owner, old.key.id, TimeDelta::days(8)).await;
    assert!(matches!(too_long, Err(AppError::Invalid(_))));
    keys.rotate(&owner, old.key.id, TimeDelta::days(7)).await.unwrap();
    let successor = keys.rotate(&owner, leaked.key.id, TimeDelta::zero()).await.unwrap();

    assert!(scope_of(&test, &leaked.secret).await.is_none(), "it ended at once");
    assert_eq!(successor.key.expires_at, None);
    let twice = keys.rotate(&owner, old.key.id, TimeDelta::zero()).await;
    assert!(matches!(twice, Err(AppError::Conflict { code: "already_rotated", .. })), "{twice:?}");
    keys.revoke(&owner, successor.key.id).await.unwrap();
    let over = keys.rotate(&owner, successor.key.id, TimeDelta::zero()).await;
    assert!(matches!(over, Err(AppError::Conflict { code: "key_over", .. })), "{over:?}");
    test.pass(TimeDelta::hours(2));
    assert!(scope_of(&test, &old.secret).await.is_none(), "the seven days did not lengthen it");
}

#[tokio::test]
async fn rotating_somebody_elses_key_gives_nobody_rights_they_have_not() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await.scope.unwrap();
    let owners = test.app.api_keys().make(&owner, ask(&[Permission::ManageOwners])).await.unwrap();
    let plain = test.app.api_keys().make(&owner, ask(&[Permission::Review, Permission::ManageKeys])).await.unwrap();
    let mut grants = store::Grants::default();
    grants.add_role(None, Role::GroupAdmin);
    let admin = TenantScope::new(owner.tenant(), owner.actor(), grants);
    let key = scope_of(&test, &plain.secret).await.unwrap();

    let refused = test.app.api_keys().rotate(&admin, owners.key.id, TimeDelta::zero()).await;
    let by_key = test.app.api_keys().rotate(&key, plain.key.id, TimeDelta::zero()).await;

    assert!(matches!(refused, Err(AppError::NotPermitted(_))), "{refused:?}");
    assert!(matches!(by_key, Err(AppError::Conflict { code: "person_needed", .. })), "{by_key:?}");
    assert!(scope_of(&test, &owners.secret).await.is_some(), "nothing was ended");
}
