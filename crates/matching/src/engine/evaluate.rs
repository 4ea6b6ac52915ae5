//! Evaluating: pairs and clusters held against the truth. The same for every engine.

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

/// Precision, recall and their harmonic mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// The share of what was found that is right.
    pub precision: f64,
    /// The share of what is right that was found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Quality {
    fn of(right: f64, found: f64, wanted: f64) -> Self {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
        Self::from(share(right, found), share(right, wanted))
    }

    fn from(precision: f64, recall: f64) -> Self {
        let sum = precision + recall;
        Self { precision, recall, f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 } }
    }
}

/// Pairs held against the truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PairQuality {
    /// True pairs there are.
    pub true_pairs: u64,
    /// At the default cut.
    pub at_cut: Quality,
    /// The best F1 at any cut.
    pub best_f1: f64,
    /// The cut that reaches it.
    pub best_cut: f64,
    /// The band that is merged at once.
    pub auto: Quality,
    /// Merged at once or looked at by a person.
    pub auto_and_review: Quality,
    /// Pairs for review.
    pub queue: u64,
    /// Of 100 records.
    pub queue_percent: f64,
}

/// A pair as an engine told it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldPair {
    /// An id.
    pub left: String,
    /// Another.
    pub right: String,
    /// 0 to 1.
    pub probability: f64,
    /// `auto`, `review` or `nothing`; empty where the engine has no bands.
    pub band: String,
}

/// The truth: who is who, by record id. `between`: only pairs of different sides count, and sides are in the ids.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    entity: FxHashMap<String, u32>,
    side: FxHashMap<String, u8>,
    names: FxHashMap<String, u32>,
}

impl Truth {
    /// Adds a record. `side` is 0 where one file is deduplicated.
    pub fn add(&mut self, id: &str, entity: &str, side: u8) {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.names.entry(entity.to_owned()).or_insert(next);
        self.entity.insert(id.to_owned(), number);
        self.side.insert(id.to_owned(), side);
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entity.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entity.is_empty()
    }

