//! `driveline-match`: finds who is who in a file or between two, and says why.

mod arguments;
mod audit;
mod columns;
mod progress;
mod read;
mod write;

use arguments::{Arguments, Command, Matching};
use clap::Parser;
use matching::engine::evaluate::{ToldPair, Truth};
use matching::engine::run::DEFAULT_CUT;
use matching::engine::{Band, Found, Model, Stage, Table, Wish, explain, run};
use progress::Progress;
use read::Reading;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Why a run ended before its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The arguments cannot be used with these files.
    #[error("{0}")]
    Unusable(String),
    /// A file that was named cannot be opened or made.
    #[error("cannot open {file}: {cause}; check the path and its permissions")]
    Unopened { file: String, cause: std::io::Error },
    /// A file could not be read.
    #[error("cannot read {file}: {cause}")]
    Unreadable { file: String, cause: csv::Error },
    /// A file could not be written.
    #[error("cannot write {file}: {cause}")]
    Unwritable { file: String, cause: csv::Error },
    /// Writing to standard output failed.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match act(&arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the output has read enough.
        Err(Failure::Output(cause)) if cause.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "driveline-match: {failure}");
            match failure {
                Failure::Unusable(_) | Failure::Unopened { .. } => ExitCode::from(2),
                Failure::Unreadable { .. } | Failure::Unwritable { .. } | Failure::Output(_) => ExitCode::FAILURE,
            }
        }
    }
}

fn act(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Dedupe { input, matching } => match_files(&[input.as_path()], matching),
        Command::Link { left, right, matching } => match_files(&[left.as_path(), right.as_path()], matching),
        Command::Explain { input, left, right, matching } => explain_pair(input, left, right, matching),
        Command::Audit { input, matching } => audit::audit(input, matching),
        Command::Evaluate { truth, pairs, clusters, cut } => {
            evaluate(truth, pairs.as_deref(), clusters.as_deref(), *cut)
        }
    }
}

fn set_threads(matching: &Matching) -> Result<(), Failure> {
    if let Some(threads) = matching.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|cause| Failure::Unusable(format!("cannot use {threads} threads: {cause}")))?;
    }
    Ok(())
}

fn wish(files: usize, matching: &Matching) -> Wish {
    Wish { between: files > 1, one_per_source: matching.one_per_source, limits: None }
}

fn load(files: &[&Path], matching: &Matching, progress: &mut Progress) -> Result<(Table, Vec<Reading>), Failure> {
    let mut table = Table::new();
    let mut readings = Vec::new();
    for (side, file) in files.iter().enumerate() {
        let side = u8::try_from(side).unwrap_or(u8::MAX);
        readings.push(read::into_table(file, matching, side, &mut table, progress)?);
    }
    progress.stage("sorting");
    Ok((table.finish(), readings))
}

fn match_files(files: &[&Path], matching: &Matching) -> Result<(), Failure> {
    set_threads(matching)?;
    let began = Instant::now();
    // Before the work, not after it, is when to learn that its result has no place.
    for file in [&matching.pairs, &matching.clusters, &matching.blocks].into_iter().flatten() {
        write::make(file)?;
    }
    let mut progress = Progress::new();
    let (mut table, readings) = load(files, matching, &mut progress)?;
    let read_seconds = began.elapsed().as_secs_f64();
    let mut stages: Vec<(Stage, f64)> = Vec::new();
    let found = run(&mut table, wish(files.len(), matching), &Model::prior(), |stage| {
        stages.push((stage, began.elapsed().as_secs_f64()));
        progress.stage(match stage {
            Stage::Blocking => "blocking",
            Stage::Comparing => "comparing",
            Stage::Learning => "learning",
            Stage::Scoring => "scoring",
            Stage::Clustering => "clustering",
            Stage::Done => "writing",
        });
    });
    if let Some(file) = &matching.pairs {
        write::pairs(file, &table, &found)?;
    }
    if let Some(file) = &matching.clusters {
        write::clusters(file, &table, &found)?;
    }
    if let Some(file) = &matching.blocks {
        write::blocks(file, &table)?;
    }
    progress.end();
    let mut times = serde_json::Map::new();
    times.insert("read".to_owned(), serde_json::json!(read_seconds));
    for pair in stages.windows(2) {
        if let [(stage, from), (_, to)] = pair {
            times.insert(format!("{stage:?}").to_lowercase(), serde_json::json!(to - from));
        }
    }
    times.insert("total".to_owned(), serde_json::json!(began.elapsed().as_secs_f64()));
    report(&table, &found, &readings, times, matching.json)
}

