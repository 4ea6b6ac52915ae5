//! Single sign-on: what an issuer says opens its own group and nothing else, and only where it says it rightly.

use crate::two_step;
use app::AppError;
use app::audit_trail::Filter;
use app::identity::{Begun, KeptOut, NewSession, SignIn, SignedIn, Until};
use app::people::{Invite, SignInRules};
use app::single_sign_on::{CameBack, Leaving, NotIn, SingleSignOnForm};
use domain::TenantId;
use domain::permission::{Permission, Role};
use serde_json::{Value as Json, json};
use testkit::application::PASSWORD;
use testkit::issuer::{CLIENT, SECRET, Sent, Signed};
use testkit::{TestApp, TestIssuer, TestNames};

/// A group with an issuer for `bayside.test`.
struct Scene {
    test: TestApp,
    owner: SignedIn,
    issuer: TestIssuer,
}

fn form(issuer: &TestIssuer) -> SingleSignOnForm {
    SingleSignOnForm {
        issuer: issuer.address.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.into()),
        first_role: None,
        checks_second_factor: false,
        is_required: false,
    }
}

impl Scene {
    async fn set() -> Self {
        let test = TestApp::fresh().await;
        let owner = test.owner("ann@bayside.test").await;
        let issuer = TestIssuer::start();
        let scene = Self { test, owner, issuer };
        scene.test.app.single_sign_on().set(scene.scope(), form(&scene.issuer)).await.unwrap();
        scene.test.app.single_sign_on().add_domain(scene.scope(), "bayside.test").await.unwrap();
        scene.test.test.run("UPDATE sign_in_domain SET proved_at = now()").await;
        scene
    }

    fn scope(&self) -> &app::TenantScope {
        self.owner.scope.as_ref().unwrap()
    }

    fn group(&self) -> TenantId {
        self.scope().tenant()
    }

    async fn invite(&self, email: &str, role: Role) {
        let ask = Invite { email: email.to_owned(), role, rooftop: None };
        self.test.app.people().invite(self.scope(), ask).await.unwrap();
    }

    async fn leave(&self, email: &str) -> (Leaving, Sent) {
        let leaving = self.test.app.single_sign_on().leave(email, "/runs", &TestApp::browser(7)).await.unwrap();
        let sent = Sent::of(&leaving.address);
        (leaving, sent)
    }

    fn claims(&self, sent: &Sent, subject: &str, email: &str) -> Json {
        self.issuer.claims(sent, self.test.app.now().timestamp(), subject, email)
    }

    /// What the browser comes back with after the issuer signed somebody in with these claims.
    fn back(&self, leaving: &Leaving, sent: &Sent, claims: Json) -> CameBack {
        CameBack {
            group: self.group().to_string(),
            state: sent.get("state").to_owned(),
            code: Some(self.issuer.code(sent, claims)),
            browser: leaving.browser.clone(),
            ..CameBack::default()
        }
    }

    async fn arrive(&self, back: &CameBack) -> Result<Begun, NotIn> {
        self.test.app.single_sign_on().arrive(back, &TestApp::browser(7)).await.map(|(begun, next)| {
            assert_eq!(next, "/runs");
            begun
        })
    }

    /// All the way with what a good issuer says.
    async fn sign_in(&self, subject: &str, email: &str) -> Result<Begun, NotIn> {
        let (leaving, sent) = self.leave(email).await;
        let claims = self.claims(&sent, subject, email);
        self.arrive(&self.back(&leaving, &sent, claims)).await
    }

    /// The same with claims that a test bends.
    async fn sign_in_bent(&self, bend: impl FnOnce(&mut Json)) -> Result<Begun, NotIn> {
        let (leaving, sent) = self.leave("bo@bayside.test").await;
        let mut claims = self.claims(&sent, "bo-1", "bo@bayside.test");
        bend(&mut claims);
        self.arrive(&self.back(&leaving, &sent, claims)).await
    }

