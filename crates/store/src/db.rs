//! The connection pool, logged in as the application role.

use crate::error::StoreError;
use crate::scope::TenantScope;
use crate::seal::{KeyProvider, Keyring, PLATFORM, TenantKeys, new_data_key};
use crate::sql::get;
use crate::tx::{PlatformTx, TenantTx};
use domain::TenantId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Postgres, as the application role, with the keys of all tenants within reach.
#[derive(Clone)]
pub struct Db {
    pool: DatabaseConnection,
    keyring: Arc<Keyring>,
}

impl Db {
    /// Connects.
    ///
    /// # Errors
    /// Where Postgres is not reachable.
    pub async fn connect(url: &str, connections_max: u32, provider: Arc<dyn KeyProvider>) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections_max)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(60))
            .sqlx_logging(false)
            .test_before_acquire(true);
        let pool = Database::connect(options).await?;
        Ok(Self { pool, keyring: Arc::new(Keyring::new(provider)) })
    }

    /// The pool itself, for LISTEN and for tests. No tenant's rows can be seen through it.
    #[must_use]
    pub const fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Opens a transaction inside a tenant.
    ///
    /// # Errors
    /// Where Postgres is not reachable or the tenant's keys cannot be unwrapped.
    pub async fn tenant(&self, scope: &TenantScope) -> Result<TenantTx, StoreError> {
        let keys = self.keys(scope.tenant().0).await?;
        let tx = self.pool.begin().await?;
        // Text, not a bound value, saves a round trip to prepare it; the value is a typed UUID.
        tx.execute_unprepared(&format!("SET LOCAL app.tenant_id = '{}'", scope.tenant().0)).await?;
        Ok(TenantTx { tx, scope: scope.clone(), keys })
    }

    /// Opens a transaction of the platform's.
    ///
    /// # Errors
    /// Where Postgres is not reachable.
    pub async fn platform(&self) -> Result<PlatformTx, StoreError> {
        let keys = match self.keyring.known(PLATFORM) {
            Some(keys) => keys,
            None => self.load_platform_keys().await?,
        };
        let tx = self.begin_platform().await?;
        Ok(PlatformTx { tx, keys })
    }

    /// Turns a platform transaction into a tenant's: for changes that belong to both, such as a new group and the
    /// first entry of its audit trail.
    ///
    /// # Errors
    /// Where the tenant has no keys or Postgres is not reachable.
    pub async fn enter(&self, platform: PlatformTx, scope: &TenantScope) -> Result<TenantTx, StoreError> {
        let owner = scope.tenant().0;
        let keys = match self.keyring.known(owner) {
            Some(keys) => keys,
            // A group made in this very transaction: its keys are seen from inside only.
            None => self
                .read_keys(&platform.tx, owner)
                .await?
                .ok_or_else(|| StoreError::MasterKey("the tenant has no data key".to_owned()))?,
        };
        let tx = platform.tx;
        tx.execute_unprepared(&format!("SET LOCAL ROLE NONE; SET LOCAL app.tenant_id = '{owner}'")).await?;
        Ok(TenantTx { tx, scope: scope.clone(), keys })
    }

    async fn begin_platform(&self) -> Result<sea_orm::DatabaseTransaction, StoreError> {
        let tx = self.pool.begin().await?;
        tx.execute_unprepared("SET LOCAL ROLE driveline_platform").await?;
        Ok(tx)
    }

    /// An owner's keys: remembered, or loaded and unwrapped.
    ///
    /// # Errors
    /// Where they cannot be loaded or unwrapped.
    pub async fn keys(&self, owner: Uuid) -> Result<Arc<TenantKeys>, StoreError> {
        if let Some(keys) = self.keyring.known(owner) {
            return Ok(keys);
        }
        self.load_keys(owner).await?.ok_or_else(|| StoreError::MasterKey("the tenant has no data key".to_owned()))
    }

    /// Loads an owner's keys from the database, whatever is remembered; `None` where it has none.
    ///
    /// # Errors
    /// Where they cannot be loaded or unwrapped.
    pub async fn load_keys(&self, owner: Uuid) -> Result<Option<Arc<TenantKeys>>, StoreError> {
        let tx = self.begin_platform().await?;
        let keys = self.read_keys(&tx, owner).await?;
        tx.commit().await?;
        if let Some(keys) = &keys {
            self.keyring.remember(Arc::clone(keys));
        }
        Ok(keys)
    }

    async fn read_keys(
        &self,
        tx: &sea_orm::DatabaseTransaction,
        owner: Uuid,
    ) -> Result<Option<Arc<TenantKeys>>, StoreError> {
        let statement = sea_orm::Statement::from_sql_and_values(
            sea_orm::DatabaseBackend::Postgres,
            "SELECT purpose, version, wrapped FROM data_key WHERE owner = $1 ORDER BY version",
            [owner.into()],
        );
        let rows = tx.query_all_raw(statement).await?;
        let mut seals: Vec<(u32, Zeroizing<[u8; 32]>)> = Vec::new();
        let mut index = None;
        for row in rows {
            let (purpose, version): (String, i32) = (get(&row, "purpose")?, get(&row, "version")?);
            let key = self.keyring.provider().unwrap(owner, &get::<Vec<u8>>(&row, "wrapped")?)?;
            match purpose.as_str() {
                "seal" => seals.push((u32::try_from(version).unwrap_or_default(), key)),
                _ => index = Some(key),
            }
        }
        let Some(index) = index else { return Ok(None) };
        Ok(Some(Arc::new(TenantKeys::new(owner, &seals, &index)?)))
    }

    async fn load_platform_keys(&self) -> Result<Arc<TenantKeys>, StoreError> {
        if let Some(keys) = self.load_keys(PLATFORM).await? {
            return Ok(keys);
        }
        // The first start of a new database; a twin may do the same, and the first insert holds.
        let tx = self.begin_platform().await?;
        self.insert_keys(&tx, PLATFORM).await?;
        tx.commit().await?;
        self.load_keys(PLATFORM).await?.ok_or_else(|| StoreError::MasterKey("the platform has no data key".to_owned()))
    }

    async fn insert_keys(&self, tx: &sea_orm::DatabaseTransaction, owner: Uuid) -> Result<(), StoreError> {
        for purpose in ["seal", "index"] {
            let wrapped = self.keyring.provider().wrap(owner, &new_data_key())?;
            let statement = sea_orm::Statement::from_sql_and_values(
                sea_orm::DatabaseBackend::Postgres,
                "INSERT INTO data_key (owner, purpose, version, wrapped) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING",
                [owner.into(), purpose.into(), wrapped.into()],
            );
            tx.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// Makes a new tenant with keys of its own.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn create_tenant(&self, tx: &PlatformTx, name: &str) -> Result<TenantId, StoreError> {
        let id = TenantId::new();
        tx.run("INSERT INTO tenant (id, name) VALUES ($1, $2)", [id.0.into(), name.into()]).await?;
        self.insert_keys(&tx.tx, id.0).await?;
        Ok(id)
    }

    /// Adds a new version of an owner's sealing key: new values are sealed under it, old ones still open.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub async fn rotate_data_key(&self, owner: Uuid) -> Result<(), StoreError> {
        let wrapped = self.keyring.provider().wrap(owner, &new_data_key())?;
        let tx = self.platform().await?;
        tx.run(
            "INSERT INTO data_key (owner, purpose, version, wrapped)
             SELECT $1, 'seal', max(version) + 1, $2 FROM data_key WHERE owner = $1 AND purpose = 'seal'",
            [owner.into(), wrapped.into()],
        )
        .await?;
        tx.commit().await?;
        self.load_keys(owner).await?;
        Ok(())
    }

    /// Wraps every data key under the current master key; returns how many were not yet. Readers never notice.
    ///
    /// # Errors
    /// Where a key is wrapped under a master key that is not at hand.
    pub async fn rewrap_data_keys(&self) -> Result<u64, StoreError> {
        let tx = self.platform().await?;
        let rows = tx.rows("SELECT owner, purpose, version, wrapped FROM data_key FOR UPDATE", []).await?;
        let mut rewrapped = 0;
        for row in rows {
            let (owner, wrapped): (Uuid, Vec<u8>) = (get(&row, "owner")?, get(&row, "wrapped")?);
            if self.keyring.provider().is_current(&wrapped) {
                continue;
            }
            let key = self.keyring.provider().unwrap(owner, &wrapped)?;
            let again = self.keyring.provider().wrap(owner, &key)?;
            rewrapped += tx
                .run(
                    "UPDATE data_key SET wrapped = $4 WHERE owner = $1 AND purpose = $2 AND version = $3",
                    [
                        owner.into(),
                        get::<String>(&row, "purpose")?.into(),
                        get::<i32>(&row, "version")?.into(),
                        again.into(),
                    ],
                )
                .await?;
        }
        tx.commit().await?;
        Ok(rewrapped)
    }

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.ping().await?;
        Ok(())
    }
}
