//! Blocking: which pairs are worth comparing. Records that share a key meet; the union of all rules is compared, each
//! pair once.

use super::dictionary::{mix, stable_hash};
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

/// The rules, the most telling first.
pub(crate) const RULES: [Rule; 16] = [
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
];

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

/// The rule that a key column belongs to.
pub(crate) fn rule_of(column: usize) -> usize {
    STARTS.iter().rposition(|start| *start <= column).unwrap_or_default()
}

/// The keys of one record; 0 is none.
pub(crate) type BlockKeys = [u64; COLUMNS];

/// The keys of a record. They depend on its texts only, so they mean the same in every table and may be stored.
pub(crate) fn keys_of(table: &Table, record: RecordNo) -> BlockKeys {
    let hash = |slot: Slot| match table.value(record, slot) {
        0 => 0,
        value => table.traits(slot, value).hash,
    };
    let name = |slot: Slot| table.traits(slot, table.value(record, slot));
    let first_letter = |slot: Slot| table.text(record as usize, slot).bytes().next().map_or(0, |b| u64::from(b) + 1);
    let (first, last) = (name(Slot::First), name(Slot::Last));
    let (has_first, has_last) = (table.value(record, Slot::First) != 0, table.value(record, Slot::Last) != 0);
    let (group, sound) = (if has_first { first.group } else { 0 }, if has_last { last.sound } else { 0 });
    let (zip, birth, street, number) = (hash(Slot::Zip), hash(Slot::Birth), hash(Slot::Street), hash(Slot::Number));
    let zip3 = match table.text(record as usize, Slot::Zip) {
        zip if zip.len() >= 4 => stable_hash(zip.get(..3).unwrap_or(zip).as_bytes()),
        _ => hash(Slot::City),
    };
    let all = |parts: &[u64]| {
        if parts.contains(&0) {
            return 0;
        }
        parts.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |key, part| mix(key ^ *part).wrapping_add(*part)) | 1
    };
    // Exchanged names meet too.
    let names = all(&[first.hash.min(last.hash), first.hash.max(last.hash)]) * u64::from(has_first && has_last);
    let mut keys = [0; COLUMNS];
    let mut put = |rule: usize, place: usize, key: u64| {
        if key != 0 {
            keys[STARTS[rule] + place] = mix(key ^ (rule as u64 + 1)) | 1;
        }
    };
    for (place, slot) in Slot::EMAILS.into_iter().enumerate() {
        put(0, place, hash(slot));
    }
    for (place, slot) in Slot::PHONES.into_iter().enumerate() {
        put(1, place, hash(slot));
    }
    put(2, 0, hash(Slot::Licence));
    for (place, slot) in Slot::VINS.into_iter().enumerate() {
        put(3, place, hash(slot));
    }
    put(4, 0, all(&[number, street]));
    put(5, 0, all(&[sound, birth]));
    put(6, 0, all(&[group, birth]));
    put(7, 0, names);
    put(8, 0, hash(Slot::Company));
    put(9, 0, all(&[sound, first_letter(Slot::First), zip3]));
    put(10, 0, all(&[group, number, zip]));
    put(11, 0, all(&[sound, street]));
    put(12, 0, all(&[group, street]));
    put(13, 0, all(&[birth, zip]));
    put(14, 0, all(&[street, zip]));
    put(15, 0, all(&[sound, number]));
    keys
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
}

impl BlockLimits {
    /// Limits for so many records: small data sets can afford every pair.
    #[must_use]
    pub const fn for_records(records: usize) -> Self {
        let key_records_max = match records {
            0..=20_000 => 400,
            20_001..=100_000 => 120,
            _ => 40,
        };
        Self { key_records_max, shared_names_max: 12 }
    }
}

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
    /// Blocks a table. `between` takes only pairs of different sides.
    pub(crate) fn new(table: &Table, limits: BlockLimits, between: bool) -> Self {
        let keys: Vec<BlockKeys> = (0..table.len() as u32).into_par_iter().map(|record| keys_of(table, record)).collect();
        let made: Vec<(Blocks, Vec<(RecordNo, usize, u32)>)> =
            (0..RULES.len()).into_par_iter().map(|rule| blocks_of(table, &keys, rule, limits)).collect();
        drop(keys);
        let mut places = vec![[0_u32; COLUMNS]; table.len()];
        let mut blocks = Vec::with_capacity(made.len());
        for (of_rule, membership) in made {
            for (record, column, block) in membership {
                places[record as usize][column] = block;
            }
            blocks.push(of_rule);
        }
        Self { blocks, places, between }
    }

    /// Calls with every pair that meets, once, and the set of rules that bring it together.
    pub(crate) fn pairs<S: Send>(
        &self,
        sides: &[u8],
        state: impl Fn() -> S + Sync + Send,
        each: impl Fn(&mut S, RecordNo, RecordNo, u16) + Sync + Send,
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
        each: &impl Fn(&mut S, RecordNo, RecordNo, u16),
    ) {
        let members = &blocks.members[blocks.starts[block] as usize..blocks.starts[block + 1] as usize];
        for (place, a) in members.iter().enumerate() {
            for b in &members[place + 1..] {
                if a == b || (self.between && sides[*a as usize] == sides[*b as usize]) {
                    continue;
                }
                if let Some(rules) = self.meets_first_in(*a, *b, blocks.rule, block as u32 + 1) {
                    each(state, *a, *b, rules);
                }
            }
        }
    }

    /// The rules that bring a pair together, if this block is the first that does.
    fn meets_first_in(&self, a: RecordNo, b: RecordNo, rule: usize, block: u32) -> Option<u16> {
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

fn blocks_of(
    table: &Table,
    keys: &[BlockKeys],
    rule: usize,
    limits: BlockLimits,
) -> (Blocks, Vec<(RecordNo, usize, u32)>) {
    let columns = STARTS[rule]..STARTS[rule + 1];
    let mut held: Vec<(u64, RecordNo, u8)> = Vec::new();
    for (record, keys) in keys.iter().enumerate() {
        for (place, key) in keys[columns.clone()].iter().enumerate() {
            if *key != 0 {
                held.push((*key, record as u32, place as u8));
            }
        }
    }
    let mut blocks = Blocks { rule, members: Vec::new(), starts: vec![0] };
    let mut membership = Vec::new();
    for round in 0..3 {
        held.sort_unstable();
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
                membership.push((*record, columns.start + usize::from(*place), block));
            }
            blocks.starts.push(blocks.members.len() as u32);
        }
        held = next;
    }
    (blocks, membership)
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
