//! A thousand changes beside ten thousand, a hundred thousand and a million records: the base must not matter.

use super::{Bench, export, hundredths, initial, percentile, tenths};
use anyhow::{Context, ensure};
use chrono::Utc;
use serde_json::{Map, Value as Json};

/// Changes of one round.
const CHANGES: usize = 1_000;
/// Rounds per base; the middle one counts.
const ROUNDS: usize = 3;

/// Measures.
///
/// # Errors
/// Where a change is lost, or the product refuses.
pub async fn measure(bench: &mut Bench, bases: &[usize]) -> anyhow::Result<()> {
    let (mut taken, mut loads) = (Map::new(), Map::new());
    for many in bases {
        if !bench.loaded.contains_key(many) {
            let seconds = initial::from_file(bench, *many).await?;
            loads.insert(short(*many), tenths(seconds).into());
        }
        bench.quiet().await?;
        let mut rounds = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            rounds.push(one(bench, *many, round).await?);
        }
        bench.say(&format!("{CHANGES} changes beside {many}: {rounds:.2?} s"));
        rounds.sort_by(f64::total_cmp);
        taken.insert(short(*many), hundredths(percentile(&rounds, 50)).into());
    }
    bench.figure("incremental_s", Json::Object(taken));
    bench.figure("base_load_s", Json::Object(loads));
    Ok(())
}

async fn one(bench: &Bench, many: usize, round: usize) -> anyhow::Result<f64> {
    let export = export::customers(bench.folder(), initial::SEED, many)?;
    let file = export::changes(&export, many, CHANGES, round)?;
    let group = bench.loaded.get(&many).context("the base was not loaded")?;
    let files = group.files.as_deref().context("the base did not come by file")?;
    let began = Utc::now();
    group.api.upload(&format!("/connections/{files}/uploads/customers-{round}.csv"), file).await?;
    let ran = group.run_over(files, "customer", began).await?;
    ensure!(ran.received == CHANGES as u64 && ran.unchanged == 0, "{ran:?}");
    Ok(ran.seconds_since(began))
}

/// `10k`, `100k`, `1m`.
fn short(many: usize) -> String {
    match many {
        1_000_000.. if many.is_multiple_of(1_000_000) => format!("{}m", many / 1_000_000),
        1_000.. if many.is_multiple_of(1_000) => format!("{}k", many / 1_000),
        _ => many.to_string(),
    }
}
