//! What tells a record that was found from others of its name, in one line.

use domain::check::phone_words;
use domain::schema::FieldType;
use domain::{Field, ObjectKind, Record, Value};

/// For each kind: of each list the first that is known.
const fn told(object: ObjectKind) -> &'static [&'static [Field]] {
    match object {
        ObjectKind::Customer => &[
            &[Field::EMAIL, Field::EMAIL_OTHER],
            &[Field::PHONE_MOBILE, Field::PHONE_HOME, Field::PHONE_WORK],
            &[Field::CITY],
        ],
        ObjectKind::Vehicle => &[&[Field::VEHICLE_VIN], &[Field::VEHICLE_PLATE], &[Field::VEHICLE_COLOR]],
        ObjectKind::Inventory => &[&[Field::STOCK_NUMBER], &[Field::STOCK_VIN], &[Field::STOCK_STATUS]],
        ObjectKind::Deal => &[&[Field::DEAL_STATUS], &[Field::DEAL_DATE], &[Field::DEAL_VIN]],
        ObjectKind::RepairOrder => &[&[Field::RO_STATUS], &[Field::RO_OPENED_ON], &[Field::RO_VIN]],
        ObjectKind::Lead => &[&[Field::LEAD_STATUS], &[Field::LEAD_SOURCE], &[Field::LEAD_MODEL]],
    }
}

pub(super) fn detail(record: &Record) -> String {
    let parts: Vec<String> = told(record.object())
        .iter()
        .filter_map(|fields| fields.iter().find_map(|field| Some(words(*field, record.get(*field)?))))
        .collect();
    parts.join(" · ")
}

fn words(field: Field, value: &Value) -> String {
    let text = value.to_plain();
    match field.spec().holds {
        FieldType::Phone => phone_words(&text).unwrap_or(text),
        FieldType::Choice(_) => text.replace('_', " "),
        FieldType::Text
        | FieldType::Name
        | FieldType::Email
        | FieldType::Street
        | FieldType::Zip
        | FieldType::State
        | FieldType::Vin
        | FieldType::Money
        | FieldType::Int
        | FieldType::Date
        | FieldType::Time
        | FieldType::Flag
        | FieldType::Consent
        | FieldType::Ref(_)
        | FieldType::Json => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_told_by_how_to_reach_them() {
        let mut ann = Record::new(ObjectKind::Customer);
        ann.set(Field::EMAIL, Value::Text("ann_lee@example.com".to_owned()));
        ann.set(Field::PHONE_HOME, Value::Text("+12815550123".to_owned()));

        assert_eq!(detail(&ann), "ann_lee@example.com · (281) 555-0123");
    }
}
