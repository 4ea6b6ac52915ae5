//! A cluster: all records that open questions connect, decided together.

use super::list::percent;
use crate::pages::records::plain_json;
use crate::ui::{
    Button, ButtonKind, EmptyState, Form, IconName, LinkButton, NUMBER, Page, ROW, Section, Status, TD, Table, Tone,
    plural,
};
use app::candidates::{ClusterLink, ClusterShown};
use app::records::RecordShown;
use domain::{CandidateId, Field, GoldenId};
use leptos::prelude::*;
use std::collections::BTreeSet;

/// So many fields tell one record from another at a glance.
const FIELDS_SHOWN: usize = 6;

pub fn show(id: CandidateId, cluster: ClusterShown) -> AnyView {
    let ClusterShown { members, links, is_cut } = cluster;
    let up = Some((format!("/duplicates/{id}"), "The pair".to_owned()));
    if members.len() < 2 {
        return view! {
            <Page title="Who of them is one?" up=up>
                <EmptyState icon=IconName::CircleCheck title="Nobody is left to decide" text="All questions about these records are answered.">
                    <LinkButton href="/duplicates" label="See the other pairs"/>
                </EmptyState>
            </Page>
        }
        .into_any();
    }
    let lead = format!(
        "{} that may be one. The oldest that you keep goes on; each pair can be undone by itself.",
        plural(members.len() as u64, "record", "records")
    );
    let titles: Vec<(GoldenId, String)> = members.iter().map(|record| (record.id, record.title.clone())).collect();
    view! {
        <Page title="Who of them is one?" up=up lead=Some(lead.into_any())>
            {is_cut.then(|| view! { <p class="text-small text-warn" role="status">"There may be more. Decide these first; the rest is shown then."</p> })}
            <Form action=format!("/duplicates/{id}/cluster") label="Decide the cluster">
                <Table caption="The records of this cluster" heads=&["Record", "What it says", "Told by", "What you say"]>
                    {members.into_iter().map(member).collect_view()}
                </Table>
                <div><Button label="Decide them" kind=ButtonKind::Primary/></div>
            </Form>
            <Section title="What connects them">
                <Table caption="Open questions among them" heads=&["One", "The other", "Why it is doubtful", "#Likeness", "Looked at by"]>
                    {links.into_iter().map(|link| question(link, &titles)).collect_view()}
                </Table>
            </Section>
        </Page>
    }
    .into_any()
}

fn member(record: RecordShown) -> AnyView {
    let id = record.id;
    let says: Vec<String> = record
        .fields
        .iter()
        .filter_map(|shown| {
            let field = Field::named(record.object, &shown.name)?;
            Some(format!("{}: {}", shown.label, plain_json(field, &shown.value)))
        })
        .take(FIELDS_SHOWN)
        .collect();
    let systems: BTreeSet<String> = record.sources.iter().map(|source| source.connection_name.clone()).collect();
    let choice = |value: &'static str, label: &'static str, checked: bool| {
        view! {
            <label class="flex min-h-6 pointer-coarse:min-h-11 items-center gap-2 whitespace-nowrap text-small">
                <input type="radio" name=format!("says-{id}") value=value checked=checked class="size-4 accent-accent"/>
                {label}
            </label>
        }
    };
    view! {
        <tr class=ROW>
            <td class=TD>
                <a class="font-medium hover:underline" href=format!("/records/{id}")>{record.title.clone()}</a>
                <input type="hidden" name="member" value=id.to_string()/>
            </td>
            <td class=TD>
                <ul>{says.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
            </td>
            <td class=TD>{systems.into_iter().collect::<Vec<_>>().join(", ")}</td>
            <td class=TD>
                <fieldset class="flex flex-col">
                    <legend class="sr-only">{format!("What you say of {}", record.title)}</legend>
                    {choice("keep", "One of them", true)}
                    {choice("drop", "Somebody else", false)}
                    {choice("leave", "Decide later", false)}
                </fieldset>
            </td>
        </tr>
    }
    .into_any()
}

fn question(link: ClusterLink, titles: &[(GoldenId, String)]) -> AnyView {
    let title =
        |id: GoldenId| titles.iter().find(|(of, _)| *of == id).map(|(_, title)| title.clone()).unwrap_or_default();
    view! {
        <tr class=ROW>
            <td class=TD><a class="font-medium hover:underline" href=format!("/duplicates/{}", link.id)>{title(link.left)}</a></td>
            <td class=TD>{title(link.right)}</td>
            <td class=TD>{link.reason}</td>
            <td class=NUMBER>{percent(link.score)}</td>
            <td class=TD>
                {link.claim.map(|claim| {
                    let word = if claim.is_mine { "You".to_owned() } else { claim.by };
                    view! { <Status tone=Tone::Info word=word/> }
                })}
            </td>
        </tr>
    }
    .into_any()
}
