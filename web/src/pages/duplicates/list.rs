//! The list of pairs.

use super::PAGE_SIZE;
use super::ask::Ask;
use crate::pages::words;
use crate::ui::{
    Button, ButtonKind, Choice, EmptyState, Field, Form, IconName, LinkButton, NUMBER, Page, Pager, ROW, Section,
    Status, TD, Tab, Table, Tabs, Tone, Until, When, plural,
};
use app::candidates::{CandidateShown, Standing};
use domain::ObjectKind;
use leptos::prelude::*;

/// What a state is called in the tabs.
const fn tab_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Open => "To decide",
        Standing::Snoozed => "Put off",
        Standing::Joined => "Joined by Driveline",
        Standing::Merged => "Merged",
        Standing::NotAMatch => "Not a match",
    }
}

const TABS: [Standing; 5] =
    [Standing::Open, Standing::Snoozed, Standing::Joined, Standing::Merged, Standing::NotAMatch];

pub fn show(ask: Ask, pairs: Vec<CandidateShown>, many: u64, connections: Vec<(String, String)>) -> AnyView {
    let standing = ask.standing;
    let full = pairs.len() == usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let next = pairs.last().filter(|_| full).map(|pair| ask.behind(&pair.place));
    let start = ask.after.map(|_| ask.href(standing));
    let free = |pair: &&CandidateShown| pair.claim.as_ref().is_none_or(|claim| claim.is_mine);
    let begin = pairs.iter().find(free).filter(|_| standing == Standing::Open).map(|pair| pair.id);
    let tabs = TABS
        .into_iter()
        .map(|one| Tab { href: ask.href(one), label: tab_name(one).to_owned(), current: one == standing })
        .collect();
    let lead = match standing {
        Standing::Open => {
            "Pairs that may be one and the same. Driveline joins the clear ones; these are for you, those with the most at stake first."
        }
        Standing::Snoozed => "Pairs that somebody put off. They come back by themselves.",
        Standing::Joined => "Pairs beyond doubt, joined without asking. Open one to see why, and to undo it.",
        Standing::Merged => "Pairs that somebody merged. Open one to undo it.",
        Standing::NotAMatch => {
            "Pairs that somebody told apart. Nobody is asked again unless what they say of who they are changes."
        }
    };
    let filtered = !ask.filters().is_empty();
    view! {
        <Page
            title="Duplicates"
            lead=Some(lead.into_any())
            actions=begin.map(|id| view! { <LinkButton href=format!("/duplicates/{id}") label="Review the first" kind=ButtonKind::Primary/> }.into_any())
        >
            <Tabs label="Pairs by how they stand" tabs=tabs/>
            {(filtered || !pairs.is_empty()).then(|| filters(&ask, connections))}
            {if pairs.is_empty() {
                empty(&ask, filtered)
            } else {
                view! {
                    <p class="text-meta text-muted" role="status">{counted(standing, many)}</p>
                    {table(standing, pairs)}
                    <Pager first=start next=next/>
                    {(standing == Standing::Open).then(|| many_at_once(&ask))}
                }
                    .into_any()
            }}
        </Page>
    }
    .into_any()
}

fn counted(standing: Standing, many: u64) -> String {
    match standing {
        Standing::Open => plural(many, "pair waits", "pairs wait"),
        Standing::Snoozed | Standing::Joined | Standing::Merged | Standing::NotAMatch => plural(many, "pair", "pairs"),
    }
}

fn empty(ask: &Ask, filtered: bool) -> AnyView {
    if filtered {
        let all = Ask::default().href(ask.standing);
        return view! {
            <EmptyState icon=IconName::Search title="No pair fits these filters" text="Others may be there.">
                <LinkButton href=all label="Show all"/>
            </EmptyState>
        }
        .into_any();
    }
    let (title, text) = match ask.standing {
        Standing::Open => {
            ("No doubtful pairs", "When two records look alike but it is not beyond doubt, they wait here for you.")
        }
        Standing::Snoozed => ("Nothing is put off", "A pair that you put off is kept here until its time."),
        Standing::Joined => ("Nothing was joined yet", "What Driveline joins by itself is listed here, with its undo."),
        Standing::Merged => ("Nothing was merged yet", "What people merge is listed here, with its undo."),
        Standing::NotAMatch => ("Nothing was told apart yet", "What people tell apart is remembered here."),
    };
    view! {
        <EmptyState icon=IconName::CircleCheck title=title text=text>
            <LinkButton href="/records" label="See the records"/>
        </EmptyState>
    }
    .into_any()
}

