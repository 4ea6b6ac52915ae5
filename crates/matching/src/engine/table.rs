//! The table: records as rows of value numbers, with how often each value occurs.

use super::dictionary::{Dictionary, Kind, Traits, ValueId, stable_hash};
use super::field::Slot;
use super::kernel::one_slip;
use super::probe::Frequencies;
use crate::clean::Keys;
use rayon::prelude::*;

/// A record's place in a table.
pub(crate) type RecordNo = u32;

/// No value is so much one person's own that another would not have it once in so many.
const OTHERS_LEAST: f64 = 0.01;

/// One record as numbers.
pub(crate) type Numbers = [ValueId; Slot::COUNT];

/// Records of one data set. Their order is the order of their ids, whatever the order of arrival.
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) dictionaries: Vec<Dictionary>,
    pub(crate) rows: Vec<Numbers>,
    /// Which of two linked files a record is from; all 0 in one file.
    pub(crate) sides: Vec<u8>,
    ids: Vec<u32>,
    id_text: String,
    /// How many records hold a value, per slot family.
    counts: Vec<Vec<u32>>,
    /// How many records hold any value, per slot family.
    present: [u32; Family::COUNT],
    /// How many records hold a given name or surname that is one slip from this one: [first, last].
    near: [Vec<u32>; 2],
    /// By how many others a value is held that one person seems to hold alone, per family.
    others_least: [f64; Family::COUNT],
    /// Values from which nothing can be learned.
    forgotten: Vec<(Family, Vec<bool>)>,
}

/// Slots whose values are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    First,
    Middle,
    Last,
    Company,
    Email,
    Phone,
    Number,
    Street,
    Extra,
    City,
    State,
    Zip,
    Birth,
    Licence,
    Vin,
}

impl Family {
    pub(crate) const COUNT: usize = 15;
    pub(crate) const ALL: [(Self, &'static [Slot]); Self::COUNT] = [
        (Self::First, &[Slot::First]),
        (Self::Middle, &[Slot::Middle]),
        (Self::Last, &[Slot::Last]),
        (Self::Company, &[Slot::Company]),
        (Self::Email, &Slot::EMAILS),
        (Self::Phone, &Slot::PHONES),
        (Self::Number, &[Slot::Number]),
        (Self::Street, &[Slot::Street]),
        (Self::Extra, &[Slot::Extra]),
        (Self::City, &[Slot::City]),
        (Self::State, &[Slot::State]),
        (Self::Zip, &[Slot::Zip]),
        (Self::Birth, &[Slot::Birth]),
        (Self::Licence, &[Slot::Licence]),
        (Self::Vin, &Slot::VINS),
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Middle => "middle",
            Self::Last => "last",
            Self::Company => "company",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Number => "street_number",
            Self::Street => "street",
            Self::Extra => "unit",
            Self::City => "city",
            Self::State => "state",
            Self::Zip => "zip",
            Self::Birth => "birth",
            Self::Licence => "licence",
            Self::Vin => "vin",
        }
    }

