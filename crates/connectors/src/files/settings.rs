//! The dealer's settings for files: which files hold which object, their form, their columns.

use crate::access::Access;
use crate::error::ConnectorError;
use domain::mapping::{NamePart, Read, Rule};
use domain::{Field, ObjectKind};
use std::time::Duration;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Found out from the file's beginning.
    Auto,
    /// Cells parted by this byte.
    Table(u8),
    /// XML.
    Xml,
}

/// The encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// By its byte-order mark; else UTF-8, and each row that is not UTF-8 as Windows-1252.
    Auto,
    /// UTF-8 only; other rows are refused.
    Utf8,
    /// Windows-1252.
    Windows1252,
}

/// All settings but where the files are.
#[derive(Clone, Debug)]
pub struct Settings {
    patterns: Vec<(ObjectKind, Vec<String>)>,
    keys: Vec<(ObjectKind, Vec<String>)>,
    ignored: Vec<(ObjectKind, Vec<String>)>,
    rules: Vec<Rule>,
    /// The form of the files.
    pub form: Form,
    /// Names from the root to the element of one record; empty to find out.
    pub xml_record: Vec<String>,
    /// The encoding of the files.
    pub encoding: Encoding,
    /// Whether the newest file alone is everything there is.
    pub snapshot: bool,
    /// A file is only read once a file of its name with this ending is there.
    pub done_marker: Option<String>,
    /// The time between two looks at a young file.
    pub settle: Duration,
    /// A larger file is refused before it is read.
    pub size_bytes_max: u64,
}

/// Setting name and default patterns of each object.
const PATTERNS: [(ObjectKind, &str, &str); 6] = [
    (ObjectKind::Customer, "customers", "customer*, cust_*, cust.*, contacts*"),
    (ObjectKind::Vehicle, "vehicles", "vehicle*, owned_vehicle*"),
    (ObjectKind::Inventory, "inventory", "inventory*, stock*"),
    (ObjectKind::Deal, "deals", "deals*, deal_*, deal.*, sales*"),
    (ObjectKind::RepairOrder, "repair_orders", "repair*, ro_*, ro.*, ros*, service*"),
    (ObjectKind::Lead, "leads", "lead*, prospect*"),
];
/// 2 GiB: a day's export of the largest group is far below.
const SIZE_MB_MAX: u64 = 2048;

/// The setting that names the files of an object.
#[must_use]
pub fn pattern_setting(object: ObjectKind) -> &'static str {
    PATTERNS.iter().find(|(kind, ..)| *kind == object).map_or("folder", |(_, name, _)| name)
}

impl Settings {
    /// Reads the settings of a connection.
    ///
    /// # Errors
    /// [`ConnectorError::Misconfigured`] naming the field and the line.
    pub fn of(access: &Access) -> Result<Self, ConnectorError> {
        let patterns = PATTERNS
            .iter()
            .map(|(object, setting, default)| (*object, listed(access.optional(setting).unwrap_or(default))))
            .collect();
        let mut settings = Self {
            patterns,
            keys: Vec::new(),
            ignored: Vec::new(),
            rules: Vec::new(),
            form: form(access)?,
            xml_record: access
                .optional("xml_record")
                .map(|path| path.split('/').filter(|step| !step.is_empty()).map(ToOwned::to_owned).collect())
                .unwrap_or_default(),
            encoding: match access.optional("encoding").unwrap_or("auto") {
                "auto" => Encoding::Auto,
                "utf-8" => Encoding::Utf8,
                "windows-1252" => Encoding::Windows1252,
                other => return Err(wrong("encoding", format!("`{other}` is none of auto, utf-8, windows-1252"))),
            },
            snapshot: access.optional("snapshot") == Some("yes"),
            done_marker: access.optional("done_marker").map(ToOwned::to_owned),
            settle: Duration::from_secs(number(access, "settle_seconds", 2)?.min(60)),
            size_bytes_max: number(access, "size_mb_max", SIZE_MB_MAX)?.saturating_mul(1024 * 1024),
        };
        for line in access.optional("key_columns").unwrap_or_default().lines() {
            if let Some((left, right)) = parted("key_columns", line)? {
                let object = left.parse().map_err(|error| wrong("key_columns", format!("in `{line}`: {error}")))?;
                settings.keys.push((object, right.split('+').map(|column| column.trim().to_owned()).collect()));
            }
        }
        for line in access.optional("mapping").unwrap_or_default().lines() {
            if let Some((left, right)) = parted("mapping", line)? {
                settings.map_line(line, left, right)?;
            }
        }
        Ok(settings)
    }

