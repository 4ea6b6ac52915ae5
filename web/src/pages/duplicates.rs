//! Duplicates: pairs that may be one, side by side, with what would survive; merge, tell apart, undo.

use super::records::plain;
use crate::portal::{Answer, PageProblem, Posted, Query, Visitor, see_other};
use crate::ui::{
    Button, ButtonKind, Compare, CompareRow, EmptyState, Form, IconName, LinkButton, NUMBER, Page, Pager, ROW, Side,
    Status, TD, Table, Tone, Until, When, plural,
};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::engine::candidates::Verdict;
use app::views::duplicate::{PairLine, PairPage, PairState};
use app::views::record::SourceView;
use domain::{CandidateId, Field};
use leptos::prelude::*;

/// Pairs of one page of the list.
const PAGE_SIZE: u32 = 50;

/// `GET /duplicates`
pub async fn list(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let after =
        query.0.text("after").split_once('_').and_then(|(score, id)| Some((score.parse().ok()?, id.parse().ok()?)));
    let pairs = app.views().pairs(&visitor.scope, after, PAGE_SIZE).await?;
    let open = app.views().pairs_open(&visitor.scope).await?;
    Ok(Answer::to(&request, &visitor, "Duplicates").page(|| show_list(pairs, open, after.is_some())))
}

/// `GET /duplicates/{id}`
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let page = app.views().pair(&visitor.scope, id.into_inner()).await?.ok_or(PageProblem::Missing)?;
    Ok(Answer::to(&request, &visitor, format!("{} and {}", page.line.left, page.line.right)).page(|| show(page)))
}

/// `POST /duplicates/{id}/{merge, not-a-match, undo}`
pub async fn decide(
    posted: Posted,
    path: web::Path<(CandidateId, String)>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let (id, what) = path.into_inner();
    let scope = &posted.visitor.scope;
    let (verdict, done) = match what.as_str() {
        "merge" => (Verdict::Merge, "merged"),
        "not-a-match" => (Verdict::NotAMatch, "not-a-match"),
        "undo" => (Verdict::Undo, "undone"),
        _ => return Err(PageProblem::Missing),
    };
    app.engine().decide_candidate(scope, id, verdict).await?;
    Ok(see_other(format!("/duplicates/{id}?done={done}")))
}

fn show_list(pairs: Vec<PairLine>, open: u64, later: bool) -> AnyView {
    let full = pairs.len() == usize::try_from(PAGE_SIZE).unwrap_or(usize::MAX);
    let next = pairs.last().filter(|_| full).map(|pair| format!("/duplicates?after={}_{}", pair.score, pair.id));
    let begin = pairs.first().map(|pair| format!("/duplicates/{}", pair.id));
    view! {
        <Page
            title="Duplicates"
            lead=Some(view! { "Pairs that may be one and the same. Rules decided the clear ones; these are for you, likeliest first." }.into_any())
            actions=begin.map(|href| view! { <LinkButton href=href label="Review the first" kind=ButtonKind::Primary/> }.into_any())
        >
            {if pairs.is_empty() {
                view! {
                    <EmptyState icon=IconName::CircleCheck title="No doubtful pairs" text="When two records look alike but no rule decides, they wait here for you.">
                        <LinkButton href="/records" label="See the records"/>
                    </EmptyState>
                }
                    .into_any()
            } else {
                view! {
                    <p class="text-meta text-muted">{plural(open, "pair waits", "pairs wait")}</p>
                    <Table caption="Pairs that wait for a decision" heads=&["One", "The other", "Why it is doubtful", "#Likeness", "Since"]>
                        {pairs
                            .into_iter()
                            .map(|pair| view! {
                                <tr class=ROW>
                                    <td class=TD><a class="font-medium hover:underline" href=format!("/duplicates/{}", pair.id)>{pair.left}</a></td>
                                    <td class=TD>{pair.right}</td>
                                    <td class=TD>{pair.reason}</td>
                                    <td class=NUMBER>{percent(pair.score)}</td>
                                    <td class=TD><When at=pair.created_at/></td>
                                </tr>
                            })
                            .collect_view()}
                    </Table>
                    <Pager first=later.then(|| "/duplicates".to_owned()) next=next/>
                }
                    .into_any()
            }}
        </Page>
    }
    .into_any()
}

