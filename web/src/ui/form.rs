//! Forms: plain POST, with the session's token, so that they work before any script and only from our own pages.

use crate::portal::PageContext;
use leptos::prelude::*;

/// A form that posts to `action`.
#[component]
pub fn Form(
    /// Where it goes.
    #[prop(into)]
    action: String,
    /// Its shape.
    #[prop(default = "flex flex-col gap-4")]
    class: &'static str,
    /// What it is, where no heading says so.
    #[prop(optional, into)]
    label: String,
    /// Fields and buttons.
    children: Children,
) -> impl IntoView {
    let csrf = use_context::<PageContext>().map(|page| page.csrf).unwrap_or_default();
    let label = (!label.is_empty()).then_some(label);
    view! {
        <form method="post" action=action class=class aria-label=label>
            <input type="hidden" name="csrf" value=csrf/>
            {children()}
        </form>
    }
}

/// What is wrong with a form as a whole.
#[component]
pub fn FormNotice(
    /// The sentence; nothing is shown without one.
    error: Option<String>,
) -> impl IntoView {
    error.map(|error| {
        view! {
            <p role="alert" class="rounded-sm border border-line bg-sunken px-3 py-2 text-small text-bad">{error}</p>
        }
    })
}
