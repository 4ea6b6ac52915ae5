//! Views of one list, each with its own address.

use leptos::prelude::*;

/// One view.
pub struct Tab {
    /// Its address.
    pub href: String,
    /// Its name.
    pub label: String,
    /// Whether it is the one shown.
    pub current: bool,
}

/// The views in a row.
#[component]
pub fn Tabs(
    /// What they are views of.
    label: &'static str,
    /// In order.
    tabs: Vec<Tab>,
) -> impl IntoView {
    view! {
        <nav aria-label=label class="flex flex-wrap gap-x-1 border-b border-line">
            {tabs
                .into_iter()
                .map(|tab| {
                    let class = if tab.current {
                        "-mb-px border-b-2 border-accent px-3 py-2 text-small font-medium"
                    } else {
                        "-mb-px border-b-2 border-transparent px-3 py-2 text-small text-muted hover:text-text"
                    };
                    view! { <a href=tab.href class=class aria-current=tab.current.then_some("page")>{tab.label}</a> }
                })
                .collect_view()}
        </nav>
    }
}
