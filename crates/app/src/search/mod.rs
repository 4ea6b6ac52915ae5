//! Search over everything in a group: records by what they are known by, runs by their id.
//!
//! Nothing is read to be searched: what is typed is normalised as stored values are and looked up by keyed hashes. Whoever
//! is limited to rooftops finds what the systems of these tell of.

mod detail;
mod typed;

pub use typed::{FoundBy, TYPED_MAX};

use crate::error::AppError;
use crate::fields::invalid;
use crate::readable::readable;
use crate::records::{RecordSummary, Records, summaries};
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{GoldenId, ObjectKind, RunId};
use matching::{Fit, Name, names_said, person_keys};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::search::{self as found, Beginning, Held};
use store::engine::{landscape::Landscape, runs, sources};
use store::{TenantScope, TenantTx};
use typed::Typed;
use uuid::Uuid;

/// At most so many records are found where they are listed without kinds.
pub const FOUND_MAX: i64 = 100;
/// Records of one key are looked at for each that is shown: an entity has one in every system.
const RECORDS_OF_ONE: i64 = 4;
/// Holders of a surname that are looked at for a first name of which only the beginning was typed.
const FIRST_NAMES_MAX: i64 = 300;

/// A record that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRecord {
    /// Id.
    pub id: GoldenId,
    /// Kind.
    pub object: ObjectKind,
    /// What people call it.
    pub title: String,
    /// What tells it from others of that name: e-mail, phone and city; VIN; status and day.
    pub detail: String,
    /// By what it was found.
    pub found_by: FoundBy,
}

/// Records of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundGroup {
    /// Their kind.
    pub object: ObjectKind,
    /// The best first.
    pub records: Vec<FoundRecord>,
    /// Whether there are more than that.
    pub more: bool,
}

/// A run that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRun {
    /// Id.
    pub id: RunId,
    /// Its connection's name.
    pub connection_name: String,
    /// What was read.
    pub object: ObjectKind,
    /// How it stands.
    pub state: String,
    /// When it was asked for.
    pub queued_at: DateTime<Utc>,
}

/// The one thing that was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Straight {
    /// A record.
    Record(GoldenId),
    /// A run.
    Run(RunId),
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// By kind, each at most as many as were asked for.
    pub groups: Vec<FoundGroup>,
    /// Runs.
    pub runs: Vec<FoundRun>,
    /// Where the search leads by itself: one thing, beyond doubt.
    pub straight: Option<Straight>,
}

impl Found {
    /// How many things are shown.
    #[must_use]
    pub fn shown(&self) -> usize {
        self.groups.iter().map(|group| group.records.len()).sum::<usize>() + self.runs.len()
    }
}

/// An entity that holds what was typed.
#[derive(Clone, Debug)]
struct Hit {
    golden: GoldenId,
    object: ObjectKind,
    by: FoundBy,
    /// Where only the beginning of a name was typed: the name, for these are listed by it. Others are, newest first, as
    /// they were found.
    name: String,
}

impl Hit {
    const fn new(golden: GoldenId, object: ObjectKind, by: FoundBy) -> Self {
        Self { golden, object, by, name: String::new() }
    }
}

/// Searching.
#[derive(Clone, Copy)]
pub struct Search<'a>(&'a App);

impl App {
    /// Searching.
    #[must_use]
    pub const fn search(&self) -> Search<'_> {
        Search(self)
    }
}

impl Search<'_> {
    /// Finds everything that a text may mean, at most `per_kind` records of each kind.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`] where too little was typed, [`AppError::Store`].
    pub async fn find(self, scope: &TenantScope, text: &str, per_kind: u32) -> Result<Found, AppError> {
        let typed = read(text)?;
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let hits = hits(&tx, tellers, &typed, i64::from(per_kind)).await?;
        let runs = match typed.id {
            Some(id) => run(&tx, scope, RunId(id)).await?,
            None => Vec::new(),
        };
        let straight = straight(&hits, &runs);
        let groups = groups(&tx, hits, per_kind).await?;
        tx.commit().await?;
        Ok(Found { groups, runs, straight })
    }
}

