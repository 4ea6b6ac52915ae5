//! Transactions: a tenant's, with row-level security set and its keys at hand, and the platform's.

use crate::error::StoreError;
use crate::scope::TenantScope;
use crate::seal::{Place, TenantKeys};
use domain::TenantId;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, ExecResult, QueryResult, Statement, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A transaction inside one tenant. The only thing a repository accepts.
pub struct TenantTx {
    pub(crate) tx: DatabaseTransaction,
    pub(crate) scope: TenantScope,
    pub(crate) keys: Arc<TenantKeys>,
}

/// A transaction for what is asked before a tenant is known. Sees only the tables that were opened to it.
pub struct PlatformTx {
    pub(crate) tx: DatabaseTransaction,
    pub(crate) keys: Arc<TenantKeys>,
}

/// What both kinds of transaction can do with raw statements.
macro_rules! statements {
    ($name:ident) => {
        impl $name {
            /// Runs a statement; returns how many rows it touched.
            ///
            /// # Errors
            /// [`StoreError::Database`].
            pub async fn run(
                &self,
                sql: &str,
                values: impl IntoIterator<Item = Value> + Send,
            ) -> Result<u64, StoreError> {
                let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values);
                Ok(self.tx.execute_raw(statement).await.map(|done: ExecResult| done.rows_affected())?)
            }

            /// All rows of a query.
            ///
            /// # Errors
            /// [`StoreError::Database`].
            pub async fn rows(
                &self,
                sql: &str,
                values: impl IntoIterator<Item = Value> + Send,
            ) -> Result<Vec<QueryResult>, StoreError> {
                let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values);
                Ok(self.tx.query_all_raw(statement).await?)
            }

            /// The first row of a query.
            ///
            /// # Errors
            /// [`StoreError::Database`].
            pub async fn row(
                &self,
                sql: &str,
                values: impl IntoIterator<Item = Value> + Send,
            ) -> Result<Option<QueryResult>, StoreError> {
                let statement = Statement::from_sql_and_values(DatabaseBackend::Postgres, sql, values);
                Ok(self.tx.query_one_raw(statement).await?)
            }

            /// The connection for SeaORM's own queries.
            #[must_use]
            pub const fn orm(&self) -> &DatabaseTransaction {
                &self.tx
            }

            /// The keys that seal and index here.
            #[must_use]
            pub fn keys(&self) -> &TenantKeys {
                &self.keys
            }

            /// Makes everything done here durable.
            ///
            /// # Errors
            /// [`StoreError::Database`]; then nothing was done.
            pub async fn commit(self) -> Result<(), StoreError> {
                Ok(self.tx.commit().await?)
            }

            /// Seals a document for one place.
            ///
            /// # Errors
            /// [`StoreError::Seal`].
            pub fn seal<T: Serialize>(&self, place: Place<'_>, document: &T) -> Result<Vec<u8>, StoreError> {
                Ok(self.keys.seal_json(place, document)?.0)
            }

            /// Opens a document sealed for one place.
            ///
            /// # Errors
            /// [`StoreError::Seal`], [`StoreError::Document`].
            pub fn open<T: DeserializeOwned>(&self, place: Place<'_>, sealed: &[u8]) -> Result<T, StoreError> {
                self.keys.open_json(place, sealed)
            }
        }
    };
}

statements!(TenantTx);
statements!(PlatformTx);

impl TenantTx {
    /// Who asks, for which tenant.
    #[must_use]
    pub const fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.scope.tenant()
    }

    /// The tenant as the first value of a statement.
    #[must_use]
    pub fn owner(&self) -> Value {
        self.scope.tenant().0.into()
    }
}