    async fn session(&self, begun: Begun) -> (NewSession, SignedIn) {
        let session = begun.session().expect("a code was asked for");
        let who = self.test.app.identity().of_session(&session.token).await.unwrap().unwrap();
        (session, who)
    }
}

fn code_of(result: Result<Begun, NotIn>) -> &'static str {
    match result {
        Err(NotIn::Refused(refused)) => refused.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn somebody_invited_comes_in_by_the_issuer_and_sees_that_group_alone() {
    let scene = Scene::set().await;
    let test = &scene.test;
    // Bo has a group of their own, which no issuer opens.
    let own = test.owner("bo@bayside.test").await;
    scene.invite("bo@bayside.test", Role::Reviewer).await;

    let (session, bo) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;

    assert_eq!(session.device, None, "the issuer's browser is known to the account");
    let scope = bo.scope.as_ref().unwrap();
    assert_eq!(scope.tenant(), scene.group());
    assert!(scope.require(Permission::Review).is_ok() && scope.require(Permission::ManagePeople).is_err());
    let identity = test.app.identity();
    let groups = identity.me(&bo).await.unwrap().groups;
    assert_eq!(groups.iter().map(|group| group.id).collect::<Vec<_>>(), [scene.group()]);
    let away = identity.switch_group(&bo, own.group().unwrap()).await;
    assert!(matches!(away, Err(AppError::NotFound(_))), "{away:?}");
    let sessions = identity.sessions(&bo).await.unwrap();
    assert_eq!(sessions.len(), 1, "the account's other sessions are seen");
    let ended = identity.revoke_session(&bo, own.session).await;
    assert!(matches!(ended, Err(AppError::NotFound(_))));
    assert_eq!(identity.revoke_other_sessions(&bo).await.unwrap(), 0);
}

#[tokio::test]
async fn a_session_of_the_issuer_changes_nothing_of_the_account() {
    let scene = Scene::set().await;
    let test = &scene.test;
    let own = test.owner("bo@bayside.test").await;
    // Half set up: the secret is not shown to whom the issuer let in.
    test.app.identity().begin_two_step(&own, &PASSWORD.into(), &TestApp::browser(1)).await.unwrap();
    scene.invite("bo@bayside.test", Role::GroupAdmin).await;
    let (_, bo) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;
    let (identity, browser, password) = (test.app.identity(), TestApp::browser(7), PASSWORD.into());

    let refusals = [
        identity.change_password(&bo, &password, &"seven red kites fly".into(), &browser).await.err(),
        identity.begin_two_step(&bo, &password, &browser).await.err(),
        identity.begun_two_step(&bo).await.err(),
        identity.confirm_two_step(&bo, "000000", &browser).await.err(),
        identity.renew_recovery_codes(&bo, &password, &browser).await.err(),
        identity.end_two_step(&bo, &password, &browser).await.err(),
        identity.two_step(&bo).await.err(),
    ];

    for refusal in refusals {
        assert!(matches!(refusal, Some(AppError::Conflict { code: "single_sign_on_session", .. })), "{refusal:?}");
    }
    let by_code = test.app.single_sign_on().set(bo.scope.as_ref().unwrap(), form(&scene.issuer)).await;
    assert!(matches!(by_code, Err(AppError::NotPermitted(_))), "only owners set it");
}

#[tokio::test]
async fn a_role_taken_away_ends_it_and_an_api_key_of_another_group_is_out_of_reach() {
    let scene = Scene::set().await;
    let test = &scene.test;
    scene.invite("bo@bayside.test", Role::GroupAdmin).await;
    let (session, bo) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;
    let members = test.app.people().list(scene.scope()).await.unwrap();
    let role = members.iter().find(|member| member.email == "bo@bayside.test").unwrap();
    assert!(!role.is_invited, "who signed in is not waited for");

    test.app.people().remove(scene.scope(), role.id).await.unwrap();

    let outside = test.app.identity().of_session(&session.token).await.unwrap().unwrap();
    assert!(outside.scope.is_none() && outside.person == bo.person);
    assert_eq!(code_of(scene.sign_in("bo-1", "bo@bayside.test").await), "not_invited");
    scene.invite("bo@bayside.test", Role::Viewer).await;
    assert!(scene.sign_in("bo-2", "bo@bayside.test").await.is_ok(), "invited again, with a new account at the issuer");
}

#[tokio::test]
async fn a_stranger_is_let_in_only_where_the_owner_chose_a_role_and_gets_that() {
    let scene = Scene::set().await;
    let test = &scene.test;

    assert_eq!(code_of(scene.sign_in("cy-1", "cy@bayside.test").await), "not_invited");
    let above = SingleSignOnForm { first_role: Some(Role::RooftopManager), ..form(&scene.issuer) };
    assert!(matches!(test.app.single_sign_on().set(scene.scope(), above).await, Err(AppError::Invalid(_))));
    let joins = SingleSignOnForm { first_role: Some(Role::Viewer), ..form(&scene.issuer) };
    test.app.single_sign_on().set(scene.scope(), joins).await.unwrap();
    let (_, cy) = scene.session(scene.sign_in("cy-1", "cy@bayside.test").await.unwrap()).await;

    let scope = cy.scope.unwrap();
    assert!(scope.require(Permission::ReadRecords).is_ok() && scope.require(Permission::Review).is_err());
    let password = SignIn { email: "cy@bayside.test".to_owned(), password: PASSWORD.into() };
    let by_password = test.app.identity().sign_in(password, &TestApp::browser(8)).await;
    assert!(matches!(by_password, Err(AppError::SignInFailed)), "there is no password");
    let trail = test.app.audit_trail().page(scene.scope(), &Filter::default(), None, 20).await.unwrap();
    let actions: Vec<&str> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions[..3], ["session.started", "single_sign_on.linked", "member.joined"]);
    assert_eq!(trail[0].detail["how"], "single_sign_on");
    assert!(actions.contains(&"single_sign_on.refused") && actions.contains(&"single_sign_on.changed"));
    assert_eq!(test.app.audit_trail().first_broken(scene.scope()).await.unwrap(), None);
}

