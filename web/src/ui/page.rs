//! A page's own frame: title, what it is about, its actions, then its sections.

use leptos::prelude::*;

/// The content of one page.
#[component]
pub fn Page(
    /// The only `h1`.
    #[prop(into)]
    title: String,
    /// Beside the title: a status.
    #[prop(optional_no_strip)]
    beside: Option<AnyView>,
    /// Below the title: one line.
    #[prop(optional_no_strip)]
    lead: Option<AnyView>,
    /// Where this page hangs: address and name.
    #[prop(optional_no_strip)]
    up: Option<(String, String)>,
    /// Buttons at the right.
    #[prop(optional_no_strip)]
    actions: Option<AnyView>,
    /// The sections.
    children: Children,
) -> impl IntoView {
    view! {
        <header class="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
            <div class="flex min-w-0 flex-col gap-1">
                {up.map(|(href, name)| view! {
                    <a href=href class="inline-flex min-h-6 items-center text-meta text-muted hover:text-text">{format!("← {name}")}</a>
                })}
                <div class="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <h1 class="break-words text-title font-semibold">{title}</h1>
                    {beside}
                </div>
                {lead.map(|lead| view! { <div class="max-w-prose text-small text-muted">{lead}</div> })}
            </div>
            {actions.map(|actions| view! { <div class="flex flex-wrap gap-2">{actions}</div> })}
        </header>
        {children()}
    }
}

/// A part of a page with a heading of its own.
#[component]
pub fn Section(
    /// Its heading.
    #[prop(into)]
    title: String,
    /// Beside the heading, at the right.
    #[prop(optional_no_strip)]
    actions: Option<AnyView>,
    /// Its content.
    children: Children,
) -> impl IntoView {
    view! {
        <section class="flex flex-col gap-3">
            <div class="flex flex-wrap items-baseline justify-between gap-2">
                <h2 class="text-ui font-semibold">{title}</h2>
                {actions}
            </div>
            {children()}
        </section>
    }
}
