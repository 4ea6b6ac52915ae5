//! The hierarchy: exact e-mail, then phone, then name with address (I1); VIN, stock, deal and RO numbers by key.

use crate::names::{Names, company, given, surname};
use crate::{Key, Verdict};
use domain::check::{is_shared_mailbox, name_key, street_key};
use domain::{Field, ObjectKind, Record, RooftopId};

const EMAILS: [Field; 2] = [Field::EMAIL, Field::EMAIL_OTHER];
const PHONES: [Field; 3] = [Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK];

/// Which rule of the hierarchy compared two customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// They have an e-mail in common.
    Email,
    /// They have a phone in common.
    Phone,
    /// Name and address alone.
    Address,
}

impl Rule {
    /// All of them, the most telling first.
    pub const ALL: [Self; 3] = [Self::Email, Self::Phone, Self::Address];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Address => "address",
        }
    }
}

/// The keys of a record by the hierarchy. `rooftop` because a stock number means something only at its rooftop.
pub(crate) fn keys(record: &Record, rooftop: Option<RooftopId>) -> Vec<Key> {
    let mut keys = Vec::with_capacity(8);
    let mut add = |purpose, value: String, blocks| {
        let key = Key { purpose, value, blocks };
        if !key.value.is_empty() && !keys.contains(&key) {
            keys.push(key);
        }
    };
    let place = rooftop.map(|id| id.to_string()).unwrap_or_default();
    let here = |text: &str| format!("{place} {}", name_key(text));
    match record.object() {
        ObjectKind::Customer => {
            for email in EMAILS.iter().filter_map(|f| record.text(*f)) {
                add("email", email.to_owned(), true);
            }
            for phone in PHONES.iter().filter_map(|f| record.text(*f)) {
                add("phone", phone.to_owned(), true);
            }
        }
        ObjectKind::Vehicle => {
            if let Some(vin) = record.get(Field::VEHICLE_VIN).and_then(domain::Value::as_text) {
                add("vin", vin.to_owned(), true);
                add("vin8", last8(vin), false);
            }
        }
        ObjectKind::Inventory => {
            // A vehicle that goes from one rooftop to another is stock of each in turn.
            if let Some(vin) = record.text(Field::STOCK_VIN) {
                add("stock_vin", format!("{place} {vin}"), true);
                add("vin", vin.to_owned(), false);
                add("vin8", last8(vin), false);
            }
            if let Some(stock) = record.text(Field::STOCK_NUMBER) {
                add("stock", here(stock), true);
                add("number", name_key(stock), false);
            }
        }
        ObjectKind::Deal => {
            if let Some(number) = record.text(Field::DEAL_NUMBER) {
                add("deal", here(number), true);
                add("number", name_key(number), false);
            }
            // The way to a car's deal once it has left the lot.
            if let Some(stock) = record.text(Field::DEAL_STOCK_NUMBER) {
                add("number", name_key(stock), false);
            }
            if let Some(vin) = record.text(Field::DEAL_VIN) {
                add("vin", vin.to_owned(), false);
                add("vin8", last8(vin), false);
            }
        }
        ObjectKind::RepairOrder => {
            if let Some(number) = record.text(Field::RO_NUMBER) {
                add("ro", here(number), true);
                add("number", name_key(number), false);
            }
            if let Some(vin) = record.text(Field::RO_VIN) {
                add("vin", vin.to_owned(), false);
                add("vin8", last8(vin), false);
            }
        }
        ObjectKind::Lead => {
            if let (Some(id), Some(source)) = (record.text(Field::LEAD_ID), record.text(Field::LEAD_SOURCE)) {
                add("lead", format!("{} {}", here(source), name_key(id)), true);
                add("number", name_key(id), false);
            }
        }
    }
    keys
}

/// Compares two records that met in a key. Symmetric.
pub(crate) fn compare(left: &Record, right: &Record) -> Verdict {
    match left.object() {
        ObjectKind::Customer => customers(left, right).map_or(Verdict::Different, |(_, verdict)| verdict),
        ObjectKind::Vehicle => same_text(left, right, Field::VEHICLE_VIN, "Same VIN"),
        ObjectKind::Inventory => stock(left, right),
        ObjectKind::Deal => same_text(left, right, Field::DEAL_NUMBER, "Same deal number at one rooftop"),
        ObjectKind::RepairOrder => same_text(left, right, Field::RO_NUMBER, "Same RO number at one rooftop"),
        ObjectKind::Lead => same_text(left, right, Field::LEAD_ID, "Same lead id from one source"),
    }
}

fn last8(vin: &str) -> String {
    vin.get(vin.len().saturating_sub(8)..).unwrap_or(vin).to_owned()
}

