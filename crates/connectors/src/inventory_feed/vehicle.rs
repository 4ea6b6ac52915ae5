//! Which vehicles are shown, and their values as text.

use domain::{Field, Record, Value};
use serde_json::Value as Json;

/// The fields that a website shows or that decide whether it does.
pub const FIELDS: [Field; 21] = [
    Field::STOCK_NUMBER,
    Field::STOCK_VIN,
    Field::STOCK_STATUS,
    Field::STOCK_CONDITION,
    Field::STOCK_CERTIFIED,
    Field::STOCK_YEAR,
    Field::STOCK_MAKE,
    Field::STOCK_MODEL,
    Field::STOCK_TRIM,
    Field::STOCK_BODY,
    Field::STOCK_EXTERIOR,
    Field::STOCK_INTERIOR,
    Field::STOCK_ODOMETER,
    Field::STOCK_PRICE,
    Field::STOCK_MSRP,
    Field::STOCK_SINCE,
    Field::STOCK_PUBLISH,
    Field::STOCK_LINK,
    Field::STOCK_PHOTOS,
    Field::STOCK_OPTIONS,
    Field::STOCK_DESCRIPTION,
];

/// Whether a vehicle is for sale and may be shown.
pub fn is_shown(record: &Record) -> bool {
    let for_sale = match record.text(Field::STOCK_STATUS) {
        Some("in_stock" | "in_transit") | None => true,
        // Sold, removed, on hold, and any word that is not ours.
        Some(_) => false,
    };
    for_sale && record.get(Field::STOCK_PUBLISH) != Some(&Value::Flag(false))
}

/// A value as plain text, empty where unknown.
pub fn text(record: &Record, field: Field) -> String {
    record.get(field).map(Value::to_plain).unwrap_or_default()
}

/// An amount without cents where there are none.
pub fn amount(record: &Record, field: Field) -> Option<String> {
    match record.get(field) {
        Some(Value::Money(amount)) if amount.is_sign_positive() && !amount.is_zero() => {
            Some(if amount.fract().is_zero() { amount.trunc().to_string() } else { format!("{amount:.2}") })
        }
        Some(_) | None => None,
    }
}

/// The entries of a list: texts, or objects with a `url`.
pub fn list(record: &Record, field: Field) -> Vec<String> {
    let Some(Value::Json(json)) = record.get(field) else { return Vec::new() };
    let entries = match json {
        Json::Array(entries) => entries.as_slice(),
        Json::String(_) | Json::Object(_) => std::slice::from_ref(json),
        Json::Null | Json::Bool(_) | Json::Number(_) => &[],
    };
    let text = |entry: &Json| entry.as_str().or_else(|| entry.get("url").and_then(Json::as_str)).map(ToOwned::to_owned);
    entries.iter().filter_map(text).filter(|text| !text.trim().is_empty()).collect()
}
