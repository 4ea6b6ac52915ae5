//! A canonical record: one object, its fields in canonical form. What is absent is unknown, never empty.

use crate::object::ObjectKind;
use crate::schema::Field;
use crate::value::Value;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A canonical record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    object: ObjectKind,
    fields: BTreeMap<Field, Value>,
}

impl Record {
    /// A record that knows nothing yet.
    #[must_use]
    pub const fn new(object: ObjectKind) -> Self {
        Self { object, fields: BTreeMap::new() }
    }

    /// What it is a record of.
    #[must_use]
    pub const fn object(&self) -> ObjectKind {
        self.object
    }

    /// The value of a field, where known.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.fields.get(&field)
    }

    /// The text of a field, where it is known and holds text.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        self.get(field).and_then(Value::as_text)
    }

    /// Sets a field. Fields of other objects are not taken.
    pub fn set(&mut self, field: Field, value: Value) {
        debug_assert_eq!(field.spec().object, self.object);
        if field.spec().object == self.object {
            self.fields.insert(field, value);
        }
    }

    /// The same record with a field set, for building one in place.
    #[must_use]
    pub fn with(mut self, field: Field, value: Value) -> Self {
        self.set(field, value);
        self
    }

    /// The same record with a text set.
    #[must_use]
    pub fn with_text(self, field: Field, text: &str) -> Self {
        self.with(field, Value::Text(text.to_owned()))
    }

    /// Forgets a field.
    pub fn remove(&mut self, field: Field) -> Option<Value> {
        self.fields.remove(&field)
    }

    /// The known fields, in the order of the schema.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.fields.iter().map(|(field, value)| (*field, value))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Only the given fields.
    #[must_use]
    pub fn only(&self, fields: &[Field]) -> Self {
        Self {
            object: self.object,
            fields: self.fields.iter().filter(|(f, _)| fields.contains(f)).map(|(f, v)| (*f, v.clone())).collect(),
        }
    }

    /// A hash of what the record says: equal exactly where all known fields are equal.
    #[must_use]
    pub fn content_hash(&self) -> [u8; 32] {
        let mut text = Vec::with_capacity(1_024);
        text.extend_from_slice(self.object.name().as_bytes());
        for (field, value) in &self.fields {
            text.push(0);
            text.extend_from_slice(field.name().as_bytes());
            text.push(1);
            // The type tag keeps the text "1" apart from the number 1. Writing to memory does not fail.
            serde_json::to_writer(&mut text, value).ok();
        }
        blake3::hash(&text).into()
    }

    /// What people call this record: a name, a vehicle, a number.
    #[must_use]
    pub fn title(&self) -> String {
        let join = |fields: &[Field]| {
            fields.iter().filter_map(|f| self.get(*f)).map(Value::to_plain).collect::<Vec<_>>().join(" ")
        };
        let title = match self.object {
            ObjectKind::Customer => {
                let person = join(&[Field::FIRST_NAME, Field::LAST_NAME, Field::NAME_SUFFIX]);
                if person.is_empty() { join(&[Field::COMPANY_NAME]) } else { person }
            }
            ObjectKind::Vehicle => join(&[Field::VEHICLE_YEAR, Field::VEHICLE_MAKE, Field::VEHICLE_MODEL]),
            ObjectKind::Inventory => {
                join(&[Field::STOCK_NUMBER, Field::STOCK_YEAR, Field::STOCK_MAKE, Field::STOCK_MODEL])
            }
            ObjectKind::Deal => join(&[Field::DEAL_NUMBER, Field::DEAL_NAME]),
            ObjectKind::RepairOrder => join(&[Field::RO_NUMBER]),
            ObjectKind::Lead => join(&[Field::LEAD_SOURCE, Field::LEAD_YEAR, Field::LEAD_MAKE, Field::LEAD_MODEL]),
        };
        if title.is_empty() { format!("{} without a name", self.object) } else { title }
    }
}

impl Serialize for Record {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len() + 1))?;
        map.serialize_entry("object", &self.object)?;
        for (field, value) in &self.fields {
            map.serialize_entry(field.name(), value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Record;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object kind, then its fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
                let Some("object") = map.next_key::<std::borrow::Cow<'de, str>>()?.as_deref() else {
                    return Err(serde::de::Error::custom("`object` must come first"));
                };
                let mut record = Record::new(map.next_value()?);
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    match Field::named(record.object, &name) {
                        Some(field) => {
                            record.fields.insert(field, map.next_value()?);
                        }
                        // A field that the schema no longer has: the raw payload still holds it.
                        None => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(record)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_being_stored() {
        let record = Record::new(ObjectKind::Customer)
            .with_text(Field::EMAIL, "ann@example.com")
            .with(Field::CONSENT_EMAIL, Value::Consent(crate::Consent::OptedOut));
        let stored = serde_json::to_string(&record).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Record>(&stored).ok(), Some(record), "{stored}");
    }

    #[test]
    fn a_field_that_the_schema_lost_does_not_make_a_record_unreadable() {
        let stored = r#"{"object":"customer","shoe_size":{"i":9},"email":{"t":"ann@example.com"}}"#;
        let record = serde_json::from_str::<Record>(stored).ok();
        assert_eq!(record.as_ref().and_then(|r| r.text(Field::EMAIL)), Some("ann@example.com"));
    }

    #[test]
    fn a_text_and_a_number_that_look_alike_hash_apart() {
        let of = |value| Record::new(ObjectKind::Vehicle).with(Field::VEHICLE_YEAR, value).content_hash();
        assert_ne!(of(Value::Int(1)), of(Value::Text("1".into())));
    }
}
