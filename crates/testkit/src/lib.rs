//! For tests: a database of its own from a migrated template, tenants, a clock that is set by hand.
//!
//! `TEST_DATABASE_URL` names a Postgres whose role may create databases; `./dev test` starts one and sets it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up must stop, and say why")]

pub mod access;
pub mod application;
pub mod database;
pub mod issuer;
pub mod redis;
pub mod search_times;
pub mod sshd;
pub mod vendors;
pub mod worker;

pub use access::BareAccess;
pub use application::TestApp;
pub use database::TestDb;
pub use issuer::{TestIssuer, TestNames};
pub use redis::TestRedis;
pub use sshd::Sshd;
pub use vendors::TestVendors;
pub use worker::TestWorker;
