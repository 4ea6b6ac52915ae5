//! Our own components, all of them in this folder.

mod icon;

pub use icon::{Icon, IconName};
