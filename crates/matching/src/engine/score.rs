//! Scoring: a pattern's weights, and how rare the values are that agree.

use super::field::Slot;
use super::model::{Likelihoods, Logs, Model, PROBABILITY_MIN, Taught, log2_sum, probability};
use super::pattern::{Comparison, Pattern, name};
use super::table::{Family, RecordNo, Table};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// A pair with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The record with the smaller place.
    pub left: u32,
    /// The other.
    pub right: u32,
    /// Log2 odds that both are one person.
    pub log2_odds: f64,
}

impl Edge {
    /// The probability that both are one person.
    #[must_use]
    pub fn probability(&self) -> f64 {
        probability(self.log2_odds)
    }
}

/// Scores pairs of one table by one model.
pub(crate) struct Scorer<'a> {
    pub table: &'a Table,
    weights: Cow<'a, Weights>,
}

/// What a model comes to for scoring; made once per model.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    logs: Logs,
    /// Log2 of how often strangers agree in a value, by family, before the value is known.
    usual: [f64; Family::COUNT],
    /// What people's decisions taught; `None` where nothing.
    taught: Option<Taught>,
}

/// The families of a comparison whose values' frequency counts when they agree, with whether they agree at a level.
fn families(comparison: Comparison, level: usize) -> &'static [Family] {
    match comparison {
        Comparison::First if level == 1 => &[Family::First],
        Comparison::Last if level == 1 => &[Family::Last],
        Comparison::Company if level == 1 || level == 5 => &[Family::Company],
        Comparison::Email if level == 1 => &[Family::Email],
        Comparison::Phone if matches!(level, 1 | 4 | 5) => &[Family::Phone],
        Comparison::Birth if level == 1 => &[Family::Birth],
        Comparison::Licence if level == 1 => &[Family::Licence],
        Comparison::Vin if level == 1 => &[Family::Vin],
        Comparison::Street if level % 5 == 1 => &[Family::Street],
        Comparison::Place if level / 12 == 1 => &[Family::Zip],
        Comparison::Place if level / 3 % 4 == 1 => &[Family::City],
        Comparison::First
        | Comparison::Last
        | Comparison::Middle
        | Comparison::Suffix
        | Comparison::Company
        | Comparison::Email
        | Comparison::Phone
        | Comparison::Street
        | Comparison::Extra
        | Comparison::Place
        | Comparison::Birth
        | Comparison::Licence
        | Comparison::Vin => &[],
    }
}

impl Weights {
    pub(crate) fn new(model: &Model) -> Self {
        let share = |comparison: Comparison, agrees: fn(usize) -> bool, known: fn(usize) -> bool| {
            let strangers = &model.of(comparison).strangers;
            let sum = |of: &dyn Fn(usize) -> bool| -> f64 {
                (1..strangers.len()).filter(|level| known(*level) && of(*level)).map(|level| strangers[level]).sum()
            };
            (sum(&agrees) / sum(&|_| true).max(1e-9)).max(PROBABILITY_MIN).log2()
        };
        let simple = |comparison| share(comparison, |level| level == 1, |level| level < 9 && level != 3);
        let plain = |comparison| share(comparison, |level| level == 1, |_| true);
        let street = share(Comparison::Street, |l| l % 5 == 1, |l| l % 5 != 0 && l / 5 != 0);
        let zip = share(Comparison::Place, |l| l / 12 == 1, |l| l / 12 != 0 && l / 3 % 4 != 0 && l % 3 != 0);
        let city = share(Comparison::Place, |l| l / 3 % 4 == 1, |l| l / 12 != 0 && l / 3 % 4 != 0 && l % 3 != 0);
        let mut usual = [0.0; Family::COUNT];
        for (family, value) in [
            (Family::First, simple(Comparison::First)),
            (Family::Last, simple(Comparison::Last)),
            (Family::Company, share(Comparison::Company, |l| l == 1, |l| l < 5)),
            (Family::Email, plain(Comparison::Email)),
            (Family::Phone, share(Comparison::Phone, |l| matches!(l, 1 | 4 | 5), |_| true)),
            (Family::Birth, plain(Comparison::Birth)),
            (Family::Licence, plain(Comparison::Licence)),
            (Family::Vin, plain(Comparison::Vin)),
            (Family::Street, street),
            (Family::Zip, zip),
            (Family::City, city),
        ] {
            usual[family as usize] = value;
        }
        let taught = (model.taught != Taught::default()).then(|| model.taught.clone());
        Self { logs: model.logs(), usual, taught }
    }
}

