//! The dealership's own words, and the rules that need no I/O: canonical records, ids, mapping, validation,
//! source-of-truth rules, permissions. Pure: time comes in as a value; builds for wasm.

pub mod check;
pub mod consent;
pub mod failure;
pub mod ids;
pub mod lane;
pub mod mapping;
pub mod object;
pub mod permission;
pub mod record;
pub mod redaction;
pub mod schedule;
pub mod schema;
pub mod survivorship;
pub mod system;
pub mod value;
pub mod vin;

pub use consent::Consent;
pub use failure::{Failure, Fault, NextStep};
pub use ids::*;
pub use lane::Lane;
pub use object::ObjectKind;
pub use record::Record;
pub use schema::Field;
pub use system::SystemRole;
pub use value::Value;
