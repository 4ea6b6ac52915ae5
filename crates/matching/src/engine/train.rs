//! Training: what strangers agree in from random pairs, what one person's records agree in by expectation
//! maximisation over patterns. Every session is the pairs of one blocking rule with what the rule uses left out,
//! because all its pairs agree in that; what the sessions learn is pooled.

use super::block::{Blocking, RULES, WITHIN};
use super::compare::Comparer;
use super::dictionary::mix;
use super::model::{Levels, Likelihoods, Logs, Model, log2_sum};
use super::pattern::{Comparison, Pattern, middle, name};
use super::prior::normalised;
use super::table::{RecordNo, Table};
use rayon::prelude::*;
use rustc_hash::FxHashMap;

/// Random pairs drawn to learn what strangers agree in.
const STRANGERS_DRAWN: u64 = 1 << 19;
/// How many made-up pairs the prior model stands for.
const PRIOR_PAIRS: f64 = 20.0;
const ROUNDS_MAX: usize = 40;
const SETTLED: f64 = 1e-5;
/// The same for the shares, of their size.
const SHARES_SETTLED: f64 = 1e-4;
/// The most that two people of one household may have one given name, of all such pairs.
const NAMESAKES_MAX: f64 = 0.05;
/// Less of a pattern's pairs than this is not worth adding up.
const IGNORED: f64 = 1e-9;
/// A session with a smaller share of matches teaches nothing of them.
const SHARE_MIN: f64 = 0.01;

/// How often each pattern was seen.
pub(crate) type PatternCounts = Vec<(Pattern, u32)>;

/// Patterns of random pairs.
pub(crate) fn strangers(table: &Table, between: bool) -> PatternCounts {
    const A_TASK: u64 = 1 << 14;
    let records = table.len() as u64;
    if records < 2 {
        return Vec::new();
    }
    // Few records make few pairs; to draw each over and over teaches nothing.
    let drawn = STRANGERS_DRAWN.min(records.saturating_mul(records)).div_ceil(A_TASK);
    let counted: Vec<FxHashMap<Pattern, u32>> = (0..drawn)
        .into_par_iter()
        .map_init(
            || Comparer::new(table),
            |comparer, task| {
                let mut seen = FxHashMap::default();
                for draw in task * A_TASK..(task + 1) * A_TASK {
                    let dice = mix(draw ^ 0x1234_5678_9abc_def1);
                    let (a, b) = ((dice >> 32) % records, (dice & 0xffff_ffff) % records);
                    if a == b || (between && table.sides[a as usize] == table.sides[b as usize]) {
                        continue;
                    }
                    *seen.entry(comparer.compare(a as RecordNo, b as RecordNo)).or_default() += 1;
                }
                seen
            },
        )
        .collect();
    sorted(counted.into_iter())
}

fn sorted<K: Ord + std::hash::Hash + Eq + Copy + Send>(maps: impl Iterator<Item = FxHashMap<K, u32>>) -> Vec<(K, u32)> {
    let mut all: FxHashMap<K, u32> = FxHashMap::default();
    for map in maps {
        if all.is_empty() {
            all = map;
        } else {
            for (key, count) in map {
                *all.entry(key).or_default() += count;
            }
        }
    }
    let mut counts: Vec<(K, u32)> = all.into_iter().collect();
    counts.par_sort_unstable_by_key(|(key, _)| *key);
    counts
}

/// What was counted to learn from.
pub(crate) struct Evidence {
    /// Patterns of random pairs.
    pub strangers: PatternCounts,
    /// Patterns of pairs that blocking brought together, with the rules that did.
    pub met: Vec<((Pattern, u32), u32)>,
    /// How many pairs there are at all.
    pub pairs: f64,
    /// How many pairs of one side there are besides, where two files are linked.
    pub pairs_within: f64,
}