#[tokio::test]
async fn who_signed_up_with_somebody_elses_address_gains_nothing_when_that_one_comes() {
    let scene = Scene::set().await;
    let test = &scene.test;
    let joins = SingleSignOnForm { first_role: Some(Role::Viewer), ..form(&scene.issuer) };
    test.app.single_sign_on().set(scene.scope(), joins).await.unwrap();
    // Eve signs up as Cy and cannot prove the address.
    let ask = app::identity::SignUp {
        email: "cy@bayside.test".to_owned(),
        password: PASSWORD.into(),
        name: "Eve".to_owned(),
        group: "Eve".to_owned(),
    };
    test.app.identity().sign_up(ask, &TestApp::browser(66)).await.unwrap();

    scene.sign_in("cy-1", "cy@bayside.test").await.unwrap();

    let ask = SignIn { email: "cy@bayside.test".to_owned(), password: PASSWORD.into() };
    let eve = test.app.identity().sign_in(ask, &TestApp::browser(66)).await;
    assert!(matches!(eve, Err(AppError::NotVerified)), "the issuer's word opened Eve's password");
}

#[tokio::test]
async fn the_first_time_needs_a_confirmed_address_of_a_proven_domain() {
    let scene = Scene::set().await;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    scene.invite("bo@elsewhere.test", Role::Viewer).await;

    let unconfirmed = scene.sign_in_bent(|claims| claims["email_verified"] = json!(false)).await;
    let untold = scene.sign_in_bent(|claims| claims["email_verified"] = Json::Null).await;
    let elsewhere = scene.sign_in_bent(|claims| claims["email"] = json!("bo@elsewhere.test")).await;
    let nameless = scene.sign_in_bent(|claims| claims["email"] = Json::Null).await;

    assert_eq!(code_of(unconfirmed), "email_not_verified");
    assert_eq!(code_of(untold), "email_not_verified");
    assert_eq!(code_of(elsewhere), "other_domain");
    assert!(matches!(code_of(nameless), "no_email" | "userinfo"));
    let userinfo = json!({"sub": "bo-1", "email": "bo@bayside.test", "email_verified": true});
    scene.issuer.say_at_userinfo(userinfo);
    let told_there = scene.sign_in_bent(|claims| {
        claims.as_object_mut().unwrap().remove("email");
    });
    assert!(told_there.await.is_ok(), "the address stands in userinfo, as many do it");
}

