//! How customers are judged: the model, where its bands begin, and the tenant's own rules on top.

use crate::engine::model::{log2_odds, probability};
use crate::engine::score::Weights;
use crate::engine::{Band, Bands, Model};
use crate::hierarchy::Rule;
use serde::{Deserialize, Serialize};

/// What a rule of the hierarchy is worth where it says "the same".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Say {
    /// The two are one, whatever else they say.
    Join,
    /// A person is asked, unless the score is beyond doubt.
    Ask,
    /// Only the score counts.
    Weigh,
}

/// A tenant's own rules.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Same e-mail, names agree.
    pub email: Say,
    /// Same phone, names agree.
    pub phone: Say,
    /// Same name and address.
    pub address: Say,
    /// The least probability that is merged at once; as calibrated where absent.
    #[serde(default)]
    pub auto: Option<f64>,
    /// The least probability that a person looks at; as calibrated where absent.
    #[serde(default)]
    pub review: Option<f64>,
    /// Whether a customer of one rooftop may be the customer of another.
    pub across_rooftops: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { email: Say::Join, phone: Say::Join, address: Say::Join, auto: None, review: None, across_rooftops: true }
    }
}

/// Log2 odds of what a rule joins: one in a million is wrong.
const SURE: f64 = 20.0;

/// Model, bands and rules, ready to judge.
#[derive(Clone, Debug)]
pub struct Scoring {
    pub(crate) version: String,
    pub(crate) weights: Weights,
    pub(crate) bands: Bands,
    pub(crate) rules: Rules,
}

impl Scoring {
    /// Judging by a model. `bands` as calibrated with it; the rules may move them.
    #[must_use]
    pub fn new(model: &Model, bands: Bands, rules: Rules) -> Self {
        let bands = Bands { auto: rules.auto.unwrap_or(bands.auto), review: rules.review.unwrap_or(bands.review) };
        Self { version: model.version.clone(), weights: Weights::new(model), bands, rules }
    }

    /// Judging before anything of the tenant was learned.
    #[must_use]
    pub fn unlearned(rules: Rules) -> Self {
        Self::new(&Model::prior(), Bands::UNCALIBRATED, rules)
    }

    /// Where its bands begin.
    #[must_use]
    pub const fn bands(&self) -> Bands {
        self.bands
    }

    /// A score with what the rules make of what the hierarchy says: the rule, and whether it says "the same".
    #[must_use]
    pub fn ruled(&self, score: f64, said: Option<(Rule, bool)>) -> f64 {
        let Some((rule, same)) = said else { return score };
        let say = match rule {
            Rule::Email => self.rules.email,
            Rule::Phone => self.rules.phone,
            Rule::Address => self.rules.address,
        };
        match (say, same) {
            (Say::Join, true) => score.max(SURE).max(log2_odds(self.bands.auto) + 0.1),
            // A little above where people are asked.
            (Say::Join, false) | (Say::Ask, true | false) => score.max(log2_odds(self.bands.review) + 0.1),
            (Say::Weigh, true | false) => score,
        }
    }

    /// What is done with a pair of these log2 odds.
    #[must_use]
    pub fn band(&self, log2_odds: f64) -> Band {
        self.bands.band(probability(log2_odds))
    }
}
