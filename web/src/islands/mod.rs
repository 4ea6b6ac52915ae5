//! What moves in the browser. An island is the smallest such thing, with small plain props: they are printed into
//! the page, so none of them is ever a secret.

pub mod found;
mod palette;
mod run_progress;

pub use found::Place;
pub use palette::Palette;
pub use run_progress::{Progress, RunProgress};
