//! The first load: from one uploaded file, from the DMS's interface, and with a CRM that is to get it all.

use super::group::Group;
use super::{Bench, export, tenths, whole};
use crate::api::Described;
use crate::standing::{list, number, until_settled, word};
use anyhow::{Context, ensure};
use chrono::Utc;
use serde_json::{Value as Json, json};
use simulators::population::{Population, PopulationSize};
use std::time::Duration;

/// The same people in every load from a file.
pub const SEED: u64 = 11;
/// Without any movement for so long, deliveries are stuck.
const STILL_MAX: Duration = Duration::from_secs(120);

/// Loads an export into a group of its own; seconds from the first byte sent to the end of the run.
///
/// # Errors
/// Where a record is lost, or the product refuses.
pub async fn from_file(bench: &mut Bench, many: usize) -> anyhow::Result<f64> {
    let path = export::customers(bench.folder(), SEED, many)?;
    let file = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let mut group = bench.group(&format!("csv-{many}")).await?;
    let files = connect_files(&group).await?;
    let (began, size) = (Utc::now(), file.len());
    group.api.upload(&format!("/connections/{files}/uploads/customers.csv"), file).await?;
    let sent = (Utc::now() - began).as_seconds_f64();
    let ran = group.run_over(&files, "customer", began).await?;
    ensure!(ran.received == many as u64, "{} of {many} records came in", ran.received);
    let seconds = ran.seconds_since(began);
    bench.say(&format!("{many} customers ({} kB) in {seconds:.1} s, of these {sent:.1} s sending", size / 1024));
    group.files = Some(files);
    bench.loaded.insert(many, group);
    Ok(seconds)
}

async fn connect_files(group: &Group) -> anyhow::Result<String> {
    let values = json!({
        "transport": "upload", "customers": "customers*.csv", "key_columns": "customer = CustomerNumber",
    });
    group.connect("files", None, &values).await
}

/// Measures the load from a file.
///
/// # Errors
/// As [`from_file`].
pub async fn csv(bench: &mut Bench, many: usize) -> anyhow::Result<()> {
    let seconds = from_file(bench, many).await?;
    bench.figure("full_rows_per_s", whole(many as f64 / seconds));
    Ok(())
}

/// Measures the load from the simulated DMS's interface.
///
/// # Errors
/// Where a record is lost, or the product refuses.
pub async fn rest(bench: &mut Bench, many: usize) -> anyhow::Result<()> {
    bench.sandbox.post("/_sim/opentrack/load", &json!({"customers": many, "seed": SEED, "rooftops": 1})).await?;
    let truth = bench.sandbox.truth("opentrack").await?;
    let rooftops = Population::generate(SEED, PopulationSize { customers: 0, rooftops: 1 }).rooftops;
    let rooftop = rooftops.first().context("a population without a rooftop")?;
    let group = bench.group("rest").await?;
    let id = group.add_rooftop(rooftop).await?;
    let values = json!({
        "enterprise_code": rooftop.enterprise_code,
        "company_number": rooftop.company_number,
        "user": simulators::opentrack::USER,
        "password": simulators::opentrack::PASSWORD,
        "base_url": bench.sandbox.vendor("opentrack"),
    });
    let system = Described { connector: "opentrack", name: "opentrack", rooftop: Some(&id), values: &values };
    let dms = group.api.draft(&system).await?;
    // Before it is tested: what is written to is read as soon as it is active, and this load is to be asked for.
    group.api.let_flow(&dms, "customer", true, "none").await?;
    group.api.test(&dms).await?;
    let began = Utc::now();
    group.sync(&dms, "customer", "full").await?;
    let ran = group.run_over(&dms, "customer", began).await?;
    let true_many = number(&truth, &["companies", &rooftop.company_number, "customer"]);
    ensure!(ran.received >= true_many, "{} of {true_many} records came in", ran.received);
    bench.figure("rest_rows_per_s", whole(true_many as f64 / ran.seconds_since(began)));
    Ok(())
}

/// Measures the load from a file with a CRM connected: until all is planned, and until the CRM holds every customer.
/// The CRM allows 100 calls of 100 records in 10 s.
///
/// # Errors
/// Where a record is lost, or the product refuses.
pub async fn crm(bench: &mut Bench, many: usize) -> anyhow::Result<()> {
    bench.sandbox.post("/_sim/hubspot/reset", &Json::Null).await?;
    bench.sandbox.unlimited().await?;
    let path = export::customers(bench.folder(), SEED, many)?;
    let file = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let group = bench.group("crm").await?;
    let values = json!({
        "base_url": bench.sandbox.vendor("hubspot"), "token": simulators::hubspot::PRIVATE_TOKEN,
    });
    group.connect("hubspot", None, &values).await?;
    let files = connect_files(&group).await?;
    let began = Utc::now();
    group.api.upload(&format!("/connections/{files}/uploads/customers.csv"), file).await?;
    let ran = group.run_over(&files, "customer", began).await?;
    bench.figure("planned_rows_per_s", whole(many as f64 / ran.seconds_since(began)));
    let overview = until_settled(&group.api, STILL_MAX, |_| {}).await?;
    let seconds = (Utc::now() - began).as_seconds_f64();
    let settled: u64 = list(&overview, "deliveries")
        .iter()
        .filter(|tally| word(tally, "object") == "customer")
        .map(|tally| number(tally, &["settled"]))
        .sum();
    let truth = bench.sandbox.truth("hubspot").await?;
    let there = number(&truth, &["by_driveline_id", "customer"]);
    ensure!(settled == there, "the product says {settled} were delivered, the CRM holds {there}");
    bench.figure("delivered_s", tenths(seconds));
    bench.figure("delivered_rows_per_s", whole(many as f64 / seconds));
    Ok(())
}
