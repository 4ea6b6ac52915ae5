//! Waiting for Postgres to say that jobs were asked for.

use crate::db::Db;
use crate::error::StoreError;
use sea_orm::sqlx::postgres::PgListener;

/// Hears `job_due`. Reconnects by itself; what is said meanwhile is not heard, so poll as well.
pub struct Wakes {
    listener: PgListener,
}

impl Wakes {
    /// Starts to listen, on a connection of its own.
    ///
    /// # Errors
    /// Where Postgres is not reachable.
    pub async fn listen(db: &Db) -> Result<Self, StoreError> {
        let mut listener =
            PgListener::connect_with(db.pool().get_postgres_connection_pool()).await.map_err(lost_connection)?;
        listener.listen("job_due").await.map_err(lost_connection)?;
        Ok(Self { listener })
    }

    /// Returns when jobs were asked for.
    ///
    /// # Errors
    /// Where the connection was lost and does not come back.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.listener.recv().await.map(|_| ()).map_err(lost_connection)
    }
}

fn lost_connection(error: sea_orm::sqlx::Error) -> StoreError {
    StoreError::Database(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
}
