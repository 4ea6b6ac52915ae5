//! A vendor's text becomes a typed value.

use super::{Unread, address, contact, is_placeholder, name};
use crate::consent::Consent;
use crate::schema::FieldType;
use crate::value::Value;
use crate::vin::{NotAVin, Vin};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// The longest text a field takes, in characters; longer ones are cut where they are comments, refused elsewhere.
const TEXT_CHARS_MAX: usize = 4_000;

/// Reads a value of the given type; `None` where the text means nothing.
pub(super) fn value(holds: FieldType, raw: &Json) -> Result<Option<Value>, Unread> {
    let Json::String(text) = raw else {
        return Ok((holds == FieldType::Json).then(|| Value::Json(raw.clone())));
    };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match holds {
        FieldType::Text | FieldType::Ref(_) => Ok(Some(Value::Text(collapsed(text)))),
        FieldType::Name if is_placeholder(text) => {
            Err(Unread::placeholder("The name is a placeholder, so it is treated as unknown."))
        }
        FieldType::Name => Ok(Some(Value::Text(name::proper_name(text)))),
        FieldType::Street if is_placeholder(text) => Ok(None),
        FieldType::Street => Ok(Some(Value::Text(name::proper_name(text)))),
        FieldType::Email => contact::read_email(text).map(|found| found.map(Value::Text)),
        FieldType::Phone => contact::read_phone(text).map(|found| found.map(Value::Text)),
        FieldType::Zip => address::read_zip(text).map(|found| found.map(Value::Text)),
        FieldType::State => address::read_state(text).map(|found| found.map(Value::Text)),
        FieldType::Vin => vin(text),
        FieldType::Money => money(text).map(|amount| Some(Value::Money(amount))).ok_or(MONEY_INVALID),
        FieldType::Int => int(text).map(|number| Some(Value::Int(number))).ok_or(INT_INVALID),
        FieldType::Date => date(text).map(|day| day.map(Value::Date)),
        FieldType::Time => time(text).map(|moment| moment.map(Value::Time)),
        FieldType::Flag => flag(text).map(|flag| Some(Value::Flag(flag))).ok_or(FLAG_INVALID),
        FieldType::Consent => consent(text),
        FieldType::Json => Ok(Some(Value::Json(raw.clone()))),
        FieldType::Choice(words) => {
            let word: String =
                text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
            if words.contains(&word.as_str()) { Ok(Some(Value::Text(word))) } else { Err(CHOICE_UNKNOWN) }
        }
    }
}

const MONEY_INVALID: Unread =
    Unread::invalid("amount_invalid", "This is no amount.", "Correct the amount in the system it came from.");
const INT_INVALID: Unread =
    Unread::invalid("number_invalid", "This is no whole number.", "Correct the number in the system it came from.");
const DATE_INVALID: Unread = Unread::invalid(
    "date_invalid",
    "This is no date that exists.",
    "Correct the date in the system it came from, or set the date format in the mapping.",
);
const FLAG_INVALID: Unread =
    Unread::invalid("flag_invalid", "This is neither yes nor no.", "Map the word to yes or no in the mapping.");
const CHOICE_UNKNOWN: Unread = Unread::invalid(
    "word_unknown",
    "The system uses a word that the mapping does not know.",
    "Add the word to the mapping of this field.",
);
const VIN_INVALID: Unread = Unread::invalid(
    "vin_invalid",
    "This is no VIN.",
    "Correct the VIN in the system it came from: 17 characters without I, O and Q.",
);

fn collapsed(text: &str) -> String {
    let short: String = text.chars().take(TEXT_CHARS_MAX).collect();
    if short.contains('\n') { short } else { short.split_whitespace().collect::<Vec<_>>().join(" ") }
}

fn vin(text: &str) -> Result<Option<Value>, Unread> {
    match Vin::parse(text) {
        Ok(vin) => Ok(Some(Value::Vin(vin))),
        Err(NotAVin::Placeholder) => Err(Unread::placeholder("The VIN is a placeholder, so it is treated as unknown.")),
        Err(NotAVin::Length | NotAVin::Character) if is_placeholder(text) || text == "0" => Ok(None),
        Err(NotAVin::Length | NotAVin::Character) => Err(VIN_INVALID),
    }
}

fn money(text: &str) -> Option<Decimal> {
    let negative = text.starts_with('(') && text.ends_with(')');
    let bare: String = text
        .trim_matches(['(', ')'])
        .trim_end_matches("USD")
        .chars()
        .filter(|c| !matches!(c, '$' | ',' | ' '))
        .collect();
    let amount: Decimal = bare.parse().ok()?;
    Some(if negative { -amount } else { amount }.round_dp(2))
}

