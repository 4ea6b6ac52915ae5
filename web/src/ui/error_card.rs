//! What went wrong, in the other side's own words, whose fault it is and what to do next.

use super::{Icon, IconName, Status, Tone};
use domain::{Fault, NextStep};
use leptos::prelude::*;

/// A problem with a title and what to do about it.
#[component]
pub fn ErrorCard(
    /// What went wrong.
    #[prop(into)]
    title: String,
    /// What to do.
    #[prop(into)]
    text: String,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="flex gap-3 rounded-md border border-line bg-raised p-4" role="alert">
            <span class="pt-0.5 text-bad"><Icon name=IconName::CircleAlert/></span>
            <div class="flex min-w-0 flex-col gap-1">
                <p class="text-ui font-medium">{title}</p>
                <p class="text-small text-muted">{text}</p>
                {children.map(|children| view! { <div class="mt-2 flex flex-wrap gap-2">{children()}</div> })}
            </div>
        </div>
    }
}

/// Who must act, in words.
#[must_use]
pub const fn fault_words(fault: Fault) -> &'static str {
    match fault {
        Fault::Dealer => "Yours to fix",
        Fault::Driveline => "Ours to fix",
        Fault::Vendor => "The vendor's to fix",
    }
}

/// A cause of failures.
#[component]
pub fn FailureCard(
    /// What we were doing.
    #[prop(into)]
    doing: String,
    /// The other side's words.
    #[prop(into)]
    said: String,
    /// Whose fault.
    fault: Fault,
    /// What happens next.
    next: NextStep,
    /// What the person should do.
    #[prop(into)]
    fix: String,
    /// Beside the status: how many, since when.
    meta: AnyView,
    /// Buttons.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let (tone, word) = match next {
        NextStep::Retrying => (Tone::Warn, "Retrying"),
        NextStep::NeedsYou => (Tone::Bad, "Needs you"),
    };
    view! {
        <article class="flex flex-col gap-2 rounded-md border border-line bg-raised p-4">
            <div class="flex flex-wrap items-center gap-x-4 gap-y-1">
                <h2 class="text-ui font-medium">{doing}</h2>
                <Status tone=tone word=word/>
                <span class="text-meta text-muted">{meta}</span>
            </div>
            {(!said.is_empty()).then(|| view! {
                <p class="border-l-2 border-line pl-3 text-small"><span class="sr-only">"The system said: "</span>{said}</p>
            })}
            <p class="text-small">
                <span class="font-medium">{fault_words(fault)}</span>
                <span class="text-muted">": "</span>
                {fix}
            </p>
            {children.map(|children| view! { <div class="mt-1 flex flex-wrap gap-2">{children()}</div> })}
        </article>
    }
}
