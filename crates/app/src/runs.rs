//! Runs as they are shown, and the health of each connection's objects.

use crate::error::AppError;
use crate::start::App;
use domain::permission::Permission;
use domain::{ConnectionId, RunId};
use store::engine::runs;
pub use store::engine::runs::{Counts, RunRow};
use store::{TenantScope, TenantTx, connections};
use uuid::Uuid;

/// What can be seen of runs. Starting them is the engine's.
#[derive(Clone, Copy)]
pub struct Runs<'a>(&'a App);

impl App {
    /// Runs.
    #[must_use]
    pub const fn runs(&self) -> Runs<'_> {
        Runs(self)
    }
}

/// The connections that the caller may read about; `None`: all.
pub(crate) async fn readable(
    tx: &TenantTx,
    scope: &TenantScope,
    permission: Permission,
) -> Result<Option<Vec<Uuid>>, AppError> {
    scope.require(permission)?;
    if scope.grants().permits(None, permission) {
        return Ok(None);
    }
    let all = connections::list(tx).await?;
    Ok(Some(
        all.into_iter()
            .filter(|connection| scope.grants().permits(connection.rooftop, permission))
            .map(|connection| connection.id.0)
            .collect(),
    ))
}

/// The same, narrowed to one connection where given; a stranger's is not there.
pub(crate) async fn readable_of(
    tx: &TenantTx,
    scope: &TenantScope,
    permission: Permission,
    only: Option<ConnectionId>,
) -> Result<Option<Vec<Uuid>>, AppError> {
    let may = readable(tx, scope, permission).await?;
    let Some(only) = only else { return Ok(may) };
    let exists = connections::get_one(tx, only).await?.is_some();
    if !exists || may.is_some_and(|may| !may.contains(&only.0)) {
        return Err(AppError::NotFound("connection"));
    }
    Ok(Some(vec![only.0]))
}

impl Runs<'_> {
    /// Runs, newest first, before `before`; of one connection where given.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Store`].
    pub async fn page(
        self,
        scope: &TenantScope,
        connection: Option<ConnectionId>,
        before: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<RunRow>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let of = readable_of(&tx, scope, Permission::ReadOperations, connection).await?;
        let page = runs::page(&tx, of, before, i64::from(limit)).await?;
        tx.commit().await?;
        Ok(page)
    }

    /// One run.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: RunId) -> Result<RunRow, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let may = readable(&tx, scope, Permission::ReadOperations).await?;
        let run = runs::find(&tx, id).await?;
        tx.commit().await?;
        run.filter(|run| may.is_none_or(|may| may.contains(&run.connection.0))).ok_or(AppError::NotFound("run"))
    }

    /// The latest run of each connection and object.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn latest(self, scope: &TenantScope) -> Result<Vec<RunRow>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let may = readable(&tx, scope, Permission::ReadOperations).await?;
        let mut latest = runs::latest(&tx).await?;
        tx.commit().await?;
        latest.retain(|run| may.as_ref().is_none_or(|may| may.contains(&run.connection.0)));
        Ok(latest)
    }
}