#[tokio::test]
async fn somebody_is_known_again_by_the_issuers_id_and_not_by_the_address() {
    let scene = Scene::set().await;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    let (_, first) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;

    let renamed = scene.sign_in_bent(|claims| claims["email"] = json!("bo.diaz@bayside.test")).await.unwrap();
    let successor = scene.sign_in("bo-2", "bo@bayside.test").await;

    assert_eq!(scene.session(renamed).await.1.person, first.person);
    assert_eq!(code_of(successor), "linked_otherwise", "who has the address tomorrow is somebody else");
}

#[tokio::test]
async fn a_token_that_says_something_else_than_was_asked_lets_nobody_in() {
    type Bend = fn(&mut Json, i64);
    let scene = Scene::set().await;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    let now = scene.test.app.now().timestamp();
    let bends: [(&str, Bend); 6] = [
        ("nonce", |claims, _| claims["nonce"] = json!("of another sign-in")),
        ("no nonce", |claims, _| claims["nonce"] = Json::Null),
        ("audience", |claims, _| claims["aud"] = json!("another client")),
        ("two audiences", |claims, _| claims["aud"] = json!([CLIENT, "another client"])),
        ("issuer", |claims, _| claims["iss"] = json!("https://evil.test")),
        ("expired", |claims, now| claims["exp"] = json!(now - 1)),
    ];
    for (what, bend) in bends {
        let result = scene.sign_in_bent(|claims| bend(claims, now)).await;
        assert_eq!(code_of(result), "token_refused", "{what}");
    }
    for signed in [Signed::Not, Signed::ByClientSecret, Signed::ByUnpublished(1)] {
        scene.issuer.sign(signed);
        assert_eq!(code_of(scene.sign_in("bo-1", "bo@bayside.test").await), "token_refused", "{signed:?}");
    }

    scene.issuer.sign(Signed::By(1));
    assert!(scene.sign_in("bo-1", "bo@bayside.test").await.is_ok(), "the key was rotated");
}

