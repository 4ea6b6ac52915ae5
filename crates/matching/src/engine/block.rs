//! Blocking: which pairs are worth comparing. Records that share a key meet; the union of all rules is compared, each
//! pair once.

use super::dictionary::{Traits, mix, stable_hash};
use super::field::Slot;
use super::pattern::Comparison;
use super::table::{Family, RecordNo, Table};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A rule by which records meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its name; part of every stored key.
    pub name: &'static str,
    /// What its pairs always agree in: it must not be learned from them.
    pub uses: u16,
    /// How many keys a record may have by it.
    pub keys: usize,
}

const fn rule(name: &'static str, uses: u16, keys: usize) -> Rule {
    Rule { name, uses, keys }
}

const FIRST: u16 = Comparison::First.bit();
const LAST: u16 = Comparison::Last.bit();
const STREET: u16 = Comparison::Street.bit();
const PLACE: u16 = Comparison::Place.bit();
const BIRTH: u16 = Comparison::Birth.bit();

/// The rules, the most telling first. From [`WIDE_FROM`] on they are for data sets small enough to look twice.
pub(crate) const RULES: [Rule; 24] = [
    rule("email", Comparison::Email.bit(), 3),
    rule("phone", Comparison::Phone.bit(), 4),
    rule("licence", Comparison::Licence.bit(), 1),
    rule("vin", Comparison::Vin.bit(), 3),
    rule("street", STREET, 1),
    rule("last_birth", LAST | BIRTH, 1),
    rule("first_birth", FIRST | BIRTH, 1),
    rule("names", FIRST | LAST, 1),
    rule("company", Comparison::Company.bit(), 1),
    rule("sound_zip", FIRST | LAST | PLACE, 1),
    rule("group_number_zip", FIRST | STREET | PLACE, 1),
    rule("last_street", LAST | STREET, 1),
    rule("first_street", FIRST | STREET, 1),
    rule("birth_zip", BIRTH | PLACE, 1),
    rule("street_zip", STREET | PLACE, 1),
    rule("last_number", LAST | STREET, 1),
    rule("first_zip", FIRST | PLACE, 1),
    rule("last_zip", LAST | PLACE, 1),
    rule("birth", BIRTH, 1),
    rule("first_city", FIRST | PLACE, 1),
    rule("last_city", LAST | PLACE, 1),
    rule("first_number", FIRST | STREET, 1),
    rule("number_zip", STREET | PLACE, 1),
    rule("extra_number", Comparison::Extra.bit() | STREET, 1),
];

/// The first of the rules that only small data sets use.
const WIDE_FROM: usize = 16;

/// Key columns: the rules' keys side by side.
pub(crate) const COLUMNS: usize = {
    let mut sum = 0;
    let mut place = 0;
    while place < RULES.len() {
        sum += RULES[place].keys;
        place += 1;
    }
    sum
};

const STARTS: [usize; RULES.len() + 1] = {
    let mut starts = [0; RULES.len() + 1];
    let mut place = 0;
    while place < RULES.len() {
        starts[place + 1] = starts[place] + RULES[place].keys;
        place += 1;
    }
    starts
};

/// The keys of one record by one rule; 0 is none.
pub(crate) type RuleKeys = [u64; 4];

/// The keys of a record by one rule. They depend on its texts only, so they mean the same in every table and may be
/// stored.
pub(crate) fn keys_of(table: &Table, record: RecordNo, rule: usize) -> RuleKeys {
    rule_keys(rule, |slot| *table.traits(slot, table.value(record, slot)), |slot| table.text(record as usize, slot))
}

