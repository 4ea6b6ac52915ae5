//! Sealing in the database: rotation of both layers of keys under load, and values that were moved or changed there.

use chrono::Utc;
use domain::ConnectionId;
use sea_orm::ConnectionTrait;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::{Db, EnvKeys, KeyTimes, StoreError, TenantScope, credentials, ingress};
use testkit::TestDb;

const OLD: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEW: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
/// As in earnest, a hundred times faster.
const QUICK: KeyTimes =
    KeyTimes { remembered_for: Duration::from_millis(150), seals_after: Duration::from_millis(600) };
const FIELDS: [&str; 4] = ["token", "password", "private_key", "passphrase"];

async fn process(test: &TestDb, master: &str, times: KeyTimes) -> Db {
    let keys = EnvKeys::parse(&master.to_owned().into()).unwrap();
    Db::connect_with(&test.url(), 4, Arc::new(keys), times).await.unwrap()
}

/// A connection of this tenant with all credentials.
async fn connection(db: &Db, scope: &TenantScope) -> ConnectionId {
    let id = ConnectionId::new();
    let tx = db.tenant(scope).await.unwrap();
    tx.run(
        "INSERT INTO connection (tenant_id, id, connector, system_role, name, state) VALUES ($1, $2, 'x', 'crm', 'x', 'active')",
        [tx.owner(), id.0.into()],
    )
    .await
    .unwrap();
    for field in FIELDS {
        credentials::set(&tx, id, field, &SecretString::from(format!("secret of {field}")), Utc::now()).await.unwrap();
    }
    ingress::set(&tx, id, "the token", id.0.as_bytes(), Utc::now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// What one process does all day: seals values, and opens what the others sealed.
async fn work(db: &Db, scope: &TenantScope, connection: ConnectionId, round: usize) -> Result<(), StoreError> {
    let tx = db.tenant(scope).await?;
    let field = FIELDS[round % FIELDS.len()];
    credentials::set(&tx, connection, field, &SecretString::from(format!("secret of {field}")), Utc::now()).await?;
    tx.commit().await?;
    let tx = db.tenant(scope).await?;
    for (field, secret) in credentials::open_all(&tx, connection).await? {
        assert_eq!(secret.expose_secret(), format!("secret of {field}"));
    }
    tx.commit().await
}

/// Processes at work until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start() -> Self {
        Self { stop: Arc::default(), rounds: Arc::default(), tasks: Vec::new() }
    }

    fn add(&mut self, db: Db, scope: &TenantScope, connection: ConnectionId) {
        let (stop, rounds, scope) = (Arc::clone(&self.stop), Arc::clone(&self.rounds), scope.clone());
        self.tasks.push(tokio::spawn(async move {
            let mut failed = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let round = rounds.fetch_add(1, Ordering::SeqCst);
                if let Err(error) = work(&db, &scope, connection, round).await {
                    failed.push(format!("{error:?}"));
                }
            }
            failed
        }));
    }

    /// Stops it; returns how many rounds there were and what failed.
    async fn end(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let mut failed = Vec::new();
        for task in self.tasks {
            failed.extend(task.await.unwrap());
        }
        (self.rounds.load(Ordering::SeqCst), failed)
    }
}

/// The key versions under which credentials lie in the database.
async fn versions(test: &TestDb) -> BTreeSet<i32> {
    let rows = test.rows("SELECT DISTINCT get_byte(sealed, 5) AS version FROM credential").await;
    rows.iter().map(|row| row.try_get("", "version").unwrap()).collect()
}

