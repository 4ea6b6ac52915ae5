//! The fields of a row, and the slots of a cleaned record.

use std::fmt;
use std::str::FromStr;

/// What a column of a file may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// Given name.
    First,
    /// Middle name or initial.
    Middle,
    /// Surname.
    Last,
    /// Jr, Sr, III.
    Suffix,
    /// The whole name in one column.
    Full,
    /// Company.
    Company,
    /// E-mail; several columns are allowed.
    Email,
    /// Phone; several columns are allowed.
    Phone,
    /// House number, where it has its own column.
    StreetNumber,
    /// Street line, with the house number where that has no column of its own.
    Street,
    /// Apartment, suite.
    Unit,
    /// A second address line; the whole address where there is no street column.
    Address,
    /// City.
    City,
    /// State or province.
    State,
    /// ZIP or postal code.
    Zip,
    /// Birth date; year, month and day may be three columns.
    Birth,
    /// Driver licence, or another number that belongs to one person.
    Licence,
    /// VIN of a vehicle owned; several columns are allowed.
    Vin,
    /// The system a row comes from.
    Source,
}

impl Input {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 19] = [
        ("first", Self::First),
        ("middle", Self::Middle),
        ("last", Self::Last),
        ("suffix", Self::Suffix),
        ("full", Self::Full),
        ("company", Self::Company),
        ("email", Self::Email),
        ("phone", Self::Phone),
        ("street_number", Self::StreetNumber),
        ("street", Self::Street),
        ("unit", Self::Unit),
        ("address", Self::Address),
        ("city", Self::City),
        ("state", Self::State),
        ("zip", Self::Zip),
        ("birth", Self::Birth),
        ("licence", Self::Licence),
        ("vin", Self::Vin),
        ("source", Self::Source),
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No field has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no field {0}; there are: first middle last suffix full company email phone street_number street unit address city state zip birth licence vin source"
)]
pub struct UnknownInput(String);

impl FromStr for Input {
    type Err = UnknownInput;

    fn from_str(text: &str) -> Result<Self, UnknownInput> {
        Self::ALL
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, field)| *field)
            .ok_or_else(|| UnknownInput(text.to_owned()))
    }
}

/// A place for one key of a cleaned record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it; several values of one field have several slots")]
pub enum Slot {
    First,
    Middle,
    Last,
    Suffix,
    Company,
    Email,
    Email2,
    Email3,
    Phone,
    Phone2,
    Phone3,
    Phone4,
    Number,
    Street,
    Extra,
    City,
    State,
    Zip,
    Birth,
    Licence,
    Vin,
    Vin2,
    Vin3,
    Source,
}

impl Slot {
    /// How many there are.
    pub const COUNT: usize = 24;
    /// All of them, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::First,
        Self::Middle,
        Self::Last,
        Self::Suffix,
        Self::Company,
        Self::Email,
        Self::Email2,
        Self::Email3,
        Self::Phone,
        Self::Phone2,
        Self::Phone3,
        Self::Phone4,
        Self::Number,
        Self::Street,
        Self::Extra,
        Self::City,
        Self::State,
        Self::Zip,
        Self::Birth,
        Self::Licence,
        Self::Vin,
        Self::Vin2,
        Self::Vin3,
        Self::Source,
    ];
    /// E-mails.
    pub const EMAILS: [Self; 3] = [Self::Email, Self::Email2, Self::Email3];
    /// Phones.
    pub const PHONES: [Self; 4] = [Self::Phone, Self::Phone2, Self::Phone3, Self::Phone4];
    /// VINs.
    pub const VINS: [Self; 3] = [Self::Vin, Self::Vin2, Self::Vin3];

    /// Its place in a row.
    #[must_use]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// The dictionary its values are kept in: names share one, so that exchanged names are found.
    pub(crate) const fn dictionary(self) -> usize {
        match self {
            Self::First | Self::Middle | Self::Last => 0,
            Self::Suffix => 1,
            Self::Company => 2,
            Self::Email | Self::Email2 | Self::Email3 => 3,
            Self::Phone | Self::Phone2 | Self::Phone3 | Self::Phone4 => 4,
            Self::Number => 5,
            Self::Street => 6,
            Self::Extra => 7,
            Self::City => 8,
            Self::State => 9,
            Self::Zip => 10,
            Self::Birth => 11,
            Self::Licence => 12,
            Self::Vin | Self::Vin2 | Self::Vin3 => 13,
            Self::Source => 14,
        }
    }

    /// How many dictionaries there are.
    pub(crate) const DICTIONARIES: usize = 15;
}
