//! One record on its way to a database: keys to find others by, and how common values are among those that are there.

use super::block::{BlockLimits, RULES, rule_keys};
use super::dictionary::{Kind, Traits};
use super::field::Slot;
use crate::clean::Keys;

/// A key by which a record is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockKey {
    /// The rule's name.
    pub rule: &'static str,
    /// The same for the same texts, on every machine and in every version.
    pub hash: i64,
}

/// How common values are among the records of a tenant.
pub trait Frequencies {
    /// How many people hold this value. `family` is the name of a field: first, last, company, email, phone, …
    fn held(&self, family: &'static str, value: &str) -> u32;

    /// How many people hold any value of the family; 0 where that was never counted, so that rarity says nothing.
    fn present(&self, family: &'static str) -> u32;

    /// Whether so many different people share this value that it says nothing about who somebody is.
    fn is_shared(&self, family: &'static str, value: &str) -> bool;
}

/// Nothing was counted yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Uncounted;

impl Frequencies for Uncounted {
    fn held(&self, _: &'static str, _: &str) -> u32 {
        0
    }

    fn present(&self, _: &'static str) -> u32 {
        0
    }

    fn is_shared(&self, _: &'static str, _: &str) -> bool {
        false
    }
}

/// The keys of a record.
#[must_use]
pub fn block_keys(keys: &Keys, limits: BlockLimits) -> Vec<BlockKey> {
    let traits = Slot::ALL.map(|slot| Traits::of(Kind::at(slot.dictionary()), keys.get(slot)));
    (0..limits.rules())
        .flat_map(|rule| {
            rule_keys(rule, |slot| traits[slot.place()], |slot| keys.get(slot)).map(|key| (RULES[rule].name, key))
        })
        .filter(|(_, key)| *key != 0)
        .map(|(rule, key)| BlockKey { rule, hash: key.cast_signed() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clean::{Row, clean};
    use crate::engine::field::Input;

    #[test]
    fn records_of_one_person_share_a_key_and_strangers_do_not() {
        let keys = |first: &str, email: &str| {
            let row = Row::new().with(Input::First, first).with(Input::Last, "Lee").with(Input::Email, email);
            block_keys(&clean(&row), BlockLimits::for_records(100_000))
        };
        let ann = keys("Ann", "a@example.com");
        let shared = |other: &[BlockKey]| ann.iter().any(|key| other.contains(key));
        assert!(shared(&keys("Anna", "a@example.com")) && !shared(&keys("Tom", "t@example.com")));
    }
}
