//! Breaking a running Driveline on purpose while it syncs, and holding what is left against the truth.
//!
//! The course of a run follows from its seed: who the people are, what is struck, and at which share of the work. What
//! is lost, doubled or stuck is told by the simulated systems, by the public API and, where only they know every
//! record, by the tables themselves.

pub mod blows;
pub mod course;
pub mod group;
pub mod leads;
pub mod postgres;
pub mod progress;
pub mod rolling;
pub mod state;
pub mod verdict;
