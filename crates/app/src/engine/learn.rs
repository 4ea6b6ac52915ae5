//! The job that learns from all customers of a tenant, and then looks again at those who may be one.
//!
//! Until it ran for the first time, the shipped model judges, which knows nothing of how common values are here.

use super::judge::{stored, value_key};
use super::{Engine, EngineError};
use domain::permission::Permission;
use domain::{GoldenId, Lane, ObjectKind};
use matching::clean::Keys;
use matching::engine::Model;
use matching::{Everybody, Learned, learn, person_keys};
use queue::{JobKind, JobOutcome, Lease, NewJob, enqueue};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::engine::landscape::Landscape;
use store::engine::models::{self, ModelRow, SharedValue};
use store::engine::records::MemberRow;
use store::engine::{candidates, goldens, links, records, take_turn};
use store::{TenantScope, TenantTx, audit};
use tokio::task::JoinError;
use uuid::Uuid;

/// Records read at once.
const PIECE: i64 = 2_000;
/// Entities that are looked at again in one transaction: others who decide about customers wait so long.
const ENTITIES_AT_ONCE: usize = 200;
/// Entities that may all be one; more of them are too many for a person as well.
const GROUP_MAX: usize = 40;
/// Fewer customers than this say nothing of how common values are.
const LEARN_FROM: i64 = 300;
/// A tenant that has grown so much, in percent, since it was learned from is learned from again.
const GROWN_PERCENT: i64 = 30;

/// The job that looks again at all customers who may be one. `learn`: after learning from all of them.
pub(crate) fn match_job(learn: bool) -> NewJob {
    NewJob {
        kind: JobKind::MatchAgain,
        lane: Lane::Backfill,
        dedupe_key: if learn { "learn matching" } else { "match again" }.to_owned(),
        args: serde_json::json!({ "learn": learn }),
        run_at: None,
    }
}

fn cut_short(_: JoinError) -> EngineError {
    EngineError::NotNow("Learning was cut short.".to_owned())
}

/// Computes on threads of their own, half as many as there are: what pages compute would wait behind it until its end.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let threads = (rayon::current_num_threads() / 2).max(1);
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

