//! Doubtful matches as they are shown, in the API and in the portal alike: two entities side by side, why they may be
//! one, what would survive, and who looks at them. Deciding them is the engine's.

mod sides;

use crate::actors::{SOMEBODY, names};
use crate::engine::agree::voices;
use crate::engine::cluster::{CLUSTER_MAX, cluster_of};
use crate::engine::reach;
use crate::engine::split::as_score;
use crate::error::AppError;
use crate::readable::{readable, readable_of};
use crate::records::{FieldShown, RecordShown, fields, may_see, show_many};
use crate::start::App;
use crate::views::count;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::survivorship::agree;
use domain::{CandidateId, GoldenId, ObjectKind, SourceRecordId};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeSet, HashMap};
use store::engine::candidates::{self, CandidateRow};
use store::engine::goldens;
use store::engine::landscape::Landscape;
use store::engine::links::{self, LinkRow};
use store::engine::records::{self, MemberRow};
use store::engine::review;
pub use store::engine::review::{Filter, Place, Standing};
use store::{TenantScope, TenantTx};
use uuid::Uuid;

/// What can be seen of doubtful matches.
#[derive(Clone, Copy)]
pub struct Candidates<'a>(&'a App);

impl App {
    /// Doubtful matches.
    #[must_use]
    pub const fn candidates(&self) -> Candidates<'_> {
        Candidates(self)
    }
}

/// Others of one kind that are shown with each side.
const RELATED_MAX: i64 = 3;

/// A doubtful match.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateShown {
    /// Id.
    pub id: CandidateId,
    /// What kind of entities.
    pub object: ObjectKind,
    /// 0 to 1.
    pub score: f32,
    /// What hangs on it: a deal counts five, a lead three, a repair order or a vehicle one.
    pub stake: i32,
    /// What speaks for it and what against.
    pub reason: String,
    /// How it stands.
    pub state: Standing,
    /// One entity, of a merged pair as it was; absent where it is gone.
    pub left: Option<RecordShown>,
    /// The other.
    pub right: Option<RecordShown>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// Who decided; nobody where the engine did.
    pub decided_by: Option<String>,
    /// Until when it was put off.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// Who looks at it now.
    pub claim: Option<ClaimShown>,
    /// Its place in the list.
    #[serde(skip)]
    pub place: Place,
}

impl CandidateShown {
    /// What both sides are called.
    #[must_use]
    pub fn titles(&self) -> (&str, &str) {
        (title(self.left.as_ref()), title(self.right.as_ref()))
    }
}

fn title(side: Option<&RecordShown>) -> &str {
    side.map_or("A record that is gone", |side| side.title.as_str())
}

/// Somebody looks at a pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimShown {
    /// What they are called.
    pub by: String,
    /// Until when others are not given it.
    pub until: DateTime<Utc>,
    /// Whether that is the caller.
    pub is_mine: bool,
}

/// A pair in detail.
#[derive(Clone, Debug, Serialize)]
pub struct PairShown {
    /// What the list shows too.
    pub pair: CandidateShown,
    /// The best link between the two sides; absent where they are told by a key.
    pub link: Option<LinkShown>,
    /// What would survive a merge, or did.
    pub survivors: Vec<SurvivorShown>,
}

/// Why two source records may be one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkShown {
    /// One source record.
    pub left: SourceRecordId,
    /// The other.
    pub right: SourceRecordId,
    /// Log2 odds that both are one: the sum of the steps.
    pub log2_odds: f64,
    /// The same from 0 to 1.
    pub probability: f32,
    /// The version of the model that says so.
    pub model: String,
    /// Step by step.
    pub steps: Vec<StepShown>,
}

/// What one thing adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepShown {
    /// What is weighed.
    pub about: String,
    /// What was found.
    pub found: String,
    /// What it adds to the log2 odds; less than nothing speaks against.
    pub bits: f64,
}

/// A value that would survive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SurvivorShown {
    /// Field, value, winner, rule, losers.
    pub field: FieldShown,
    /// What people call the winner's connection.
    pub system: String,
}

/// Entities that open questions connect.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterShown {
    /// The entities, oldest first: the first that is kept keeps its id.
    pub members: Vec<RecordShown>,
    /// The questions among them, best first.
    pub links: Vec<ClusterLink>,
    /// Whether there may be more than are shown.
    pub is_cut: bool,
}

/// An open question in a cluster.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterLink {
    /// The pair.
    pub id: CandidateId,
    /// One entity.
    pub left: GoldenId,
    /// The other.
    pub right: GoldenId,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: String,
    /// Who looks at it now.
    pub claim: Option<ClaimShown>,
}

