//! A fresh database per test, cloned from a template that is migrated once.

use domain::TenantId;
use migration::Migrator;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Db, EnvKeys, TenantScope};
use uuid::Uuid;

/// The application role's password: that of the stack whose Postgres this is, for journeys sign in to it as well.
fn app_password() -> String {
    std::env::var("DRIVELINE_APP_PASSWORD").unwrap_or_else(|_| "driveline-test".to_owned())
}

/// A lock that all test processes of one cluster share while the template is made.
const TEMPLATE_LOCK: i64 = 0x6472_6976_656c_696e;

/// A database that nobody else uses; dropped with this value.
pub struct TestDb {
    /// As the application.
    pub db: Db,
    name: String,
    admin_url: String,
}

impl TestDb {
    /// A fresh, migrated database.
    pub async fn fresh() -> Self {
        let admin_url = std::env::var("TEST_DATABASE_URL")
            .expect("TEST_DATABASE_URL is not set: run the tests by `./dev test`, which starts a Postgres for them");
        // One connection only: an advisory lock belongs to the session that took it.
        let mut options = ConnectOptions::new(admin_url.clone());
        options.max_connections(1);
        let admin = Database::connect(options).await.expect("Postgres at TEST_DATABASE_URL does not answer");
        let template = template(&admin, &admin_url).await;
        let name = format!("t_{}", Uuid::now_v7().simple());
        // Two clones of one template at the same moment: Postgres refuses one, so they take turns.
        let clone = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy");
        locked(&admin, &clone).await;
        admin.close().await.expect("closing the administrator's connection");
        let db = Self::connect(&app_url(&admin_url, &name)).await;
        Self { db, name, admin_url }
    }

    async fn connect(url: &str) -> Db {
        let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=".to_owned();
        let keys = EnvKeys::parse(&key.into()).expect("the test master key");
        Db::connect(url, 8, Arc::new(keys)).await.expect("connecting as the application role")
    }

    /// The application role's address of this database.
    #[must_use]
    pub fn url(&self) -> String {
        app_url(&self.admin_url, &self.name)
    }

    /// The owner's connection: sees everything, for asserting what is really stored.
    pub async fn owner(&self) -> DatabaseConnection {
        Database::connect(with_database(&self.admin_url, &self.name)).await.expect("connecting as the owner")
    }

    /// Every row of every table as text, bytes as the characters they are: for searching what lies in clear.
    pub async fn dump(&self) -> String {
        let owner = self.owner().await;
        let statement = |sql: String| sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, sql);
        let session = owner.begin().await.expect("a session");
        session.execute_unprepared("SET LOCAL bytea_output = 'escape'").await.expect("a setting");
        let tables = session
            .query_all_raw(statement(
                "SELECT c.relname::text AS name FROM pg_class c
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
                    .to_owned(),
            ))
            .await
            .expect("the list of tables");
        let mut dump = String::new();
        for table in tables {
            let name: String = table.try_get("", "name").expect("a name");
            let rows = session
                .query_all_raw(statement(format!("SELECT t::text AS row FROM {name} t")))
                .await
                .expect("the rows");
            for row in rows {
                dump.push_str(&row.try_get::<String>("", "row").expect("a row"));
                dump.push('\n');
            }
        }
        dump
    }

    /// Runs statements as the database's owner: for rows that only a long way round would make.
    pub async fn run(&self, statements: &str) {
        let owner = self.owner().await;
        owner.execute_unprepared(statements).await.expect("the test's own statements");
        owner.close().await.expect("closing");
    }

    /// The rows of a statement, asked as the owner: what is really stored.
    pub async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let owner = self.owner().await;
        let statement = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, sql);
        let rows = owner.query_all_raw(statement).await.expect("the test's own question");
        owner.close().await.expect("closing");
        rows
    }

    /// One number, asked as the owner by a statement whose only column is called `count`.
    pub async fn count(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        rows.first().expect("one row").try_get("", "count").expect("a column that is called count")
    }

    /// Returns when a count has this value; Postgres is asked again and again, for `patience`.
    pub async fn until_count(&self, sql: &str, wanted: i64, patience: Duration) {
        let owner = self.owner().await;
        let began = Instant::now();
        loop {
            let statement = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, sql);
            let row = owner.query_one_raw(statement).await.expect("the test's own question").expect("one row");
            let counted: i64 = row.try_get("", "count").expect("a column that is called count");
            if counted == wanted {
                break;
            }
            assert!(began.elapsed() < patience, "{sql} stays at {counted} instead of {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        owner.close().await.expect("closing");
    }

    /// A new tenant, in the scope in which Driveline works for it.
    pub async fn tenant(&self, name: &str) -> TenantScope {
        let tx = self.db.platform().await.expect("a platform transaction");
        let id: TenantId = self.db.create_tenant(&tx, name).await.expect("a new tenant");
        tx.commit().await.expect("a new tenant");
        TenantScope::driveline(id)
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let (admin_url, name) = (self.admin_url.clone(), self.name.clone());
        // A drop cannot wait for a future; a thread with a runtime of its own can.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let admin = Database::connect(&admin_url).await?;
                admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
                admin.close().await
            })?;
            Ok::<(), anyhow::Error>(())
        })
        .join();
        if !matches!(dropped, Ok(Ok(()))) && !std::thread::panicking() {
            panic!("the test database could not be dropped");
        }
    }
}

