//! What was typed into a search, as far as it says what it is: normalised as stored values are.

use domain::check;
use domain::vin::Vin;
use matching::{FIRST_NAME_KEY, Name, names_asked};
use serde::Serialize;
use uuid::Uuid;

/// The longest text that is searched for, in characters.
pub const TYPED_MAX: usize = 200;
/// Less than this many characters find too much to be of use.
const TYPED_MIN: usize = 2;

/// By what something was found, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// Its id here.
    Id,
    /// The e-mail address.
    Email,
    /// The phone number.
    Phone,
    /// The VIN.
    Vin,
    /// The last eight characters of the VIN.
    LastEight,
    /// A stock, deal, RO or lead number.
    Number,
    /// The surname, the company, or first name and surname.
    Name,
    /// The beginning of a surname or company.
    Beginning,
    /// The first name alone.
    FirstName,
}

impl FoundBy {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Id,
        Self::Email,
        Self::Phone,
        Self::Vin,
        Self::LastEight,
        Self::Number,
        Self::Name,
        Self::Beginning,
        Self::FirstName,
    ];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Vin => "vin",
            Self::LastEight => "last_eight",
            Self::Number => "number",
            Self::Name => "name",
            Self::Beginning => "beginning",
            Self::FirstName => "first_name",
        }
    }

    /// Whether who has it is hardly ever anybody else.
    #[must_use]
    pub const fn is_telling(self) -> bool {
        match self {
            Self::Id | Self::Email | Self::Phone | Self::Vin | Self::LastEight | Self::Number => true,
            Self::Name | Self::Beginning | Self::FirstName => false,
        }
    }
}

/// Everything that a typed text may mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// An id of ours.
    pub id: Option<Uuid>,
    /// Whole values, each with the purpose of its key.
    pub values: Vec<(FoundBy, &'static str, String)>,
    /// Names.
    pub names: Vec<Name>,
}

impl Typed {
    /// Reads a text; `None` where too little was typed.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let many = text.chars().count();
        if !(TYPED_MIN..=TYPED_MAX).contains(&many) {
            return None;
        }
        let mut typed = Self::default();
        if let Ok(id) = Uuid::parse_str(text) {
            return Some(Self { id: Some(id), ..typed });
        }
        if text.contains('@') {
            // Also without plus-tags and dots, as the mailbox is known.
            typed.values.extend(check::email(text).map(|email| (FoundBy::Email, "email", email)));
            let mailbox = matching::clean::mailbox(text).map(|email| (FoundBy::Email, "email", email));
            typed.values.extend(mailbox.filter(|same| !typed.values.contains(same)));
            return Some(typed);
        }
        let has_letters = text.chars().any(char::is_alphabetic);
        if let Some(phone) = check::phone(text).filter(|_| !has_letters) {
            typed.values.push((FoundBy::Phone, "phone", phone));
        }
        let one_word: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        if let Ok(vin) = Vin::parse(text).as_ref().map(Vin::as_str)
            && vin.len() == 17
        {
            typed.values.push((FoundBy::Vin, "vin", vin.to_owned()));
            return Some(typed);
        }
        if one_word.len() == 8 && !text.contains(char::is_whitespace) {
            typed.values.push((FoundBy::LastEight, "vin8", one_word));
        }
        let number = check::name_key(text);
        if !number.is_empty() {
            typed.values.push((FoundBy::Number, "number", number));
        }
        if has_letters {
            typed.names = names_asked(text);
            if let [only] = typed.names.as_slice() {
                typed.values.push((FoundBy::FirstName, FIRST_NAME_KEY, only.surname.clone()));
            }
        }
        Some(typed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str) -> Vec<(FoundBy, String)> {
        Typed::read(text).unwrap_or_default().values.into_iter().map(|(by, _, value)| (by, value)).collect()
    }

    #[test]
    fn what_is_typed_says_what_it_is() {
        use FoundBy::{Email, FirstName, LastEight, Number, Phone, Vin};
        let cases: [(&str, &[(FoundBy, &str)]); 9] = [
            (" Ann@Example.com ", &[(Email, "ann@example.com")]),
            ("a.nn+x@gmail.com", &[(Email, "a.nn+x@gmail.com"), (Email, "ann@gmail.com")]),
            ("(415) 555-0100", &[(Phone, "+14155550100"), (Number, "4155550100")]),
            ("1hgcm82633a004352", &[(Vin, "1HGCM82633A004352")]),
            ("3a004352", &[(LastEight, "3A004352"), (Number, "3a004352"), (FirstName, "3a004352")]),
            ("12-345678", &[(LastEight, "12345678"), (Number, "12345678")]),
            ("P 1234-A", &[(Number, "p1234a")]),
            ("Ann Lee", &[(Number, "annlee")]),
            ("x", &[]),
        ];
        for (text, expected) in cases {
            let expected: Vec<(FoundBy, String)> =
                expected.iter().map(|(by, text)| (*by, (*text).to_owned())).collect();
            assert_eq!(read_as(text), expected, "{text}");
        }
    }

    #[test]
    fn an_id_is_nothing_else() {
        let id = Uuid::from_u128(7);

        assert_eq!(Typed::read(&id.to_string()), Some(Typed { id: Some(id), ..Typed::default() }));
    }

    #[test]
    fn a_number_is_no_name() {
        assert_eq!(Typed::read("415 555 0100").map(|typed| typed.names), Some(Vec::new()));
    }
}
