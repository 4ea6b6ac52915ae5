//! Signing up and in: what an owner can do, and what a stranger cannot learn.

use app::AppError;
use app::identity::{Origin, ResetPassword, SignIn, SignUp, Verify};
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use testkit::TestApp;
use testkit::application::PASSWORD;

fn sign_in(email: &str, password: &str) -> SignIn {
    SignIn { email: email.to_owned(), password: password.into() }
}

fn sign_up(email: &str) -> SignUp {
    SignUp { email: email.to_owned(), password: PASSWORD.into(), name: "Ann".to_owned(), group: "Bayside".to_owned() }
}

#[tokio::test]
async fn a_dealer_signs_up_proves_the_address_and_owns_a_group() {
    let test = TestApp::fresh().await;
    let who = test.owner("ann@example.com").await;

    let me = test.app.identity().me(&who).await.unwrap();

    assert_eq!(me.email, "ann@example.com");
    assert_eq!(me.groups.len(), 1);
    assert_eq!(me.group, Some(me.groups[0].id));
    assert_eq!(me.permissions.len(), domain::permission::Permission::ALL.len());
}

#[tokio::test]
async fn an_account_is_closed_until_its_address_is_proven() {
    let test = TestApp::fresh().await;
    let browser = TestApp::browser(1);
    test.app.identity().sign_up(sign_up("ann@example.com"), &browser).await.unwrap();

    let right = test.app.identity().sign_in(sign_in("ann@example.com", PASSWORD), &browser).await;
    let wrong = test.app.identity().sign_in(sign_in("ann@example.com", "something else"), &browser).await;

    assert!(matches!(right, Err(AppError::NotVerified)));
    assert!(matches!(wrong, Err(AppError::SignInFailed)));
}

