//! The frame around every page: document, sidebar, and the bare frame of the pages before sign-in.

use super::{Icon, IconName, Notice};
use crate::islands::Palette;
use crate::portal::{PageContext, Theme};
use leptos::nonce::use_nonce;
use leptos::prelude::*;

/// The whole HTML document.
#[component]
pub fn Document(
    /// The page's title, first in the browser's tab.
    title: String,
    /// Seconds after which a browser without scripts asks again; for pages that show something going on.
    refresh_s: Option<u32>,
    /// The body.
    children: Children,
) -> impl IntoView {
    let page = expect_context::<PageContext>();
    let theme = match page.theme {
        Theme::System => None,
        Theme::Light => Some("light"),
        Theme::Dark => Some("dark"),
    };
    let site = page.site;
    view! {
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <title>{format!("{title} · Driveline")}</title>
                {refresh_s.map(|seconds| view! {
                    <noscript><meta http-equiv="refresh" content=seconds.to_string()/></noscript>
                })}
                {site.map(|site| view! {
                    <link rel="preload" href=site.font.clone() r#as="font" type="font/woff2" crossorigin="anonymous"/>
                    <link rel="stylesheet" href=site.css.clone()/>
                    <link rel="icon" href=site.icon.clone() type="image/svg+xml"/>
                    <script type="module" src=site.loader.clone() nonce=use_nonce()></script>
                })}
            </head>
            <body class="min-h-dvh">{children()}</body>
        </html>
    }
}

/// A link of the sidebar.
struct Entry {
    href: &'static str,
    label: &'static str,
    icon: IconName,
    /// How many things wait there for a person.
    waiting: u64,
}

/// The frame of the pages after sign-in.
#[component]
pub fn Shell(
    /// The page.
    children: Children,
) -> impl IntoView {
    let page = expect_context::<PageContext>();
    let frame = page.frame.clone().unwrap_or_default();
    let entries = move || {
        let mut entries = vec![
            Entry { href: "/", label: "Home", icon: IconName::House, waiting: 0 },
            Entry { href: "/connections", label: "Connections", icon: IconName::Plug, waiting: 0 },
            Entry { href: "/runs", label: "Runs", icon: IconName::RefreshCw, waiting: 0 },
            Entry { href: "/records", label: "Records", icon: IconName::Users, waiting: 0 },
            Entry { href: "/duplicates", label: "Duplicates", icon: IconName::Copy, waiting: frame.duplicates },
            Entry { href: "/failures", label: "Failures", icon: IconName::TriangleAlert, waiting: frame.needs_you },
        ];
        if !frame.setup_done {
            entries.insert(1, Entry { href: "/setup", label: "Setup", icon: IconName::CircleCheck, waiting: 0 });
        }
        entries.push(Entry { href: "/settings", label: "Settings", icon: IconName::Settings, waiting: 0 });
        entries
    };
    let nav = |entries: Vec<Entry>, path: &str| {
        entries
            .into_iter()
            .map(|entry| {
                let here = if entry.href == "/" {
                    path == "/"
                } else {
                    path == entry.href || path.strip_prefix(entry.href).is_some_and(|rest| rest.starts_with('/'))
                };
                let class = if here {
                    "flex min-h-8 pointer-coarse:min-h-11 items-center gap-2.5 rounded-sm bg-line px-2 text-ui font-medium text-text"
                } else {
                    "flex min-h-8 pointer-coarse:min-h-11 items-center gap-2.5 rounded-sm px-2 text-ui text-muted hover:bg-line hover:text-text"
                };
                view! {
                    <li>
                        <a href=entry.href class=class aria-current=here.then_some("page")>
                            <Icon name=entry.icon/>
                            <span class="flex-1">{entry.label}</span>
                            {(entry.waiting > 0).then(|| view! {
                                <span class="text-meta tabular-nums">
                                    {crate::number::grouped(entry.waiting)}
                                    <span class="sr-only">" waiting for you"</span>
                                </span>
                            })}
                        </a>
                    </li>
                }
            })
            .collect_view()
    };
    let brand = || {
        view! {
            <a href="/" class="flex min-h-8 items-center gap-2 px-2 text-ui font-semibold">
                <span class="text-accent"><Icon name=IconName::Shuffle/></span>
                "Driveline"
            </a>
        }
    };
    let foot = view! { <Foot/> }.into_any();
    let foot_small = view! { <Foot/> }.into_any();
    view! {
        <a href="#content" class="sr-only focus:not-sr-only focus:absolute focus:left-2 focus:top-2 focus:z-10 focus:rounded-sm focus:bg-raised focus:px-3 focus:py-2">
            "Skip to the content"
        </a>
        <div class="lg:grid lg:min-h-dvh lg:grid-cols-[240px_1fr]">
            <aside class="sticky top-0 hidden h-dvh flex-col gap-4 border-r border-line bg-sunken p-3 lg:flex">
                {brand()}
                <FindForm/>
                <nav aria-label="Main" class="flex-1 overflow-y-auto">
                    <ul class="flex flex-col gap-0.5">{nav(entries(), &page.path)}</ul>
                </nav>
                {foot}
            </aside>
            <header class="flex items-start justify-between border-b border-line bg-sunken p-2 lg:hidden">
                {brand()}
                <a href="/search" class="ml-auto flex min-h-8 pointer-coarse:min-h-11 items-center gap-1.5 rounded-sm px-2 text-ui font-medium">
                    <Icon name=IconName::Search/> "Search"
                </a>
                <details class="group relative">
                    <summary class="flex min-h-8 pointer-coarse:min-h-11 cursor-pointer list-none items-center gap-1 rounded-sm px-2 text-ui font-medium">
                        "Menu" <Icon name=IconName::ChevronDown/>
                    </summary>
                    <div class="absolute right-0 z-10 mt-1 flex w-64 flex-col gap-4 rounded-md border border-line bg-raised p-2 shadow-float">
                        <nav aria-label="Main, small screen">
                            <ul class="flex flex-col gap-0.5">{nav(entries(), &page.path)}</ul>
                        </nav>
                        {foot_small}
                    </div>
                </details>
            </header>
            <main id="content" class="min-w-0">
                <div class="mx-auto flex max-w-content flex-col gap-6 px-4 py-5 sm:px-8 sm:py-6">
                    {page.notice.map(|text| view! { <Notice text=text/> })}
                    {children()}
                </div>
            </main>
        </div>
        <Palette places=page.places/>
    }
}

