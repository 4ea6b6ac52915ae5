//! What leaves as a table for Excel and its like: no cell is ever a formula.

use std::borrow::Cow;

/// A cell as it may leave. What a sheet would take as a formula starts with an apostrophe, which it shows as text
/// (OWASP, CSV injection).
#[must_use]
pub fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u{ff1d}1"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        for text in ["Ann", "1-1", "", "ann@example.com", "'"] {
            assert_eq!(cell(text), text);
        }
    }
}
