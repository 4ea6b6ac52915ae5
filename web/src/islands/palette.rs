//! The command palette: ⌘K, Ctrl-K or `/` opens it, what is typed is searched for as it is typed, Enter goes there.
//!
//! A modal dialog around a combobox with a list (WAI-ARIA). The browser's own dialog keeps the focus inside and closes
//! on Escape. Without scripts it is never opened; the form of every page leads to the search page instead.

use super::found::{Asked, Line, Place, encoded, going, moved, said};
use leptos::html;
use leptos::prelude::*;

/// The palette. `places` are the pages that this person may go to.
#[island]
pub fn Palette(
    /// Pages.
    places: Vec<Place>,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let field = NodeRef::<html::Input>::new();
    let typed = RwSignal::new(String::new());
    let asked = RwSignal::new(Asked::Nothing);
    let active = RwSignal::new(0_usize);
    let slash = RwSignal::new(true);
    let list = Memo::new(move |_| {
        let mut lines = match asked.get() {
            Asked::Found(lines) => lines,
            Asked::Nothing | Asked::Waiting | Asked::Failed => Vec::new(),
        };
        lines.extend(going(&places, &typed.get()));
        lines
    });
    wake::listen(dialog, field, typed, slash);
    wake::search(typed, asked, active);
    let go = move || {
        let lines = list.get_untracked();
        match lines.get(active.get_untracked()) {
            Some(line) => wake::go_to(&line.href),
            None => wake::go_to(&format!("/search?go=1&q={}", encoded(typed.get_untracked().trim()))),
        }
    };
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        let many = list.with_untracked(Vec::len);
        match event.key().as_str() {
            "ArrowDown" => active.update(|at| *at = moved(*at, many, true)),
            "ArrowUp" => active.update(|at| *at = moved(*at, many, false)),
            "Enter" if !event.is_composing() => go(),
            _ => return,
        }
        event.prevent_default();
        wake::show_active();
    };
    view! {
        <dialog
            node_ref=dialog
            aria-label="Search and go to"
            class="mx-auto mt-[10vh] w-[calc(100%-32px)] max-w-[640px] overflow-hidden rounded-md border border-line bg-raised p-0 text-text shadow-float backdrop:bg-scrim"
            on:click=move |event| wake::close_beside(&event, dialog)
        >
            <div class="flex max-h-[70vh] flex-col">
                <input
                    node_ref=field
                    type="text"
                    role="combobox"
                    aria-label="Search everything, or go to a page"
                    aria-expanded="true"
                    aria-controls="palette-list"
                    aria-autocomplete="list"
                    aria-activedescendant=move || list.with(|lines| (!lines.is_empty()).then(|| format!("palette-{}", active.get())))
                    autocomplete="off"
                    spellcheck="false"
                    maxlength="200"
                    placeholder="Name, e-mail, phone, VIN, number, or a page"
                    class="w-full border-b border-line bg-raised px-4 py-3 text-input text-text outline-offset-[-2px] placeholder:text-muted"
                    on:input=move |event| typed.set(event_target_value(&event))
                    on:keydown=on_key
                    prop:value=move || typed.get()
                />
                <p role="status" aria-live="polite" class="px-4 pt-2 text-meta text-muted">
                    {move || said(&asked.get(), list.with(Vec::len))}
                </p>
                <ul id="palette-list" role="listbox" tabindex="-1" aria-label="Results" class="min-h-0 flex-1 overflow-y-auto p-2">
                    {move || {
                        let mut before = "";
                        list.get()
                            .into_iter()
                            .enumerate()
                            .map(|(place, line)| {
                                let first = line.heading != before;
                                before = line.heading;
                                option(place, line, first, active)
                            })
                            .collect_view()
                    }}
                </ul>
                <div class="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 border-t border-line px-4 py-2 text-meta text-muted">
                    <span>"↑ ↓ choose · Enter opens · Esc closes"</span>
                    <label class="flex min-h-6 items-center gap-2">
                        <input type="checkbox" prop:checked=move || slash.get() on:change=move |event| wake::keep_slash(slash, event_target_checked(&event))/>
                        "/ opens this too"
                    </label>
                </div>
            </div>
        </dialog>
    }
}

