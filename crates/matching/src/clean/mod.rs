//! Cleaning: a row of texts becomes the keys of one record, spellings folded and placeholders left out.

mod contact;
mod number;
mod person;
mod place;
pub(crate) mod text;

use crate::engine::field::{Input, Slot};

/// The texts of one row, by field; several columns of one field are kept apart.
#[derive(Clone, Debug, Default)]
pub struct Row<'a> {
    cells: Vec<(Input, &'a str)>,
}

impl<'a> Row<'a> {
    /// A row that says nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { cells: Vec::new() }
    }

    /// Adds the text of a column.
    pub fn push(&mut self, field: Input, text: &'a str) {
        self.cells.push((field, text));
    }

    /// The same row with the text of a column, for building one in place.
    #[must_use]
    pub fn with(mut self, field: Input, text: &'a str) -> Self {
        self.push(field, text);
        self
    }

    /// Empties the row and keeps its memory.
    pub fn clear(&mut self) {
        self.cells.clear();
    }

    /// What all columns of a field say, in order.
    pub fn all(&self, field: Input) -> impl Iterator<Item = &'a str> + '_ {
        self.cells
            .iter()
            .filter(move |(of, _)| *of == field)
            .map(|(_, text)| text.trim())
            .filter(|text| !text.is_empty())
    }

    /// What a field says; several columns are joined by a space, as year, month and day often are.
    fn joined(&self, field: Input) -> std::borrow::Cow<'a, str> {
        let mut all = self.all(field);
        let first = all.next().unwrap_or_default();
        match all.next() {
            None => std::borrow::Cow::Borrowed(first),
            Some(second) => {
                let mut text = format!("{first} {second}");
                for more in all {
                    text.push(' ');
                    text.push_str(more);
                }
                std::borrow::Cow::Owned(text)
            }
        }
    }
}

/// The keys of one record: one text per slot, empty where unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    text: String,
    ends: [u32; Slot::COUNT],
}

impl Keys {
    /// All of them in one text; equal where all keys are.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The key in a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> &str {
        let place = slot.place();
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        self.text.get(start as usize..self.ends[place] as usize).unwrap_or_default()
    }
}

/// Cleans one row.
#[must_use]
pub fn clean(row: &Row<'_>) -> Keys {
    let joined = |field| row.joined(field);
    let name = person::read(
        &joined(Input::First),
        &joined(Input::Middle),
        &joined(Input::Last),
        &joined(Input::Suffix),
        &joined(Input::Full),
        &joined(Input::Company),
    );
    let place = place::read(place::Told {
        number: &joined(Input::StreetNumber),
        street: &joined(Input::Street),
        unit: &joined(Input::Unit),
        address: &joined(Input::Address),
        city: &joined(Input::City),
        state: &joined(Input::State),
        zip: &joined(Input::Zip),
    });
    let emails = several::<3>(row, Input::Email, contact::email);
    let phones = several::<4>(row, Input::Phone, contact::phone);
    let vins = several::<3>(row, Input::Vin, number::vin);
    let birth = number::birth(&joined(Input::Birth)).unwrap_or_default();
    let licence = number::licence(&joined(Input::Licence)).unwrap_or_default();
    let source = text::folded(&joined(Input::Source));
    let [email, email2, email3] = &emails;
    let [phone, phone2, phone3, phone4] = &phones;
    let [vin, vin2, vin3] = &vins;
    // The order of `Slot`.
    let texts: [&str; Slot::COUNT] = [
        &name.first,
        &name.middle,
        &name.last,
        name.suffix,
        &name.company,
        email,
        email2,
        email3,
        phone,
        phone2,
        phone3,
        phone4,
        &place.number,
        &place.street,
        &place.extra,
        &place.city,
        &place.state,
        &place.zip,
        &birth,
        &licence,
        vin,
        vin2,
        vin3,
        &source,
    ];
    let mut keys = Keys { text: String::with_capacity(128), ends: [0; Slot::COUNT] };
    for (end, text) in keys.ends.iter_mut().zip(texts) {
        keys.text.push_str(text);
        *end = u32::try_from(keys.text.len()).unwrap_or(u32::MAX);
    }
    keys
}

/// The readable values of a field that may have several, each once, in alphabetic order, so that slots mean nothing.
fn several<const N: usize>(row: &Row<'_>, field: Input, read: fn(&str) -> Option<String>) -> [String; N] {
    let mut found: Vec<String> = row.all(field).flat_map(|cell| cell.split([';', '|'])).filter_map(read).collect();
    found.sort_unstable();
    found.dedup();
    let mut values = found.into_iter();
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

/// The mailbox that an e-mail address reaches, without plus-tags and dots; none where it reaches nobody.
#[must_use]
pub fn mailbox(text: &str) -> Option<String> {
    contact::email(text)
}

/// Whether a text is what people type when a field insists on being filled.
#[must_use]
pub fn is_placeholder(field: Input, text: &str) -> bool {
    match field {
        Input::Phone => {
            let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
            text::is_placeholder(text) || (!digits.is_empty() && digits.iter().all(|d| Some(d) == digits.first()))
        }
        Input::Email => {
            text::is_placeholder(text) || (domain::check::email(text).is_some() && contact::email(text).is_none())
        }
        Input::First
        | Input::Middle
        | Input::Last
        | Input::Suffix
        | Input::Full
        | Input::Company
        | Input::StreetNumber
        | Input::Street
        | Input::Unit
        | Input::Address
        | Input::City
        | Input::State
        | Input::Zip
        | Input::Birth
        | Input::Licence
        | Input::Vin
        | Input::Source => text::is_placeholder(text),
    }
}
