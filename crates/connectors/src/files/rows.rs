//! Records out of a file's text, whatever its form: the limits, what a page collects, where reading goes on.

use super::columns::Columns;
use super::markup::Markup;
use super::settings::{Encoding, Form, Settings};
use super::table::Table;
use super::unpack::{Refusal, Stop, Text};
use crate::connector::{Payload, Reject};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use domain::ObjectKind;
use serde_json::{Map, Value as Json};
use std::io::Read;

/// The most bytes of one record, and so of one line.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// The most columns of a table, or children of an element.
pub const COLUMNS_MAX: usize = 4_096;
/// The most bytes of a broken piece that are kept.
const RAW_BYTES_MAX: usize = 64 * 1024;
/// The longest key.
const KEY_CHARS_MAX: usize = 200;

/// What all forms need to know of a file.
pub struct Shape {
    /// What its records are.
    pub object: ObjectKind,
    /// Its name for people, with the zip it came in.
    pub label: String,
    /// How columns are spelled and which is the key.
    pub columns: Columns,
    /// Its encoding.
    pub encoding: Encoding,
}

/// What a page collects.
#[derive(Default)]
pub struct Collected {
    /// Records.
    pub records: Vec<Payload>,
    /// Broken pieces.
    pub rejects: Vec<Reject>,
    /// Bytes read for them.
    pub bytes: usize,
}

impl Collected {
    /// How many pieces there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len() + self.rejects.len()
    }

    /// Keeps a broken piece.
    pub fn reject(&mut self, shape: &Shape, line: u64, said: String, fix: &str, raw: &[u8]) {
        let raw = raw.get(..RAW_BYTES_MAX).unwrap_or(raw).to_vec();
        self.rejects.push(Reject { place: format!("{} line {line}", shape.label), said, fix: fix.to_owned(), raw });
    }

    /// Keeps a record, or tells why it has no key.
    pub fn record(&mut self, shape: &Shape, line: u64, id: String, changed: Option<&str>, body: Json, raw: &[u8]) {
        if id.is_empty() {
            self.reject(shape, line, "the row has no key".to_owned(), KEYLESS, raw);
        } else if id.chars().count() > KEY_CHARS_MAX {
            self.reject(shape, line, format!("the key is longer than {KEY_CHARS_MAX} characters"), KEYLESS, raw);
        } else {
            let changed_at = changed.and_then(moment);
            self.records.push(Payload { external_id: id, body, changed_at, deleted: false, mark: None });
        }
    }
}

const KEYLESS: &str = "Give the row its key in the system it came from, or choose another key column in the settings.";

/// Where reading goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of text before it.
    pub offset: u64,
    /// The line it is on, from 1.
    pub line: u64,
}

/// A file being read.
pub enum Rows {
    /// Cells and lines.
    Table(Box<Table>),
    /// Elements.
    Markup(Box<Markup>),
}

