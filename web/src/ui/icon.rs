//! Icons: Lucide's drawings, inlined into the page. `web/build/icons.mjs` brings a new one into `web/icons`.

use leptos::prelude::*;

macro_rules! icons {
    ($($variant:ident => $file:literal,)+) => {
        /// Which icon.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IconName {
            $(#[doc = concat!("Lucide's `", $file, "`.")] $variant,)+
        }

        impl IconName {
            /// The drawing inside the `<svg>`.
            const fn drawing(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../icons/", $file, ".svg")),)+
                }
            }
        }
    };
}

icons! {
    ArrowLeft => "arrow-left",
    ArrowRight => "arrow-right",
    Bell => "bell",
    Building2 => "building-2",
    Car => "car",
    Check => "check",
    ChevronDown => "chevron-down",
    ChevronRight => "chevron-right",
    CircleAlert => "circle-alert",
    CircleCheck => "circle-check",
    Clock => "clock",
    Copy => "copy",
    Download => "download",
    Ellipsis => "ellipsis",
    ExternalLink => "external-link",
    FileText => "file-text",
    Gauge => "gauge",
    History => "history",
    House => "house",
    Inbox => "inbox",
    Info => "info",
    KeyRound => "key-round",
    Link => "link",
    LogOut => "log-out",
    Mail => "mail",
    Megaphone => "megaphone",
    Moon => "moon",
    Pause => "pause",
    Play => "play",
    Plug => "plug",
    Plus => "plus",
    RefreshCw => "refresh-cw",
    ScrollText => "scroll-text",
    Search => "search",
    Settings => "settings",
    ShieldCheck => "shield-check",
    Shuffle => "shuffle",
    Sun => "sun",
    TriangleAlert => "triangle-alert",
    Undo2 => "undo-2",
    Upload => "upload",
    User => "user",
    Users => "users",
    Wrench => "wrench",
    X => "x",
}

/// A 16 px icon in the colour of the text around it. It says nothing to a screen reader: the word beside it does.
#[component]
pub fn Icon(
    /// Which one.
    name: IconName,
    /// Classes that change its size or colour.
    #[prop(default = "size-4 shrink-0")]
    class: &'static str,
) -> impl IntoView {
    view! {
        <svg
            class=class
            viewBox="0 0 24 24"
            fill="none"
            stroke="currentColor"
            stroke-width="2"
            stroke-linecap="round"
            stroke-linejoin="round"
            aria-hidden="true"
            focusable="false"
            inner_html=name.drawing()
        ></svg>
    }
}
