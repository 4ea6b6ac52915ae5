//! One kind of CRM object in memory: packed properties and the indices that answers need, fit for a million rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Properties by name.
pub type Properties = BTreeMap<String, String>;

/// Starts of packed properties are characters of the private use area, one per property name.
const FIRST_NAME_MARK: u32 = 0xE000;
const LAST_NAME_MARK: u32 = 0xF8FF;

/// The names of all properties ever written: a row holds a mark in place of a name.
#[derive(Default)]
pub struct Names {
    list: Vec<Box<str>>,
    places: HashMap<Box<str>, u32>,
}

impl Names {
    fn mark(&mut self, name: &str) -> char {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
                self.list.push(name.into());
                self.places.insert(name.into(), place);
                place
            }
        };
        FIRST_NAME_MARK.checked_add(place).and_then(char::from_u32).unwrap_or('\u{F8FF}')
    }

    fn name(&self, mark: char) -> &str {
        let place = usize::try_from(u32::from(mark).saturating_sub(FIRST_NAME_MARK)).unwrap_or(usize::MAX);
        self.list.get(place).map_or("", AsRef::as_ref)
    }
}

fn is_mark(c: char) -> bool {
    (FIRST_NAME_MARK..=LAST_NAME_MARK).contains(&u32::from(c))
}

/// One record.
#[derive(Clone)]
pub struct Row {
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it last changed.
    pub changed_ms: i64,
    packed: Box<str>,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrote {
    /// A new record.
    Created,
    /// Some property changed.
    Changed,
    /// It already was so.
    Nothing,
}

/// Why a write was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such record.
    NotFound,
    /// A unique property has this value on another record.
    Conflict {
        /// The property.
        property: &'static str,
        /// The record that has it.
        existing: u64,
    },
}

/// All records of one kind.
pub struct Table {
    names: Names,
    rows: BTreeMap<u64, Row>,
    archived: BTreeMap<u64, Row>,
    /// Unique properties with who has which value.
    unique: Vec<(&'static str, HashMap<Box<str>, u64>)>,
    by_change: BTreeSet<(i64, u64)>,
    next_id: u64,
    last_ms: i64,
}

impl Table {
    /// An empty table with these unique properties and this first id.
    pub fn new(unique: &[&'static str], first_id: u64) -> Self {
        Self {
            names: Names::default(),
            rows: BTreeMap::new(),
            archived: BTreeMap::new(),
            unique: unique.iter().map(|name| (*name, HashMap::new())).collect(),
            by_change: BTreeSet::new(),
            next_id: first_id,
            last_ms: 0,
        }
    }

    /// Live records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A live record.
    pub fn get(&self, id: u64) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// An archived record.
    pub fn get_archived(&self, id: u64) -> Option<&Row> {
        self.archived.get(&id)
    }

    /// The record that has a value of a unique property. E-mail is compared without case.
    pub fn find(&self, property: &str, value: &str) -> Option<u64> {
        let (_, values) = self.unique.iter().find(|(name, _)| *name == property)?;
        values.get(folded(property, value).as_str()).copied()
    }

    /// Whether a property is unique.
    pub fn is_unique(&self, property: &str) -> bool {
        self.unique.iter().any(|(name, _)| *name == property)
    }

    /// Live records from an id on.
    pub fn from(&self, after: u64) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.range(after.saturating_add(1)..).map(|(id, row)| (*id, row))
    }

    /// Archived records from an id on.
    pub fn archived_from(&self, after: u64) -> impl Iterator<Item = (u64, &Row)> {
        self.archived.range(after.saturating_add(1)..).map(|(id, row)| (*id, row))
    }

    /// Live records by time of change, within times (inclusive).
    pub fn changed_between(&self, from_ms: i64, to_ms: i64) -> impl Iterator<Item = (u64, &Row)> {
        self.by_change
            .range((from_ms, 0)..=(to_ms.max(from_ms), u64::MAX))
            .filter(move |(ms, _)| *ms <= to_ms)
            .filter_map(|(_, id)| Some((*id, self.rows.get(id)?)))
    }