/// The same of a record by the traits and texts of its values.
pub(crate) fn rule_keys<'a>(rule: usize, traits: impl Fn(Slot) -> Traits, text: impl Fn(Slot) -> &'a str) -> RuleKeys {
    let hash = |slot: Slot| traits(slot).hash;
    let group = || traits(Slot::First).group;
    let sound = || traits(Slot::Last).sound;
    let initial = || text(Slot::First).bytes().next().map_or(0, |b| u64::from(b) + 1);
    let zip3 = || match text(Slot::Zip) {
        zip if zip.len() >= 4 => stable_hash(zip.get(..3).unwrap_or(zip).as_bytes()),
        _ => hash(Slot::City),
    };
    let one = |parts: &[u64]| [all(parts), 0, 0, 0];
    let several = |slots: &[Slot]| std::array::from_fn(|place| slots.get(place).map_or(0, |slot| hash(*slot)));
    let (birth, street, number, zip, city) = (Slot::Birth, Slot::Street, Slot::Number, Slot::Zip, Slot::City);
    let mut keys = match rule {
        0 => several(&Slot::EMAILS),
        1 => several(&Slot::PHONES),
        2 => one(&[hash(Slot::Licence)]),
        3 => several(&Slot::VINS),
        4 => one(&[hash(number), hash(street)]),
        5 => one(&[sound(), hash(birth)]),
        6 => one(&[group(), hash(birth)]),
        // Exchanged names meet too.
        7 => {
            let (a, b) = (hash(Slot::First), hash(Slot::Last));
            one(&[a.min(b), a.max(b)])
        }
        8 => one(&[hash(Slot::Company)]),
        9 => one(&[sound(), initial(), zip3()]),
        10 => one(&[group(), hash(number), hash(zip)]),
        11 => one(&[sound(), hash(street)]),
        12 => one(&[group(), hash(street)]),
        13 => one(&[hash(birth), hash(zip)]),
        14 => one(&[hash(street), hash(zip)]),
        15 => one(&[sound(), hash(number)]),
        16 => one(&[group(), hash(zip)]),
        17 => one(&[sound(), hash(zip)]),
        18 => one(&[hash(birth)]),
        19 => one(&[group(), hash(city)]),
        20 => one(&[sound(), hash(city)]),
        21 => one(&[group(), hash(number)]),
        22 => one(&[hash(number), hash(zip)]),
        _ => one(&[hash(Slot::Extra), hash(number)]),
    };
    for key in keys.iter_mut().filter(|key| **key != 0) {
        *key = mix(*key ^ (rule as u64 + 1)) | 1;
    }
    keys
}

fn all(parts: &[u64]) -> u64 {
    if parts.contains(&0) {
        return 0;
    }
    parts.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |key, part| mix(key ^ *part).wrapping_add(*part)) | 1
}

/// What a key that too many share is crossed with: the first two of these that the rule does not use already.
pub(crate) fn finer(table: &Table, record: RecordNo, rule: usize, key: u64, round: usize) -> u64 {
    let uses = RULES[rule].uses;
    let hash = |slot: Slot| match table.value(record, slot) {
        0 => 0,
        value => table.traits(slot, value).hash,
    };
    let by: [(u16, u64); 5] = [
        (FIRST, table.traits(Slot::First, table.value(record, Slot::First)).group),
        (LAST, table.traits(Slot::Last, table.value(record, Slot::Last)).sound),
        (PLACE, hash(Slot::Zip)),
        (BIRTH, hash(Slot::Birth)),
        (STREET, hash(Slot::Street)),
    ];
    let part = by.iter().filter(|(comparison, _)| uses & comparison == 0).nth(round).map_or(0, |(_, part)| *part);
    if part == 0 { 0 } else { mix(key ^ part.rotate_left(17)) | 1 }
}

/// How far blocking goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// The most records that one key brings together; a key that more share is crossed with a second field.
    pub key_records_max: usize,
    /// Of an e-mail, phone, licence or VIN: the most different names among its holders before it says nothing about who somebody is.
    pub shared_names_max: usize,
    /// Whether the wide rules are used as well.
    pub wide: bool,
}

impl BlockLimits {
    /// Limits for so many records: small data sets can afford every pair.
    #[must_use]
    pub const fn for_records(records: usize) -> Self {
        let key_records_max = match records {
            0..=20_000 => 400,
            20_001..=100_000 => 120,
            100_001..=500_000 => 40,
            _ => 24,
        };
        Self { key_records_max, shared_names_max: 12, wide: records <= 50_000 }
    }