/// Learns a model. `prior` counts as a few made-up pairs, so that little data changes it little.
pub(crate) fn train(evidence: &Evidence, prior: &Model) -> Model {
    let mut model = prior.clone();
    model.levels = learned_strangers(&evidence.strangers, prior, None);
    let sessions = sessions(&evidence.met);
    let mut shares: Vec<(f64, f64)> = vec![(0.3, 0.2); sessions.len()];
    for _ in 0..ROUNDS_MAX {
        let before = model.clone();
        let mut seen = Expected::new();
        for (session, shares) in sessions.iter().zip(&mut shares) {
            if !session.within.is_empty() {
                let (expected, now) = expect(&session.within, &model, session.shares_within(*shares, evidence));
                seen.add_household(&expected, session.left_out);
                let households = now.1 * session.count_within * evidence.pairs / evidence.pairs_within.max(1.0);
                shares.1 = (households / session.count.max(1.0)).clamp(1e-9, 0.5);
            }
            if session.patterns.is_empty() {
                continue;
            }
            let (expected, mut now) = expect(&session.patterns, &model, *shares);
            if now.0 >= SHARE_MIN {
                seen.add(&expected, session.left_out);
            }
            if evidence.pairs_within > 0.0 {
                now.1 = shares.1;
            }
            let strangers = 1.0 - now.0 - now.1;
            if strangers > session.strangers_max {
                let scale = (1.0 - session.strangers_max) / (now.0 + now.1).max(1e-9);
                now = (now.0 * scale, now.1 * scale);
            }
            *shares = now;
        }
        model.levels = maximise(&seen, prior, &model);
        if distance(&before, &model) < SETTLED {
            break;
        }
    }
    shares_of_all(evidence, &mut model, None);
    shares_of_all(evidence, &mut model, Some(prior));
    // Strangers again, with the few that are none taken out: in small data sets they are not so few.
    let posterior = model.clone();
    let logs = posterior.logs();
    let strangers = learned_strangers(&evidence.strangers, prior, Some(&logs));
    for (levels, strangers) in model.levels.iter_mut().zip(strangers) {
        levels.strangers = strangers.strangers;
    }
    shares_of_all(evidence, &mut model, None);
    model
}

const IDENTIFIERS: u16 =
    Comparison::Email.bit() | Comparison::Phone.bit() | Comparison::Licence.bit() | Comparison::Vin.bit();

struct Session {
    left_out: u16,
    /// The most of its pairs that may be strangers: hardly any where they share an e-mail, phone, licence or VIN.
    strangers_max: f64,
    patterns: Vec<(Pattern, u32)>,
    count: f64,
    /// Pairs of one side, where two are linked.
    within: Vec<(Pattern, u32)>,
    count_within: f64,
}

impl Session {
    /// What the shares come to among pairs of one side: as many households, and no more matches than households.
    fn shares_within(&self, shares: (f64, f64), evidence: &Evidence) -> (f64, f64) {
        let per_pair = shares.1 * self.count / evidence.pairs.max(1.0);
        let household = (per_pair * evidence.pairs_within / self.count_within.max(1.0)).clamp(1e-6, 0.5);
        (household.min(0.2), household)
    }
}

fn sessions(met: &[((Pattern, u32), u32)]) -> Vec<Session> {
    RULES
        .par_iter()
        .enumerate()
        .map(|(place, rule)| {
            let mut counts: [FxHashMap<Pattern, u32>; 2] = Default::default();
            for ((pattern, rules), count) in met {
                if rules & (1 << place) != 0 {
                    let side = usize::from(rules & WITHIN != 0);
                    *counts[side].entry(pattern.without(rule.uses)).or_default() += count;
                }
            }
            let [patterns, within] = counts.map(|counts| sorted(std::iter::once(counts)));
            let sum = |patterns: &[(Pattern, u32)]| patterns.iter().map(|(_, count)| f64::from(*count)).sum();
            let (count, count_within) = (sum(&patterns), sum(&within));
            let strangers_max = if IDENTIFIERS & rule.uses == rule.uses { 0.005 } else { 1.0 };
            Session { left_out: rule.uses, strangers_max, patterns, count, within, count_within }
        })
        .filter(|session| !session.patterns.is_empty())
        .collect()
}

/// Expected counts per comparison and level.
struct Expected {
    same: Vec<Vec<f64>>,
    household: Vec<Vec<f64>>,
}

