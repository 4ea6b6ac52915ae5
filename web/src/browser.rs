//! The browser's entry: what `web/build/islands.js` calls once the wasm is loaded.

use wasm_bindgen::prelude::wasm_bindgen;

/// Prepares the page for its islands; the loader then wakes them one by one.
#[wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