#[tokio::test]
async fn a_link_opens_nothing_for_somebody_who_does_not_know_the_password() {
    let test = TestApp::fresh().await;
    let browser = TestApp::browser(1);
    test.app.identity().sign_up(sign_up("ann@example.com"), &browser).await.unwrap();
    let token = test.mailed_token("ann@example.com").await;
    let verify = async |password: &str| {
        let ask = Verify { token: token.clone(), password: password.into() };
        test.app.identity().verify(ask, &browser).await
    };

    assert!(matches!(verify("a guess of mine").await, Err(AppError::SignInFailed)));
    assert!(verify(PASSWORD).await.is_ok(), "a wrong password does not use the link up");
    assert!(matches!(verify(PASSWORD).await, Err(AppError::LinkOver)), "it works once");
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_and_another_mail() {
    let test = TestApp::fresh().await;
    test.owner("ann@example.com").await;
    let browser = TestApp::browser(2);

    test.app.identity().sign_up(sign_up("ann@example.com"), &browser).await.unwrap();
    test.app.identity().ask_password_reset("nobody@example.com", &browser).await.unwrap();

    let mails = test.app.mails().mailbox().await.unwrap().unwrap();
    assert_eq!(mails[0].subject, "You already have a Driveline account");
    assert!(mails.iter().all(|mail| mail.to == "ann@example.com"));
}

#[tokio::test]
async fn guesses_are_ended_and_the_owner_is_not_locked_out() {
    let test = TestApp::fresh().await;
    let session = test.owner_session("ann@example.com").await;
    let attacker = TestApp::browser(66);
    let tried = async |email: &str, password: &str, origin: &Origin| {
        test.app.identity().sign_in(sign_in(email, password), origin).await
    };
    for email in ["ann@example.com", "nobody@example.com"] {
        for _ in 0..10 {
            assert!(
                matches!(tried(email, "wrong wrong wrong", &attacker).await, Err(AppError::SignInFailed)),
                "{email}"
            );
        }
        // The same for an account that is not there; and from another address too.
        assert!(matches!(tried(email, PASSWORD, &attacker).await, Err(AppError::Throttled { .. })), "{email}");
        let elsewhere = TestApp::browser(67);
        assert!(matches!(tried(email, PASSWORD, &elsewhere).await, Err(AppError::Throttled { .. })), "{email}");
    }

    let known = Origin { device: session.device, ..TestApp::browser(5) };
    assert!(tried("ann@example.com", PASSWORD, &known).await.is_ok());
    // A device cookie that was made up helps nobody.
    let forged = Origin { device: Some(format!("x.{}", "0".repeat(64))), ..TestApp::browser(68) };
    assert!(matches!(tried("ann@example.com", PASSWORD, &forged).await, Err(AppError::Throttled { .. })));

    test.pass(TimeDelta::minutes(91));
    assert!(tried("ann@example.com", PASSWORD, &attacker).await.is_ok(), "after a while it is open again");
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_all_counted() {
    let test = TestApp::fresh().await;
    test.owner("ann@example.com").await;
    let attempts = (0..25).map(|n| {
        let app = test.app.clone();
        async move { app.identity().sign_in(sign_in("ann@example.com", "wrong wrong"), &TestApp::browser(n)).await }
    });

    let answers = futures::future::join_all(attempts).await;

    let looked_at = answers.iter().filter(|answer| matches!(answer, Err(AppError::SignInFailed))).count();
    assert!(looked_at <= 10, "{looked_at} guesses were looked at");
}

#[tokio::test]
async fn a_session_ends_by_sign_out_by_idleness_and_by_a_new_password() {
    let test = TestApp::fresh().await;
    let first = test.owner_session("ann@example.com").await;
    let browser = Origin { device: first.device.clone(), ..TestApp::browser(1) };
    let identity = test.app.identity();
    let second = identity.sign_in(sign_in("ann@example.com", PASSWORD), &browser).await.unwrap().session().unwrap();
    let third = identity.sign_in(sign_in("ann@example.com", PASSWORD), &browser).await.unwrap().session().unwrap();

    let who = identity.of_session(&second.token).await.unwrap().unwrap();
    assert_eq!(identity.sessions(&who).await.unwrap().len(), 3);
    identity.sign_out(&who).await.unwrap();
    assert!(identity.of_session(&second.token).await.unwrap().is_none());

    let who = identity.of_session(&third.token).await.unwrap().unwrap();
    let new = "seven red kites over Tampa".into();
    identity.change_password(&who, &PASSWORD.into(), &new, &browser).await.unwrap();
    assert!(identity.of_session(&first.token).await.unwrap().is_none(), "other browsers are signed out");
    assert!(identity.of_session(&third.token).await.unwrap().is_some());
    assert!(matches!(
        identity.sign_in(sign_in("ann@example.com", PASSWORD), &browser).await,
        Err(AppError::SignInFailed)
    ));

    test.pass(TimeDelta::days(4));
    assert!(identity.of_session(&third.token).await.unwrap().is_none(), "nobody used it for days");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_the_mailed_link_even_while_guesses_are_ended() {
    let test = TestApp::fresh().await;
    let old = test.owner_session("ann@example.com").await;
    let browser = TestApp::browser(9);
    for _ in 0..11 {
        let _ = test.app.identity().sign_in(sign_in("ann@example.com", "wrong wrong"), &browser).await;
    }
    test.app.identity().ask_password_reset("ann@example.com", &browser).await.unwrap();
    let token = test.mailed_token("ann@example.com").await;
    let ask = ResetPassword { token, password: "seven red kites".into() };

    let session = test.app.identity().reset_password(ask, &browser).await.unwrap().session().unwrap();

    assert!(test.app.identity().of_session(&session.token).await.unwrap().is_some());
    assert!(test.app.identity().of_session(&old.token).await.unwrap().is_none());
}

#[tokio::test]
async fn neither_address_nor_token_nor_password_is_stored_in_clear() {
    let test = TestApp::fresh().await;
    let session = test.owner_session("ann.unmistakable@example.com").await;
    let owner = test.test.owner().await;
    let tables = "SELECT string_agg(x::text, ' ') AS all FROM (
        SELECT row_to_json(person)::text x FROM person UNION ALL SELECT row_to_json(session)::text FROM session
        UNION ALL SELECT row_to_json(mail_link)::text FROM mail_link UNION ALL SELECT row_to_json(mail)::text FROM mail
        UNION ALL SELECT row_to_json(audit)::text FROM audit) t";
    let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, tables)).await.unwrap().unwrap();
    let all: String = row.try_get("", "all").unwrap();

    assert!(all.contains("group.created"), "the dump is empty");
    for secret in ["unmistakable", "Test Person", PASSWORD, &session.token] {
        let as_hex = hex::encode(secret);
        assert!(!all.contains(secret) && !all.contains(&as_hex), "{secret} is stored in clear");
    }
}

#[tokio::test]
async fn what_has_ended_is_forgotten_and_what_lives_is_not() {
    let test = TestApp::fresh().await;
    let session = test.owner_session("ann@example.com").await;
    let browser = Origin { device: session.device, ..TestApp::browser(1) };
    let counted = async |table: &str| {
        let sql = format!("SELECT count(*) AS many FROM {table}");
        let owner = test.test.owner().await;
        let row = owner.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap().unwrap();
        row.try_get::<i64>("", "many").unwrap()
    };
    test.app.tidy().await.unwrap();
    let before = (counted("session").await, counted("mail").await, counted("sign_in_attempt").await);

    test.pass(TimeDelta::days(30));
    let fresh =
        test.app.identity().sign_in(sign_in("ann@example.com", PASSWORD), &browser).await.unwrap().session().unwrap();
    test.app.tidy().await.unwrap();

    assert!(before.0 == 1 && before.1 == 1 && before.2 > 0, "{before:?}");
    assert_eq!((counted("session").await, counted("mail").await, counted("mail_link").await), (1, 0, 0));
    assert!(test.app.identity().of_session(&fresh.token).await.unwrap().is_some());
}
