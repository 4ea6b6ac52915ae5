//! The keyed hash of a name in `lookup_key`. Surnames that begin alike lie side by side there, so that a beginning is
//! found as a range of keys: no row and no index more than whole names need.
//!
//! From the top: 22 bits of the first three letters' hash, 9 of the first four's, 9 of the first five's, 14 of the whole
//! surname's, 10 of the first name's. Whoever reads the table without the key learns which surnames begin alike besides
//! which are alike. Other keys lie anywhere, so a range may hold a few of them, and ten bits do not tell all first names
//! apart: what is found is compared by value.

use crate::seal::TenantKeys;

/// Letters of a beginning, and the bits below its hash.
const BEGINNINGS: [(usize, u32); 3] = [(3, 42), (4, 33), (5, 24)];
/// Bits below the surname's hash: the first name's.
const FIRST_NAME_BITS: u32 = 10;

/// Keys from the first to the last of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first.
    pub low: i64,
    /// The last.
    pub high: i64,
}

impl KeyRange {
    /// All keys that are the same above so many bits.
    const fn above(key: u64, bits: u32) -> Self {
        let rest = (1 << bits) - 1;
        Self { low: (key & !rest).cast_signed(), high: (key | rest).cast_signed() }
    }

    /// Of a surname's keys only that of this first name.
    #[must_use]
    pub const fn of_first_name(self, bits: i64) -> Self {
        Self { low: self.low | bits, high: self.low | bits }
    }
}

/// The keys of one surname differ in these bits, which are the first name's.
pub(crate) const FIRST_NAME: i64 = (1 << FIRST_NAME_BITS) - 1;

fn beginning(text: &str, letters: usize) -> &str {
    text.char_indices().nth(letters).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

impl TenantKeys {
    /// The key of a name. Surname and first name in small letters without blanks; a company is a surname without a first
    /// name.
    #[must_use]
    pub fn name_key(&self, surname: &str, first: &str) -> i64 {
        (self.surname_bits(surname) | self.first_name_bits(first).cast_unsigned()).cast_signed()
    }

    /// The keys of everybody of this surname.
    #[must_use]
    pub fn surname_range(&self, surname: &str) -> KeyRange {
        KeyRange::above(self.surname_bits(surname), FIRST_NAME_BITS)
    }

    /// The keys of everybody whose surname begins so, as far as its first five letters say; none for fewer than three.
    #[must_use]
    pub fn beginning_range(&self, letters: &str) -> Option<KeyRange> {
        let many = letters.chars().count();
        let (_, bits) = BEGINNINGS.into_iter().rev().find(|(least, _)| many >= *least)?;
        Some(KeyRange::above(self.surname_bits(letters), bits))
    }

    /// The first name's part of a key.
    #[must_use]
    pub fn first_name_bits(&self, first: &str) -> i64 {
        self.index64("first name", first) & FIRST_NAME
    }

    fn surname_bits(&self, surname: &str) -> u64 {
        let mut key = 0;
        let mut above = 64;
        for (letters, below) in BEGINNINGS {
            key |= self.bits("surname begins", beginning(surname, letters), above - below) << below;
            above = below;
        }
        key | (self.bits("surname", surname, above - FIRST_NAME_BITS) << FIRST_NAME_BITS)
    }

    fn bits(&self, purpose: &str, value: &str, many: u32) -> u64 {
        self.index64(purpose, value).cast_unsigned() >> (64 - many)
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::seal::{SealKey, new_data_key};
    use std::time::{Duration, Instant};
    use uuid::Uuid;

    fn keys() -> TenantKeys {
        let seals = [SealKey { version: 1, key: new_data_key(), seals_in: Duration::ZERO }];
        TenantKeys::new(Uuid::from_u128(1), &seals, &[7; 32], Instant::now()).unwrap()
    }

    fn within(range: KeyRange, key: i64) -> bool {
        (range.low..=range.high).contains(&key)
    }

    #[test]
    fn a_beginning_is_a_range_that_holds_the_names_that_begin_so_and_no_others() {
        let keys = keys();
        for (letters, name, held) in [
            ("smi", "smith", true),
            ("smit", "smith", true),
            ("smith", "smithson", true),
            ("smithson", "smithson", true),
            ("smyt", "smith", false),
            ("lee", "lee", true),
            ("lee", "leeds", true),
            ("óbr", "óbrien", true),
        ] {
            let range = keys.beginning_range(letters).expect("three letters");
            assert_eq!(within(range, keys.name_key(name, "ann")), held, "{letters} {name}");
        }
        assert_eq!(keys.beginning_range("le"), None);
    }

    #[test]
    fn a_surname_is_a_range_that_holds_every_first_name() {
        let keys = keys();

        let range = keys.surname_range("ng");

        assert!(within(range, keys.name_key("ng", "ann")) && within(range, keys.name_key("ng", "")));
        assert!(!within(range, keys.name_key("nguyen", "ann")));
        assert_eq!(keys.name_key("ng", "ann") & FIRST_NAME, keys.first_name_bits("ann"));
    }
}
