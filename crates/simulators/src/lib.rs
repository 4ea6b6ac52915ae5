//! Simulators: every vendor as it really behaves, with its quirks, its faults and a memory of what was done to it.
//!
//! All simulators live in one HTTP server: vendor `KEY` under `/KEY/…`, its control under `/_sim/KEY/…`
//! (`POST faults`, `POST reset`, `GET truth`, and whatever the vendor's folder adds).

pub mod adf;
pub mod faults;
pub mod hubspot;
pub mod inventory_feed;
pub mod opentrack;
pub mod population;
pub mod server;
pub mod sftp;

use actix_web::web::ServiceConfig;
use serde_json::Value as Json;

/// One vendor's simulator.
pub trait Simulator: Send + Sync {
    /// The connector's key; also the first part of the path.
    fn key(&self) -> &'static str;

    /// The vendor's own routes, below `/KEY`.
    fn routes(&self, config: &mut ServiceConfig);

    /// Control routes of this vendor beyond the common ones, below `/_sim/KEY` ("sell this vehicle", "add this customer").
    fn control(&self, _config: &mut ServiceConfig) {}

    /// What it knows: at least `{"objects": {OBJECT: count}, "effects": {"created": n, "updated": n, "duplicates": n}}`.
    /// `duplicates` counts writes that had an effect a second time for the same idempotency key or the same person.
    fn truth(&self) -> Json;

    /// Back to the state of a new simulator.
    fn reset(&self);
}
