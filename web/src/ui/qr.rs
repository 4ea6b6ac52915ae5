//! A QR code, drawn into the page: no picture is fetched, and what it says goes nowhere else.

use leptos::prelude::*;
use qrcode::{Color, QrCode};
use std::fmt::Write;

/// Empty modules around a code, as readers need them (ISO/IEC 18004).
const QUIET: usize = 4;

/// A QR code; nothing where the text is too long for one.
#[component]
pub fn Qr(
    /// What it says. It is not repeated for screen readers: show the same as text beside it.
    text: String,
    /// What it is.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    let code = QrCode::new(text).ok()?;
    let side = code.width() + 2 * QUIET;
    let drawing = drawing(&code);
    // Dark on light in both themes: readers expect it so.
    Some(view! {
        <svg
            class="size-48 rounded-md"
            viewBox=format!("0 0 {side} {side}")
            shape-rendering="crispEdges"
            role="img"
            aria-label=label
        >
            <rect width=side height=side fill="#fff"></rect>
            <path fill="#000" d=drawing></path>
        </svg>
    })
}

/// One path of all dark modules, a run of them at a time.
fn drawing(code: &QrCode) -> String {
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(code.width()).enumerate() {
        let mut column = 0;
        for run in modules.chunk_by(|one, next| one == next) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", column + QUIET, row + QUIET, run.len(), run.len());
            }
            column += run.len();
        }
    }
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_code_starts_with_the_corner_that_readers_look_for() {
        let code = QrCode::new("otpauth://totp/Driveline:ann@example.com?secret=ABC").unwrap();

        let path = drawing(&code);

        assert!(path.starts_with("M4 4h7v1h-7z"), "{path}");
        let last = code.width() + QUIET - 7;
        assert!(path.contains(&format!("M{last} 4h7v1h-7z")), "{path}");
    }
}
