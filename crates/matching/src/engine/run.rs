//! A whole data set at once: block, compare, learn, score, cluster.

use super::band::Bands;
use super::block::{BlockLimits, Blocking, over_shared};
use super::cluster::{ClusterRules, Decided, cluster};
use super::compare::Comparer;
use super::field::Slot;
use super::model::{Model, log2_odds, probability};
use super::pattern::Pattern;
use super::score::{Bases, Edge, Scorer};
use super::table::{RecordNo, Table};
use super::train::{Compared, Evidence, compare_all, strangers, train};
use rayon::prelude::*;

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
/// The same for the first look.
const FIRST_MIN: f64 = 0.3;
/// A pattern whose ceiling is further below what is asked for is not scored; the sums of the two are not rounded alike.
const ROUNDING_BITS: f64 = 1e-6;
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
    let blocking = Blocking::new(table, limits, wish.between);
    at(Stage::Comparing);
    let Compared { met, kept, pairs } = compare_all(table, &blocking, |_| true);
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
    let evidence = Evidence { strangers: strangers(table, wish.between), met, pairs: pairs_there_are, pairs_within };
    let model = train(&evidence, prior);
    at(Stage::Scoring);
    // Twice: what is found first tells how many people, not records, hold a value.
    let first = score(table, &model, &kept, FIRST_MIN);
    let people = clusters_of(table, &model, wish, &first);
    table.count_by(&people);
    let edges = score(table, &model, &kept, NAMED_MIN);
    drop(kept);
    let bands = Bands::of(&edges, table.len());
    at(Stage::Clustering);
    let clusters = clusters_of(table, &model, wish, &edges);
    at(Stage::Done);
    Found { edges, bands, clusters, model, pairs }
}

fn score(table: &Table, model: &Model, pairs: &[(RecordNo, RecordNo, Pattern)], least: f64) -> Vec<Edge> {
    let scorer = Scorer::new(table, model);
    let hopeless = log2_odds(least) - ROUNDING_BITS;
    let mut edges: Vec<Edge> = pairs
        .par_chunks(1 << 14)
        .map_init(Bases::default, |bases, chunk| {
            let mut edges = Vec::new();
            for (left, right, pattern) in chunk {
                let base = bases.of(&scorer, *pattern);
                // No value is rare enough to make up for this.
                if base.ceiling < hopeless {
                    continue;
                }
                let log2_odds = scorer.score_from(base.likelihoods, *pattern, *left, *right);
                if probability(log2_odds) >= least {
                    edges.push(Edge { left: *left, right: *right, log2_odds });
                }
            }
            edges
        })
        .flatten()
        .collect();
    edges.par_sort_unstable_by_key(|edge| (edge.left, edge.right));
    edges
}

fn clusters_of(table: &Table, model: &Model, wish: Wish, edges: &[Edge]) -> Vec<u32> {
    let scorer = Scorer::new(table, model);
    let mut comparer = Comparer::new(table);
    let rules = ClusterRules { cut: DEFAULT_CUT, mean_min: MEAN_MIN };
    let sources = |a: u32, b: u32| {
        let (x, y) = (table.value(a, Slot::Source), table.value(b, Slot::Source));
        if wish.between { table.sides[a as usize] == table.sides[b as usize] } else { x != 0 && x == y }
    };
    cluster(
        table.len(),
        edges,
        rules,
        &Decided::default(),
        |a, b| wish.one_per_source && sources(a, b),
        |a, b| probability(scorer.score(comparer.compare(a, b), a, b)),
    )
}
