//! The second step of signing in: set up, asked for, never taken twice, switched off, required by a group.

use app::AppError;
use app::audit_trail::Filter;
use app::identity::{
    Begun, KeptOut, NewSession, Origin, RECOVERY_CODES, ResetPassword, SecondStep, SignIn, SignedIn, Until,
};
use app::people::{Invite, SignInRules};
use chrono::TimeDelta;
use domain::permission::Role;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use testkit::TestApp;
use testkit::application::PASSWORD;
use totp_rs::{Builder, Secret, Totp};

/// The app on somebody's phone.
pub struct Phone(Totp);

impl Phone {
    fn given(secret: &str) -> Self {
        Self(Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap())
    }

    fn code(&self, test: &TestApp) -> String {
        self.0.generate(u64::try_from(test.app.now().timestamp()).unwrap()).to_string()
    }
}

/// Somebody with two-step sign-in: their phone, their recovery codes.
pub async fn set_up(test: &TestApp, who: &SignedIn) -> (Phone, Vec<String>) {
    let set_up = test.app.identity().begin_two_step(who, &PASSWORD.into(), &TestApp::browser(1)).await.unwrap();
    let phone = Phone::given(&set_up.secret);
    let codes = test.app.identity().confirm_two_step(who, &phone.code(test), &TestApp::browser(1)).await.unwrap();
    // The code that switched it on is used up.
    test.pass(TimeDelta::seconds(30));
    (phone, codes)
}

async fn password_step(test: &TestApp, origin: &Origin) -> SecondStep {
    let ask = SignIn { email: "ann@example.com".to_owned(), password: PASSWORD.into() };
    test.app.identity().sign_in(ask, origin).await.unwrap().second_step().expect("no code was asked for")
}

async fn code_step(test: &TestApp, step: &SecondStep, code: &str, origin: &Origin) -> Result<NewSession, AppError> {
    test.app.identity().finish_sign_in(&step.token, code, origin).await
}

#[tokio::test]
async fn the_password_alone_signs_nobody_in_who_has_a_phone() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, _) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);

    let step = password_step(&test, &browser).await;
    let wrong = code_step(&test, &step, "000000", &browser).await;
    let right = code_step(&test, &step, &phone.code(&test), &browser).await.unwrap();

    assert!(matches!(wrong, Err(AppError::Invalid(_))));
    assert!(test.app.identity().of_session(&step.token).await.unwrap().is_none(), "the step is no session");
    assert!(test.app.identity().of_session(&right.token).await.unwrap().is_some());
    assert!(matches!(code_step(&test, &step, "000000", &browser).await, Err(AppError::SignInOver)), "it works once");
}

#[tokio::test]
async fn a_code_is_taken_once_even_by_two_at_the_same_moment() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, _) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);
    let code = phone.code(&test);
    let steps = [password_step(&test, &browser).await, password_step(&test, &browser).await];

    let both = futures::future::join_all(steps.iter().map(|step| code_step(&test, step, &code, &browser))).await;
    let later = password_step(&test, &browser).await;
    let again = code_step(&test, &later, &code, &browser).await;

    assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(matches!(again, Err(AppError::Invalid(_))));
    // Nor is the code before it, which a clock that goes wrong would still show.
    test.pass(TimeDelta::seconds(30));
    let newer = phone.code(&test);
    assert!(code_step(&test, &later, &newer, &browser).await.is_ok());
}

#[tokio::test]
async fn the_codes_of_a_clock_that_is_half_a_minute_off_are_taken_and_older_ones_are_not() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, _) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);
    test.pass(TimeDelta::minutes(5));
    let old = phone.code(&test);
    test.pass(TimeDelta::seconds(60));
    let recent = phone.code(&test);
    test.pass(TimeDelta::seconds(30));

    let step = password_step(&test, &browser).await;

    assert!(matches!(code_step(&test, &step, &old, &browser).await, Err(AppError::Invalid(_))));
    assert!(code_step(&test, &step, &recent, &browser).await.is_ok());
}

