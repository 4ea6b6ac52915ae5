//! Records side by side: one column each, one row per field, differences marked by a word and by weight.

use leptos::prelude::*;

/// One column.
pub struct Side {
    /// What it is ("DMS").
    pub title: String,
    /// More about it, on the next line.
    pub subtitle: AnyView,
}

/// One row: a field and what each side says, in the order of the sides.
pub struct CompareRow {
    /// The field.
    pub label: String,
    /// The sides' values; `None` where a side says nothing.
    pub values: Vec<Option<String>>,
    /// Whether the sides that say something disagree.
    pub differs: bool,
    /// What stands in the last column.
    pub note: AnyView,
}

/// A comparison. `last` heads the column of notes.
#[component]
pub fn Compare(
    /// What is compared, for screen readers.
    #[prop(into)]
    caption: String,
    /// The columns.
    sides: Vec<Side>,
    /// The rows.
    rows: Vec<CompareRow>,
    /// Heading of the notes.
    last: &'static str,
) -> impl IntoView {
    let spoken = caption.clone();
    view! {
        <div class="relative overflow-x-auto rounded-md border border-line" role="region" tabindex="0" aria-label=spoken>
            <table class="w-full border-collapse text-small">
                <caption class="sr-only">{caption}</caption>
                <thead>
                    <tr class="border-b border-line bg-sunken text-left align-top">
                        <th scope="col" class="px-3 py-2 text-meta font-medium text-muted">"Field"</th>
                        {sides
                            .into_iter()
                            .map(|side| {
                                view! {
                                    <th scope="col" class="min-w-36 px-3 py-2 font-medium">
                                        <span class="block">{side.title}</span>
                                        <span class="block text-meta font-normal text-muted">{side.subtitle}</span>
                                    </th>
                                }
                            })
                            .collect_view()}
                        {if last.is_empty() { view! { <td></td> }.into_any() } else { view! { <th scope="col" class="px-3 py-2 text-meta font-medium text-muted">{last}</th> }.into_any() }}
                    </tr>
                </thead>
                <tbody>
                    {rows
                        .into_iter()
                        .map(|row| {
                            let weight = if row.differs { "px-3 py-2 font-medium" } else { "px-3 py-2" };
                            view! {
                                <tr class="border-b border-line align-top last:border-b-0">
                                    <th scope="row" class="whitespace-nowrap px-3 py-2 text-left font-normal text-muted">
                                        {row.label}
                                    </th>
                                    {row
                                        .values
                                        .into_iter()
                                        .map(|value| match value {
                                            Some(value) => {
                                                view! { <td class=weight>{value}</td> }.into_any()
                                            }
                                            None => {
                                                view! {
                                                    <td class="px-3 py-2 text-muted">
                                                        <span aria-hidden="true">"–"</span>
                                                        <span class="sr-only">"nothing"</span>
                                                    </td>
                                                }
                                                    .into_any()
                                            }
                                        })
                                        .collect_view()}
                                    <td class="px-3 py-2">{row.note}</td>
                                </tr>
                            }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
}