impl Rows {
    /// Finds out the form and reads up to the first record. Blocks.
    ///
    /// # Errors
    /// As [`Stop`] says.
    pub fn begin(text: Text, shape: Shape, settings: &Settings) -> Result<Self, Stop> {
        match settings.form {
            Form::Xml => Ok(Self::Markup(Box::new(Markup::begin(text, shape, &settings.xml_record)?))),
            Form::Table(delimiter) => Ok(Self::Table(Box::new(Table::begin(text, shape, delimiter)?))),
            Form::Auto => {
                if text.head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<') {
                    return Ok(Self::Markup(Box::new(Markup::begin(text, shape, &settings.xml_record)?)));
                }
                let delimiter = delimiter(&text.head);
                Ok(Self::Table(Box::new(Table::begin(text, shape, delimiter)?)))
            }
        }
    }

    /// Goes on reading elsewhere in the same file.
    #[must_use]
    pub fn resumed(self, rest: Box<dyn Read + Send>, mark: Mark) -> Self {
        match self {
            Self::Table(table) => Self::Table(Box::new(table.resumed(rest, mark))),
            Self::Markup(markup) => Self::Markup(Box::new(markup.resumed(rest, mark))),
        }
    }

    /// Reads on until the page is full or the file ends (`true`). Blocks.
    ///
    /// # Errors
    /// As [`Stop`] says; what was collected before stays collected.
    pub fn fill(&mut self, page: &mut Collected, rows_max: usize, bytes_max: usize) -> Result<bool, Stop> {
        while page.len() < rows_max && page.bytes < bytes_max {
            let more = match self {
                Self::Table(table) => table.next(page)?,
                Self::Markup(markup) => markup.next(page)?,
            };
            if !more {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the next record starts.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            Self::Table(table) => table.mark(),
            Self::Markup(markup) => markup.mark(),
        }
    }

    /// Whether places in the text are places in the file.
    #[must_use]
    pub fn shift(&self) -> Option<u64> {
        match self {
            Self::Table(table) => table.shift(),
            Self::Markup(markup) => markup.shift(),
        }
    }

    /// After the end: whether the file looks whole (ends with a line's end; the root element is closed).
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Table(table) => table.is_whole(),
            Self::Markup(markup) => markup.is_whole(),
        }
    }
}

/// The character that parts the cells of the first line: the most frequent one outside quotes.
fn delimiter(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0_usize), (b'\t', 0), (b'|', 0), (b';', 0)];
    let mut quoted = false;
    for byte in head.iter().copied().skip_while(|byte| matches!(byte, b'\r' | b'\n')) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == byte) {
                    *count += 1;
                }
            }
        }
    }
    // Of equals the first: a header of one column has none at all.
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts.iter().find(|(_, count)| *count == most).map_or(b',', |(delimiter, _)| *delimiter)
}

/// The key of a record: its key columns joined.
#[must_use]
pub fn key_of(keys: &[String], body: &Map<String, Json>) -> String {
    let mut id = String::new();
    for key in keys {
        match body.get(key) {
            Some(Json::String(text)) => {
                if !id.is_empty() {
                    id.push('-');
                }
                id.push_str(text);
            }
            Some(Json::Object(element)) => {
                if let Some(Json::String(text)) = element.get("#text") {
                    id.push_str(text);
                }
            }
            // A part of the key is missing: no key at all, or two records would share one.
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_)) | None => return String::new(),
        }
    }
    id
}

/// The error for a file without a key column.
#[must_use]
pub fn keyless(shape: &Shape, names: &[String]) -> crate::ConnectorError {
    let shown: Vec<&str> = names.iter().take(60).map(String::as_str).collect();
    crate::ConnectorError::Misconfigured {
        setting: "key_columns",
        said: format!(
            "no column of {} is known as the key of {}; write `{} = COLUMN` with one of: {}",
            shape.label,
            shape.object.plural(),
            shape.object,
            shown.join(", ")
        ),
    }
}

/// Refused because a name, a cell or a line is beyond all measure.
#[must_use]
pub fn too_long(what: &str, line: u64) -> Refusal {
    Refusal::new(
        format!("{what} at line {line} is larger than {RECORD_BYTES_MAX} bytes"),
        "This is no usual export; check the format setting and export the file again.",
    )
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| {
            ["%Y-%m-%d", "%m/%d/%Y", "%Y%m%d"]
                .iter()
                .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
                .map(|day| day.and_time(chrono::NaiveTime::MIN))
        })
        .map(|moment| moment.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_most_frequent_outside_quotes() {
        for (head, expected) in [
            ("a,b,c\n", b','),
            ("a\tb\tc\n", b'\t'),
            ("a|b|c\n", b'|'),
            ("a;b;c\n", b';'),
            ("\"a,b,c,d\";e;f\n", b';'),
            ("only\n", b','),
            ("a;b\n1,2,3,4\n", b';'),
            ("", b','),
        ] {
            assert_eq!(delimiter(head.as_bytes()), expected, "{head}");
        }
    }
}