#[tokio::test]
async fn guesses_at_codes_are_ended_whoever_makes_them_and_from_wherever() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, codes) = set_up(&test, &who).await;
    let attacker = TestApp::browser(66);

    let step = password_step(&test, &attacker).await;
    for _ in 0..5 {
        assert!(matches!(code_step(&test, &step, "000000", &attacker).await, Err(AppError::Invalid(_))));
    }
    assert!(matches!(code_step(&test, &step, &phone.code(&test), &attacker).await, Err(AppError::SignInOver)));

    let step = password_step(&test, &attacker).await;
    for _ in 0..5 {
        assert!(matches!(code_step(&test, &step, "000000", &attacker).await, Err(AppError::Invalid(_))));
    }
    let step = password_step(&test, &TestApp::browser(67)).await;
    for code in [&phone.code(&test), &codes[0]] {
        let answer = code_step(&test, &step, code, &TestApp::browser(67)).await;
        assert!(matches!(answer, Err(AppError::Throttled { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn a_code_that_does_not_come_in_time_is_not_waited_for() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, _) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);
    let step = password_step(&test, &browser).await;

    test.pass(TimeDelta::minutes(11));
    let late = code_step(&test, &step, &phone.code(&test), &browser).await;

    assert!(matches!(late, Err(AppError::SignInOver)));
    test.app.tidy().await.unwrap();
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_its_person_hears_of_it() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (_, codes) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);
    assert_eq!(codes.len(), RECOVERY_CODES);

    let step = password_step(&test, &browser).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    let first = code_step(&test, &step, &typed, &browser).await;
    let step = password_step(&test, &browser).await;
    let second = code_step(&test, &step, &codes[3], &browser).await;

    assert!(first.is_ok());
    assert!(matches!(second, Err(AppError::Invalid(_))));
    assert_eq!(test.app.identity().two_step(&who).await.unwrap().recovery_codes_left, 9);
    let mails = test.app.mails().mailbox().await.unwrap().unwrap();
    assert_eq!(mails[0].subject, "A recovery code was used");

    let new = test.app.identity().renew_recovery_codes(&who, &PASSWORD.into(), &browser).await.unwrap();
    let step = password_step(&test, &browser).await;
    assert!(code_step(&test, &step, &codes[4], &browser).await.is_err(), "those before work no more");
    assert!(code_step(&test, &step, &new[4], &browser).await.is_ok());
    let mails = test.app.mails().mailbox().await.unwrap().unwrap();
    assert!(mails.iter().any(|mail| mail.subject == "You have new recovery codes"));
}

#[tokio::test]
async fn who_reads_somebodys_mail_still_needs_their_phone() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, _) = set_up(&test, &who).await;
    let browser = TestApp::browser(2);
    let waiting = password_step(&test, &browser).await;
    test.app.identity().ask_password_reset("ann@example.com", &browser).await.unwrap();
    let ask = ResetPassword { token: test.mailed_token("ann@example.com").await, password: "seven red kites".into() };

    let begun = test.app.identity().reset_password(ask, &browser).await.unwrap();

    let Begun::SecondStep(step) = begun else { panic!("the mailed link alone signed in") };
    let code = phone.code(&test);
    let stale = code_step(&test, &waiting, &code, &browser).await;
    assert!(matches!(stale, Err(AppError::SignInOver)), "the old password's sign-in has ended");
    assert!(code_step(&test, &step, &code, &browser).await.is_ok());
}

#[tokio::test]
async fn nothing_is_asked_for_until_a_code_has_proven_the_app() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let identity = test.app.identity();
    let browser = TestApp::browser(1);
    identity.begin_two_step(&who, &PASSWORD.into(), &browser).await.unwrap();

    let wrong = identity.confirm_two_step(&who, "000000", &browser).await;
    let ask = SignIn { email: "ann@example.com".to_owned(), password: PASSWORD.into() };

    assert!(matches!(wrong, Err(AppError::Invalid(_))));
    assert!(identity.sign_in(ask, &browser).await.unwrap().session().is_some());
    assert!(identity.begun_two_step(&who).await.unwrap().is_some());
}

#[tokio::test]
async fn switching_it_off_asks_for_the_password_and_is_told_in_the_trail() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    set_up(&test, &who).await;
    let identity = test.app.identity();
    let browser = TestApp::browser(2);

    let wrong = identity.end_two_step(&who, &"wrong wrong wrong".into(), &browser).await;
    identity.end_two_step(&who, &PASSWORD.into(), &browser).await.unwrap();

    assert!(matches!(wrong, Err(AppError::SignInFailed)));
    assert!(identity.two_step(&who).await.unwrap().since.is_none());
    let scope = who.scope.as_ref().unwrap();
    let trail = test.app.audit_trail().page(scope, &Filter::default(), None, 10).await.unwrap();
    let actions: Vec<&str> = trail.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions[..2], ["second_factor.off", "second_factor.on"]);
    assert_eq!(test.app.audit_trail().first_broken(scope).await.unwrap(), None);
}

#[tokio::test]
async fn a_group_that_requires_it_lets_nobody_in_without() {
    let test = TestApp::fresh().await;
    let owner = test.owner("ann@example.com").await;
    let scope = owner.scope.clone().unwrap();
    let ask = Invite { email: "bob@example.com".to_owned(), role: Role::GroupAdmin, rooftop: None };
    test.app.people().invite(&scope, ask).await.unwrap();
    let token = test.mailed_token("bob@example.com").await;
    let accept = app::identity::AcceptInvitation { token, name: "Bob".to_owned(), password: PASSWORD.into() };
    let identity = test.app.identity();
    let session = identity.accept_invitation(accept, &TestApp::browser(3)).await.unwrap().session().unwrap();
    let bob = identity.of_session(&session.token).await.unwrap().unwrap();
    let rules = SignInRules { second_factor_required: true };

    let too_early = test.app.people().set_sign_in_rules(&scope, rules).await;
    let by_an_admin = test.app.people().set_sign_in_rules(bob.scope.as_ref().unwrap(), rules).await;
    set_up(&test, &owner).await;
    test.app.people().set_sign_in_rules(&scope, rules).await.unwrap();

    assert!(matches!(too_early, Err(AppError::Conflict { code: "two_step_is_off", .. })));
    assert!(matches!(by_an_admin, Err(AppError::NotPermitted(_))));
    let outside = identity.of_session(&session.token).await.unwrap().unwrap();
    assert!(outside.scope.is_none(), "Bob is let in");
    let kept_out = KeptOut { group: scope.tenant(), until: Until::SecondFactor };
    assert_eq!(outside.kept_out, Some(kept_out));
    let members = test.app.people().list(&scope).await.unwrap();
    let has = |email: &str| members.iter().find(|member| member.email == email).unwrap().has_second_factor;
    assert!(has("ann@example.com") && !has("bob@example.com"));

    set_up(&test, &outside).await;
    let inside = identity.of_session(&session.token).await.unwrap().unwrap();
    assert!(inside.scope.is_some(), "Bob has it now");
    let off = identity.end_two_step(&inside, &PASSWORD.into(), &TestApp::browser(3)).await;
    assert!(matches!(off, Err(AppError::Conflict { code: "two_step_required", .. })));
}

