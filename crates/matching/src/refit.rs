//! Learning from what people decided: how much each comparison's weight should count, and where everything should lie.
//!
//! A logistic regression over the steps of the decided pairs' waterfalls. The pairs that people see are the doubtful
//! ones, so what is learned from them may bend the model but not replace it: every multiplier is held near 1 and the
//! offset near 0. Every third pair is held back, and the new model serves only where it does better on those.

use crate::engine::Bands;
use crate::engine::model::{Model, Taught, probability};
use crate::engine::pattern::Comparison;
use serde::Serialize;
use std::f64::consts::LN_2;

/// A pair that a person decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewed {
    /// Whether they are one.
    pub same: bool,
    /// The steps of its waterfall, the rule's left out: what is weighed, and the bits it added.
    pub steps: Vec<(String, f64)>,
}

/// How well a model agrees with people.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Mean surprise at the decisions, in bits; 1 is a coin.
    pub surprise: f64,
    /// Pairs that it would have merged at once and people told apart.
    pub merged_wrongly: usize,
    /// Pairs that people merged and it would not even have asked about.
    pub missed: usize,
}

/// A model taught by decisions, beside the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Refit {
    /// The taught model.
    pub model: Model,
    /// Decisions that it was taught by.
    pub taught_by: usize,
    /// Decisions that were held back.
    pub held_back: usize,
    /// How the model before does on those held back.
    pub before: Agreement,
    /// How the taught one does.
    pub after: Agreement,
}

impl Refit {
    /// Whether it does better on what was held back, and merges nothing more wrongly.
    #[must_use]
    pub fn is_better(&self) -> bool {
        self.after.surprise < self.before.surprise && self.after.merged_wrongly <= self.before.merged_wrongly
    }
}

/// Fewer decisions than this teach nothing that lasts.
pub const REVIEWED_MIN: usize = 200;

/// There are too few decisions, or all say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// Too few.
    #[error("{0} pairs were decided; {REVIEWED_MIN} are needed")]
    Few(usize),
    /// Nobody merged any, or nobody told any apart.
    #[error("all decisions say the same; some of both kinds are needed")]
    OneSided,
}

/// How far a multiplier strays from 1: a standard deviation.
const EMPHASIS_SPREAD: f64 = 0.25;
/// How far the offset strays from 0, in bits: a standard deviation.
const OFFSET_SPREAD: f64 = 2.0;
/// The least and the most that a comparison's weight is multiplied by.
const EMPHASIS: (f64, f64) = (0.25, 2.5);
/// Newton's steps; it settles in a few.
const ROUNDS: usize = 25;
/// Multipliers and the offset.
const TERMS: usize = Comparison::COUNT + 1;

type Terms = [f64; TERMS];

/// One decided pair as numbers: bits by comparison, the offset's 1 at the end; and what cannot be changed.
struct Case {
    terms: Terms,
    fixed: f64,
    same: bool,
}

impl Case {
    fn of(reviewed: &Reviewed) -> Self {
        let mut case = Self { terms: [0.0; TERMS], fixed: 0.0, same: reviewed.same };
        for (about, bits) in &reviewed.steps {
            match Comparison::ALL.into_iter().find(|comparison| comparison.name() == about) {
                Some(comparison) => case.terms[comparison as usize] += bits,
                None => case.fixed += bits,
            }
        }
        case.terms[Comparison::COUNT] = 1.0;
        case
    }

    fn bits(&self, by: &Terms) -> f64 {
        self.fixed + self.terms.iter().zip(by).map(|(term, by)| term * by).sum::<f64>()
    }
}

/// Teaches a model by decisions; their order decides which are held back, so give them in one that means nothing.
///
/// # Errors
/// [`TooLittle`].
pub fn refit(model: &Model, bands: Bands, reviewed: &[Reviewed], version: &str) -> Result<Refit, TooLittle> {
    if reviewed.len() < REVIEWED_MIN {
        return Err(TooLittle::Few(reviewed.len()));
    }
    let (mut taught_by, mut held_back) = (Vec::new(), Vec::new());
    for (place, pair) in reviewed.iter().enumerate() {
        let to = if place % 3 == 2 { &mut held_back } else { &mut taught_by };
        to.push(Case::of(pair));
    }
    for cases in [&taught_by, &held_back] {
        if cases.iter().all(|case| case.same) || cases.iter().all(|case| !case.same) {
            return Err(TooLittle::OneSided);
        }
    }
    let as_it_is = usual();
    let by = fitted(&taught_by);
    let emphasis = Comparison::ALL
        .into_iter()
        .map(|comparison| model.taught.emphasis(comparison) * by[comparison as usize])
        .collect();
    let taught = Taught { emphasis, offset: model.taught.offset + by[Comparison::COUNT] };
    Ok(Refit {
        model: Model { version: version.to_owned(), taught, ..model.clone() },
        taught_by: taught_by.len(),
        held_back: held_back.len(),
        before: agreement(&held_back, &as_it_is, bands),
        after: agreement(&held_back, &by, bands),
    })
}

/// Everything counts as computed.
fn usual() -> Terms {
    let mut terms = [1.0; TERMS];
    terms[Comparison::COUNT] = 0.0;
    terms
}

fn agreement(cases: &[Case], by: &Terms, bands: Bands) -> Agreement {
    let mut told = Agreement { surprise: 0.0, merged_wrongly: 0, missed: 0 };
    for case in cases {
        let p = probability(case.bits(by));
        let of_truth = if case.same { p } else { 1.0 - p };
        told.surprise -= of_truth.max(1e-9).log2();
        told.merged_wrongly += usize::from(!case.same && p >= bands.auto);
        told.missed += usize::from(case.same && p <= bands.review);
    }
    told.surprise /= cases.len().max(1) as f64;
    told
}