#[tokio::test]
async fn a_sign_in_ends_once_in_its_own_browser_in_time() {
    let scene = Scene::set().await;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    let (leaving, sent) = scene.leave("bo@bayside.test").await;
    let back = scene.back(&leaving, &sent, scene.claims(&sent, "bo-1", "bo@bayside.test"));

    let (other_leaving, other_sent) = scene.leave("bo@bayside.test").await;
    let elsewhere = CameBack { browser: other_leaving.browser.clone(), ..back.clone() };
    let unknown = CameBack { state: "never given".to_owned(), ..back.clone() };
    let other_group = CameBack { group: uuid::Uuid::now_v7().to_string(), ..back.clone() };
    assert_eq!(code_of(scene.arrive(&elsewhere).await), "sign_in_over");
    assert_eq!(code_of(scene.arrive(&unknown).await), "sign_in_over");
    let code = back.code.clone();
    assert!(scene.arrive(&back).await.is_ok());
    assert_eq!(code_of(scene.arrive(&back).await), "sign_in_over", "the state works once");

    // A code that was used, or is another trip's, in an own trip.
    let used = CameBack { code, ..scene.back(&other_leaving, &other_sent, json!({})) };
    assert_eq!(code_of(scene.arrive(&used).await), "issuer_refused");
    let (leaving, sent) = scene.leave("bo@bayside.test").await;
    let (_, stolen) = scene.leave("bo@bayside.test").await;
    let injected = CameBack {
        code: Some(scene.issuer.code(&stolen, scene.claims(&stolen, "bo-1", "bo@bayside.test"))),
        ..scene.back(&leaving, &sent, json!({}))
    };
    assert_eq!(code_of(scene.arrive(&injected).await), "issuer_refused", "the verifier is another's");
    assert_eq!(code_of(scene.arrive(&other_group).await), "sign_in_over");

    let (leaving, sent) = scene.leave("bo@bayside.test").await;
    let late = scene.back(&leaving, &sent, scene.claims(&sent, "bo-1", "bo@bayside.test"));
    let mixed_up = CameBack { iss: Some("https://evil.test".to_owned()), ..late.clone() };
    assert_eq!(code_of(scene.arrive(&mixed_up).await), "sign_in_over");
    let (leaving, sent) = scene.leave("bo@bayside.test").await;
    let late = scene.back(&leaving, &sent, scene.claims(&sent, "bo-1", "bo@bayside.test"));
    scene.test.pass(chrono::TimeDelta::minutes(16));
    assert_eq!(code_of(scene.arrive(&late).await), "sign_in_over");
    scene.test.app.tidy().await.unwrap();
}

#[tokio::test]
async fn the_issuers_words_are_shown_to_whom_it_was_sent_and_no_others() {
    let scene = Scene::set().await;
    let (leaving, sent) = scene.leave("bo@bayside.test").await;
    let said = CameBack {
        group: scene.group().to_string(),
        state: sent.get("state").to_owned(),
        error: Some("access_denied".to_owned()),
        error_description: Some("Bo is not assigned to this application".to_owned()),
        browser: leaving.browser,
        ..CameBack::default()
    };

    let forged = scene.arrive(&CameBack { state: "x".to_owned(), ..said.clone() }).await;
    let own = scene.arrive(&said).await;

    assert_eq!(code_of(forged), "sign_in_over");
    let Err(NotIn::Refused(refused)) = own else { panic!("{own:?}") };
    assert_eq!(refused.said, "access_denied: Bo is not assigned to this application");
}

#[tokio::test]
async fn where_it_is_required_a_password_opens_the_group_to_owners_with_a_code_alone() {
    let scene = Scene::set().await;
    let test = &scene.test;
    let sso = test.app.single_sign_on();
    scene.invite("bo@bayside.test", Role::GroupAdmin).await;
    let accept = app::identity::AcceptInvitation {
        token: test.mailed_token("bo@bayside.test").await,
        name: "Bo".to_owned(),
        password: PASSWORD.into(),
    };
    let by_password = test.app.identity().accept_invitation(accept, &TestApp::browser(3)).await.unwrap();
    let (by_password, _) = scene.session(by_password).await;
    let required = || SingleSignOnForm { is_required: true, client_secret: None, ..form(&scene.issuer) };

    let untried = sso.set(scene.scope(), required()).await;
    let (by_issuer, _) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;
    let without_code = sso.set(scene.scope(), required()).await;
    let (_, codes) = two_step::set_up(test, &scene.owner).await;
    sso.set(scene.scope(), required()).await.unwrap();

    for early in [untried, without_code] {
        assert!(matches!(early, Err(AppError::Invalid(_))), "{early:?}");
    }
    let identity = test.app.identity();
    let bo = identity.of_session(&by_password.token).await.unwrap().unwrap();
    assert!(bo.scope.is_none());
    assert_eq!(bo.kept_out, Some(KeptOut { group: scene.group(), until: Until::SingleSignOn }));
    assert!(identity.of_session(&by_issuer.token).await.unwrap().unwrap().scope.is_some());
    let ask = SignIn { email: "ann@bayside.test".to_owned(), password: PASSWORD.into() };
    let step = identity.sign_in(ask, &TestApp::browser(2)).await.unwrap().second_step().unwrap();
    let back_in = identity.finish_sign_in(&step.token, &codes[0], &TestApp::browser(2)).await.unwrap();
    assert!(identity.of_session(&back_in.token).await.unwrap().unwrap().scope.is_some(), "the owner's way back in");
}

