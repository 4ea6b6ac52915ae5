//! Bands: what is merged at once, what a person looks at, what is left alone.

use super::score::Edge;
use serde::{Deserialize, Serialize};

/// What is done with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Band {
    /// Merged at once.
    Auto,
    /// A person decides.
    Review,
    /// Left alone.
    Nothing,
}

impl Band {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Review => "review",
            Self::Nothing => "nothing",
        }
    }
}

/// Where the bands begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// The least probability that is merged at once.
    pub auto: f64,
    /// The least probability that a person looks at.
    pub review: f64,
}

/// The least estimated precision of what is merged at once: 0.999 is promised, and estimates err.
const PRECISION_MIN: f64 = 0.9995;
/// Whatever the others promise, a single pair needs this much.
const AUTO_MIN: f64 = 0.95;
/// The most pairs for review, of 1,000 records.
const QUEUE_PER_1000: usize = 30;
/// Nobody is asked about less than this.
const REVIEW_MIN: f64 = 0.02;

impl Bands {
    /// Before anything of a tenant was counted: so careful that what is merged at once is beyond doubt, and what is asked
    /// about is likely.
    pub const UNCALIBRATED: Self = Self { auto: 0.999, review: 0.9 };

    /// The bands for these pairs.
    #[must_use]
    pub fn of(edges: &[Edge], records: usize) -> Self {
        let mut found: Vec<f64> = edges.iter().map(Edge::probability).collect();
        found.sort_unstable_by(|a, b| b.total_cmp(a));
        let (mut auto, mut wrong, mut taken) = (1.0, 0.0, 0);
        for (place, p) in found.iter().enumerate() {
            wrong += 1.0 - p;
            if wrong > (1.0 - PRECISION_MIN) * (place + 1) as f64 || *p < AUTO_MIN {
                break;
            }
            auto = *p;
            taken = place + 1;
        }
        let queue = records * QUEUE_PER_1000 / 1000;
        let review = found.get(taken + queue).copied().unwrap_or_default().max(REVIEW_MIN);
        // A pair that is so likely by itself keeps the promise alone, however few there are.
        Self { auto: auto.min(PRECISION_MIN), review }
    }

    /// The band of a probability.
    #[must_use]
    pub fn band(self, probability: f64) -> Band {
        if probability >= self.auto {
            Band::Auto
        } else if probability > self.review {
            Band::Review
        } else {
            Band::Nothing
        }
    }
}