impl Engine {
    /// Asks for learning now.
    ///
    /// # Errors
    /// [`EngineError::NotPermitted`] where the caller may not change how the group works; [`EngineError::Store`].
    pub async fn start_learning(&self, scope: &TenantScope) -> Result<(), EngineError> {
        scope.require_at(None, Permission::ManageConnections)?;
        let tx = self.db.tenant(scope).await?;
        enqueue(&tx, &match_job(true)).await?;
        audit::append(&tx, "matching.learning_asked", "matching", "", serde_json::json!({}), self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Asks for learning where a tenant has grown enough since the last time.
    pub(crate) async fn ask_to_learn(&self, tx: &TenantTx) -> Result<(), EngineError> {
        let people = customers(tx).await?;
        let before = models::list(tx).await?.into_iter().map(|model| model.records).next();
        let grown = before.is_none_or(|before| people * 100 >= before * (100 + GROWN_PERCENT));
        if people >= LEARN_FROM && grown {
            enqueue(tx, &match_job(true)).await?;
        }
        Ok(())
    }

    /// Looks again at all customers who may be one. With `learn`, after a new model was learned from everybody.
    pub(crate) async fn match_again(&self, lease: &Lease, learn: bool) -> Result<JobOutcome, EngineError> {
        let mut pairs = if learn { self.learn(lease).await? } else { Vec::new() };
        if lease.is_lost() {
            return Ok(JobOutcome::Done);
        }
        // What was found or asked before is judged anew.
        let tx = self.db.tenant(&lease.scope()).await?;
        let links = links::weighed(&tx).await?;
        let open = candidates::open_pairs(&tx, ObjectKind::Customer).await?;
        drop(tx);
        pairs.extend(links.into_iter().map(|link| (link.log2_odds, link.goldens.0, link.goldens.1)));
        pairs.extend(open.into_iter().map(|(left, right, _)| (0.0, left, right)));
        self.look_again(lease, groups(pairs)).await
    }

    /// Learns from all customers and lets the new model judge. Returns entities that may be one, with log2 odds.
    async fn learn(&self, lease: &Lease) -> Result<Vec<(f64, GoldenId, GoldenId)>, EngineError> {
        let tx = self.db.tenant(&lease.scope()).await?;
        let standing = models::standing(&tx).await?;
        let prior = match standing.model {
            Some(version) => models::find(&tx, version).await?,
            None => None,
        };
        drop(tx);
        let prior: Model = prior.map_or(Ok(Model::prior()), |row| stored("match_model.model", row.model))?;
        let (people, entity_of) = self.everybody(lease).await?;
        let many = people.len();
        let version = format!("learned-{}", self.now().format("%Y%m%d%H%M%S"));
        let learned =
            tokio::task::spawn_blocking(move || aside(|| learn(people, &prior, &version))).await.map_err(cut_short)?;
        if lease.is_lost() {
            return Ok(Vec::new());
        }
        let pairs = learned
            .pairs
            .iter()
            .filter_map(|(left, right, odds)| {
                let entity = |id: &String| entity_of.get(&Uuid::parse_str(id).ok()?).copied();
                Some((*odds, entity(left)?, entity(right)?))
            })
            .collect();
        self.keep_learned(lease, learned, many, standing.model).await?;
        Ok(pairs)
    }

    /// All customers as their systems knew them, and the entity of each record.
    async fn everybody(&self, lease: &Lease) -> Result<(Everybody, HashMap<Uuid, GoldenId>), EngineError> {
        let (mut everybody, mut entity_of, mut after) = (Everybody::default(), HashMap::new(), Uuid::nil());
        loop {
            let tx = self.db.tenant(&lease.scope()).await?;
            let piece = records::piece(&tx, ObjectKind::Customer, after, PIECE).await?;
            drop(tx);
            let Some(last) = piece.last() else { return Ok((everybody, entity_of)) };
            after = last.id.0;
            entity_of.extend(piece.iter().map(|row| (row.id.0, row.golden)));
            let add = move || {
                let person = |row: &MemberRow| Some((row.id.to_string(), person_keys(row.doc.known_as()?)));
                let people: Vec<(String, Keys)> = piece.iter().filter_map(person).collect();
                everybody.add(&people);
                everybody
            };
            everybody = tokio::task::spawn_blocking(add).await.map_err(cut_short)?;
        }
    }

    async fn keep_learned(
        &self,
        lease: &Lease,
        learned: Learned,
        records: usize,
        parent: Option<i32>,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.advance(&tx).await?;
        let keys = tx.keys();
        let counts: Vec<(i64, i32)> = learned
            .counts
            .iter()
            .map(|(family, value, held)| (value_key(keys, family, value), i32::try_from(*held).unwrap_or(i32::MAX)))
            .collect();
        let shared: Vec<SharedValue> = learned
            .shared
            .into_iter()
            .map(|shared| SharedValue {
                key: value_key(keys, shared.family, &shared.value),
                family: shared.family.to_owned(),
                value: shared.value,
                holders: i32::try_from(shared.holders).unwrap_or(i32::MAX),
            })
            .collect();
        let model = serde_json::to_value(&learned.model)
            .map_err(|source| store::StoreError::Document { place: "match_model.model", source })?;
        let row = ModelRow {
            version: 0,
            kind: "learned".to_owned(),
            state: String::new(),
            model,
            auto: learned.bands.auto,
            review: learned.bands.review,
            present: learned.present.into_iter().map(|(family, many)| (family.to_owned(), many)).collect(),
            records: i64::try_from(records).unwrap_or(i64::MAX),
            figures: serde_json::json!({}),
            parent,
            created_at: now,
            activated_at: None,
        };
        let version = models::propose(&tx, &row, now).await?;
        models::activate(&tx, version, now).await?;
        models::keep_counts(&tx, version, &counts).await?;
        models::set_shared(&tx, &shared, now).await?;
        failpoint!("engine::learn::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::learn::after_commit");
        tracing::info!(tenant = %lease.tenant, version, records, shared = shared.len(), "a model was learned");
        Ok(())
    }

    /// Looks again at groups of entities that may be one.
    pub(crate) async fn look_again(
        &self,
        lease: &Lease,
        groups: Vec<BTreeSet<Uuid>>,
    ) -> Result<JobOutcome, EngineError> {
        let mut open = groups.into_iter().peekable();
        while open.peek().is_some() {
            if lease.is_lost() {
                return Ok(JobOutcome::Done);
            }
            let now = self.now();
            let tx = self.db.tenant(&lease.scope()).await?;
            take_turn(&tx, ObjectKind::Customer).await?;
            lease.advance(&tx).await?;
            let landscape = Landscape::load(&tx).await?;
            let mut many = 0;
            while let Some(group) = open.next_if(|_| many < ENTITIES_AT_ONCE) {
                many += group.len();
                self.meet_again(&tx, &landscape, group, now).await?;
            }
            failpoint!("engine::look_again::before_commit");
            lease.commit(tx).await?;
            failpoint!("engine::look_again::after_commit");
        }
        Ok(JobOutcome::Done)
    }
}

async fn customers(tx: &TenantTx) -> Result<i64, EngineError> {
    let counts = goldens::counts(tx, None).await?;
    Ok(counts.into_iter().find(|(object, _)| *object == ObjectKind::Customer).map_or(0, |(_, many)| many))
}

/// Entities that pairs connect, the most certain pairs first; no group grows beyond what a person can
/// look at.
fn groups(pairs: Vec<(f64, GoldenId, GoldenId)>) -> Vec<BTreeSet<Uuid>> {
    let mut order: Vec<(f64, Uuid, Uuid)> =
        pairs.into_iter().filter(|(_, a, b)| a != b).map(|(odds, a, b)| (odds, a.0.min(b.0), a.0.max(b.0))).collect();
    order.sort_by(|x, y| y.0.total_cmp(&x.0).then_with(|| (x.1, x.2).cmp(&(y.1, y.2))));
    let mut group_of: HashMap<Uuid, usize> = HashMap::new();
    let mut groups: BTreeMap<usize, BTreeSet<Uuid>> = BTreeMap::new();
    let mut split = Vec::new();
    for (number, (_, a, b)) in order.into_iter().enumerate() {
        match (group_of.get(&a).copied(), group_of.get(&b).copied()) {
            (Some(x), Some(y)) if x == y => {}
            (x, y) => {
                let members = |group: Option<usize>, alone: Uuid| {
                    group.and_then(|group| groups.get(&group)).cloned().unwrap_or_else(|| BTreeSet::from([alone]))
                };
                let both: BTreeSet<Uuid> = members(x, a).union(&members(y, b)).copied().collect();
                if both.len() > GROUP_MAX {
                    split.push(BTreeSet::from([a, b]));
                    continue;
                }
                for gone in [x, y].into_iter().flatten() {
                    groups.remove(&gone);
                }
                for entity in &both {
                    group_of.insert(*entity, number);
                }
                groups.insert(number, both);
            }
        }
    }
    groups.into_values().chain(split).collect()
}