fn option(place: usize, line: Line, first: bool, active: RwSignal<usize>) -> AnyView {
    let href = line.href.clone();
    let class = move || {
        if active.get() == place {
            "flex min-h-9 pointer-coarse:min-h-11 cursor-pointer items-center gap-3 rounded-sm bg-line px-2 py-1.5 text-ui"
        } else {
            "flex min-h-9 pointer-coarse:min-h-11 cursor-pointer items-center gap-3 rounded-sm px-2 py-1.5 text-ui"
        }
    };
    view! {
        {first.then(|| view! { <li role="presentation" class="px-2 pb-1 pt-2 text-meta font-medium text-muted">{line.heading}</li> })}
        <li
            id=format!("palette-{place}")
            role="option"
            aria-selected=move || (active.get() == place).to_string()
            class=class
            on:mousemove=move |_| if active.get_untracked() != place { active.set(place) }
            on:click=move |_| wake::go_to(&href)
        >
            <span class="max-w-full shrink-0 truncate font-medium text-text">{line.label}</span>
            <span class="min-w-0 truncate text-small text-muted">{line.detail}</span>
        </li>
    }
    .into_any()
}

/// What only a browser does.
#[cfg(feature = "hydrate")]
mod wake {
    use super::{Asked, encoded};
    use crate::islands::found::{Answer, lines};
    use leptos::html;
    use leptos::prelude::*;
    use std::time::Duration;
    use wasm_bindgen::closure::Closure;
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Element, KeyboardEvent, MouseEvent, Response, Storage};

    /// Milliseconds without a key before what was typed is searched for.
    const QUIET_MS: u64 = 120;
    /// Records of each kind in the palette.
    const PER_KIND: u32 = 5;
    /// Where a browser remembers that `/` opens nothing.
    const SLASH: &str = "palette-slash";

    fn storage() -> Option<Storage> {
        window().local_storage().ok().flatten()
    }

    /// Whether keys go into something that is typed into.
    fn types(event: &KeyboardEvent) -> bool {
        let Some(element) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return false };
        // A dialog that has just closed keeps the focus until the next frame.
        if element.closest("dialog:not([open])").is_ok_and(|closed| closed.is_some()) {
            return false;
        }
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element.closest("[contenteditable]").is_ok_and(|found| found.is_some())
    }

    /// Opens the palette by its keys, for as long as the page is there.
    pub fn listen(
        dialog: NodeRef<html::Dialog>,
        field: NodeRef<html::Input>,
        typed: RwSignal<String>,
        slash: RwSignal<bool>,
    ) {
        if window().navigator().platform().is_ok_and(|platform| platform.starts_with("Mac"))
            && let Ok(Some(hint)) = document().query_selector("[data-palette-key]")
        {
            hint.set_text_content(Some("⌘ K"));
        }
        slash.set(storage().and_then(|kept| kept.get_item(SLASH).ok().flatten()).as_deref() != Some("off"));
        let on_key = Closure::<dyn FnMut(KeyboardEvent)>::new(move |event: KeyboardEvent| {
            let with_k = event.key().eq_ignore_ascii_case("k")
                && (event.meta_key() || event.ctrl_key())
                && !event.shift_key()
                && !event.alt_key();
            let by_slash = event.key() == "/"
                && slash.get_untracked()
                && !(event.meta_key() || event.ctrl_key() || event.alt_key())
                && !types(&event);
            if !(with_k || by_slash) {
                return;
            }
            event.prevent_default();
            let (Some(dialog), Some(field)) = (dialog.get_untracked(), field.get_untracked()) else { return };
            if dialog.open() {
                dialog.close();
                return;
            }
            typed.set(String::new());
            // Refused only for a dialog that is open or off the page.
            let _ = dialog.show_modal();
            let _ = field.focus();
        });
        // Refused only for a detached target, which a window is not.
        let _ = window().add_event_listener_with_callback("keydown", on_key.as_ref().unchecked_ref());
        // The listener lives as long as the page: the island is never taken off it.
        on_key.forget();
    }

    /// Searches for what was typed once no key came for a while. An answer that something else was typed after is
    /// dropped.
    pub fn search(typed: RwSignal<String>, asked: RwSignal<Asked>, active: RwSignal<usize>) {
        let newest = StoredValue::new(0_u32);
        Effect::new(move |_| {
            let text = typed.get().trim().to_owned();
            let mine = newest.get_value().wrapping_add(1);
            newest.set_value(mine);
            active.set(0);
            if text.chars().count() < 2 {
                asked.set(Asked::Nothing);
                return;
            }
            // What was found before stays in sight until the next answer: nothing flickers.
            asked.update(|asked| {
                if !matches!(asked, Asked::Found(_)) {
                    *asked = Asked::Waiting;
                }
            });
            set_timeout(
                move || {
                    if newest.get_value() != mine {
                        return;
                    }
                    leptos::task::spawn_local(async move {
                        let answer = fetch(&text).await;
                        if newest.get_value() == mine {
                            active.set(0);
                            asked.set(answer.map_or(Asked::Failed, |answer| Asked::Found(lines(answer, &text))));
                        }
                    });
                },
                Duration::from_millis(QUIET_MS),
            );
        });
    }

    async fn fetch(text: &str) -> Option<Answer> {
        let address = format!("/api/v1/search?limit={PER_KIND}&q={}", encoded(text));
        let response: Response = JsFuture::from(window().fetch_with_str(&address)).await.ok()?.dyn_into().ok()?;
        if !response.ok() {
            return None;
        }
        let body: JsValue = JsFuture::from(response.text().ok()?).await.ok()?;
        serde_json::from_str(&body.as_string()?).ok()
    }

    /// Leaves the page.
    pub fn go_to(href: &str) {
        let _ = window().location().set_href(href);
    }

    /// Brings the chosen line into sight, once it is drawn.
    pub fn show_active() {
        request_animation_frame(|| {
            if let Ok(Some(line)) = document().query_selector("#palette-list [aria-selected=true]") {
                let how = web_sys::ScrollIntoViewOptions::new();
                how.set_block(web_sys::ScrollLogicalPosition::Nearest);
                line.scroll_into_view_with_scroll_into_view_options(&how);
            }
        });
    }

    /// A click beside the dialog closes it: only its own box is the event's target there.
    pub fn close_beside(event: &MouseEvent, dialog: NodeRef<html::Dialog>) {
        let Some(dialog) = dialog.get_untracked() else { return };
        let on_itself = event.target().is_some_and(|target| target.loose_eq(dialog.as_ref()));
        if on_itself {
            dialog.close();
        }
    }

    /// Remembers in this browser whether `/` opens the palette.
    pub fn keep_slash(slash: RwSignal<bool>, on: bool) {
        slash.set(on);
        if let Some(kept) = storage() {
            // A browser that keeps nothing forgets it with the page.
            let _ = kept.set_item(SLASH, if on { "on" } else { "off" });
        }
    }
}

/// On the server the palette is closed.
#[cfg(not(feature = "hydrate"))]
mod wake {
    use super::Asked;
    use leptos::html;
    use leptos::prelude::*;

    pub fn listen(_: NodeRef<html::Dialog>, _: NodeRef<html::Input>, _: RwSignal<String>, _: RwSignal<bool>) {}
    pub fn search(_: RwSignal<String>, _: RwSignal<Asked>, _: RwSignal<usize>) {}
    pub fn go_to(_: &str) {}
    pub fn show_active() {}
    pub fn close_beside(_: &leptos::ev::MouseEvent, _: NodeRef<html::Dialog>) {}
    pub fn keep_slash(_: RwSignal<bool>, _: bool) {}
}