impl<'a> Scorer<'a> {
    pub(crate) fn new(table: &'a Table, model: &Model) -> Self {
        Self { table, weights: Cow::Owned(Weights::new(model)) }
    }

    pub(crate) const fn with(table: &'a Table, weights: &'a Weights) -> Self {
        Self { table, weights: Cow::Borrowed(weights) }
    }

    /// What is known of a pattern before the values are.
    pub(crate) fn base(&self, pattern: Pattern) -> Likelihoods {
        self.weights.logs.of(pattern)
    }

    /// The weight of comparisons alone: log2 of same to strangers.
    pub(crate) fn weight(&self, comparison: Comparison, level: usize) -> f64 {
        if level == 0 {
            return 0.0;
        }
        self.weights.logs.same[comparison as usize][level] - self.weights.logs.strangers[comparison as usize][level]
    }

    pub(crate) fn prior(&self) -> f64 {
        self.weights.logs.priors.same - self.weights.logs.priors.strangers
    }

    /// How much rarer than usual the value is that both records have, in bits; negative for a common one.
    pub(crate) fn rarity(&self, comparison: Comparison, level: usize, a: RecordNo, b: RecordNo) -> f64 {
        if level == name::SLIP {
            match comparison {
                Comparison::First => return self.rarity_of_slip(Family::First, Slot::First, comparison, a, b),
                Comparison::Last => return self.rarity_of_slip(Family::Last, Slot::Last, comparison, a, b),
                Comparison::Middle
                | Comparison::Suffix
                | Comparison::Company
                | Comparison::Email
                | Comparison::Phone
                | Comparison::Street
                | Comparison::Extra
                | Comparison::Place
                | Comparison::Birth
                | Comparison::Licence
                | Comparison::Vin => {}
            }
        }
        if comparison == Comparison::First && level == name::EXCHANGED {
            return self.rarity_of_exchange(a, b);
        }
        families(comparison, level).iter().map(|family| self.rarity_of(*family, a, b)).sum()
    }

    /// The same for two names one slip apart: how many others hold a name that near.
    fn rarity_of_slip(&self, family: Family, slot: Slot, comparison: Comparison, a: RecordNo, b: RecordNo) -> f64 {
        if self.table.present(family) == 0 {
            return 0.0;
        }
        let near = |record| self.table.held_near(family, self.table.value(record, slot));
        let others = f64::from(near(a).max(near(b)).saturating_sub(1)).max(0.5);
        self.weights.logs.strangers[comparison as usize][name::SLIP]
            - (others / f64::from(self.table.present(family).max(2))).log2()
    }

    /// The same for first and last name in each other's place: how often a stranger would have the names of one of them,
    /// or names that near where one has a slip.
    fn rarity_of_exchange(&self, a: RecordNo, b: RecordNo) -> f64 {
        if self.table.present(Family::First) == 0 || self.table.present(Family::Last) == 0 {
            return 0.0;
        }
        let names = |record| (self.table.value(record, Slot::First), self.table.value(record, Slot::Last));
        let exact = names(a).0 == names(b).1 && names(a).1 == names(b).0;
        let share = |family: Family, value| {
            let near = if exact { 0 } else { self.table.held_near(family, value) };
            let held = self.table.held_by(family, value) + near;
            self.table.others(family, held) / f64::from(self.table.present(family).max(2))
        };
        let by_chance = |record| {
            let (first, last) = names(record);
            share(Family::First, first) * share(Family::Last, last)
        };
        let usual = self.weights.logs.strangers[Comparison::First as usize][name::EXCHANGED];
        usual - by_chance(a).max(by_chance(b)).log2()
    }

    /// The highest log2 odds of a pattern, whatever its values are.
    fn ceiling(&self, base: Likelihoods, pattern: Pattern) -> f64 {
        if self.weights.taught.is_some() {
            return f64::INFINITY;
        }
        let gains = Comparison::ALL.into_iter().map(|comparison| self.rarest(comparison, pattern.level(comparison)));
        base.same - base.strangers + gains.sum::<f64>()
    }

