//! To the next page of a list; the place is in the address.

use super::LinkButton;
use leptos::prelude::*;

/// Links to the first and the next page, where there are such.
#[component]
pub fn Pager(
    /// Back to the start, where this is not it.
    first: Option<String>,
    /// On.
    next: Option<String>,
) -> impl IntoView {
    let any = first.is_some() || next.is_some();
    any.then(|| {
        view! {
            <nav class="flex gap-2" aria-label="Pages of this list">
                {first.map(|href| view! { <LinkButton href=href label="First page"/> })}
                {next.map(|href| view! { <LinkButton href=href label="Next page"/> })}
            </nav>
        }
    })
}
