//! The engine's state, read and written in batches: one statement per table and batch, never one per record.

pub mod candidates;
pub mod existing;
pub mod failures;
pub mod goldens;
pub mod handover;
pub mod inbox;
pub mod landed;
pub mod landscape;
pub mod links;
pub mod lookup;
pub mod models;
pub mod overdue;
pub mod records;
pub mod references;
pub mod review;
pub mod runs;
pub mod search;
mod source_doc;
pub mod sources;
pub mod targets;

use crate::error::StoreError;
use crate::jobs::FROZEN_MS;
use crate::tx::TenantTx;
use domain::ObjectKind;

/// Lets one writer at a time decide who is who among a tenant's objects of one kind; until the transaction ends. A
/// process that freezes with its turn loses it.
///
/// Take it before anything else is locked, a job's row above all: who has the turn asks for jobs, and would wait for
/// one whose holder waits for the turn.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn take_turn(tx: &TenantTx, object: ObjectKind) -> Result<(), StoreError> {
    tx.row(
        "SELECT set_config('idle_in_transaction_session_timeout', $3, true),
                pg_advisory_xact_lock(hashtextextended($1::text || ' identify ' || $2::text, 0))::text AS locked",
        [tx.owner(), object.code().into(), FROZEN_MS.to_string().into()],
    )
    .await?;
    Ok(())
}

/// Has every statement of this transaction planned by what the tables hold now. A plan that was kept from when a table was
/// small may look through all of a tenant for each record of a page; to plan takes milliseconds, so it is worth it for
/// many records only.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn plan_by_size(tx: &TenantTx) -> Result<(), StoreError> {
    tx.run("SET LOCAL plan_cache_mode = force_custom_plan", []).await?;
    Ok(())
}
