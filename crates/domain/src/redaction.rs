//! What a system says of a failure, without what it repeats of a person: such words are shown, stored and counted.

use crate::record::Record;

/// Stands where something personal stood.
pub const HIDDEN: &str = "[hidden]";
/// A shorter value is part of too many words to be looked for.
const VALUE_CHARS_MIN: usize = 3;

/// Hides what looks like an e-mail address or a phone number.
#[must_use]
pub fn hide_addresses(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let (mut at, mut before) = (0, None);
    while let Some(rest) = chars.get(at..).filter(|rest| !rest.is_empty()) {
        // Only a word's beginning may begin an address.
        let fresh = !before.is_some_and(|c: char| c.is_alphanumeric() || c == '.');
        let found = if fresh { email_chars(rest).or_else(|| phone_chars(rest)) } else { None };
        match (found, rest) {
            (Some(long), _) => {
                kept.push_str(HIDDEN);
                at += long;
                before = Some('x');
            }
            (None, [c, ..]) => {
                kept.push(*c);
                at += 1;
                before = Some(*c);
            }
            (None, []) => break,
        }
    }
    kept
}

/// Hides the personal values of these records wherever they stand as words of their own, in whatever case.
#[must_use]
pub fn hide_values<'a>(text: &str, records: impl IntoIterator<Item = &'a Record>) -> String {
    let mut values: Vec<Vec<char>> = records
        .into_iter()
        .flat_map(Record::fields)
        .filter(|(field, _)| field.spec().personal)
        .map(|(_, value)| folded(&value.to_plain()))
        .filter(|value| value.len() >= VALUE_CHARS_MIN)
        .collect();
    // The longest first: a name may be a part of an address.
    values.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
    values.dedup();
    let chars: Vec<char> = text.chars().collect();
    let low = folded(text);
    let mut kept = String::with_capacity(text.len());
    let (mut at, mut before) = (0, None);
    while let (Some(c), Some(rest)) = (chars.get(at), low.get(at..)) {
        let fresh = !before.is_some_and(char::is_alphanumeric);
        // Words are cut off after some length, so the last one may be the beginning of a value.
        let cut = rest.len() - rest.iter().rev().take_while(|c| matches!(c, '…' | '.' | ' ')).count();
        let end = rest.get(..cut).unwrap_or_default();
        let is_here = |value: &&Vec<char>| {
            rest.starts_with(value) && !rest.get(value.len()).copied().is_some_and(char::is_alphanumeric)
                || end.len() >= VALUE_CHARS_MIN && value.starts_with(end)
        };
        match values.iter().find(is_here).filter(|_| fresh) {
            Some(value) => {
                kept.push_str(HIDDEN);
                at += value.len().min(rest.len());
                before = None;
            }
            None => {
                kept.push(*c);
                at += 1;
                before = Some(*c);
            }
        }
    }
    kept
}

/// In lower case, character by character, so that places stay where they are.
fn folded(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// How many characters at the beginning are an e-mail address.
fn email_chars(rest: &[char]) -> Option<usize> {
    let local = rest.iter().take_while(|c| c.is_alphanumeric() || "._%+-'".contains(**c)).count();
    let domain = rest.get(local..)?.strip_prefix(&['@'])?;
    let long = domain.iter().take_while(|c| c.is_alphanumeric() || ".-".contains(**c)).count();
    // A sentence may end behind it.
    let long = long - domain.get(..long)?.iter().rev().take_while(|c| ".-".contains(**c)).count();
    (local > 0 && domain.get(..long)?.contains(&'.')).then_some(local + 1 + long)
}

/// How many characters at the beginning are a phone number: of North America as people write it, or `+` and its digits.
fn phone_chars(rest: &[char]) -> Option<usize> {
    let digits = |from: usize| rest.get(from..).unwrap_or_default().iter().take_while(|c| c.is_ascii_digit()).count();
    if rest.first() == Some(&'+') && (8..=15).contains(&digits(1)) {
        return Some(1 + digits(1));
    }
    let mut at = 0;
    let skip = |at: &mut usize, any: &str| {
        if rest.get(*at).is_some_and(|c| any.contains(*c)) {
            *at += 1;
        }
    };
    skip(&mut at, "+");
    if rest.get(at) == Some(&'1') {
        at += 1;
        skip(&mut at, " .-");
    }
    skip(&mut at, "(");
    for (count, between) in [(3, ") .-"), (3, " .-"), (4, "")] {
        let here = rest.get(at..at + count)?;
        // No area and no exchange begins with 0 or 1, and no date looks like that.
        let begins_well = count == 4 || here.first().is_some_and(|c| ('2'..='9').contains(c));
        if !begins_well || !here.iter().all(char::is_ascii_digit) {
            return None;
        }
        at += count;
        skip(&mut at, between);
        if between.starts_with(')') {
            skip(&mut at, " ");
        }
    }
    (!rest.get(at).is_some_and(|c| c.is_alphanumeric())).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, ObjectKind};

    #[test]
    fn addresses_and_numbers_are_hidden_and_nothing_else_is() {
        for (said, kept) in [
            ("Email ann.o'lee+x@mail.example.com is taken.", "Email [hidden] is taken."),
            ("\"a@b.co\" (415) 555-0123;+14155550123", "\"[hidden]\" [hidden];[hidden]"),
            ("1-415-555-0123 or 415.555.0123, 4155550123", "[hidden] or [hidden], [hidden]"),
            ("at 2026-11-23 11:56:38 on 192.168.100.200", "at 2026-11-23 11:56:38 on 192.168.100.200"),
            ("Contact already exists. Existing ID: 50112345678", "Contact already exists. Existing ID: 50112345678"),
            ("@name, user@host, VIN 1HGCM82633A004352, ü@", "@name, user@host, VIN 1HGCM82633A004352, ü@"),
            ("Postgres 01a20845-5521-71ae-acf7-d0d595f39ae4", "Postgres 01a20845-5521-71ae-acf7-d0d595f39ae4"),
            ("", ""),
        ] {
            assert_eq!(hide_addresses(said), kept, "{said}");
        }
    }

    #[test]
    fn a_records_personal_values_are_hidden_as_whole_words() {
        let record = Record::new(ObjectKind::Customer)
            .with_text(Field::FIRST_NAME, "Ann")
            .with_text(Field::LAST_NAME, "Özil")
            .with_text(Field::STREET, "12 Ann Street");
        let said = "ANN ÖZIL, 12 Ann street: Annex of Dan and ann's at 12 ann str";

        assert_eq!(
            hide_values(said, [&record]),
            "[hidden] [hidden], [hidden]: Annex of Dan and [hidden]'s at [hidden]"
        );
        assert_eq!(hide_values("no street 12 Ann S …", [&record]), "no street [hidden]");
        assert_eq!(hide_values("Al", [&Record::new(ObjectKind::Customer).with_text(Field::FIRST_NAME, "Al")]), "Al");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_and_only_grows_by_what_is_hidden(said in ".{0,200}") {
            let kept = hide_values(&hide_addresses(&said), []);
            proptest::prop_assert!(kept == said || kept.contains(HIDDEN));
        }
    }
}
