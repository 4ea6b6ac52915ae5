//! The audit: what is wrong with a file of customers, and what it costs.

use crate::arguments::Matching;
use crate::progress::Progress;
use crate::{Failure, load, read, set_threads, wish};
use matching::clean::is_placeholder;
use matching::engine::{Band, Input, Model, run};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// What a duplicate costs a year in letters, lists and doubled work; a rule of thumb, told as such.
const DOLLARS_PER_DUPLICATE: f64 = 10.0;
/// So many holders make a value suspicious.
const SHARED_FROM: u32 = 5;

#[derive(Default)]
struct Tally {
    filled: usize,
    placeholders: usize,
    invalid: usize,
}

fn is_invalid(field: Input, text: &str) -> bool {
    match field {
        Input::Email => domain::check::email(text).is_none(),
        Input::Phone => domain::check::phone(text).is_none(),
        Input::Zip => domain::check::zip5(text).is_none(),
        Input::Vin => !domain::vin::Vin::parse(text).is_ok_and(|vin| vin.check_digit_holds()),
        Input::First
        | Input::Middle
        | Input::Last
        | Input::Suffix
        | Input::Full
        | Input::Company
        | Input::StreetNumber
        | Input::Street
        | Input::Unit
        | Input::Address
        | Input::City
        | Input::State
        | Input::Birth
        | Input::Licence
        | Input::Source => false,
    }
}

/// Audits a file.
pub(crate) fn audit(input: &Path, matching: &Matching) -> Result<(), Failure> {
    set_threads(matching)?;
    let mut progress = Progress::new();
    let mut tallies: Vec<Tally> = Input::ALL.iter().map(|_| Tally::default()).collect();
    let mut holders: HashMap<(Input, String), u32> = HashMap::new();
    read::cells(input, matching, &mut progress, |field, text| {
        if text.is_empty() {
            return;
        }
        let Some(tally) = tallies.get_mut(field as usize) else { return };
        tally.filled += 1;
        if is_placeholder(field, text) {
            tally.placeholders += 1;
        } else if is_invalid(field, text) {
            tally.invalid += 1;
        } else if matches!(field, Input::Email | Input::Phone) {
            *holders.entry((field, text.to_lowercase())).or_default() += 1;
        }
    })?;
    let (mut table, readings) = load(&[input], matching, &mut progress)?;
    let records = table.len();
    let found = run(&mut table, wish(1, matching), &Model::prior(), |_| {});
    progress.end();
    let people = found.clusters.iter().enumerate().filter(|(place, root)| *place == **root as usize).count();
    let review = found.edges.iter().filter(|edge| found.bands.band(edge.probability()) == Band::Review).count();
    let shared: Vec<u32> = holders.values().copied().filter(|held| *held >= SHARED_FROM).collect();
    let duplicates = records - people;
    let saved = duplicates as f64 * DOLLARS_PER_DUPLICATE;
    let bad: usize = readings.iter().map(|reading| reading.bad).sum();
    let mut out = std::io::stdout().lock();
    if matching.json {
        let fields: serde_json::Map<String, serde_json::Value> = Input::ALL
            .iter()
            .zip(&tallies)
            .filter(|(_, tally)| tally.filled > 0)
            .map(|((name, _), tally)| {
                let told = serde_json::json!({
                    "filled": tally.filled, "placeholders": tally.placeholders, "invalid": tally.invalid });
                ((*name).to_owned(), told)
            })
            .collect();
        let told = serde_json::json!({
            "records": records, "bad_rows": bad, "duplicates": duplicates, "for_review": review, "fields": fields,
            "shared_values": shared.len(), "shared_holders": shared.iter().sum::<u32>(),
            "saves_dollars_a_year": saved,
        });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    let share = |part: usize| 100.0 * part as f64 / records.max(1) as f64;
    writeln!(out, "{records} records, {bad} bad rows")?;
    writeln!(out, "{duplicates} duplicates ({:.1} %), {review} more pairs for a person to look at", share(duplicates))?;
    writeln!(out)?;
    writeln!(out, "{:<14} {:>10} {:>13} {:>9}", "field", "filled", "placeholders", "invalid")?;
    for ((name, _), tally) in Input::ALL.iter().zip(&tallies).filter(|(_, tally)| tally.filled > 0) {
        writeln!(out, "{name:<14} {:>10} {:>13} {:>9}", tally.filled, tally.placeholders, tally.invalid)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{} e-mails and phones stand on {SHARED_FROM} rows or more, {} rows in all",
        shared.len(),
        shared.iter().sum::<u32>()
    )?;
    writeln!(
        out,
        "Merging the duplicates saves about ${saved:.0} a year, at ${DOLLARS_PER_DUPLICATE:.0} for each (letters, lists, doubled work)."
    )?;
    Ok(())
}