#[tokio::test]
async fn our_code_is_asked_for_unless_the_owner_says_that_the_issuer_asks() {
    let scene = Scene::set().await;
    let test = &scene.test;
    let own = test.owner("bo@bayside.test").await;
    let (_, codes) = two_step::set_up(test, &own).await;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    scene.invite("cy@bayside.test", Role::Viewer).await;
    two_step::set_up(test, &scene.owner).await;
    test.app.people().set_sign_in_rules(scene.scope(), SignInRules { second_factor_required: true }).await.unwrap();

    let step = scene.sign_in("bo-1", "bo@bayside.test").await.unwrap().second_step().expect("no code was asked for");
    let session = test.app.identity().finish_sign_in(&step.token, &codes[0], &TestApp::browser(7)).await.unwrap();
    let bo = test.app.identity().of_session(&session.token).await.unwrap().unwrap();
    let (_, cy) = scene.session(scene.sign_in("cy-1", "cy@bayside.test").await.unwrap()).await;
    let trusting = SingleSignOnForm { checks_second_factor: true, client_secret: None, ..form(&scene.issuer) };
    test.app.single_sign_on().set(scene.scope(), trusting).await.unwrap();
    let (_, trusted) = scene.session(scene.sign_in("cy-1", "cy@bayside.test").await.unwrap()).await;
    let (trusted_bo, _) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;

    assert_eq!(bo.bound_to, Some(scene.group()), "the code made it a session of the whole account");
    assert_eq!(cy.kept_out, Some(KeptOut { group: scene.group(), until: Until::SecondFactor }));
    assert!(trusted.scope.is_some());
    test.app.single_sign_on().set(scene.scope(), form(&scene.issuer)).await.unwrap();
    let ended = test.app.identity().of_session(&trusted_bo.token).await.unwrap();
    assert!(ended.is_none(), "a session that rests on the issuer's second factor goes on");
}

#[tokio::test]
async fn another_issuer_knows_nobody_and_gets_no_secret_of_the_one_before() {
    let scene = Scene::set().await;
    let test = &scene.test;
    scene.invite("bo@bayside.test", Role::Viewer).await;
    let (session, _) = scene.session(scene.sign_in("bo-1", "bo@bayside.test").await.unwrap()).await;
    let other = TestIssuer::start();

    let kept = SingleSignOnForm { client_secret: None, ..form(&other) };
    let without_secret = test.app.single_sign_on().set(scene.scope(), kept).await;
    assert!(matches!(without_secret, Err(AppError::Invalid(_))), "the secret went to another issuer");
    test.app.single_sign_on().set(scene.scope(), form(&other)).await.unwrap();

    assert!(test.app.identity().of_session(&session.token).await.unwrap().is_none());
    let shown = test.app.single_sign_on().get(scene.scope()).await.unwrap().issuer.unwrap();
    assert_eq!((shown.issuer, shown.signed_in_at), (other.address, None));
    test.app.single_sign_on().remove(scene.scope()).await.unwrap();
    let gone = test.app.single_sign_on().leave("bo@bayside.test", "/", &TestApp::browser(7)).await;
    assert!(matches!(gone, Err(NotIn::App(AppError::Invalid(_)))));
    assert!(!test.test.dump().await.contains(SECRET));
}

