//! Row-level security: read from the catalogue, and tried.

use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use store::sql::get;
use testkit::TestDb;

/// Tables without a tenant: asked before one is known, reachable only as the platform role.
const PLATFORM_ONLY: [&str; 6] = ["data_key", "mail", "mail_link", "person", "session", "sign_in_attempt"];
/// Tenant tables that the platform role sees as well, because they answer "whose is this?".
const OPEN_TO_PLATFORM: [&str; 6] = ["api_key", "ingress", "job", "membership", "schedule", "tenant"];

async fn texts(db: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| get(row, "name").unwrap()).collect()
}

#[tokio::test]
async fn every_table_is_locked_to_its_tenant_or_listed_as_the_platforms() {
    let test = TestDb::fresh().await;
    let owner = test.owner().await;
    let unlocked = texts(
        &owner,
        "SELECT c.relname::text AS name FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND c.relname <> 'seaql_migrations'
           AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                    AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid))",
    )
    .await;
    assert_eq!(unlocked, Vec::<String>::new());

    let no_tenant_policy = texts(
        &owner,
        "SELECT c.relname::text AS name FROM pg_class c
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
           AND c.relname <> 'seaql_migrations'
           AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant'
                           AND pg_get_expr(p.polqual, p.polrelid) LIKE '%app.tenant_id%'
                           AND pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid))
         ORDER BY 1",
    )
    .await;
    assert_eq!(no_tenant_policy, PLATFORM_ONLY);

    let platform = texts(
        &owner,
        "SELECT c.relname::text AS name FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
         WHERE p.polname <> 'tenant' AND p.polname <> 'tenant_readonly' ORDER BY 1",
    )
    .await;
    let mut listed = [PLATFORM_ONLY.as_slice(), &OPEN_TO_PLATFORM].concat();
    listed.sort_unstable();
    assert_eq!(platform, listed);
}

#[tokio::test]
async fn every_tenant_table_leads_its_primary_key_and_indexes_with_the_tenant() {
    let test = TestDb::fresh().await;
    let owner = test.owner().await;
    let astray = texts(
        &owner,
        "SELECT i.indexrelid::regclass::text AS name
         FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
         JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'tenant'
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
         WHERE c.relname <> 'tenant' AND a.attname <> 'tenant_id'
         ORDER BY 1",
    )
    .await;
    // These answer the platform's questions, which come before a tenant is known.
    assert_eq!(
        astray,
        [
            "api_key_prefix_key",
            "ingress_token_hash_key",
            "job_due",
            "job_finished",
            "job_leased",
            "membership_person",
            "schedule_next"
        ]
    );
}

#[tokio::test]
async fn the_application_owns_nothing_and_bypasses_nothing() {
    let test = TestDb::fresh().await;
    let owner = test.owner().await;
    let owned = texts(
        &owner,
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
         WHERE r.rolname LIKE 'driveline_%'
         UNION ALL SELECT rolname::text FROM pg_roles
         WHERE rolname LIKE 'driveline_%' AND (rolbypassrls OR rolsuper OR rolcreaterole OR rolcreatedb)",
    )
    .await;
    assert_eq!(owned, Vec::<String>::new());
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

#[tokio::test]
async fn both_layers_of_keys_rotate_while_readers_go_on() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let place = store::Place { column: "golden.doc", row: b"1" };
    let tx = test.db.tenant(&scope).await.unwrap();
    let sealed = tx.seal(place, &"secret").unwrap();
    drop(tx);

    test.db.rotate_data_key(scope.tenant().0).await.unwrap();

    let tx = test.db.tenant(&scope).await.unwrap();
    assert_eq!(tx.open::<String>(place, &sealed).unwrap(), "secret");
    assert!(!tx.keys().is_newest(&sealed));
    assert_eq!(test.db.rewrap_data_keys().await.unwrap(), 0, "all are under the current master key");
}