/// What a decision about many would be about.
#[derive(Clone, Debug, Serialize)]
pub struct SampleShown {
    /// How many pairs.
    pub count: i64,
    /// The first of them.
    pub sample: Vec<CandidateShown>,
}

impl Candidates<'_> {
    /// Those of a filter of which the caller may review both sides, after a place.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`] for a connection that is not there, [`AppError::Store`].
    pub async fn list(
        self,
        scope: &TenantScope,
        filter: &Filter,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Vec<CandidateShown>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let filter = mine(&tx, scope, filter).await?;
        let rows = review::page(&tx, &filter, after, i64::from(limit), self.0.now()).await?;
        self.shown(tx, scope, rows).await
    }

    /// How many of a filter there are.
    ///
    /// # Errors
    /// As [`Candidates::list`].
    pub async fn count(self, scope: &TenantScope, filter: &Filter) -> Result<u64, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let filter = mine(&tx, scope, filter).await?;
        Ok(count(review::count(&tx, &filter, None, self.0.now()).await?))
    }

    /// One in detail, open or decided. Who looks at it keeps it for longer.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: CandidateId) -> Result<PairShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let row = reviewable(&tx, scope, id).await?;
        self.0.engine().look(&tx, id).await?;
        let row = candidates::find(&tx, id).await?.unwrap_or(row);
        let landscape = Landscape::load(&tx).await?;
        let survivor = goldens::find(&tx, row.left).await?.map_or(row.left, |golden| golden.id);
        let members = records::members(&tx, vec![survivor.0, row.right.0]).await?;
        let link = best_link(&tx, scope, &landscape, &row, survivor, &members).await?;
        let golden = agree(row.object, &voices(&members, &landscape), &landscape.rules);
        let system_of = |source: SourceRecordId| {
            let of = members.iter().find(|member| member.id == source).map(|member| member.connection);
            let plan = of.filter(|id| may_see(scope, &landscape, *id)).and_then(|id| landscape.connection(id));
            plan.map_or_else(|| "Another system".to_owned(), |plan| plan.name.clone())
        };
        let survivors =
            fields(&golden).into_iter().map(|field| SurvivorShown { system: system_of(field.winner), field }).collect();
        let pair = self.shown(tx, scope, vec![row]).await?.pop().ok_or(AppError::NotFound("candidate"))?;
        Ok(PairShown { pair, link, survivors })
    }

    /// The next open pair of a filter that nobody else looks at; it is the caller's for ten minutes. `skipped` is let go
    /// of, and the next one lies behind it.
    ///
    /// # Errors
    /// As [`Candidates::list`].
    pub async fn next(
        self,
        scope: &TenantScope,
        filter: Filter,
        skipped: Option<CandidateId>,
    ) -> Result<Option<CandidateId>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        // That the connection is there, and the caller's.
        mine(&tx, scope, &filter).await?;
        drop(tx);
        Ok(self.0.engine().next_candidate(scope, filter, skipped).await?)
    }

    /// All entities that open questions connect with this pair, at most forty.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn cluster(self, scope: &TenantScope, id: CandidateId) -> Result<ClusterShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let row = reviewable(&tx, scope, id).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        let (members, questions) = cluster_of(&tx, tellers, &row).await?;
        let mut shown = show_many(&tx, scope, members.iter().map(|id| id.0).collect(), RELATED_MAX).await?;
        shown.sort_by_key(|record| record.id);
        drop(tx);
        let claims = self.claims(scope, &questions).await?;
        Ok(ClusterShown {
            members: shown,
            is_cut: members.len() >= CLUSTER_MAX,
            links: questions
                .into_iter()
                .map(|question| ClusterLink {
                    claim: claims(&question),
                    id: question.id,
                    left: question.left,
                    right: question.right,
                    score: question.score,
                    reason: question.reason,
                })
                .collect(),
        })
    }

    /// How many pairs a decision about this filter would be about, and the first of them.
    ///
    /// # Errors
    /// As [`Candidates::list`].
    pub async fn sample(self, scope: &TenantScope, filter: &Filter) -> Result<SampleShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        // That the connection is there, and the caller's.
        mine(&tx, scope, filter).await?;
        drop(tx);
        let (count, rows) = self.0.engine().bulk_sample(scope, filter).await?;
        let tx = self.0.db().tenant(scope).await?;
        Ok(SampleShown { count, sample: self.shown(tx, scope, rows).await? })
    }

    async fn shown(
        self,
        tx: TenantTx,
        scope: &TenantScope,
        rows: Vec<CandidateRow>,
    ) -> Result<Vec<CandidateShown>, AppError> {
        let now = self.0.now();
        let mut sides = sides::of(&tx, scope, &rows, now).await?;
        tx.commit().await?;
        let deciders = names(self.0.db(), scope, rows.iter().filter_map(|row| row.decided_by).collect()).await?;
        let claims = self.claims(scope, &rows).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let (left, right) = sides.remove(&row.id).unwrap_or_default();
                CandidateShown {
                    left,
                    right,
                    id: row.id,
                    object: row.object,
                    score: row.score,
                    stake: row.stake,
                    state: row.standing(now),
                    decided_at: row.decided_at,
                    decided_by: row
                        .decided_by
                        .map(|id| deciders.get(&id).cloned().unwrap_or_else(|| SOMEBODY.to_owned())),
                    snoozed_until: row.snoozed_until.filter(|until| *until > now),
                    claim: claims(&row),
                    place: row.place(),
                    created_at: row.created_at,
                    reason: row.reason,
                }
            })
            .collect())
    }

    /// Who looks at any of these pairs.
    async fn claims(
        self,
        scope: &TenantScope,
        rows: &[CandidateRow],
    ) -> Result<impl Fn(&CandidateRow) -> Option<ClaimShown> + use<>, AppError> {
        let now = self.0.now();
        let me = scope.actor().id();
        let ids: BTreeSet<Uuid> = rows.iter().filter_map(|row| Some(row.claim(now)?.0)).collect();
        let names: HashMap<Uuid, String> = names(self.0.db(), scope, ids).await?;
        Ok(move |row: &CandidateRow| {
            let (by, until) = row.claim(now).filter(|_| !row.standing(now).is_decided())?;
            let name = names.get(&by).cloned().unwrap_or_else(|| SOMEBODY.to_owned());
            Some(ClaimShown { by: name, until, is_mine: me == Some(by) })
        })
    }
}

