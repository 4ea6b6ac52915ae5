//! A whole data set at once: block, compare, learn, score, cluster.

use super::band::Bands;
use super::block::{BlockLimits, Blocking, over_shared};
use super::cluster::{ClusterRules, cluster};
use super::compare::Comparer;
use super::field::Slot;
use super::model::Model;
use super::score::{Bases, Edge, Scorer};
use super::table::Table;
use super::train::{Evidence, compare_all, strangers, train};
use rayon::prelude::*;
use rustc_hash::FxHashSet;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Only pairs of different sides: two files linked.
    pub between: bool,
    /// At most one record of each side or source per cluster.
    pub one_per_source: bool,
    /// Limits of blocking, where the usual ones do not serve.
    pub limits: Option<BlockLimits>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Pairs worth naming, by place.
    pub edges: Vec<Edge>,
    /// Where the bands begin.
    pub bands: Bands,
    /// For each record the place of the first record of its cluster.
    pub clusters: Vec<u32>,
    /// The model that was learned.
    pub model: Model,
    /// How many pairs were compared.
    pub pairs: u64,
}

/// The least probability of a pair that is named.
pub(crate) const NAMED_MIN: f64 = 0.001;
/// The least probability that joins records into a cluster.
pub const DEFAULT_CUT: f64 = 0.5;

/// The least mean probability between two clusters that join.
pub(crate) const MEAN_MIN: f64 = 0.4;

/// Stages of a run, for whoever shows progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Keys are sorted.
    Blocking,
    /// Pairs are compared.
    Comparing,
    /// The model is learned.
    Learning,
    /// Pairs are scored.
    Scoring,
    /// Clusters are built.
    Clustering,
    /// All done.
    Done,
}

/// Matches the records of a table. Values that too many people share are taken out of it.
pub fn run(table: &mut Table, wish: Wish, prior: &Model, mut at: impl FnMut(Stage)) -> Found {
    let limits = wish.limits.unwrap_or_else(|| BlockLimits::for_records(table.len()));
    at(Stage::Blocking);
    for (family, values) in over_shared(table, limits) {
        table.forget(family, values);
    }
    let table = &*table;
    let blocking = Blocking::new(table, limits, wish.between);
    at(Stage::Comparing);
    let (met, kept, pairs) = compare_all(table, &blocking, |_| true);
    drop(blocking);
    at(Stage::Learning);
    let records = table.len() as f64;
    let of_two = |n: f64| n * (n - 1.0) / 2.0;
    let (pairs_there_are, pairs_within) = if wish.between {
        let left = table.sides.iter().filter(|side| **side == 0).count() as f64;
        (left * (records - left), of_two(left) + of_two(records - left))
    } else {
        (of_two(records), 0.0)
    };
    let evidence =
        Evidence { strangers: strangers(table, wish.between), met, pairs: pairs_there_are, pairs_within };
    let model = train(&evidence, prior);
    at(Stage::Scoring);
    let scorer = Scorer::new(table, &model);
    let mut edges: Vec<Edge> = kept
        .par_chunks(1 << 14)
        .map_init(Bases::default, |bases, chunk| {
            let mut edges = Vec::new();
            for (left, right, pattern) in chunk {
                let base = bases.of(&scorer, *pattern);
                let log2_odds = scorer.score_from(base, *pattern, *left, *right);
                if super::model::probability(log2_odds) >= NAMED_MIN {
                    edges.push(Edge { left: *left, right: *right, log2_odds });
                }
            }
            edges
        })
        .flatten()
        .collect();
    edges.par_sort_unstable_by_key(|edge| (edge.left, edge.right));
    let bands = Bands::of(&edges, table.len());
    at(Stage::Clustering);
    let mut comparer = Comparer::new(table);
    let rules = ClusterRules { cut: DEFAULT_CUT, mean_min: MEAN_MIN };
    let sources = |a: u32, b: u32| {
        let (x, y) = (table.value(a, Slot::Source), table.value(b, Slot::Source));
        if wish.between { table.sides[a as usize] == table.sides[b as usize] } else { x != 0 && x == y }
    };
    let clusters = cluster(
        table.len(),
        &edges,
        rules,
        &FxHashSet::default(),
        |a, b| wish.one_per_source && sources(a, b),
        |a, b| super::model::probability(scorer.score(comparer.compare(a, b), a, b)),
    );
    at(Stage::Done);
    Found { edges, bands, clusters, model, pairs }
}