impl Expected {
    fn new() -> Self {
        let empty = || Comparison::ALL.iter().map(|c| vec![0.0; c.levels()]).collect();
        Self { same: empty(), household: empty() }
    }

    fn add(&mut self, other: &Self, left_out: u16) {
        for comparison in Comparison::ALL.into_iter().filter(|c| left_out & c.bit() == 0) {
            let place = comparison as usize;
            for level in 0..comparison.levels() {
                self.same[place][level] += other.same[place][level];
                self.household[place][level] += other.household[place][level];
            }
        }
    }
}

impl Expected {
    fn add_household(&mut self, other: &Self, left_out: u16) {
        for comparison in Comparison::ALL.into_iter().filter(|c| left_out & c.bit() == 0) {
            let place = comparison as usize;
            for (sum, more) in self.household[place].iter_mut().zip(&other.household[place]) {
                *sum += more;
            }
        }
    }
}

fn expect(patterns: &[(Pattern, u32)], model: &Model, shares: (f64, f64)) -> (Expected, (f64, f64)) {
    let mut logs = model.logs();
    logs.priors = Likelihoods {
        same: shares.0.max(1e-9).log2(),
        household: shares.1.max(1e-9).log2(),
        strangers: (1.0 - shares.0 - shares.1).max(1e-9).log2(),
    };
    // Fixed pieces, added up in order: the same sums whatever the number of threads.
    const A_TASK: usize = 8192;
    let pieces: Vec<(Expected, [f64; 3])> = patterns
        .par_chunks(A_TASK)
        .map(|chunk| {
            let mut expected = Expected::new();
            let mut totals = [0.0; 3];
            for (pattern, count) in chunk {
                let count = f64::from(*count);
                let (same, household) = posterior(&logs.of(*pattern));
                totals[0] += count * same;
                totals[1] += count * household;
                totals[2] += count;
                for comparison in Comparison::ALL {
                    let level = pattern.level(comparison);
                    expected.same[comparison as usize][level] += count * same;
                    expected.household[comparison as usize][level] += count * household;
                }
            }
            (expected, totals)
        })
        .collect();
    let mut sum = Expected::new();
    let mut totals = [0.0; 3];
    for (piece, of_piece) in &pieces {
        sum.add(piece, 0);
        for (total, more) in totals.iter_mut().zip(of_piece) {
            *total += more;
        }
    }
    (sum, (totals[0] / totals[2], totals[1] / totals[2]))
}

fn posterior(of: &Likelihoods) -> (f64, f64) {
    let all = log2_sum(log2_sum(of.same, of.household), of.strangers);
    ((of.same - all).exp2(), (of.household - all).exp2())
}

fn maximise(seen: &Expected, prior: &Model, model: &Model) -> Vec<Levels> {
    Comparison::ALL
        .into_iter()
        .map(|comparison| {
            let (place, before, assumed) = (comparison as usize, model.of(comparison), prior.of(comparison));
            let household = of_household(comparison, &seen.household[place], &before.strangers, &assumed.household);
            Levels {
                same: capped(comparison, pooled(comparison, &seen.same[place], &assumed.same)),
                household,
                strangers: before.strangers.clone(),
            }
        })
        .collect()
}

/// Records of one person differ in what is personal more rarely than so. Without a ceiling, namesakes of one household
/// would teach the model that birth dates and suffixes may differ.
const fn differs_at_most(comparison: Comparison) -> (usize, f64) {
    match comparison {
        Comparison::First => (name::OTHER, 0.25),
        Comparison::Middle => (middle::OTHER_INITIAL, 0.15),
        Comparison::Suffix => (2, 0.003),
        Comparison::Company => (9, 0.01),
        Comparison::Birth => (4, 0.08),
        Comparison::Licence => (3, 0.08),
        Comparison::Last
        | Comparison::Email
        | Comparison::Phone
        | Comparison::Street
        | Comparison::Extra
        | Comparison::Place
        | Comparison::Vin => (0, 1.0),
    }
}

