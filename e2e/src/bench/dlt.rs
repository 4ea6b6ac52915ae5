//! dlt loads the same file into the same Postgres: it lands rows and merges them by their key, the first of our steps.

use super::initial::SEED;
use super::{Bench, export, hundredths, whole};
use crate::processes::setting;
use crate::standing::number;
use anyhow::{Context, ensure};
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = include_str!("dlt_load.py");

/// Measures both of its ways: Python rows, and Arrow tables.
///
/// # Errors
/// Where dlt fails, or a row is lost.
pub fn measure(bench: &mut Bench, many: usize) -> anyhow::Result<()> {
    let export = export::customers(bench.folder(), SEED, many)?;
    let script = bench.folder().join("dlt_load.py");
    std::fs::write(&script, SCRIPT).with_context(|| script.display().to_string())?;
    let rows = one(bench.folder(), &script, &export, "rows", many)?;
    bench.figure("dlt_rows_per_s", whole(many as f64 / rows));
    let arrow = one(bench.folder(), &script, &export, "arrow", many)?;
    bench.figure("dlt_arrow_rows_per_s", whole(many as f64 / arrow));
    Ok(())
}

fn one(folder: &Path, script: &Path, export: &Path, way: &str, many: usize) -> anyhow::Result<f64> {
    let python = setting("DRIVELINE_DLT_PYTHON")?;
    let ran = Command::new(python)
        .arg(script)
        .args([way, &export.display().to_string(), &folder.join("dlt").display().to_string()])
        .output()
        .context("starting Python")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "dlt failed: {said}");
    let told = String::from_utf8_lossy(&ran.stdout);
    let last = told.lines().last().context("dlt said nothing")?;
    let told: serde_json::Value = serde_json::from_str(last).with_context(|| last.to_owned())?;
    ensure!(number(&told, &["rows"]) == many as u64, "dlt loaded other rows: {told}");
    told.get("seconds").and_then(serde_json::Value::as_f64).context("dlt told no time")
}

/// The product's load over dlt's, once both are known.
pub fn ratio(bench: &mut Bench) {
    let known = [("ratio", "dlt_rows_per_s"), ("ratio_to_arrow", "dlt_arrow_rows_per_s")];
    for (name, dlt) in known {
        if let (Some(ours), Some(theirs)) = (bench.known("full_rows_per_s"), bench.known(dlt)) {
            bench.figure(name, hundredths(ours / theirs));
        }
    }
}