    /// How many of the rules are used.
    pub(crate) const fn rules(self) -> usize {
        if self.wide { RULES.len() } else { WIDE_FROM }
    }
}

/// Marks a pair of one side where only pairs of two are asked for: it tells how many households there are.
pub(crate) const WITHIN: u32 = 1 << 31;

/// Blocks of one rule: records in the order of their keys, and where each block starts.
struct Blocks {
    rule: usize,
    members: Vec<RecordNo>,
    starts: Vec<u32>,
}

/// All blocks of a table.
pub(crate) struct Blocking {
    blocks: Vec<Blocks>,
    /// Which block of each column a record is in; 0 is none. Rows side by side, as pairs are looked up by record.
    places: Vec<[u32; COLUMNS]>,
    between: bool,
}

impl Blocking {
    /// Blocks a table. `between` marks the pairs of one side.
    pub(crate) fn new(table: &Table, limits: BlockLimits, between: bool) -> Self {
        let mut places = vec![[0_u32; COLUMNS]; table.len()];
        let mut blocks = Vec::with_capacity(limits.rules());
        // One rule after the other, each in parallel: all at once would hold every key in memory.
        for rule in 0..limits.rules() {
            blocks.push(blocks_of(table, rule, limits, &mut places));
        }
        Self { blocks, places, between }
    }

    /// Calls with every pair that meets, once, and the set of rules that bring it together.
    pub(crate) fn pairs<S: Send>(
        &self,
        sides: &[u8],
        state: impl Fn() -> S + Sync + Send,
        each: impl Fn(&mut S, RecordNo, RecordNo, u32) + Sync + Send,
    ) -> Vec<S> {
        const BLOCKS_A_TASK: usize = 4096;
        let tasks: Vec<(usize, usize)> = self
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(at, blocks)| {
                (0..blocks.starts.len().saturating_sub(1)).step_by(BLOCKS_A_TASK).map(move |from| (at, from))
            })
            .collect();
        let next = AtomicUsize::new(0);
        // One state per thread; whoever is free takes the next task.
        (0..rayon::current_num_threads())
            .into_par_iter()
            .map(|_| {
                let mut state = state();
                while let Some((at, from)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let blocks = &self.blocks[*at];
                    let to = (from + BLOCKS_A_TASK).min(blocks.starts.len() - 1);
                    for block in *from..to {
                        self.pairs_of(blocks, block, sides, &mut state, &each);
                    }
                }
                state
            })
            .collect()
    }

    fn pairs_of<S>(
        &self,
        blocks: &Blocks,
        block: usize,
        sides: &[u8],
        state: &mut S,
        each: &impl Fn(&mut S, RecordNo, RecordNo, u32),
    ) {
        let members = &blocks.members[blocks.starts[block] as usize..blocks.starts[block + 1] as usize];
        for (place, a) in members.iter().enumerate() {
            for b in &members[place + 1..] {
                if a == b {
                    continue;
                }
                let within = self.between && sides[*a as usize] == sides[*b as usize];
                if let Some(rules) = self.meets_first_in(*a, *b, blocks.rule, block as u32 + 1) {
                    each(state, *a, *b, if within { rules | WITHIN } else { rules });
                }
            }
        }
    }

    /// The rules that bring a pair together, if this block is the first that does.
    fn meets_first_in(&self, a: RecordNo, b: RecordNo, rule: usize, block: u32) -> Option<u32> {
        let (a, b) = (&self.places[a as usize], &self.places[b as usize]);
        let mut rules = 1 << rule;
        for (other, about) in RULES.iter().enumerate() {
            let columns = STARTS[other]..STARTS[other + 1];
            if about.keys == 1 {
                let place = a[columns.start];
                if place != 0 && place == b[columns.start] {
                    if other < rule {
                        return None;
                    }
                    rules |= 1 << other;
                }
            } else {
                for x in &a[columns.clone()] {
                    if *x != 0 && b[columns.clone()].contains(x) {
                        // Two phones in common: the pair belongs to the block with the smaller number.
                        if other < rule || (other == rule && *x < block) {
                            return None;
                        }
                        rules |= 1 << other;
                    }
                }
            }
        }
        Some(rules)
    }
}

