//! Names as they are typed into a search, and names as records say them.

use crate::clean::text::words;
use crate::clean::{Keys, Row, clean};
use crate::engine::Input;
use crate::engine::field::Slot;

/// More words than this are no name.
const WORDS_MAX: usize = 6;

/// A surname and a first name in small letters without blanks; a company is a surname without a first name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The surname, or the company without its legal form.
    pub surname: String,
    /// The first name, where it is known.
    pub first: String,
}

/// How well what a record says fits what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It is the name, or everything that was typed of it is whole.
    Whole,
    /// It begins so.
    Begins,
}

impl Name {
    fn new(surname: impl Into<String>, first: impl Into<String>) -> Self {
        Self { surname: surname.into(), first: first.into() }
    }

    /// Whether a record of this name is what `asked` asks for.
    #[must_use]
    pub fn fits(&self, asked: &Self) -> Option<Fit> {
        let whole = self.surname == asked.surname && (asked.first.is_empty() || self.first == asked.first);
        let begins = self.surname.starts_with(&asked.surname) && self.first.starts_with(&asked.first);
        match (whole, begins) {
            (true, _) => Some(Fit::Whole),
            (false, true) => Some(Fit::Begins),
            (false, false) => None,
        }
    }
}

/// The names of a customer: the person's and the company's.
#[must_use]
pub fn names_said(person: &Keys) -> Vec<Name> {
    let (last, company) = (person.get(Slot::Last), person.get(Slot::Company));
    let mut names = Vec::with_capacity(1);
    if !last.is_empty() {
        names.push(Name::new(last, person.get(Slot::First)));
    }
    if !company.is_empty() {
        names.push(Name::new(company, ""));
    }
    names
}

/// What a typed text may mean as a name, the likeliest first: nobody says where the surname is.
#[must_use]
pub fn names_asked(text: &str) -> Vec<Name> {
    let words = words(text);
    let mut names = Vec::new();
    if words.len() > WORDS_MAX {
        return names;
    }
    names.extend(names_said(&clean(&Row::new().with(Input::Full, text))));
    if let [first, rest @ ..] = words.as_slice()
        && let [.., last] = rest
        && let [before @ .., _] = words.as_slice()
    {
        names.push(Name::new(rest.concat(), first));
        names.push(Name::new(before.concat(), last));
        names.extend(rest.first().map(|second| Name::new(first, second)));
    }
    if !words.is_empty() {
        names.push(Name::new(words.concat(), ""));
    }
    names.extend(names_said(&clean(&Row::new().with(Input::Company, text))));
    let mut once: Vec<Name> = Vec::with_capacity(names.len());
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(first: &str, last: &str, company: &str) -> Vec<Name> {
        let row = Row::new().with(Input::First, first).with(Input::Last, last).with(Input::Company, company);
        names_said(&clean(&row))
    }

    fn fit(asked: &str, said: &[Name]) -> Option<Fit> {
        names_asked(asked).iter().flat_map(|asked| said.iter().filter_map(|said| said.fits(asked))).min()
    }

    #[test]
    fn a_name_is_found_however_it_is_typed() {
        let (whole, begins) = (Some(Fit::Whole), Some(Fit::Begins));
        for (asked, name, expected) in [
            ("Lee", said("Ann", "Lee", ""), whole),
            ("Ann Lee", said("Ann", "Lee", ""), whole),
            ("Lee, Ann", said("Ann", "Lee", ""), whole),
            ("lee ann", said("ANN", "LEE JR", ""), whole),
            ("Ann Lee Jr", said("Ann", "Lee", ""), whole),
            ("Mary Ann O'Brien", said("Mary Ann", "O’Brien", ""), whole),
            ("Jan van der Berg", said("Jan", "van der Berg", ""), whole),
            ("van der Berg", said("Jan", "van der Berg", ""), whole),
            ("garc", said("José", "García Lopez", ""), begins),
            ("jose garc", said("José", "García", ""), begins),
            ("smith jo", said("John", "Smith", ""), begins),
            ("Acme Towing", said("", "", "Acme Towing, LLC"), whole),
            ("the acme", said("", "", "Acme Towing, LLC"), begins),
            ("towing", said("", "", "Acme Towing, LLC"), None),
            ("Tom Lee", said("Ann", "Lee", ""), None),
            ("one two three four five six seven", said("One", "Two", ""), None),
        ] {
            assert_eq!(fit(asked, &name), expected, "{asked}");
        }
    }
}
