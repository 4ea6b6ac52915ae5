//! The worker process: its probes, and the watchdog that ends it when it hangs.

pub mod probes;
pub mod watchdog;
