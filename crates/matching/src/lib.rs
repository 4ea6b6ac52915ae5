//! Who is the same: keys by which records meet, a comparison that says why, and the assignment of a batch. Pure.
//!
//! This is the visible hierarchy of I1: exact e-mail before phone before name with address, then a person decides.
//! [`Matcher`] is the seam behind which the scoring engine takes over; [`assign`] does not change with it.

mod assign;
pub mod clean;
pub mod engine;
mod hierarchy;
mod names;

pub use assign::{Assigned, Assignment, Known, Probe, Review, assign};
pub use hierarchy::Hierarchy;

use domain::{Record, RooftopId};

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

/// Finds and compares records of one kind.
pub trait Matcher: Send + Sync {
    /// The keys of a record. `rooftop` because a stock number means something only at its rooftop.
    fn keys(&self, record: &Record, rooftop: Option<RooftopId>) -> Vec<Key>;

    /// Compares two records that met in a key. Symmetric.
    fn compare(&self, left: &Record, right: &Record) -> Verdict;

    /// The most records that may share a key before the key says nothing about who somebody is (a salesperson's e-mail on 300 customers).
    fn shared_max(&self) -> usize {
        40
    }
}
