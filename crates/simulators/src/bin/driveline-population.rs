//! Writes a dealer group's population as DMS export files, with its truth: `--customers N --seed S --out DIR`.

use anyhow::Context;
use clap::Parser;
use simulators::population::{Table, bayside, write_all};
use std::io::Write;
use std::path::PathBuf;

/// Writes a dealer group's population as DMS export files, with its truth.
#[derive(Parser)]
struct Arguments {
    /// Customer records in the DMS.
    #[arg(long, default_value_t = 5_000)]
    customers: usize,
    /// The same seed gives the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder for the files; made where it is missing.
    #[arg(long)]
    out: PathBuf,
    /// Only these files; all where none is named. The truth is always written.
    #[arg(long, value_enum)]
    object: Vec<Table>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("making {}", arguments.out.display()))?;
    let mut tables = if arguments.object.is_empty() { Table::ALL.to_vec() } else { arguments.object };
    if !tables.contains(&Table::Truth) {
        tables.push(Table::Truth);
    }
    let rooftops = bayside(0).rooftops;
    let counts = write_all(arguments.seed, arguments.customers, &rooftops, &tables, &arguments.out)
        .with_context(|| format!("writing to {}", arguments.out.display()))?;
    let mut out = std::io::stdout().lock();
    for (table, rows) in counts {
        writeln!(out, "{}: {rows} rows", table.file_name())?;
    }
    Ok(())
}
