//! Facts about one thing: term and value, in columns.

use leptos::prelude::*;

/// The list.
#[component]
pub fn Facts(
    /// `Fact`s.
    children: Children,
) -> impl IntoView {
    view! { <dl class="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-3 lg:grid-cols-4">{children()}</dl> }
}

/// One fact.
#[component]
pub fn Fact(
    /// What it is.
    #[prop(into)]
    term: String,
    /// Its value.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="flex min-w-0 flex-col">
            <dt class="text-meta text-muted">{term}</dt>
            <dd class="break-words text-ui tabular-nums">{children()}</dd>
        </div>
    }
}
