//! The model that ships with the product, and what is assumed of levels before anything was counted.

use super::model::{Levels, Model};
use super::pattern::Comparison;

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
            vec![0.0, 0.88, 0.05, 0.03, 0.04, 0.90, 0.05, 0.02, 0.03],
            vec![0.0, 0.7, 0.05, 0.05, 0.2, 0.001, 0.001, 0.03, 0.968],
            vec![0.0, 0.002, 0.001, 0.03, 0.967, 0.002, 0.001, 0.03, 0.967],
        ],
        Comparison::Email => [
            vec![0.0, 0.78, 0.03, 0.02, 0.17],
            vec![0.0, 0.10, 0.003, 0.002, 0.895],
            vec![0.0, 1e-6, 1e-6, 1e-5, 0.999_98],
        ],
        Comparison::Phone => {
            [vec![0.0, 0.85, 0.03, 0.12], vec![0.0, 0.55, 0.01, 0.44], vec![0.0, 1e-6, 1e-5, 0.999_98]]
        }
        Comparison::Street => {
            let number = [[1.0, 0.93, 0.03, 0.04], [1.0, 0.93, 0.02, 0.05], [1.0, 0.003, 0.02, 0.977]];
            let street = [
                [1.0, 0.85, 0.07, 0.02, 0.06],
                [1.0, 0.85, 0.06, 0.02, 0.07],
                [1.0, 0.004, 0.001, 0.02, 0.975],
            ];
            [0, 1, 2].map(|class| (0..20).map(|level| number[class][level / 5] * street[class][level % 5]).collect())
        }
        Comparison::Extra => {
            [vec![0.0, 0.8, 0.06, 0.14], vec![0.0, 0.8, 0.06, 0.14], vec![0.0, 0.01, 0.02, 0.97]]
        }
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

/// The shipped model.
pub(crate) fn model() -> Model {
    let levels = Comparison::ALL
        .into_iter()
        .map(|comparison| {
            let [same, household, strangers] = assumed(comparison).map(|told| normalised(comparison, told));
            Levels { same, household, strangers }
        })
        .collect();
    Model { version: "prior-1".to_owned(), same_share: 1e-6, household_share: 1e-6, levels }
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