/// The migrated template's name; makes it where this version's is missing.
async fn template(admin: &DatabaseConnection, admin_url: &str) -> String {
    let names: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
    let build = std::env::var("DRIVELINE_SCHEMA_VERSION").unwrap_or_else(|_| schema_version());
    let template = format!("template_{}_{build}", names.len());
    if exists(admin, &template).await {
        return template;
    }
    admin.execute_unprepared(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await.expect("the template lock");
    if !exists(admin, &template).await {
        let making = format!("making_{}", Uuid::now_v7().simple());
        admin.execute_unprepared(&format!("CREATE DATABASE {making}")).await.expect("a new database");
        let db = Database::connect(with_database(admin_url, &making)).await.expect("the new database");
        Migrator::up(&db, None).await.expect("the migrations");
        let password = app_password();
        db.execute_unprepared(&format!("ALTER ROLE driveline_app PASSWORD '{password}'")).await.expect("the role");
        db.close().await.expect("closing");
        admin
            .execute_unprepared(&format!("ALTER DATABASE {making} RENAME TO {template}"))
            .await
            .expect("the finished template");
    }
    admin.execute_unprepared(&format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await.expect("the template lock");
    template
}

/// Changes with every change of a migration's text, and of the role's password, so that an old template is never used.
fn schema_version() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migration/src");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the migrations").map(|file| file.expect("a migration").path()).collect();
    files.sort();
    let mut hasher = blake3::Hasher::new();
    hasher.update(app_password().as_bytes());
    for file in files {
        hasher.update(&std::fs::read(file).expect("a migration"));
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}

async fn locked(admin: &DatabaseConnection, statement: &str) {
    admin.execute_unprepared(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await.expect("the template lock");
    let done = admin.execute_unprepared(statement).await;
    admin.execute_unprepared(&format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await.expect("the template lock");
    done.expect("a clone of the template");
}

async fn exists(admin: &DatabaseConnection, name: &str) -> bool {
    let statement = sea_orm::Statement::from_sql_and_values(
        sea_orm::DatabaseBackend::Postgres,
        "SELECT 1 AS one FROM pg_database WHERE datname = $1",
        [name.into()],
    );
    admin.query_one_raw(statement).await.expect("the list of databases").is_some()
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, ""), |(base, query)| (base, query));
    let (server, _) = base.rsplit_once('/').expect("TEST_DATABASE_URL ends in /DATABASE");
    if query.is_empty() { format!("{server}/{name}") } else { format!("{server}/{name}?{query}") }
}

fn app_url(admin_url: &str, name: &str) -> String {
    let url = with_database(admin_url, name);
    let (scheme, rest) = url.split_once("://").expect("TEST_DATABASE_URL is a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://driveline_app:{}@{host}", app_password())
}
