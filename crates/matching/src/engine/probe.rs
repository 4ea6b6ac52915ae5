//! One record against candidates that somebody else looked up: block keys to find them by, scores to judge them.
//!
//! This is the way through a database: keys are stored, candidates come back from it with how common their values are.

use super::block::{BlockLimits, RULES, keys_of};
use super::compare::Comparer;
use super::explain::{Waterfall, explain};
use super::model::Model;
use super::score::{Edge, Scorer};
use super::table::{RecordNo, Table};
use crate::clean::Keys;

/// A key by which a record is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockKey {
    /// The rule's name.
    pub rule: &'static str,
    /// The same for the same texts, on every machine and in every version.
    pub hash: i64,
}

/// How common values are among the records of a tenant.
pub trait Frequencies {
    /// How many people hold this value. `family` is the name of a field: first, last, company, email, phone, …
    fn held(&self, family: &'static str, value: &str) -> u32;

    /// How many people hold any value of the family.
    fn present(&self, family: &'static str) -> u32;
}

/// The keys of a record.
#[must_use]
pub fn block_keys(keys: &Keys, limits: BlockLimits) -> Vec<BlockKey> {
    let mut table = Table::new();
    let record = table.push("", keys);
    (0..limits.rules())
        .flat_map(|rule| keys_of(&table, record, rule).map(|key| (RULES[rule].name, key)))
        .filter(|(_, key)| *key != 0)
        .map(|(rule, key)| BlockKey { rule, hash: key.cast_signed() })
        .collect()
}

/// A record with those it may be.
pub struct Candidates<'a> {
    table: Table,
    model: &'a Model,
}

impl<'a> Candidates<'a> {
    /// The record first, then the candidates, in the caller's order.
    #[must_use]
    pub fn new(model: &'a Model, record: &Keys, candidates: &[Keys], known: &dyn Frequencies) -> Self {
        let mut table = Table::new();
        table.push("", record);
        for candidate in candidates {
            table.push("", candidate);
        }
        table.count_as(|family, value| known.held(family, value), |family| known.present(family));
        Self { table, model }
    }

    /// The score of each candidate; places are those of the candidates, from 1 on, and 0 is the record.
    #[must_use]
    pub fn score(&self) -> Vec<Edge> {
        let scorer = Scorer::new(&self.table, self.model);
        let mut comparer = Comparer::small(&self.table);
        (1..self.table.len() as RecordNo)
            .map(|other| Edge { left: 0, right: other, log2_odds: scorer.score(comparer.compare(0, other), 0, other) })
            .collect()
    }

    /// Why a candidate has its score.
    #[must_use]
    pub fn explain(&self, candidate: u32) -> Waterfall {
        explain(&self.table, self.model, 0, candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Row, clean};
    use crate::engine::field::Input;

    struct Rare;

    impl Frequencies for Rare {
        fn held(&self, _: &'static str, _: &str) -> u32 {
            1
        }

        fn present(&self, _: &'static str) -> u32 {
            100_000
        }
    }

    fn keys(first: &str, email: &str) -> Keys {
        clean(&Row::new().with(Input::First, first).with(Input::Last, "Lee").with(Input::Email, email))
    }

    #[test]
    fn candidates_are_found_by_key_and_judged_by_what_they_say() {
        let (ann, ana, tom) =
            (keys("Ann", "a@example.com"), keys("Anna", "a@example.com"), keys("Tom", "t@example.com"));
        let limits = BlockLimits::for_records(100_000);
        let shared = |other: &Keys| {
            let theirs = block_keys(other, limits);
            block_keys(&ann, limits).iter().any(|key| theirs.contains(key))
        };
        assert!(shared(&ana) && !shared(&tom));

        let model = Model::prior();
        let candidates = Candidates::new(&model, &ann, &[ana, tom], &Rare);
        let scores = candidates.score();

        assert!(scores[0].probability() > 0.9, "{scores:?}");
        // One rare surname is little.
        assert!(scores[1].probability() < 0.1, "{scores:?}");
        let sum: f64 = candidates.explain(1).steps.iter().map(|step| step.bits).sum();
        assert!((sum - scores[0].log2_odds).abs() < 1e-6);
    }
}
