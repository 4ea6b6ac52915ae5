//! The assignment of a batch: each new record joins an entity, starts one, or leaves a question for a person.

use crate::{SHARED_MAX, Verdict, hierarchy};
use domain::{GoldenId, Record, SourceRecordId};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A record of the batch.
#[derive(Clone, Debug)]
pub struct Probe<'a> {
    /// The source record.
    pub id: SourceRecordId,
    /// What it says.
    pub record: &'a Record,
    /// Hashes of its blocking keys.
    pub keys: Vec<i64>,
    /// The entity it already belongs to; it stays there.
    pub golden: Option<GoldenId>,
}

/// A record known before, that shares a key with the batch.
#[derive(Clone, Debug)]
pub struct Known {
    /// The source record.
    pub id: SourceRecordId,
    /// Its entity.
    pub golden: GoldenId,
    /// What it says.
    pub record: Record,
}

/// Where a record of the batch belongs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Assignment {
    /// It stays with its entity.
    Stays(GoldenId),
    /// It joins an entity that was there before or was started in this batch.
    Joins {
        /// The entity.
        golden: GoldenId,
        /// Why.
        reason: &'static str,
    },
    /// It starts an entity.
    Starts(GoldenId),
}

impl Assignment {
    /// The entity.
    #[must_use]
    pub const fn golden(&self) -> GoldenId {
        match self {
            Self::Stays(golden) | Self::Joins { golden, .. } | Self::Starts(golden) => *golden,
        }
    }
}

/// A question for a person: are these two entities one?
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Review {
    /// The smaller id.
    pub left: GoldenId,
    /// The greater id.
    pub right: GoldenId,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: &'static str,
}

/// An assigned batch.
#[derive(Clone, Debug, Default)]
pub struct Assigned {
    /// One per probe, in order.
    pub assignments: Vec<Assignment>,
    /// Questions, each pair once.
    pub reviews: Vec<Review>,
}