fn same_text(left: &Record, right: &Record, field: Field, reason: &'static str) -> Verdict {
    let key = |record: &Record| record.text(field).map(name_key);
    match (key(left), key(right)) {
        (Some(a), Some(b)) if a == b => Verdict::Same { score: 1.0, reason },
        (Some(_) | None, Some(_) | None) => Verdict::Different,
    }
}

fn stock(left: &Record, right: &Record) -> Verdict {
    match (left.text(Field::STOCK_VIN), right.text(Field::STOCK_VIN)) {
        (Some(a), Some(b)) if a == b => Verdict::Same { score: 1.0, reason: "Same VIN at one rooftop" },
        // A stock number is used again for the next vehicle.
        (Some(_), Some(_)) => Verdict::Different,
        (Some(_) | None, None) | (None, Some(_)) => {
            same_text(left, right, Field::STOCK_NUMBER, "Same stock number at one rooftop")
        }
    }
}

/// What the hierarchy says of two customers, and which of its rules; `None` where none applies.
pub(crate) fn customers(left: &Record, right: &Record) -> Option<(Rule, Verdict)> {
    let differ = |field: Field| matches!((left.get(field), right.get(field)), (Some(a), Some(b)) if a != b);
    let text = |field| (left.text(field), right.text(field));
    let mailed = meets(left, right, &EMAILS, usable);
    let phoned = meets(left, right, &PHONES, |_| true);
    let same_zip = matches!(text(Field::ZIP), (Some(a), Some(b)) if a == b);
    // Names alone make nobody the same, and to compare them costs more than all the rest.
    if !mailed && !phoned && !same_zip {
        return Some((Rule::Address, Verdict::Different));
    }
    let business = |record: &Record| record.text(Field::CUSTOMER_KIND) == Some("business");
    let names = if business(left) && business(right) {
        let (a, b) = text(Field::COMPANY_NAME);
        (company(a, b), Names::Agree)
    } else if business(left) != business(right) {
        return None;
    } else {
        let (first, last) = (text(Field::FIRST_NAME), text(Field::LAST_NAME));
        (surname(last.0, last.1), given(first.0, first.1))
    };
    // Evidence against weighs more than any for: a father and a son share everything but these.
    if differ(Field::BIRTH_DATE) || differ(Field::DRIVER_LICENCE) || differ(Field::NAME_SUFFIX) {
        let said = match names {
            (Names::Agree, Names::Agree) if !differ(Field::NAME_SUFFIX) && mailed => {
                Verdict::Review { score: 0.6, reason: "Same name and e-mail, but another birth date or driver licence" }
            }
            _ => Verdict::Different,
        };
        return Some((Rule::Email, said));
    }
    if mailed {
        let said = match names {
            (Names::Agree | Names::Unknown | Names::Near, Names::Agree | Names::Unknown) => {
                Verdict::Same { score: 0.99, reason: "Same e-mail, names agree" }
            }
            (Names::Differ, Names::Agree) => {
                Verdict::Review { score: 0.85, reason: "Same e-mail and first name, other surname" }
            }
            (Names::Agree | Names::Near, Names::Near) => {
                Verdict::Review { score: 0.8, reason: "Same e-mail and surname, similar first name" }
            }
            (Names::Agree | Names::Near | Names::Unknown | Names::Differ, Names::Differ)
            | (Names::Unknown | Names::Differ, Names::Near)
            | (Names::Differ, Names::Unknown) => Verdict::Different,
        };
        return Some((Rule::Email, said));
    }
    if phoned {
        let said = match names {
            (Names::Agree, Names::Agree) => Verdict::Same { score: 0.97, reason: "Same phone, names agree" },
            (Names::Near, Names::Agree) | (Names::Agree, Names::Near | Names::Unknown) => {
                Verdict::Review { score: 0.75, reason: "Same phone, similar name" }
            }
            (Names::Unknown, Names::Agree | Names::Unknown) => {
                Verdict::Review { score: 0.65, reason: "Same phone, one record has no full name" }
            }
            (Names::Differ, Names::Agree) => {
                Verdict::Review { score: 0.6, reason: "Same phone and first name, other surname" }
            }
            (Names::Agree | Names::Near | Names::Unknown | Names::Differ, Names::Differ)
            | (Names::Near | Names::Unknown | Names::Differ, Names::Near)
            | (Names::Near | Names::Differ, Names::Unknown) => Verdict::Different,
        };
        return Some((Rule::Phone, said));
    }
    let said = if same_zip && names == (Names::Agree, Names::Agree) {
        by_street(text(Field::STREET))
    } else {
        Verdict::Different
    };
    Some((Rule::Address, said))
}

