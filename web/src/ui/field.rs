//! Form fields: a label, an input, what to type, and what was wrong with it, tied together for screen readers.

use leptos::prelude::*;

const INPUT: &str = "w-full min-h-9 pointer-coarse:min-h-11 rounded-sm border border-line bg-raised px-3 py-1.5 text-ui text-text placeholder:text-muted aria-invalid:border-bad";

/// The ids of help and error, for `aria-describedby`.
fn described(name: &str, help: &str, error: Option<&str>) -> Option<String> {
    let mut ids = Vec::new();
    if error.is_some() {
        ids.push(format!("{name}-error"));
    }
    if !help.is_empty() {
        ids.push(format!("{name}-help"));
    }
    (!ids.is_empty()).then(|| ids.join(" "))
}

#[component]
fn Around(
    name: String,
    label: String,
    help: String,
    error: Option<String>,
    required: bool,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="flex flex-col gap-1">
            <label for=name.clone() class="text-small font-medium">
                {label}
                {(!required).then(|| view! { <span class="font-normal text-muted">" (optional)"</span> })}
            </label>
            {children()}
            {error.map(|error| view! {
                <p id=format!("{name}-error") class="text-small text-bad">{error}</p>
            })}
            {(!help.is_empty()).then(|| view! {
                <p id=format!("{name}-help") class="text-meta text-muted">{help}</p>
            })}
        </div>
    }
}

/// One line.
#[component]
pub fn Field(
    /// Key in the form; unique on the page.
    #[prop(into)]
    name: String,
    /// What it is.
    #[prop(into)]
    label: String,
    /// `text`, `email`, `password`, `url`, `number`, `time`.
    #[prop(default = "text")]
    kind: &'static str,
    /// What was typed before.
    #[prop(optional, into)]
    value: String,
    /// Where to find it.
    #[prop(optional, into)]
    help: String,
    /// What is wrong with it.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// What browsers and password managers may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Whether it may stay empty.
    #[prop(default = true)]
    required: bool,
    /// Shown while it is empty.
    #[prop(optional, into)]
    placeholder: String,
) -> impl IntoView {
    let describedby = described(&name, &help, error.as_deref());
    let invalid = error.is_some().then_some("true");
    // A password is never sent back to the browser.
    let value = if kind == "password" { String::new() } else { value };
    view! {
        <Around name=name.clone() label=label help=help error=error required=required>
            <input
                id=name.clone()
                name=name.clone()
                type=kind
                value=value
                class=INPUT
                required=required
                autocomplete=autocomplete
                placeholder=(!placeholder.is_empty()).then_some(placeholder)
                aria-describedby=describedby
                aria-invalid=invalid
            />
        </Around>
    }
}

/// Several lines.
#[component]
pub fn Lines(
    /// Key in the form.
    #[prop(into)]
    name: String,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What was typed before.
    #[prop(optional, into)]
    value: String,
    /// Where to find it.
    #[prop(optional, into)]
    help: String,
    /// What is wrong with it.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// Whether it may stay empty.
    #[prop(default = true)]
    required: bool,
) -> impl IntoView {
    let describedby = described(&name, &help, error.as_deref());
    let invalid = error.is_some().then_some("true");
    view! {
        <Around name=name.clone() label=label help=help error=error required=required>
            <textarea
                id=name.clone()
                name=name.clone()
                rows="5"
                class="w-full rounded-sm border border-line bg-raised px-3 py-1.5 font-mono text-small text-text aria-invalid:border-bad"
                required=required
                spellcheck="false"
                aria-describedby=describedby
                aria-invalid=invalid
            >
                {value}
            </textarea>
        </Around>
    }
}

/// One of several.
#[component]
pub fn Choice(
    /// Key in the form.
    #[prop(into)]
    name: String,
    /// What it is.
    #[prop(into)]
    label: String,
    /// What was chosen before.
    #[prop(optional, into)]
    value: String,
    /// Value and what people call it.
    options: Vec<(String, String)>,
    /// What to consider.
    #[prop(optional, into)]
    help: String,
    /// What is wrong with it.
    #[prop(optional_no_strip)]
    error: Option<String>,
) -> impl IntoView {
    let describedby = described(&name, &help, error.as_deref());
    let invalid = error.is_some().then_some("true");
    view! {
        <Around name=name.clone() label=label help=help error=error required=true>
            <select id=name.clone() name=name.clone() class=INPUT aria-describedby=describedby aria-invalid=invalid>
                {options
                    .into_iter()
                    .map(|(key, words)| {
                        let selected = key == value;
                        view! { <option value=key selected=selected>{words}</option> }
                    })
                    .collect_view()}
            </select>
        </Around>
    }
}

/// Yes or no; sent as `name=value` where it is ticked.
#[component]
pub fn Tick(
    /// Key in the form.
    name: &'static str,
    /// Value where ticked.
    #[prop(into)]
    value: String,
    /// What it means.
    #[prop(into)]
    label: String,
    /// Whether it is ticked.
    checked: bool,
) -> impl IntoView {
    view! {
        <label class="flex min-h-6 pointer-coarse:min-h-11 items-center gap-2 text-small">
            <input type="checkbox" name=name value=value checked=checked class="size-4 accent-accent"/>
            {label}
        </label>
    }
}
