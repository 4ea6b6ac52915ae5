//! Buttons: they submit the form they stand in; links that look like buttons go somewhere.

use super::{Icon, IconName};
use leptos::prelude::*;

/// How much a button asks for attention. A page has at most one primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ButtonKind {
    /// The one thing to do next.
    Primary,
    /// Anything else.
    Secondary,
    /// Cannot be taken back, or stops something.
    Danger,
}

impl ButtonKind {
    const fn classes(self) -> &'static str {
        match self {
            Self::Primary => {
                "inline-flex min-h-8 pointer-coarse:min-h-11 items-center justify-center gap-2 whitespace-nowrap rounded-sm bg-accent px-3 py-1 text-ui font-medium text-on-accent hover:opacity-90"
            }
            Self::Secondary => {
                "inline-flex min-h-8 pointer-coarse:min-h-11 items-center justify-center gap-2 whitespace-nowrap rounded-sm border border-line bg-raised px-3 py-1 text-ui font-medium text-text hover:bg-sunken"
            }
            Self::Danger => {
                "inline-flex min-h-8 pointer-coarse:min-h-11 items-center justify-center gap-2 whitespace-nowrap rounded-sm border border-line bg-raised px-3 py-1 text-ui font-medium text-bad hover:bg-sunken"
            }
        }
    }
}

/// Submits its form. `name` and `value` tell which of several buttons it was.
#[component]
pub fn Button(
    /// What it does, as a verb.
    #[prop(into)]
    label: String,
    /// How loud.
    #[prop(default = ButtonKind::Secondary)]
    kind: ButtonKind,
    /// Field that is sent with it.
    #[prop(optional)]
    name: &'static str,
    /// Its value.
    #[prop(optional, into)]
    value: String,
    /// What it says to a screen reader where the label alone is not enough ("Retry" in each row of a table).
    #[prop(optional, into)]
    describes: String,
    /// An icon before the label.
    #[prop(optional_no_strip)]
    icon: Option<IconName>,
) -> impl IntoView {
    let name = (!name.is_empty()).then_some(name);
    let value = name.map(|_| value);
    let spoken = (!describes.is_empty()).then(|| format!("{label}: {describes}"));
    view! {
        <button type="submit" class=kind.classes() name=name value=value aria-label=spoken>
            {icon.map(|name| view! { <Icon name=name/> })}
            {label}
        </button>
    }
}

/// A link with a button's weight.
#[component]
pub fn LinkButton(
    /// Where it goes.
    #[prop(into)]
    href: String,
    /// What is there.
    #[prop(into)]
    label: String,
    /// How loud.
    #[prop(default = ButtonKind::Secondary)]
    kind: ButtonKind,
    /// An icon before the label.
    #[prop(optional_no_strip)]
    icon: Option<IconName>,
    /// What it is about, where several links have the same label; for screen readers.
    #[prop(optional, into)]
    describes: String,
) -> impl IntoView {
    view! {
        <a href=href class=kind.classes()>
            {icon.map(|name| view! { <Icon name=name/> })}
            {label}
            {(!describes.is_empty()).then(|| view! { <span class="sr-only">{format!(" {describes}")}</span> })}
        </a>
    }
}
