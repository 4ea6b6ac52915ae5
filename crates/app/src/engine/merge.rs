//! Joining two entities into one and taking them apart again, to the letter.

use super::Engine;
use chrono::{DateTime, Utc};
use domain::{GoldenId, Lane, ObjectKind};
use std::collections::BTreeSet;
use store::engine::goldens::{self, GoldenState};
use store::engine::landscape::Landscape;
use store::engine::{candidates, handover, records, take_turn};
use store::{StoreError, TenantTx};
use uuid::Uuid;

impl Engine {
    /// Joins `from` into `to`: its records move, its targets are handed over, questions follow. Returns the moved records.
    pub(crate) async fn merge(
        &self,
        tx: &TenantTx,
        object: ObjectKind,
        from: GoldenId,
        to: GoldenId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Uuid>, StoreError> {
        take_turn(tx, object).await?;
        let moved = records::ids_of(tx, from).await?;
        records::move_to(tx, moved.clone(), to).await?;
        let mut row = goldens::by_ids(tx, vec![from.0]).await?.pop().ok_or(StoreError::Conflict)?;
        row.state = GoldenState::Merged;
        row.merged_into = Some(to);
        row.version += 1;
        row.updated_at = now;
        goldens::write(tx, &[row]).await?;
        candidates::follow_merge(tx, from, to).await?;
        for connection in handover::hand_over(tx, from, to, moved.clone(), now).await? {
            self.ask_to_deliver(tx, connection, Lane::Lead).await?;
        }
        self.settle_again(tx, object, [to].into()).await?;
        Ok(moved)
    }

    /// Takes a merge back: those of the moved records that are still with the survivor return to the entity they came
    /// from. Returns the survivor, where there is one.
    pub(crate) async fn unmerge(
        &self,
        tx: &TenantTx,
        object: ObjectKind,
        from: GoldenId,
        mut moved: Vec<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Option<GoldenId>, StoreError> {
        take_turn(tx, object).await?;
        // The survivor may have been merged on since.
        let Some(survivor) = goldens::find(tx, from).await?.filter(|row| row.id != from) else { return Ok(None) };
        let there: BTreeSet<Uuid> = records::ids_of(tx, survivor.id).await?.into_iter().collect();
        moved.retain(|id| there.contains(id));
        self.take_out(tx, object, survivor.id, from, moved, now).await?;
        Ok(Some(survivor.id))
    }

    /// Takes records out of an entity. They become `out`, which is new, or was merged before and lives again.
    pub(crate) async fn take_out(
        &self,
        tx: &TenantTx,
        object: ObjectKind,
        entity: GoldenId,
        out: GoldenId,
        moved: Vec<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        take_turn(tx, object).await?;
        records::move_to(tx, moved, out).await?;
        if let Some(mut row) = goldens::by_ids(tx, vec![out.0]).await?.pop() {
            row.state = GoldenState::Live;
            row.merged_into = None;
            row.version += 1;
            row.updated_at = now;
            goldens::write(tx, &[row]).await?;
        }
        handover::hand_back(tx, entity, out, now).await?;
        handover::wanted_again(tx, out, now).await?;
        self.settle_again(tx, object, [entity, out].into()).await?;
        candidates::follow_split(tx, entity, out, now).await
    }

    /// Decides these entities anew from their records, and plans what follows.
    pub(crate) async fn settle_again(
        &self,
        tx: &TenantTx,
        object: ObjectKind,
        entities: BTreeSet<GoldenId>,
    ) -> Result<(), StoreError> {
        let landscape = Landscape::load(tx).await?;
        let Some(any) = landscape.connections.values().next() else { return Ok(()) };
        let origin = self.on_its_own(&landscape, any, Lane::Lead);
        let touched = self.load(tx, &entities).await?;
        self.agree_and_plan(tx, &origin, object, touched).await?;
        Ok(())
    }
}
