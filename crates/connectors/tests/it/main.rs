//! Connectors against their simulators: one conformance suite over all, and what each vendor has beyond it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[macro_use]
mod conformance;
mod bench;
mod hubspot;
mod hubspot_contract;

conformance!(hubspot_conforms, crate::hubspot::Fixture);
