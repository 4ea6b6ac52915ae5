//! States in the words and tones that every page uses for them.

use crate::ui::Tone;
use app::views::connection::{ConnectionState, Freshness, ObjectLine};
use app::views::record::DeliveryState;
use app::views::run::{RunLine, RunState};
use domain::schedule::Cadence;

/// A connection's state.
pub const fn connection(state: ConnectionState) -> (Tone, &'static str) {
    match state {
        ConnectionState::Draft => (Tone::Quiet, "Not tested yet"),
        ConnectionState::Active => (Tone::Good, "Working"),
        ConnectionState::Paused => (Tone::Quiet, "Paused"),
        ConnectionState::Broken => (Tone::Bad, "Needs you"),
    }
}

/// An object's freshness.
pub const fn freshness(freshness: Freshness) -> (Tone, &'static str) {
    match freshness {
        Freshness::Fresh => (Tone::Good, "Up to date"),
        Freshness::Running => (Tone::Info, "Reading now"),
        Freshness::Empty => (Tone::Bad, "Nothing was there"),
        Freshness::NoneYet => (Tone::Quiet, "None so far"),
        Freshness::Late => (Tone::Warn, "Late"),
        Freshness::Stopped => (Tone::Bad, "Needs you"),
        Freshness::Never => (Tone::Quiet, "Not read yet"),
        Freshness::WriteOnly => (Tone::Quiet, "Written to"),
        Freshness::Arrives => (Tone::Quiet, "Comes by itself"),
        Freshness::Off => (Tone::Quiet, "Not synced"),
    }
}

/// When an object without a schedule is moved.
pub const fn unscheduled(object: &ObjectLine) -> &'static str {
    if object.pull { "by hand" } else { "as it comes" }
}

/// A run's state. Zero rows of a full read are never called finished.
pub fn run(line: &RunLine) -> (Tone, &'static str) {
    match line.state {
        RunState::Queued => (Tone::Info, "Starting"),
        RunState::Running => (Tone::Info, "Running"),
        RunState::Waiting => (Tone::Warn, "Retrying"),
        RunState::Succeeded if line.mode == "full" && line.counts.received == 0 => (Tone::Warn, "Nothing came"),
        RunState::Succeeded => (Tone::Good, "Finished"),
        RunState::Attention => (Tone::Warn, "Finished, look here"),
        RunState::Failed | RunState::Held => (Tone::Bad, "Needs you"),
        RunState::Cancelled => (Tone::Quiet, "Stopped"),
    }
}

/// A delivery's state.
pub const fn delivery(state: DeliveryState) -> (Tone, &'static str) {
    match state {
        DeliveryState::Settled => (Tone::Good, "Holds the newest"),
        DeliveryState::Due => (Tone::Info, "On its way"),
        DeliveryState::AwaitsFirstRead => (Tone::Info, "After the first read"),
        DeliveryState::NeedsYou => (Tone::Bad, "Needs you"),
        DeliveryState::NotWanted => (Tone::Quiet, "Not wanted there"),
    }
}

/// How often.
pub fn cadence(cadence: &Cadence) -> String {
    match cadence {
        Cadence::Minutes { minutes } => format!("every {minutes} min"),
        Cadence::Hourly { minute } => format!("hourly at :{minute:02}"),
        Cadence::Nightly { at } => format!("nightly at {}", at.format("%H:%M")),
        Cadence::Cron { expression } => format!("by cron {expression}"),
    }
}

/// Why a run began.
pub fn trigger(trigger: &str) -> &'static str {
    match trigger {
        "schedule" => "on schedule",
        "initial" => "first load",
        "replay" => "replay",
        "person" => "by hand",
        _ => "by Driveline",
    }
}

/// How a run read.
pub fn mode(mode: &str) -> &'static str {
    if mode == "full" { "everything" } else { "changes" }
}

/// A word with a capital, as at the start of a sentence.
pub fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
