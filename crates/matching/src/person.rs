//! A customer as the engine reads it.

use crate::clean::{Keys, Row, clean};
use crate::engine::Input;
use domain::{Field, Record};

/// Which field of a customer is read as what.
const READ_AS: [(Field, Input); 16] = [
    (Field::FIRST_NAME, Input::First),
    (Field::MIDDLE_NAME, Input::Middle),
    (Field::LAST_NAME, Input::Last),
    (Field::NAME_SUFFIX, Input::Suffix),
    (Field::COMPANY_NAME, Input::Company),
    (Field::EMAIL, Input::Email),
    (Field::EMAIL_OTHER, Input::Email),
    (Field::PHONE_MOBILE, Input::Phone),
    (Field::PHONE_HOME, Input::Phone),
    (Field::PHONE_WORK, Input::Phone),
    (Field::STREET, Input::Street),
    (Field::CITY, Input::City),
    (Field::STATE, Input::State),
    (Field::ZIP, Input::Zip),
    (Field::BIRTH_DATE, Input::Birth),
    (Field::DRIVER_LICENCE, Input::Licence),
];

/// The keys of a customer.
#[must_use]
pub fn person_keys(record: &Record) -> Keys {
    let told: Vec<(Input, String)> = READ_AS
        .iter()
        .filter_map(|(field, input)| record.get(*field).map(|value| (*input, value.to_plain())))
        .collect();
    let mut row = Row::new();
    for (input, text) in &told {
        row.push(*input, text);
    }
    clean(&row)
}
