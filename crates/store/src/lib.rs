//! Postgres: tenant-scoped transactions, sealing, repositories. The only crate with SQL.
//!
//! Nothing here can be reached without a [`TenantTx`] (one tenant, its row-level security set, its keys at hand) or a
//! [`PlatformTx`] (the few questions that come before a tenant is known).

pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod connections;
pub mod credentials;
mod data_keys;
pub mod db;
pub mod engine;
pub mod error;
pub mod idempotency;
pub mod ingress;
pub mod jobs;
pub mod keyring;
pub mod mail_links;
pub mod mails;
pub mod memberships;
pub mod object_syncs;
pub mod people;
pub mod rooftops;
pub mod schedules;
pub mod scope;
pub mod seal;
pub mod second_factors;
pub mod sessions;
pub mod sign_in_steps;
pub mod sign_in_trips;
pub mod single_sign_on;
pub mod sql;
pub mod surnames;
pub mod tenants;
pub mod ticks;
pub mod tx;
pub mod uploads;
pub mod views;
pub mod wakes;

pub use db::Db;
pub use error::StoreError;
pub use keyring::{KeyTimes, Keyring};
pub use scope::{Actor, Grants, NotPermitted, TenantScope};
pub use seal::{EnvKeys, KeyProvider, Place, Sealed, TenantKeys};
pub use tx::{PlatformTx, TenantTx};