/// The multipliers and the offset that explain the decisions best, held near the usual ones (Newton's method).
fn fitted(cases: &[Case]) -> Terms {
    let usual = usual();
    let mut by = usual;
    let mut hold = [1.0 / (EMPHASIS_SPREAD * EMPHASIS_SPREAD); TERMS];
    hold[Comparison::COUNT] = 1.0 / (OFFSET_SPREAD * OFFSET_SPREAD);
    for _ in 0..ROUNDS {
        let mut slope = [0.0; TERMS];
        let mut curve = [[0.0; TERMS]; TERMS];
        for case in cases {
            let p = probability(case.bits(&by));
            let wrong = f64::from(u8::from(case.same)) - p;
            let weight = p * (1.0 - p) * LN_2 * LN_2;
            for (a, x) in case.terms.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                slope[a] += wrong * x * LN_2;
                for (b, y) in case.terms.iter().enumerate() {
                    curve[a][b] += weight * x * y;
                }
            }
        }
        for term in 0..TERMS {
            slope[term] -= hold[term] * (by[term] - usual[term]);
            curve[term][term] += hold[term];
        }
        let step = solved(curve, slope);
        // Where all but a few are certain the curve is nearly flat, and a whole step would leap over the top.
        let now = surprise_and_strain(cases, &by, &usual, &hold);
        let shorter = (0..40).map(|halvings| 0.5_f64.powi(halvings)).find_map(|share| {
            let mut there = by;
            there.iter_mut().zip(step).for_each(|(term, step)| *term += share * step);
            (surprise_and_strain(cases, &there, &usual, &hold) < now).then_some(there)
        });
        match shorter {
            Some(there) => by = there,
            None => break,
        }
    }
    for term in &mut by[..Comparison::COUNT] {
        *term = term.clamp(EMPHASIS.0, EMPHASIS.1);
    }
    by
}

/// What the fit makes small: the surprise at the decisions, and how far the terms stray from the usual ones.
fn surprise_and_strain(cases: &[Case], by: &Terms, usual: &Terms, hold: &Terms) -> f64 {
    let surprise: f64 = cases
        .iter()
        .map(|case| {
            let bits = case.bits(by) * LN_2;
            // -ln of the probability of what was decided, without leaving the range.
            let against = if case.same { -bits } else { bits };
            if against > 30.0 { against } else { against.exp().ln_1p() }
        })
        .sum();
    let strain: f64 = by.iter().zip(usual).zip(hold).map(|((term, usual), hold)| hold * (term - usual).powi(2)).sum();
    surprise + strain / 2.0
}

/// Solves a symmetric positive system by Gaussian elimination; its diagonal is never 0 because every term is held.
fn solved(mut matrix: [[f64; TERMS]; TERMS], mut right: Terms) -> Terms {
    for pivot in 0..TERMS {
        let row = matrix[pivot];
        for below in pivot + 1..TERMS {
            let share = matrix[below][pivot] / row[pivot];
            for (cell, of_pivot) in matrix[below].iter_mut().zip(row) {
                *cell -= share * of_pivot;
            }
            right[below] -= share * right[pivot];
        }
    }
    for place in (0..TERMS).rev() {
        let known: f64 = (place + 1..TERMS).map(|other| matrix[place][other] * right[other]).sum();
        right[place] = (right[place] - known) / matrix[place][place];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant whose phones are shared by households: what agrees in the phone alone is two people.
    fn decisions(many: usize) -> Vec<Reviewed> {
        (0..many)
            .map(|n| {
                let same = n % 2 == 0;
                let step = |about: &str, bits: f64| (about.to_owned(), bits);
                // A little noise that means nothing, by number.
                let noise = f64::from(u32::try_from(n * 37 % 11).unwrap_or_default()) / 5.0 - 1.0;
                let birth = if same { 6.0 } else { -3.0 };
                Reviewed {
                    same,
                    steps: vec![step("prior", -14.0), step("phone", 14.0 + noise), step("birth", birth - noise)],
                }
            })
            .collect()
    }

    #[test]
    fn what_people_decide_moves_the_weights_and_helps_on_pairs_that_were_held_back() -> Result<(), TooLittle> {
        let bands = Bands { auto: 0.999, review: 0.02 };
        let refit = refit(&Model::prior(), bands, &decisions(300), "refit-1")?;
        assert_eq!((refit.taught_by, refit.held_back), (200, 100));
        assert!(refit.is_better(), "{refit:?}");
        assert!(refit.model.taught.emphasis(Comparison::Birth) > 1.0, "{:?}", refit.model.taught);
        assert!((refit.model.taught.emphasis(Comparison::Email) - 1.0).abs() < 1e-9, "nothing was said about e-mails");
        Ok(())
    }

    #[test]
    fn few_or_one_sided_decisions_teach_nothing() {
        let bands = Bands::UNCALIBRATED;
        assert_eq!(refit(&Model::prior(), bands, &decisions(199), "x").err(), Some(TooLittle::Few(199)));
        let all_same: Vec<Reviewed> = decisions(600).into_iter().filter(|pair| pair.same).collect();
        assert_eq!(refit(&Model::prior(), bands, &all_same, "x").err(), Some(TooLittle::OneSided));
    }
}