fn capped(comparison: Comparison, mut levels: Vec<f64>) -> Vec<f64> {
    let (level, most) = differs_at_most(comparison);
    let told = levels[level];
    if told > most {
        let group = comparison.group(level);
        for (at, p) in levels.iter_mut().enumerate().filter(|(at, _)| comparison.group(*at) == group) {
            *p = if at == level { most } else { *p * (1.0 - most) / (1.0 - told).max(1e-9) };
        }
    }
    levels
}

/// Two people of a household: in what is personal they are strangers, but for namesakes, and a suffix tells those.
fn of_household(comparison: Comparison, counts: &[f64], strangers: &[f64], assumed: &[f64]) -> Vec<f64> {
    match comparison {
        Comparison::First => {
            let usual = mixed(comparison, strangers, assumed, 0.1);
            let mut learned = pooled(comparison, counts, &usual);
            // More namesakes than this are not a household's but records of one person.
            let namesakes = learned[1].min(NAMESAKES_MAX);
            for (level, p) in usual.iter().enumerate().skip(2) {
                learned[level] = *p;
            }
            let rest: f64 = (2..usual.len()).filter(|l| comparison.group(*l) == 1).map(|l| usual[l]).sum();
            for (level, p) in learned.iter_mut().enumerate().skip(2).filter(|(l, _)| comparison.group(*l) == 1) {
                *p = usual[level] / rest * (1.0 - namesakes);
            }
            learned[1] = namesakes;
            learned
        }
        Comparison::Middle | Comparison::Birth | Comparison::Licence => mixed(comparison, strangers, assumed, 0.02),
        Comparison::Company => {
            let mut learned = pooled(comparison, counts, assumed);
            for (level, p) in learned.iter_mut().enumerate().filter(|(level, _)| comparison.group(*level) == 2) {
                *p = strangers[level];
            }
            learned
        }
        Comparison::Last
        | Comparison::Suffix
        | Comparison::Email
        | Comparison::Phone
        | Comparison::Street
        | Comparison::Extra
        | Comparison::Place
        | Comparison::Vin => pooled(comparison, counts, assumed),
    }
}

fn mixed(comparison: Comparison, most: &[f64], some: &[f64], share: f64) -> Vec<f64> {
    normalised(comparison, most.iter().zip(some).map(|(a, b)| a * (1.0 - share) + b * share).collect())
}

/// Counts and what is assumed, taken together group by group.
fn pooled(comparison: Comparison, counts: &[f64], assumed: &[f64]) -> Vec<f64> {
    let told = counts.iter().zip(assumed).map(|(count, assumed)| count + PRIOR_PAIRS * assumed).collect();
    normalised(comparison, told)
}

fn learned_strangers(patterns: &PatternCounts, prior: &Model, without: Option<&Logs>) -> Vec<Levels> {
    let mut counts: Vec<Vec<f64>> = Comparison::ALL.iter().map(|c| vec![0.0; c.levels()]).collect();
    for (pattern, count) in patterns {
        let kept = without.map_or(1.0, |logs| {
            let (same, household) = posterior(&logs.of(*pattern));
            1.0 - same - household
        });
        for comparison in Comparison::ALL {
            counts[comparison as usize][pattern.level(comparison)] += f64::from(*count) * kept;
        }
    }
    Comparison::ALL
        .into_iter()
        .map(|comparison| {
            let (counts, assumed) = (&counts[comparison as usize], prior.of(comparison));
            let told = counts.iter().zip(&assumed.strangers).map(|(count, assumed)| count + assumed).collect();
            Levels { strangers: normalised(comparison, told), ..assumed.clone() }
        })
        .collect()
}