/// A filter narrowed to what the caller may review.
async fn mine(tx: &TenantTx, scope: &TenantScope, filter: &Filter) -> Result<Filter, AppError> {
    readable_of(tx, scope, Permission::Review, filter.connection).await?;
    let tellers = readable(tx, scope, Permission::Review).await?;
    Ok(Filter { tellers, ..filter.clone() })
}

/// A pair of which the caller may review both sides.
async fn reviewable(tx: &TenantTx, scope: &TenantScope, id: CandidateId) -> Result<CandidateRow, AppError> {
    let tellers = readable(tx, scope, Permission::Review).await?;
    let row = candidates::find(tx, id).await?.ok_or(AppError::NotFound("candidate"))?;
    if reach::tells_of_pair(tx, tellers, &row).await? {
        return Ok(row);
    }
    Err(AppError::NotFound("candidate"))
}

/// The best link between the two sides of a pair, among records that the caller may see.
async fn best_link(
    tx: &TenantTx,
    scope: &TenantScope,
    landscape: &Landscape,
    row: &CandidateRow,
    survivor: GoldenId,
    members: &[MemberRow],
) -> Result<Option<LinkShown>, AppError> {
    let found = if row.moved.is_empty() {
        links::between(tx, row.left, row.right).await?
    } else {
        let crosses = |link: &LinkRow| row.moved.contains(&link.left.0) != row.moved.contains(&link.right.0);
        links::within(tx, survivor).await?.into_iter().filter(crosses).collect()
    };
    let visible: BTreeSet<SourceRecordId> =
        members.iter().filter(|member| may_see(scope, landscape, member.connection)).map(|member| member.id).collect();
    let best = found.into_iter().find(|link| visible.contains(&link.left) && visible.contains(&link.right));
    Ok(best.map(|link| LinkShown {
        left: link.left,
        right: link.right,
        log2_odds: link.log2_odds,
        probability: as_score(link.log2_odds),
        model: link.model,
        steps: steps(&link.steps),
    }))
}

/// The stored steps of a waterfall: what is weighed, what was found, bits.
fn steps(stored: &Json) -> Vec<StepShown> {
    let word = |step: &Json, place: usize| step.get(place).and_then(Json::as_str).unwrap_or_default().to_owned();
    let stored = stored.as_array().map(Vec::as_slice).unwrap_or_default();
    stored
        .iter()
        .map(|step| StepShown {
            about: word(step, 0),
            found: word(step, 1),
            bits: step.get(2).and_then(Json::as_f64).unwrap_or_default(),
        })
        .collect()
}
