//! Survivorship: which of several systems' values a golden record keeps, field by field (I5, A1–A3). Pure.

use crate::ids::{ConnectionId, SourceRecordId};
use crate::object::ObjectKind;
use crate::record::Record;
use crate::schema::{Authority, Field};
use crate::system::SystemRole;
use crate::value::Value;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The age of what no system tells the age of: older than all that is known.
pub const UNKNOWN_AGE: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// One source record of an entity.
#[derive(Clone, Debug)]
pub struct Member {
    /// The source record.
    pub id: SourceRecordId,
    /// Which connection tells it.
    pub connection: ConnectionId,
    /// The part that system plays.
    pub role: SystemRole,
    /// Its key there.
    pub external_id: String,
    /// When the system last changed it, as far as known: told by the system, else when we saw it change, else
    /// [`UNKNOWN_AGE`].
    pub changed_at: DateTime<Utc>,
    /// Fields whose value is older than the record's last change.
    pub since: BTreeMap<Field, DateTime<Utc>>,
    /// What it says.
    pub record: Record,
}

impl Member {
    fn changed(&self, field: Field) -> DateTime<Utc> {
        self.since.get(&field).copied().unwrap_or(self.changed_at)
    }

    /// Its place among equals. Systems count up, so that a shorter key is an older one.
    fn place(&self) -> (usize, &str, SourceRecordId) {
        (self.external_id.len(), &self.external_id, self.id)
    }
}

/// Why a value survived, in words a dealer understands; stored with the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Only one value was told.
    Unopposed,
    /// All who told it told the same.
    Agreed,
    /// This system is believed before the others for this field.
    SystemFirst,
    /// It changed last.
    Newest,
    /// The strictest consent.
    Strictest,
    /// Neither system nor time decided; the record with the lowest key in its system did, so that the answer is the same
    /// whichever system was read first.
    OldestRecord,
}

/// A value that lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Loser {
    /// Who told it.
    pub source: SourceRecordId,
    /// What was told.
    pub value: Value,
}

/// One decided field of a golden record.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The value that survived.
    pub value: Value,
    /// Who told it.
    pub winner: SourceRecordId,
    /// Why it survived.
    pub rule: Decision,
    /// Who told something else. Those who told the same are not listed.
    pub losers: Vec<Loser>,
}

/// A golden record: what Driveline holds to be true of one entity, with each field's origin.
///
/// It is stored short, because there is one for every customer: each source is named once, and its fields point to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// The decided fields.
    pub fields: BTreeMap<Field, Decided>,
}

/// A stored field: value, place of the winner among the sources, rule, losers with their places.
type Stored<V> = (V, usize, Decision, Vec<(usize, V)>);

impl Serialize for Golden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sources: Vec<SourceRecordId> = Vec::new();
        let mut place = |id: SourceRecordId| {
            sources.iter().position(|known| *known == id).unwrap_or_else(|| {
                sources.push(id);
                sources.len() - 1
            })
        };
        let fields: BTreeMap<Field, Stored<&Value>> = self
            .fields
            .iter()
            .map(|(field, decided)| {
                let losers = decided.losers.iter().map(|loser| (place(loser.source), &loser.value)).collect();
                (*field, (&decided.value, place(decided.winner), decided.rule, losers))
            })
            .collect();
        (sources, fields).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Golden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (sources, stored): (Vec<SourceRecordId>, BTreeMap<Field, Stored<Value>>) =
            Deserialize::deserialize(deserializer)?;
        let source = |place: usize| {
            let known = sources.get(place).copied();
            known.ok_or_else(|| serde::de::Error::custom("a field names a source that is not listed"))
        };
        let mut fields = BTreeMap::new();
        for (field, (value, winner, rule, losers)) in stored {
            let losers: Result<Vec<Loser>, D::Error> =
                losers.into_iter().map(|(place, value)| Ok(Loser { source: source(place)?, value })).collect();
            fields.insert(field, Decided { value, winner: source(winner)?, rule, losers: losers? });
        }
        Ok(Self { fields })
    }
}

impl Golden {
    /// The surviving values as a plain record.
    #[must_use]
    pub fn record(&self, object: ObjectKind) -> Record {
        let mut record = Record::new(object);
        for (field, decided) in &self.fields {
            record.set(*field, decided.value.clone());
        }
        record
    }
}

/// A tenant's own order of systems for some fields; all others keep the schema's rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRules {
    /// Field → systems, most believed first.
    pub order: BTreeMap<Field, Vec<SystemRole>>,
}

