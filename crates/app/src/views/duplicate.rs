//! Doubtful matches: two golden records that may be one.

use super::record::{RecordLine, SourceView, sources};
use super::{Views, count};
use crate::engine::reach;
use crate::error::AppError;
use crate::readable::readable;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::survivorship::{Member, agree};
use domain::{CandidateId, GoldenId, ObjectKind};
use std::collections::HashMap;
use store::TenantScope;
use store::engine::candidates::{self, CandidateRow};
use store::engine::goldens;
use store::engine::landscape::Landscape;

/// A pair in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct PairLine {
    /// Id.
    pub id: CandidateId,
    /// What they are.
    pub object: ObjectKind,
    /// What one is called.
    pub left: String,
    /// What the other is called.
    pub right: String,
    /// 0 to 1.
    pub score: f32,
    /// Why they may be one.
    pub reason: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// How a pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairState {
    /// Waits for a decision.
    Open,
    /// They are one.
    Merged,
    /// They are two.
    NotAMatch,
}

impl PairState {
    /// The state with this name in the database.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "merged" => Self::Merged,
            "not_a_match" => Self::NotAMatch,
            _ => Self::Open,
        }
    }
}

/// A pair's own page.
#[derive(Clone, Debug)]
pub struct PairPage {
    /// What the list shows too.
    pub line: PairLine,
    /// How it stands.
    pub state: PairState,
    /// When that was decided.
    pub decided_at: Option<DateTime<Utc>>,
    /// One.
    pub left: RecordLine,
    /// Its sources.
    pub left_sources: Vec<SourceView>,
    /// The other.
    pub right: RecordLine,
    /// Its sources.
    pub right_sources: Vec<SourceView>,
    /// What would survive a merge.
    pub merged: domain::Record,
    /// The next open pair, and how many there are.
    pub next: Option<CandidateId>,
    /// Open pairs.
    pub open: u64,
}

fn line(row: &CandidateRow, titles: &HashMap<GoldenId, String>) -> PairLine {
    let title = |id: &GoldenId| titles.get(id).cloned().unwrap_or_else(|| "A record that is gone".to_owned());
    PairLine {
        id: row.id,
        object: row.object,
        left: title(&row.left),
        right: title(&row.right),
        score: row.score,
        reason: row.reason.clone(),
        created_at: row.created_at,
    }
}

impl Views<'_> {
    /// Open pairs, likeliest first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn pairs(
        &self,
        scope: &TenantScope,
        after: Option<(f32, CandidateId)>,
        limit: u32,
    ) -> Result<Vec<PairLine>, AppError> {
        let tx = self.open(scope, Permission::Review).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        let rows = candidates::open(&tx, tellers, after, i64::from(limit)).await?;
        let ids = rows.iter().flat_map(|row| [row.left.0, row.right.0]).collect();
        let titles = goldens::by_ids(&tx, ids).await?;
        let titles = titles.into_iter().map(|row| (row.id, row.golden.record(row.object).title())).collect();
        Ok(rows.iter().map(|row| line(row, &titles)).collect())
    }

    /// How many pairs are open.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn pairs_open(&self, scope: &TenantScope) -> Result<u64, AppError> {
        let tx = self.open(scope, Permission::Review).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        Ok(count(candidates::count_open(&tx, tellers).await?))
    }

    /// One pair's page, with what would survive a merge.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn pair(&self, scope: &TenantScope, id: CandidateId) -> Result<Option<PairPage>, AppError> {
        let tx = self.open(scope, Permission::Review).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        let Some(row) = candidates::find(&tx, id).await? else { return Ok(None) };
        if !reach::tells_of_pair(&tx, tellers.clone(), &row).await? {
            return Ok(None);
        }
        let both = goldens::by_ids(&tx, vec![row.left.0, row.right.0]).await?;
        let find = |id: GoldenId| both.iter().find(|row| row.id == id);
        let (Some(left), Some(right)) = (find(row.left), find(row.right)) else { return Ok(None) };
        let mut by_golden = sources(&tx, &[row.left, row.right]).await?;
        let left_sources = by_golden.remove(&row.left).unwrap_or_default();
        let right_sources = by_golden.remove(&row.right).unwrap_or_default();
        let rules = Landscape::load(&tx).await?.rules;
        let members: Vec<_> = left_sources
            .iter()
            .chain(&right_sources)
            .map(|source| Member {
                id: source.id,
                connection: source.connection,
                role: source.role,
                changed_at: source.changed_at,
                since: source.since.clone(),
                record: source.record.clone(),
            })
            .collect();
        let merged = agree(row.object, &members, &rules).record(row.object);
        let open = candidates::open(&tx, tellers.clone(), None, 2).await?;
        let next = open.into_iter().find(|other| other.id != id).map(|other| other.id);
        let titles = both.iter().map(|row| (row.id, row.golden.record(row.object).title())).collect();
        Ok(Some(PairPage {
            line: line(&row, &titles),
            state: PairState::named(&row.state),
            decided_at: row.decided_at,
            left: RecordLine::of(left),
            left_sources,
            right: RecordLine::of(right),
            right_sources,
            merged,
            next,
            open: count(candidates::count_open(&tx, tellers).await?),
        }))
    }
}
