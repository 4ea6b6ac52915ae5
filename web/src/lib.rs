//! The portal: pages rendered on the server, and a few islands that move in the browser.
//!
//! Feature `ssr` is the server's half; feature `hydrate` is what is compiled to wasm for the browser.

#[cfg(feature = "hydrate")]
pub mod browser;
pub mod islands;
pub mod number;
#[cfg(feature = "ssr")]
pub mod pages;
#[cfg(feature = "ssr")]
pub mod portal;
#[cfg(feature = "ssr")]
pub mod site;
#[cfg(feature = "ssr")]
pub mod ui;
