//! A vehicle is sold in the DMS → it is gone from the website. By the simulators' own clocks. The DMS does not call:
//! it is read as soon as the vehicle is sold, as the shortest schedule would.

use super::webhook::Pair;
use super::{Bench, hundredths, rest};
use crate::standing::list;
use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use simulators::population::StockStatus;
use std::time::{Duration, Instant};

/// Vehicles that are sold, one after the other.
const VEHICLES: usize = 10;
/// How often the website is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Not gone after so long: stuck.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Measures.
///
/// # Errors
/// Where a sold vehicle stays.
pub async fn measure(bench: &mut Bench, pair: &Pair) -> anyhow::Result<()> {
    let truth = bench.sandbox.truth("inventory_feed").await?;
    let shown: Vec<String> = list(&truth, "vehicles").iter().filter_map(Json::as_str).map(str::to_owned).collect();
    let stock: Vec<(String, String)> = pair
        .population
        .inventory
        .iter()
        .filter(|vehicle| vehicle.rooftop == 0 && vehicle.status == StockStatus::InStock)
        .filter_map(|vehicle| {
            let key = shown.iter().find(|key| key.contains(&vehicle.stock_number) || key.contains(&vehicle.vin))?;
            Some((vehicle.stock_number.clone(), key.clone()))
        })
        .take(VEHICLES)
        .collect();
    ensure!(!stock.is_empty(), "none of the {} vehicles on the website is one of the lot", shown.len());
    let mut worst: f64 = 0.0;
    for (number, key) in &stock {
        worst = worst.max(one(bench, pair, number, key).await?);
    }
    bench.figure("sold_to_gone_s", hundredths(worst));
    bench.figure("sold_vehicles", stock.len());
    Ok(())
}

async fn one(bench: &Bench, pair: &Pair, number: &str, key: &str) -> anyhow::Result<f64> {
    let sold_at = Utc::now();
    bench.sandbox.post(&format!("/_sim/opentrack/inventory/{number}/sell"), &Json::Null).await?;
    pair.group.sync(&pair.dms, "inventory", "changes").await?;
    let began = Instant::now();
    loop {
        let moments = bench.sandbox.get("/_sim/inventory_feed/moments").await?;
        let vehicle = moments.get(key).with_context(|| format!("the website never showed {key}"))?;
        if let Some(vanished) = vehicle.get("vanished").and_then(Json::as_str) {
            let vanished = DateTime::parse_from_rfc3339(vanished)?.to_utc();
            return Ok((vanished - sold_at).as_seconds_f64());
        }
        if began.elapsed() > LOST_AFTER {
            bail!("{number} was sold and is still shown after {} s", LOST_AFTER.as_secs());
        }
        rest(LOOK_EVERY).await;
    }
}
