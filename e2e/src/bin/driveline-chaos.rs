//! `./dev chaos`: kills what runs while a sync goes on, then holds every system against the truth.

use anyhow::Context;
use clap::Parser;
use e2e::api::Api;
use e2e::chaos::blows::{Striker, plan};
use e2e::chaos::course::{Course, Work, percentile, run};
use e2e::chaos::group::Group;
use e2e::chaos::postgres::Administrator;
use e2e::chaos::rolling::Rolling;
use e2e::chaos::state::State;
use e2e::chaos::verdict::{Before, Evidence, Verdict, total};
use e2e::processes::{Stack, setting};
use e2e::sandbox::Sandbox;
use e2e::standing::number;
use rand::Rng;
use serde_json::{Value as Json, json};
use simulators::population::{Population, PopulationSize};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Rooftops of the group.
const ROOFTOPS: usize = 3;
/// Up to so many records the undisturbed run is made without being asked for.
const CALM_RECORDS_MAX: usize = 5_000;

/// Kills what runs while a sync goes on, then holds every system against the truth.
#[derive(Parser)]
struct Arguments {
    /// Customer records in the DMS.
    #[arg(long, default_value_t = 100_000)]
    records: usize,
    /// How often something is killed.
    #[arg(long, default_value_t = 20)]
    kills: usize,
    /// What the people and the blows follow from; by chance where absent, and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Run the same sync undisturbed before, and compare the ends; always so for few records.
    #[arg(long)]
    against_calm: bool,
    /// How many seconds Redis stays away the first time that it is killed.
    #[arg(long, default_value_t = 0)]
    redis_away: u64,
    /// Restart worker and server one after the other so many times, every 10 s.
    #[arg(long, default_value_t = 0)]
    rolling: u32,
    /// Only the last line on stdout; what happens goes to stderr.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::rng().random_range(1..1_000_000));
    let tell = |line: &str| {
        if arguments.json {
            eprintln!("{line}");
        } else {
            // Where nobody reads, the exit code still tells.
            writeln!(std::io::stdout(), "{line}").ok();
        }
    };
    tell(&format!("seed {seed}: {} records, {} kills", arguments.records, arguments.kills));
    let (verdict, course) = prove(&arguments, seed, &tell).await?;
    for line in verdict.told() {
        tell(&line);
    }
    let took = |of: fn(&e2e::chaos::blows::Recovery) -> f64| course.recoveries.iter().map(of).collect::<Vec<_>>();
    let (ready, progress) = (took(|r| r.ready_s), took(|r| r.progress_s));
    tell(&format!(
        "{} kills, {} of them while deliveries were on their way; ready again p50 {:.1} s, p99 {:.1} s; goes on p50 {:.1} s, p99 {:.1} s",
        course.recoveries.len(),
        course.kills_while_delivering,
        percentile(&ready, 0.5),
        percentile(&ready, 0.99),
        percentile(&progress, 0.5),
        percentile(&progress, 0.99),
    ));
    tell(&format!(
        "{} leads taken, answers p50 {:.0} ms, p99 {:.0} ms; {} tries met nobody and were made again",
        course.sent.taken.len(),
        percentile(&course.sent.answers_ms, 0.5),
        percentile(&course.sent.answers_ms, 0.99),
        course.sent.tries_in_vain,
    ));
    tell(&format!("{} read, {} delivered in {:.0} s", course.end.received, course.end.delivered, course.seconds));
    let (lost, duplicated, stuck) = (total(&verdict.lost), total(&verdict.duplicated), total(&verdict.stuck));
    let report = json!({
        "records": arguments.records,
        "kills": course.recoveries.len(),
        "lost": lost,
        "duplicated": duplicated,
        "stuck": stuck,
        "recovery_p99_s": (percentile(&progress, 0.99) * 10.0).round() / 10.0,
    });
    writeln!(std::io::stdout(), "{report}").context("stdout")?;
    Ok(if lost + duplicated + stuck == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The undisturbed run where one is wanted, then the one under blows.
async fn prove(arguments: &Arguments, seed: u64, tell: &impl Fn(&str)) -> anyhow::Result<(Verdict, Course)> {
    let size = PopulationSize { customers: arguments.records, rooftops: ROOFTOPS };
    let population = tokio::task::spawn_blocking(move || Population::generate(seed, size)).await?;
    let mut stack = Stack::from_env()?;
    stack.start_all().await?;
    let sandbox = Sandbox::new(&setting("DRIVELINE_SIMULATORS_URL")?)?;
    let mut trial = Trial { stack, sandbox, database: Administrator::from_env()?, population, seed };
    let mut calm: Option<(Course, State)> = None;
    if arguments.against_calm || arguments.records <= CALM_RECORDS_MAX {
        tell("undisturbed:");
        let (course, verdict, state, _) = trial.go("Calm Auto Group", 0, &Options::default(), None, tell).await?;
        let whole = total(&verdict.lost) + total(&verdict.duplicated) + total(&verdict.stuck);
        if whole > 0 {
            tell("the undisturbed run is not right itself:");
            verdict.told().iter().for_each(|line| tell(line));
        }
        calm = Some((course, state));
    }
    tell("under blows:");
    let options = Options { redis_away: Duration::from_secs(arguments.redis_away), rolling: arguments.rolling };
    let deliveries = calm.as_ref().map(|(course, _)| course.end.delivered);
    let (course, mut verdict, state, group) =
        trial.go("Chaos Auto Group", arguments.kills, &options, deliveries, tell).await?;
    if let Some((_, calm)) = &calm {
        verdict.compare(calm, &state);
        verdict.explain(&group, calm, &state).await?;
    }
    Ok((verdict, course))
}

/// How a run is disturbed beyond its kills.
#[derive(Default)]
struct Options {
    redis_away: Duration,
    rolling: u32,
}

/// The processes and systems of all runs.
struct Trial {
    stack: Stack,
    sandbox: Sandbox,
    database: Administrator,
    population: Population,
    seed: u64,
}

impl Trial {
    /// Fills the systems anew, founds a group and syncs it to the end.
    async fn go(
        &mut self,
        name: &str,
        kills: usize,
        options: &Options,
        deliveries: Option<u64>,
        tell: &impl Fn(&str),
    ) -> anyhow::Result<(Course, Verdict, State, Group)> {
        self.fill().await.context("filling the simulated systems")?;
        let before = Before::of(&self.sandbox).await?;
        let api = Api::new(&setting("DRIVELINE_PUBLIC_URL")?)?;
        let group = Group::found(api, &self.sandbox, name, &self.population.rooftops).await?;
        let work = self.work(&before, deliveries).await?;
        tell(&format!("  {} records to read, about {} customers to deliver", work.records, work.deliveries));
        let striker = Striker {
            stack: &mut self.stack,
            sandbox: &self.sandbox,
            database: &self.database,
            redis_away: options.redis_away,
        };
        let blows = plan(self.seed, kills);
        let course = run(&group, striker, blows, Rolling::of(options.rolling), work, tell).await?;
        let evidence = Evidence {
            group: &group,
            sandbox: &self.sandbox,
            database: &self.database,
            population: &self.population,
            before: &before,
            course: &course,
        };
        let (verdict, state) = evidence.judge().await?;
        group.retire().await?;
        Ok((course, verdict, state, group))
    }

    async fn fill(&self) -> anyhow::Result<()> {
        for key in ["hubspot", "adf"] {
            self.sandbox.post(&format!("/_sim/{key}/reset"), &Json::Null).await?;
        }
        let size = json!({"customers": self.population.size.customers, "seed": self.seed, "rooftops": ROOFTOPS});
        self.sandbox.post("/_sim/opentrack/load", &size).await?;
        self.sandbox.post("/_sim/hubspot/load", &size).await?;
        self.sandbox.unlimited().await
    }

    /// What there is to do. How many golden customers come of it is known from a run before, or guessed.
    async fn work(&self, before: &Before, deliveries: Option<u64>) -> anyhow::Result<Work> {
        let truth = self.sandbox.truth("opentrack").await?;
        let own = u64::try_from(before.contacts())?;
        let mut records = own;
        for rooftop in &self.population.rooftops {
            for object in ["customer", "vehicle", "inventory", "repair_order"] {
                records += number(&truth, &["companies", &rooftop.company_number, object]);
            }
        }
        let people = u64::try_from(self.population.size.customers)?;
        Ok(Work { records, deliveries: deliveries.unwrap_or(people - people / 8) })
    }
}
