//! Who has which record in each system after a merge, and after it is taken back.

use super::targets::{ASKED_ANEW, Whose};
use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, GoldenId, ObjectKind};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Moves a merged entity's targets. The survivor keeps its own, a target or a record of the system's own; where it has
/// neither, it takes over. Where only the merged one has a record of the system's own, that one stays and the survivor
/// has it from now on. What is too many is due to be withdrawn: it is removed where we made it, and only our mark comes
/// off where it is the system's own. `moved` are the records that the merge brought. Returns the connections with
/// something to withdraw.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hand_over(
    tx: &TenantTx,
    from: GoldenId,
    to: GoldenId,
    moved: Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<ConnectionId>, StoreError> {
    tx.run(
        "UPDATE target t SET golden_id = $3, state = CASE WHEN t.state = 3 THEN 3 ELSE 1 END, due_at = $4, attempts = 0
         WHERE t.tenant_id = $1 AND t.golden_id = $2
           AND NOT EXISTS (SELECT FROM target o WHERE o.tenant_id = $1 AND o.golden_id = $3 AND o.connection_id = t.connection_id)
           AND NOT EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.golden_id = $3 AND s.state = 1
                           AND s.connection_id = t.connection_id AND s.id <> ALL($5))",
        [tx.owner(), from.0.into(), to.0.into(), now.into(), moved.clone().into()],
    )
    .await?;
    tx.run(
        "WITH swapped AS (
             SELECT o.connection_id, o.object, o.external_id AS ours, min(s.external_id) AS theirs
             FROM target o JOIN source_record s ON s.tenant_id = $1 AND s.connection_id = o.connection_id
                                                AND s.object = o.object AND s.state = 1 AND s.id = ANY($5)
             WHERE o.tenant_id = $1 AND o.golden_id = $3 AND o.made AND o.external_id IS NOT NULL AND o.state <> 3
               AND s.external_id <> o.external_id
               AND NOT EXISTS (SELECT FROM target f WHERE f.tenant_id = $1 AND f.golden_id = $2 AND f.made
                               AND f.connection_id = s.connection_id AND f.external_id = s.external_id)
             GROUP BY o.connection_id, o.object, o.external_id
         ), taken AS (
             UPDATE target t SET external_id = w.theirs, made = false, state = 1, due_at = $4, attempts = 0, delivered_hash = $6
             FROM swapped w WHERE t.tenant_id = $1 AND t.golden_id = $3 AND t.connection_id = w.connection_id
         )
         INSERT INTO target (tenant_id, connection_id, golden_id, object, desired_version, external_id, made, state, due_at, desired_at)
         SELECT $1, connection_id, $2, object, 1, ours, true, 1, $4, $4 FROM swapped
         ON CONFLICT (tenant_id, connection_id, golden_id) DO UPDATE SET external_id = excluded.external_id, made = true,
                                                                             state = 1",
        [tx.owner(), from.0.into(), to.0.into(), now.into(), moved.into(), ASKED_ANEW.to_vec().into()],
    )
    .await?;
    let rows = tx
        .rows(
            "UPDATE target SET withdraw = true, due_at = $3, desired_version = desired_version + 1, attempts = 0,
                    state = CASE WHEN state = 3 OR external_id IS NULL THEN 3 ELSE 1 END
             WHERE tenant_id = $1 AND golden_id = $2 RETURNING connection_id",
            [tx.owner(), from.0.into(), now.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(ConnectionId(get(row, "connection_id")?))).collect()
}

/// Gives an entity that was taken out of another the keys of its own records: where a target of `from` names a record
/// that belongs to `out` now, `out` has it, and `from` is to be known there by another key or be written anew.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn hand_back(tx: &TenantTx, from: GoldenId, out: GoldenId, now: DateTime<Utc>) -> Result<(), StoreError> {
    const OWN: &str = "EXISTS (SELECT FROM source_record s
         WHERE s.tenant_id = $1 AND s.connection_id = t.connection_id AND s.object = t.object
           AND s.external_id = t.external_id AND s.golden_id = $3)";
    tx.run(
        &format!(
            "UPDATE target t SET golden_id = $3, state = CASE WHEN t.state = 3 THEN 3 ELSE 1 END, due_at = $4, attempts = 0,
                    delivered_hash = $5
             WHERE t.tenant_id = $1 AND t.golden_id = $2 AND {OWN}
               AND NOT EXISTS (SELECT FROM target o WHERE o.tenant_id = $1 AND o.golden_id = $3
                               AND o.connection_id = t.connection_id)"
        ),
        [tx.owner(), from.0.into(), out.0.into(), now.into(), ASKED_ANEW.to_vec().into()],
    )
    .await?;
    tx.run(
        &format!(
            "UPDATE target t SET external_id = NULL, made = false, delivered_version = 0, delivered_hash = $5, attempts = 0, due_at = $4
             WHERE t.tenant_id = $1 AND t.golden_id = $2 AND {OWN}"
        ),
        [tx.owner(), from.0.into(), out.0.into(), now.into(), ASKED_ANEW.to_vec().into()],
    )
    .await?;
    Ok(())
}

