//! The worker process: its probes, its logs, and the watchdog that ends it when it hangs.

pub mod probes;
pub mod telemetry;
pub mod watchdog;
