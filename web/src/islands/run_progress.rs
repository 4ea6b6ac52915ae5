//! A run's live numbers: received → valid → identified → sent → accepted.
//!
//! The server prints the numbers of the moment, so the page is right before any script has loaded; in the browser
//! the island then follows the run's event stream. A browser reconnects a broken stream by itself.

use crate::number::grouped;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Where a run stands; also the body of each `progress` event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Records the source has sent.
    pub received: u64,
    /// Of these, parsed and checked without a blocking issue.
    pub valid: u64,
    /// Of these, part of a golden record now.
    pub matched: u64,
    /// Deliveries handed to other systems.
    pub sent: u64,
    /// Deliveries that those systems confirmed.
    pub accepted: u64,
    /// How many records the source says there are, where it says so.
    pub expected: Option<u64>,
    /// Estimated seconds until the end, where that can be told.
    pub eta_s: Option<u64>,
    /// The run's state in words ("Running", "Finished", "Needs you").
    pub state: String,
    /// Whether nothing more will come.
    pub finished: bool,
}

/// Live progress of one run. `stream` is the address of its event stream on this server.
#[island]
pub fn RunProgress(
    /// The address of the run's event stream.
    stream: String,
    /// The numbers when the page was made.
    initial: Progress,
) -> impl IntoView {
    let progress = RwSignal::new(initial);
    follow(stream, progress);
    let count = move |label: &'static str, number: fn(&Progress) -> u64| {
        view! {
            <div class="flex flex-col gap-1">
                <dt class="text-meta text-muted">{label}</dt>
                <dd class="text-title font-semibold tabular-nums">{move || progress.with(|p| grouped(number(p)))}</dd>
            </div>
        }
    };
    view! {
        <section class="flex flex-col gap-3" aria-label="Progress of this run">
            <p role="status" aria-live="polite" class="text-ui font-medium">
                {move || progress.with(|p| p.state.clone())}
                <span class="text-muted font-normal">{move || progress.with(remaining)}</span>
            </p>
            <progress
                class="run-progress"
                aria-label="Records received"
                max=move || progress.with(|p| p.expected.unwrap_or(0).max(p.received).max(1)).to_string()
                value=move || progress.with(|p| p.received).to_string()
            ></progress>
            <dl class="grid grid-cols-2 gap-4 sm:grid-cols-5">
                {count("Received", |p| p.received)}
                {count("Valid", |p| p.valid)}
                {count("Identified", |p| p.matched)}
                {count("Sent", |p| p.sent)}
                {count("Accepted", |p| p.accepted)}
            </dl>
        </section>
    }
}

/// The rest of the sentence after the state: ", about 2 min left".
fn remaining(progress: &Progress) -> String {
    match progress.eta_s {
        Some(seconds) if !progress.finished && seconds >= 90 => format!(", about {} min left", seconds.div_ceil(60)),
        Some(seconds) if !progress.finished => format!(", about {seconds} s left"),
        Some(_) | None => String::new(),
    }
}

/// Milliseconds until a page whose stream is refused asks for itself again: polling, where nothing better goes through.
#[cfg(feature = "hydrate")]
const POLL_MS: i32 = 5_000;

/// Follows the stream for as long as the island is on the page and the run goes on. At the end the page is loaded
/// again, for what it says of a finished run.
#[cfg(feature = "hydrate")]
fn follow(stream: String, progress: RwSignal<Progress>) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{Event, EventSource, MessageEvent};

    if progress.with_untracked(|p| p.finished) {
        return;
    }
    let Ok(source) = EventSource::new(&stream) else {
        reload_after(POLL_MS);
        return;
    };
    let closing = source.clone();
    let on_progress = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        let Some(text) = event.data().as_string() else { return };
        // A newer server may send what this older page does not know; it shows the next one it can read.
        let Ok(next) = serde_json::from_str::<Progress>(&text) else { return };
        let finished = next.finished;
        progress.set(next);
        if finished {
            closing.close();
            reload_after(0);
        }
    });
    let failing = source.clone();
    let on_error = Closure::<dyn FnMut(Event)>::new(move |_: Event| {
        // A broken stream is opened again by the browser; one that was refused stays closed.
        if failing.ready_state() == EventSource::CLOSED && progress.with_untracked(|p| !p.finished) {
            reload_after(POLL_MS);
        }
    });
    // Refused only for a detached source, which this one is not.
    let _ = source.add_event_listener_with_callback("progress", on_progress.as_ref().unchecked_ref());
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    // The listeners live as long as the page: the island is never taken off it.
    on_progress.forget();
    on_error.forget();
}

/// Loads the page again after so many milliseconds.
#[cfg(feature = "hydrate")]
fn reload_after(wait_ms: i32) {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;

    let Some(window) = web_sys::window() else { return };
    let again = Closure::once_into_js(move || {
        if let Some(window) = web_sys::window() {
            let _ = window.location().reload();
        }
    });
    let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(again.unchecked_ref(), wait_ms);
}

/// On the server the numbers of the moment are all there is.
#[cfg(not(feature = "hydrate"))]
fn follow(_stream: String, _progress: RwSignal<Progress>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_run_has_nothing_left() {
        let progress = Progress { eta_s: Some(30), finished: true, ..Progress::default() };

        assert_eq!(remaining(&progress), "");
    }

    #[test]
    fn long_waits_are_told_in_minutes() {
        let progress = Progress { eta_s: Some(121), ..Progress::default() };

        assert_eq!(remaining(&progress), ", about 3 min left");
    }
}
