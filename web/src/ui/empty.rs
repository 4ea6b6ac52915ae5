//! What a list says when it is empty: why, and the one thing to do.

use super::{Icon, IconName};
use leptos::prelude::*;

/// An empty list. The children are its one action.
#[component]
pub fn EmptyState(
    /// What there will be.
    #[prop(into)]
    title: String,
    /// Why there is nothing yet.
    #[prop(into)]
    text: String,
    /// Its picture.
    icon: IconName,
    /// The action.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="flex flex-col items-center gap-2 rounded-md border border-dashed border-line px-6 py-12 text-center">
            <span class="text-muted"><Icon name=icon class="size-6"/></span>
            <p class="text-ui font-medium">{title}</p>
            <p class="max-w-prose text-small text-muted">{text}</p>
            {children.map(|children| view! { <div class="mt-2 flex flex-wrap justify-center gap-2">{children()}</div> })}
        </div>
    }
}