fn report(
    table: &Table,
    found: &Found,
    readings: &[Reading],
    times: serde_json::Map<String, serde_json::Value>,
    json: bool,
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let of_band = |band| found.edges.iter().filter(|edge| found.bands.band(edge.probability()) == band).count();
    let people = found.clusters.iter().enumerate().filter(|(place, root)| *place == **root as usize).count();
    let bad: usize = readings.iter().map(|reading| reading.bad).sum();
    let (auto, review) = (of_band(Band::Auto), of_band(Band::Review));
    if json {
        let told = serde_json::json!({
            "records": table.len(), "bad_rows": bad, "pairs_compared": found.pairs, "auto": auto, "review": review,
            "people": people, "merged": table.len() - people, "cut": DEFAULT_CUT,
            "auto_from": found.bands.auto, "review_from": found.bands.review, "seconds": times, "model": found.model,
        });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    writeln!(out, "{} records, {bad} bad rows", table.len())?;
    writeln!(out, "{} pairs compared", found.pairs)?;
    writeln!(out, "{auto} pairs sure enough to merge, {review} for a person to look at")?;
    writeln!(out, "{people} people and companies, {} records are duplicates", table.len() - people)?;
    Ok(())
}

fn explain_pair(input: &Path, left: &str, right: &str, matching: &Matching) -> Result<(), Failure> {
    if left == right {
        return Err(Failure::Unusable(format!("{left} and {right} are one row; name two")));
    }
    set_threads(matching)?;
    let mut progress = Progress::new();
    let (mut table, _) = load(&[input], matching, &mut progress)?;
    let found = run(&mut table, wish(1, matching), &Model::prior(), |_| {});
    progress.end();
    let place = |id: &str| {
        let place = table.place_of(id).ok_or_else(|| {
            Failure::Unusable(format!("no row has the id {id}; say with --id which column holds the ids"))
        })?;
        Ok::<u32, Failure>(u32::try_from(place).unwrap_or(u32::MAX))
    };
    let waterfall = explain(&table, &found.model, place(left)?, place(right)?);
    let mut out = std::io::stdout().lock();
    if matching.json {
        writeln!(out, "{}", serde_json::json!(waterfall))?;
        return Ok(());
    }
    writeln!(out, "{left} and {right}")?;
    for step in &waterfall.steps {
        writeln!(out, "{:>+9.3}  {:<10} {}", step.bits, step.about, step.found)?;
    }
    let band = found.bands.band(waterfall.probability).name();
    writeln!(out, "{:>+9.3}  total: probability {:.6}, band {band}", waterfall.log2_odds, waterfall.probability)?;
    Ok(())
}

fn evaluate(truth: &Path, pairs: Option<&Path>, clusters: Option<&Path>, cut: f64) -> Result<(), Failure> {
    let mut known = Truth::default();
    read::rows(truth, |row| {
        let (Some(id), Some(entity)) = (row.get(0), row.get(1)) else { return Err("it wants id,entity[,side]") };
        let side = row.get(2).map_or(Ok(0), str::parse).map_err(|_| "its side is neither 0 nor 1")?;
        known.add(id, entity, side);
        Ok(())
    })?;
    let mut told = serde_json::Map::new();
    if let Some(file) = pairs {
        let mut found = Vec::new();
        read::rows(file, |row| {
            let (Some(left), Some(right), Some(told)) = (row.get(0), row.get(1), row.get(2)) else {
                return Err("it wants id_l,id_r,probability[,band]");
            };
            let probability: f64 = told.parse().map_err(|_| "its probability is no number")?;
            let band = row.get(3).unwrap_or_default().to_owned();
            found.push(ToldPair { left: left.to_owned(), right: right.to_owned(), probability, band });
            Ok(())
        })?;
        told.insert("pairs".to_owned(), serde_json::json!(known.pairs_quality(&found, cut)));
    }
    if let Some(file) = clusters {
        let mut found = Vec::new();
        read::rows(file, |row| {
            let (Some(id), Some(golden)) = (row.get(0), row.get(1)) else { return Err("it wants id,golden_id") };
            found.push((id.to_owned(), golden.to_owned()));
            Ok(())
        })?;
        let (pairwise, b_cubed) = known.cluster_quality(&found);
        told.insert("clusters_pairwise".to_owned(), serde_json::json!(pairwise));
        told.insert("clusters_b_cubed".to_owned(), serde_json::json!(b_cubed));
    }
    writeln!(std::io::stdout().lock(), "{}", serde_json::Value::Object(told))?;
    Ok(())
}
