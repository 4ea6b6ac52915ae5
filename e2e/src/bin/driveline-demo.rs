//! Fills a running Driveline with the demo group; with `--once`, waits for the main job and holds it against the truth.

use anyhow::{Context, bail};
use clap::Parser;
use e2e::agreement::{Agreement, Before};
use e2e::api::Api;
use e2e::bayside::{self, Bayside};
use e2e::sandbox::Sandbox;
use e2e::standing::until_settled;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Without any movement for so long, something is stuck.
const STILL_MAX: Duration = Duration::from_secs(120);

/// Fills a running Driveline with the demo group.
#[derive(Parser)]
struct Arguments {
    /// Customer records in the DMS.
    #[arg(long, default_value_t = 5_000)]
    customers: usize,
    /// Wait until all is settled, compare with the simulators, print a summary and JSON, and tell by the exit code.
    #[arg(long)]
    once: bool,
    /// Where Driveline is.
    #[arg(long, env = "DRIVELINE_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    driveline: String,
    /// Where the simulators are.
    #[arg(long, env = "DRIVELINE_SIMULATORS_URL", default_value = "http://127.0.0.1:8090")]
    simulators: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut api = Api::new(&arguments.driveline)?;
    let sandbox = Sandbox::new(&arguments.simulators)?;
    let (mut out, owner) = (std::io::stdout(), bayside::owner());
    if api.sign_in(&owner).await.is_ok() {
        bail!(
            "the database that was given holds the demo group already, from an earlier start, and the simulated systems \
             remember nothing of it: give an empty one, or none"
        );
    }
    sandbox.load(arguments.customers).await.context("filling the simulated systems")?;
    let began = Instant::now();
    let before = Before::of(&sandbox).await?;
    let group = Bayside::found(api, &sandbox, arguments.customers).await?;
    let tell = |line: &str| eprintln!("  {:>5.1} s  {line}", began.elapsed().as_secs_f32());
    let leads = group.start(&tell).await?;
    if arguments.once {
        until_settled(&group.api, STILL_MAX, tell).await?;
        let agreement = Agreement::of(&group, &sandbox, &before, leads).await?;
        let seconds = began.elapsed().as_secs_f64();
        writeln!(out, "\n{}{seconds:.1} s\n{}", agreement.summary(), agreement.report(seconds))?;
        return Ok(if agreement.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    group.set_schedules().await?;
    writeln!(out, "\nSign in as {} with the password: {}", owner.email, owner.password)?;
    Ok(ExitCode::SUCCESS)
}