#[tokio::test]
async fn neither_secret_nor_recovery_code_is_stored_in_clear() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let set = test.app.identity().begin_two_step(&who, &PASSWORD.into(), &TestApp::browser(1)).await.unwrap();
    let phone = Phone::given(&set.secret);
    let browser = TestApp::browser(1);
    let codes = test.app.identity().confirm_two_step(&who, &phone.code(&test), &browser).await.unwrap();
    password_step(&test, &browser).await;

    let tables = "SELECT string_agg(x::text, ' ') AS all FROM (
        SELECT row_to_json(second_factor)::text x FROM second_factor
        UNION ALL SELECT row_to_json(recovery_code)::text FROM recovery_code
        UNION ALL SELECT row_to_json(sign_in_step)::text FROM sign_in_step
        UNION ALL SELECT row_to_json(mail)::text FROM mail UNION ALL SELECT row_to_json(audit)::text FROM audit) t";
    let owner = test.test.owner().await;
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, tables)).await.unwrap().unwrap();
    let all: String = row.try_get("", "all").unwrap();

    assert!(all.contains("second_factor.on"), "the dump is empty");
    let raw = hex::encode(Secret::try_from_base32(set.secret.as_str()).unwrap().as_bytes());
    for code in codes.iter().map(|code| code.replace('-', "")).chain([set.secret.to_string(), raw]) {
        assert!(!all.contains(&code) && !all.contains(&hex::encode(&code)), "{code} is stored in clear");
    }
}

#[tokio::test]
async fn who_only_found_a_browser_open_sets_nothing_up_and_other_browsers_end_when_it_is_on() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let identity = test.app.identity();
    let browser = TestApp::browser(2);
    let ask = SignIn { email: "ann@example.com".to_owned(), password: PASSWORD.into() };
    let other = identity.sign_in(ask, &browser).await.unwrap().session().unwrap();

    let wrong = identity.begin_two_step(&who, &"wrong wrong wrong".into(), &browser).await;
    assert!(matches!(wrong, Err(AppError::SignInFailed)));
    assert!(identity.of_session(&other.token).await.unwrap().is_some());
    set_up(&test, &who).await;

    assert!(identity.of_session(&other.token).await.unwrap().is_none(), "no code has opened this session");
    assert_eq!(identity.sessions(&who).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_person_hears_of_who_has_their_password_and_a_hundred_wrong_codes_end_it() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;
    let (phone, codes) = set_up(&test, &who).await;
    let wrong_sign_in = async |from: u8| {
        let browser = TestApp::browser(from);
        let step = password_step(&test, &browser).await;
        for _ in 0..5 {
            assert!(matches!(code_step(&test, &step, "000000", &browser).await, Err(AppError::Invalid(_))));
        }
    };

    wrong_sign_in(66).await;
    let mails = test.app.mails().mailbox().await.unwrap().unwrap();
    assert_eq!(mails[0].subject, "Somebody could not sign in as you");
    let scope = who.scope.as_ref().unwrap();
    let newest = test.app.audit_trail().page(scope, &Filter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!((newest.action.as_str(), newest.detail["how"].as_str()), ("session.refused", Some("password")));
    for _ in 1..20 {
        test.pass(TimeDelta::hours(2));
        wrong_sign_in(66).await;
    }
    test.pass(TimeDelta::hours(2));
    let browser = TestApp::browser(2);
    let step = password_step(&test, &browser).await;
    for code in [&phone.code(&test), &codes[0]] {
        let refused = code_step(&test, &step, code, &browser).await;
        assert!(matches!(refused, Err(AppError::Conflict { code: "too_many_wrong_codes", .. })), "{refused:?}");
    }

    // A new password puts the guesser out, and codes are taken again.
    test.app.identity().ask_password_reset("ann@example.com", &browser).await.unwrap();
    let ask = ResetPassword { token: test.mailed_token("ann@example.com").await, password: "seven red kites".into() };
    let step = test.app.identity().reset_password(ask, &browser).await.unwrap().second_step().unwrap();
    assert!(code_step(&test, &step, &phone.code(&test), &browser).await.is_ok());
}
