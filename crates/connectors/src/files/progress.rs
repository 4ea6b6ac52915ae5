//! The cursor: which files were read, and where in the current one reading goes on.

use super::listing::natural;
use crate::connector::Cursor;
use crate::error::ConnectorError;
use crate::file_transfer::Entry;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Files that are remembered one by one; of more, only how far reading has come.
const READ_MAX: usize = 500;

/// A file that was read: name, bytes, time, checksum where it was read in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(pub String, pub u64, pub Option<i64>, pub Option<String>);

/// The cursor of one object's pulls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files that were read.
    #[serde(default)]
    read: Vec<Seen>,
    /// Files up to this name and this time count as read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<(String, i64)>,
    /// Where reading goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// Files that changed while they were read: left for the next pull.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<String>,
    /// Whether the newest file was read, whole and without a broken piece.
    #[serde(default)]
    pub everything: bool,
    /// Bytes of all files of this pull, and bytes and records of those that are done.
    #[serde(default)]
    pub bytes_total: u64,
    /// See [`Self::bytes_total`].
    #[serde(default)]
    pub bytes_done: u64,
    /// See [`Self::bytes_total`].
    #[serde(default)]
    pub records_done: u64,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// The file.
    pub name: String,
    /// Its bytes when reading began.
    pub size: u64,
    /// Its time when reading began.
    pub modified: Option<i64>,
    /// Which file of a zip.
    #[serde(default)]
    pub member: usize,
    /// Bytes of text before the next record.
    pub offset: u64,
    /// The line of the next record.
    pub line: u64,
    /// Records of this file so far.
    pub records: u64,
    /// Whether something in it was refused.
    pub broken: bool,
}

impl At {
    /// The start of a file.
    #[must_use]
    pub fn start(entry: &Entry) -> Self {
        Self {
            name: entry.name.clone(),
            size: entry.size_bytes,
            modified: entry.modified,
            member: 0,
            offset: 0,
            line: 1,
            records: 0,
            broken: false,
        }
    }

    /// Whether this is still the same file.
    #[must_use]
    pub fn is(&self, entry: &Entry) -> bool {
        self.name == entry.name && self.size == entry.size_bytes && self.modified == entry.modified
    }
}

impl Progress {
    /// Reads a cursor.
    ///
    /// # Errors
    /// [`ConnectorError::Unreadable`] where it is none of ours.
    pub fn of(cursor: Option<&Cursor>) -> Result<Self, ConnectorError> {
        cursor.map_or(Ok(Self::default()), |cursor| {
            Self::deserialize(&cursor.0)
                .map_err(|error| ConnectorError::unreadable(format!("the cursor is none of this connector: {error}")))
        })
    }

    /// As a cursor in the middle of a pull.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).unwrap_or_default())
    }

    /// As the cursor from which the next pull of changes starts.
    #[must_use]
    pub fn resume(&self, listed: &[Entry]) -> Cursor {
        let mut next = Self { read: self.read.clone(), before: self.before.clone(), ..Self::default() };
        if next.read.len() > READ_MAX {
            next.read.retain(|seen| listed.iter().any(|entry| entry.name == seen.0));
        }
        next.read.sort_by(|a, b| natural(&a.0, &b.0));
        let surplus = next.read.len().saturating_sub(READ_MAX);
        for Seen(name, _, modified, _) in next.read.drain(..surplus) {
            let at = next.before.as_ref().map_or(i64::MIN, |(_, at)| *at).max(modified.unwrap_or(i64::MIN));
            next.before = Some((name, at));
        }
        next.cursor()
    }

    /// Remembers a file as read; an older memory of the same name goes.
    pub fn remember(&mut self, at: &At, sum: Option<String>) {
        self.read.retain(|seen| seen.0 != at.name);
        self.read.push(Seen(at.name.clone(), at.size, at.modified, sum));
    }

    /// Whether a file was read as it is now.
    #[must_use]
    pub fn has_read(&self, entry: &Entry) -> bool {
        let old = self.before.as_ref().is_some_and(|(name, at)| {
            natural(&entry.name, name) != Ordering::Greater && entry.modified.is_some_and(|modified| modified <= *at)
        });
        old || self.later.contains(&entry.name)
            || self.read.iter().any(|Seen(name, size, modified, _)| {
                *name == entry.name && *size == entry.size_bytes && *modified == entry.modified
            })
    }

    /// The checksum of a file that was only touched, if that is all: same name, same size, another time.
    #[must_use]
    pub fn touched(&self, entry: &Entry) -> Option<&str> {
        self.read
            .iter()
            .find(|seen| seen.0 == entry.name && seen.1 == entry.size_bytes)
            .and_then(|seen| seen.3.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_transfer::EntryKind;

    fn file(name: String, modified: i64) -> Entry {
        Entry { name, size_bytes: 1, modified: Some(modified), kind: EntryKind::File }
    }

    #[test]
    fn ten_thousand_read_files_make_a_small_cursor_and_none_is_read_again() {
        let files: Vec<Entry> = (0..10_000).map(|n| file(format!("customers_{n}.csv"), n)).collect();
        let mut progress = Progress::default();
        for entry in &files {
            progress.remember(&At::start(entry), Some("0123456789abcdef".to_owned()));
        }

        let cursor = progress.resume(&files);

        assert!(cursor.0.to_string().len() < 64 * 1024, "{}", cursor.0.to_string().len());
        let again = Progress::of(Some(&cursor)).unwrap_or_default();
        assert!(files.iter().all(|entry| again.has_read(entry)));
        assert!(!again.has_read(&file("customers_10000.csv".to_owned(), 10_000)));
        assert!(
            !again.has_read(&file("customers_3.csv".to_owned(), 10_000)),
            "an old name that is written anew is new"
        );
    }
}
