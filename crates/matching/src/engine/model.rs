//! The model: how often each level is seen among records of one person, of one household, and of strangers.
//!
//! Fellegi and Sunter's weights with a third class. Two people of one household agree in surname, address and phone as
//! one person would; what tells them apart is what is personal. Without that class their agreement counts as
//! evidence for a match, which is how a million records collapse into a few.

use super::pattern::{Comparison, Pattern};
use serde::{Deserialize, Serialize};

/// Level probabilities of one comparison; within each group of levels they sum to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Among records of one person.
    pub same: Vec<f64>,
    /// Among records of two people of one household or company.
    pub household: Vec<f64>,
    /// Among strangers.
    pub strangers: Vec<f64>,
}

/// Nothing is held to be rarer than this.
pub(crate) const PROBABILITY_MIN: f64 = 1e-9;

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Which model this is; stored with every decision.
    pub version: String,
    /// The share of pairs, of all there are, that are one person.
    pub same_share: f64,
    /// The share of pairs that are two people of one household.
    pub household_share: f64,
    /// By comparison, in the order of [`Comparison::ALL`].
    pub levels: Vec<Levels>,
    /// What people's decisions taught on top of the levels.
    #[serde(default)]
    pub taught: Taught,
}

/// What the decisions of a tenant's people add to a model: how much each comparison's weight counts, and bits that every
/// pair gains or loses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taught {
    /// By comparison, in the order of [`Comparison::ALL`]; 1 as computed. Empty: all as computed.
    pub emphasis: Vec<f64>,
    /// Bits.
    pub offset: f64,
}

impl Taught {
    pub(crate) fn emphasis(&self, comparison: Comparison) -> f64 {
        self.emphasis.get(comparison as usize).copied().unwrap_or(1.0)
    }
}

/// Log2 likelihoods of a pattern in each class, before the frequency of the values is taken into account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Likelihoods {
    pub same: f64,
    pub household: f64,
    pub strangers: f64,
}

impl Model {
    /// The model that ships with the product: learned from generated dealerships, never from a tenant.
    #[must_use]
    pub fn prior() -> Self {
        super::prior::model()
    }

    pub(crate) fn of(&self, comparison: Comparison) -> &Levels {
        &self.levels[comparison as usize]
    }

    /// Tables of logarithms, for scoring many patterns.
    pub(crate) fn logs(&self) -> Logs {
        let table = |pick: fn(&Levels) -> &Vec<f64>| {
            Comparison::ALL
                .iter()
                .map(|comparison| {
                    pick(self.of(*comparison))
                        .iter()
                        .enumerate()
                        .map(
                            |(level, p)| if comparison.group(level) == 0 { 0.0 } else { p.max(PROBABILITY_MIN).log2() },
                        )
                        .collect()
                })
                .collect()
        };
        Logs {
            same: table(|levels| &levels.same),
            household: table(|levels| &levels.household),
            strangers: table(|levels| &levels.strangers),
            priors: Likelihoods {
                same: self.same_share.max(1e-15).log2(),
                household: self.household_share.max(1e-15).log2(),
                strangers: (1.0 - self.same_share - self.household_share).max(1e-6).log2(),
            },
        }
    }
}

/// Logarithms of a model's probabilities.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    pub same: Vec<Vec<f64>>,
    pub household: Vec<Vec<f64>>,
    pub strangers: Vec<Vec<f64>>,
    pub priors: Likelihoods,
}

impl Logs {
    /// The likelihoods of a pattern, the shares of the classes included.
    pub(crate) fn of(&self, pattern: Pattern) -> Likelihoods {
        let mut sum = self.priors;
        for comparison in Comparison::ALL {
            let level = pattern.level(comparison);
            if level != 0 {
                sum.same += self.same[comparison as usize][level];
                sum.household += self.household[comparison as usize][level];
                sum.strangers += self.strangers[comparison as usize][level];
            }
        }
        sum
    }
}

/// log2(2^a + 2^b) without leaving the range.
pub(crate) fn log2_sum(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if high.is_infinite() { high } else { high + (low - high).exp2().ln_1p() / std::f64::consts::LN_2 }
}

/// The log2 odds of a probability.
pub(crate) fn log2_odds(probability: f64) -> f64 {
    (probability / (1.0 - probability)).log2()
}

/// The probability that belongs to log2 odds.
#[must_use]
pub fn probability(log2_odds: f64) -> f64 {
    1.0 / (1.0 + (-log2_odds).exp2())
}
