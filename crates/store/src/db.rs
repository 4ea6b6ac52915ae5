//! The connection pool, logged in as the application role.

use crate::error::StoreError;
use crate::keyring::{KeyTimes, Keyring};
use crate::scope::TenantScope;
use crate::seal::{KeyProvider, PLATFORM};
use crate::tx::{PlatformTx, TenantTx};
use domain::TenantId;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, TransactionTrait};
use std::sync::Arc;
use std::time::Duration;

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
        Self::connect_with(url, connections_max, provider, KeyTimes::default()).await
    }

    /// Connects, with times of its own for the rotation of keys: a test waits for no minutes.
    ///
    /// # Errors
    /// Where Postgres is not reachable.
    pub async fn connect_with(
        url: &str,
        connections_max: u32,
        provider: Arc<dyn KeyProvider>,
        times: KeyTimes,
    ) -> Result<Self, StoreError> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(connections_max)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(Duration::from_secs(60))
            .sqlx_logging(false)
            .test_before_acquire(true);
        let pool = Database::connect(options).await?;
        Ok(Self { pool, keyring: Arc::new(Keyring::new(provider, times)) })
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

    pub(crate) async fn begin_platform(&self) -> Result<sea_orm::DatabaseTransaction, StoreError> {
        let tx = self.pool.begin().await?;
        tx.execute_unprepared("SET LOCAL ROLE driveline_platform").await?;
        Ok(tx)
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

    /// Whether Postgres answers.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.pool.ping().await?;
        Ok(())
    }
}
