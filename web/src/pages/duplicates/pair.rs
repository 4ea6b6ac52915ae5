//! One pair: side by side, what would survive and who wins, why they may be one, and the decision.

use super::list::{next_form, percent};
use crate::pages::records::plain_json;
use crate::ui::{
    Button, ButtonKind, Compare, CompareRow, FallStep, Form, IconName, LinkButton, Page, Section, Side, Status, Tone,
    Until, Waterfall, When, plural,
};
use app::candidates::{CandidateShown, LinkShown, PairShown, Standing};
use app::records::RecordShown;
use app::views::record::decision_words;
use domain::{CandidateId, Field};
use leptos::prelude::*;
use std::collections::BTreeSet;

pub fn show(page: PairShown, open: u64) -> AnyView {
    let PairShown { pair, link, survivors } = page;
    let (id, state) = (pair.id, pair.state);
    let (tone, word) = match state {
        Standing::Open => (Tone::Warn, "Waits for you"),
        Standing::Snoozed => (Tone::Quiet, "Put off"),
        Standing::Merged => (Tone::Good, "Merged"),
        Standing::Joined => (Tone::Good, "Joined by Driveline"),
        Standing::NotAMatch => (Tone::Quiet, "Not a match"),
    };
    let other = pair.claim.clone().filter(|claim| !claim.is_mine);
    let (decided_at, decided_by, snoozed) = (pair.decided_at, pair.decided_by.clone(), pair.snoozed_until);
    let reason = pair.reason.clone();
    let facts = format!(
        " · likeness {} · {} at stake · {}",
        percent(pair.score),
        pair.stake,
        plural(open, "pair waits", "pairs wait")
    );
    let asks = !state.is_decided();
    let actions = actions(id, state, other.is_some());
    view! {
        <Page
            title="One or two?"
            up=Some(("/duplicates".to_owned(), "Duplicates".to_owned()))
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=Some(view! {
                {reason} {facts}
                {decided_at.map(|at| view! {
                    " · decided " <When at=at/> {format!(" by {}", decided_by.unwrap_or_else(|| "Driveline".to_owned()))}
                })}
                {snoozed.is_some().then(|| view! { " · comes back " <Until at=snoozed/> })}
            }.into_any())
            actions=Some(actions)
        >
            {other.map(|claim| view! {
                <p role="status" class="rounded-md border border-line bg-raised px-4 py-2 text-small">
                    <span class="font-medium">{claim.by}</span>
                    " is looking at this pair. It can be decided by you "
                    <When at=claim.until/>
                    ", or as soon as they let go of it."
                </p>
            })}
            {comparison(&pair, survivors)}
            {link.map(why)}
            {asks.then(|| view! {
                <Section title="More of them">
                    <p class="text-small text-muted">"Where more than two may be one, decide all of them together and leave out who does not belong."</p>
                    <div><LinkButton href=format!("/duplicates/{id}/cluster") label="See the whole cluster"/></div>
                </Section>
            })}
        </Page>
    }
    .into_any()
}

fn actions(id: CandidateId, state: Standing, is_anothers: bool) -> AnyView {
    let form = move |what: &str| format!("/duplicates/{id}/{what}");
    let skip = view! {
        <Form action=form("skip") class="contents">
            <Button label="Skip"/>
        </Form>
    };
    let undo = view! {
        <Form action=form("undo") class="contents">
            <Button label="Undo" icon=Some(IconName::Undo2)/>
        </Form>
    };
    match state {
        Standing::Open | Standing::Snoozed if is_anothers => skip.into_any(),
        Standing::Open => view! {
            <Form action=form("merge") class="contents">
                <Button label="Merge" kind=ButtonKind::Primary/>
            </Form>
            <Form action=form("not-a-match") class="contents">
                <Button label="Not a match"/>
            </Form>
            <Form action=form("snooze") class="contents">
                <Button label="Ask in a day" name="days" value="1" describes="put this pair off"/>
                <Button label="Ask in a week" name="days" value="7" describes="put this pair off"/>
            </Form>
            {skip}
        }
        .into_any(),
        Standing::Snoozed => view! { {undo} {next_form("Next pair")} }.into_any(),
        Standing::Merged | Standing::Joined | Standing::NotAMatch => {
            view! { {undo} {next_form("Next pair")} }.into_any()
        }
    }
}