#[tokio::test]
async fn a_domain_counts_once_its_dns_says_so_and_for_one_group() {
    let names = TestNames::start().await;
    let test = TestApp::with(&[("DRIVELINE_DNS", &names.address.to_string())]).await;
    let ann = test.owner("ann@bayside.test").await.scope.unwrap();
    let eve = test.owner("eve@evil.test").await.scope.unwrap();
    let (sso, browser, issuer) = (test.app.single_sign_on(), TestApp::browser(9), TestIssuer::start());
    for scope in [&ann, &eve] {
        sso.set(scope, form(&issuer)).await.unwrap();
        sso.add_domain(scope, "bayside.test").await.unwrap();
    }
    let record = |scope| async move { sso.get(scope).await.unwrap().domains.remove(0) };

    let unproven = sso.leave("bo@bayside.test", "/", &browser).await;
    let silent = sso.prove_domain(&ann, "bayside.test", &browser).await;
    let anns = record(&ann).await;
    names.say(&anns.record_name, &anns.record_value);
    let by_eve = sso.prove_domain(&eve, "bayside.test", &browser).await;
    sso.prove_domain(&ann, "bayside.test", &browser).await.unwrap();
    let eves = record(&eve).await;
    names.say(&eves.record_name, &eves.record_value);
    let second = sso.prove_domain(&eve, "bayside.test", &browser).await;

    assert!(matches!(unproven, Err(NotIn::App(AppError::Invalid(_)))));
    for refused in [silent, by_eve] {
        assert!(matches!(refused, Err(AppError::Conflict { code: "domain_not_proven", .. })), "{refused:?}");
    }
    assert!(matches!(second, Err(AppError::Conflict { code: "domain_taken", .. })), "{second:?}");
    let leaving = sso.leave("bo@bayside.test", "/", &browser).await.unwrap();
    assert!(Sent::of(&leaving.address).get("redirect_uri").ends_with(&ann.tenant().to_string()));
}

#[tokio::test]
async fn trying_it_out_says_what_is_wrong_in_the_issuers_words() {
    let scene = Scene::set().await;
    let sso = scene.test.app.single_sign_on();

    let good = sso.try_out(scene.scope()).await.unwrap();
    sso.set(scene.scope(), SingleSignOnForm { client_secret: Some("wrong".into()), ..form(&scene.issuer) })
        .await
        .unwrap();
    let wrong_secret = sso.try_out(scene.scope()).await.unwrap();
    let slash = SingleSignOnForm { issuer: format!("{}/", scene.issuer.address), ..form(&scene.issuer) };
    sso.set(scene.scope(), slash).await.unwrap();
    let wrong_issuer = sso.try_out(scene.scope()).await.unwrap();

    assert!(good.is_good, "{good:?}");
    assert_eq!(wrong_secret.steps[2].went_well, Some(false));
    assert_eq!(wrong_secret.steps[2].said, "the issuer answers “invalid_client: the client's secret is wrong”");
    assert_eq!(wrong_issuer.steps[0].went_well, Some(false));
    assert!(wrong_issuer.steps[0].fix.ends_with(&scene.issuer.address), "{wrong_issuer:?}");
    assert_eq!(wrong_issuer.steps[2].went_well, None);
}

#[tokio::test]
async fn an_issuer_inside_our_own_network_is_not_called() {
    let test = TestApp::with(&[("DRIVELINE_ALLOW_PRIVATE_HOSTS", "0")]).await;
    let owner = test.owner("ann@bayside.test").await.scope.unwrap();
    let issuer = TestIssuer::start();
    let sso = test.app.single_sign_on();

    let literal = sso.set(&owner, form(&issuer)).await;
    let named = SingleSignOnForm { issuer: "https://localhost/id".to_owned(), ..form(&issuer) };
    sso.set(&owner, named).await.unwrap();
    let tried = sso.try_out(&owner).await.unwrap();

    assert!(matches!(literal, Err(AppError::Invalid(_))));
    assert!(tried.steps[0].said.contains("no public address"), "{tried:?}");
}