/// Decides every field of an entity from its source records. The answer does not depend on the order of `members`.
#[must_use]
pub fn agree(object: ObjectKind, members: &[Member], rules: &SourceRules) -> Golden {
    let mut fields = BTreeMap::new();
    for field in Field::of(object) {
        let told: Vec<(&Member, &Value)> =
            members.iter().filter_map(|member| Some((member, member.record.get(field)?))).collect();
        if let Some(decided) = decide(field, told, rules) {
            fields.insert(field, decided);
        }
    }
    Golden { fields }
}

fn decide(field: Field, mut told: Vec<(&Member, &Value)>, rules: &SourceRules) -> Option<Decided> {
    let authority = field.spec().authority;
    let order: &[SystemRole] = match (rules.order.get(&field), authority) {
        // Consent cannot be tuned: an opt-out anywhere holds everywhere (A2).
        (Some(order), Authority::Prefer(_) | Authority::Newest) => order,
        (None, Authority::Prefer(order)) => order,
        (None, Authority::Newest) | (_, Authority::Strictest) => &[],
    };
    let rank = |member: &Member| order.iter().position(|role| *role == member.role).unwrap_or(order.len());
    let strictness = |value: &Value| match value {
        Value::Consent(consent) if authority == Authority::Strictest => Some(Reverse(*consent)),
        Value::Consent(_)
        | Value::Text(_)
        | Value::Int(_)
        | Value::Money(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Flag(_)
        | Value::Vin(_)
        | Value::Json(_) => None,
    };
    told.sort_by_key(|(member, value)| {
        (strictness(value), rank(member), Reverse(member.changed(field)), member.place())
    });
    let (winner, value) = *told.first()?;
    let others: Vec<&(&Member, &Value)> = told.iter().filter(|(_, other)| *other != value).collect();
    let rule = match others.first() {
        None if told.len() == 1 => Decision::Unopposed,
        None => Decision::Agreed,
        Some(_) if authority == Authority::Strictest => Decision::Strictest,
        Some((other, _)) if rank(winner) != rank(other) => Decision::SystemFirst,
        Some((other, _)) if winner.changed(field) != other.changed(field) => Decision::Newest,
        Some(_) => Decision::OldestRecord,
    };
    let losers = others.iter().map(|(member, value)| Loser { source: member.id, value: (*value).clone() }).collect();
    Some(Decided { value: value.clone(), winner: winner.id, rule, losers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Consent;
    use chrono::TimeZone;

    fn member(role: SystemRole, day: u32, record: Record) -> Member {
        Member {
            id: SourceRecordId::new(),
            connection: ConnectionId::new(),
            role,
            external_id: day.to_string(),
            changed_at: Utc.with_ymd_and_hms(2026, 11, day, 0, 0, 0).single().unwrap_or_default(),
            since: BTreeMap::new(),
            record,
        }
    }

    fn customer(field: Field, text: &str) -> Record {
        Record::new(ObjectKind::Customer).with_text(field, text)
    }

    fn decided(members: &[Member], rules: &SourceRules, field: Field) -> Option<(String, Decision, usize)> {
        let golden = agree(ObjectKind::Customer, members, rules);
        golden.fields.get(&field).map(|d| (d.value.to_plain(), d.rule, d.losers.len()))
    }

    #[test]
    fn the_dms_is_believed_for_a_name_and_the_loser_is_kept() {
        let members = [
            member(SystemRole::Crm, 20, customer(Field::LAST_NAME, "Leigh")),
            member(SystemRole::Dms, 1, customer(Field::LAST_NAME, "Lee")),
        ];
        let none = SourceRules::default();
        assert_eq!(decided(&members, &none, Field::LAST_NAME), Some(("Lee".into(), Decision::SystemFirst, 1)));
    }

    #[test]
    fn where_no_times_are_told_who_was_read_first_decides_nothing() {
        let unknown = |key: &str, email: &str| Member {
            external_id: key.to_owned(),
            changed_at: UNKNOWN_AGE,
            ..member(SystemRole::Dms, 1, customer(Field::EMAIL, email))
        };
        let (ninth, tenth) = (unknown("9", "ninth@example.com"), unknown("10", "tenth@example.com"));
        let mut read_later = ninth.clone();
        read_later.id = SourceRecordId::new();
        let none = SourceRules::default();
        let wanted = Some(("ninth@example.com".into(), Decision::OldestRecord, 1));
        assert_eq!(decided(&[ninth, tenth.clone()], &none, Field::EMAIL), wanted);
        assert_eq!(decided(&[tenth.clone(), read_later], &none, Field::EMAIL), wanted);

        let dated = member(SystemRole::Crm, 1, customer(Field::EMAIL, "crm@example.com"));
        let wanted = Some(("crm@example.com".into(), Decision::Newest, 1));
        assert_eq!(decided(&[tenth, dated], &none, Field::EMAIL), wanted, "a known time is newer than none");
    }

    #[test]
    fn an_email_is_the_one_that_changed_last_not_the_record_that_was_touched_last() {
        let mut dms = member(SystemRole::Dms, 20, customer(Field::EMAIL, "old@example.com"));
        let members_touched = [dms.clone(), member(SystemRole::Crm, 10, customer(Field::EMAIL, "new@example.com"))];
        let none = SourceRules::default();
        assert_eq!(
            decided(&members_touched, &none, Field::EMAIL),
            Some(("old@example.com".into(), Decision::Newest, 1))
        );
        dms.since.insert(Field::EMAIL, Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).single().unwrap_or_default());
        let members = [dms, members_touched[1].clone()];
        assert_eq!(decided(&members, &none, Field::EMAIL), Some(("new@example.com".into(), Decision::Newest, 1)));
    }

    #[test]
    fn a_golden_record_survives_being_stored() {
        let members = [
            member(SystemRole::Crm, 20, customer(Field::LAST_NAME, "Leigh").with_text(Field::EMAIL, "a@example.com")),
            member(SystemRole::Dms, 1, customer(Field::LAST_NAME, "Lee")),
        ];
        let golden = agree(ObjectKind::Customer, &members, &SourceRules::default());
        let stored = serde_json::to_string(&golden).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Golden>(&stored).ok(), Some(golden), "{stored}");
        assert!(serde_json::from_str::<Golden>(&stored.replacen(",0,", ",7,", 1)).is_err(), "{stored}");
    }

    #[test]
    fn an_opt_out_anywhere_wins_whatever_a_tenant_prefers() {
        let says = |consent| Record::new(ObjectKind::Customer).with(Field::CONSENT_TEXT, Value::Consent(consent));
        let members = [
            member(SystemRole::Dms, 20, says(Consent::OptedIn)),
            member(SystemRole::Marketing, 1, says(Consent::OptedOut)),
        ];
        let mut rules = SourceRules::default();
        rules.order.insert(Field::CONSENT_TEXT, vec![SystemRole::Dms]);
        assert_eq!(decided(&members, &rules, Field::CONSENT_TEXT), Some(("opted_out".into(), Decision::Strictest, 1)));
    }

    #[test]
    fn a_tenant_may_believe_the_crm_for_a_name() {
        let members = [
            member(SystemRole::Dms, 1, customer(Field::LAST_NAME, "Lee")),
            member(SystemRole::Crm, 1, customer(Field::LAST_NAME, "Leigh")),
        ];
        let mut rules = SourceRules::default();
        rules.order.insert(Field::LAST_NAME, vec![SystemRole::Crm, SystemRole::Dms]);
        assert_eq!(decided(&members, &rules, Field::LAST_NAME), Some(("Leigh".into(), Decision::SystemFirst, 1)));
    }

    proptest::proptest! {
        #[test]
        fn the_order_of_members_does_not_matter(
            seeds in proptest::collection::vec((0_usize..4, 1_u32..5, 0_u8..3, 0_u8..3), 1..8),
            shift in 0_usize..8,
        ) {
            let members: Vec<Member> = seeds
                .iter()
                .map(|(role, day, name, consent)| {
                    let mut record = customer(Field::LAST_NAME, &format!("n{name}"));
                    record.set(Field::EMAIL, Value::Text(format!("e{name}@example.com")));
                    if *consent > 0 {
                        let consent = if *consent == 1 { Consent::OptedIn } else { Consent::OptedOut };
                        record.set(Field::CONSENT_CALL, Value::Consent(consent));
                    }
                    member(SystemRole::ALL.get(*role).copied().unwrap_or(SystemRole::Other), *day, record)
                })
                .collect();
            let mut turned = members.clone();
            turned.rotate_left(shift % members.len());
            let none = SourceRules::default();
            proptest::prop_assert_eq!(
                agree(ObjectKind::Customer, &members, &none),
                agree(ObjectKind::Customer, &turned, &none)
            );
        }
    }
}