    pub(crate) const fn slots(self) -> &'static [Slot] {
        Self::ALL[self as usize].1
    }

    /// Whether it counts how common its values are.
    pub(crate) const fn is_weighed(self) -> bool {
        !matches!(self, Self::Middle | Self::Number | Self::Extra | Self::State)
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            dictionaries: (0..Slot::DICTIONARIES).map(|place| Dictionary::new(Kind::at(place))).collect(),
            rows: Vec::new(),
            sides: Vec::new(),
            ids: vec![0],
            id_text: String::new(),
            counts: vec![Vec::new(); Family::COUNT],
            present: [0; Family::COUNT],
            near: Default::default(),
            others_least: [0.5; Family::COUNT],
            forgotten: Vec::new(),
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds records with their ids; `side` tells two linked files apart. Dictionaries are filled side by side.
    pub fn extend(&mut self, records: &[(String, Keys)], side: u8) {
        let start = self.rows.len();
        self.rows.resize(start + records.len(), [0; Slot::COUNT]);
        self.sides.resize(start + records.len(), side);
        for (id, _) in records {
            self.id_text.push_str(id);
            self.ids.push(u32::try_from(self.id_text.len()).unwrap_or(u32::MAX));
        }
        let columns: Vec<Vec<(Slot, Vec<ValueId>)>> = self
            .dictionaries
            .par_iter_mut()
            .enumerate()
            .map(|(place, dictionary)| {
                Slot::ALL
                    .into_iter()
                    .filter(|slot| slot.dictionary() == place)
                    .map(|slot| (slot, records.iter().map(|(_, keys)| dictionary.intern(keys.get(slot))).collect()))
                    .collect()
            })
            .collect();
        for (slot, column) in columns.into_iter().flatten() {
            for (row, id) in self.rows.iter_mut().skip(start).zip(column) {
                row[slot.place()] = id;
            }
        }
    }

    /// Puts records into the order of their ids and counts values. To be called once all records are in.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let mut order: Vec<u32> = (0..self.rows.len() as u32).collect();
        order.par_sort_unstable_by(|a, b| {
            let (a, b) = (*a as usize, *b as usize);
            self.id(a).cmp(self.id(b)).then_with(|| self.sides[a].cmp(&self.sides[b]))
        });
        if order.iter().enumerate().any(|(place, old)| place != *old as usize) {
            let mut id_text = String::with_capacity(self.id_text.len());
            let mut ids = Vec::with_capacity(self.ids.len());
            ids.push(0);
            for old in &order {
                id_text.push_str(self.id(*old as usize));
                ids.push(u32::try_from(id_text.len()).unwrap_or(u32::MAX));
            }
            self.rows = order.iter().map(|old| self.rows[*old as usize]).collect();
            self.sides = order.iter().map(|old| self.sides[*old as usize]).collect();
            self.id_text = id_text;
            self.ids = ids;
        }
        self.count();
        self
    }

    fn count(&mut self) {
        let (rows, dictionaries) = (&self.rows, &self.dictionaries);
        let counted: Vec<(Vec<u32>, u32)> = Family::ALL
            .par_iter()
            .map(|(_, slots)| {
                let dictionary = slots.first().map_or(0, |slot| slot.dictionary());
                let mut counts = vec![0_u32; dictionaries[dictionary].len()];
                let mut present = 0;
                for row in rows {
                    present += u32::from(slots.iter().any(|slot| row[slot.place()] != 0));
                    for slot in *slots {
                        counts[row[slot.place()] as usize] += 1;
                    }
                }
                counts[0] = 0;
                (counts, present)
            })
            .collect();
        for (family, (counts, present)) in counted.into_iter().enumerate() {
            self.counts[family] = counts;
            self.present[family] = present;
        }
        let (names, counts) = (&self.dictionaries[Slot::First.dictionary()], &self.counts);
        let near = |family: Family| near_names(names, &counts[family as usize]);
        let (first, last) = rayon::join(|| near(Family::First), || near(Family::Last));
        self.near = [first, last];
    }

    /// Counts again, by person instead of by record: five records of one person say nothing of how common a value is.
    /// `clusters` names the first record of each record's cluster.
    pub(crate) fn count_by(&mut self, clusters: &[u32]) {
        let (rows, dictionaries) = (&self.rows, &self.dictionaries);
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.par_sort_unstable_by_key(|record| (clusters[*record as usize], *record));
        let counted: Vec<(Vec<u32>, u32)> = Family::ALL
            .par_iter()
            .map(|(_, slots)| {
                let dictionary = slots.first().map_or(0, |slot| slot.dictionary());
                let mut counts = vec![0_u32; dictionaries[dictionary].len()];
                let mut last = vec![u32::MAX; counts.len()];
                let (mut present, mut last_present) = (0, u32::MAX);
                for record in &order {
                    let cluster = clusters[*record as usize];
                    let row = &rows[*record as usize];
                    for value in slots.iter().map(|slot| row[slot.place()]).filter(|value| *value != 0) {
                        if last[value as usize] != cluster {
                            last[value as usize] = cluster;
                            counts[value as usize] += 1;
                        }
                        if last_present != cluster {
                            last_present = cluster;
                            present += 1;
                        }
                    }
                }
                (counts, present)
            })
            .collect();
        for (family, (counts, present)) in counted.into_iter().enumerate() {
            let (values, held) = counts
                .iter()
                .filter(|held| **held > 0)
                .fold((0_u64, 0_u64), |sum, held| (sum.0 + 1, sum.1 + u64::from(*held)));
            let more = (held - values) as f64 / values.max(1) as f64;
            self.others_least[family] = more.clamp(OTHERS_LEAST, 0.5);
            self.counts[family] = counts;
            self.present[family] = present;
        }
    }

    /// Takes counts from elsewhere, for the values of this table that may be weighed, and forgets those that too many
    /// share. To hash a value for such a question costs more than to compare it, so as few as possible are asked about.
    pub(crate) fn count_as(&mut self, known: &dyn Frequencies) {
        for (place, (family, slots)) in Family::ALL.iter().enumerate() {
            let Some(slot) = slots.first() else { continue };
            let dictionary = &self.dictionaries[slot.dictionary()];
            let mut holders = vec![0_u32; dictionary.len()];
            for row in &self.rows {
                for slot in *slots {
                    holders[row[slot.place()] as usize] += 1;
                }
            }
            holders[0] = 0;
            let present = known.present(family.name());
            // A value weighs where two have it; a name also where it stands in the other's place.
            let several = if matches!(family, Family::First | Family::Last) { 1 } else { 2 };
            let weighs = present > 0 && family.is_weighed();
            let is_asked = matches!(family, Family::Email | Family::Phone | Family::Licence | Family::Vin);
            let (mut counts, mut shared) = (vec![0; dictionary.len()], vec![false; dictionary.len()]);
            for (value, holders) in holders.into_iter().enumerate().filter(|(_, holders)| *holders > 0) {
                let text = dictionary.text(value as ValueId);
                if weighs && holders >= several {
                    counts[value] = known.held(family.name(), text);
                }
                shared[value] = is_asked && known.is_shared(family.name(), text);
            }
            self.counts[place] = counts;
            self.present[place] = present;
            if shared.contains(&true) {
                self.forget(*family, shared);
            }
        }
    }

    /// How many others hold a value that so many hold; at least what is usual for such values.
    pub(crate) fn others(&self, family: Family, held: u32) -> f64 {
        f64::from(held.saturating_sub(1)).max(self.others_least[family as usize])
    }

    /// How many records hold a name one slip from this one; names of other kinds are not counted.
    pub(crate) fn held_near(&self, family: Family, value: ValueId) -> u32 {
        let place = match family {
            Family::First => 0,
            Family::Last => 1,
            Family::Middle
            | Family::Company
            | Family::Email
            | Family::Phone
            | Family::Number
            | Family::Street
            | Family::Extra
            | Family::City
            | Family::State
            | Family::Zip
            | Family::Birth
            | Family::Licence
            | Family::Vin => return 0,
        };
        self.near[place].get(value as usize).copied().unwrap_or_default()
    }

    /// The id of a record.
    #[must_use]
    pub fn id(&self, record: usize) -> &str {
        self.id_text.get(self.ids[record] as usize..self.ids[record + 1] as usize).unwrap_or_default()
    }

    /// The place of the record with this id.
    #[must_use]
    pub fn place_of(&self, id: &str) -> Option<usize> {
        (0..self.len()).find(|place| self.id(*place) == id)
    }

    pub(crate) fn value(&self, record: RecordNo, slot: Slot) -> ValueId {
        self.rows[record as usize][slot.place()]
    }

    /// The text in a slot of a record.
    #[must_use]
    pub fn text(&self, record: usize, slot: Slot) -> &str {
        self.dictionaries[slot.dictionary()].text(self.rows[record][slot.place()])
    }

    pub(crate) fn traits(&self, slot: Slot, value: ValueId) -> &Traits {
        self.dictionaries[slot.dictionary()].traits(value)
    }

    /// How many records hold a value.
    pub(crate) fn held_by(&self, family: Family, value: ValueId) -> u32 {
        self.counts[family as usize].get(value as usize).copied().unwrap_or_default()
    }

    pub(crate) fn counts(&self, family: Family) -> &[u32] {
        &self.counts[family as usize]
    }

    /// How many records hold any value of a family.
    pub(crate) fn present(&self, family: Family) -> u32 {
        self.present[family as usize]
    }

    /// A table without records that knows the same values and how often they were seen.
    pub(crate) fn emptied(&self) -> Self {
        Self { rows: Vec::new(), sides: Vec::new(), ids: vec![0], id_text: String::new(), ..self.clone() }
    }

    /// Adds one record to a table whose counts stay as they are.
    pub(crate) fn push(&mut self, id: &str, keys: &Keys) -> RecordNo {
        let mut row = [0; Slot::COUNT];
        for slot in Slot::ALL {
            row[slot.place()] = self.dictionaries[slot.dictionary()].intern(keys.get(slot));
        }
        for (family, values) in &self.forgotten {
            for slot in family.slots() {
                let value = &mut row[slot.place()];
                if values.get(*value as usize).copied().unwrap_or_default() {
                    *value = 0;
                }
            }
        }
        self.rows.push(row);
        self.sides.push(0);
        self.id_text.push_str(id);
        self.ids.push(u32::try_from(self.id_text.len()).unwrap_or(u32::MAX));
        (self.rows.len() - 1) as RecordNo
    }

    /// The marked values of a family: field, value and how many records hold it.
    pub(crate) fn named(&self, family: Family, marked: &[bool]) -> Vec<(&'static str, String, u32)> {
        let Some(dictionary) = family.slots().first().map(|slot| &self.dictionaries[slot.dictionary()]) else {
            return Vec::new();
        };
        (1..marked.len())
            .filter(|value| marked[*value])
            .map(|value| {
                (family.name(), dictionary.text(value as ValueId).to_owned(), self.counts[family as usize][value])
            })
            .collect()
    }

    /// The values that several hold, of the families whose frequency counts.
    pub(crate) fn held_by_several(&self) -> Vec<(&'static str, String, u32)> {
        Family::ALL
            .iter()
            .filter(|(family, _)| family.is_weighed())
            .flat_map(|(family, _)| {
                let several: Vec<bool> = self.counts(*family).iter().map(|held| *held > 1).collect();
                self.named(*family, &several)
            })
            .collect()
    }

    /// Forgets a value wherever it stands: nothing can be learned from it.
    pub(crate) fn forget(&mut self, family: Family, values: Vec<bool>) {
        let slots = family.slots();
        self.rows.par_iter_mut().for_each(|row| {
            for slot in slots {
                if values.get(row[slot.place()] as usize).copied().unwrap_or_default() {
                    row[slot.place()] = 0;
                }
            }
        });
        self.forgotten.push((family, values));
    }
}

