//! Patterns: how two records compare, one level per comparison, packed into a number.

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Comparison {
    /// Given name.
    First,
    /// Surname.
    Last,
    /// Middle name.
    Middle,
    /// Jr, Sr.
    Suffix,
    /// Company.
    Company,
    /// E-mails.
    Email,
    /// Phones.
    Phone,
    /// House number and street together.
    Street,
    /// Unit, or a second address line.
    Extra,
    /// ZIP, city and state together: each nearly follows from the others.
    Place,
    /// Birth date.
    Birth,
    /// Driver licence.
    Licence,
    /// Vehicles owned.
    Vin,
}

impl Comparison {
    /// How many there are.
    pub const COUNT: usize = 13;
    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::First,
        Self::Last,
        Self::Middle,
        Self::Suffix,
        Self::Company,
        Self::Email,
        Self::Phone,
        Self::Street,
        Self::Extra,
        Self::Place,
        Self::Birth,
        Self::Licence,
        Self::Vin,
    ];
    const BITS: [u32; Self::COUNT] = [4, 4, 3, 2, 4, 3, 3, 5, 3, 6, 3, 3, 2];

    const fn shift(self) -> u32 {
        let mut shift = 0;
        let mut place = 0;
        while place < self as usize {
            shift += Self::BITS[place];
            place += 1;
        }
        shift
    }

    /// Its bit in a set of comparisons.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
            Self::Middle => "middle",
            Self::Suffix => "suffix",
            Self::Company => "company",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Street => "street",
            Self::Extra => "unit",
            Self::Place => "place",
            Self::Birth => "birth",
            Self::Licence => "licence",
            Self::Vin => "vin",
        }
    }

    /// How many levels it has; level 0 says nothing.
    #[must_use]
    pub const fn levels(self) -> usize {
        match self {
            Self::First | Self::Last => 11,
            Self::Middle => 6,
            Self::Suffix => 4,
            Self::Email | Self::Birth => 5,
            Self::Company => 10,
            Self::Phone => 6,
            Self::Licence | Self::Extra => 4,
            Self::Street => 20,
            Self::Place => 48,
            Self::Vin => 3,
        }
    }

    /// Which levels are weighed against each other: those that are possible for the same parts being known. 0 says nothing.
    #[must_use]
    pub const fn group(self, level: usize) -> usize {
        match self {
            Self::First | Self::Last => match level {
                0 => 0,
                name::INITIAL | name::OTHER_INITIAL => 2,
                _ => 1,
            },
            Self::Middle => match level {
                0 => 0,
                middle::INITIAL | middle::OTHER_INITIAL => 2,
                _ => 1,
            },
            Self::Street => part(level / 5, 1) + part(level % 5, 2),
            Self::Place => part(level / 12, 1) + part(level / 3 % 4, 2) + part(level % 3, 4),
            Self::Company => match level {
                0 => 0,
                1..=4 | 9 => 1,
                _ => 2,
            },
            Self::Suffix | Self::Email | Self::Phone | Self::Extra | Self::Birth | Self::Licence | Self::Vin => {
                if level == 0 { 0 } else { 1 }
            }
        }
    }

    /// Whether it tells one person of a household from another, rather than one household from another.
    #[must_use]
    pub const fn is_personal(self) -> bool {
        match self {
            Self::First | Self::Middle | Self::Suffix | Self::Birth | Self::Licence => true,
            Self::Last
            | Self::Company
            | Self::Email
            | Self::Phone
            | Self::Street
            | Self::Extra
            | Self::Place
            | Self::Vin => false,
        }
    }

    /// What a level means, in words.
    #[must_use]
    pub fn describe(self, level: usize) -> String {
        let one = |words: &[&'static str]| words.get(level).copied().unwrap_or_default().to_owned();
        match self {
            Self::First | Self::Last => one(&[
                "unknown",
                "same",
                "short form or part of it",
                "initial agrees",
                "one slip apart",
                "very alike",
                "alike",
                "different",
                "first and last exchanged",
                "initial differs",
                "one of first and last in the other's place",
            ]),
            Self::Middle => one(&["unknown", "same", "alike", "initial agrees", "initial differs", "different"]),
            Self::Suffix => one(&["unknown", "same", "different", "only one has one"]),
            Self::Company => one(&[
                "unknown",
                "same",
                "nearly the same",
                "alike",
                "different",
                "same, no person named",
                "nearly the same, no person named",
                "alike, no person named",
                "different, no person named",
                "a company and a person",
            ]),
            Self::Email => one(&["unknown", "same", "one slip apart", "same name at another host", "different"]),
            Self::Phone => one(&[
                "unknown",
                "same",
                "one slip apart",
                "different",
                "several the same",
                "one the same, others different",
            ]),
            Self::Extra => one(&["unknown", "same", "alike", "different"]),
            Self::Birth => one(&["unknown", "same", "one slip apart", "partly the same", "different"]),
            Self::Licence => one(&["unknown", "same", "one slip apart", "different"]),
            Self::Vin => one(&["unknown", "shared", "none shared"]),
            Self::Street => {
                const NUMBER: [&str; 4] = ["", "number same", "number one slip apart", "number different"];
                const STREET: [&str; 5] =
                    ["", "street same", "street nearly the same", "street alike", "street different"];
                parts(&[NUMBER[level / 5 % 4], STREET[level % 5]])
            }
            Self::Place => {
                const ZIP: [&str; 4] = ["", "ZIP same", "ZIP one slip apart", "ZIP different"];
                const CITY: [&str; 4] = ["", "city same", "city alike", "city different"];
                const STATE: [&str; 3] = ["", "state same", "state different"];
                parts(&[ZIP[level / 12 % 4], CITY[level / 3 % 4], STATE[level % 3]])
            }
        }
    }
}

