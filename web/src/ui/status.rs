//! A status: a dot and a word, never colour alone.

use leptos::prelude::*;

/// The role of a status' colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// It heals itself, or wants a look.
    Warn,
    /// Somebody must act.
    Bad,
    /// It is going on.
    Info,
    /// Neither.
    Quiet,
}

/// Dot and word.
#[component]
pub fn Status(
    /// Its colour.
    tone: Tone,
    /// Its word.
    #[prop(into)]
    word: String,
) -> impl IntoView {
    let dot = match tone {
        Tone::Good => "size-2 shrink-0 rounded-full bg-good",
        Tone::Warn => "size-2 shrink-0 rounded-full bg-warn",
        Tone::Bad => "size-2 shrink-0 rounded-full bg-bad",
        Tone::Info => "size-2 shrink-0 rounded-full bg-info",
        Tone::Quiet => "size-2 shrink-0 rounded-full border border-muted",
    };
    let text = match tone {
        Tone::Good => "text-small font-medium text-good",
        Tone::Warn => "text-small font-medium text-warn",
        Tone::Bad => "text-small font-medium text-bad",
        Tone::Info => "text-small font-medium text-info",
        Tone::Quiet => "text-small text-muted",
    };
    view! {
        <span class="inline-flex items-center gap-1.5 whitespace-nowrap">
            <span class=dot aria-hidden="true"></span>
            <span class=text>{word}</span>
        </span>
    }
}
