//! Row-level security, tried.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use store::sql::get;
use testkit::TestDb;

async fn texts(db: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| get(row, "name").unwrap()).collect()
}

#[tokio::test]
async fn an_unscoped_connection_sees_no_row_and_writes_none() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let tx = test.db.tenant(&scope).await.unwrap();
    let id = uuid::Uuid::now_v7();
    let insert = "INSERT INTO rooftop (tenant_id, id, name, code, time_zone) VALUES ($1, $2, 'Ford', 'F', 'UTC')";
    tx.run(insert, [tx.owner(), id.into()]).await.unwrap();
    tx.commit().await.unwrap();

    let seen = texts(test.db.pool(), "SELECT name FROM rooftop").await;
    let (tenant, id) = (scope.tenant(), uuid::Uuid::now_v7());
    let plant = format!(
        "INSERT INTO rooftop (tenant_id, id, name, code, time_zone) VALUES ('{tenant}', '{id}', 'x', 'X', 'UTC')"
    );
    let written = test.db.pool().execute_unprepared(&plant);

    assert_eq!(seen, Vec::<String>::new());
    assert!(written.await.unwrap_err().to_string().contains("row-level security"));
}

#[tokio::test]
async fn a_tenant_neither_sees_nor_changes_nor_plants_a_strangers_row() {
    let test = TestDb::fresh().await;
    let (mine, stranger) = (test.tenant("Mine").await, test.tenant("Stranger").await);
    let insert = "INSERT INTO rooftop (tenant_id, id, name, code, time_zone) VALUES ($1, $2, 'Ford', 'F', 'UTC')";
    let tx = test.db.tenant(&mine).await.unwrap();
    tx.run(insert, [tx.owner(), uuid::Uuid::now_v7().into()]).await.unwrap();
    tx.commit().await.unwrap();

    let tx = test.db.tenant(&stranger).await.unwrap();
    let seen = tx.rows("SELECT name FROM rooftop", []).await.unwrap().len();
    let changed = tx.run("UPDATE rooftop SET name = 'stolen'", []).await.unwrap();
    let planted = tx.run(insert, [mine.tenant().0.into(), uuid::Uuid::now_v7().into()]).await;

    assert_eq!((seen, changed), (0, 0));
    assert!(planted.is_err());
}

#[tokio::test]
async fn the_tenant_does_not_stay_on_a_pooled_connection() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    for _ in 0..20 {
        let tx = test.db.tenant(&scope).await.unwrap();
        tx.rows("SELECT 1 AS one", []).await.unwrap();
        tx.commit().await.unwrap();
        let left = texts(test.db.pool(), "SELECT coalesce(current_setting('app.tenant_id', true), '') AS name").await;
        assert_eq!(left, [""]);
    }
}
