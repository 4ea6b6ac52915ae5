//! Comparing two records: cheap tests first, distances of texts only where those leave a doubt, and each pair of
//! values once (a memo, because names repeat).

use super::dictionary::{ValueId, mix};
use super::field::Slot;
use super::kernel::{jaro_winkler, one_slip, prefix};
use super::nickname;
use super::pattern::{Comparison, Pattern, middle, name};
use super::table::{Numbers, RecordNo, Table};

const MEMO_SIZE: usize = 1 << 16;

/// Compares records of a table. Each thread has its own; what it remembers changes no result.
pub(crate) struct Comparer<'a> {
    table: &'a Table,
    memo: Vec<(u64, u8)>,
}

/// What a distance is asked of.
#[derive(Clone, Copy)]
enum Kind {
    Given = 1,
    Surname,
    Company,
    Street,
    Text,
}

impl<'a> Comparer<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self { table, memo: vec![(0, 0); MEMO_SIZE] }
    }

    /// One for a few comparisons.
    pub(crate) fn small(table: &'a Table) -> Self {
        Self { table, memo: vec![(0, 0); 1 << 6] }
    }

    /// Compares two records. Symmetric.
    pub(crate) fn compare(&mut self, left: RecordNo, right: RecordNo) -> Pattern {
        let table = self.table;
        self.rows(&table.rows[left as usize], &table.rows[right as usize])
    }

    fn rows(&mut self, a: &Numbers, b: &Numbers) -> Pattern {
        let of = |slot: Slot| (a[slot.place()], b[slot.place()]);
        let (first, last) = (of(Slot::First), of(Slot::Last));
        let (first, last) = self.names(first, last);
        let street = self.street(a, b);
        let extra = self.level(Kind::Text, Slot::Extra, of(Slot::Extra));
        let (street, extra) = self.lines(a, b, street, extra);
        let suffix = of(Slot::Suffix);
        Pattern::default()
            .with(Comparison::First, first)
            .with(Comparison::Last, last)
            .with(Comparison::Middle, self.middle(of(Slot::Middle)))
            .with(Comparison::Suffix, suffixes(suffix))
            .with(Comparison::Company, self.company(a, b))
            .with(Comparison::Email, self.any(a, b, &Slot::EMAILS, email))
            .with(Comparison::Phone, self.any(a, b, &Slot::PHONES, |a, b| if slip_of_digits(a, b) { 2 } else { 3 }))
            .with(Comparison::Street, street)
            .with(Comparison::Extra, extra)
            .with(Comparison::Place, self.place(a, b))
            .with(Comparison::Birth, self.texts(Slot::Birth, of(Slot::Birth), birth))
            .with(Comparison::Licence, self.texts(Slot::Licence, of(Slot::Licence), |a, b| if near_number(a, b) { 2 } else { 3 }))
            .with(Comparison::Vin, self.any(a, b, &Slot::VINS, |_, _| 2))
    }

    /// First and last name, also where they stand in each other's place.
    fn names(&mut self, first: (ValueId, ValueId), last: (ValueId, ValueId)) -> (usize, usize) {
        let levels = (self.level(Kind::Given, Slot::First, first), self.level(Kind::Surname, Slot::Last, last));
        if levels.0 < name::ALIKE && levels.0 != 0 || levels.1 < name::ALIKE && levels.1 != 0 {
            return levels;
        }
        let crossed = (first.0 != 0 && first.0 == last.1, last.0 != 0 && last.0 == first.1);
        let near = |level: usize| matches!(level, name::SHORT | name::SLIP | name::NEAR);
        match crossed {
            (true, true) => (name::EXCHANGED, name::EXCHANGED),
            (true, false) if near(self.level(Kind::Surname, Slot::Last, (last.0, first.1))) => {
                (name::EXCHANGED, name::EXCHANGED)
            }
            (false, true) if near(self.level(Kind::Surname, Slot::Last, (first.0, last.1))) => {
                (name::EXCHANGED, name::EXCHANGED)
            }
            (true, false) | (false, true) if levels.0 != 0 && levels.1 != 0 => (name::CROSSED, name::CROSSED),
            (true | false, true | false) => levels,
        }
    }

    /// Two address lines that stand in each other's place agree nearly.
    fn lines(&mut self, a: &Numbers, b: &Numbers, street: usize, extra: usize) -> (usize, usize) {
        if street % 5 < 3 || extra == 1 || extra == 2 {
            return (street, extra);
        }
        let text = |row: &Numbers, slot: Slot| self.table.dictionaries[slot.dictionary()].text(row[slot.place()]);
        let meets = |x: &str, y: &str| x.len() > 3 && y.len() > 3 && (x == y || one_slip(x.as_bytes(), y.as_bytes()));
        let there = meets(text(a, Slot::Street), text(b, Slot::Extra));
        let back = meets(text(b, Slot::Street), text(a, Slot::Extra));
        let number = street - street % 5;
        match (there, back) {
            (true, true) => (number + 2, if extra == 0 { 0 } else { 2 }),
            (true, false) | (false, true) => (number + 3, extra),
            (false, false) => (street, extra),
        }
    }

    fn company(&mut self, a: &Numbers, b: &Numbers) -> usize {
        let of = |slot: Slot| (a[slot.place()], b[slot.place()]);
        let level = self.level(Kind::Company, Slot::Company, of(Slot::Company));
        let nobody = |row: &Numbers| row[Slot::First.place()] == 0 && row[Slot::Last.place()] == 0;
        if level > 0 && nobody(a) && nobody(b) { level + 4 } else { level }
    }

    fn texts(&self, slot: Slot, pair: (ValueId, ValueId), other: fn(&str, &str) -> usize) -> usize {
        known(pair, |(a, b)| {
            if a == b {
                return 1;
            }
            let dictionary = &self.table.dictionaries[slot.dictionary()];
            other(dictionary.text(a), dictionary.text(b))
        })
    }

    /// The best level that any two values reach.
    fn any(&self, a: &Numbers, b: &Numbers, slots: &[Slot], other: fn(&str, &str) -> usize) -> usize {
        let values = |row: &Numbers| -> [ValueId; 4] {
            std::array::from_fn(|place| slots.get(place).map_or(0, |slot| row[slot.place()]))
        };
        let (left, right) = (values(a), values(b));
        let (left, right) = (left.iter().filter(|v| **v != 0), right.iter().filter(|v| **v != 0));
        if left.clone().any(|a| right.clone().any(|b| a == b)) {
            return 1;
        }
        let Some(slot) = slots.first() else { return 0 };
        let dictionary = &self.table.dictionaries[slot.dictionary()];
        left.flat_map(|a| right.clone().map(move |b| (*a, *b)))
            .map(|(a, b)| other(dictionary.text(a), dictionary.text(b)))
            .min()
            .unwrap_or(0)
    }

    fn middle(&self, pair: (ValueId, ValueId)) -> usize {
        self.texts(Slot::Middle, pair, |a, b| {
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            let same_start = a.chars().next() == b.chars().next();
            if a.chars().count() == 1 || b.chars().count() == 1 {
                return if same_start { middle::INITIAL } else { middle::OTHER_INITIAL };
            }
            let alike = one_slip(a.as_bytes(), b.as_bytes()) || nickname::related(a, b) || jaro_winkler(a, b) >= 0.9;
            if alike { middle::ALIKE } else { middle::OTHER }
        })
    }

    fn street(&mut self, a: &Numbers, b: &Numbers) -> usize {
        let of = |slot: Slot| (a[slot.place()], b[slot.place()]);
        let number = self.texts(Slot::Number, of(Slot::Number), |a, b| if near_number(a, b) { 2 } else { 3 });
        number * 5 + self.level(Kind::Street, Slot::Street, of(Slot::Street))
    }

    fn place(&mut self, a: &Numbers, b: &Numbers) -> usize {
        let of = |slot: Slot| (a[slot.place()], b[slot.place()]);
        let zip = self.texts(Slot::Zip, of(Slot::Zip), |a, b| if near_number(a, b) { 2 } else { 3 });
        let city = self.level(Kind::Text, Slot::City, of(Slot::City));
        let state = known(of(Slot::State), |(a, b)| if a == b { 1 } else { 2 });
        (zip * 4 + city) * 3 + state
    }

    /// The level of two texts that are compared by their letters.
    fn level(&mut self, kind: Kind, slot: Slot, (a, b): (ValueId, ValueId)) -> usize {
        if a == 0 || b == 0 {
            return 0;
        }
        if a == b {
            return 1;
        }
        let dictionary = &self.table.dictionaries[slot.dictionary()];
        // Jaro depends on the order of the two; the order of the texts is the same on every run, that of numbers is not.
        let (a, b) = if dictionary.text(a) <= dictionary.text(b) { (a, b) } else { (b, a) };
        let (shape_a, shape_b) = (dictionary.traits(a).shape, dictionary.traits(b).shape);
        let (text_a, text_b) = (dictionary.text(a), dictionary.text(b));
        let bound = shape_a.jaro_winkler_at_most(shape_b, prefix(text_a.as_bytes(), text_b.as_bytes()));
        let (floor, lowest) = match kind {
            Kind::Given | Kind::Surname => (0.80, name::OTHER),
            Kind::Company | Kind::Street => (0.80, 4),
            Kind::Text => (0.80, 3),
        };
        let short = matches!(kind, Kind::Given | Kind::Surname);
        if bound < floor && !(short && (shape_a.len == 1 || shape_b.len == 1 || shape_a.len.abs_diff(shape_b.len) > 1)) {
            // Nicknames need not be spelled alike, but they stand in one list.
            let nick = matches!(kind, Kind::Given) && nickname::related(text_a, text_b);
            // Two letters of one text can both be a slip of the other's: short texts are looked at.
            if !nick && shape_a.len.min(shape_b.len) > 3 {
                return lowest;
            }
        }
        let key = mix(u64::from(a) << 32 | u64::from(b)) ^ (kind as u64) << 60;
        let key = key.max(1);
        let place = key as usize & (self.memo.len() - 1);
        if self.memo[place].0 == key {
            return usize::from(self.memo[place].1);
        }
        let level = match kind {
            Kind::Given => given(text_a, text_b),
            Kind::Surname => surname(text_a, text_b),
            Kind::Company | Kind::Street => line(text_a, text_b),
            Kind::Text => text(text_a, text_b),
        };
        self.memo[place] = (key, level as u8);
        level
    }
}