impl Records<'_> {
    /// Finds records of any kind, at most [`FOUND_MAX`] of each.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Invalid`], [`AppError::Store`].
    pub async fn search(self, scope: &TenantScope, text: &str) -> Result<Vec<RecordSummary>, AppError> {
        let typed = read(text)?;
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let hits = hits(&tx, tellers, &typed, FOUND_MAX).await?;
        let mut rows = living(&tx, hits.iter()).await?;
        let rows = hits.iter().filter_map(|hit| rows.remove(&hit.golden)).collect();
        tx.commit().await?;
        Ok(summaries(rows))
    }
}

fn read(text: &str) -> Result<Typed, AppError> {
    Typed::read(text).ok_or_else(|| {
        invalid("q", "Type two characters or more, and at most 200: an e-mail, phone, name, VIN, number or id.")
    })
}

/// Every entity that holds what was typed, each once, the surest first.
async fn hits(tx: &TenantTx, tellers: Option<Vec<Uuid>>, typed: &Typed, per_kind: i64) -> Result<Vec<Hit>, AppError> {
    let mut hits = Vec::new();
    if let Some(id) = typed.id {
        hits.extend(of_id(tx, GoldenId(id), tellers.clone()).await?);
    }
    let keys = typed.values.iter().map(|(_, purpose, value)| tx.keys().index64(purpose, value)).collect();
    for held in found::by_key(tx, keys, tellers.clone(), (per_kind + 1) * RECORDS_OF_ONE).await? {
        if let Some((by, _, _)) = typed.values.get(held.asked) {
            hits.push(Hit::new(held.golden, held.object, *by));
        }
    }
    hits.extend(by_name(tx, tellers, &typed.names, per_kind).await?);
    hits.sort_by(|a, b| (a.by, &a.name).cmp(&(b.by, &b.name)));
    let mut seen = HashSet::new();
    hits.retain(|hit| seen.insert(hit.golden));
    Ok(hits)
}

/// The entity of this id, or what it was merged into.
async fn of_id(tx: &TenantTx, id: GoldenId, tellers: Option<Vec<Uuid>>) -> Result<Option<Hit>, AppError> {
    let Some(row) = goldens::find(tx, id).await? else { return Ok(None) };
    if let Some(tellers) = tellers
        && !sources::told_by(tx, vec![row.id.0], tellers).await?.contains(&row.id)
    {
        return Ok(None);
    }
    Ok(Some(Hit::new(row.id, row.object, FoundBy::Id)))
}

/// Customers of these names: whole ones, and where they are few, those that begin so.
async fn by_name(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    names: &[Name],
    per_kind: i64,
) -> Result<Vec<Hit>, AppError> {
    let enough = (per_kind + 1) * RECORDS_OF_ONE;
    let (mut whole, mut of_surname) = (Vec::new(), Vec::new());
    for name in names {
        let range = tx.keys().surname_range(&name.surname);
        if name.first.is_empty() {
            whole.push(range);
        } else {
            whole.push(range.of_first_name(tx.keys().first_name_bits(&name.first)));
            of_surname.push(range);
        }
    }
    let held = found::by_surname(tx, &whole, tellers.clone(), enough).await?;
    let mut hits = fitting(tx, &held, names)?;
    let wanted = usize::try_from(per_kind).unwrap_or(usize::MAX);
    if entities(&hits) > wanted {
        return Ok(hits);
    }
    let held = found::by_surname(tx, &of_surname, tellers.clone(), FIRST_NAMES_MAX).await?;
    hits.extend(fitting(tx, &held, names)?);
    let beginnings: Vec<Beginning> = names
        .iter()
        .filter_map(|name| {
            let range = tx.keys().beginning_range(&name.surname)?;
            let first_name = (!name.first.is_empty()).then(|| tx.keys().first_name_bits(&name.first));
            Some(Beginning { range, first_name })
        })
        .collect();
    let held = found::by_beginning(tx, &beginnings, tellers).await?;
    hits.extend(fitting(tx, &held, names)?);
    Ok(hits)
}

fn entities(hits: &[Hit]) -> usize {
    hits.iter().map(|hit| hit.golden).collect::<HashSet<_>>().len()
}

