//! The scoring engine: clean and intern, block, compare, learn, score, cluster, explain. Pure.

pub mod band;
pub mod block;
pub mod cluster;
pub(crate) mod compare;
mod dictionary;
pub mod evaluate;
pub mod explain;
pub mod field;
pub mod golden;
mod kernel;
mod live;
pub mod model;
pub(crate) mod nickname;
pub mod pattern;
mod prior;
mod probe;
pub mod run;
pub mod score;
mod sound;
pub mod table;
mod train;

pub use band::{Band, Bands};
pub use block::{BlockLimits, BlocksOfAll};
pub use explain::{Step, Waterfall, explain};
pub use field::{Input, Slot};
pub use live::Live;
pub use model::Model;
pub use probe::{BlockKey, Frequencies, Uncounted, block_keys};
pub use run::{Found, Stage, Wish, run};
pub use score::Edge;
pub use table::Table;