fn filters(ask: &Ask, connections: Vec<(String, String)>) -> AnyView {
    let mut kinds = vec![(String::new(), "All kinds".to_owned())];
    kinds.extend(ObjectKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), words::capitalised(kind.plural()))));
    let mut systems = vec![(String::new(), "All systems".to_owned())];
    systems.extend(connections);
    let percent = |value: Option<u8>| value.map(|value| value.to_string()).unwrap_or_default();
    let clear = (!ask.filters().is_empty()).then(|| Ask::default().href(ask.standing));
    view! {
        <form method="get" action="/duplicates" aria-label="Filters" class="flex flex-wrap items-end gap-3">
            <input type="hidden" name="state" value=ask.standing.name()/>
            <Choice name="object" label="Kind" value=ask.object.map(|kind| kind.name().to_owned()).unwrap_or_default() options=kinds/>
            <Choice name="connection" label="System" value=ask.connection.map(|id| id.to_string()).unwrap_or_default() options=systems/>
            <Field name="min" label="Likeness from %" kind="number" value=percent(ask.min) required=false/>
            <Field name="max" label="to %" kind="number" value=percent(ask.max) required=false/>
            <Button label="Filter"/>
            {clear.map(|href| view! { <LinkButton href=href label="Clear"/> })}
        </form>
    }
    .into_any()
}

pub fn table(standing: Standing, pairs: Vec<CandidateShown>) -> AnyView {
    let heads: &'static [&'static str] = if standing.is_decided() {
        &["One", "The other", "Why", "#Likeness", "Decided by", "When"]
    } else {
        &["One", "The other", "Why it is doubtful", "#Likeness", "#At stake", "Looked at by", "Since"]
    };
    view! {
        <Table caption=tab_name(standing) heads=heads>
            {pairs
                .into_iter()
                .map(|pair| {
                    let (left, right) = pair.titles();
                    let (left, right) = (left.to_owned(), right.to_owned());
                    let by = pair.decided_by.clone().unwrap_or_else(|| "Driveline".to_owned());
                    view! {
                        <tr class=ROW>
                            <td class=TD><a class="font-medium hover:underline" href=format!("/duplicates/{}", pair.id)>{left}</a></td>
                            <td class=TD>{right}</td>
                            <td class=TD>{pair.reason}</td>
                            <td class=NUMBER>{percent(pair.score)}</td>
                            {if standing.is_decided() {
                                view! {
                                    <td class=TD>{by}</td>
                                    <td class=TD><Until at=pair.decided_at/></td>
                                }
                                    .into_any()
                            } else {
                                view! {
                                    <td class=NUMBER>{pair.stake}</td>
                                    <td class=TD>
                                        {pair.claim.map(|claim| {
                                            let word = if claim.is_mine { "You".to_owned() } else { claim.by };
                                            view! { <Status tone=Tone::Info word=word/> }
                                        })}
                                    </td>
                                    <td class=TD><When at=pair.created_at/></td>
                                }
                                    .into_any()
                            }}
                        </tr>
                    }
                })
                .collect_view()}
        </Table>
    }
    .into_any()
}

/// All that the filter shows, after a look at some.
fn many_at_once(ask: &Ask) -> AnyView {
    let filters = ask.words();
    let href = move |decision: &str| format!("/duplicates/bulk?decision={decision}{filters}");
    view! {
        <Section title="Many at once">
            <p class="text-small text-muted">"Decide all pairs that these filters show. You see some of them first; each decision has its own undo."</p>
            <div class="flex flex-wrap gap-2">
                {[("merge", "All are one…"), ("not_a_match", "All are two…"), ("snooze", "Put all off for a week…")]
                    .map(|(decision, label)| view! { <LinkButton href=href(decision) label=label/> })}
            </div>
        </Section>
    }
    .into_any()
}

pub fn percent(score: f32) -> String {
    // What is asked is in doubt: it must not read as certain.
    if score >= 0.995 {
        return "over 99 %".to_owned();
    }
    format!("{:.0} %", score.clamp(0.0, 1.0) * 100.0)
}

/// On to the next pair of the queue.
pub fn next_form(label: &'static str) -> AnyView {
    view! {
        <Form action="/duplicates/next" class="contents">
            <Button label=label kind=ButtonKind::Primary/>
        </Form>
    }
    .into_any()
}
