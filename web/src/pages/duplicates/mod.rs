//! Duplicates: pairs that may be one, by what hangs on them; side by side, with what would survive and why; merge, tell
//! apart, put off, skip, undo; whole clusters, and many at once.

mod ask;
mod bulk;
mod cluster;
mod list;
mod pair;

use crate::portal::{Answer, PageProblem, Posted, Query, Visitor, see_other};
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use app::candidates::Filter;
use app::engine::{EngineError, Verdict};
use ask::Ask;
use chrono::TimeDelta;
use domain::{CandidateId, GoldenId};

/// Pairs of one page of the list.
const PAGE_SIZE: u32 = 50;

/// `GET /duplicates`
pub async fn list(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = Ask::of(&query.0);
    let filter = ask.filter();
    let pairs = app.candidates().list(&visitor.scope, &filter, ask.after, PAGE_SIZE).await?;
    let many = app.candidates().count(&visitor.scope, &filter).await?;
    let connections = app.views().connections(&visitor.scope).await?;
    let connections = connections.into_iter().map(|line| (line.id.to_string(), line.name)).collect();
    Ok(Answer::to(&request, &visitor, "Duplicates").page(|| list::show(ask, pairs, many, connections)))
}

/// `GET /duplicates/{id}`: who opens an open pair has it for ten minutes, unless somebody else looks at it.
pub async fn page(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    match app.engine().claim_candidate(&visitor.scope, id).await {
        // Somebody else's, or decided: the page says so.
        Ok(_) | Err(EngineError::Claimed { .. } | EngineError::NotNow(_)) => {}
        Err(other) => return Err(other.into()),
    }
    let pair = app.candidates().get(&visitor.scope, id).await?;
    let open = app.candidates().count(&visitor.scope, &Filter::default()).await?;
    let (left, right) = pair.pair.titles();
    let title = format!("{left} and {right}");
    Ok(Answer::to(&request, &visitor, title).page(|| pair::show(pair, open)))
}

/// `POST /duplicates/next`
pub async fn next(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    on(&posted, &app, None).await
}

/// `POST /duplicates/{id}/{merge, not-a-match, snooze, skip, undo}`
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
        "snooze" => {
            let days: i64 = posted.typed.text("days").parse().ok().filter(|days| (1..=366).contains(days)).unwrap_or(1);
            (Verdict::Snooze(app.now() + TimeDelta::days(days)), "snoozed")
        }
        "undo" => (Verdict::Undo, "undone"),
        "skip" => return on(&posted, &app, Some(id)).await,
        _ => return Err(PageProblem::Missing),
    };
    app.engine().decide_candidate(scope, id, verdict).await?;
    Ok(see_other(format!("/duplicates/{id}?done={done}")))
}

/// On to the next pair that nobody else looks at.
async fn on(posted: &Posted, app: &App, skipped: Option<CandidateId>) -> Result<HttpResponse, PageProblem> {
    let next = app.candidates().next(&posted.visitor.scope, Filter::default(), skipped).await?;
    Ok(match next {
        Some(id) => see_other(format!("/duplicates/{id}")),
        None => see_other("/duplicates?done=last-pair"),
    })
}

/// `GET /duplicates/{id}/cluster`
pub async fn cluster(
    request: HttpRequest,
    visitor: Visitor,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let id = id.into_inner();
    let cluster = app.candidates().cluster(&visitor.scope, id).await?;
    Ok(Answer::to(&request, &visitor, "Who of them is one?").page(|| cluster::show(id, cluster)))
}

/// `POST /duplicates/{id}/cluster`
pub async fn decide_cluster(
    posted: Posted,
    id: web::Path<CandidateId>,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let chosen = |what: &str| -> Vec<GoldenId> {
        let named = posted.typed.all("member").filter_map(|id| id.parse::<GoldenId>().ok());
        named.filter(|id| posted.typed.text(&format!("says-{id}")) == what).collect()
    };
    let (keep, drop_out) = (chosen("keep"), chosen("drop"));
    let done = app.engine().decide_cluster(&posted.visitor.scope, id.into_inner(), &keep, &drop_out).await?;
    Ok(see_other(format!("/records/{}?done=cluster", done.survivor)))
}

/// `GET /duplicates/bulk`: a sample before many are decided.
pub async fn sample(
    request: HttpRequest,
    visitor: Visitor,
    query: Query,
    app: web::Data<App>,
) -> Result<HttpResponse, PageProblem> {
    let ask = Ask::of(&query.0);
    let decision = bulk::Decision::named(query.0.text("decision")).ok_or(PageProblem::Missing)?;
    let found = app.candidates().sample(&visitor.scope, &ask.filter()).await?;
    Ok(Answer::to(&request, &visitor, "Many at once").page(|| bulk::show(&ask, decision, found)))
}

/// `POST /duplicates/bulk`
pub async fn decide_many(posted: Posted, app: web::Data<App>) -> Result<HttpResponse, PageProblem> {
    let ask = Ask::of(&posted.typed);
    let decision = bulk::Decision::named(posted.typed.text("decision")).ok_or(PageProblem::Missing)?;
    let expect = posted.typed.text("expect").parse().map_err(|_| PageProblem::Unreadable)?;
    let verdict = decision.verdict(app.now());
    let done = app.engine().decide_many(&posted.visitor.scope, &ask.filter(), verdict, expect).await?;
    if done.left > 0 && done.done > 0 {
        // More than one call decides: the rest is asked again, with its own sample.
        return Ok(see_other(format!("/duplicates/bulk?decision={}&done=bulk-part{}", decision.name(), ask.words())));
    }
    Ok(see_other(format!("/duplicates?done=bulk{}", ask.words())))
}
