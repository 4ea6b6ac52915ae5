//! Birth dates, driver licences and VINs as keys.

use super::text::{fold_into, is_placeholder};

/// A birth date as `yyyymmdd`. What has eight digits but is no date keeps them: a mistyped date still resembles itself.
pub(crate) fn birth(text: &str) -> Option<String> {
    if is_placeholder(text) {
        return None;
    }
    let day = text.split(['T', 't']).next().unwrap_or_default();
    let parts: Vec<&str> = day.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let number = |text: &str| text.parse::<u32>().unwrap_or_default();
    let key = match parts.as_slice() {
        [one] if one.len() == 8 => (*one).to_owned(),
        [one] if one.len() == 4 => format!("{one}0000"),
        [year, month, day, ..] if year.len() == 4 => format!("{year}{:02}{:02}", number(month), number(day)),
        [a, b, year, ..] if year.len() == 4 || year.len() == 2 => {
            let year = if year.len() == 4 { number(year) } else { 1900 + number(year) };
            // Points mean day first, as in Europe; else a number over twelve tells.
            let day_first = (text.contains('.') || number(a) > 12) && number(b) <= 12;
            let (month, day) = if day_first { (number(b), number(a)) } else { (number(a), number(b)) };
            format!("{year:04}{month:02}{day:02}")
        }
        _ => return None,
    };
    let empty = key.len() != 8 || key.bytes().all(|b| Some(b) == key.bytes().next()) || key.starts_with("0000");
    (!empty && !matches!(key.as_str(), "19000101" | "18000101" | "19700101" | "99991231")).then_some(key)
}

/// A licence, or another number that belongs to one person, folded.
pub(crate) fn licence(text: &str) -> Option<String> {
    if is_placeholder(text) {
        return None;
    }
    let mut key = String::with_capacity(text.len());
    fold_into(&mut key, text);
    let first = key.bytes().next()?;
    (key.len() >= 4 && !key.bytes().skip(1).all(|b| b == first)).then_some(key)
}

/// A VIN folded; other numbers of vehicles are kept as they are.
pub(crate) fn vin(text: &str) -> Option<String> {
    licence(text).filter(|key| key.len() >= 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_however_they_are_written() {
        let cases = [
            ("19560409", Some("19560409")),
            ("1956-04-09", Some("19560409")),
            ("04/09/1956", Some("19560409")),
            ("9.4.1956", Some("19560409")),
            ("25/04/1956", Some("19560425")),
            ("1956 4 9", Some("19560409")),
            ("1956-04-09T00:00:00", Some("19560409")),
            ("00000000", None),
            ("", None),
        ];
        for (told, key) in cases {
            assert_eq!(birth(told).as_deref(), key, "{told}");
        }
    }
}
