//! Doubtful matches as they are shown: two entities side by side. Deciding them is the engine's.

use crate::error::AppError;
use crate::records::{RecordShown, show_many};
use crate::start::App;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{CandidateId, ObjectKind};
use serde::Serialize;
use store::TenantScope;
use store::engine::candidates::{self, CandidateRow};

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

/// A doubtful match.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateShown {
    /// Id.
    pub id: CandidateId,
    /// What kind of entities.
    pub object: ObjectKind,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: String,
    /// open, merged, not_a_match.
    pub state: String,
    /// One entity; absent where it is gone.
    pub left: Option<RecordShown>,
    /// The other.
    pub right: Option<RecordShown>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// When it was decided.
    pub decided_at: Option<DateTime<Utc>>,
}

impl Candidates<'_> {
    /// Open ones, best score first, from the place after (`score`, `id`).
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn open(
        self,
        scope: &TenantScope,
        after: Option<(f32, CandidateId)>,
        limit: u32,
    ) -> Result<Vec<CandidateShown>, AppError> {
        // A pair may span rooftops, so it takes the right for the whole group.
        scope.require_at(None, Permission::Review)?;
        scope.require_at(None, Permission::ReadRecords)?;
        let tx = self.0.db().tenant(scope).await?;
        let rows = candidates::open(&tx, after, i64::from(limit)).await?;
        let shown = with_entities(&tx, scope, rows).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// One, open or decided.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: CandidateId) -> Result<CandidateShown, AppError> {
        scope.require_at(None, Permission::Review)?;
        scope.require_at(None, Permission::ReadRecords)?;
        let tx = self.0.db().tenant(scope).await?;
        let row = candidates::find(&tx, id).await?.ok_or(AppError::NotFound("candidate"))?;
        let shown = with_entities(&tx, scope, vec![row]).await?.pop();
        tx.commit().await?;
        shown.ok_or(AppError::NotFound("candidate"))
    }

    /// How many are open.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn count_open(self, scope: &TenantScope) -> Result<i64, AppError> {
        scope.require_at(None, Permission::Review)?;
        let tx = self.0.db().tenant(scope).await?;
        let many = candidates::count_open(&tx).await?;
        tx.commit().await?;
        Ok(many)
    }
}

async fn with_entities(
    tx: &store::TenantTx,
    scope: &TenantScope,
    rows: Vec<CandidateRow>,
) -> Result<Vec<CandidateShown>, AppError> {
    let ids = rows.iter().flat_map(|row| [row.left.0, row.right.0]).collect();
    let entities = show_many(tx, scope, ids).await?;
    let of = |id| entities.iter().find(|entity| entity.id == id).cloned();
    Ok(rows
        .into_iter()
        .map(|row| CandidateShown {
            left: of(row.left),
            right: of(row.right),
            id: row.id,
            object: row.object,
            score: row.score,
            reason: row.reason,
            state: row.state,
            created_at: row.created_at,
            decided_at: row.decided_at,
        })
        .collect())
}
