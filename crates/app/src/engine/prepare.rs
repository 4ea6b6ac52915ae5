//! Steps 1 to 3 for a page, before any transaction: hash, map, check. Pure, and the only heavy computing of a sync.

use chrono::{DateTime, Utc};
use connectors::Payload;
use domain::ObjectKind;
use domain::check::{Checked, check};
use domain::mapping::Mapping;
use std::collections::{BTreeSet, HashMap};

/// A payload that was read.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub external_id: String,
    pub raw: Vec<u8>,
    pub raw_hash: [u8; 32],
    pub checked: Checked,
    pub content_hash: [u8; 32],
    pub changed_at: Option<DateTime<Utc>>,
    pub deleted: bool,
}

/// A prepared page.
#[derive(Clone, Debug)]
pub(crate) struct PreparedPage {
    pub object: ObjectKind,
    pub mapping_version: i32,
    /// Each external id once; the later payload holds.
    pub records: Vec<Prepared>,
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
    let mut unknown = BTreeSet::new();
    let records: Vec<Prepared> = payloads
        .into_iter()
        .enumerate()
        .filter(|(place, payload)| last.get(&payload.external_id) == Some(place))
        .map(|(_, payload)| {
            let draft = mapping.apply(&payload.body);
            unknown.extend(draft.unknown.iter().cloned());
            let checked = check(&draft);
            let raw = payload.body.to_string().into_bytes();
            Prepared {
                external_id: payload.external_id,
                raw_hash: blake3_of(&raw),
                raw,
                content_hash: checked.record.content_hash(),
                checked,
                changed_at: payload.changed_at,
                deleted: payload.deleted,
            }
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
        };
        let page = prepare(&mapping, vec![payload("1", "Lee"), payload("2", "Ng"), payload("1", "Leigh")]);
        let names: Vec<_> = page.records.iter().map(|r| r.checked.record.text(Field::LAST_NAME)).collect();
        assert_eq!(names, [Some("Ng"), Some("Leigh")]);
        assert_eq!(page.replaced, 1);
        assert!(page.unknown.contains("new_thing"));
    }
}
