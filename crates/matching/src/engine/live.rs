//! One record at a time: the same keys, comparisons and scores as a whole run, over an index in memory.
//!
//! Model and value counts stay as they were learned, so that a record's score does not depend on when it came.

use super::block::{BlockLimits, finer, keys_of};
use super::cluster::{ClusterRules, Decided, cluster};
use super::compare::Comparer;
use super::model::{Model, probability};
use super::run::{DEFAULT_CUT, MEAN_MIN, NAMED_MIN};
use super::score::{Edge, Scorer, Weights};
use super::table::{RecordNo, Table};
use crate::clean::Keys;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;

/// An index of records that takes one more at any time.
#[derive(Clone, Debug)]
pub struct Live {
    table: Table,
    weights: Weights,
    limits: BlockLimits,
    holders: FxHashMap<u64, Vec<RecordNo>>,
    edges: FxHashMap<(RecordNo, RecordNo), f64>,
    neighbours: FxHashMap<RecordNo, Vec<RecordNo>>,
    apart: BTreeSet<(RecordNo, RecordNo)>,
    together: BTreeSet<(RecordNo, RecordNo)>,
    clusters: Vec<RecordNo>,
}

impl Live {
    /// An empty index that scores by what was learned from `learned`.
    #[must_use]
    pub fn new(learned: &Table, model: &Model, limits: BlockLimits) -> Self {
        Self {
            table: learned.emptied(),
            weights: Weights::new(model),
            limits,
            holders: FxHashMap::default(),
            edges: FxHashMap::default(),
            neighbours: FxHashMap::default(),
            apart: BTreeSet::new(),
            together: BTreeSet::new(),
            clusters: Vec::new(),
        }
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The id of a record.
    #[must_use]
    pub fn id(&self, record: u32) -> &str {
        self.table.id(record as usize)
    }

    /// The first record of each record's cluster, by place.
    #[must_use]
    pub fn clusters(&self) -> &[u32] {
        &self.clusters
    }

    /// Adds a record, finds whom it may be and brings its component up to date. Returns its edges.
    pub fn add(&mut self, id: &str, keys: &Keys) -> Vec<Edge> {
        let record = self.table.push(id, keys);
        let blocks: Vec<(usize, u64)> = (0..self.limits.rules())
            .flat_map(|rule| keys_of(&self.table, record, rule).map(|key| (rule, key)))
            .filter(|(_, key)| *key != 0)
            .collect();
        let met = self.meet(record, &blocks);
        let scorer = Scorer::with(&self.table, &self.weights);
        let mut comparer = Comparer::small(&self.table);
        let mut found = Vec::new();
        for other in met {
            let log2_odds = scorer.score(comparer.compare(other, record), other, record);
            if probability(log2_odds) >= NAMED_MIN {
                found.push(Edge { left: other, right: record, log2_odds });
            }
        }
        for edge in &found {
            self.edges.insert((edge.left, edge.right), edge.log2_odds);
        }
        for edge in &found {
            self.link(edge.left, edge.right);
        }
        for (_, key) in blocks {
            let holders = self.holders.entry(key).or_default();
            if holders.last() != Some(&record) {
                holders.push(record);
            }
        }
        self.clusters.push(record);
        self.settle(record);
        found
    }

    /// Keeps two records apart from now on, whatever they say, and brings their component up to date.
    pub fn keep_apart(&mut self, a: u32, b: u32) {
        let pair = (a.min(b), a.max(b));
        self.together.remove(&pair);
        self.apart.insert(pair);
        self.settle_both(a, b);
    }

    /// Puts two records together, whatever they say, unless another decision stands between.
    pub fn keep_together(&mut self, a: u32, b: u32) {
        let pair = (a.min(b), a.max(b));
        if a == b || !self.together.insert(pair) {
            return;
        }
        self.apart.remove(&pair);
        self.link(a, b);
        self.settle(a);
    }

    /// Takes back what was decided of two records: what they say counts again.
    pub fn take_back(&mut self, a: u32, b: u32) {
        let pair = (a.min(b), a.max(b));
        self.apart.remove(&pair);
        self.together.remove(&pair);
        self.settle_both(a, b);
    }

    fn link(&mut self, a: RecordNo, b: RecordNo) {
        for (one, other) in [(a, b), (b, a)] {
            let neighbours = self.neighbours.entry(one).or_default();
            if !neighbours.contains(&other) {
                neighbours.push(other);
            }
        }
    }

    fn unlink(&mut self, a: RecordNo, b: RecordNo) {
        for (one, other) in [(a, b), (b, a)] {
            if let Some(neighbours) = self.neighbours.get_mut(&one) {
                neighbours.retain(|neighbour| *neighbour != other);
            }
        }
    }

    /// Two records that only a decision held together may be in two components afterwards.
    fn settle_both(&mut self, a: RecordNo, b: RecordNo) {
        let pair = (a.min(b), a.max(b));
        if !self.together.contains(&pair) && !self.edges.contains_key(&pair) {
            self.unlink(a, b);
            self.settle(b);
        }
        self.settle(a);
    }

    fn meet(&self, record: RecordNo, blocks: &[(usize, u64)]) -> Vec<RecordNo> {
        let mut met: Vec<RecordNo> = Vec::new();
        for (rule, key) in blocks {
            let Some(holders) = self.holders.get(key) else { continue };
            if holders.len() < self.limits.key_records_max {
                met.extend(holders);
                continue;
            }
            // Too many: only those that agree in a second field as well.
            let mine = finer(&self.table, record, *rule, *key, 0);
            if mine != 0 {
                let some = holders.iter().filter(|other| finer(&self.table, **other, *rule, *key, 0) == mine);
                met.extend(some.take(self.limits.key_records_max));
            }
        }
        met.sort_unstable();
        met.dedup();
        met
    }

    /// Clusters the component of a record anew; nothing else can have changed.
    fn settle(&mut self, start: RecordNo) {
        let mut component = vec![start];
        let mut seen: FxHashSet<RecordNo> = FxHashSet::from_iter([start]);
        let mut next = 0;
        while let Some(record) = component.get(next).copied() {
            next += 1;
            for other in self.neighbours.get(&record).map_or(&[][..], Vec::as_slice) {
                if seen.insert(*other) {
                    component.push(*other);
                }
            }
        }
        // By id, as in a whole run: the order of arrival must not matter.
        component.sort_by(|a, b| self.id(*a).cmp(self.id(*b)));
        let place: FxHashMap<RecordNo, u32> =
            component.iter().enumerate().map(|(place, record)| (*record, place as u32)).collect();
        let renumbered =
            |a: RecordNo, b: RecordNo| Some((*place.get(&a)?, *place.get(&b)?)).map(|(a, b)| (a.min(b), a.max(b)));
        let mut edges = Vec::new();
        for record in &component {
            for other in self.neighbours.get(record).map_or(&[][..], Vec::as_slice).iter().filter(|o| *o > record) {
                let (Some((left, right)), Some(odds)) =
                    (renumbered(*record, *other), self.edges.get(&(*record, *other)))
                else {
                    continue;
                };
                edges.push(Edge { left, right, log2_odds: *odds });
            }
        }
        edges.sort_unstable_by_key(|edge| (edge.left, edge.right));
        let here = |pairs: &BTreeSet<(RecordNo, RecordNo)>| -> FxHashSet<(u32, u32)> {
            let of = |record: &RecordNo| pairs.range((*record, 0)..=(*record, RecordNo::MAX));
            component.iter().flat_map(of).filter_map(|(a, b)| renumbered(*a, *b)).collect()
        };
        let decided = Decided { apart: here(&self.apart), together: here(&self.together) };
        let scorer = Scorer::with(&self.table, &self.weights);
        let mut comparer = Comparer::small(&self.table);
        let rules = ClusterRules { cut: DEFAULT_CUT, mean_min: MEAN_MIN };
        let roots = cluster(
            component.len(),
            &edges,
            rules,
            &decided,
            |_, _| false,
            |a, b| {
                let (a, b) = (component[a as usize], component[b as usize]);
                probability(scorer.score(comparer.compare(a, b), a, b))
            },
        );
        for (record, root) in component.iter().zip(roots) {
            self.clusters[*record as usize] = component[root as usize];
        }
    }
}
