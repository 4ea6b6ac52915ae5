//! Explaining: what each field adds to a pair's score, as a waterfall that sums to it.

use super::compare::Comparer;
use super::model::{Model, log2_sum, probability};
use super::pattern::Comparison;
use super::score::Scorer;
use super::table::{RecordNo, Table};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One step of a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is weighed: a comparison, `prior`, `household`, `taught` or `rule`.
    pub about: Cow<'static, str>,
    /// What was found, in words.
    pub found: String,
    /// What it adds, in bits.
    pub bits: f64,
}

/// Why a pair has its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// Which model decided.
    pub model: String,
    /// The steps; their bits sum to the score.
    pub steps: Vec<Step>,
    /// Log2 odds.
    pub log2_odds: f64,
    /// 0 to 1.
    pub probability: f64,
}

/// Explains the score of two records.
#[must_use]
pub fn explain(table: &Table, model: &Model, left: RecordNo, right: RecordNo) -> Waterfall {
    explain_by(&Scorer::new(table, model), &mut Comparer::small(table), &model.version, left, right)
}

/// The same with scorer and comparer at hand.
pub(crate) fn explain_by(
    scorer: &Scorer<'_>,
    comparer: &mut Comparer<'_>,
    version: &str,
    left: RecordNo,
    right: RecordNo,
) -> Waterfall {
    let pattern = comparer.compare(left, right);
    let step = |about: &'static str, found, bits| Step { about: Cow::Borrowed(about), found, bits };
    let mut steps = vec![step("prior", "how often two records are one person".to_owned(), scorer.prior())];
    for comparison in Comparison::ALL {
        let level = pattern.level(comparison);
        if level == 0 {
            continue;
        }
        let counts = scorer.emphasis(comparison);
        steps.push(step(comparison.name(), comparison.describe(level), counts * scorer.weight(comparison, level)));
        let rarity = scorer.rarity(comparison, level, left, right);
        if rarity != 0.0 {
            let found = if rarity > 0.0 { "a rare value" } else { "a common value" };
            steps.push(step(comparison.name(), found.to_owned(), counts * rarity));
        }
    }
    if scorer.offset() != 0.0 {
        steps.push(step("taught", "what your decisions taught".to_owned(), scorer.offset()));
    }
    let (strangers, household) = scorer.against(scorer.base(pattern), pattern, left, right);
    let taken = strangers - log2_sum(strangers, household);
    if taken < -0.005 {
        steps.push(step("household", "two people of one household would agree so too".to_owned(), taken));
    } else {
        // Too little to show, but the sum is exact.
        if let Some(first) = steps.first_mut() {
            first.bits += taken;
        }
    }
    let log2_odds = scorer.score(pattern, left, right);
    Waterfall { model: version.to_owned(), steps, log2_odds, probability: probability(log2_odds) }
}
