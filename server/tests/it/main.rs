//! The API over HTTP, against a real server and a real Postgres.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod canaries;
mod document;
mod flows;
mod hooks;
mod in_clear;
mod journey;
mod oauth;
mod process;
mod review;
mod rig;
mod rules;
mod second_factor;
mod single_sign_on;
mod strangers;
