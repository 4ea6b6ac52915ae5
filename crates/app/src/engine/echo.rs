//! What a system tells that is our own voice: records that we made there and values that we wrote, read before the answer
//! to the write was written down. Else whether a pull or an answer came first would decide what is believed.

use super::agree::deliver_job;
use super::ingest::Origin;
use super::land::Fresh;
use super::{Engine, plan};
use domain::{Field, GoldenId, ObjectKind};
use queue::enqueue_all;
use std::collections::{BTreeSet, HashMap};
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::handover;
use store::engine::landscape::ObjectSync;
use store::engine::targets::{self, TargetState, Whose};
use store::{StoreError, TenantTx};
use uuid::Uuid;

impl Engine {
    /// Tells our own voice from the system's in what is new of a page.
    pub(crate) async fn recognise(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        fresh: &mut [Fresh],
    ) -> Result<(), StoreError> {
        let push = (self.connector)(&origin.connection.connector).and_then(|connector| connector.push(object));
        let Some(push) = push else { return Ok(()) };
        // Nothing was written by this connection before its first read: a mark that is there then is left from one before.
        if !origin.connection.objects.get(&object).is_none_or(ObjectSync::awaits_first_read) {
            self.made_by_us(tx, origin, object, fresh).await?;
        }
        written_by_us(tx, origin, push.fields(object), fresh).await
    }

    /// Records that bear our mark though they are new to us: we made them, and do not know yet that we did.
    async fn made_by_us(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        fresh: &mut [Fresh],
    ) -> Result<(), StoreError> {
        let marks: BTreeSet<GoldenId> = fresh.iter().filter_map(Fresh::mark).collect();
        if marks.is_empty() {
            return Ok(());
        }
        let survivors = goldens::survivors(tx, marks.iter().copied()).await?;
        let stands = |mark: GoldenId| survivors.get(&mark).copied().unwrap_or(mark);
        let ids: BTreeSet<Uuid> = marks.iter().map(|mark| stands(*mark).0).collect();
        // A mark is text that anybody there can write: it says nothing unless it names one of this group's.
        let living: BTreeSet<GoldenId> = goldens::by_ids(tx, ids.into_iter().collect())
            .await?
            .into_iter()
            .filter(|row| row.object == object && row.state == GoldenState::Live)
            .map(|row| row.id)
            .collect();
        let mut leaves = false;
        let mut made = Vec::new();
        for record in fresh.iter_mut() {
            let Some(mark) = record.mark() else { continue };
            let golden = stands(mark);
            if !living.contains(&golden) {
                continue;
            }
            let key = record.prepared.external_id.clone();
            if golden == mark {
                made.push((golden, key));
            } else {
                // Made for one that was merged away since: it stays where the survivor needs it, else it leaves.
                let (pair, late) = ((mark, golden), (key.as_str(), Whose::Ours));
                let stays = handover::arrived_late(tx, origin.connection.id, object, pair, late, origin.now).await?;
                leaves |= !stays;
            }
            record.is_ours(golden);
        }
        let made: Vec<(GoldenId, &str)> = made.iter().map(|(golden, key)| (*golden, key.as_str())).collect();
        leaves |= !handover::too_many(tx, origin.connection.id, &made, origin.now).await?.is_empty();
        if leaves {
            enqueue_all(tx, &[deliver_job(origin.connection.id, origin.lane)]).await?;
        }
        Ok(())
    }
}

/// Values that changed to what we are about to write there, or have written without knowing yet.
async fn written_by_us(
    tx: &TenantTx,
    origin: &Origin<'_>,
    fields: &[Field],
    fresh: &mut [Fresh],
) -> Result<(), StoreError> {
    let known: BTreeSet<Uuid> = fresh.iter().filter_map(Fresh::known_golden).map(|golden| golden.0).collect();
    if known.is_empty() {
        return Ok(());
    }
    let due: Vec<Uuid> = targets::of_goldens(tx, known.into_iter().collect())
        .await?
        .into_iter()
        .filter(|target| target.connection == origin.connection.id && target.state == TargetState::Due)
        .map(|target| target.golden.0)
        .collect();
    if due.is_empty() {
        return Ok(());
    }
    let rows: HashMap<GoldenId, GoldenRow> =
        goldens::by_ids(tx, due).await?.into_iter().map(|row| (row.id, row)).collect();
    for record in fresh.iter_mut() {
        let Some(row) = record.known_golden().and_then(|golden| rows.get(&golden)) else { continue };
        record.repeats(&plan::written(&row.golden, row.object, fields));
    }
    Ok(())
}