fn percent(score: f32) -> String {
    format!("{:.0} %", score.clamp(0.0, 1.0) * 100.0)
}

fn show(page: PairPage) -> AnyView {
    let id = page.line.id;
    let (tone, word) = match page.state {
        PairState::Open => (Tone::Warn, "Waits for you"),
        PairState::Merged => (Tone::Good, "Merged"),
        PairState::NotAMatch => (Tone::Quiet, "Not a match"),
    };
    let next = page.next;
    let actions = match page.state {
        PairState::Open => view! {
            <Form action=format!("/duplicates/{id}/merge") class="contents">
                <Button label="Merge" kind=ButtonKind::Primary/>
            </Form>
            <Form action=format!("/duplicates/{id}/not-a-match") class="contents">
                <Button label="Not a match"/>
            </Form>
            {next.map(|next| view! { <LinkButton href=format!("/duplicates/{next}") label="Skip"/> })}
        }
        .into_any(),
        PairState::Merged | PairState::NotAMatch => view! {
            <Form action=format!("/duplicates/{id}/undo") class="contents">
                <Button label="Undo" icon=Some(IconName::Undo2)/>
            </Form>
            {next.map(|next| view! { <LinkButton href=format!("/duplicates/{next}") label="Next pair" kind=ButtonKind::Primary/> })}
        }
        .into_any(),
    };
    let decided = page.decided_at;
    let open = page.open;
    let reason = page.line.reason.clone();
    let likeness = percent(page.line.score);
    view! {
        <Page
            title="One or two?"
            up=Some(("/duplicates".to_owned(), "Duplicates".to_owned()))
            beside=Some(view! { <Status tone=tone word=word/> }.into_any())
            lead=Some(view! {
                {reason} {format!(" · likeness {likeness} · {}", plural(open, "pair waits", "pairs wait"))}
                {decided.is_some().then(|| view! { " · decided " <Until at=decided/> })}
            }.into_any())
            actions=Some(actions)
        >
            {comparison(page)}
        </Page>
    }
    .into_any()
}

/// One, the other, and what would survive.
fn comparison(page: PairPage) -> AnyView {
    let merged = page.state == PairState::Merged;
    let object = page.line.object;
    let told = |sources: &[SourceView]| {
        sources.iter().map(|source| source.connection_name.clone()).collect::<Vec<_>>().join(", ")
    };
    let side = |title: &str, id: domain::GoldenId, sources: &[SourceView]| {
        let from = told(sources);
        Side {
            title: title.to_owned(),
            subtitle: view! { {from} " " <a class="underline" href=format!("/records/{id}")>"its record"</a> }
                .into_any(),
        }
    };
    let sides = vec![
        side(&page.line.left, page.left.id, &page.left_sources),
        side(&page.line.right, page.right.id, &page.right_sources),
        Side {
            title: if merged { "The merged record".to_owned() } else { "If you merge".to_owned() },
            subtitle: "what survives".into_any(),
        },
    ];
    let rows = Field::of(object)
        .filter_map(|field| {
            let (left, right, both) =
                (page.left.record.get(field), page.right.record.get(field), page.merged.get(field));
            if left.is_none() && right.is_none() && both.is_none() {
                return None;
            }
            let differs = left.is_some() && right.is_some() && left != right;
            let same = left.is_some() && left == right;
            let note = if differs {
                "differs"
            } else if same {
                "same"
            } else {
                "only one says"
            };
            Some(CompareRow {
                label: field.spec().label.to_owned(),
                values: vec![left.map(plain), right.map(plain), both.map(plain)],
                differs,
                note: view! { <span class="text-meta text-muted">{note}</span> }.into_any(),
            })
        })
        .collect();
    view! { <Compare caption="The two records and what would survive a merge" sides=sides rows=rows last=""/> }
        .into_any()
}