fn int(text: &str) -> Option<i64> {
    let bare: String = text.chars().filter(|c| *c != ',').collect();
    // "2024.0" is how spreadsheets write a year.
    bare.strip_suffix(".0").unwrap_or(&bare).trim().parse().ok()
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "t" | "1" | "on" => Some(true),
        "n" | "no" | "false" | "f" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// `opted_in` and `opted_out`, or a plain yes (may be contacted) and no.
fn consent(text: &str) -> Result<Option<Value>, Unread> {
    let consent = match text.to_ascii_lowercase().as_str() {
        "opted_in" | "optin" | "opt-in" | "subscribed" => Consent::OptedIn,
        "opted_out" | "optout" | "opt-out" | "unsubscribed" => Consent::OptedOut,
        _ => match flag(text) {
            Some(true) => Consent::OptedIn,
            Some(false) => Consent::OptedOut,
            None => return Err(FLAG_INVALID),
        },
    };
    Ok(Some(Value::Consent(consent)))
}

fn date(text: &str) -> Result<Option<NaiveDate>, Unread> {
    if text.bytes().all(|b| matches!(b, b'0' | b'-' | b'/' | b' ' | b':' | b'T')) || text.starts_with("0001-01-01") {
        return Ok(None);
    }
    const FORMATS: [&str; 7] = ["%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%m-%d-%Y", "%Y/%m/%d", "%d-%b-%Y", "%b %d, %Y"];
    // A day keeps its day, whatever zone the vendor put on its midnight.
    let day = text.split_once(['T', ' ']).map_or(text, |(day, rest)| if rest.contains(':') { day } else { text });
    // First, because `%Y` reads "26" as the year 26.
    two_digit_year(day)
        .or_else(|| FORMATS.iter().find_map(|format| NaiveDate::parse_from_str(day, format).ok()))
        .filter(|day| (1885..=2100).contains(&chrono::Datelike::year(day)))
        .map(Some)
        .ok_or(DATE_INVALID)
}

/// `m/d/yy`: the century that makes it no later than 2049.
fn two_digit_year(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 2 || parts.next().is_some() {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    NaiveDate::from_ymd_opt(if year < 50 { 2000 + year } else { 1900 + year }, month.parse().ok()?, day.parse().ok()?)
}

fn time(text: &str) -> Result<Option<DateTime<Utc>>, Unread> {
    if text.bytes().all(|b| matches!(b, b'0' | b'-' | b'/' | b' ' | b':' | b'T')) || text.starts_with("0001-01-01") {
        return Ok(None);
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(Some(moment.to_utc()));
    }
    // `%H` also reads the one-digit hours of old lead providers ("2008-06-25T8:47:50").
    const FORMATS: [&str; 7] = [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
        "%Y%m%d%H%M",
        "%m/%d/%Y %H:%M:%S",
        "%m/%d/%Y %H:%M",
    ];
    if let Ok(moment) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Ok(Some(moment.to_utc()));
    }
    FORMATS
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|moment| Some(moment.and_utc()))
        .or_else(|| date(text).ok().flatten().map(|day| Some(day.and_time(chrono::NaiveTime::MIN).and_utc())))
        .ok_or(DATE_INVALID)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(holds: FieldType, text: &str) -> Option<String> {
        value(holds, &json!(text)).ok().flatten().map(|v| v.to_plain())
    }

    #[test]
    fn dates_are_read_in_the_forms_systems_send() {
        for text in ["2026-11-23", "20261123", "11/23/2026", "11/23/26", "2026-11-23T00:00:00Z", "2026-11-23 00:00:00"]
        {
            assert_eq!(plain(FieldType::Date, text).as_deref(), Some("2026-11-23"), "{text}");
        }
        for text in ["0", "00000000", "0001-01-01T00:00:00", "0000-00-00"] {
            assert!(matches!(value(FieldType::Date, &json!(text)), Ok(None)), "{text}");
        }
        for text in ["2026-02-30", "soon", "99999999"] {
            assert!(value(FieldType::Date, &json!(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_read_even_with_an_hour_of_one_digit() {
        assert_eq!(plain(FieldType::Time, "2008-06-25T8:47:50").as_deref(), Some("2008-06-25T08:47:50Z"));
        assert_eq!(plain(FieldType::Time, "2026-11-23T10:00:00-05:00").as_deref(), Some("2026-11-23T15:00:00Z"));
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let cases = [("$12,345.60", "12345.60"), ("(50)", "-50.00"), ("13998 USD", "13998.00")];
        for (text, amount) in cases {
            assert_eq!(plain(FieldType::Money, text).as_deref(), Some(amount));
        }
    }

    #[test]
    fn a_plain_no_is_an_opt_out() {
        assert_eq!(plain(FieldType::Consent, "N").as_deref(), Some("opted_out"));
        assert_eq!(plain(FieldType::Consent, "true").as_deref(), Some("opted_in"));
    }
}
