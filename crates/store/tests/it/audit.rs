//! The audit trail: chained, append-only, and it notices.

use chrono::Utc;
use sea_orm::ConnectionTrait;
use serde_json::json;
use store::audit;
use testkit::TestDb;

#[tokio::test]
async fn a_changed_entry_breaks_the_chain_at_its_place() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    for n in 0..5 {
        let tx = test.db.tenant(&scope).await.unwrap();
        let detail = json!({"n": n, "after": {"b": 1.5, "a": [1, null]}});
        audit::append(&tx, "rooftop.created", "rooftop", "r", detail, Utc::now()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let tx = test.db.tenant(&scope).await.unwrap();
    assert_eq!(audit::first_broken(&tx).await.unwrap(), None);
    drop(tx);

    // Not even the owner changes it without first taking the trigger away.
    let owner = test.owner().await;
    let change = "UPDATE audit SET detail = '{\"n\": 7}' WHERE seq = 3";
    assert!(owner.execute_unprepared(change).await.is_err());
    owner.execute_unprepared("ALTER TABLE audit DISABLE TRIGGER ALL").await.unwrap();
    owner.execute_unprepared(change).await.unwrap();

    let tx = test.db.tenant(&scope).await.unwrap();
    assert_eq!(audit::first_broken(&tx).await.unwrap(), Some(3));
}

#[tokio::test]
async fn writers_at_the_same_time_make_one_chain() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let write = async |n: i32| {
        let tx = test.db.tenant(&scope).await.unwrap();
        audit::append(&tx, "rooftop.changed", "rooftop", "r", json!({"n": n}), Utc::now()).await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(write(1), write(2), write(3), write(4));

    let tx = test.db.tenant(&scope).await.unwrap();
    assert_eq!(audit::first_broken(&tx).await.unwrap(), None);
    assert_eq!(audit::page(&tx, &audit::Filter::default(), None, 10).await.unwrap().len(), 4);
}