/// What the streets of two people of one name and ZIP say.
fn by_street(streets: (Option<&str>, Option<&str>)) -> Verdict {
    match streets {
        (Some(a), Some(b)) => {
            let (a, b) = (street_key(a), street_key(b));
            let number = |key: &str| key.split(' ').next().map(ToOwned::to_owned);
            let alike = strsim::normalized_damerau_levenshtein(&a, &b);
            if a == b || (alike >= 0.85 && number(&a) == number(&b)) {
                Verdict::Same { score: 0.95, reason: "Same name and address" }
            } else if alike >= 0.7 {
                Verdict::Review { score: 0.6, reason: "Same name and ZIP, similar street" }
            } else {
                Verdict::Different
            }
        }
        (Some(_) | None, None) | (None, Some(_)) => {
            Verdict::Review { score: 0.55, reason: "Same name and ZIP, one record has no street" }
        }
    }
}

fn usable(email: &str) -> bool {
    !is_shared_mailbox(email)
}

fn meets(left: &Record, right: &Record, fields: &[Field], fits: impl Fn(&str) -> bool) -> bool {
    fields
        .iter()
        .filter_map(|field| left.text(*field))
        .filter(|text| fits(text))
        .any(|text| fields.iter().any(|field| right.text(*field) == Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(first: &str, last: &str, rest: &[(Field, &str)]) -> Record {
        let mut record = Record::new(ObjectKind::Customer)
            .with_text(Field::CUSTOMER_KIND, "individual")
            .with_text(Field::FIRST_NAME, first)
            .with_text(Field::LAST_NAME, last);
        for (field, text) in rest {
            record.set(*field, domain::Value::Text((*text).to_owned()));
        }
        record
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Same { .. } => "same",
            Verdict::Review { .. } => "review",
            Verdict::Different => "different",
        }
    }

    #[test]
    fn the_hierarchy_knows_dealerships() {
        let mail = (Field::EMAIL, "ann@example.com");
        let phone = (Field::PHONE_MOBILE, "+14155550100");
        let home = (Field::PHONE_HOME, "+14155550100");
        let zip = (Field::ZIP, "34110");
        let cases = [
            (
                "spelling and nickname by e-mail",
                person("Bill", "Lee", &[mail]),
                person("William", "Lee", &[mail]),
                "same",
            ),
            ("spouses share an e-mail", person("Ann", "Lee", &[mail]), person("Robert", "Lee", &[mail]), "different"),
            ("married since", person("Ann", "Lee", &[mail]), person("Ann", "Walker", &[mail]), "review"),
            ("one phone in two slots", person("Ann", "Lee", &[phone]), person("Ann", "Lee", &[home]), "same"),
            ("a household shares a phone", person("Ann", "Lee", &[phone]), person("Tom", "Lee", &[phone]), "different"),
            (
                "father and son",
                person("John", "Lee", &[mail, (Field::NAME_SUFFIX, "Sr")]),
                person("John", "Lee", &[mail, (Field::NAME_SUFFIX, "Jr")]),
                "different",
            ),
            (
                "same name and address",
                person("Ann", "Lee", &[zip, (Field::STREET, "12 North Main Street")]),
                person("ANN", "LEE", &[zip, (Field::STREET, "12 N Main St")]),
                "same",
            ),
            (
                "same name, other house",
                person("Ann", "Lee", &[zip, (Field::STREET, "12 N Main St")]),
                person("Ann", "Lee", &[zip, (Field::STREET, "980 Ocean Blvd")]),
                "different",
            ),
            (
                "a desk's e-mail",
                person("Ann", "Lee", &[(Field::EMAIL, "sales@acme.com")]),
                person("Ann", "Lee", &[(Field::EMAIL, "sales@acme.com")]),
                "different",
            ),
        ];
        for (case, left, right, wanted) in cases {
            assert_eq!(word(&compare(&left, &right)), wanted, "{case}");
            assert_eq!(word(&compare(&right, &left)), wanted, "{case}, turned");
        }
    }

    #[test]
    fn a_stock_number_means_something_only_at_its_rooftop() {
        let vehicle = Record::new(ObjectKind::Inventory).with_text(Field::STOCK_NUMBER, "A100");
        let keys = |rooftop| super::keys(&vehicle, Some(rooftop));
        let (one, other) = (RooftopId::new(), RooftopId::new());
        let blocking = |keys: Vec<Key>| keys.into_iter().filter(|k| k.blocks).collect::<Vec<_>>();
        assert_ne!(blocking(keys(one)), blocking(keys(other)));
    }
}
