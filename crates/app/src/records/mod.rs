//! Golden records as they are shown: each field with who told it, who told something else, and why one survived.

mod related;
mod show;

pub(crate) use related::related;
pub use related::{Related, RelatedShown};
pub use show::{FieldShown, LoserShown, RecordShown, RecordSummary, SourceShown, TargetShown};
pub(crate) use show::{fields, may_see, part, show_many, summaries};

use crate::error::AppError;
use crate::readable::readable;
use crate::start::App;
use domain::permission::Permission;
use domain::{GoldenId, ObjectKind};
use store::TenantScope;
use store::engine::goldens;

/// Records of one kind that are shown with one they have to do with.
pub(crate) const RELATED_MAX: i64 = 20;

/// What can be seen of records.
#[derive(Clone, Copy)]
pub struct Records<'a>(pub(crate) &'a App);

impl App {
    /// Golden records.
    #[must_use]
    pub const fn records(&self) -> Records<'_> {
        Records(self)
    }
}

impl Records<'_> {
    /// A page of living records of one kind, oldest first, after `after`; also where the next page starts.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn page(
        self,
        scope: &TenantScope,
        object: ObjectKind,
        after: Option<GoldenId>,
        limit: u32,
    ) -> Result<(Vec<RecordSummary>, Option<GoldenId>), AppError> {
        scope.require(Permission::ReadRecords)?;
        let tx = self.0.db().tenant(scope).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let rows = goldens::page(&tx, object, tellers, after, i64::from(limit)).await?;
        let full = u32::try_from(rows.len()).unwrap_or(u32::MAX) >= limit;
        let next = rows.last().map(|row| row.id).filter(|_| full);
        let shown = summaries(rows);
        tx.commit().await?;
        Ok((shown, next))
    }

    /// One record with its sources, deliveries and what it has to do with; one that was merged answers with what it became part of.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: GoldenId) -> Result<RecordShown, AppError> {
        scope.require(Permission::ReadRecords)?;
        let tx = self.0.db().tenant(scope).await?;
        let row = goldens::find(&tx, id).await?.ok_or(AppError::NotFound("record"))?;
        let shown = show_many(&tx, scope, vec![row.id.0], RELATED_MAX).await?.pop();
        tx.commit().await?;
        shown.ok_or(AppError::NotFound("record"))
    }
}
