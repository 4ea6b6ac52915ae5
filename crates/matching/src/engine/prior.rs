//! The model that ships with the product, and what is assumed of levels before anything was counted.

use super::model::{Levels, Model, Taught};
use super::pattern::Comparison;
use std::sync::LazyLock;

/// What is assumed of one comparison: same, household, strangers, by level.
fn assumed(comparison: Comparison) -> [Vec<f64>; 3] {
    match comparison {
        Comparison::First => [
            vec![0.0, 0.88, 0.05, 0.97, 0.035, 0.012, 0.01, 0.01, 0.003, 0.03, 0.001],
            vec![0.0, 0.03, 0.004, 0.10, 0.003, 0.006, 0.06, 0.91, 0.0001, 0.90, 0.0005],
            vec![0.0, 0.006, 0.004, 0.08, 0.003, 0.006, 0.06, 0.92, 0.0001, 0.92, 0.0005],
        ],
        Comparison::Last => [
            vec![0.0, 0.90, 0.015, 0.95, 0.04, 0.012, 0.006, 0.025, 0.003, 0.05, 0.001],
            vec![0.0, 0.80, 0.01, 0.80, 0.02, 0.01, 0.01, 0.15, 0.0001, 0.20, 0.0005],
            vec![0.0, 0.004, 0.001, 0.07, 0.002, 0.004, 0.04, 0.949, 0.0001, 0.93, 0.0005],
        ],
        Comparison::Middle => [
            vec![0.0, 0.93, 0.03, 0.97, 0.03, 0.04],
            vec![0.0, 0.02, 0.01, 0.08, 0.92, 0.97],
            vec![0.0, 0.02, 0.01, 0.08, 0.92, 0.97],
        ],
        Comparison::Suffix => [vec![0.0, 0.6, 0.01, 0.39], vec![0.0, 0.02, 0.4, 0.58], vec![0.0, 0.01, 0.01, 0.98]],
        Comparison::Company => [
            vec![0.0, 0.88, 0.05, 0.03, 0.04, 0.90, 0.05, 0.02, 0.03, 0.02],
            vec![0.0, 0.7, 0.05, 0.05, 0.2, 0.001, 0.001, 0.03, 0.968, 0.7],
            vec![0.0, 0.002, 0.001, 0.03, 0.967, 0.002, 0.001, 0.03, 0.967, 0.9],
        ],
        Comparison::Email => [
            vec![0.0, 0.78, 0.03, 0.02, 0.17],
            vec![0.0, 0.10, 0.003, 0.002, 0.895],
            vec![0.0, 1e-6, 1e-6, 1e-5, 0.999_98],
        ],
        Comparison::Phone => [
            vec![0.0, 0.50, 0.03, 0.12, 0.25, 0.10],
            vec![0.0, 0.35, 0.01, 0.44, 0.02, 0.18],
            vec![0.0, 1e-6, 1e-5, 0.999_98, 1e-8, 1e-6],
        ],
        Comparison::Street => {
            let number = [[1.0, 0.93, 0.03, 0.04], [1.0, 0.93, 0.02, 0.05], [1.0, 0.003, 0.02, 0.977]];
            let street =
                [[1.0, 0.85, 0.07, 0.02, 0.06], [1.0, 0.85, 0.06, 0.02, 0.07], [1.0, 0.004, 0.001, 0.02, 0.975]];
            [0, 1, 2].map(|class| (0..20).map(|level| number[class][level / 5] * street[class][level % 5]).collect())
        }
        Comparison::Extra => [vec![0.0, 0.8, 0.06, 0.14], vec![0.0, 0.8, 0.06, 0.14], vec![0.0, 0.01, 0.02, 0.97]],
        Comparison::Place => {
            let zip = [[1.0, 0.90, 0.04, 0.06], [1.0, 0.90, 0.03, 0.07], [1.0, 0.01, 0.02, 0.97]];
            let city = [[1.0, 0.90, 0.04, 0.06], [1.0, 0.90, 0.03, 0.07], [1.0, 0.02, 0.01, 0.97]];
            let state = [[1.0, 0.96, 0.04], [1.0, 0.96, 0.04], [1.0, 0.3, 0.7]];
            [0, 1, 2].map(|class| {
                (0..48)
                    .map(|level| zip[class][level / 12] * city[class][level / 3 % 4] * state[class][level % 3])
                    .collect()
            })
        }
        Comparison::Birth => [
            vec![0.0, 0.95, 0.035, 0.005, 0.01],
            vec![0.0, 0.0005, 0.001, 0.02, 0.9785],
            vec![0.0, 0.0001, 0.001, 0.02, 0.9789],
        ],
        Comparison::Licence => {
            [vec![0.0, 0.95, 0.035, 0.015], vec![0.0, 0.001, 0.001, 0.998], vec![0.0, 1e-6, 1e-5, 0.999_98]]
        }
        Comparison::Vin => [vec![0.0, 0.4, 0.6], vec![0.0, 0.2, 0.8], vec![0.0, 1e-6, 0.999_999]],
    }
}

/// What was learned from a generated population of dealers (seed 7; tests and the bench use other seeds).
const DEALERS: &str = include_str!("../../data/dealers.json");

/// The shipped model: what was learned from dealers and what is assumed of people anywhere, half and half.
pub(crate) fn model() -> Model {
    static MODEL: LazyLock<Model> = LazyLock::new(|| {
        let learned: Option<Model> = serde_json::from_str(DEALERS).ok();
        let levels = Comparison::ALL
            .into_iter()
            .map(|comparison| {
                let [same, household, strangers] = assumed(comparison).map(|told| normalised(comparison, told));
                let of = learned.as_ref().and_then(|model| model.levels.get(comparison as usize));
                let mix = |assumed: Vec<f64>, pick: fn(&Levels) -> &Vec<f64>| match of.map(pick) {
                    Some(learned) if learned.len() == assumed.len() => {
                        normalised(comparison, assumed.iter().zip(learned).map(|(a, b)| (a + b) / 2.0).collect())
                    }
                    Some(_) | None => assumed,
                };
                Levels {
                    same: mix(same, |levels| &levels.same),
                    household: mix(household, |levels| &levels.household),
                    strangers: mix(strangers, |levels| &levels.strangers),
                }
            })
            .collect();
        Model {
            version: "prior-1".to_owned(),
            same_share: 1e-6,
            household_share: 1e-6,
            levels,
            taught: Taught::default(),
        }
    });
    MODEL.clone()
}

/// The same proportions, summing to 1 within each group of levels.
pub(crate) fn normalised(comparison: Comparison, mut told: Vec<f64>) -> Vec<f64> {
    told.resize(comparison.levels(), 0.0);
    for group in 1..8 {
        let of_group = |level: &usize| comparison.group(*level) == group;
        let sum: f64 = (0..told.len()).filter(of_group).map(|level| told[level]).sum();
        if sum > 0.0 {
            (0..told.len()).filter(of_group).for_each(|level| told[level] /= sum);
        }
    }
    told[0] = 0.0;
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_fits_the_levels_there_are() {
        let shipped: Model = serde_json::from_str(DEALERS).unwrap_or_else(|_| Model { levels: Vec::new(), ..model() });
        for comparison in Comparison::ALL {
            let learned = shipped.levels.get(comparison as usize).map(|levels| levels.same.len());
            assert_eq!(learned, Some(comparison.levels()), "{comparison:?}");
        }
    }
}
