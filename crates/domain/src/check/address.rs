//! Addresses: ZIP, state, and a key by which spellings of a street meet (USPS Publication 28, appendix C).

use super::{Unread, is_placeholder};

const ZIP_INVALID: Unread = Unread::invalid(
    "zip_invalid",
    "This is no ZIP or postal code.",
    "Correct the ZIP in the system it came from: five digits in the US.",
);

const STATE_INVALID: Unread = Unread::invalid(
    "state_invalid",
    "This is no US state or Canadian province.",
    "Use the two-letter code in the system it came from.",
);

/// Reads a ZIP to five digits, a Canadian code to `A1A 1A1`.
pub(super) fn read_zip(text: &str) -> Result<Option<String>, Unread> {
    let compact: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    if is_placeholder(text) || compact.bytes().all(|b| b == b'0') {
        return Ok(None);
    }
    zip5(text).map(Some).ok_or(ZIP_INVALID)
}

/// Reads a state to its two letters.
pub(super) fn read_state(text: &str) -> Result<Option<String>, Unread> {
    if is_placeholder(text) {
        return Ok(None);
    }
    state(text).map(|code| Some(code.to_owned())).ok_or(STATE_INVALID)
}

/// The five-digit ZIP of a ZIP+4 or nine-digit text, or a Canadian code; `None` where the text is neither.
#[must_use]
pub fn zip5(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let bytes = compact.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        return match bytes.len() {
            5 | 9 => compact.get(..5).map(ToOwned::to_owned),
            // A spreadsheet ate the leading zero of New England.
            4 => Some(format!("0{compact}")),
            _ => None,
        };
    }
    let canadian = bytes.len() == 6
        && bytes.iter().enumerate().all(|(i, b)| if i % 2 == 0 { b.is_ascii_uppercase() } else { b.is_ascii_digit() });
    canadian.then(|| format!("{} {}", &compact[..3], &compact[3..]))
}

/// The two-letter code of a state, territory or province, by code or name.
#[must_use]
pub fn state(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_end_matches('.');
    STATES
        .iter()
        .find(|(code, name)| code.eq_ignore_ascii_case(text) || name.eq_ignore_ascii_case(text))
        .map(|(code, _)| *code)
}

/// A street line as a key: lower case, the common suffixes and directions abbreviated, no punctuation.
#[must_use]
pub fn street_key(text: &str) -> String {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(street_word)
        .filter(|word| !matches!(*word, "apt" | "unit" | "ste" | "no"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The usual short form of a word of an address, given in lower case; the word itself where it has none.
#[must_use]
pub fn street_word(word: &str) -> &str {
    STREET_WORDS.iter().find(|(long, _)| *long == word).map_or(word, |(_, short)| *short)
}

const STREET_WORDS: [(&str, &str); 42] = [
    ("street", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("drive", "dr"),
    ("lane", "ln"),
    ("court", "ct"),
    ("circle", "cir"),
    ("place", "pl"),
    ("boulevard", "blvd"),
    ("highway", "hwy"),
    ("parkway", "pkwy"),
    ("terrace", "ter"),
    ("trail", "trl"),
    ("square", "sq"),
    ("alley", "aly"),
    ("expressway", "expy"),
    ("turnpike", "tpke"),
    ("crossing", "xing"),
    ("heights", "hts"),
    ("point", "pt"),
    ("ridge", "rdg"),
    ("creek", "crk"),
    ("crescent", "cres"),
    ("close", "cl"),
    ("circuit", "cct"),
    ("strasse", "str"),
    ("straße", "str"),
    ("apartment", "apt"),
    ("suite", "ste"),
    ("room", "rm"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("southeast", "se"),
    ("southwest", "sw"),
    ("mount", "mt"),
    ("saint", "st"),
    ("fort", "ft"),
];

const STATES: [(&str, &str); 69] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
    ("PR", "Puerto Rico"),
    ("VI", "Virgin Islands"),
    ("GU", "Guam"),
    ("AS", "American Samoa"),
    ("MP", "Northern Mariana Islands"),
    ("AB", "Alberta"),
    ("BC", "British Columbia"),
    ("MB", "Manitoba"),
    ("NB", "New Brunswick"),
    ("NL", "Newfoundland and Labrador"),
    ("NS", "Nova Scotia"),
    ("NT", "Northwest Territories"),
    ("NU", "Nunavut"),
    ("ON", "Ontario"),
    ("PE", "Prince Edward Island"),
    ("QC", "Quebec"),
    ("SK", "Saskatchewan"),
    ("YT", "Yukon"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zips_in_all_the_forms_systems_send_become_five_digits() {
        let cases = [
            ("341100000", Some("34110")),
            ("34110-1234", Some("34110")),
            ("2139", Some("02139")),
            ("k1a 0b1", Some("K1A 0B1")),
            ("123", None),
        ];
        for (told, zip) in cases {
            assert_eq!(zip5(told).as_deref(), zip, "{told}");
        }
    }

    #[test]
    fn spellings_of_a_street_meet() {
        assert_eq!(street_key("123 North Main Street, Apt. 4"), street_key("123 N MAIN ST #4"));
        assert_ne!(street_key("123 N Main St"), street_key("124 N Main St"));
    }
}