    /// How many pairs are true.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        let mut sizes: FxHashMap<u32, [u64; 2]> = FxHashMap::default();
        let linked = self.side.values().any(|side| *side > 0);
        for (id, entity) in &self.entity {
            let side = self.side.get(id).copied().unwrap_or_default();
            sizes.entry(*entity).or_default()[usize::from(side.min(1))] += 1;
        }
        sizes.values().map(|[a, b]| if linked { a * b } else { (a + b) * (a + b).saturating_sub(1) / 2 }).sum()
    }

    fn same(&self, a: &str, b: &str) -> bool {
        matches!((self.entity.get(a), self.entity.get(b)), (Some(a), Some(b)) if a == b)
    }

    /// Holds pairs against the truth; `cut` is the engine's own default.
    #[must_use]
    pub fn pairs_quality(&self, pairs: &[ToldPair], cut: f64) -> PairQuality {
        let wanted = self.pairs();
        let mut told: Vec<(f64, bool)> = Vec::with_capacity(pairs.len());
        let mut met: FxHashSet<(&str, &str)> = FxHashSet::default();
        let (mut auto, mut asked) = ([0_u64; 2], [0_u64; 2]);
        for pair in pairs {
            let (left, right) = (pair.left.as_str(), pair.right.as_str());
            if left == right || !met.insert((left.min(right), left.max(right))) {
                continue;
            }
            let right = self.same(left, right);
            told.push((pair.probability, right));
            let band = match pair.band.as_str() {
                "auto" => &mut auto,
                "review" => &mut asked,
                _ => continue,
            };
            band[0] += 1;
            band[1] += u64::from(right);
        }
        told.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut right, mut at_cut, mut best) = (0_u64, Quality::of(0.0, 0.0, wanted as f64), (0.0, 1.0));
        for (place, (p, is_right)) in told.iter().enumerate() {
            right += u64::from(*is_right);
            // Pairs of one probability stand or fall together.
            if told.get(place + 1).is_some_and(|(next, _)| next == p) {
                continue;
            }
            let quality = Quality::of(right as f64, (place + 1) as f64, wanted as f64);
            if quality.f1 > best.0 {
                best = (quality.f1, *p);
            }
            if *p >= cut {
                at_cut = quality;
            }
        }
        let both = [auto[0] + asked[0], auto[1] + asked[1]];
        let of = |band: [u64; 2]| Quality::of(band[1] as f64, band[0] as f64, wanted as f64);
        PairQuality {
            true_pairs: wanted,
            at_cut,
            best_f1: best.0,
            best_cut: best.1,
            auto: of(auto),
            auto_and_review: of(both),
            queue: asked[0],
            queue_percent: 100.0 * asked[0] as f64 / self.len().max(1) as f64,
        }
    }

    /// Holds clusters against the truth: by pairs, and B-cubed.
    #[must_use]
    pub fn cluster_quality(&self, clusters: &[(String, String)]) -> (Quality, Quality) {
        let mut names: FxHashMap<&str, u32> = FxHashMap::default();
        let mut cells: FxHashMap<(u32, u32), [u64; 2]> = FxHashMap::default();
        let linked = self.side.values().any(|side| *side > 0);
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let mut place = |id: &str, cluster: u32| {
            if let Some(entity) = self.entity.get(id) {
                let side = self.side.get(id).copied().unwrap_or_default();
                cells.entry((cluster, *entity)).or_default()[usize::from(side.min(1))] += 1;
            }
        };
        for (id, cluster) in clusters {
            let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let number = *names.entry(cluster).or_insert(next);
            if seen.insert(id) {
                place(id, number);
            }
        }
        // A record that the engine did not name is alone.
        let mut alone = u32::MAX;
        for id in self.entity.keys() {
            if !seen.contains(id.as_str()) {
                place(id, alone);
                alone -= 1;
            }
        }
        let count = |[a, b]: [u64; 2]| (if linked { a * b } else { (a + b) * (a + b).saturating_sub(1) / 2 }) as f64;
        let (mut of_cluster, mut of_entity): (FxHashMap<u32, [u64; 2]>, FxHashMap<u32, [u64; 2]>) = Default::default();
        for ((cluster, entity), [a, b]) in &cells {
            for (map, key) in [(&mut of_cluster, cluster), (&mut of_entity, entity)] {
                let sum = map.entry(*key).or_default();
                sum[0] += a;
                sum[1] += b;
            }
        }
        let sum = |map: &FxHashMap<u32, [u64; 2]>| map.values().map(|n| count(*n)).sum::<f64>();
        let pairwise = Quality::of(cells.values().map(|n| count(*n)).sum(), sum(&of_cluster), sum(&of_entity));
        let all = |map: &FxHashMap<u32, [u64; 2]>, key: u32| map.get(&key).map_or(1.0, |[a, b]| (a + b) as f64);
        let (mut precision, mut recall) = (0.0, 0.0);
        let mut ordered: Vec<_> = cells.iter().collect();
        ordered.sort_unstable();
        for ((cluster, entity), [a, b]) in ordered {
            let n = (a + b) as f64;
            precision += n * n / all(&of_cluster, *cluster);
            recall += n * n / all(&of_entity, *entity);
        }
        let records = self.len().max(1) as f64;
        (pairwise, Quality::from(precision / records, recall / records))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth() -> Truth {
        let mut truth = Truth::default();
        for (id, entity) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "2"), ("e", "3")] {
            truth.add(id, entity, 0);
        }
        truth
    }

    #[test]
    fn pairs_are_counted_once_and_against_all_that_are_true() {
        let pair = |left: &str, right: &str, probability, band: &str| ToldPair {
            left: left.into(),
            right: right.into(),
            probability,
            band: band.into(),
        };
        let told = [pair("a", "b", 0.9, "auto"), pair("b", "a", 0.9, "auto"), pair("c", "e", 0.6, "review")];
        let quality = truth().pairs_quality(&told, 0.5);
        assert_eq!((quality.at_cut.precision, quality.at_cut.recall), (0.5, 0.5));
        assert_eq!((quality.auto.precision, quality.queue), (1.0, 1));
        assert!((quality.best_f1 - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn perfect_clusters_are_perfect_and_one_cluster_of_all_is_not() {
        let of = |clusters: &[(&str, &str)]| {
            let told: Vec<_> = clusters.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            truth().cluster_quality(&told)
        };
        let (pairs, b_cubed) = of(&[("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]);
        assert_eq!((pairs.f1, b_cubed.f1), (1.0, 1.0));
        let (pairs, b_cubed) = of(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x")]);
        assert_eq!((pairs.precision, b_cubed.recall), (0.2, 1.0));
        assert!((b_cubed.precision - 0.36).abs() < 1e-12);
    }
}
