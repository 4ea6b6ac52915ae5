//! Failures as they are shown: grouped by cause, and one by one. Replaying them is the engine's.

use crate::error::AppError;
use crate::readable::readable_of;
use crate::start::App;
use domain::permission::Permission;
use domain::{ConnectionId, FailureId, ObjectKind};
use store::TenantScope;
pub use store::engine::failures::FailureRow;
use store::engine::failures::{self, Filter};

/// What can be seen of failures.
#[derive(Clone, Copy)]
pub struct Failures<'a>(&'a App);

impl App {
    /// Failures.
    #[must_use]
    pub const fn failures(&self) -> Failures<'_> {
        Failures(self)
    }
}

/// Which failures are meant.
#[derive(Clone, Debug, Default)]
pub struct FailureFilter {
    /// Of one connection.
    pub connection: Option<ConnectionId>,
    /// Of one object.
    pub object: Option<ObjectKind>,
    /// Of one code.
    pub code: Option<String>,
    /// open, resolved.
    pub state: Option<String>,
}

impl Failures<'_> {
    /// Failures, newest first, before `before`.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn page(
        self,
        scope: &TenantScope,
        filter: FailureFilter,
        before: Option<FailureId>,
        limit: u32,
    ) -> Result<Vec<FailureRow>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connections = readable_of(&tx, scope, Permission::ReadOperations, filter.connection).await?;
        let filter =
            Filter { connections, code: filter.code, object: filter.object, subject: None, state: filter.state };
        let page = failures::page(&tx, &filter, before, i64::from(limit)).await?;
        tx.commit().await?;
        Ok(page)
    }
}