fn blocks_of(table: &Table, rule: usize, limits: BlockLimits, places: &mut [[u32; COLUMNS]]) -> Blocks {
    let mut held: Vec<(u64, RecordNo, u8)> = (0..table.len() as u32)
        .into_par_iter()
        .fold(Vec::new, |mut held, record| {
            for (place, key) in keys_of(table, record, rule).into_iter().enumerate() {
                if key != 0 {
                    held.push((key, record, place as u8));
                }
            }
            held
        })
        .reduce(Vec::new, |mut all, mut more| {
            if all.is_empty() {
                return more;
            }
            all.append(&mut more);
            all
        });
    let mut blocks = Blocks { rule, members: Vec::new(), starts: vec![0] };
    for round in 0..3 {
        held.par_sort_unstable();
        let mut next = Vec::new();
        for group in held.chunk_by(|a, b| a.0 == b.0) {
            if group.len() < 2 {
                continue;
            }
            if group.len() > limits.key_records_max {
                if round < 2 {
                    next.extend(group.iter().filter_map(|(key, record, place)| {
                        let finer = finer(table, *record, rule, *key, round);
                        (finer != 0).then_some((finer, *record, *place))
                    }));
                }
                continue;
            }
            let block = blocks.starts.len() as u32;
            for (_, record, place) in group {
                blocks.members.push(*record);
                places[*record as usize][STARTS[rule] + usize::from(*place)] = block;
            }
            blocks.starts.push(blocks.members.len() as u32);
        }
        held = next;
    }
    blocks
}

/// The blocks of every record, for another engine that is to compare the same pairs.
#[derive(Clone, Debug)]
pub struct BlocksOfAll {
    places: Vec<[u32; COLUMNS]>,
    rules: usize,
}

impl BlocksOfAll {
    /// The blocks of a table's records. After a run they are those of the run.
    #[must_use]
    pub fn of(table: &Table, limits: BlockLimits) -> Self {
        Self { places: Blocking::new(table, limits, false).places, rules: limits.rules() }
    }

    /// The names of the rules, in order.
    #[must_use]
    pub fn rules(&self) -> Vec<&'static str> {
        RULES.iter().take(self.rules).map(|rule| rule.name).collect()
    }

    /// A record's blocks by one rule: two records meet where they share one.
    pub fn of_record(&self, record: usize, rule: usize) -> impl Iterator<Item = u32> + '_ {
        self.places[record][STARTS[rule]..STARTS[rule + 1]].iter().copied().filter(|block| *block != 0)
    }
}

/// E-mails, phones, licences and VINs that too many different people share, by family and value.
pub(crate) fn over_shared(table: &Table, limits: BlockLimits) -> Vec<(Family, Vec<bool>)> {
    [Family::Email, Family::Phone, Family::Licence, Family::Vin]
        .into_par_iter()
        .map(|family| {
            let counts = table.counts(family);
            let mut shared = vec![false; counts.len()];
            let mut held: Vec<(u32, u64)> = Vec::new();
            for row in &table.rows {
                for slot in family.slots() {
                    let value = row[slot.place()];
                    if counts[value as usize] as usize > limits.shared_names_max {
                        let (first, last) = (row[Slot::First.place()], row[Slot::Last.place()]);
                        let group = table.traits(Slot::First, first).group;
                        held.push((value, group ^ table.traits(Slot::Last, last).sound));
                    }
                }
            }
            held.sort_unstable();
            held.dedup();
            for group in held.chunk_by(|a, b| a.0 == b.0) {
                if let (true, Some((value, _))) = (group.len() > limits.shared_names_max, group.first()) {
                    shared[*value as usize] = true;
                }
            }
            (family, shared)
        })
        .collect()
}
