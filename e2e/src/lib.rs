//! The product from outside: what a dealer group does over the API, and what the simulated vendors saw of it.
//!
//! Nothing here reaches into the product. It knows addresses, the public API, the demo's mailbox page and the
//! simulators' control routes; the population it compares with is made anew from the same seed.

pub mod agreement;
pub mod api;
pub mod bayside;
pub mod bench;
pub mod chaos;
pub mod processes;
pub mod sandbox;
pub mod standing;
