//! A funnel: how many came in, and how many were left after each stage.

use super::grouped;
use leptos::prelude::*;

/// One stage.
pub struct FunnelStage {
    /// What it counts.
    pub label: &'static str,
    /// How many.
    pub count: u64,
    /// Why the rest fell out, or what it means.
    pub note: String,
}

/// The stages as bars; the numbers stand beside them, so that nothing is told by length alone.
#[component]
pub fn Funnel(
    /// In order.
    stages: Vec<FunnelStage>,
) -> impl IntoView {
    let most = stages.iter().map(|stage| stage.count).max().unwrap_or(0).max(1);
    view! {
        <ol class="flex flex-col gap-1">
            {stages
                .into_iter()
                .map(|stage| {
                    let width = (stage.count.saturating_mul(100) / most).to_string();
                    view! {
                        <li class="grid grid-cols-[6rem_1fr_auto] items-center gap-x-3 text-small sm:grid-cols-[7rem_1fr_5rem_12rem]">
                            <span class="text-muted">{stage.label}</span>
                            <svg viewBox="0 0 100 8" preserveAspectRatio="none" class="h-2 w-full rounded-sm bg-sunken text-accent" aria-hidden="true">
                                <rect width=width height="8" fill="currentColor"></rect>
                            </svg>
                            <span class="text-right font-medium tabular-nums">{grouped(stage.count)}</span>
                            <span class="col-span-3 text-meta text-muted sm:col-span-1">{stage.note}</span>
                        </li>
                    }
                })
                .collect_view()}
        </ol>
    }
}
