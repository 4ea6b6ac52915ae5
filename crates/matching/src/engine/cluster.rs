//! Clusters: the best edges first, and two clusters join only where nothing speaks against it and their members
//! resemble each other on average. What is left over goes to a person.

use super::score::Edge;
use rustc_hash::{FxHashMap, FxHashSet};

/// How clusters are built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterRules {
    /// The least probability that joins two records.
    pub cut: f64,
    /// The least mean probability over all pairs between two clusters that join.
    pub mean_min: f64,
}

/// What people decided of pairs; the smaller place first.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// These never come into one cluster, by whatever way.
    pub apart: FxHashSet<(u32, u32)>,
    /// These do, whatever their members look like, unless something else keeps them apart.
    pub together: FxHashSet<(u32, u32)>,
}

/// Log2 odds of what a person decided: before everything that was computed.
const DECIDED: f64 = 1e6;

/// The most pairs between two clusters that are looked at.
const PAIRS_LOOKED_AT: usize = 400;

/// Clusters records. `missing` scores a pair that has no edge; `conflict` says of two records that they must not come
/// together, by what they are.
///
/// Returns for each record the place of the first record of its cluster.
pub fn cluster(
    records: usize,
    edges: &[Edge],
    rules: ClusterRules,
    decided: &Decided,
    mut conflict: impl FnMut(u32, u32) -> bool,
    mut missing: impl FnMut(u32, u32) -> f64,
) -> Vec<u32> {
    let mut known: FxHashMap<(u32, u32), f64> = FxHashMap::default();
    known.reserve(edges.len());
    let mut order: Vec<Edge> =
        decided.together.iter().map(|(left, right)| Edge { left: *left, right: *right, log2_odds: DECIDED }).collect();
    for edge in edges {
        known.insert((edge.left, edge.right), edge.probability());
        if edge.probability() >= rules.cut {
            order.push(*edge);
        }
    }
    order.sort_by(|a, b| b.log2_odds.total_cmp(&a.log2_odds).then_with(|| (a.left, a.right).cmp(&(b.left, b.right))));
    let mut root: Vec<u32> = (0..records as u32).collect();
    let mut members: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for edge in order {
        let (a, b) = (root[edge.left as usize], root[edge.right as usize]);
        if a == b {
            continue;
        }
        let alone = ([a], [b]);
        let left = members.get(&a).map_or(&alone.0[..], Vec::as_slice);
        let right = members.get(&b).map_or(&alone.1[..], Vec::as_slice);
        let (mut sum, mut seen) = (0.0, 0_usize);
        let mut forbidden = false;
        'pairs: for x in left {
            for y in right {
                let pair = (*x.min(y), *x.max(y));
                if decided.apart.contains(&pair) || conflict(pair.0, pair.1) {
                    forbidden = true;
                    break 'pairs;
                }
                if seen < PAIRS_LOOKED_AT {
                    sum += known.get(&pair).copied().unwrap_or_else(|| missing(pair.0, pair.1));
                    seen += 1;
                }
            }
        }
        let alike = sum >= rules.mean_min * seen as f64 || decided.together.contains(&(edge.left, edge.right));
        if forbidden || !alike {
            continue;
        }
        let (keeps, goes) = (a.min(b), a.max(b));
        let mut moved = members.remove(&goes).unwrap_or_else(|| vec![goes]);
        for record in &moved {
            root[*record as usize] = keeps;
        }
        let stay = members.entry(keeps).or_insert_with(|| vec![keeps]);
        stay.append(&mut moved);
        stay.sort_unstable();
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(left: u32, right: u32, log2_odds: f64) -> Edge {
        Edge { left, right, log2_odds }
    }

    const RULES: ClusterRules = ClusterRules { cut: 0.5, mean_min: 0.4 };

    #[test]
    fn a_chain_of_doubtful_links_does_not_become_one_cluster() {
        let edges = [edge(0, 1, 10.0), edge(1, 2, 1.0), edge(2, 3, 10.0)];
        let clusters = cluster(4, &edges, RULES, &Decided::default(), |_, _| false, |_, _| 0.0);
        assert_eq!(clusters, [0, 0, 2, 2]);
    }

    #[test]
    fn what_a_person_told_apart_never_meets_through_a_third() {
        let edges = [edge(0, 1, 10.0), edge(1, 2, 10.0), edge(0, 2, 9.0)];
        let decided = Decided { apart: FxHashSet::from_iter([(0, 2)]), ..Decided::default() };
        let clusters = cluster(3, &edges, RULES, &decided, |_, _| false, |_, _| 0.0);
        assert_ne!(clusters[0], clusters[2]);
    }

    #[test]
    fn what_a_person_put_together_stays_so_unless_another_no_stands_between() {
        let together = FxHashSet::from_iter([(0, 2)]);
        let decided = Decided { together: together.clone(), ..Decided::default() };
        assert_eq!(cluster(3, &[], RULES, &decided, |_, _| false, |_, _| 0.0), [0, 1, 0]);
        let edges = [edge(1, 2, 10.0)];
        let decided = Decided { together, apart: FxHashSet::from_iter([(0, 1)]) };
        assert_eq!(cluster(3, &edges, RULES, &decided, |_, _| false, |_, _| 0.0), [0, 1, 0]);
    }
}
