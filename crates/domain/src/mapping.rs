//! Mapping: which part of a vendor's payload becomes which canonical field, and how it is read. Pure; versioned.
//!
//! A connector ships a default mapping per object; a tenant may lay overrides over it. Reading a text into a typed
//! value happens afterwards, in [`crate::check`]: here, a vendor's words only become canonical words.

use crate::object::ObjectKind;
use crate::schema::Field;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How the text at a path becomes the text of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// As it is; the field's type decides how it is read.
    AsIs,
    /// A day or moment in this `chrono` format.
    Dated(String),
    /// Milliseconds since 1970.
    EpochMillis,
    /// The vendor's word on the left is our word on the right. Compared without case.
    Words(Vec<(String, String)>),
    /// This part of a full name in one text ("Dr. Ann B. Lee Jr." or "Lee, Ann").
    NamePart(NamePart),
    /// The whole structure at the path, for fields that hold lines.
    Whole,
    /// The text at the path, then the texts at these paths, joined by blanks ("12" and "Main St").
    Joined(Vec<String>),
}

/// A part of a person's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamePart {
    /// Given name.
    First,
    /// Middle names.
    Middle,
    /// Surname.
    Last,
    /// Jr, Sr, II, III, IV.
    Suffix,
}

/// One line of a mapping. Of several rules for one field the first that finds something holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The canonical field.
    pub to: Field,
    /// Where in the payload: names joined by dots, `[0]` for places in a list, `@name` for XML attributes.
    pub from: String,
    /// How it is read.
    pub read: Read,
}

/// How one object's payload becomes a canonical record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The object it makes.
    pub object: ObjectKind,
    /// 0 for a connector's default; raised with each change of a tenant's overrides.
    pub version: u32,
    /// The lines.
    pub rules: Vec<Rule>,
    /// Texts by which this vendor means "nothing" (`0`, `0001-01-01T00:00:00`).
    pub nothing: Vec<String>,
    /// Top-level names that are known and not used; any other unmapped name is drift.
    pub known: Vec<String>,
}

/// A record before validation: canonical fields with the vendor's texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it will be a record of.
    pub object: ObjectKind,
    /// Fields with what the vendor said, in the order of the mapping.
    pub values: Vec<(Field, Json)>,
    /// Top-level names in the payload that the mapping does not know: the vendor's schema drifted.
    pub unknown: Vec<String>,
}

impl Mapping {
    /// A mapping without rules.
    #[must_use]
    pub const fn new(object: ObjectKind) -> Self {
        Self { object, version: 0, rules: Vec::new(), nothing: Vec::new(), known: Vec::new() }
    }

    /// Adds a line.
    #[must_use]
    pub fn rule(mut self, to: Field, from: &str, read: Read) -> Self {
        self.rules.push(Rule { to, from: from.to_owned(), read });
        self
    }

    /// Adds a line that takes the text as it is.
    #[must_use]
    pub fn take(self, to: Field, from: &str) -> Self {
        self.rule(to, from, Read::AsIs)
    }

    /// Adds a line that translates the vendor's words.
    #[must_use]
    pub fn words(self, to: Field, from: &str, words: &[(&str, &str)]) -> Self {
        let words = words.iter().map(|(theirs, ours)| ((*theirs).to_owned(), (*ours).to_owned())).collect();
        self.rule(to, from, Read::Words(words))
    }

    /// Names the texts by which this vendor means nothing.
    #[must_use]
    pub fn nothing(mut self, texts: &[&str]) -> Self {
        self.nothing.extend(texts.iter().map(|t| (*t).to_owned()));
        self
    }

    /// Names what is known and not used.
    #[must_use]
    pub fn known(mut self, names: &[&str]) -> Self {
        self.known.extend(names.iter().map(|n| (*n).to_owned()));
        self
    }

    /// Lays a tenant's lines over these: a field that has overrides takes only the overrides.
    #[must_use]
    pub fn overlaid(mut self, overrides: &[Rule], version: u32) -> Self {
        let replaced: BTreeSet<Field> = overrides.iter().map(|rule| rule.to).collect();
        self.rules.retain(|rule| !replaced.contains(&rule.to));
        self.rules.extend(overrides.iter().cloned());
        self.version = version;
        self
    }

    /// Maps a payload. Never fails: what is not there is not there, what cannot be read is told by the check.
    #[must_use]
    pub fn apply(&self, payload: &Json) -> Draft {
        let mut draft = self.values(payload);
        let names = payload.as_object().into_iter().flat_map(serde_json::Map::keys);
        draft.unknown = names.filter(|name| !self.knows(name)).cloned().collect();
        draft
    }

