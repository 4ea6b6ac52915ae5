//! Postgres: tenant-scoped transactions, sealing, repositories. The only crate with SQL.
//!
//! Nothing here can be reached without a [`TenantTx`] (one tenant, its row-level security set, its keys at hand) or a
//! [`PlatformTx`] (the few questions that come before a tenant is known).

pub mod audit;
pub mod db;
pub mod engine;
pub mod error;
pub mod jobs;
pub mod scope;
pub mod seal;
pub mod sql;
pub mod tx;

pub use db::Db;
pub use error::StoreError;
pub use scope::{Actor, Grants, TenantScope};
pub use seal::{EnvKeys, KeyProvider, Keyring, Place, Sealed, TenantKeys};
pub use tx::{PlatformTx, TenantTx};