/// A write to a merged entity that was on its way when it was merged: the survivor takes the system's key over where it
/// has none there; else what we made is withdrawn. Returns whether the record stays there, and is the survivor's.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn arrived_late(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    (from, to): (GoldenId, GoldenId),
    (key, whose): (&str, Whose),
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let taken = tx
        .run(
            "UPDATE target SET external_id = $4, made = coalesce($6, made), state = 1, due_at = $5
             WHERE tenant_id = $1 AND connection_id = $2 AND golden_id = $3 AND state <> 3
               AND (external_id IS NULL OR external_id = $4)",
            [tx.owner(), connection.0.into(), to.0.into(), key.into(), now.into(), whose.made().into()],
        )
        .await?;
    if taken > 0 {
        return Ok(true);
    }
    match whose {
        Whose::Theirs => Ok(true),
        // It was known when the targets were handed over.
        Whose::AsBefore => {
            let leaves = tx
                .row(
                    "SELECT FROM target WHERE tenant_id = $1 AND connection_id = $2 AND golden_id = $3 AND made
                     AND external_id = $4",
                    [tx.owner(), connection.0.into(), from.0.into(), key.into()],
                )
                .await?;
            Ok(leaves.is_none())
        }
        Whose::Ours => {
            tx.run(
                "INSERT INTO target (tenant_id, connection_id, golden_id, object, desired_version, external_id, made, state,
                                     withdraw, due_at, desired_at)
                 VALUES ($1, $2, $3, $4, 1, $5, true, 1, true, $6, $6)
                 ON CONFLICT (tenant_id, connection_id, golden_id) DO UPDATE SET external_id = excluded.external_id,
                     made = true, state = 1, withdraw = true, attempts = 0, due_at = excluded.due_at",
                [tx.owner(), connection.0.into(), from.0.into(), object.code().into(), key.into(), now.into()],
            )
            .await?;
            Ok(false)
        }
    }
}

/// Takes the withdrawal of an entity's targets back: it lives again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn wanted_again(tx: &TenantTx, golden: GoldenId, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE target SET withdraw = false, state = 1, due_at = $3, delivered_hash = $4, attempts = 0
         WHERE tenant_id = $1 AND golden_id = $2 AND withdraw",
        [tx.owner(), golden.0.into(), now.into(), ASKED_ANEW.to_vec().into()],
    )
    .await?;
    Ok(())
}

/// Of records that we made just now, as (entity, key): those that are one too many, because their entity turned out to
/// have another record there meanwhile. They are to be withdrawn. Returns their entities.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn too_many(
    tx: &TenantTx,
    connection: ConnectionId,
    made: &[(GoldenId, &str)],
    now: DateTime<Utc>,
) -> Result<BTreeSet<GoldenId>, StoreError> {
    if made.is_empty() {
        return Ok(BTreeSet::new());
    }
    let goldens: Vec<Uuid> = made.iter().map(|(golden, _)| golden.0).collect();
    let keys: Vec<String> = made.iter().map(|(_, key)| (*key).to_owned()).collect();
    let rows = tx
        .rows(
            "UPDATE target t SET surplus = m.key, state = 1, due_at = $5, attempts = 0
             FROM unnest($3::uuid[], $4::text[]) AS m (golden, key)
             WHERE t.tenant_id = $1 AND t.connection_id = $2 AND t.golden_id = m.golden AND t.external_id <> m.key
               AND t.state <> 3
               AND EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.connection_id = t.connection_id
                           AND s.object = t.object AND s.external_id = t.external_id AND s.state = 1)
             RETURNING t.golden_id",
            [tx.owner(), connection.0.into(), goldens.into(), keys.into(), now.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(GoldenId(get(row, "golden_id")?))).collect()
}

/// Notes that what was too many is gone; then their entities' own records are due.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn none_too_many(tx: &TenantTx, connection: ConnectionId, goldens: Vec<Uuid>) -> Result<(), StoreError> {
    if goldens.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE target SET surplus = NULL, attempts = 0, last_error = ''
         WHERE tenant_id = $1 AND connection_id = $2 AND golden_id = ANY($3)",
        [tx.owner(), connection.0.into(), goldens.into()],
    )
    .await?;
    Ok(())
}