    /// As [`Self::apply`], without a look at names that this does not know: of many payloads of one shape, each name
    /// needs to be asked about once only, by [`Self::knows`].
    #[must_use]
    pub fn values(&self, payload: &Json) -> Draft {
        let mut values: Vec<(Field, Json)> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            if values.iter().any(|(field, _)| *field == rule.to) {
                continue;
            }
            let Some(found) = at(payload, &rule.from) else { continue };
            if let Some(value) = self.read(&rule.read, found, payload) {
                values.push((rule.to, value));
            }
        }
        Draft { object: self.object, values, unknown: Vec::new() }
    }

    fn read(&self, read: &Read, found: &Json, payload: &Json) -> Option<Json> {
        if *read == Read::Whole {
            return match found {
                Json::Null => None,
                Json::Array(list) if list.is_empty() => None,
                other => Some(other.clone()),
            };
        }
        let text = plain(found)?;
        let text = text.trim();
        if text.is_empty() || self.nothing.iter().any(|nothing| nothing == text) {
            return None;
        }
        match read {
            Read::AsIs | Read::Whole => Some(Json::String(text.to_owned())),
            Read::Dated(format) => Some(Json::String(dated(text, format).unwrap_or_else(|| text.to_owned()))),
            Read::EpochMillis => Some(Json::String(
                text.parse()
                    .ok()
                    .and_then(chrono::DateTime::from_timestamp_millis)
                    .map_or_else(|| text.to_owned(), |moment| moment.to_rfc3339()),
            )),
            // A word that is not in the list stays what it is; the check tells whether it is one of ours.
            Read::Words(words) => Some(Json::String(
                words
                    .iter()
                    .find(|(theirs, _)| theirs.eq_ignore_ascii_case(text))
                    .map_or_else(|| text.to_owned(), |(_, ours)| ours.clone()),
            ))
            .filter(|word| word.as_str() != Some("")),
            Read::NamePart(part) => name_part(text, *part).map(Json::String),
            Read::Joined(more) => {
                let mut joined = text.to_owned();
                for next in more.iter().filter_map(|path| at(payload, path).and_then(plain)) {
                    if !next.trim().is_empty() {
                        joined.push(' ');
                        joined.push_str(next.trim());
                    }
                }
                Some(Json::String(joined))
            }
        }
    }

    /// Whether a top-level name of a payload is used here, or known and not used.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        let first = |path: &str| path.split(['.', '[']).next().is_some_and(|first| first == name);
        self.known.iter().any(|known| known == name)
            || self.rules.iter().any(|rule| {
                let joined = matches!(&rule.read, Read::Joined(more) if more.iter().any(|path| path == name));
                joined || rule.from == name || rule.from.starts_with(name) && first(&rule.from)
            })
    }
}

/// The part of a payload at a path; a name that itself contains dots is found first.
#[must_use]
pub fn at<'a>(payload: &'a Json, path: &str) -> Option<&'a Json> {
    if let Some(found) = payload.get(path) {
        return Some(found);
    }
    if !path.contains(['.', '[']) {
        return None;
    }
    let mut here = payload;
    for step in path.split('.') {
        let (name, places) = step.split_once('[').map_or((step, None), |(name, rest)| (name, Some(rest)));
        if !name.is_empty() {
            here = here.get(name)?;
        }
        for place in places.into_iter().flat_map(|rest| rest.split('[')) {
            here = here.get(place.trim_end_matches(']').parse::<usize>().ok()?)?;
        }
    }
    Some(here)
}

/// The text of a simple value; a list of simple values gives its first.
fn plain(found: &Json) -> Option<Cow<'_, str>> {
    match found {
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Number(number) => Some(Cow::Owned(number.to_string())),
        Json::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        // An XML element with attributes: its text is under `#text`.
        Json::Object(object) => object.get("#text").and_then(plain),
        Json::Array(list) => list.first().and_then(plain),
        Json::Null => None,
    }
}

fn dated(text: &str, format: &str) -> Option<String> {
    if let Ok(moment) = chrono::DateTime::parse_from_str(text, format) {
        return Some(moment.to_rfc3339());
    }
    if let Ok(moment) = chrono::NaiveDateTime::parse_from_str(text, format) {
        return Some(moment.and_utc().to_rfc3339());
    }
    chrono::NaiveDate::parse_from_str(text, format).ok().map(|day| day.to_string())
}

