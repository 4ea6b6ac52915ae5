//! Dictionaries: each distinct value once, as a number, with what blocking and comparing want to know of it.

use super::field::Slot;
use super::kernel::Shape;
use super::{nickname, sound};
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::Hasher;

/// A value's number in its dictionary; 0 is the empty value.
pub(crate) type ValueId = u32;

/// What is known of a value apart from its text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    /// Hash of the text, the same in every dictionary and on every machine.
    pub hash: u64,
    /// Hash of how it sounds.
    pub sound: u64,
    /// Hash of its nickname group; of an e-mail that of the part before the @.
    pub group: u64,
}

impl Traits {
    /// The traits of a value; those of the empty one are all 0.
    pub(crate) fn of(kind: Kind, value: &str) -> Self {
        if value.is_empty() {
            return Self::default();
        }
        let (sound, group) = match kind {
            Kind::Name => (mix(sound::key(value) ^ 0x5bd1), stable_hash(nickname::group(value).as_bytes())),
            Kind::Email => (0, stable_hash(value.rsplit_once('@').map_or(value, |(local, _)| local).as_bytes())),
            Kind::Other => (0, 0),
        };
        Self { hash: stable_hash(value.as_bytes()), sound, group }
    }
}

/// A hash that stays the same between runs and machines: block keys are stored.
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    // FNV-1a, then one round of mixing, because its high bits are weak.
    let fnv =
        bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    mix(fnv)
}

/// Mixes the bits of a number (the finaliser of MurmurHash3).
pub(crate) const fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A dictionary of one kind of value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dictionary {
    text: String,
    ends: Vec<u32>,
    /// Apart from the other traits: every comparison looks here, few look there.
    shapes: Vec<Shape>,
    traits: Vec<Traits>,
    table: HashTable<ValueId>,
    kind: Kind,
}

/// What kind of values a dictionary holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names of people.
    Name,
    /// E-mails.
    Email,
    /// Anything else.
    #[default]
    Other,
}

impl Kind {
    /// What the dictionary at this place holds.
    pub(crate) const fn at(place: usize) -> Self {
        const NAMES: usize = Slot::First.dictionary();
        const EMAILS: usize = Slot::Email.dictionary();
        match place {
            NAMES => Self::Name,
            EMAILS => Self::Email,
            _ => Self::Other,
        }
    }
}

impl Dictionary {
    /// An empty one. Of names more is remembered than of other values.
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            text: String::new(),
            ends: vec![0],
            shapes: vec![Shape::default()],
            traits: vec![Traits::default()],
            table: HashTable::new(),
            kind,
        }
    }

    /// How many values there are, the empty one included.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The number of a value; a new one where it was not seen before.
    pub(crate) fn intern(&mut self, value: &str) -> ValueId {
        if value.is_empty() {
            return 0;
        }
        let hash = bucket(value);
        let (text, ends) = (&self.text, &self.ends);
        if let Some(id) = self.table.find(hash, |id| slice(text, ends, *id) == value) {
            return *id;
        }
        let id = u32::try_from(self.ends.len()).unwrap_or(0);
        self.text.push_str(value);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.shapes.push(Shape::of(value));
        self.traits.push(Traits::of(self.kind, value));
        let (text, ends) = (&self.text, &self.ends);
        self.table.insert_unique(hash, id, |id| bucket(slice(text, ends, *id)));
        id
    }

    /// The text of a value.
    pub(crate) fn text(&self, id: ValueId) -> &str {
        slice(&self.text, &self.ends, id)
    }

    /// The shape of a value.
    pub(crate) fn shape(&self, id: ValueId) -> Shape {
        self.shapes[id as usize]
    }

    /// What else is known of a value.
    pub(crate) fn traits(&self, id: ValueId) -> &Traits {
        &self.traits[id as usize]
    }
}

fn slice<'a>(text: &'a str, ends: &[u32], id: ValueId) -> &'a str {
    let id = id as usize;
    if id == 0 {
        return "";
    }
    text.get(ends[id - 1] as usize..ends[id] as usize).unwrap_or_default()
}

fn bucket(value: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(value.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_number() {
        let mut values = Dictionary::new(Kind::Name);
        let (ann, bob) = (values.intern("ann"), values.intern("bob"));
        assert_eq!(values.intern("ann"), ann);
        assert_ne!(ann, bob);
        assert_eq!(values.text(bob), "bob");
        assert_eq!(values.intern(""), 0);
    }
}
