//! The files that are loaded: a dealer group's customers as a DMS exports them, and later changes to some of them.

use anyhow::Context;
use simulators::population::{Table, bayside, write_all};
use std::path::{Path, PathBuf};

/// The file of this population's customers, made where it is not there.
///
/// # Errors
/// Where it cannot be written.
pub fn customers(folder: &Path, seed: u64, many: usize) -> anyhow::Result<PathBuf> {
    let own = folder.join(format!("{seed}-{many}"));
    let file = own.join(Table::Customers.file_name());
    if !file.exists() {
        std::fs::create_dir_all(&own).with_context(|| own.display().to_string())?;
        let rooftops = bayside(0).rooftops;
        write_all(seed, many, &rooftops, &[Table::Customers], &own).context("writing an export")?;
    }
    Ok(file)
}

/// As many customers of an export, spread over all of it, each with another cell phone. `round` makes them differ
/// from every other round's.
///
/// # Errors
/// Where the export cannot be read.
pub fn changes(export: &Path, of: usize, many: usize, round: usize) -> anyhow::Result<Vec<u8>> {
    let mut rows = csv::Reader::from_path(export).with_context(|| export.display().to_string())?;
    let header = rows.headers()?.clone();
    let column = |name: &str| header.iter().position(|cell| cell == name).with_context(|| format!("no column {name}"));
    let (phone, last, updated) = (column("CellPhone")?, column("LastName")?, column("LastUpdated")?);
    let mut to = csv::Writer::from_writer(Vec::new());
    to.write_record(&header)?;
    let every = (of / many).max(1);
    let mut written = 0;
    for (place, row) in rows.records().enumerate().skip(round) {
        let row = row?;
        if written == many {
            break;
        }
        // A record without a name may have no readable part at all.
        if !(place - round).is_multiple_of(every) || row.get(last).is_none_or(str::is_empty) {
            continue;
        }
        let changed = row.iter().enumerate().map(|(cell, text)| {
            if cell == phone {
                format!("(2{round}7) {}{:02}-{:04}", 2 + written % 8, written / 100 % 100, written)
            } else if cell == updated {
                chrono::Utc::now().format("%Y-%m-%d %H:%M:%S").to_string()
            } else {
                text.to_owned()
            }
        });
        to.write_record(changed)?;
        written += 1;
    }
    to.into_inner().context("finishing the file of changes")
}
