//! Which connections a caller may read about.

use crate::error::AppError;
use domain::ConnectionId;
use domain::permission::Permission;
use store::{TenantScope, TenantTx, connections};
use uuid::Uuid;

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
