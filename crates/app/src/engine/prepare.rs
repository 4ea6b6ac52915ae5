//! Steps 1 to 3 for a page, before any transaction: hash, map, check. Pure, and the only heavy computing of a sync.

use chrono::{DateTime, Utc};
use connectors::Payload;
use domain::check::{Checked, Issue, Weight, check};
use domain::mapping::Mapping;
use domain::{GoldenId, ObjectKind, Record};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A payload that was read.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub external_id: String,
    pub raw: Vec<u8>,
    pub raw_hash: [u8; 32],
    pub checked: Checked,
    /// A customer as matching reads it.
    pub person: Option<Person>,
    pub content_hash: [u8; 32],
    pub changed_at: Option<DateTime<Utc>>,
    pub deleted: bool,
    /// The entity of ours whose mark it bears.
    pub mark: Option<GoldenId>,
}

/// A customer as matching reads it: cleaned, and the keys by which others are met.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub cleaned: matching::clean::Keys,
    pub keys: Vec<matching::Key>,
}

impl Person {
    /// Reads a record; `None` where it is no customer.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        (record.object() == ObjectKind::Customer).then(|| {
            let cleaned = matching::person_keys(record);
            Self { keys: matching::keys_of_person(record, &cleaned), cleaned }
        })
    }
}

/// A prepared page.
#[derive(Clone, Debug)]
pub(crate) struct PreparedPage {
    pub object: ObjectKind,
    pub mapping_version: i32,
    /// Each external id once; the later payload holds.
    pub records: Vec<Arc<Prepared>>,
    /// Payloads that a later one of the same page replaced.
    pub replaced: i64,
    /// Names that the mapping does not know.
    pub unknown: BTreeSet<String>,
}

/// Reads payloads by a mapping.
pub(crate) fn prepare(mapping: &Mapping, payloads: Vec<Payload>) -> PreparedPage {
    let many = payloads.len();
    let last: HashMap<String, usize> =
        payloads.iter().enumerate().map(|(place, payload)| (payload.external_id.clone(), place)).collect();
    // A page's payloads mostly have the same names; each is asked about once.
    let (mut met, mut unknown) = (HashSet::new(), BTreeSet::new());
    let records: Vec<Arc<Prepared>> = payloads
        .into_iter()
        .enumerate()
        .filter(|(place, payload)| last.get(&payload.external_id) == Some(place))
        .map(|(_, payload)| {
            // A defect of ours that one record brings to light must not keep the others out.
            let read = catch_unwind(AssertUnwindSafe(|| {
                for name in payload.body.as_object().into_iter().flat_map(serde_json::Map::keys) {
                    if !met.contains(name) {
                        met.insert(name.clone());
                        unknown.extend((!mapping.knows(name)).then(|| name.clone()));
                    }
                }
                let checked = check(&mapping.values(&payload.body));
                let person = Person::of(&checked.record).filter(|_| !checked.is_flagged());
                (checked, person)
            }));
            let (checked, person) = match read {
                Ok(read) => read,
                Err(_) => (set_aside(mapping.object, Trouble::OurCode), None),
            };
            let raw = payload.body.to_string().into_bytes();
            Arc::new(Prepared {
                external_id: payload.external_id,
                raw_hash: blake3_of(&raw),
                raw,
                content_hash: checked.record.content_hash(),
                checked,
                person,
                changed_at: payload.changed_at,
                mark: payload.mark.as_deref().and_then(|mark| mark.parse().ok()).map(GoldenId),
                deleted: payload.deleted,
            })
        })
        .collect();
    PreparedPage {
        object: mapping.object,
        mapping_version: i32::try_from(mapping.version).unwrap_or(i32::MAX),
        replaced: i64::try_from(many - records.len()).unwrap_or_default(),
        records,
        unknown,
    }
}

/// Why a single record cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Our code failed on it.
    OurCode,
    /// The database refuses a value of it, with this SQLSTATE.
    Refused(String),
}

impl Trouble {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::OurCode => OUR_CODE,
            Self::Refused(_) => REFUSED,
        }
    }

    pub(crate) fn said(&self) -> Cow<'static, str> {
        match self {
            Self::OurCode => "Our own code failed on this record.".into(),
            Self::Refused(state) => {
                format!("A value of this record cannot be stored (the database says {state}).").into()
            }
        }
    }

    pub(crate) const fn fix(&self) -> &'static str {
        match self {
            Self::OurCode => {
                "It is kept as it came, and we have been told. Replay it after the next update of Driveline."
            }
            Self::Refused(_) => {
                "Look in its system for a value with control characters or far too long a text, and correct it there."
            }
        }
    }
}

const OUR_CODE: &str = "our_code_failed";
const REFUSED: &str = "cannot_be_stored";

/// Whether a code tells of a defect of ours rather than of something to correct at the source.
pub(crate) fn is_our_fault(code: &str) -> bool {
    // A connector's refusals carry their kind in front.
    code.strip_prefix("refused:").unwrap_or(code) == OUR_CODE
}

/// What stands for a record that cannot be taken in: nothing of it is believed, and it waits.
pub(crate) fn set_aside(object: ObjectKind, trouble: Trouble) -> Checked {
    let issue = Issue {
        field: None,
        code: trouble.code().into(),
        weight: Weight::Flagged,
        message: trouble.said(),
        fix: trouble.fix().into(),
    };
    Checked { record: Record::new(object), issues: vec![issue] }
}

fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    blake3::hash(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Field;
    use serde_json::json;

    #[test]
    fn of_a_record_that_comes_twice_in_a_page_the_later_holds() {
        let mapping = Mapping::new(ObjectKind::Customer).take(Field::LAST_NAME, "last").known(&["x"]);
        let payload = |id: &str, last: &str| Payload {
            external_id: id.to_owned(),
            body: json!({"last": last, "new_thing": 1}),
            changed_at: None,
            deleted: false,
            mark: None,
        };
        let page = prepare(&mapping, vec![payload("1", "Lee"), payload("2", "Ng"), payload("1", "Leigh")]);
        let names: Vec<_> = page.records.iter().map(|r| r.checked.record.text(Field::LAST_NAME)).collect();
        assert_eq!(names, [Some("Ng"), Some("Leigh")]);
        assert_eq!(page.replaced, 1);
        assert!(page.unknown.contains("new_thing"));
    }
}
