//! Who is the same: keys by which records meet, a comparison that says why, and the assignment of a batch. Pure.
//!
//! Customers meet in a [`Meeting`], judged by the scoring engine with the visible hierarchy of I1 on top: exact e-mail
//! before phone before name with address. Everything else is the same by its key ([`assign`]).

mod asked;
mod assign;
pub mod clean;
pub mod engine;
mod hierarchy;
mod learn;
mod meeting;
mod names;
mod person;
mod refit;
mod scoring;

pub use asked::{Fit, Name, names_asked, names_said};
pub use assign::{Assigned, Assignment, Known, Probe, Review, assign};
pub use hierarchy::Rule;
pub use learn::{Everybody, Learned, Shared, learn};
pub use meeting::{Doubt, Joined, Link, Meeting, Person, Said, Settled};
pub use person::person_keys;
pub use refit::{Agreement, REVIEWED_MIN, Refit, Reviewed, TooLittle, refit};
pub use scoring::{Rules, Say, Scoring};

use domain::{ObjectKind, Record, RooftopId};
use engine::field::Slot;

/// A value by which records meet. Meeting decides nothing; the comparison does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// What kind of value it is; values of different kinds never meet.
    pub purpose: &'static str,
    /// The normalised value.
    pub value: String,
    /// Whether it brings candidates together; the others only serve the search.
    pub blocks: bool,
}

/// What a comparison says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The same entity, for this reason.
    Same {
        /// 0 to 1.
        score: f32,
        /// The rule that decided, in words.
        reason: &'static str,
    },
    /// A person should decide.
    Review {
        /// 0 to 1.
        score: f32,
        /// What speaks for it and what against.
        reason: &'static str,
    },
    /// Not the same.
    Different,
}

/// The most records that may share a key before it says nothing about who somebody is (a salesperson's e-mail on 300
/// customers).
pub const SHARED_MAX: usize = 40;

/// The purpose of the key of a surname and a first name, one blank between them: its hash keeps surnames together that
/// begin alike. A company is a surname without a first name.
pub const NAME_KEY: &str = "person";

/// The purpose of the key of a first name by itself.
pub const FIRST_NAME_KEY: &str = "name";

/// The purpose of the key of a street and house number: who shares it may be a household.
pub const STREET_KEY: &str = "m:street";

/// Blocking rules whose keys are stored, with the purpose they are stored for. E-mail and phone are stored by value, and
/// a rule that is missing here brings few together that the others do not.
const STORED: [(&str, &str); 8] = [
    ("licence", "m:licence"),
    ("street", STREET_KEY),
    ("last_birth", "m:last_birth"),
    ("first_birth", "m:first_birth"),
    ("names", "m:names"),
    ("company", "m:company"),
    ("sound_zip", "m:sound_zip"),
    ("group_number_zip", "m:group_number_zip"),
];

/// The keys of a record. `rooftop` because a stock number means something only at its rooftop.
#[must_use]
pub fn keys(record: &Record, rooftop: Option<RooftopId>) -> Vec<Key> {
    if record.object() == ObjectKind::Customer {
        keys_of_person(record, &person_keys(record))
    } else {
        hierarchy::keys(record, rooftop)
    }
}

/// The keys by which a system's own search may find a record: e-mail, phone and address of a customer, the keys of
/// anything else. Those by which customers meet are many times more, and common ones are held by hundreds.
#[must_use]
pub fn search_keys(record: &Record, rooftop: Option<RooftopId>) -> Vec<Key> {
    let mut keys = keys(record, rooftop);
    keys.retain(|key| key.blocks && (!key.purpose.starts_with("m:") || key.purpose == STREET_KEY));
    keys
}

/// The keys of a customer that was cleaned already.
#[must_use]
pub fn keys_of_person(record: &Record, person: &clean::Keys) -> Vec<Key> {
    let mut keys = hierarchy::keys(record, None);
    for said in names_said(person) {
        keys.push(Key { purpose: NAME_KEY, value: format!("{} {}", said.surname, said.first), blocks: false });
    }
    let first = person.get(Slot::First);
    if !first.is_empty() {
        keys.push(Key { purpose: FIRST_NAME_KEY, value: first.to_owned(), blocks: false });
    }
    let mut add = |purpose, value: String| {
        let key = Key { purpose, value, blocks: true };
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    // Without plus-tags and dots, which the value of the field still has.
    for email in Slot::EMAILS.iter().map(|slot| person.get(*slot)).filter(|text| !text.is_empty()) {
        add("email", email.to_owned());
    }
    let limits = engine::BlockLimits { wide: false, ..engine::BlockLimits::for_records(0) };
    for key in engine::block_keys(person, limits) {
        if let Some((_, purpose)) = STORED.iter().find(|(rule, _)| *rule == key.rule) {
            add(purpose, key.hash.to_string());
        }
    }
    keys
}