/// One, the other, and what survives, with who wins.
fn comparison(pair: &CandidateShown, survivors: Vec<app::candidates::SurvivorShown>) -> AnyView {
    let merged = matches!(pair.state, Standing::Merged | Standing::Joined);
    let side = |record: Option<&RecordShown>| {
        let title = record.map_or("A record that is gone", |record| record.title.as_str()).to_owned();
        let subtitle = record.map(|record| {
            let systems: BTreeSet<&str> = record.sources.iter().map(|source| source.connection_name.as_str()).collect();
            let systems = systems.into_iter().collect::<Vec<_>>().join(", ");
            let from = format!("{systems} · {} ", plural(record.sources.len() as u64, "record", "records"));
            view! { {from} <a class="underline" href=format!("/records/{}", record.id)>"its record"</a> }
        });
        Side { title, subtitle: subtitle.into_any() }
    };
    let sides = vec![
        side(pair.left.as_ref()),
        side(pair.right.as_ref()),
        Side {
            title: if merged { "The merged record".to_owned() } else { "If you merge".to_owned() },
            subtitle: "what survives".into_any(),
        },
    ];
    let value_of = |record: Option<&RecordShown>, field: Field| {
        let found = record?.fields.iter().find(|shown| shown.name == field.name())?;
        Some(plain_json(field, &found.value))
    };
    let rows = Field::of(pair.object)
        .filter_map(|field| {
            let (left, right) = (value_of(pair.left.as_ref(), field), value_of(pair.right.as_ref(), field));
            let kept = survivors.iter().find(|one| one.field.name == field.name());
            if left.is_none() && right.is_none() && kept.is_none() {
                return None;
            }
            let differs = left.is_some() && right.is_some() && left != right;
            let word = if differs { " · differs" } else { "" };
            let wins = kept.map(|one| (one.system.clone(), decision_words(one.field.rule)));
            Some(CompareRow {
                label: field.spec().label.to_owned(),
                values: vec![left, right, kept.map(|one| plain_json(field, &one.field.value))],
                differs,
                note: view! {
                    {wins.map(|(system, rule)| view! {
                        <span class="font-medium">{system}</span>
                        <span class="block text-meta text-muted">{format!("{rule}{word}")}</span>
                    })}
                }
                .into_any(),
            })
        })
        .collect();
    view! { <Compare caption="The two records and what would survive a merge" sides=sides rows=rows last="Who wins"/> }
        .into_any()
}

/// The waterfall of the best link.
fn why(link: LinkShown) -> AnyView {
    let steps = link
        .steps
        .into_iter()
        .map(|step| FallStep { label: about(&step.about), found: step.found, bits: step.bits })
        .collect();
    let sum = format!(
        "In sum {:.1} bits: {} by the model {}. Each bit for doubles the odds that they are one; each bit against halves them.",
        link.log2_odds,
        percent(link.probability),
        link.model
    );
    view! {
        <Section title="Why they may be one">
            <Waterfall steps=steps/>
            <p class="text-meta text-muted">{sum}</p>
        </Section>
    }
    .into_any()
}

/// What is weighed, in a dealer's words.
fn about(about: &str) -> String {
    match about {
        "prior" => "Any two records".to_owned(),
        "rule" => "A rule of yours".to_owned(),
        "first" => "First name".to_owned(),
        "middle" => "Middle name".to_owned(),
        "last" => "Last name".to_owned(),
        "email" => "E-mail".to_owned(),
        "vin" => "VIN".to_owned(),
        other => crate::pages::words::capitalised(&other.replace('_', " ")),
    }
}
