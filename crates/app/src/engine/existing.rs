//! The job that plans what exists already for a connection that came later: the CRM that is connected after the DMS must
//! receive every customer.
//!
//! Entities are planned as they change. A connection that becomes active, or an object that is written from now on,
//! missed those changes; this job goes over all entities once, in pieces, and can be repeated at any time.

use super::agree::{deliver_job, publish_job};
use super::plan::{Entity, Planned, by_entity, plan_for};
use super::syncs::Mode;
use super::{Engine, EngineError};
use chrono::TimeDelta;
use domain::{ConnectionId, Lane, ObjectKind};
use queue::{JobKind, JobOutcome, Lease, NewJob, enqueue, enqueue_all};
use std::collections::BTreeSet;
use store::TenantTx;
use store::engine::landscape::{self, ConnectionPlan, Landscape, Push};
use store::engine::{existing, take_turn, targets};
use uuid::Uuid;

/// Entities looked at in one transaction: others who decide about the same kind of entity wait so long.
const PIECE: i64 = 1_000;
/// One slice; then others have their turn.
const SLICE: TimeDelta = TimeDelta::seconds(45);

/// The job that plans what exists already.
pub(crate) fn plan_job(connection: ConnectionId, object: ObjectKind) -> NewJob {
    NewJob {
        kind: JobKind::PlanTargets,
        lane: Lane::Backfill,
        dedupe_key: format!("plan {connection} {object}"),
        args: serde_json::json!({"connection": connection, "object": object}),
        run_at: None,
    }
}

impl Engine {
    /// Asks that a connection be brought to what it should hold: what is due goes out, what exists already is planned
    /// for it, its feeds are published; what is to be written there is read first, where it never was. For the moment a connection becomes active (`object`: none), or one of its
    /// objects is written from now on.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn catch_up(
        &self,
        tx: &TenantTx,
        connection: ConnectionId,
        object: Option<ObjectKind>,
    ) -> Result<(), EngineError> {
        let landscape = Landscape::load(tx).await?;
        let Some(plan) = landscape.connection(connection) else { return Ok(()) };
        let mut jobs = vec![deliver_job(connection, Lane::Routine)];
        for (kind, sync) in plan.objects.iter().filter(|(kind, _)| object.is_none_or(|only| only == **kind)) {
            match sync.push {
                Push::None => {}
                Push::Feed => {
                    landscape::raise_feed(tx, connection, *kind).await?;
                    jobs.push(publish_job(connection, *kind, Lane::Routine));
                }
                Push::UpdateOnly | Push::CreateAndUpdate => {
                    existing::ask(tx, connection, *kind).await?;
                    jobs.push(plan_job(connection, *kind));
                    if sync.awaits_first_read() && plan.is_active() {
                        self.start_run(tx, plan, *kind, Mode::Full, "initial").await?;
                    }
                }
            }
        }
        enqueue_all(tx, &jobs).await?;
        Ok(())
    }

    /// Runs one slice of planning.
    pub(crate) async fn plan_existing(
        &self,
        lease: &Lease,
        connection: ConnectionId,
        object: ObjectKind,
    ) -> Result<JobOutcome, EngineError> {
        let until = self.now() + SLICE;
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        drop(tx);
        // A draft is asked for again when its test is good.
        let Some(plan) = landscape.connection(connection).filter(|plan| plan.takes_part()) else {
            return Ok(JobOutcome::Done);
        };
        while self.plan_piece(lease, &landscape, plan, object).await? {
            if lease.is_lost() {
                return Ok(JobOutcome::Done);
            }
            if self.now() >= until {
                return Ok(JobOutcome::Again { at: self.now() });
            }
        }
        Ok(JobOutcome::Done)
    }

    /// Plans the next piece, and keeps the place behind it with the targets; `false` at the end.
    async fn plan_piece(
        &self,
        lease: &Lease,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        object: ObjectKind,
    ) -> Result<bool, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        // Before it is looked: an entity must not change between the look and the plan.
        take_turn(&tx, object).await?;
        lease.advance(&tx).await?;
        let Some(progress) = existing::progress(&tx, plan.id, object).await?.filter(|p| p.wanted > p.done) else {
            return Ok(false);
        };
        let piece = existing::piece(&tx, plan.id, object, progress.after, tellers(landscape, plan), PIECE).await?;
        existing::advance(&tx, plan.id, object, progress.wanted, piece.last).await?;
        let ids: BTreeSet<_> = piece.open.into_iter().collect();
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let known = by_entity(targets::of_goldens(&tx, uuids).await?);
        let mut planned = Planned::default();
        for (id, entity) in self.load(&tx, &ids).await? {
            let Some(golden) = entity.before else { continue };
            let record = golden.golden.record(object);
            let entity = Entity {
                id,
                object,
                version: golden.version,
                record: &record,
                members: &entity.members,
                changed: false,
                live: true,
                is_new: false,
            };
            let before = known.get(&id).and_then(|targets| targets.get(&plan.id));
            plan_for(&entity, plan, landscape, self.connector, before, now, &mut planned);
        }
        targets::write(&tx, &planned.targets).await?;
        if !planned.deliver.is_empty() {
            enqueue(&tx, &deliver_job(plan.id, Lane::Backfill)).await?;
        }
        failpoint!("engine::plan_existing::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::plan_existing::after_commit");
        tracing::debug!(tenant = %lease.tenant, connection = %plan.id, %object, targets = planned.targets.len(), "a piece of what exists was planned");
        Ok(piece.last.is_some())
    }
}

/// The connections whose entities concern this one; `None` for the group's systems, which hold all.
fn tellers(landscape: &Landscape, plan: &ConnectionPlan) -> Option<Vec<Uuid>> {
    plan.rooftop?;
    let near = landscape.connections.values().filter(|c| c.rooftop.is_none() || c.rooftop == plan.rooftop);
    Some(near.map(|c| c.id.0).collect())
}
