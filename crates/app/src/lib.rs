//! Use-cases, one file each: permit, load, decide, save, audit. What server, portal and worker all call.

pub mod api_keys;
pub mod clock;
pub mod config;
pub mod engine;
pub mod error;
pub mod fields;
pub mod identity;
pub mod mail;
pub mod people;
pub mod start;
pub mod views;

pub use clock::Clock;
pub use config::AppConfig;
pub use error::AppError;
pub use fields::FieldError;
pub use start::{App, StartError};
// Server, worker and portal know the store by these names only.
pub use store::{Actor, Grants, NotPermitted, TenantScope};