/// Assigns a batch. `holders` says which known records hold a key; `never` are pairs a person has told apart.
///
/// A record that is the same as two entities joins the better one and asks about the other: entities that people and
/// systems already know are never joined behind their backs.
pub fn assign(
    probes: &[Probe<'_>],
    known: &[Known],
    holders: &HashMap<i64, Vec<SourceRecordId>>,
    never: &HashSet<(SourceRecordId, SourceRecordId)>,
    mut new_golden: impl FnMut() -> GoldenId,
) -> Assigned {
    let known_by_id: HashMap<SourceRecordId, &Known> = known.iter().map(|k| (k.id, k)).collect();
    let apart = |a: SourceRecordId, b: SourceRecordId| never.contains(&(a.min(b), a.max(b)));
    let mut in_batch: HashMap<i64, Vec<usize>> = HashMap::new();
    let mut assigned = Assigned::default();
    let mut reviews: BTreeMap<(GoldenId, GoldenId), Review> = BTreeMap::new();
    let mut members: HashMap<GoldenId, Vec<SourceRecordId>> = HashMap::new();

    for (place, probe) in probes.iter().enumerate() {
        let mut same: BTreeMap<GoldenId, (f32, &'static str)> = BTreeMap::new();
        let mut unsure: Vec<(GoldenId, f32, &'static str)> = Vec::new();
        let mut blocked: BTreeSet<GoldenId> = BTreeSet::new();
        let mut met: HashSet<SourceRecordId> = HashSet::new();
        for key in &probe.keys {
            let before = holders.get(key).map_or(&[][..], Vec::as_slice);
            let here = in_batch.get(key).map_or(&[][..], Vec::as_slice);
            if before.len() + here.len() > SHARED_MAX {
                continue;
            }
            let candidates = before
                .iter()
                .filter_map(|id| known_by_id.get(id).map(|k| (k.id, k.golden, &k.record)))
                .chain(here.iter().filter_map(|other| {
                    let (probe, assignment) = (probes.get(*other)?, assigned.assignments.get(*other)?);
                    Some((probe.id, assignment.golden(), probe.record))
                }));
            for (id, golden, record) in candidates {
                if id == probe.id || Some(golden) == probe.golden || !met.insert(id) {
                    continue;
                }
                if apart(id, probe.id) {
                    blocked.insert(golden);
                    continue;
                }
                match hierarchy::compare(probe.record, record) {
                    Verdict::Same { score, reason } => {
                        let best = same.entry(golden).or_insert((score, reason));
                        if score > best.0 {
                            *best = (score, reason);
                        }
                    }
                    Verdict::Review { score, reason } => unsure.push((golden, score, reason)),
                    Verdict::Different => {}
                }
            }
        }
        same.retain(|golden, _| {
            !blocked.contains(golden)
                && !members.get(golden).is_some_and(|ids| ids.iter().any(|id| apart(*id, probe.id)))
        });
        // Best score first; among equals the oldest entity, whose id is the smallest.
        let best = same.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0).then_with(|| b.0.cmp(a.0)));
        let assignment = match (probe.golden, best) {
            (Some(golden), _) => Assignment::Stays(golden),
            (None, Some((golden, (_, reason)))) => Assignment::Joins { golden: *golden, reason },
            (None, None) => Assignment::Starts(new_golden()),
        };
        let mine = assignment.golden();
        members.entry(mine).or_default().push(probe.id);
        let questions = same
            .iter()
            .map(|(golden, (score, reason))| (*golden, *score, *reason))
            .chain(unsure)
            .filter(|(golden, ..)| *golden != mine && !blocked.contains(golden));
        for (golden, score, reason) in questions {
            let pair = (mine.min(golden), mine.max(golden));
            let review = Review { left: pair.0, right: pair.1, score, reason };
            let asked = reviews.entry(pair).or_insert(review);
            if score > asked.score {
                *asked = review;
            }
        }
        for key in &probe.keys {
            in_batch.entry(*key).or_default().push(place);
        }
        assigned.assignments.push(assignment);
    }
    assigned.reviews = reviews.into_values().collect();
    assigned
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use domain::{Field, ObjectKind};

    fn customer(first: &str, email: &str) -> Record {
        Record::new(ObjectKind::Customer)
            .with_text(Field::CUSTOMER_KIND, "individual")
            .with_text(Field::FIRST_NAME, first)
            .with_text(Field::LAST_NAME, "Lee")
            .with_text(Field::EMAIL, email)
    }

    fn probe(record: &Record, key: i64) -> Probe<'_> {
        Probe { id: SourceRecordId::new(), record, keys: vec![key], golden: None }
    }

    #[test]
    fn two_records_of_one_batch_meet() {
        let (a, b) = (customer("Bill", "b@example.com"), customer("William", "b@example.com"));
        let probes = [probe(&a, 1), probe(&b, 1)];
        let assigned = assign(&probes, &[], &HashMap::new(), &HashSet::new(), GoldenId::new);
        assert_eq!(assigned.assignments[0].golden(), assigned.assignments[1].golden());
        assert!(matches!(assigned.assignments[0], Assignment::Starts(_)));
    }

    #[test]
    fn what_a_person_told_apart_stays_apart() {
        let (a, b) = (customer("Bill", "b@example.com"), customer("William", "b@example.com"));
        let probes = [probe(&a, 1), probe(&b, 1)];
        let never = HashSet::from([(probes[0].id.min(probes[1].id), probes[0].id.max(probes[1].id))]);
        let assigned = assign(&probes, &[], &HashMap::new(), &never, GoldenId::new);
        assert_ne!(assigned.assignments[0].golden(), assigned.assignments[1].golden());
        assert!(assigned.reviews.is_empty());
    }

    #[test]
    fn a_record_like_two_entities_joins_one_and_asks_about_the_other() {
        let record = customer("Ann", "a@example.com");
        let known: Vec<Known> = (0..2)
            .map(|_| Known { id: SourceRecordId::new(), golden: GoldenId::new(), record: record.clone() })
            .collect();
        let holders = HashMap::from([(1, known.iter().map(|k| k.id).collect())]);
        let assigned = assign(&[probe(&record, 1)], &known, &holders, &HashSet::new(), GoldenId::new);
        assert!(matches!(assigned.assignments[0], Assignment::Joins { golden, .. } if golden == known[0].golden));
        assert_eq!(assigned.reviews.len(), 1);
    }

    #[test]
    fn a_key_that_hundreds_share_brings_nobody_together() {
        let record = customer("Ann", "a@example.com");
        let known: Vec<Known> = (0..100)
            .map(|_| Known { id: SourceRecordId::new(), golden: GoldenId::new(), record: record.clone() })
            .collect();
        let holders = HashMap::from([(1, known.iter().map(|k| k.id).collect())]);
        let assigned = assign(&[probe(&record, 1)], &known, &holders, &HashSet::new(), GoldenId::new);
        assert!(matches!(assigned.assignments[0], Assignment::Starts(_)));
    }
}