/// For each name how many records hold another that is one slip away. Names one slip apart have a text in common that
/// each becomes by leaving out at most one letter; those that meet in such a text are looked at.
fn near_names(names: &Dictionary, counts: &[u32]) -> Vec<u32> {
    const MEET_MAX: usize = 200;
    let mut near = vec![0_u32; counts.len()];
    let mut left: Vec<(u64, ValueId)> = Vec::new();
    let mut short = Vec::new();
    for value in (1..counts.len() as u32).filter(|value| counts[*value as usize] > 0) {
        let text = names.text(value).as_bytes();
        if text.len() < 3 || text.len() > 30 {
            continue;
        }
        left.push((stable_hash(text), value));
        for out in 0..text.len() {
            short.clear();
            short.extend(text.iter().enumerate().filter(|(at, _)| *at != out).map(|(_, letter)| *letter));
            left.push((stable_hash(&short), value));
        }
    }
    left.par_sort_unstable();
    left.dedup();
    let mut pairs: Vec<(ValueId, ValueId)> = Vec::new();
    for group in left.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1 && group.len() <= MEET_MAX) {
        for (place, (_, a)) in group.iter().enumerate() {
            for (_, b) in &group[place + 1..] {
                if a != b && one_slip(names.text(*a).as_bytes(), names.text(*b).as_bytes()) {
                    pairs.push((*a.min(b), *a.max(b)));
                }
            }
        }
    }
    pairs.par_sort_unstable();
    pairs.dedup();
    for (a, b) in pairs {
        near[a as usize] += counts[b as usize];
        near[b as usize] += counts[a as usize];
    }
    near
}