/// The search of every page; it works without scripts, and what is beyond doubt is gone to at once.
#[component]
fn FindForm() -> impl IntoView {
    view! {
        <form method="get" action="/search" role="search" aria-label="Find anything" class="relative">
            <input type="hidden" name="go" value="1"/>
            <label for="find" class="sr-only">"Search everything"</label>
            <span class="pointer-events-none absolute inset-y-0 left-2 flex items-center text-muted"><Icon name=IconName::Search/></span>
            <input
                id="find" name="q" type="search" autocomplete="off" maxlength="200" placeholder="Search" aria-keyshortcuts="Control+K Meta+K"
                class="w-full min-h-8 pointer-coarse:min-h-11 rounded-sm border border-line bg-raised py-1 pl-8 pr-14 text-ui text-text placeholder:text-muted"
            />
            <kbd data-palette-key aria-hidden="true" class="pointer-events-none absolute inset-y-0 right-2 flex items-center text-meta text-muted">"Ctrl K"</kbd>
        </form>
    }
}

/// Group and person, light or dark, sign out.
#[component]
fn Foot() -> impl IntoView {
    let page = expect_context::<PageContext>();
    let frame = page.frame.clone().unwrap_or_default();
    let (next, label, icon) = match page.theme {
        Theme::System => ("dark", "Dark colors", IconName::Moon),
        Theme::Dark => ("light", "Light colors", IconName::Sun),
        Theme::Light => ("system", "Colors of this device", IconName::Gauge),
    };
    view! {
        <div class="flex flex-col gap-1 border-t border-line pt-3">
            <p class="flex flex-col px-2">
                <span class="truncate text-small font-medium">{frame.group}</span>
                <span class="truncate text-meta text-muted">{frame.person}</span>
            </p>
            <form method="post" action="/theme">
                <input type="hidden" name="csrf" value=page.csrf.clone()/>
                <input type="hidden" name="back" value=page.path.clone()/>
                <button type="submit" name="theme" value=next class="flex min-h-8 pointer-coarse:min-h-11 w-full items-center gap-2.5 rounded-sm px-2 text-small text-muted hover:bg-line hover:text-text">
                    <Icon name=icon/>{label}
                </button>
            </form>
            <form method="post" action="/sign-out">
                <input type="hidden" name="csrf" value=page.csrf.clone()/>
                <button type="submit" class="flex min-h-8 pointer-coarse:min-h-11 w-full items-center gap-2.5 rounded-sm px-2 text-small text-muted hover:bg-line hover:text-text">
                    <Icon name=IconName::LogOut/>"Sign out"
                </button>
            </form>
        </div>
    }
}

/// The frame of the pages before sign-in: one column in the middle.
#[component]
pub fn Bare(
    /// The only `h1`.
    #[prop(into)]
    title: String,
    /// One line below it.
    #[prop(optional, into)]
    lead: String,
    /// The page.
    children: Children,
) -> impl IntoView {
    let page = expect_context::<PageContext>();
    view! {
        <main class="mx-auto flex min-h-dvh max-w-form flex-col justify-center gap-6 px-4 py-10">
            <p class="flex items-center gap-2 text-ui font-semibold">
                <span class="text-accent"><Icon name=IconName::Shuffle/></span>
                "Driveline"
            </p>
            {page.notice.map(|text| view! { <Notice text=text/> })}
            <div class="flex flex-col gap-1">
                <h1 class="text-title font-semibold">{title}</h1>
                {(!lead.is_empty()).then(|| view! { <p class="text-small text-muted">{lead}</p> })}
            </div>
            {children()}
        </main>
    }
}
