//! Golden ids stay: on a merge the oldest keeps its id; on a split those keep it who brought it, the largest part of
//! them; who comes back after an unmerge gets the id it had.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A record as it stood before, and the cluster it is in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<R, G> {
    /// The record.
    pub record: R,
    /// The golden id it had; ids sort by age, as UUIDs of version 7 do.
    pub golden: Option<G>,
    /// A golden id it had before that one, now an alias of it.
    pub former: Option<G>,
    /// Its cluster now; any number that the members share.
    pub cluster: u32,
}

/// What happened to golden ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change<G> {
    /// One became an alias of another.
    Merged {
        /// The id that answers from now on through the other.
        gone: G,
        /// The id that stays.
        into: G,
    },
    /// A part of one entity is an entity of its own.
    Split {
        /// The entity it was part of.
        from: G,
        /// The new or returned id.
        part: G,
    },
}

/// Ids after a change of clusters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled<R: Ord, G: Ord> {
    /// Every record's golden id.
    pub golden: BTreeMap<R, G>,
    /// What is to be told downstream, in order.
    pub changes: Vec<Change<G>>,
}

/// What of an entity is in one cluster now.
struct Part<R> {
    /// Records that had the id before any that had another.
    natives: usize,
    size: usize,
    oldest: R,
}

/// Gives clusters their ids. `new_golden` is called once per entity that is new, in the order of the first record.
pub fn reconcile<R: Ord + Copy, G: Ord + Copy>(
    standings: &[Standing<R, G>],
    mut new_golden: impl FnMut() -> G,
) -> Reconciled<R, G> {
    let mut members: BTreeMap<u32, Vec<&Standing<R, G>>> = BTreeMap::new();
    let mut parts: BTreeMap<G, BTreeMap<u32, Part<R>>> = BTreeMap::new();
    for standing in standings {
        members.entry(standing.cluster).or_default().push(standing);
        if let Some(golden) = standing.golden {
            let parts = parts.entry(golden).or_default();
            let part = parts.entry(standing.cluster).or_insert(Part { natives: 0, size: 0, oldest: standing.record });
            part.natives += usize::from(standing.former.is_none_or(|former| former == golden));
            part.size += 1;
            part.oldest = part.oldest.min(standing.record);
        }
    }
    // Who held the id before others joined keeps it, so that an unmerge gives everybody their own back; then the
    // largest part; among equals the one with the oldest record.
    let mut claims: BTreeMap<u32, BTreeSet<G>> = BTreeMap::new();
    for (golden, parts) in &parts {
        let heir = parts.iter().max_by_key(|(_, part)| (part.natives, part.size, Reverse(part.oldest)));
        if let Some((cluster, _)) = heir {
            claims.entry(*cluster).or_default().insert(*golden);
        }
    }
    let mut taken: BTreeSet<G> = claims.values().filter_map(|ids| ids.first().copied()).collect();
    let mut order: Vec<(R, u32)> = members
        .iter()
        .filter_map(|(cluster, members)| members.iter().map(|s| s.record).min().map(|first| (first, *cluster)))
        .collect();
    order.sort_unstable();
    let mut reconciled = Reconciled { golden: BTreeMap::new(), changes: Vec::new() };
    for (_, cluster) in order {
        let Some(members) = members.get(&cluster) else { continue };
        let claimed = claims.get(&cluster);
        let golden = match claimed.and_then(|ids| ids.first().copied()) {
            Some(oldest) => oldest,
            None => {
                let mut former: BTreeMap<G, usize> = BTreeMap::new();
                for id in members.iter().filter_map(|s| s.former).filter(|id| !taken.contains(id)) {
                    *former.entry(id).or_default() += 1;
                }
                let back = former.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))).map(|(id, _)| *id);
                let id = back.unwrap_or_else(&mut new_golden);
                taken.insert(id);
                id
            }
        };
        let before: BTreeSet<G> = members.iter().filter_map(|s| s.golden).filter(|id| *id != golden).collect();
        for id in before {
            if claimed.is_some_and(|ids| ids.contains(&id)) {
                reconciled.changes.push(Change::Merged { gone: id, into: golden });
            } else {
                reconciled.changes.push(Change::Split { from: id, part: golden });
            }
        }
        reconciled.golden.extend(members.iter().map(|s| (s.record, golden)));
    }
    reconciled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(record: u32, golden: u32, former: Option<u32>, cluster: u32) -> Standing<u32, u32> {
        Standing { record, golden: Some(golden), former, cluster }
    }

    #[test]
    fn on_a_merge_the_oldest_keeps_its_id() {
        let told = reconcile(&[standing(1, 20, None, 0), standing(2, 10, None, 0)], || 99);
        assert_eq!(told.golden, BTreeMap::from([(1, 10), (2, 10)]));
        assert_eq!(told.changes, [Change::Merged { gone: 20, into: 10 }]);
    }

    #[test]
    fn on_a_split_the_largest_part_keeps_it_and_the_other_gets_its_own_back() {
        let standings = [
            standing(1, 10, Some(20), 7),
            standing(2, 10, None, 0),
            standing(3, 10, None, 0),
            standing(4, 10, Some(30), 8),
        ];
        let told = reconcile(&standings, || 99);
        assert_eq!(told.golden, BTreeMap::from([(1, 20), (2, 10), (3, 10), (4, 30)]));
        assert_eq!(told.changes, [Change::Split { from: 10, part: 20 }, Change::Split { from: 10, part: 30 }]);
    }

    #[test]
    fn an_unmerge_gives_the_smaller_part_its_older_id_back() {
        let standings = [standing(1, 10, None, 0), standing(2, 10, Some(20), 7), standing(3, 10, Some(20), 7)];
        let told = reconcile(&standings, || 99);
        assert_eq!(told.golden, BTreeMap::from([(1, 10), (2, 20), (3, 20)]));
    }

    #[test]
    fn what_was_nobody_before_gets_a_new_id() {
        let told = reconcile(&[Standing { record: 1, golden: None, former: None, cluster: 3 }], || 99);
        assert_eq!(told.golden, BTreeMap::from([(1, 99)]));
        assert!(told.changes.is_empty());
    }
}