/// The shares of the classes among all pairs there are: those that did not meet are strangers.
///
/// With a `prior` the levels are learned once more from all pairs that met, by whatever rule. The sessions see only
/// pairs that agree in something, and where a person's records rarely differ twice, pairs that agree in one field
/// differ in another too often. All rules together bring nearly every match, so that their union does not mislead.
fn shares_of_all(evidence: &Evidence, model: &mut Model, prior: Option<&Model>) {
    model.same_share = model.same_share.max(0.1 / evidence.pairs.max(1.0));
    model.household_share = model.household_share.max(0.1 / evidence.pairs.max(1.0));
    for _ in 0..ROUNDS_MAX {
        let logs = model.logs();
        let pieces: Vec<(Expected, [f64; 3])> = evidence
            .met
            .par_chunks(8192)
            .map(|chunk| {
                let (mut expected, mut sum) = (Expected::new(), [0.0; 3]);
                for ((pattern, rules), count) in chunk {
                    let (same, household) = posterior(&logs.of(*pattern));
                    let (same, household) = (same * f64::from(*count), household * f64::from(*count));
                    if rules & WITHIN == 0 {
                        sum[0] += same;
                        sum[1] += household;
                    } else {
                        sum[2] += household;
                    }
                    if prior.is_some() && (same > IGNORED || household > IGNORED) {
                        for comparison in Comparison::ALL {
                            let level = pattern.level(comparison);
                            if rules & WITHIN == 0 {
                                expected.same[comparison as usize][level] += same;
                            }
                            expected.household[comparison as usize][level] += household;
                        }
                    }
                }
                (expected, sum)
            })
            .collect();
        let mut seen = Expected::new();
        let mut sums = [0.0; 3];
        for (piece, of_piece) in &pieces {
            seen.add(piece, 0);
            for (sum, more) in sums.iter_mut().zip(of_piece) {
                *sum += more;
            }
        }
        let [same, household, within] = sums;
        let share = |count: f64, pairs: f64| ((count + 0.5) / pairs.max(1.0)).min(0.45);
        let same = share(same, evidence.pairs);
        let household = if evidence.pairs_within > 0.0 {
            share(within, evidence.pairs_within)
        } else {
            share(household, evidence.pairs)
        };
        let moved = (same / model.same_share - 1.0).abs() + (household / model.household_share - 1.0).abs();
        (model.same_share, model.household_share) = (same, household);
        let mut settled = moved < SHARES_SETTLED;
        if let Some(prior) = prior {
            let before = model.clone();
            model.levels = maximise(&seen, prior, model);
            settled &= distance(&before, model) < SETTLED;
        }
        if settled {
            break;
        }
    }
}

fn distance(a: &Model, b: &Model) -> f64 {
    a.levels
        .iter()
        .zip(&b.levels)
        .flat_map(|(a, b)| a.same.iter().zip(&b.same).chain(a.household.iter().zip(&b.household)))
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

/// Pairs that were compared.
pub(crate) struct Compared {
    /// How often each pattern was met, by the rules that brought its pairs together.
    pub met: Vec<((Pattern, u32), u32)>,
    /// The pairs that were kept.
    pub kept: Vec<(RecordNo, RecordNo, Pattern)>,
    /// How many were compared.
    pub pairs: u64,
}

/// Compares the pairs that meet and counts their patterns; each pair that `keeps` is handed back as well.
pub(crate) fn compare_all(
    table: &Table,
    blocking: &Blocking,
    keeps: impl Fn(Pattern) -> bool + Sync + Send,
) -> Compared {
    struct State<'a> {
        comparer: Comparer<'a>,
        seen: FxHashMap<(Pattern, u32), u32>,
        kept: Vec<(RecordNo, RecordNo, Pattern)>,
        pairs: u64,
    }
    let states = blocking.pairs(
        &table.sides,
        || State { comparer: Comparer::new(table), seen: FxHashMap::default(), kept: Vec::new(), pairs: 0 },
        |state, a, b, rules| {
            let pattern = state.comparer.compare(a, b);
            state.pairs += u64::from(rules & WITHIN == 0);
            *state.seen.entry((pattern, rules)).or_default() += 1;
            if rules & WITHIN == 0 && keeps(pattern) {
                state.kept.push((a.min(b), a.max(b), pattern));
            }
        },
    );
    let pairs = states.iter().map(|state| state.pairs).sum();
    let mut kept = Vec::with_capacity(states.iter().map(|state| state.kept.len()).sum());
    let mut maps = Vec::with_capacity(states.len());
    for state in states {
        kept.extend(state.kept);
        maps.push(state.seen);
    }
    Compared { met: sorted(maps.into_iter()), kept, pairs }
}