/// Returns when all credentials lie under this key version.
async fn until_version(test: &TestDb, wanted: i32) {
    let began = Instant::now();
    while versions(test).await != BTreeSet::from([wanted]) {
        assert!(began.elapsed() < Duration::from_secs(20), "still under {:?}", versions(test).await);
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_key_rotates_while_processes_seal_and_open_and_no_read_fails() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let id = connection(&test.db, &scope).await;
    let mut load = Load::start();
    for _ in 0..3 {
        load.add(process(&test, OLD, QUICK).await, &scope, id);
    }
    let rotator = process(&test, OLD, QUICK).await;

    for version in 2..=4 {
        rotator.rotate_data_key(scope.tenant().0).await.unwrap();
        until_version(&test, version).await;
    }

    let (rounds, failed) = load.end().await;
    eprintln!("{rounds} rounds of 4 reads and a write in 3 processes over 3 rotations: {} failed", failed.len());
    assert_eq!(failed, Vec::<String>::new());
}

/// Why a new version waits: the test above would not pass without.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_sealed_at_once_would_be_closed_to_who_remembers_the_older_ones() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let id = connection(&test.db, &scope).await;
    let rash = KeyTimes { seals_after: Duration::ZERO, remembered_for: Duration::from_secs(60) };
    let (remembers, rotator) = (process(&test, OLD, rash).await, process(&test, OLD, rash).await);
    work(&remembers, &scope, id, 0).await.unwrap();

    rotator.rotate_data_key(scope.tenant().0).await.unwrap();
    work(&process(&test, OLD, rash).await, &scope, id, 0).await.unwrap();

    let refused = work(&remembers, &scope, id, 1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Seal { why: "its key version is unknown", .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_key_rotates_process_by_process_and_no_read_fails() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let id = connection(&test.db, &scope).await;
    let (old_new, new_old) = (format!("{OLD},{NEW}"), format!("{NEW},{OLD}"));
    let mut all_failed = Vec::new();
    // Each step rolls out while processes of the step before still run; both make tenants and read each other's.
    let steps = [
        (OLD, old_new.as_str(), false),
        (&old_new, &new_old, false),
        // Only now does nobody wrap under the old one any more.
        (&new_old, &new_old, true),
        (&new_old, NEW, false),
    ];
    for (before, after, rewrap) in steps {
        let mut load = Load::start();
        let (one, two) = (process(&test, before, QUICK).await, process(&test, after, QUICK).await);
        load.add(one.clone(), &scope, id);
        load.add(two.clone(), &scope, id);
        if rewrap {
            assert!(one.rewrap_data_keys().await.unwrap() > 0, "some were wrapped under the old master key");
            assert_eq!(one.rewrap_data_keys().await.unwrap(), 0, "all are under the new one");
        }
        for (maker, reader) in [(&one, &two), (&two, &one)] {
            let tx = maker.platform().await.unwrap();
            let made = TenantScope::driveline(maker.create_tenant(&tx, "New").await.unwrap());
            tx.commit().await.unwrap();
            let connection = connection(maker, &made).await;
            all_failed.extend(work(reader, &made, connection, 0).await.err().map(|error| format!("{error:?}")));
        }
        let (_, failed) = load.end().await;
        all_failed.extend(failed);
    }

    assert_eq!(all_failed, Vec::<String>::new());
    let last = process(&test, NEW, QUICK).await;
    for owner in last.key_owners().await.unwrap() {
        assert!(last.keys(owner).await.is_ok(), "the old master key is not needed any more");
    }
}

#[tokio::test]
async fn a_key_that_is_wrapped_under_an_unknown_master_key_is_named_and_never_replaced() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;

    let stranger = process(&test, NEW, KeyTimes::default()).await;
    let refused = stranger.tenant(&scope).await.err().unwrap();

    assert!(refused.to_string().contains("DRIVELINE_MASTER_KEY"), "{refused}");
    assert!(stranger.platform().await.is_err());
    assert_eq!(
        test.count("SELECT count(*) FROM data_key WHERE owner = '00000000-0000-0000-0000-000000000000'").await,
        2,
        "its own two keys, and no new ones beside them"
    );
    assert!(test.db.tenant(&scope).await.is_ok());
}

/// Whether this connection's credentials and token all open.
async fn opens(db: &Db, scope: &TenantScope, connection: ConnectionId) -> bool {
    let tx = db.tenant(scope).await.unwrap();
    credentials::open_all(&tx, connection).await.is_ok() && ingress::token(&tx, connection).await.is_ok()
}

#[tokio::test]
async fn a_sealed_value_that_is_moved_to_another_row_column_or_tenant_does_not_open() {
    let test = TestDb::fresh().await;
    let (mine, other) = (test.tenant("Mine").await, test.tenant("Other").await);
    let (here, there) = (connection(&test.db, &mine).await, connection(&test.db, &mine).await);
    let strange = connection(&test.db, &other).await;
    let from = |connection: ConnectionId, field: &str| {
        format!("(SELECT sealed FROM credential WHERE connection_id = '{connection}' AND field = '{field}')")
    };
    let into_token = |from: String| {
        format!("UPDATE credential SET sealed = {from} WHERE connection_id = '{here}' AND field = 'token'")
    };
    let moves = [
        ("another field of the same connection", into_token(from(here, "password"))),
        ("the same field of another connection", into_token(from(there, "token"))),
        ("the same field of another tenant", into_token(from(strange, "token"))),
        (
            "another column of the same tenant",
            into_token(format!("(SELECT sealed FROM ingress WHERE connection_id = '{here}')")),
        ),
        (
            "another column, the other way",
            format!("UPDATE ingress SET sealed = {} WHERE connection_id = '{here}'", from(here, "token")),
        ),
        (
            "another tenant's key with its value",
            format!(
                "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE owner = '{}' AND purpose = 'seal')
                     WHERE owner = '{}' AND purpose = 'seal'; {}",
                other.tenant(),
                mine.tenant(),
                into_token(from(strange, "token"))
            ),
        ),
    ];
    assert!(opens(&test.db, &mine, here).await);

    let owner = test.owner().await;
    for (what, sql) in moves {
        // As somebody with the database in his hands would do it, and taken back afterwards.
        let session = sea_orm::TransactionTrait::begin(&owner).await.unwrap();
        session.execute_unprepared("CREATE TABLE kept_credential AS TABLE credential; CREATE TABLE kept_ingress AS TABLE ingress; CREATE TABLE kept_key AS TABLE data_key").await.unwrap();
        session.execute_unprepared(&sql).await.unwrap();
        session.commit().await.unwrap();

        let reads = process(&test, OLD, KeyTimes::default()).await;
        match reads.tenant(&mine).await {
            Ok(tx) => {
                drop(tx);
                assert!(!opens(&reads, &mine, here).await, "{what} opened");
            }
            Err(refused) => assert!(matches!(refused, StoreError::MasterKey(_)), "{what}: {refused}"),
        }

        owner
            .execute_unprepared(
                "UPDATE credential c SET sealed = k.sealed FROM kept_credential k
                 WHERE (k.tenant_id, k.connection_id, k.field) = (c.tenant_id, c.connection_id, c.field);
                 UPDATE ingress c SET sealed = k.sealed FROM kept_ingress k
                 WHERE (k.tenant_id, k.connection_id) = (c.tenant_id, c.connection_id);
                 UPDATE data_key c SET wrapped = k.wrapped FROM kept_key k
                 WHERE (k.owner, k.purpose, k.version) = (c.owner, c.purpose, c.version);
                 DROP TABLE kept_credential, kept_ingress, kept_key",
            )
            .await
            .unwrap();
        assert!(opens(&process(&test, OLD, KeyTimes::default()).await, &mine, here).await, "the test put it back");
    }
}

#[tokio::test]
async fn no_bit_of_a_stored_value_or_of_a_wrapped_key_can_be_changed() {
    let test = TestDb::fresh().await;
    let scope = test.tenant("Bayside").await;
    let id = connection(&test.db, &scope).await;
    let owner = test.owner().await;
    let tenant = scope.tenant();
    for (table, column, which) in [
        ("credential", "sealed", format!("connection_id = '{id}' AND field = 'token'")),
        ("ingress", "sealed", format!("connection_id = '{id}'")),
        ("data_key", "wrapped", format!("owner = '{tenant}' AND purpose = 'seal'")),
        ("data_key", "wrapped", format!("owner = '{tenant}' AND purpose = 'index'")),
    ] {
        let length =
            test.count(&format!("SELECT 8 * length({column})::bigint AS count FROM {table} WHERE {which}")).await;
        // Every bit is tried in memory by the unit tests; here each byte once, a different bit each time.
        for bit in (0..length).step_by(9) {
            let flip = format!(
                "UPDATE {table} SET {column} = set_bit({column}, {bit}, 1 - get_bit({column}, {bit})) WHERE {which}"
            );
            owner.execute_unprepared(&flip).await.unwrap();
            let reads = process(&test, OLD, KeyTimes::default()).await;
            let opened = match reads.tenant(&scope).await {
                Ok(tx) => {
                    drop(tx);
                    opens(&reads, &scope, id).await
                }
                Err(_) => false,
            };
            assert!(!opened, "{table}.{column} bit {bit}");
            owner.execute_unprepared(&flip).await.unwrap();
        }
    }
    assert!(opens(&process(&test, OLD, KeyTimes::default()).await, &scope, id).await, "the test put it back");
}
