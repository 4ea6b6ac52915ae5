//! Tables: dense rows, the first column is the thing, numbers at the right; scrolls by itself where it is too wide.

use leptos::prelude::*;

/// Classes of a header cell.
pub const TH: &str = "whitespace-nowrap px-3 py-2 text-left text-meta font-medium text-muted";
/// Classes of a cell.
pub const TD: &str = "px-3 py-2 align-top text-small";
/// Classes of a cell with a number.
pub const NUMBER: &str = "px-3 py-2 align-top text-right text-small tabular-nums";
/// Classes of a row.
pub const ROW: &str = "border-b border-line last:border-b-0 hover:bg-sunken";

/// A table with its headings; the children are its rows.
#[component]
pub fn Table(
    /// What it lists, for screen readers.
    #[prop(into)]
    caption: String,
    /// Headings; those that start with `#` are over numbers.
    heads: &'static [&'static str],
    /// Rows.
    children: Children,
) -> impl IntoView {
    let spoken = caption.clone();
    view! {
        <div class="relative overflow-x-auto rounded-md border border-line bg-raised" role="region" tabindex="0" aria-label=spoken>
            <table class="w-full border-collapse">
                <caption class="sr-only">{caption}</caption>
                <thead>
                    <tr class="border-b border-line bg-sunken">
                        {heads
                            .iter()
                            .map(|head| match head.strip_prefix('#') {
                                Some(head) => {
                                    view! {
                                        <th scope="col" class="whitespace-nowrap px-3 py-2 text-right text-meta font-medium text-muted">{head}</th>
                                    }
                                        .into_any()
                                }
                                None if head.is_empty() => {
                                    view! { <th scope="col" class=TH><span class="sr-only">"Actions"</span></th> }.into_any()
                                }
                                None => view! { <th scope="col" class=TH>{*head}</th> }.into_any(),
                            })
                            .collect_view()}
                    </tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}
