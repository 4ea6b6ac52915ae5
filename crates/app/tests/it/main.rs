//! Use-cases against a real Postgres and the vendors' simulators.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod connections;
mod echoes;
mod engine;
mod existing;
mod failpoints;
mod fake;
mod febrl;
mod idempotency;
mod identity;
mod ingress;
mod keys;
mod lost_phone;
mod mails;
mod matching;
mod meeting;
mod people;
mod poison;
mod reach;
mod related;
mod review;
mod scene;
mod schedules;
mod search;
mod single_sign_on;
mod trail;
mod two_step;
mod uploads;
mod watch;
