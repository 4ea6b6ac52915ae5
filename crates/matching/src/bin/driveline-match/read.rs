//! Reading files: rows stream through cleaning into the table; a bad row is told with its line and left out.

use crate::Failure;
use crate::arguments::Matching;
use crate::columns::Columns;
use crate::progress::Progress;
use csv::{ByteRecord, ReaderBuilder, StringRecord, Trim};
use matching::clean::{Keys, Row, clean};
use matching::engine::Table;
use rayon::prelude::*;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;

/// Rows cleaned at a time.
const A_BATCH: usize = 16_384;
/// Bad rows that are told one by one; the rest is counted.
const TOLD_MAX: usize = 100;

/// What reading a file came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    pub bad: usize,
}

struct Batch {
    rows: Vec<(u64, ByteRecord)>,
    bad: Vec<(u64, String)>,
    bytes: u64,
}

/// Reads a file into a table.
pub(crate) fn into_table(
    file: &Path,
    matching: &Matching,
    side: u8,
    table: &mut Table,
    progress: &mut Progress,
) -> Result<Reading, Failure> {
    let mut reading = Reading::default();
    let mut ids: HashSet<String> = HashSet::new();
    stream(file, matching, progress, |columns, batch, progress| {
        for (line, cause) in batch.bad {
            tell(&mut reading, file, line, &cause);
        }
        let cleaned: Vec<(u64, String, Keys)> = batch
            .rows
            .par_iter()
            .map(|(line, cells)| (*line, id_of(columns, cells, *line), keys(columns, cells)))
            .collect();
        let mut records = Vec::with_capacity(cleaned.len());
        for (line, id, keys) in cleaned {
            if id.is_empty() {
                tell(&mut reading, file, line, "it has no id");
            } else if !ids.insert(id.clone()) {
                tell(&mut reading, file, line, &format!("its id {id} was there before"));
            } else {
                records.push((id, keys));
            }
        }
        table.extend(&records, side);
        progress.read(batch.bytes, table.len());
    })?;
    if reading.bad > TOLD_MAX {
        let _ = writeln!(std::io::stderr(), "{}: {} bad rows in all", file.display(), reading.bad);
    }
    Ok(reading)
}

fn tell(reading: &mut Reading, file: &Path, line: u64, cause: &str) {
    reading.bad += 1;
    if reading.bad <= TOLD_MAX {
        let _ = writeln!(std::io::stderr(), "{}, line {line}: left out, {cause}", file.display());
    }
}

fn id_of(columns: &Columns, cells: &ByteRecord, line: u64) -> String {
    match columns.id {
        Some(place) => String::from_utf8_lossy(cells.get(place).unwrap_or_default()).trim().to_owned(),
        None => line.to_string(),
    }
}

fn keys(columns: &Columns, cells: &ByteRecord) -> Keys {
    let texts: Vec<_> = columns
        .fields
        .iter()
        .map(|(field, place)| (*field, String::from_utf8_lossy(cells.get(*place).unwrap_or_default())))
        .collect();
    let mut row = Row::new();
    for (field, text) in &texts {
        row.push(*field, text);
    }
    clean(&row)
}

fn open(file: &Path) -> Result<File, Failure> {
    let unopened = |cause| Failure::Unopened { file: file.display().to_string(), cause };
    let opened = File::open(file).map_err(unopened)?;
    // A folder opens and cannot be read.
    if opened.metadata().map_err(unopened)?.is_dir() {
        return Err(unopened(std::io::ErrorKind::IsADirectory.into()));
    }
    Ok(opened)
}

/// Streams a file in batches, reading ahead of whoever takes them.
fn stream(
    file: &Path,
    matching: &Matching,
    progress: &mut Progress,
    mut each: impl FnMut(&Columns, Batch, &mut Progress),
) -> Result<(), Failure> {
    let unreadable = |cause| Failure::Unreadable { file: file.display().to_string(), cause };
    let opened = open(file)?;
    progress.reading(opened.metadata().map(|about| about.len()).unwrap_or_default());
    let mut reader = ReaderBuilder::new().buffer_capacity(1 << 20).from_reader(opened);
    let header = reader.byte_headers().map_err(unreadable)?.clone();
    let columns = Columns::find(&header, matching)?;
    let (send, receive) = sync_channel::<Result<Batch, csv::Error>>(2);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut done = false;
            while !done {
                let mut batch = Batch { rows: Vec::with_capacity(A_BATCH), bad: Vec::new(), bytes: 0 };
                while batch.rows.len() < A_BATCH && !done {
                    let mut cells = ByteRecord::new();
                    match reader.read_byte_record(&mut cells) {
                        Ok(true) => batch.rows.push((cells.position().map_or(0, csv::Position::line), cells)),
                        Ok(false) => done = true,
                        Err(cause) if matches!(cause.kind(), csv::ErrorKind::UnequalLengths { .. }) => {
                            let line = cause.position().map_or(0, csv::Position::line);
                            batch.bad.push((line, unequal(&cause)));
                        }
                        Err(cause) => {
                            let _ = send.send(Err(cause));
                            return;
                        }
                    }
                }
                batch.bytes = reader.position().byte();
                if send.send(Ok(batch)).is_err() {
                    return;
                }
            }
        });
        for batch in receive {
            each(&columns, batch.map_err(unreadable)?, progress);
        }
        Ok(())
    })
}

fn unequal(cause: &csv::Error) -> String {
    match cause.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} cells instead of {expected_len}")
        }
        _ => cause.to_string(),
    }
}

/// Streams the rows of a small file of one's own making.
pub(crate) fn rows(
    file: &Path,
    mut each: impl FnMut(&StringRecord) -> Result<(), &'static str>,
) -> Result<(), Failure> {
    let unreadable = |cause| Failure::Unreadable { file: file.display().to_string(), cause };
    let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(open(file)?);
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(unreadable)? {
        if let Err(cause) = each(&row) {
            let line = row.position().map_or(0, csv::Position::line);
            return Err(Failure::Unusable(format!("{}, line {line}: {cause}", file.display())));
        }
    }
    Ok(())
}

/// Streams raw cells, for the audit: each row as field and text.
pub(crate) fn cells(
    file: &Path,
    matching: &Matching,
    progress: &mut Progress,
    mut each: impl FnMut(matching::engine::Input, &str),
) -> Result<(), Failure> {
    stream(file, matching, progress, |columns, batch, _| {
        for (_, cells) in &batch.rows {
            for (field, place) in &columns.fields {
                each(*field, String::from_utf8_lossy(cells.get(*place).unwrap_or_default()).trim());
            }
        }
    })
}
