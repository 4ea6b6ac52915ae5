//! Properties of the engine as a whole, on made-up dealerships.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod cli;
mod meeting;
mod people;

use matching::clean::{Keys, clean};
use matching::engine::golden::{Standing, reconcile};
use matching::engine::{BlockLimits, Found, Live, Model, Table, Wish, explain, run};
use people::{Made, people};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn keys(made: &[Made]) -> Vec<(String, Keys)> {
    made.iter().map(|one| (one.id.clone(), clean(&one.row()))).collect()
}

fn matched(records: &[(String, Keys)], limits: Option<BlockLimits>) -> (Table, Found) {
    let mut table = Table::new();
    table.extend(records, 0);
    let mut table = table.finish();
    let found = run(&mut table, Wish { limits, ..Wish::default() }, &Model::prior(), |_| {});
    (table, found)
}

/// Everything a run says, as text: equal exactly where every byte written would be.
fn told((table, found): &(Table, Found)) -> String {
    let edges: Vec<String> = found
        .edges
        .iter()
        .map(|edge| {
            let (left, right) = (table.id(edge.left as usize), table.id(edge.right as usize));
            format!("{left} {right} {:?} {:?}", edge.log2_odds.to_bits(), found.bands.band(edge.probability()))
        })
        .collect();
    let clusters: Vec<String> = found
        .clusters
        .iter()
        .enumerate()
        .map(|(at, root)| format!("{} {}", table.id(at), table.id(*root as usize)))
        .collect();
    format!("{edges:?} {clusters:?} {:?}", found.model)
}

/// Clusters as sets of ids, whatever they are called.
fn sets(ids: impl Iterator<Item = (String, String)>) -> BTreeSet<BTreeSet<String>> {
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, root) in ids {
        of.entry(root).or_default().insert(id);
    }
    of.into_values().collect()
}

fn batch_sets((table, found): &(Table, Found)) -> BTreeSet<BTreeSet<String>> {
    let name = |at: usize| table.id(at).to_owned();
    sets(found.clusters.iter().enumerate().map(|(at, root)| (name(at), name(*root as usize))))
}

fn live_sets(live: &Live) -> BTreeSet<BTreeSet<String>> {
    let name = |at: u32| live.id(at).to_owned();
    sets(live.clusters().iter().enumerate().map(|(at, root)| (name(at as u32), name(*root))))
}

/// Golden ids of the clusters there are now, given those before and those before that.
fn golden_ids(live: &Live, before: &BTreeMap<u32, u32>, former: &BTreeMap<u32, u32>) -> BTreeMap<u32, u32> {
    let standings: Vec<Standing<u32, u32>> = live
        .clusters()
        .iter()
        .enumerate()
        .map(|(at, cluster)| {
            let record = at as u32;
            let (golden, former) = (before.get(&record).copied(), former.get(&record).copied());
            Standing { record, golden, former, cluster: *cluster }
        })
        .collect();
    let mut next = 1000;
    reconcile(&standings, || {
        next += 1;
        next
    })
    .golden
}

