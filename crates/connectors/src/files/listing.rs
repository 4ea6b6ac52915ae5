//! Which files are read, and in which order.

use super::settings::Settings;
use crate::error::ConnectorError;
use crate::file_transfer::{Entry, EntryKind, Source, is_plain_name};
use chrono::{DateTime, Utc};
use domain::ObjectKind;
use std::cmp::Ordering;

/// Endings of files that are still being written, and of what lies beside files.
const NOT_YET: [&str; 8] = [".part", ".tmp", ".temp", ".filepart", ".partial", ".crdownload", ".writing", "~"];
const BESIDE: [&str; 7] = [".done", ".ok", ".md5", ".sha256", ".sha1", ".asc", ".lock"];
/// A file that changed within so many seconds before (or after: clocks differ) is looked at twice.
const YOUNG_S: i64 = 300;

/// What is in the folder for one object.
#[derive(Debug, Default)]
pub struct Found {
    /// Whole files, oldest first by name.
    pub files: Vec<Entry>,
    /// How many are still being written.
    pub unsettled: usize,
    /// Names that were refused, made harmless to show.
    pub refused: Vec<String>,
}

/// Looks at the folder, twice where a file is young.
///
/// # Errors
/// Of the source.
pub async fn look(
    source: &dyn Source,
    settings: &Settings,
    object: ObjectKind,
    now: DateTime<Utc>,
) -> Result<Found, ConnectorError> {
    let listed = source.list().await?;
    let mut found = choose(&listed, settings, object);
    let young = |entry: &Entry| entry.modified.is_none_or(|at| (now.timestamp() - at).abs() < YOUNG_S);
    let may_grow = !source.holds_whole_files() && settings.done_marker.is_none();
    if may_grow && !settings.settle.is_zero() && found.files.iter().any(young) {
        tokio::time::sleep(settings.settle).await;
        let again = source.list().await?;
        let before = found.files.len();
        found.files.retain(|entry| !young(entry) || again.contains(entry));
        found.unsettled += before - found.files.len();
    }
    Ok(found)
}

fn choose(listed: &[Entry], settings: &Settings, object: ObjectKind) -> Found {
    let mut found = Found::default();
    for entry in listed {
        // A hostile name is shown only where it would have been read.
        if !is_plain_name(&entry.name) {
            let last = entry.name.rsplit(['/', '\\']).next().unwrap_or_default();
            if last != "." && last != ".." && entry.name != "." && settings.holds(object, last) {
                found.refused.push(entry.name.escape_debug().take(100).collect());
            }
            continue;
        }
        let lower = entry.name.to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
        if entry.kind != EntryKind::File
            || lower.starts_with('.')
            || ends(&BESIDE)
            || !settings.holds(object, &entry.name)
        {
            continue;
        }
        if ends(&NOT_YET) || !is_done(entry, listed, settings) {
            found.unsettled += 1;
            continue;
        }
        found.files.push(entry.clone());
    }
    found.files.sort_by(|a, b| natural(&a.name, &b.name));
    found
}

/// With a marker set, whether `name.done` or `stem.done` is there.
fn is_done(entry: &Entry, listed: &[Entry], settings: &Settings) -> bool {
    let Some(marker) = &settings.done_marker else { return true };
    let stem = entry.name.split_once('.').map_or(entry.name.as_str(), |(stem, _)| stem);
    let whole = format!("{}{marker}", entry.name);
    let short = format!("{stem}{marker}");
    listed.iter().any(|other| other.name.eq_ignore_ascii_case(&whole) || other.name.eq_ignore_ascii_case(&short))
}

/// By name, numbers in it by their value, so that `_9` comes before `_10`.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (l, r) = (piece(&mut left), piece(&mut right));
        let order = match (l, r) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(l), Some(r))
                if l.starts_with(|c: char| c.is_ascii_digit()) && r.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                let (l, r) = (l.trim_start_matches('0'), r.trim_start_matches('0'));
                l.len().cmp(&r.len()).then_with(|| l.cmp(r))
            }
            (Some(l), Some(r)) => l.to_lowercase().cmp(&r.to_lowercase()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes the next run of digits or of other characters.
fn piece<'a>(text: &mut &'a str) -> Option<&'a str> {
    let first = text.chars().next()?.is_ascii_digit();
    let end = text.find(|c: char| c.is_ascii_digit() != first).unwrap_or(text.len());
    let (piece, rest) = text.split_at(end);
    *text = rest;
    Some(piece)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(name: &str) -> Entry {
        Entry { name: name.to_owned(), size_bytes: 1, modified: Some(0), kind: EntryKind::File }
    }

    fn chosen(listed: &[Entry], settings: &[(&str, &str)]) -> Vec<String> {
        let settings = Settings::of(&crate::files::tests_access::access(settings)).unwrap();
        choose(listed, &settings, ObjectKind::Customer).files.into_iter().map(|entry| entry.name).collect()
    }

    #[test]
    fn files_are_read_oldest_first_by_name() {
        let mut names = vec!["c_10.csv", "C_9.csv", "c_2026-11-23.csv", "c_2026-02-01.csv", "c.csv", "c_09b.csv"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["c.csv", "C_9.csv", "c_09b.csv", "c_10.csv", "c_2026-02-01.csv", "c_2026-11-23.csv"]);
    }

    #[test]
    fn half_written_files_links_folders_and_what_lies_beside_are_left_alone() {
        let link = Entry { kind: EntryKind::Link, ..file("customers_link.csv") };
        let folder = Entry { kind: EntryKind::Folder, ..file("customers_old") };
        let listed = [
            file("customers.csv"),
            file("customers2.csv.part"),
            file("customers3.csv.filepart"),
            file("customers4.tmp"),
            file(".customers5.csv"),
            file("customers6.csv~"),
            file("customers.csv.md5"),
            file("customers.csv.done"),
            link,
            folder,
            file("deals.csv"),
        ];
        assert_eq!(chosen(&listed, &[]), ["customers.csv"]);
    }

    #[test]
    fn with_a_marker_only_marked_files_are_read() {
        let listed = [
            file("customers1.csv"),
            file("customers1.csv.done"),
            file("customers2.csv"),
            file("customers2.done"),
            file("customers3.csv"),
        ];
        assert_eq!(chosen(&listed, &[("done_marker", ".done")]), ["customers1.csv", "customers2.csv"]);
    }

    #[test]
    fn a_listed_name_that_climbs_is_refused_and_told() {
        let settings = Settings::of(&crate::files::tests_access::access(&[])).unwrap();
        let listed =
            [file("../customers.csv"), file("a/customers.csv"), file("."), file(".."), file("../../etc/passwd")];
        let found = choose(&listed, &settings, ObjectKind::Customer);
        assert!(found.files.is_empty());
        assert_eq!(found.refused, ["../customers.csv", "a/customers.csv"]);
    }
}