    fn map_line(&mut self, line: &str, left: &str, right: &str) -> Result<(), ConnectorError> {
        let bad = |said: String| wrong("mapping", format!("in `{line}`: {said}"));
        if let Some(object) = left.strip_suffix(".ignore") {
            let object = object.parse().map_err(|error: domain::object::UnknownObject| bad(error.to_string()))?;
            self.ignored.push((object, listed(right)));
            return Ok(());
        }
        let to: Field = left.parse().map_err(|error: domain::schema::UnknownField| bad(error.to_string()))?;
        let (column, reading) = right.split_once('|').map_or((right, ""), |(column, reading)| (column, reading.trim()));
        let read = match reading.split_once(' ').unwrap_or((reading, "")) {
            ("", _) => match column.split_once(" + ") {
                None => Read::AsIs,
                Some((_, more)) => Read::Joined(more.split(" + ").map(|name| name.trim().to_owned()).collect()),
            },
            ("date", format) if !format.is_empty() => Read::Dated(format.trim().to_owned()),
            ("words", pairs) => Read::Words(
                pairs
                    .split(',')
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(theirs, ours)| (theirs.trim().to_owned(), ours.trim().to_owned()))
                    .collect(),
            ),
            ("first", "name") => Read::NamePart(NamePart::First),
            ("middle", "name") => Read::NamePart(NamePart::Middle),
            ("last", "name") => Read::NamePart(NamePart::Last),
            ("suffix", "name") => Read::NamePart(NamePart::Suffix),
            ("whole", "") => Read::Whole,
            _ => {
                return Err(bad(format!(
                    "`{reading}` is none of date FORMAT, words A=B, first name, last name, whole"
                )));
            }
        };
        let from = column.split(" + ").next().unwrap_or_default().trim().to_owned();
        if from.is_empty() {
            return Err(bad("the column is missing".to_owned()));
        }
        self.rules.push(Rule { to, from, read });
        Ok(())
    }

    /// Whether a file of this name holds this object.
    #[must_use]
    pub fn holds(&self, object: ObjectKind, name: &str) -> bool {
        self.patterns
            .iter()
            .filter(|(kind, _)| *kind == object)
            .flat_map(|(_, patterns)| patterns)
            .any(|pattern| fits(pattern, name))
    }

    /// The dealer's key columns for an object; empty where the usual names are tried.
    #[must_use]
    pub fn key_columns(&self, object: ObjectKind) -> &[String] {
        self.keys.iter().rev().find(|(kind, _)| *kind == object).map_or(&[], |(_, columns)| columns)
    }

    /// Columns of an object that the dealer wants left alone.
    pub fn ignored(&self, object: ObjectKind) -> impl Iterator<Item = &str> {
        self.ignored.iter().filter(move |(kind, _)| *kind == object).flat_map(|(_, names)| names).map(String::as_str)
    }

    /// The dealer's own mapping lines for an object.
    pub fn rules(&self, object: ObjectKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.to.spec().object == object)
    }
}

fn form(access: &Access) -> Result<Form, ConnectorError> {
    Ok(match access.optional("format").unwrap_or("auto") {
        "auto" => Form::Auto,
        "csv" => Form::Table(b','),
        "semicolon" => Form::Table(b';'),
        "tsv" => Form::Table(b'\t'),
        "pipe" => Form::Table(b'|'),
        "xml" => Form::Xml,
        other => {
            return Err(wrong("format", format!("`{other}` is none of auto, csv, semicolon, tsv, pipe, xml")));
        }
    })
}

fn wrong(setting: &'static str, said: String) -> ConnectorError {
    ConnectorError::Misconfigured { setting, said }
}

fn number(access: &Access, name: &'static str, default: u64) -> Result<u64, ConnectorError> {
    access
        .optional(name)
        .map_or(Ok(default), |text| text.parse().map_err(|_| wrong(name, format!("`{text}` is no whole number"))))
}

/// `left = right`, or nothing for an empty line or a comment.
fn parted<'a>(setting: &'static str, line: &'a str) -> Result<Option<(&'a str, &'a str)>, ConnectorError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (left, right) = line
        .split_once('=')
        .ok_or_else(|| wrong(setting, format!("`{line}` has no =, as in customer.email = Email")))?;
    Ok(Some((left.trim(), right.trim())))
}

fn listed(text: &str) -> Vec<String> {
    text.split([',', ';']).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// Whether a name fits a pattern with `*` and `?`, without regard to case.
fn fits(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name: Vec<char> = name.to_lowercase().chars().collect();
    // The place after the last star, and how much of the name that star has taken: no other star needs going back to.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            Some(_) | None => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    p = after;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_stars_and_question_marks_and_no_case() {
        for (pattern, name, fit) in [
            ("customer*", "Customers_20261123.CSV", true),
            ("*cust*.csv", "acme-cust-1.csv", true),
            ("ro_????.csv", "ro_2026.csv", true),
            ("ro_????.csv", "ro_202.csv", false),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbXb", false),
            ("", "x", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn the_default_patterns_tell_the_objects_apart() {
        let patterns: Vec<(ObjectKind, Vec<String>)> =
            PATTERNS.iter().map(|(object, _, patterns)| (*object, listed(patterns))).collect();
        for (name, object) in [
            ("customers.csv", ObjectKind::Customer),
            ("CUST_20261123.txt", ObjectKind::Customer),
            ("vehicles.xml", ObjectKind::Vehicle),
            ("inventory.csv.gz", ObjectKind::Inventory),
            ("deals_1.csv", ObjectKind::Deal),
            ("repair_orders.csv", ObjectKind::RepairOrder),
            ("RO_20261123.csv", ObjectKind::RepairOrder),
            ("leads.csv", ObjectKind::Lead),
        ] {
            let holding: Vec<ObjectKind> =
                patterns.iter().filter(|(_, list)| list.iter().any(|p| fits(p, name))).map(|(kind, _)| *kind).collect();
            assert_eq!(holding, [object], "{name}");
        }
    }
}
