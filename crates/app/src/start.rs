//! The application: what every use-case works with, made once per process.

use crate::clock::Clock;
use crate::config::AppConfig;
use crate::engine::Judges;
use crate::identity::password::Hasher;
use crate::mail::{Mailer, MailerError};
use chrono::{DateTime, Utc};
use connectors::vendor_http::VendorHttp;
use connectors::{Quota, RateBudget};
use domain::{ConnectionId, TenantId};
use queue::Budgets;
use secrecy::ExposeSecret;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use store::{Db, EnvKeys, StoreError};

/// Makes the rate budget of a connection from its vendor's quota.
pub type BudgetOf = dyn Fn(TenantId, ConnectionId, Quota) -> Arc<dyn RateBudget> + Send + Sync;

/// The budgets that all processes share over Redis.
#[must_use]
pub fn shared_budgets(budgets: Budgets) -> Arc<BudgetOf> {
    Arc::new(move |tenant, connection, quota| {
        let quota = queue::Quota { calls: quota.calls, window_ms: quota.window_ms };
        Arc::new(SharedBudget(budgets.of(tenant, connection, quota)))
    })
}

struct SharedBudget(queue::Budget);

#[async_trait::async_trait]
impl RateBudget for SharedBudget {
    async fn take(&self) -> Result<(), Duration> {
        self.0.take().await
    }

    async fn pause(&self, wait: Duration) {
        self.0.pause(wait).await;
    }
}

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    config: AppConfig,
    clock: Clock,
    mailer: Mailer,
    hasher: Hasher,
    http: reqwest::Client,
    budget_of: Arc<BudgetOf>,
    judges: Judges,
}

/// Why the application did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database or the master key.
    #[error("starting with the database")]
    Store(#[from] StoreError),
    /// The HTTP client.
    #[error("setting up TLS for calls to vendors")]
    Http(#[from] reqwest::Error),
    /// Redis' address.
    #[error("REDIS_URL is no address of a Redis")]
    Redis(#[source] Box<dyn StdError + Send + Sync>),
    /// The mail server's address.
    #[error("setting up mail")]
    Mail(#[from] MailerError),
}

impl App {
    /// Starts with the machine's clock.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: AppConfig) -> Result<Self, StartError> {
        let keys = EnvKeys::parse(&config.sealing.master_key)?;
        let db =
            Db::connect(config.database.url.expose_secret(), config.database.connections_max, Arc::new(keys)).await?;
        let budgets =
            Budgets::new(config.redis.url.expose_secret()).map_err(|error| StartError::Redis(error.into()))?;
        Self::assemble(db, config, Clock::system(), shared_budgets(budgets))
    }

    /// Puts an application together from its parts, as tests do.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn assemble(db: Db, config: AppConfig, clock: Clock, budget_of: Arc<BudgetOf>) -> Result<Self, StartError> {
        let mailer = Mailer::new(&config.mail)?;
        let http = VendorHttp::pool(config.vendors.allow_private_hosts)?;
        let inner =
            Inner { db, config, clock, mailer, hasher: Hasher::new(), http, budget_of, judges: Judges::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.inner.db
    }

    /// What was read from the environment.
    #[must_use]
    pub fn config(&self) -> &AppConfig {
        &self.inner.config
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.inner.clock.now()
    }

    /// Whether the database answers: the server and its workers can do nothing without it.
    ///
    /// # Errors
    pub(crate) fn judges(&self) -> Judges {
        self.inner.judges.clone()
    }

    /// Where it does not.
    pub async fn is_ready(&self) -> Result<(), StoreError> {
        self.inner.db.ping().await
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    pub(crate) fn mailer(&self) -> &Mailer {
        &self.inner.mailer
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }

    /// The connection pool for calls to addresses that people typed.
    pub(crate) fn outgoing(&self) -> &reqwest::Client {
        &self.inner.http
    }

    pub(crate) fn http(&self, tenant: TenantId, connection: ConnectionId, quota: Quota) -> VendorHttp {
        VendorHttp::new(self.inner.http.clone(), (self.inner.budget_of)(tenant, connection, quota))
    }
}
