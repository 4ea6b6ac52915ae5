//! Many pairs at once: how many, some of them, and the decision.

use super::ask::Ask;
use super::list::table;
use crate::number::grouped;
use crate::ui::{Button, ButtonKind, EmptyState, Form, IconName, LinkButton, Page};
use app::candidates::{SampleShown, Standing};
use app::engine::Verdict;
use app::engine::bulk::BULK_MAX;
use chrono::{DateTime, TimeDelta, Utc};
use leptos::prelude::*;

/// What is said of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Merge,
    NotAMatch,
    Snooze,
}

impl Decision {
    pub fn named(name: &str) -> Option<Self> {
        [Self::Merge, Self::NotAMatch, Self::Snooze].into_iter().find(|one| one.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::NotAMatch => "not_a_match",
            Self::Snooze => "snooze",
        }
    }

    pub fn verdict(self, now: DateTime<Utc>) -> Verdict {
        match self {
            Self::Merge => Verdict::Merge,
            Self::NotAMatch => Verdict::NotAMatch,
            Self::Snooze => Verdict::Snooze(now + TimeDelta::days(7)),
        }
    }

    /// What the button says, for so many.
    fn button(self, many: u64) -> String {
        let pairs = if many == 1 { "pair".to_owned() } else { format!("{} pairs", grouped(many)) };
        match self {
            Self::Merge => format!("Merge {pairs}"),
            Self::NotAMatch => format!("Tell {pairs} apart"),
            Self::Snooze => format!("Put {pairs} off for a week"),
        }
    }
}

pub fn show(ask: &Ask, decision: Decision, found: SampleShown) -> AnyView {
    let back = ask.href(Standing::Open);
    let up = Some((back.clone(), "Duplicates".to_owned()));
    if found.count == 0 {
        return view! {
            <Page title="Many at once" up=up>
                <EmptyState icon=IconName::CircleCheck title="No pair is left" text="No open pair fits these filters, or somebody else looks at it.">
                    <LinkButton href=back label="Back to the list"/>
                </EmptyState>
            </Page>
        }
        .into_any();
    }
    let all = u64::try_from(found.count).unwrap_or_default();
    let at_once = u64::try_from(BULK_MAX).unwrap_or(u64::MAX).min(all);
    let lead = format!(
        "{} fit your filters; these are the first {}. At most {} are decided at once. Pairs that somebody else looks at are left out.",
        crate::ui::plural(all, "pair", "pairs"),
        found.sample.len(),
        grouped(u64::try_from(BULK_MAX).unwrap_or_default()),
    );
    let mut hidden = ask.filters();
    hidden.push(("decision", decision.name().to_owned()));
    hidden.push(("expect", found.count.to_string()));
    view! {
        <Page title="Many at once" up=up lead=Some(lead.into_any())>
            {table(Standing::Open, found.sample)}
            <Form action="/duplicates/bulk" class="flex flex-wrap gap-2">
                {hidden.into_iter().map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view()}
                <Button label=decision.button(at_once) kind=ButtonKind::Primary/>
                <LinkButton href=back label="Do nothing"/>
            </Form>
        </Page>
    }
    .into_any()
}
