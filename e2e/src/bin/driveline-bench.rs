//! Measures a whole Driveline that it starts itself: `driveline-bench sync [--json] [--only PART] [--customers N]`.

use anyhow::Context;
use clap::{Parser, Subcommand};
use e2e::bench::{Bench, Part, dlt, incremental, initial, memory, sold, webhook};
use serde_json::{Map, Value as Json};
use std::io::Write;

/// Measures a whole Driveline. Started by `./dev bench`.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Loads, changes, webhooks, memory, and dlt beside it.
    Sync(Sync),
}

#[derive(clap::Args)]
struct Sync {
    /// Prints nothing but the last line.
    #[arg(long)]
    json: bool,
    /// Only these parts; all where none is named.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Customers of the first load.
    #[arg(long, default_value_t = 100_000)]
    customers: usize,
    /// Customers of the first load with a CRM, which takes a thousand a second at most.
    #[arg(long, default_value_t = 20_000)]
    crm_customers: usize,
    /// Customers that are there before a thousand of them change.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    bases: Vec<usize>,
}

/// The names of the last line, in its order; what else was measured follows.
const LAST_LINE: [&str; 8] = [
    "full_rows_per_s",
    "dlt_rows_per_s",
    "ratio",
    "incremental_s",
    "webhook_p50_ms",
    "webhook_p99_ms",
    "idle_rss_mb",
    "peak_rss_mb",
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { what: What::Sync(options) } = Arguments::parse();
    let wants = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let mut bench = Bench::start(options.json).await.context("starting")?;
    memory::idle(&mut bench).await.context("idle memory")?;
    if wants(Part::Csv) {
        initial::csv(&mut bench, options.customers).await.context("the first load from a file")?;
    }
    if wants(Part::Dlt) {
        bench.quiet().await?;
        dlt::measure(&mut bench, options.customers).context("dlt")?;
    }
    dlt::ratio(&mut bench);
    if wants(Part::Rest) {
        bench.quiet().await?;
        initial::rest(&mut bench, options.customers).await.context("the first load from the DMS")?;
    }
    if wants(Part::Crm) {
        bench.quiet().await?;
        initial::crm(&mut bench, options.crm_customers).await.context("the first load with a CRM")?;
    }
    if wants(Part::Webhook) || wants(Part::Sold) {
        bench.quiet().await?;
        let pair = webhook::pair(&bench).await.context("a DMS and a CRM")?;
        if wants(Part::Webhook) {
            webhook::measure(&mut bench, &pair).await.context("webhooks")?;
        }
        if wants(Part::Sold) {
            sold::measure(&mut bench, &pair).await.context("sold vehicles")?;
        }
    }
    if wants(Part::Incremental) {
        incremental::measure(&mut bench, &options.bases).await.context("changes")?;
    }
    memory::after(&mut bench).await.context("memory")?;
    let mut figures = std::mem::take(&mut bench.figures);
    drop(bench);
    let mut line = Map::new();
    for name in LAST_LINE {
        line.insert(name.to_owned(), figures.remove(name).unwrap_or(Json::Null));
    }
    line.extend(figures);
    writeln!(std::io::stdout(), "{}", Json::Object(line))?;
    Ok(())
}
