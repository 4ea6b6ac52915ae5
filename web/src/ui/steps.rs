//! Steps with a result each: the setup checklist and the test of a connection.

use super::{Icon, IconName};
use crate::portal::sentence;
use leptos::prelude::*;

/// One step.
pub struct StepRow {
    /// What it is.
    pub title: String,
    /// `Some(true)`: done. `Some(false)`: went wrong. `None`: not yet.
    pub done: Option<bool>,
    /// The result, or what it is for.
    pub text: String,
    /// How to go on.
    pub action: AnyView,
}

impl StepRow {
    /// A step of a test: what the other side or we said, and how to mend it.
    pub fn of_test(title: String, done: Option<bool>, said: &str, fix: &str) -> Self {
        let told: Vec<String> = [said, fix].into_iter().filter(|text| !text.is_empty()).map(sentence).collect();
        Self { title, done, text: told.join(" "), action: ().into_any() }
    }
}

/// The steps in order.
#[component]
pub fn Steps(
    /// In order.
    steps: Vec<StepRow>,
) -> impl IntoView {
    view! {
        <ol class="flex flex-col divide-y divide-line rounded-md border border-line bg-raised">
            {steps
                .into_iter()
                .map(|step| {
                    let (icon, colour, word) = match step.done {
                        Some(true) => (IconName::CircleCheck, "pt-0.5 text-good", "Done: "),
                        Some(false) => (IconName::CircleAlert, "pt-0.5 text-bad", "Failed: "),
                        None => (IconName::Clock, "pt-0.5 text-muted", "Not yet: "),
                    };
                    view! {
                        <li class="flex flex-wrap items-start gap-3 px-4 py-3 sm:flex-nowrap">
                            <span class=colour><Icon name=icon/></span>
                            <div class="flex min-w-0 flex-1 flex-col">
                                <p class="text-ui font-medium"><span class="sr-only">{word}</span>{step.title}</p>
                                <p class="break-words text-small text-muted">{step.text}</p>
                            </div>
                            {step.action}
                        </li>
                    }
                })
                .collect_view()}
        </ol>
    }
}
