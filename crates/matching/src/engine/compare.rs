//! Comparing two records: cheap tests first, distances of texts only where those leave a doubt, and each pair of
//! values once (a memo, because names repeat).

use super::dictionary::{Dictionary, ValueId, mix};
use super::field::Slot;
use super::kernel::{jaro_winkler, one_slip};
use super::nickname;
use super::pattern::{Comparison, Pattern, middle, name};
use super::table::{Numbers, RecordNo, Table};

const MEMO_SIZE: usize = 1 << 16;

/// Compares records of a table. Each thread has its own; what it remembers changes no result.
pub(crate) struct Comparer<'a> {
    table: &'a Table,
    memo: Vec<(u64, u8, u8)>,
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
        Self { table, memo: vec![(0, 0, 0); MEMO_SIZE] }
    }

    /// One for a few comparisons.
    pub(crate) fn small(table: &'a Table) -> Self {
        Self { table, memo: vec![(0, 0, 0); 1 << 6] }
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
            .with(Comparison::Email, self.emails(a, b))
            .with(Comparison::Phone, self.phones(a, b))
            .with(Comparison::Street, street)
            .with(Comparison::Extra, extra)
            .with(Comparison::Place, self.place(a, b))
            .with(Comparison::Birth, self.texts(Slot::Birth, of(Slot::Birth), birth))
            .with(Comparison::Licence, self.number(Slot::Licence, of(Slot::Licence)))
            .with(Comparison::Vin, self.any(a, b, &Slot::VINS, |_, _, _| 2))
    }

    /// First and last name, also where they stand in each other's place: that is one event, told by the first.
    fn names(&mut self, first: (ValueId, ValueId), last: (ValueId, ValueId)) -> (usize, usize) {
        let levels = (self.level(Kind::Given, Slot::First, first), self.level(Kind::Surname, Slot::Last, last));
        if levels.0 < name::ALIKE && levels.0 != 0 || levels.1 < name::ALIKE && levels.1 != 0 {
            return levels;
        }
        let crossed = (first.0 != 0 && first.0 == last.1, last.0 != 0 && last.0 == first.1);
        let near = |level: usize| matches!(level, name::SHORT | name::SLIP | name::NEAR);
        match crossed {
            (true, true) => (name::EXCHANGED, 0),
            (true, false) if near(self.level(Kind::Surname, Slot::Last, (last.0, first.1))) => (name::EXCHANGED, 0),
            (false, true) if near(self.level(Kind::Surname, Slot::Last, (first.0, last.1))) => (name::EXCHANGED, 0),
            (true, false) | (false, true) if levels.0 != 0 && levels.1 != 0 => (name::CROSSED, 0),
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
        match (level, nobody(a), nobody(b)) {
            (1.., true, true) => level + 4,
            (0, true, false) if a[Slot::Company.place()] != 0 => 9,
            (0, false, true) if b[Slot::Company.place()] != 0 => 9,
            (_, true | false, true | false) => level,
        }
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

    /// Short numbers: a house number, a ZIP, a licence.
    fn number(&self, slot: Slot, pair: (ValueId, ValueId)) -> usize {
        known(pair, |(a, b)| {
            if a == b {
                return 1;
            }
            let dictionary = &self.table.dictionaries[slot.dictionary()];
            let (shape_a, shape_b) = (dictionary.shape(a), dictionary.shape(b));
            let near = shape_a.len.min(shape_b.len) >= 2
                && shape_a.may_be_one_slip(shape_b)
                && one_slip(dictionary.text(a).as_bytes(), dictionary.text(b).as_bytes());
            if near { 2 } else { 3 }
        })
    }

    /// E-mails. One name at two hosts says something only where it is not the person's own: every Ann Lee is
    /// `ann.lee` somewhere, and her names are compared already.
    fn emails(&self, a: &Numbers, b: &Numbers) -> usize {
        let level = self.any(a, b, &Slot::EMAILS, email);
        if level != email_level::SAME_LOCAL {
            return level;
        }
        let told = self.any(a, b, &Slot::EMAILS, |dictionary, x, y| {
            let found = email(dictionary, x, y);
            let named = found == email_level::SAME_LOCAL && self.is_named(a, dictionary.text(x));
            if named { email_level::OTHER } else { found }
        });
        told.max(level)
    }

    /// Whether an e-mail's local part is made of the record's names alone.
    fn is_named(&self, row: &Numbers, email: &str) -> bool {
        let local = email.rsplit_once('@').map_or(email, |(local, _)| local);
        let name = |slot: Slot| self.table.dictionaries[slot.dictionary()].text(row[slot.place()]);
        let (first, last) = (name(Slot::First), name(Slot::Last));
        let holds = |name: &str| name.len() > 2 && local.contains(name);
        (holds(first) || holds(last)) && !local.bytes().any(|b| b.is_ascii_digit())
    }

    /// Phones: a household shares one, a person's records share what they have.
    fn phones(&self, a: &Numbers, b: &Numbers) -> usize {
        let level = self.any(a, b, &Slot::PHONES, phone);
        if level != 1 {
            return level;
        }
        let held = |row: &Numbers| Slot::PHONES.iter().filter(|slot| row[slot.place()] != 0).count();
        let shared = Slot::PHONES
            .iter()
            .filter(|slot| a[slot.place()] != 0 && Slot::PHONES.iter().any(|other| b[other.place()] == a[slot.place()]))
            .count();
        if shared > 1 {
            4
        } else if held(a).min(held(b)) > 1 {
            5
        } else {
            1
        }
    }

    /// The best level that any two values reach.
    fn any(
        &self,
        a: &Numbers,
        b: &Numbers,
        slots: &[Slot],
        other: impl Fn(&Dictionary, ValueId, ValueId) -> usize,
    ) -> usize {
        let mut best = 0;
        for x in slots.iter().map(|slot| a[slot.place()]).filter(|x| *x != 0) {
            for y in slots.iter().map(|slot| b[slot.place()]).filter(|y| *y != 0) {
                if x == y {
                    return 1;
                }
                best = usize::MAX;
            }
        }
        let Some(slot) = slots.first().filter(|_| best != 0) else { return 0 };
        let dictionary = &self.table.dictionaries[slot.dictionary()];
        for x in slots.iter().map(|slot| a[slot.place()]).filter(|x| *x != 0) {
            for y in slots.iter().map(|slot| b[slot.place()]).filter(|y| *y != 0) {
                best = best.min(other(dictionary, x, y));
            }
        }
        best
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
        let number = self.number(Slot::Number, of(Slot::Number));
        number * 5 + self.level(Kind::Street, Slot::Street, of(Slot::Street))
    }

    fn place(&mut self, a: &Numbers, b: &Numbers) -> usize {
        let of = |slot: Slot| (a[slot.place()], b[slot.place()]);
        let zip = self.number(Slot::Zip, of(Slot::Zip));
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
        let (a, b) = (a.min(b), a.max(b));
        let key = u64::from(a) << 32 | u64::from(b);
        // The same numbers are other values in another dictionary.
        let asked = kind as u8 | (slot.dictionary() as u8) << 3;
        let place = mix(key ^ u64::from(asked) << 56) as usize & (self.memo.len() - 1);
        let (seen, of, level) = self.memo[place];
        if seen == key && of == asked {
            return usize::from(level);
        }
        let level = measure(kind, &self.table.dictionaries[slot.dictionary()], a, b);
        self.memo[place] = (key, asked, level as u8);
        level
    }
}

/// The level of two different texts; most are ruled out by their shapes.
fn measure(kind: Kind, dictionary: &Dictionary, a: ValueId, b: ValueId) -> usize {
    let (shape_a, shape_b) = (dictionary.shape(a), dictionary.shape(b));
    let (floor, lowest) = match kind {
        Kind::Given | Kind::Surname => (0.80, name::OTHER),
        Kind::Company | Kind::Street => (0.80, 4),
        Kind::Text => (0.80, 3),
    };
    let bound = shape_a.jaro_winkler_at_most(shape_b, shape_a.prefix(shape_b));
    let is_name = matches!(kind, Kind::Given | Kind::Surname);
    // A part of a name agrees with the whole, and a slip in a short text leaves little alike: those are looked at.
    let part = is_name && shape_a.len.abs_diff(shape_b.len) > 1;
    if bound < floor && shape_a.len.min(shape_b.len) > 3 && !part {
        // Nicknames need not be spelled alike, but they stand in one list.
        let nick = matches!(kind, Kind::Given) && nickname::related(dictionary.text(a), dictionary.text(b));
        if !nick {
            return lowest;
        }
    }
    let (a, b) = (dictionary.text(a), dictionary.text(b));
    // Jaro depends on the order of the two; that of the texts is the same on every run, that of their numbers is not.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    match kind {
        Kind::Given => given(a, b),
        Kind::Surname => surname(a, b),
        Kind::Company | Kind::Street => line(a, b),
        Kind::Text => text(a, b),
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
    (chars_a.next().is_none() || chars_b.next().is_none()).then_some(if same {
        name::INITIAL
    } else {
        name::OTHER_INITIAL
    })
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

/// Levels of e-mails.
mod email_level {
    pub(super) const SLIP: usize = 2;
    pub(super) const SAME_LOCAL: usize = 3;
    pub(super) const OTHER: usize = 4;
}

fn email(dictionary: &Dictionary, a: ValueId, b: ValueId) -> usize {
    if dictionary.shape(a).may_be_one_slip(dictionary.shape(b))
        && one_slip(dictionary.text(a).as_bytes(), dictionary.text(b).as_bytes())
    {
        return email_level::SLIP;
    }
    let same_local = dictionary.traits(a).group == dictionary.traits(b).group;
    let local = || dictionary.text(a).rsplit_once('@').map_or(0, |(local, _)| local.len());
    if same_local && local() >= 5 { email_level::SAME_LOCAL } else { email_level::OTHER }
}

fn phone(dictionary: &Dictionary, a: ValueId, b: ValueId) -> usize {
    let slip = dictionary.shape(a).may_be_one_slip(dictionary.shape(b))
        && one_slip(dictionary.text(a).as_bytes(), dictionary.text(b).as_bytes());
    if slip { 2 } else { 3 }
}

/// Birth dates `yyyymmdd`: one slip, day and month exchanged, then year or day and month the same.
fn birth(a: &str, b: &str) -> usize {
    let (Some((year_a, day_a)), Some((year_b, day_b))) = (a.split_at_checked(4), b.split_at_checked(4)) else {
        return 4;
    };
    let exchanged = year_a == year_b && day_a.get(..2) == day_b.get(2..) && day_a.get(2..) == day_b.get(..2);
    if day_a.starts_with("00") || day_b.starts_with("00") || day_a.ends_with("00") || day_b.ends_with("00") {
        // Month or day is not known: what is known must agree.
        let agree = date_parts(year_a, day_a)
            .iter()
            .zip(&date_parts(year_b, day_b))
            .all(|(a, b)| a.is_none() || b.is_none() || a == b);
        return if agree { 3 } else { 4 };
    }
    if exchanged || one_slip(a.as_bytes(), b.as_bytes()) {
        return 2;
    }
    let (month_a, month_b) = (day_a.get(..2), day_b.get(..2));
    let (d_a, d_b) = (day_a.get(2..), day_b.get(2..));
    let same = usize::from(year_a == year_b) + usize::from(month_a == month_b) + usize::from(d_a == d_b);
    if same >= 2 { 3 } else { 4 }
}

/// Year, month and day, as far as they are known.
fn date_parts<'a>(year: &'a str, day: &'a str) -> [Option<&'a str>; 3] {
    [Some(year), day.get(..2), day.get(2..)].map(|part| part.filter(|part| *part != "00"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Row, clean};
    use crate::engine::field::Input;

    #[test]
    fn what_was_compared_before_changes_nothing() {
        let rows = [(Input::City, "Boston"), (Input::City, "Denver"), (Input::Unit, "412"), (Input::Unit, "413")];
        let records: Vec<(String, crate::clean::Keys)> = rows
            .iter()
            .enumerate()
            .map(|(at, (field, text))| (at.to_string(), clean(&Row::new().with(*field, text))))
            .collect();
        let mut table = Table::new();
        table.extend(&records, 0);
        let table = table.finish();
        let mut comparer = Comparer::new(&table);

        let cities = comparer.compare(0, 1);
        let units = comparer.compare(2, 3);

        assert_eq!(units, Comparer::new(&table).compare(2, 3));
        assert_ne!((cities.level(Comparison::Place), units.level(Comparison::Extra)), (0, 0));
    }
}