    /// One property of a row.
    pub fn value<'a>(&self, row: &'a Row, name: &str) -> Option<&'a str> {
        let place = *self.names.places.get(name)?;
        let mark = char::from_u32(FIRST_NAME_MARK + place)?;
        let (_, rest) = row.packed.split_once(mark)?;
        Some(rest.split(is_mark).next().unwrap_or(rest))
    }

    /// All properties of a row.
    pub fn properties(&self, row: &Row) -> Properties {
        let mut all = Properties::new();
        let mut rest: &str = &row.packed;
        while let Some(mark) = rest.chars().next() {
            let tail = rest.get(mark.len_utf8()..).unwrap_or_default();
            let value = tail.split(is_mark).next().unwrap_or_default();
            all.insert(self.names.name(mark).to_owned(), value.to_owned());
            rest = tail.get(value.len()..).unwrap_or_default();
        }
        all
    }

    fn pack(&mut self, properties: &Properties) -> Box<str> {
        let mut packed = String::with_capacity(properties.values().map(|v| v.len() + 3).sum());
        for (name, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
            packed.push(self.names.mark(name));
            packed.extend(value.chars().filter(|c| !is_mark(*c)));
        }
        packed.into_boxed_str()
    }

    /// Makes a record.
    pub fn create(&mut self, properties: &Properties, now_ms: i64) -> Result<u64, Refused> {
        self.check_unique(properties, None)?;
        let id = self.next_id;
        // Ids are not dense at the vendor either.
        self.next_id += 1 + id % 3;
        let now_ms = self.tick(now_ms);
        let packed = self.pack(properties);
        self.rows.insert(id, Row { created_ms: now_ms, changed_ms: now_ms, packed });
        self.by_change.insert((now_ms, id));
        self.own_unique(properties, id);
        Ok(id)
    }

    /// Lays properties over a record; an empty value clears one.
    pub fn update(&mut self, id: u64, properties: &Properties, now_ms: i64) -> Result<Wrote, Refused> {
        let row = self.rows.get(&id).ok_or(Refused::NotFound)?;
        self.check_unique(properties, Some(id))?;
        let before = self.properties(row);
        let mut after = before.clone();
        for (name, value) in properties {
            if value.is_empty() {
                after.remove(name);
            } else {
                after.insert(name.clone(), value.clone());
            }
        }
        if after == before {
            return Ok(Wrote::Nothing);
        }
        self.disown_unique(&before);
        self.own_unique(&after, id);
        let now_ms = self.tick(now_ms);
        let packed = self.pack(&after);
        if let Some(row) = self.rows.get_mut(&id) {
            self.by_change.remove(&(row.changed_ms, id));
            row.packed = packed;
            row.changed_ms = now_ms;
            self.by_change.insert((now_ms, id));
        }
        Ok(Wrote::Changed)
    }

    /// Archives a record; whether it was there.
    pub fn archive(&mut self, id: u64, now_ms: i64) -> bool {
        let Some(mut row) = self.rows.remove(&id) else { return false };
        self.by_change.remove(&(row.changed_ms, id));
        let properties = self.properties(&row);
        self.disown_unique(&properties);
        row.changed_ms = self.tick(now_ms);
        self.archived.insert(id, row);
        true
    }

    /// Time never runs backwards here, whatever the machine's clock does.
    fn tick(&mut self, now_ms: i64) -> i64 {
        self.last_ms = self.last_ms.max(now_ms);
        self.last_ms
    }

    fn check_unique(&self, properties: &Properties, own: Option<u64>) -> Result<(), Refused> {
        for (name, values) in &self.unique {
            let Some(value) = properties.get(*name).filter(|value| !value.is_empty()) else { continue };
            if let Some(existing) = values.get(folded(name, value).as_str()).filter(|id| Some(**id) != own) {
                return Err(Refused::Conflict { property: name, existing: *existing });
            }
        }
        Ok(())
    }

    fn own_unique(&mut self, properties: &Properties, id: u64) {
        for (name, values) in &mut self.unique {
            if let Some(value) = properties.get(*name).filter(|value| !value.is_empty()) {
                values.insert(folded(name, value).into_boxed_str(), id);
            }
        }
    }

    fn disown_unique(&mut self, properties: &Properties) {
        for (name, values) in &mut self.unique {
            if let Some(value) = properties.get(*name) {
                values.remove(folded(name, value).as_str());
            }
        }
    }
}

fn folded(property: &str, value: &str) -> String {
    if property == "email" { value.trim().to_lowercase() } else { value.to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_written_is_read_back_and_an_empty_value_clears() {
        let mut table = Table::new(&["email"], 1);
        let written = of(&[("email", "a@b.co"), ("firstname", "Ann"), ("city", "São Paulo")]);
        let id = table.create(&written, 10).unwrap();
        assert_eq!(table.properties(table.get(id).unwrap()), written);

        assert_eq!(table.update(id, &of(&[("city", ""), ("firstname", "Ann")]), 11), Ok(Wrote::Changed));
        assert_eq!(table.properties(table.get(id).unwrap()), of(&[("email", "a@b.co"), ("firstname", "Ann")]));
        assert_eq!(table.update(id, &of(&[("firstname", "Ann")]), 12), Ok(Wrote::Nothing));
    }

    #[test]
    fn a_unique_value_belongs_to_one_live_record() {
        let mut table = Table::new(&["email"], 1);
        let ann = table.create(&of(&[("email", "a@b.co")]), 1).unwrap();
        let refused = table.create(&of(&[("email", "A@B.co")]), 2);
        assert_eq!(refused, Err(Refused::Conflict { property: "email", existing: ann }));

        assert!(table.archive(ann, 3));
        assert!(table.create(&of(&[("email", "a@b.co")]), 4).is_ok());
    }
}
