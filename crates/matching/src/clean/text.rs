//! Text as keys: lower case, accents folded, split into words.

/// Appends a text in lower-case letters and digits, accents folded, everything else left out.
pub(crate) fn fold_into(out: &mut String, text: &str) {
    if text.is_ascii() {
        out.extend(text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| char::from(b.to_ascii_lowercase())));
    } else {
        out.push_str(&domain::check::name_key(text));
    }
}

/// A text in lower-case letters and digits.
pub(crate) fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(&mut out, text);
    out
}

/// The words of a text, folded. An apostrophe or a full stop joins (O'Brien, St.), everything else parts.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’' | '`' | '.')))
        .map(folded)
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether a text is what people type when a field insists on being filled. More than [`domain::check::is_placeholder`]
/// knows, because no amount and no count is read here: a `0` says nothing of who somebody is.
pub(crate) fn is_placeholder(text: &str) -> bool {
    const MORE: [&str; 9] =
        ["0", "nan", "xxxx", "..", "no name", "noname", "anonymous", "not available", "not provided"];
    let text = text.trim();
    text.is_empty()
        || (text.len() <= 13
            && (domain::check::is_placeholder(text) || MORE.iter().any(|word| text.eq_ignore_ascii_case(word))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_what_belongs_together() {
        assert_eq!(words("O'Brien-Smith, José"), ["obrien", "smith", "jose"]);
        assert_eq!(words("St. Petersburg"), ["st", "petersburg"]);
    }
}
