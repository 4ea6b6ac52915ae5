//! Doubtful matches as they are shown: two entities side by side. Deciding them is the engine's.

use crate::engine::reach;
use crate::error::AppError;
use crate::readable::readable;
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
    /// Open ones of which the caller may review both sides, best score first, from the place after (`score`, `id`).
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn open(
        self,
        scope: &TenantScope,
        after: Option<(f32, CandidateId)>,
        limit: u32,
    ) -> Result<Vec<CandidateShown>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        let rows = candidates::open(&tx, tellers, after, i64::from(limit)).await?;
        let shown = with_entities(&tx, scope, rows).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// One, open or decided.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: CandidateId) -> Result<CandidateShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::Review).await?;
        let row = candidates::find(&tx, id).await?.ok_or(AppError::NotFound("candidate"))?;
        if !reach::tells_of_pair(&tx, tellers, &row).await? {
            return Err(AppError::NotFound("candidate"));
        }
        let shown = with_entities(&tx, scope, vec![row]).await?.pop();
        tx.commit().await?;
        shown.ok_or(AppError::NotFound("candidate"))
    }
}

async fn with_entities(
    tx: &store::TenantTx,
    scope: &TenantScope,
    rows: Vec<CandidateRow>,
) -> Result<Vec<CandidateShown>, AppError> {
    let ids = rows.iter().flat_map(|row| [row.left.0, row.right.0]).collect();
    let entities = show_many(tx, scope, ids, RELATED_MAX).await?;
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
