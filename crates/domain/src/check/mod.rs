//! Check: a draft becomes a canonical record, with a list of what was wrong and how to correct it (G1). Pure.
//!
//! Nothing is dropped silently: a text that cannot be read leaves its field unknown **and** an issue behind; the
//! vendor's payload keeps the text itself. Issues never repeat the text: it may be personal.

mod address;
mod contact;
mod name;
mod read;

pub use address::{state, street_key, street_word, zip5};
pub use contact::{email, is_invented_email, is_shared_mailbox, phone, phone_words};
pub use name::{name_key, proper_name};

use crate::mapping::Draft;
use crate::object::ObjectKind;
use crate::record::Record;
use crate::schema::Field;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How much an issue matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing; the record is complete without it (a placeholder was left out).
    Note,
    /// A value is missing or doubtful; somebody should correct it at the source.
    Warning,
    /// The record cannot be used until it is corrected; it is kept.
    Flagged,
}

/// One thing wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The field, where it is one field.
    pub field: Option<Field>,
    /// Stable code, such as `email_invalid`.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, one sentence without the value.
    pub message: Cow<'static, str>,
    /// What to do, one sentence.
    pub fix: Cow<'static, str>,
}

/// A checked record.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// What could be read, in canonical form.
    pub record: Record,
    /// What was wrong.
    pub issues: Vec<Issue>,
}

impl Checked {
    /// Whether the record must wait for a correction.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.issues.iter().any(|issue| issue.weight == Weight::Flagged)
    }
}

/// Why a text did not become a value.
struct Unread {
    code: &'static str,
    weight: Weight,
    message: &'static str,
    fix: &'static str,
}

impl Unread {
    const fn placeholder(message: &'static str) -> Self {
        Self {
            code: "placeholder",
            weight: Weight::Note,
            message,
            fix: "Nothing to do; ask the customer at the next contact.",
        }
    }

    const fn invalid(code: &'static str, message: &'static str, fix: &'static str) -> Self {
        Self { code, weight: Weight::Warning, message, fix }
    }
}

/// Reads, standardises and validates a draft.
#[must_use]
pub fn check(draft: &Draft) -> Checked {
    let mut record = Record::new(draft.object);
    let mut issues = Vec::new();
    for (field, raw) in &draft.values {
        match read::value(field.spec().holds, raw) {
            Ok(Some(value)) => {
                if let Value::Vin(vin) = &value
                    && !vin.check_digit_holds()
                {
                    issues.push(issue(*field, &CHECK_DIGIT));
                }
                record.set(*field, value);
            }
            Ok(None) => {}
            Err(unread) => issues.push(issue(*field, &unread)),
        }
    }
    complete(&mut record, &mut issues);
    Checked { record, issues }
}

const CHECK_DIGIT: Unread = Unread::invalid(
    "vin_check_digit",
    "The VIN's check digit is wrong: a character was probably mistyped.",
    "Compare the VIN with the vehicle or its title and correct it in the system it came from.",
);

fn issue(field: Field, unread: &Unread) -> Issue {
    Issue {
        field: Some(field),
        code: Cow::Borrowed(unread.code),
        weight: unread.weight,
        message: Cow::Borrowed(unread.message),
        fix: Cow::Borrowed(unread.fix),
    }
}