/// Of these records, those of a name that was asked for. Keys bring them here; what they say decides.
fn fitting(tx: &TenantTx, held: &[Held], names: &[Name]) -> Result<Vec<Hit>, AppError> {
    let mut hits = Vec::new();
    let mut seen = HashSet::new();
    for held in held.iter().filter(|held| held.object == ObjectKind::Customer && seen.insert(held.record)) {
        let Some(doc) = held.doc(tx)? else { continue };
        let said = std::iter::once(&doc.record).chain(doc.own.as_ref());
        let best = said
            .flat_map(|record| names_said(&person_keys(record)))
            .filter_map(|said| Some((names.iter().filter_map(|asked| said.fits(asked)).min()?, said)))
            .min_by_key(|(fit, _)| *fit);
        let mut hit = Hit::new(held.golden, held.object, FoundBy::Name);
        match best {
            Some((Fit::Whole, _)) => {}
            Some((Fit::Begins, said)) => {
                hit.by = FoundBy::Beginning;
                hit.name = format!("{} {}", said.surname, said.first);
            }
            None => continue,
        }
        hits.push(hit);
    }
    Ok(hits)
}

/// The one thing that was meant: the only one that has what was typed, or the car whose VIN it is.
fn straight(hits: &[Hit], runs: &[FoundRun]) -> Option<Straight> {
    if let Some(run) = runs.first() {
        return Some(Straight::Run(run.id));
    }
    let telling: Vec<&Hit> = hits.iter().filter(|hit| hit.by.is_telling()).collect();
    let best = if telling.is_empty() { hits.iter().collect() } else { telling };
    let cars: Vec<&Hit> = best
        .iter()
        .filter(|hit| matches!(hit.by, FoundBy::Vin | FoundBy::LastEight) && hit.object == ObjectKind::Vehicle)
        .copied()
        .collect();
    match (best.as_slice(), cars.as_slice()) {
        ([only], _) if only.by.is_telling() || only.by == FoundBy::Name => Some(Straight::Record(only.golden)),
        (_, [car]) => Some(Straight::Record(car.golden)),
        (_, _) => None,
    }
}

async fn living(tx: &TenantTx, hits: impl Iterator<Item = &Hit>) -> Result<HashMap<GoldenId, GoldenRow>, AppError> {
    let rows = goldens::by_ids(tx, hits.map(|hit| hit.golden.0).collect()).await?;
    Ok(rows.into_iter().filter(|row| row.state == GoldenState::Live).map(|row| (row.id, row)).collect())
}

async fn groups(tx: &TenantTx, hits: Vec<Hit>, per_kind: u32) -> Result<Vec<FoundGroup>, AppError> {
    let limit = usize::try_from(per_kind).unwrap_or(usize::MAX);
    let mut by_kind: BTreeMap<ObjectKind, Vec<Hit>> = BTreeMap::new();
    for hit in hits {
        by_kind.entry(hit.object).or_default().push(hit);
    }
    let more: HashSet<ObjectKind> =
        by_kind.iter().filter(|(_, hits)| hits.len() > limit).map(|(object, _)| *object).collect();
    for hits in by_kind.values_mut() {
        hits.truncate(limit);
    }
    let rows = living(tx, by_kind.values().flatten()).await?;
    let shown = |hit: Hit| {
        let record = rows.get(&hit.golden)?.golden.record(hit.object);
        let (title, detail) = (record.title(), detail::detail(&record));
        Some(FoundRecord { id: hit.golden, object: hit.object, title, detail, found_by: hit.by })
    };
    Ok(by_kind
        .into_iter()
        .map(|(object, hits)| FoundGroup {
            object,
            records: hits.into_iter().filter_map(shown).collect(),
            more: more.contains(&object),
        })
        .filter(|group| !group.records.is_empty())
        .collect())
}

/// The run of this id, where the caller may read about its connection.
async fn run(tx: &TenantTx, scope: &TenantScope, id: RunId) -> Result<Vec<FoundRun>, AppError> {
    if !scope.grants().permits_somewhere(Permission::ReadOperations) {
        return Ok(Vec::new());
    }
    let Some(run) = runs::find(tx, id).await? else { return Ok(Vec::new()) };
    let landscape = Landscape::load(tx).await?;
    let Some(plan) = landscape.connection(run.connection) else { return Ok(Vec::new()) };
    if !scope.grants().permits(plan.rooftop, Permission::ReadOperations) {
        return Ok(Vec::new());
    }
    let connection_name = plan.name.clone();
    Ok(vec![FoundRun { id, connection_name, object: run.object, state: run.state, queued_at: run.queued_at }])
}