fn shuffled<T: Clone>(of: &[T], seed: u64) -> Vec<T> {
    let mut order: Vec<(u64, T)> = of
        .iter()
        .enumerate()
        .map(|(at, one)| {
            ((at as u64 + 1).wrapping_mul(seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31), one.clone())
        })
        .collect();
    order.sort_by_key(|(key, _)| *key);
    order.into_iter().map(|(_, one)| one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_changes_nothing(seed in 1_u64..1000) {
        let records = keys(&people(seed, 120));
        let one = told(&matched(&records, None));
        let other = told(&matched(&shuffled(&records, seed + 7), None));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn one_by_one_comes_to_the_same_clusters_as_all_at_once(seed in 1_u64..1000) {
        let records = keys(&people(seed, 120));
        let batch = matched(&records, None);
        let mut live = Live::new(&batch.0, &batch.1.model, BlockLimits::for_records(records.len()));
        for (id, keys) in shuffled(&records, seed + 3) {
            live.add(&id, &keys);
        }
        prop_assert_eq!(batch_sets(&batch), live_sets(&live));
    }

    #[test]
    fn every_waterfall_sums_to_its_score(seed in 1_u64..1000) {
        let (table, found) = matched(&keys(&people(seed, 120)), None);
        for edge in &found.edges {
            let waterfall = explain(&table, &found.model, edge.left, edge.right);
            let sum: f64 = waterfall.steps.iter().map(|step| step.bits).sum();
            prop_assert!((sum - edge.log2_odds).abs() < 1e-6, "{} is not {}", sum, edge.log2_odds);
        }
    }

    #[test]
    fn what_was_told_apart_never_meets_and_meets_again_when_allowed(seed in 1_u64..1000) {
        let records = keys(&people(seed, 120));
        let batch = matched(&records, None);
        let mut live = Live::new(&batch.0, &batch.1.model, BlockLimits::for_records(records.len()));
        for (id, keys) in &records {
            live.add(id, keys);
        }
        let before = live.clusters().to_vec();
        let joined: Vec<(u32, u32)> =
            before.iter().enumerate().map(|(at, root)| (at as u32, *root)).filter(|(at, root)| at != root).collect();
        for (at, root) in &joined {
            live.keep_apart(*at, *root);
        }
        for (at, root) in &joined {
            prop_assert_ne!(live.clusters()[*at as usize], live.clusters()[*root as usize]);
        }
        for (at, root) in &joined {
            live.take_back(*at, *root);
        }
        prop_assert_eq!(before, live.clusters().to_vec());
    }

    #[test]
    fn a_merge_by_hand_taken_back_leaves_every_id_as_it_was(seed in 1_u64..1000, picks in prop::collection::vec((0_usize..120, 0_usize..120), 1..12)) {
        let records = keys(&people(seed, 120));
        let batch = matched(&records, None);
        let mut live = Live::new(&batch.0, &batch.1.model, BlockLimits::for_records(records.len()));
        for (id, keys) in &records {
            live.add(id, keys);
        }
        let (clusters, golden) = (live.clusters().to_vec(), golden_ids(&live, &BTreeMap::new(), &BTreeMap::new()));
        let pairs: Vec<(u32, u32)> = picks.into_iter().map(|(a, b)| ((a % live.len()) as u32, (b % live.len()) as u32)).filter(|(a, b)| a != b).collect();

        for (a, b) in &pairs {
            live.keep_together(*a, *b);
            prop_assert_eq!(live.clusters()[*a as usize], live.clusters()[*b as usize]);
        }
        let merged = golden_ids(&live, &golden, &BTreeMap::new());
        for (a, b) in &pairs {
            live.take_back(*a, *b);
        }

        prop_assert_eq!(clusters, live.clusters().to_vec());
        prop_assert_eq!(&golden, &golden_ids(&live, &merged, &golden));
    }

    #[test]
    fn a_no_outlasts_every_later_record_and_every_later_yes(seed in 1_u64..1000, picks in prop::collection::vec((0_usize..120, 0_usize..120), 1..20)) {
        let records = keys(&people(seed, 120));
        let batch = matched(&records, None);
        let mut live = Live::new(&batch.0, &batch.1.model, BlockLimits::for_records(records.len()));
        let (early, late) = records.split_at(records.len() / 2);
        for (id, keys) in early {
            live.add(id, keys);
        }
        let told_apart: Vec<(u32, u32)> = live.clusters().iter().enumerate().map(|(at, root)| (at as u32, *root)).filter(|(at, root)| at != root).collect();
        for (a, b) in &told_apart {
            live.keep_apart(*a, *b);
        }

        for (id, keys) in late {
            live.add(id, keys);
        }
        for (a, b) in picks {
            let pair = ((a % live.len()) as u32, (b % live.len()) as u32);
            if !told_apart.contains(&pair) && !told_apart.contains(&(pair.1, pair.0)) {
                live.keep_together(pair.0, pair.1);
            }
        }

        for (a, b) in &told_apart {
            prop_assert_ne!(live.clusters()[*a as usize], live.clusters()[*b as usize]);
        }
    }

    #[test]
    fn caps_lose_no_pair_of_a_small_file(seed in 1_u64..1000) {
        let records = keys(&people(seed, 100));
        let (table, found) = matched(&records, None);
        let named: BTreeSet<(u32, u32)> = found.edges.iter().map(|edge| (edge.left, edge.right)).collect();
        for left in 0..table.len() as u32 {
            for right in left + 1..table.len() as u32 {
                let all = explain(&table, &found.model, left, right);
                if all.probability >= 0.5 {
                    prop_assert!(named.contains(&(left, right)), "{} and {}", table.id(left as usize), table.id(right as usize));
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let records = keys(&people(5, 1500));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| told(&matched(&records, None)))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(7));
}

#[test]
fn duplicates_are_found_and_households_are_not_merged() {
    let made = people(11, 3000);
    let (table, found) = matched(&keys(&made), None);
    let person: BTreeMap<&str, u32> = made.iter().map(|one| (one.id.as_str(), one.person)).collect();
    let of = |at: u32| person[table.id(at as usize)];
    let merged: Vec<(u32, u32)> = found
        .clusters
        .iter()
        .enumerate()
        .filter(|(at, root)| *at as u32 != **root)
        .map(|(at, root)| (of(at as u32), of(*root)))
        .collect();
    let wrong = merged.iter().filter(|(a, b)| a != b).count();
    let wanted = made.len() - made.iter().map(|one| one.person).collect::<BTreeSet<_>>().len();
    assert!(merged.len() * 10 > wanted * 9, "{} of {wanted} duplicates were found", merged.len());
    assert!(wrong * 100 < merged.len() * 2, "{wrong} of {} merges are wrong", merged.len());
}

#[test]
fn two_files_are_linked_one_to_one_where_asked() {
    let made = people(3, 600);
    let (left, right): (Vec<Made>, Vec<Made>) = made.into_iter().partition(|one| one.id.ends_with('0'));
    let mut table = Table::new();
    table.extend(&keys(&left), 0);
    table.extend(&keys(&right), 1);
    let mut table = table.finish();
    let wish = Wish { between: true, one_per_source: true, limits: None };
    let found = run(&mut table, wish, &Model::prior(), |_| {});
    let mut size: BTreeMap<u32, usize> = BTreeMap::new();
    for root in &found.clusters {
        *size.entry(*root).or_default() += 1;
    }
    assert!(size.values().any(|size| *size == 2));
    assert!(size.values().all(|size| *size <= 2));
}
