//! Use-cases, one file each: permit, load, decide, save, audit. What server, portal and worker all call.

pub mod access;
mod actors;
pub mod api_keys;
pub mod audit_trail;
pub mod candidates;
pub mod clock;
pub mod config;
pub mod connections;
pub mod engine;
pub mod error;
pub mod failures;
pub mod fields;
pub mod house;
pub mod idempotency;
pub mod identity;
pub mod ingress;
pub mod mail;
pub mod mappings;
pub mod matching;
pub mod people;
mod readable;
pub mod records;
pub mod rooftops;
pub mod schedules;
mod sealing;
pub mod search;
pub mod sheet;
pub mod single_sign_on;
pub mod start;
pub mod uploads;
pub mod views;
pub mod work;

pub use clock::Clock;
pub use config::AppConfig;
pub use error::AppError;
pub use fields::FieldError;
pub use start::{App, StartError};
// Server, worker and portal know the store by these names only.
pub use store::{Actor, Grants, NotPermitted, TenantScope};