/// What must be there for the record to be of use, and what one field says of another.
fn complete(record: &mut Record, issues: &mut Vec<Issue>) {
    let missing: Option<(&'static str, &'static str)> = match record.object() {
        ObjectKind::Customer => {
            if record.get(Field::CUSTOMER_KIND).is_none() {
                let person = record.get(Field::FIRST_NAME).is_some();
                let kind = if record.get(Field::COMPANY_NAME).is_some() && !person { "business" } else { "individual" };
                record.set(Field::CUSTOMER_KIND, Value::Text(kind.to_owned()));
            }
            // Some systems keep a company's name where a surname belongs.
            if record.text(Field::CUSTOMER_KIND) == Some("business")
                && record.get(Field::COMPANY_NAME).is_none()
                && let Some(name) = record.remove(Field::LAST_NAME)
            {
                record.set(Field::COMPANY_NAME, name);
            }
            let told = [
                Field::FIRST_NAME,
                Field::LAST_NAME,
                Field::COMPANY_NAME,
                Field::EMAIL,
                Field::EMAIL_OTHER,
                Field::PHONE_MOBILE,
                Field::PHONE_HOME,
                Field::PHONE_WORK,
            ];
            told.iter().all(|field| record.get(*field).is_none()).then_some((
                "The customer has neither a name nor an e-mail nor a phone.",
                "Add a name, e-mail or phone in the system it came from.",
            ))
        }
        ObjectKind::Vehicle => record
            .get(Field::VEHICLE_VIN)
            .is_none()
            .then_some(("The vehicle has no readable VIN.", "Enter the VIN in the system it came from.")),
        ObjectKind::Inventory => (record.get(Field::STOCK_NUMBER).is_none() && record.get(Field::STOCK_VIN).is_none())
            .then_some((
                "The vehicle has neither a stock number nor a readable VIN.",
                "Enter the stock number or VIN in the system it came from.",
            )),
        ObjectKind::Deal => record
            .get(Field::DEAL_NUMBER)
            .is_none()
            .then_some(("The deal has no number.", "Check that the export or the mapping includes the deal number.")),
        ObjectKind::RepairOrder => record.get(Field::RO_NUMBER).is_none().then_some((
            "The repair order has no number.",
            "Check that the export or the mapping includes the RO number.",
        )),
        ObjectKind::Lead => record.is_empty().then_some((
            "The lead says nothing that can be read.",
            "Ask the provider to send ADF 1.0 with a customer and a vehicle.",
        )),
    };
    if let Some((message, fix)) = missing {
        issues.push(Issue {
            field: None,
            code: Cow::Borrowed("incomplete"),
            weight: Weight::Flagged,
            message: Cow::Borrowed(message),
            fix: Cow::Borrowed(fix),
        });
    }
}

/// Whether a text is one of the words people type when a field insists on being filled.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 21] = [
        "na", "n/a", "n.a.", "none", "no", "null", "nil", "unknown", "unk", "cd", "declined", "refused", "test", "tbd",
        "x", "xx", "xxx", "-", "--", ".", "?",
    ];
    let text = text.trim();
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft(object: ObjectKind, values: &[(Field, &str)]) -> Draft {
        let values = values.iter().map(|(field, text)| (*field, json!(text))).collect();
        Draft { object, values, unknown: Vec::new() }
    }

    #[test]
    fn a_placeholder_leaves_the_field_unknown_and_a_note_behind() {
        let checked = check(&draft(
            ObjectKind::Customer,
            &[(Field::LAST_NAME, "LEE"), (Field::EMAIL, "CD"), (Field::PHONE_HOME, "0000000000")],
        ));
        assert_eq!(checked.record.text(Field::LAST_NAME), Some("Lee"));
        assert_eq!(checked.record.get(Field::EMAIL), None);
        assert_eq!(checked.record.get(Field::PHONE_HOME), None);
        assert_eq!(checked.issues.len(), 2, "{:?}", checked.issues);
        assert!(!checked.is_flagged());
    }

    #[test]
    fn a_customer_with_nothing_to_go_on_is_flagged_and_kept() {
        let checked = check(&draft(ObjectKind::Customer, &[(Field::CITY, "Tampa"), (Field::EMAIL, "none@none.com")]));
        assert!(checked.is_flagged());
        assert_eq!(checked.record.text(Field::CITY), Some("Tampa"));
    }

    #[test]
    fn a_company_kept_under_a_surname_becomes_a_company() {
        let checked = check(&draft(
            ObjectKind::Customer,
            &[(Field::CUSTOMER_KIND, "business"), (Field::LAST_NAME, "ACME TOWING LLC")],
        ));
        assert_eq!(checked.record.text(Field::COMPANY_NAME), Some("Acme Towing LLC"));
        assert_eq!(checked.record.get(Field::LAST_NAME), None);
    }

    #[test]
    fn an_issue_never_repeats_the_value() {
        let checked = check(&draft(
            ObjectKind::Customer,
            &[
                (Field::LAST_NAME, "Lee"),
                (Field::EMAIL, "secret person@x"),
                (Field::ZIP, "9x"),
                (Field::BIRTH_DATE, "yesterday"),
            ],
        ));
        assert_eq!(checked.issues.len(), 3);
        let told = serde_json::to_string(&checked.issues).unwrap_or_default();
        assert!(!told.contains("secret") && !told.contains("yesterday"), "{told}");
    }

    #[test]
    fn a_wrong_check_digit_is_told_and_the_vin_kept() {
        let checked = check(&draft(ObjectKind::Vehicle, &[(Field::VEHICLE_VIN, "1HGCM82633A004353")]));
        assert_eq!(checked.record.text(Field::VEHICLE_VIN), Some("1HGCM82633A004353"));
        assert_eq!(checked.issues.first().map(|i| i.code.as_ref()), Some("vin_check_digit"));
    }
}
