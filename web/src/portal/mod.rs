//! Hosting the pages: who visits, what was posted, how a page becomes an answer.
//!
//! A handler loads everything before it renders, so a page is whole before its first byte: its status is right, a
//! refused form comes back with what was typed, and nothing waits for a script.

mod answer;
mod guard;
mod places;
mod posted;
mod problem;
mod routes;
mod visitor;

pub use answer::{Answer, see_other};
pub use guard::{PageHeaders, own_forms_only};
pub use places::places;
pub use posted::{Errors, Posted, PostedByPerson, Query, Typed};
pub use problem::{PageProblem, problem_pages, sentence};
pub use routes::configure;
pub use visitor::{Person, Visitor, origin};

use crate::islands::Place;
use crate::site::Site;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::sync::Arc;

/// What the portal is hosted with.
#[derive(Clone, Debug, Default)]
pub struct Portal {
    /// The built files; without them pages come plain.
    pub site: Option<Arc<Site>>,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the device says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The theme with this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// What every component may ask for while a page is rendered.
#[derive(Clone, Debug)]
pub struct PageContext {
    /// The token that forms carry.
    pub csrf: String,
    /// Now.
    pub now: DateTime<Utc>,
    /// The rooftop's time zone.
    pub zone: Tz,
    /// Light or dark.
    pub theme: Theme,
    /// The built files.
    pub site: Option<Arc<Site>>,
    /// The address of the page, without its question.
    pub path: String,
    /// What the sidebar shows; `None` before sign-in.
    pub frame: Option<Frame>,
    /// What was just done.
    pub notice: Option<String>,
    /// The pages that the palette goes to; none before sign-in.
    pub places: Vec<Place>,
}

/// What the sidebar shows.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The dealer group.
    pub group: String,
    /// Who is signed in.
    pub person: String,
    /// Failures that wait for a person.
    pub needs_you: u64,
    /// Pairs that wait for a decision.
    pub duplicates: u64,
    /// Whether the checklist is done.
    pub setup_done: bool,
}
