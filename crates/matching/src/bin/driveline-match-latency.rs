//! Measures one record at a time: learns from a file, keeps its last records back, and adds those one by one.
//!
//! `driveline-match-latency IN.csv COLUMNS` with columns as `first=FirstName,last=LastName,…`; prints one JSON object.

use matching::clean::{Keys, Row, clean};
use matching::engine::{BlockLimits, Input, Live, Model, Table, Wish, run};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Records kept back.
const KEPT_BACK: usize = 10_000;

fn main() -> ExitCode {
    match measure() {
        Ok(told) => {
            let written = writeln!(std::io::stdout().lock(), "{told}");
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(cause) => {
            let _ = writeln!(std::io::stderr(), "driveline-match-latency: {cause}");
            ExitCode::from(2)
        }
    }
}

fn measure() -> Result<String, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, columns) = (arguments.next().ok_or("wants a file")?, arguments.next().ok_or("wants columns")?);
    let mut reader = csv::Reader::from_path(file)?;
    let header = reader.headers()?.clone();
    let mut fields = Vec::new();
    for pair in columns.split(',') {
        let (field, column) = pair.split_once('=').ok_or("columns are FIELD=COLUMN")?;
        let place = header.iter().position(|name| name.trim() == column).ok_or("a column is not there")?;
        fields.push((field.parse::<Input>()?, place));
    }
    let mut records: Vec<(String, Keys)> = Vec::new();
    for (number, cells) in reader.records().enumerate() {
        let cells = cells?;
        let row = fields
            .iter()
            .fold(Row::new(), |row, (field, place)| row.with(*field, cells.get(*place).unwrap_or_default()));
        records.push((format!("{number:09}"), clean(&row)));
    }
    // Every so many, so that those kept back are as mixed as the others.
    let step = (records.len() / KEPT_BACK).max(2);
    let (mut kept, mut back) = (Vec::new(), Vec::new());
    for (place, record) in records.into_iter().enumerate() {
        if place % step == 0 { back.push(record) } else { kept.push(record) }
    }
    let mut table = Table::new();
    table.extend(&kept, 0);
    let mut table = table.finish();
    let found = run(&mut table, Wish::default(), &Model::prior(), |_| {});
    let mut live = Live::new(&table, &found.model, BlockLimits::for_records(table.len()));
    for (id, keys) in &kept {
        live.add(id, keys);
    }
    let mut micros: Vec<f64> = Vec::with_capacity(back.len());
    for (id, keys) in &back {
        let began = Instant::now();
        live.add(id, keys);
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(serde_json::json!({ "records": live.len(), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(0.9999) })
        .to_string())
}
