//! Entities that were there before a connection was: how far they are planned for it, and the next piece of them.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use domain::{ConnectionId, GoldenId, ObjectKind};
use uuid::Uuid;

/// How far the planning of one connection's object got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The newest request.
    pub wanted: i64,
    /// The newest request that was met.
    pub done: i64,
    /// The last entity that was looked at for the newest request.
    pub after: Option<GoldenId>,
}

/// Asks that every entity be planned for this connection. A request that comes while an older one is under way starts
/// from the beginning: what was skipped may be wanted now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn ask(tx: &TenantTx, connection: ConnectionId, object: ObjectKind) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET plan_wanted = plan_wanted + 1
         WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into()],
    )
    .await?;
    Ok(())
}

/// How far it got; `None` where the connection does not move this object.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn progress(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
) -> Result<Option<Progress>, StoreError> {
    let row = tx
        .row(
            "SELECT plan_wanted, plan_done, CASE WHEN plan_under_way = plan_wanted THEN plan_after END AS after
             FROM object_sync WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
            [tx.owner(), connection.0.into(), object.code().into()],
        )
        .await?;
    row.map(|row| {
        Ok(Progress {
            wanted: get(&row, "plan_wanted")?,
            done: get(&row, "plan_done")?,
            after: get::<Option<Uuid>>(&row, "after")?.map(GoldenId),
        })
    })
    .transpose()
}

/// Notes how far request `wanted` got: to `after`, or to the end.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn advance(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    wanted: i64,
    after: Option<GoldenId>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE object_sync SET plan_under_way = $4, plan_after = $5,
                plan_done = CASE WHEN $5::uuid IS NULL THEN greatest(plan_done, $4) ELSE plan_done END
         WHERE tenant_id = $1 AND connection_id = $2 AND object = $3",
        [tx.owner(), connection.0.into(), object.code().into(), wanted.into(), after.map(|id| id.0).into()],
    )
    .await?;
    Ok(())
}

/// A piece of the living entities of one kind.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// The last entity of the piece; `None` at the end.
    pub last: Option<GoldenId>,
    /// Those that are not planned for the connection in their present version.
    pub open: Vec<GoldenId>,
}

/// The next piece after `after`: `limit` entities are looked at, however few of them are open. `tellers` narrows them to
/// what these connections tell of; `None` takes all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn piece(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    after: Option<GoldenId>,
    tellers: Option<Vec<Uuid>>,
    limit: i64,
) -> Result<Piece, StoreError> {
    let rows = tx
        .rows(
            "WITH piece AS MATERIALIZED (
                 SELECT id, version FROM golden
                 WHERE tenant_id = $1 AND object = $3 AND state = 1 AND id > $4 ORDER BY id LIMIT $5)
             SELECT piece.id,
                    NOT EXISTS (SELECT FROM target t WHERE t.tenant_id = $1 AND t.connection_id = $2
                                AND t.golden_id = piece.id AND (t.state = 3 OR t.desired_version >= piece.version))
                    AND ($6::uuid[] IS NULL
                         OR EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.golden_id = piece.id
                                    AND s.state = 1 AND s.connection_id = ANY($6))) AS open
             FROM piece ORDER BY piece.id",
            [
                tx.owner(),
                connection.0.into(),
                object.code().into(),
                after.map_or(Uuid::nil(), |id| id.0).into(),
                limit.into(),
                tellers.into(),
            ],
        )
        .await?;
    let mut piece = Piece::default();
    for row in &rows {
        let id = GoldenId(get(row, "id")?);
        piece.last = Some(id);
        if get(row, "open")? {
            piece.open.push(id);
        }
    }
    Ok(piece)
}
