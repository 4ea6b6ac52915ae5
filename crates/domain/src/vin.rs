//! VINs: 17 characters since 1981, with a check digit at position 9 (49 CFR 565.15).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A vehicle identification number: 17 characters without I, O, Q, or 5–16 characters for a vehicle before 1981.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Vin(String);

/// Why a text is no VIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAVin {
    /// Neither 17 characters nor a plausible older number.
    #[error("a VIN has 17 characters (5 to 16 before 1981)")]
    Length,
    /// A character that no VIN contains.
    #[error("a VIN has only digits and letters without I, O and Q")]
    Character,
    /// One character repeated: a placeholder.
    #[error("one character repeated is a placeholder, not a VIN")]
    Placeholder,
}

/// Weights by position, 49 CFR 565.15 table IV.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

impl Vin {
    /// Reads a VIN, forgiving blanks, dashes and lower case.
    ///
    /// # Errors
    /// Where the text is no VIN; the check digit is not required here, see [`Vin::check_digit_holds`].
    pub fn parse(text: &str) -> Result<Self, NotAVin> {
        let vin: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-' && *c != '*')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if vin.len() > 17 || vin.len() < 5 {
            return Err(NotAVin::Length);
        }
        if !vin.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
            return Err(NotAVin::Character);
        }
        if vin.len() == 17 && vin.bytes().any(|b| matches!(b, b'I' | b'O' | b'Q')) {
            return Err(NotAVin::Character);
        }
        let mut bytes = vin.bytes();
        let first = bytes.next();
        if bytes.all(|b| Some(b) == first) {
            return Err(NotAVin::Placeholder);
        }
        Ok(Self(vin))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last eight characters, as a dealership calls a vehicle.
    #[must_use]
    pub fn last8(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(8)..).unwrap_or(&self.0)
    }

    /// Whether the check digit is right. A number of fewer than 17 characters (before 1981) has none and is exempt.
    #[must_use]
    pub fn check_digit_holds(&self) -> bool {
        if self.0.len() != 17 {
            return true;
        }
        let sum: u32 = self.0.bytes().zip(WEIGHTS).map(|(byte, weight)| transliterate(byte) * weight).sum();
        let expected = match sum % 11 {
            10 => b'X',
            digit => b'0' + u8::try_from(digit).unwrap_or_default(),
        };
        self.0.as_bytes().get(8) == Some(&expected)
    }
}

/// The number that stands for a character, 49 CFR 565.15 table III.
fn transliterate(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A' | b'J' => 1,
        b'B' | b'K' | b'S' => 2,
        b'C' | b'L' | b'T' => 3,
        b'D' | b'M' | b'U' => 4,
        b'E' | b'N' | b'V' => 5,
        b'F' | b'W' => 6,
        b'G' | b'P' | b'X' => 7,
        b'H' | b'Y' => 8,
        b'R' | b'Z' => 9,
        _ => 0,
    }
}

impl TryFrom<String> for Vin {
    type Error = NotAVin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Vin> for String {
    fn from(vin: Vin) -> Self {
        vin.0
    }
}

impl fmt::Display for Vin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_of_known_vins_holds_and_a_changed_character_breaks_it() {
        for good in ["1HGCM82633A004352", "11111111111111112", "5GZCZ43D13S812715", "1M8GDM9AXKP042788"] {
            if let Ok(vin) = Vin::parse(good) {
                assert_eq!(vin.check_digit_holds(), good != "11111111111111112", "{good}");
            }
        }
        let changed = Vin::parse("1HGCM82633A004353").map(|vin| vin.check_digit_holds());
        assert_eq!(changed, Ok(false));
    }

    #[test]
    fn what_vendors_send_in_place_of_a_vin_is_told_apart() {
        let cases = [
            (" 1hgcm82633a004352", None),
            ("77777777777777777", Some(NotAVin::Placeholder)),
            ("0", Some(NotAVin::Length)),
            ("1HGCM82633A00435O", Some(NotAVin::Character)),
            ("136370L1234", None),
        ];
        for (text, error) in cases {
            assert_eq!(Vin::parse(text).err(), error, "{text}");
        }
    }

    #[test]
    fn the_last_eight_are_what_the_lot_calls_it() {
        assert_eq!(Vin::parse("1HGCM82633A004352").map(|v| v.last8().to_owned()), Ok("3A004352".to_owned()));
    }
}