const fn part(level: usize, bit: usize) -> usize {
    if level == 0 { 0 } else { bit }
}

fn parts(parts: &[&str]) -> String {
    let told: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    if told.is_empty() { "unknown".to_owned() } else { told.join(", ") }
}

/// Levels of given names and surnames.
pub(crate) mod name {
    pub(crate) const SHORT: usize = 2;
    pub(crate) const INITIAL: usize = 3;
    pub(crate) const SLIP: usize = 4;
    pub(crate) const NEAR: usize = 5;
    pub(crate) const ALIKE: usize = 6;
    pub(crate) const OTHER: usize = 7;
    pub(crate) const EXCHANGED: usize = 8;
    pub(crate) const OTHER_INITIAL: usize = 9;
    pub(crate) const CROSSED: usize = 10;
}

/// Levels of middle names.
pub(crate) mod middle {
    pub(crate) const ALIKE: usize = 2;
    pub(crate) const INITIAL: usize = 3;
    pub(crate) const OTHER_INITIAL: usize = 4;
    pub(crate) const OTHER: usize = 5;
}

/// The levels of all comparisons of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(pub(crate) u64);

impl Pattern {
    /// The level of one comparison.
    #[must_use]
    pub const fn level(self, comparison: Comparison) -> usize {
        ((self.0 >> comparison.shift()) & ((1 << Comparison::BITS[comparison as usize]) - 1)) as usize
    }

    pub(crate) const fn with(self, comparison: Comparison, level: usize) -> Self {
        Self(self.0 | (level as u64) << comparison.shift())
    }

    /// The same pattern with some comparisons left out.
    pub(crate) fn without(self, left_out: u16) -> Self {
        let mut bits = self.0;
        for comparison in Comparison::ALL {
            if left_out & comparison.bit() != 0 {
                let width = Comparison::BITS[comparison as usize];
                bits &= !(((1 << width) - 1) << comparison.shift());
            }
        }
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_survive_packing() {
        let mut pattern = Pattern::default();
        for comparison in Comparison::ALL {
            pattern = pattern.with(comparison, comparison.levels() - 1);
        }
        for comparison in Comparison::ALL {
            assert_eq!(pattern.level(comparison), comparison.levels() - 1, "{comparison:?}");
        }
        assert_eq!(pattern.without(Comparison::Place.bit()).level(Comparison::Place), 0);
        assert_eq!(pattern.without(Comparison::Place.bit()).level(Comparison::Birth), 4);
    }
}
