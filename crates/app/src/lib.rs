//! The use-cases: what server, web and worker all call.

pub mod engine;