    /// The most that [`Self::rarity`] says of a level, and no less than 0.
    fn rarest(&self, comparison: Comparison, level: usize) -> f64 {
        let present = |family: Family| f64::from(self.table.present(family).max(2));
        let least = |family: Family| (self.table.others(family, 0) / present(family)).log2();
        let strangers = |level: usize| self.weights.logs.strangers[comparison as usize][level];
        let most = match (comparison, level) {
            (Comparison::First, name::SLIP) => strangers(level) - (0.5 / present(Family::First)).log2(),
            (Comparison::Last, name::SLIP) => strangers(level) - (0.5 / present(Family::Last)).log2(),
            (Comparison::First, name::EXCHANGED) => strangers(level) - least(Family::First) - least(Family::Last),
            _ => families(comparison, level)
                .iter()
                .map(|family| self.weights.usual[*family as usize] - least(*family))
                .sum(),
        };
        most.max(0.0)
    }

    fn rarity_of(&self, family: Family, a: RecordNo, b: RecordNo) -> f64 {
        if self.table.present(family) == 0 {
            return 0.0;
        }
        let (left, right) = (&self.table.rows[a as usize], &self.table.rows[b as usize]);
        let slots = family.slots();
        let held = slots
            .iter()
            .map(|slot| left[slot.place()])
            .filter(|value| *value != 0 && slots.iter().any(|slot| right[slot.place()] == *value))
            .map(|value| self.table.held_by(family, value))
            .min();
        let Some(held) = held else { return 0.0 };
        // Another holds it by chance as often as the others do that hold it.
        let others = self.table.others(family, held);
        let usual = self.weights.usual[family as usize];
        usual - (others / f64::from(self.table.present(family).max(2))).log2()
    }

    /// Log2 odds of a pair and the part of them that households take away.
    pub(crate) fn score(&self, pattern: Pattern, a: RecordNo, b: RecordNo) -> f64 {
        self.score_from(self.base(pattern), pattern, a, b)
    }

    pub(crate) fn score_from(&self, base: Likelihoods, pattern: Pattern, a: RecordNo, b: RecordNo) -> f64 {
        let (strangers, household) = self.against(base, pattern, a, b);
        base.same - log2_sum(strangers, household) + self.taught(pattern, a, b)
    }

    /// How much more or less a comparison counts than computed, and what every pair gains or loses.
    pub(crate) fn emphasis(&self, comparison: Comparison) -> f64 {
        self.weights.taught.as_ref().map_or(1.0, |taught| taught.emphasis(comparison))
    }

    pub(crate) fn offset(&self) -> f64 {
        self.weights.taught.as_ref().map_or(0.0, |taught| taught.offset)
    }

    /// What people's decisions add to a pair's score.
    fn taught(&self, pattern: Pattern, a: RecordNo, b: RecordNo) -> f64 {
        if self.weights.taught.is_none() {
            return 0.0;
        }
        let more: f64 = Comparison::ALL
            .into_iter()
            .filter(|comparison| pattern.level(*comparison) != 0)
            .map(|comparison| {
                let level = pattern.level(comparison);
                let bits = self.weight(comparison, level) + self.rarity(comparison, level, a, b);
                (self.emphasis(comparison) - 1.0) * bits
            })
            .sum();
        self.offset() + more
    }

    /// What the frequency of a value adds to the likelihood of two people of one household: they agree in what is
    /// personal as strangers do, and besides as often as households have namesakes.
    fn of_household(&self, comparison: Comparison, level: usize, rarity: f64) -> f64 {
        if rarity == 0.0 {
            return 0.0;
        }
        let (place, strangers) = (comparison as usize, self.weights.logs.strangers[comparison as usize][level]);
        let household = self.weights.logs.household[place][level].exp2();
        let namesakes = (household - strangers.exp2()).max(0.0);
        ((strangers - rarity).exp2() + namesakes).min(1.0).log2() - household.log2()
    }

