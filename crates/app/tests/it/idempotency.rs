//! Requests that come twice are done once.

use app::AppError;
use app::idempotency::{Claim, fingerprint};
use chrono::TimeDelta;
use testkit::TestApp;

#[tokio::test]
async fn the_second_request_gets_the_first_ones_answer() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let (one, other) = (fingerprint("POST", "/a", b"1"), fingerprint("POST", "/a", b"2"));
    let keys = test.app.idempotency();

    assert_eq!(keys.claim(&scope, "k1", &one).await.unwrap(), Claim::Ours);
    assert_eq!(keys.claim(&scope, "k1", &one).await.unwrap(), Claim::Busy);
    keys.keep(&scope, "k1", 201, b"made").await.unwrap();

    let again = keys.claim(&scope, "k1", &one).await.unwrap();
    assert_eq!(again, Claim::Answered { status: 201, body: b"made".to_vec() });
    assert_eq!(keys.claim(&scope, "k1", &other).await.unwrap(), Claim::Another);
    let stranger = test.owner("eve@example.com").await.scope.unwrap();
    assert_eq!(keys.claim(&stranger, "k1", &one).await.unwrap(), Claim::Ours, "a stranger's key is another key");
    test.pass(TimeDelta::hours(25));
    assert_eq!(keys.claim(&scope, "k1", &one).await.unwrap(), Claim::Ours, "a day later it is forgotten");
}

#[tokio::test]
async fn a_request_whose_server_died_may_be_repeated() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let one = fingerprint("POST", "/a", b"1");
    let keys = test.app.idempotency();
    keys.claim(&scope, "died", &one).await.unwrap();
    keys.claim(&scope, "failed", &one).await.unwrap();

    keys.release(&scope, "failed").await.unwrap();
    test.pass(TimeDelta::minutes(3));

    assert_eq!(keys.claim(&scope, "failed", &one).await.unwrap(), Claim::Ours);
    assert_eq!(keys.claim(&scope, "died", &one).await.unwrap(), Claim::Ours);
    assert!(matches!(keys.claim(&scope, "two words", &one).await, Err(AppError::Invalid(_))));
}
