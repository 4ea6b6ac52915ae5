//! What was just done, said once at the top of the next page.

use super::{Icon, IconName};
use leptos::prelude::*;

/// A done thing; the children are its undo.
#[component]
pub fn Notice(
    /// What was done.
    #[prop(into)]
    text: String,
    /// Undo.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div role="status" class="flex flex-wrap items-center gap-3 rounded-md border border-line bg-raised px-4 py-2 text-small">
            <span class="text-good"><Icon name=IconName::CircleCheck/></span>
            <span>{text}</span>
            {children.map(|children| children())}
        </div>
    }
}
