//! The application at work in the background: what a worker process runs.

use crate::engine::{Engine, EngineError, EngineHandler};
use crate::start::{App, StartError};
use async_trait::async_trait;
use queue::{OnTick, Settings, Tick, Vitals, Worker};
use secrecy::ExposeSecret;
use std::sync::Arc;
use store::{Db, EnvKeys, StoreError, TenantTx};

/// Connections of a worker's machinery: leases must stay alive when jobs use up all others.
const MACHINERY_CONNECTIONS: u32 = 8;

impl App {
    /// A worker over this application's engine; `name` must be new at every start.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn worker(&self, name: &str, vitals: Arc<Vitals>) -> Result<Worker, StartError> {
        let config = self.config();
        let keys = EnvKeys::parse(&config.sealing.master_key)?;
        let db = Db::connect(config.database.url.expose_secret(), MACHINERY_CONNECTIONS, Arc::new(keys)).await?;
        Ok(Worker {
            db,
            settings: Settings::new(config.redis.url.expose_secret(), name),
            handler: Arc::new(EngineHandler(self.engine())),
            on_tick: Arc::new(StartRun(self.engine())),
            vitals,
        })
    }
}

/// A schedule's tick starts a run.
struct StartRun(Engine);

#[async_trait]
impl OnTick for StartRun {
    async fn on_tick(&self, tx: &TenantTx, tick: &Tick) -> Result<(), StoreError> {
        match self.0.tick(tx, tick.connection, tick.object).await {
            Ok(_) => Ok(()),
            Err(EngineError::Store(error)) => Err(error),
            Err(
                error @ (EngineError::Connector(_)
                | EngineError::NotPermitted(_)
                | EngineError::NotFound(_)
                | EngineError::NotNow(_)
                | EngineError::Claimed { .. }
                | EngineError::CutOff(_)
                | EngineError::TooManyTroubles(_)),
            ) => {
                // This tick is over; the next one asks again.
                tracing::warn!(tenant = %tick.tenant, connection = %tick.connection, %error, "a tick started no run");
                Ok(())
            }
        }
    }
}
