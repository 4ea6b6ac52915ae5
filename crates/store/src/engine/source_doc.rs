//! The canonical form of a source record, and what of it is the system's own.

use chrono::{DateTime, Utc};
use domain::check::Issue;
use domain::{Field, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The canonical form of a source record, as it is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceDoc {
    /// What it says.
    pub record: Record,
    /// What was wrong with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    /// Fields whose value is older than the record's last change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub since: BTreeMap<Field, DateTime<Utc>>,
    /// Where we have written: what the system said by itself, nothing of a record that we made. All that it says is its
    /// own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Record>,
}

impl SourceDoc {
    /// What the system still says by itself: nothing where all of it repeats what we wrote.
    #[must_use]
    pub fn own_words(&self) -> Option<Record> {
        let Some(own) = &self.own else { return Some(self.record.clone()) };
        let standing: Vec<Field> =
            own.fields().filter(|(field, value)| self.record.get(*field) == Some(*value)).map(|(f, _)| f).collect();
        (!standing.is_empty()).then(|| own.only(&standing))
    }

    /// As whom the system knew the record by itself, also where we have corrected it since: who is who must not depend
    /// on when we wrote.
    #[must_use]
    pub fn known_as(&self) -> Option<&Record> {
        match &self.own {
            None => Some(&self.record),
            Some(own) => (!own.is_empty()).then_some(own),
        }
    }

    /// As whom the record is to be met: as its system knew it by itself, else as it stands.
    #[must_use]
    pub fn spoken(self) -> Record {
        self.own.filter(|own| !own.is_empty()).unwrap_or(self.record)
    }

    /// The same after we wrote there.
    #[must_use]
    pub fn overwritten(self, record: Record, issues: Vec<Issue>) -> Self {
        Self { own: Some(self.own.unwrap_or(self.record)), since: self.since, record, issues }
    }

    /// What is the system's own of a newer reading: what it was, and what reads otherwise than before, except for what
    /// we may have `written` there without knowing yet.
    #[must_use]
    pub fn own_of(&self, newer: &Record, written: Option<&Record>) -> Option<Record> {
        let changed = || Field::of(newer.object()).filter(|field| newer.get(*field) != self.record.get(*field));
        let is_echo = |field: &Field| {
            let value = newer.get(*field);
            value.is_some() && written.is_some_and(|written| written.get(*field) == value)
        };
        let mut own = match &self.own {
            Some(own) => own.clone(),
            None if changed().any(|field| is_echo(&field)) => self.record.clone(),
            None => return None,
        };
        for field in changed().filter(|field| !is_echo(field)) {
            let value = newer.get(field);
            match value {
                Some(value) => own.set(field, value.clone()),
                None => {
                    own.remove(field);
                }
            }
        }
        Some(own)
    }
}
