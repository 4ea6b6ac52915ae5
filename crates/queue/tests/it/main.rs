//! Jobs against a real Postgres and a real Redis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod budgets;
mod claims;
mod outages;
mod schedules;
mod stage;
mod workers;
