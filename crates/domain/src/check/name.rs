//! Names: proper case where a system shouts, and a key by which spellings meet.

/// A name with blanks collapsed; proper case where it came in one case only ("MCDONALD" → "McDonald").
#[must_use]
pub fn proper_name(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let has_lower = text.chars().any(char::is_lowercase);
    let has_upper = text.chars().any(char::is_uppercase);
    if has_lower && has_upper {
        return text;
    }
    text.split(' ').map(proper_word).collect::<Vec<_>>().join(" ")
}

fn proper_word(word: &str) -> String {
    const KEPT: [&str; 11] = ["LLC", "INC", "LTD", "LP", "LLP", "PLLC", "USA", "II", "III", "IV", "DBA"];
    let upper = word.to_uppercase();
    if KEPT.contains(&upper.trim_end_matches('.')) && word.len() > 1 {
        return upper;
    }
    let mut out = String::with_capacity(word.len());
    let mut start = true;
    for c in word.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = matches!(c, '-' | '\'' | '’' | '.' | '&' | '/');
    }
    // "Mc" is followed by a capital in nearly every name; "Mac" is not ("Mack", "Macy").
    if let Some(rest) = out.strip_prefix("Mc") {
        let mut chars = rest.chars();
        if let Some(first) = chars.next() {
            return format!("Mc{}{}", first.to_uppercase(), chars.as_str());
        }
    }
    out
}

/// A name in lower-case letters and digits only, accents folded: equal where people would call it the same spelling.
#[must_use]
pub fn name_key(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).filter_map(fold).collect()
}

fn fold(c: char) -> Option<char> {
    Some(match c {
        'a'..='z' | '0'..='9' => c,
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'š' | 'ś' | 'ş' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'ř' => 'r',
        'ť' | 'ţ' => 't',
        'ď' | 'đ' => 'd',
        other if other.is_alphanumeric() => other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shouted_name_is_written_properly_and_a_written_one_is_left_alone() {
        let cases = [
            ("MCDONALD", "McDonald"),
            ("o'brien-SMITH", "o'brien-SMITH"),
            ("O'BRIEN-SMITH", "O'Brien-Smith"),
            ("  van   der Berg ", "van der Berg"),
            ("ACME TOWING LLC", "Acme Towing LLC"),
            ("josé", "José"),
        ];
        for (told, proper) in cases {
            assert_eq!(proper_name(told), proper);
        }
    }

    #[test]
    fn spellings_meet_in_one_key() {
        assert_eq!(name_key("José O’Brien"), name_key("JOSE OBRIEN"));
        assert_ne!(name_key("Lee"), name_key("Leigh"));
    }
}