const TITLES: [&str; 7] = ["mr", "mrs", "ms", "miss", "dr", "prof", "rev"];
const SUFFIXES: [&str; 6] = ["jr", "sr", "ii", "iii", "iv", "v"];

/// One part of a full name, "First Middle Last Suffix" or "Last, First Middle Suffix".
fn name_part(full: &str, part: NamePart) -> Option<String> {
    let bare = |word: &str| word.trim_matches(['.', ',']).to_ascii_lowercase();
    let mut words: Vec<&str> = full.split_whitespace().collect();
    if words.first().is_some_and(|w| TITLES.contains(&bare(w).as_str())) {
        words.remove(0);
    }
    let suffix = (words.len() > 1)
        .then(|| words.iter().rposition(|w| SUFFIXES.contains(&bare(w).as_str())))
        .flatten()
        .filter(|place| *place > 0)
        .map(|place| words.remove(place).trim_matches(['.', ',']).to_owned());
    // "Lee, Ann B." has its surname first.
    if let Some(comma) = words.iter().position(|w| w.ends_with(','))
        && comma + 1 < words.len()
    {
        words.rotate_left(comma + 1);
    }
    let clean = |words: &[&str]| {
        let joined = words.iter().map(|w| w.trim_end_matches(',')).collect::<Vec<_>>().join(" ");
        (!joined.is_empty()).then_some(joined)
    };
    match (part, words.as_slice()) {
        (NamePart::Suffix, _) => suffix,
        (NamePart::First, [first, _, ..]) => clean(&[first]),
        (NamePart::Middle, [_, middle @ .., _]) => clean(middle),
        (NamePart::Last, [only]) => clean(&[only]),
        (NamePart::Last, [.., last]) => clean(&[last]),
        (NamePart::First | NamePart::Middle | NamePart::Last, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_rule_that_finds_something_holds() {
        let mapping = Mapping::new(ObjectKind::Customer)
            .nothing(&["0"])
            .take(Field::PHONE_MOBILE, "cell")
            .take(Field::PHONE_MOBILE, "contact.phones[1]");
        let draft = mapping.apply(&json!({"cell": "0", "contact": {"phones": ["a", 4155550100_i64]}}));
        assert_eq!(draft.values, vec![(Field::PHONE_MOBILE, json!("4155550100"))]);
        assert!(draft.unknown.is_empty());
    }

    #[test]
    fn a_name_the_mapping_does_not_know_is_drift() {
        let mapping = Mapping::new(ObjectKind::Customer).take(Field::EMAIL, "mail").known(&["id"]);
        let draft = mapping.apply(&json!({"id": 1, "mail": "a@b.co", "loyalty": 3}));
        assert_eq!(draft.unknown, ["loyalty"]);
    }

    #[test]
    fn a_street_in_two_columns_comes_together() {
        let mapping =
            Mapping::new(ObjectKind::Customer).rule(Field::STREET, "no", Read::Joined(vec!["road".to_owned()]));
        let draft = mapping.apply(&json!({"no": "12", "road": " Main St "}));
        assert_eq!(draft.values, vec![(Field::STREET, json!("12 Main St"))]);
        assert!(draft.unknown.is_empty());
    }

    #[test]
    fn a_full_name_comes_apart() {
        let cases = [
            ("Ann Lee", [Some("Ann"), None, Some("Lee"), None]),
            ("Dr. Ann B. Lee Jr.", [Some("Ann"), Some("B."), Some("Lee"), Some("Jr")]),
            ("Lee, Ann", [Some("Ann"), None, Some("Lee"), None]),
            ("De La Cruz, Ana Maria", [Some("Ana"), Some("Maria De La"), Some("Cruz"), None]),
            ("Cher", [None, None, Some("Cher"), None]),
        ];
        for (full, parts) in cases {
            let of = |part| name_part(full, part);
            let got = [of(NamePart::First), of(NamePart::Middle), of(NamePart::Last), of(NamePart::Suffix)];
            assert_eq!(got.each_ref().map(Option::as_deref), parts, "{full}");
        }
    }

    #[test]
    fn an_override_replaces_all_lines_of_its_field() {
        let mapping = Mapping::new(ObjectKind::Customer).take(Field::EMAIL, "a").take(Field::CITY, "c");
        let line = Rule { to: Field::EMAIL, from: "b".into(), read: Read::AsIs };
        let draft = mapping.overlaid(&[line], 1).apply(&json!({"a": "x", "b": "y", "c": "z"}));
        assert_eq!(draft.values, vec![(Field::CITY, json!("z")), (Field::EMAIL, json!("y"))]);
    }
}
