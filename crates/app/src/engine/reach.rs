//! What somebody who is limited to rooftops can reach: what a connection of these rooftops tells of.

use super::EngineError;
use domain::GoldenId;
use domain::permission::Permission;
use store::engine::candidates::CandidateRow;
use store::engine::landscape::Landscape;
use store::engine::{records, sources};
use store::{StoreError, TenantScope, TenantTx};
use uuid::Uuid;

/// The connections at which the scope permits it; `None`: all, those of the group included.
pub(crate) fn connections(
    scope: &TenantScope,
    landscape: &Landscape,
    permission: Permission,
) -> Result<Option<Vec<Uuid>>, EngineError> {
    scope.require(permission)?;
    if scope.grants().permits(None, permission) {
        return Ok(None);
    }
    let mine = landscape.connections.values().filter(|plan| scope.grants().permits(plan.rooftop, permission));
    Ok(Some(mine.map(|plan| plan.id.0).collect()))
}

/// Whether one of these connections tells of the entity.
pub(crate) async fn tells_of(tx: &TenantTx, tellers: Option<Vec<Uuid>>, golden: GoldenId) -> Result<bool, StoreError> {
    match tellers {
        None => Ok(true),
        Some(tellers) => Ok(!sources::told_by(tx, vec![golden.0], tellers).await?.is_empty()),
    }
}

/// Whether these connections tell of both sides of a pair. Of a merged one the sides are what was moved and what was
/// there before.
pub(crate) async fn tells_of_pair(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    pair: &CandidateRow,
) -> Result<bool, StoreError> {
    let Some(tellers) = tellers else { return Ok(true) };
    let mut left = records::ids_of(tx, pair.left).await?;
    let right = if pair.state == "merged" {
        left.retain(|id| !pair.moved.contains(id));
        pair.moved.clone()
    } else {
        records::ids_of(tx, pair.right).await?
    };
    Ok(sources::any_from(tx, left, tellers.clone()).await? && sources::any_from(tx, right, tellers).await?)
}
