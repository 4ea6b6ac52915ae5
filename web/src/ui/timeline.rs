//! What happened, newest first.

use super::{Status, Tone, When};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// One thing that happened.
pub struct Moment {
    /// When.
    pub at: DateTime<Utc>,
    /// How it stands.
    pub status: Option<(Tone, String)>,
    /// What.
    pub text: AnyView,
}

/// Things that happened, in the order given.
#[component]
pub fn Timeline(
    /// Newest first.
    moments: Vec<Moment>,
) -> impl IntoView {
    view! {
        <ol class="flex flex-col">
            {moments
                .into_iter()
                .map(|moment| {
                    view! {
                        <li class="grid grid-cols-[7rem_1fr] gap-3 border-l border-line py-1.5 pl-4 text-small">
                            <span class="text-muted"><When at=moment.at/></span>
                            <div class="flex flex-wrap items-center gap-x-3">
                                {moment.status.map(|(tone, word)| view! { <Status tone=tone word=word/> })}
                                <span>{moment.text}</span>
                            </div>
                        </li>
                    }
                })
                .collect_view()}
        </ol>
    }
}