    /// The likelihoods of the two ways not to match, with the frequency of the values.
    pub(crate) fn against(&self, base: Likelihoods, pattern: Pattern, a: RecordNo, b: RecordNo) -> (f64, f64) {
        let (mut strangers, mut household) = (base.strangers, base.household);
        for comparison in Comparison::ALL {
            let level = pattern.level(comparison);
            if level != 0 {
                let rarity = self.rarity(comparison, level, a, b);
                strangers -= rarity;
                if comparison.is_personal() || (matches!(comparison, Comparison::Company) && level == 5) {
                    household += self.of_household(comparison, level, rarity);
                }
            }
        }
        (strangers, household)
    }
}

/// What is known of a pattern before the values are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base {
    /// The likelihoods without the frequency of values.
    pub likelihoods: Likelihoods,
    /// The highest log2 odds that any values give it: those of the rarest.
    pub ceiling: f64,
}

/// Bases by pattern, each computed once.
#[derive(Default)]
pub(crate) struct Bases(FxHashMap<Pattern, Base>);

impl Bases {
    pub(crate) fn of(&mut self, scorer: &Scorer<'_>, pattern: Pattern) -> Base {
        *self.0.entry(pattern).or_insert_with(|| {
            let likelihoods = scorer.base(pattern);
            Base { likelihoods, ceiling: scorer.ceiling(likelihoods, pattern) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Row, clean};
    use crate::engine::compare::Comparer;
    use crate::engine::field::Input;
    use crate::engine::prior;
    use proptest::prelude::*;

    /// Few words, some of them slips and exchanges of others, so that every level of likeness comes up.
    const NAMES: [&str; 6] = ["", "Catherine", "Catharine", "Kate", "Martin", "Lopez"];
    const EMAILS: [&str; 4] = ["", "kate@example.com", "kate@example.org", "martin.lopez@example.com"];
    const PHONES: [&str; 4] = ["", "4155550100", "4155550101", "2125550111"];
    const STREETS: [&str; 4] = ["", "12 Oak Street", "12 Oak St", "99 Harbour Lane"];
    const ZIPS: [&str; 3] = ["", "94107", "94110"];
    const BIRTHS: [&str; 4] = ["", "1980-02-03", "1980-03-02", "1951-12-30"];

    prop_compose! {
        fn cells()(first in 0..6_usize, last in 0..6_usize, email in 0..4_usize, phone in 0..4_usize,
                   street in 0..4_usize, zip in 0..3_usize, birth in 0..4_usize) -> [(Input, &'static str); 7] {
            [(Input::First, NAMES[first]), (Input::Last, NAMES[last]), (Input::Email, EMAILS[email]),
             (Input::Phone, PHONES[phone]), (Input::Street, STREETS[street]), (Input::Zip, ZIPS[zip]),
             (Input::Birth, BIRTHS[birth])]
        }
    }

    proptest! {
        #[test]
        fn no_values_lift_a_pair_above_the_ceiling_of_its_pattern(
            rows in prop::collection::vec((cells(), 0..8_u32), 2..24),
        ) {
            let row = |cells: &[(Input, &'static str)]| {
                clean(&cells.iter().filter(|cell| !cell.1.is_empty()).fold(Row::new(), |row, (field, text)| row.with(*field, text)))
            };
            let records: Vec<_> = rows.iter().enumerate().map(|(n, (cells, _))| (n.to_string(), row(cells))).collect();
            let mut table = Table::default();
            table.extend(&records, 0);
            let model = prior::model();
            let people: Vec<u32> = rows.iter().map(|(_, person)| *person).collect();
            for is_counted_by_people in [false, true] {
                if is_counted_by_people {
                    table.count_by(&people);
                }
                let scorer = Scorer::new(&table, &model);
                let mut comparer = Comparer::new(&table);
                for (a, b) in (0..records.len() as u32).flat_map(|a| (0..a).map(move |b| (b, a))) {
                    let pattern = comparer.compare(a, b);
                    let (score, ceiling) = (scorer.score(pattern, a, b), scorer.ceiling(scorer.base(pattern), pattern));
                    prop_assert!(score <= ceiling + 1e-9, "{score} > {ceiling} for {:?} and {:?}", rows[a as usize], rows[b as usize]);
                }
            }
        }
    }
}