fn known(pair: (ValueId, ValueId), level: impl FnOnce((ValueId, ValueId)) -> usize) -> usize {
    if pair.0 == 0 || pair.1 == 0 { 0 } else { level(pair) }
}

fn suffixes((a, b): (ValueId, ValueId)) -> usize {
    match (a, b) {
        (0, 0) => 0,
        (0, _) | (_, 0) => 3,
        (a, b) if a == b => 1,
        _ => 2,
    }
}

fn initial(a: &str, b: &str) -> Option<usize> {
    let (mut chars_a, mut chars_b) = (a.chars(), b.chars());
    let same = chars_a.next() == chars_b.next();
    (chars_a.next().is_none() || chars_b.next().is_none())
        .then_some(if same { name::INITIAL } else { name::OTHER_INITIAL })
}

/// How alike two different names are by their letters alone.
fn letters(a: &str, b: &str) -> usize {
    let shorter = a.len().min(b.len());
    if shorter > 2 && one_slip(a.as_bytes(), b.as_bytes()) {
        return name::SLIP;
    }
    match jaro_winkler(a, b) {
        alike if alike >= 0.92 => name::NEAR,
        alike if alike >= 0.80 => name::ALIKE,
        _ => name::OTHER,
    }
}

fn given(a: &str, b: &str) -> usize {
    if let Some(level) = initial(a, b) {
        return level;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if nickname::related(a, b) || (short.len() >= 3 && long.starts_with(short) && long.len() >= short.len() + 2) {
        return name::SHORT;
    }
    letters(a, b)
}

fn surname(a: &str, b: &str) -> usize {
    if let Some(level) = initial(a, b) {
        return level;
    }
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    // A double name agrees with each of its halves.
    if short.len() >= 4 && long.len() >= short.len() + 3 && (long.starts_with(short) || long.ends_with(short)) {
        return name::SHORT;
    }
    letters(a, b)
}

/// Streets and companies: nearly the same, alike, different.
fn line(a: &str, b: &str) -> usize {
    if a.len().min(b.len()) > 4 && one_slip(a.as_bytes(), b.as_bytes()) {
        return 2;
    }
    match jaro_winkler(a, b) {
        alike if alike >= 0.93 => 2,
        alike if alike >= 0.80 => 3,
        _ => 4,
    }
}

/// Other texts: alike or different.
fn text(a: &str, b: &str) -> usize {
    let slip = a.len().min(b.len()) > 2 && one_slip(a.as_bytes(), b.as_bytes());
    if slip || jaro_winkler(a, b) >= 0.88 { 2 } else { 3 }
}

fn email(a: &str, b: &str) -> usize {
    let (Some((local_a, _)), Some((local_b, _))) = (a.rsplit_once('@'), b.rsplit_once('@')) else { return 4 };
    if one_slip(a.as_bytes(), b.as_bytes()) {
        2
    } else if local_a == local_b && local_a.len() >= 5 {
        3
    } else {
        4
    }
}

/// One digit wrong or two neighbours swapped in a number long enough to be told by the rest.
fn slip_of_digits(a: &str, b: &str) -> bool {
    a.len() >= 6 && one_slip(a.as_bytes(), b.as_bytes())
}

/// Short numbers: a house number, a ZIP, a licence.
fn near_number(a: &str, b: &str) -> bool {
    a.len().min(b.len()) >= 2 && one_slip(a.as_bytes(), b.as_bytes())
}

/// Birth dates `yyyymmdd`: one slip, day and month exchanged, then year or day and month the same.
fn birth(a: &str, b: &str) -> usize {
    let (Some((year_a, day_a)), Some((year_b, day_b))) = (a.split_at_checked(4), b.split_at_checked(4)) else { return 4 };
    let exchanged = year_a == year_b && day_a.get(..2) == day_b.get(2..) && day_a.get(2..) == day_b.get(..2);
    let year_only = year_a == year_b && (day_a == "0000" || day_b == "0000");
    if year_only {
        return 3;
    }
    if exchanged || one_slip(a.as_bytes(), b.as_bytes()) {
        return 2;
    }
    let (month_a, month_b) = (day_a.get(..2), day_b.get(..2));
    let (d_a, d_b) = (day_a.get(2..), day_b.get(2..));
    let same = usize::from(year_a == year_b) + usize::from(month_a == month_b) + usize::from(d_a == d_b);
    if same >= 2 { 3 } else { 4 }
}
