//! The job that reads stored payloads again: after a mapping or rule was corrected, or for a replay.

use super::prepare::prepare;
use super::{Engine, EngineError};
use chrono::TimeDelta;
use connectors::Payload;
use domain::{ConnectionId, Lane, ObjectKind};
use queue::{JobOutcome, Lease};
use store::engine::landscape::Landscape;
use store::engine::records::RecordState;
use store::engine::{landed, take_turn};
use uuid::Uuid;

/// Records read in one transaction.
const PIECE: i64 = 1_000;
/// One slice; then others have their turn.
const SLICE: TimeDelta = TimeDelta::seconds(45);

impl Engine {
    /// Reads the stored payloads of one object again: all of them, or only those that wait for a correction.
    pub(crate) async fn reprocess(
        &self,
        lease: &Lease,
        connection: ConnectionId,
        object: ObjectKind,
        only_flagged: bool,
    ) -> Result<JobOutcome, EngineError> {
        let until = self.now() + SLICE;
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        drop(tx);
        let Some(plan) = landscape.connection(connection) else { return Ok(JobOutcome::Done) };
        let Some(access) = self.access.open(&lease.scope(), connection).await? else { return Ok(JobOutcome::Done) };
        let Some(mapping) = self.mapping(plan, &access, object) else { return Ok(JobOutcome::Done) };
        let only = only_flagged.then_some(RecordState::Flagged);
        let mut after = Uuid::nil();
        // A slice that is cut starts from the beginning: reading a record twice changes nothing.
        while self.now() < until && !lease.is_lost() {
            let tx = self.db.tenant(&lease.scope()).await?;
            let waiting = landed::payloads(&tx, connection, object, only, after, PIECE).await?;
            drop(tx);
            let Some(last) = waiting.last() else { return Ok(JobOutcome::Done) };
            after = last.id.0;
            let payloads: Vec<Payload> = waiting
                .into_iter()
                .filter_map(|record| {
                    Some(Payload {
                        external_id: record.external_id,
                        body: serde_json::from_slice(&record.raw).ok()?,
                        changed_at: Some(record.changed_at),
                        deleted: false,
                        mark: None,
                    })
                })
                .collect();
            let by = mapping.clone();
            let page = tokio::task::spawn_blocking(move || prepare(&by, payloads)).await?;
            let tx = self.db.tenant(&lease.scope()).await?;
            take_turn(&tx, object).await?;
            lease.advance(&tx).await?;
            let mut origin = self.on_its_own(&landscape, plan, Lane::Backfill);
            origin.again = true;
            self.take_in(&tx, &origin, page, &[]).await?;
            failpoint!("engine::reprocess::before_commit");
            lease.commit(tx).await?;
            failpoint!("engine::reprocess::after_commit");
        }
        Ok(JobOutcome::Again { at: self.now() })
    }
}
