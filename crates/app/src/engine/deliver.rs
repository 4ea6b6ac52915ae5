//! Step 7, the job that brings one connection's due targets up to date: read, close, call, open, write.

use super::agree::deliver_job;
use super::delivery::{Call, Delivery};
use super::ingest::{MANY, Origin};
use super::prepare::Trouble;
use super::{Engine, EngineError};
use chrono::TimeDelta;
use connectors::{Access, ConnectorError, Outgoing, Push as PushTo, Pushed};
use domain::{ConnectionId, GoldenId, Lane, ObjectKind};
use futures::FutureExt;
use futures::future::{join, join_all};
use queue::{JobOutcome, Lease};
use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use store::engine::landscape::{ConnectionPlan, Landscape, ObjectSync};
use store::engine::{plan_by_size, take_turn, targets};
use store::{StoreError, TenantTx};

/// One slice of deliveries; then others have their turn.
const SLICE: TimeDelta = TimeDelta::seconds(45);
/// Calls under way at once to one system.
pub(crate) const CALLS_AT_ONCE: usize = 4;

impl Engine {
    /// Runs one slice of a connection's deliveries.
    pub(crate) async fn deliver(&self, lease: &Lease, connection: ConnectionId) -> Result<JobOutcome, EngineError> {
        let until = self.now() + SLICE;
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        drop(tx);
        let Some(plan) = landscape.connection(connection).cloned() else { return Ok(JobOutcome::Done) };
        if !plan.is_active() {
            // Its targets wait; making it active again asks for this job.
            return Ok(JobOutcome::Done);
        }
        let Some(connector) = (self.connector)(&plan.connector) else { return Ok(JobOutcome::Done) };
        let Some(access) = self.access.open(&lease.scope(), connection).await? else { return Ok(JobOutcome::Done) };
        let awaits = |object: &ObjectKind| plan.objects.get(object).is_some_and(ObjectSync::awaits_first_read);
        let open: Vec<ObjectKind> = ObjectKind::ALL.into_iter().filter(|object| !awaits(object)).collect();
        for object in open.iter().copied() {
            let Some(push) = connector.push(object) else { continue };
            loop {
                if lease.is_lost() {
                    return Ok(JobOutcome::Done);
                }
                if self.now() >= until {
                    return Ok(JobOutcome::Again { at: self.now() });
                }
                let batch = self.due(lease, &plan, push, object).await?;
                if batch.is_empty() {
                    break;
                }
                if let Some(again) = self.deliver_batch(lease, &landscape, &plan, &access, push, object, batch).await? {
                    return Ok(again);
                }
            }
        }
        let tx = self.db.tenant(&lease.scope()).await?;
        let next = targets::next_due(&tx, connection, &open).await?;
        Ok(next.map_or(JobOutcome::Done, |at| JobOutcome::Again { at: at.max(self.now()) }))
    }

    /// Calls the system for a batch and writes down how it went; an outcome where the whole system has to wait.
    #[expect(clippy::too_many_arguments, reason = "one batch with all it needs")]
    async fn deliver_batch(
        &self,
        lease: &Lease,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        access: &Access,
        push: &dyn PushTo,
        object: ObjectKind,
        batch: Vec<Delivery>,
    ) -> Result<Option<JobOutcome>, EngineError> {
        let of = |call: Call| -> Vec<Outgoing> {
            batch.iter().filter(|delivery| delivery.call == call).map(|delivery| delivery.out.clone()).collect()
        };
        let (pushed, let_go) = ([of(Call::Push), of(Call::Surplus)].concat(), of(Call::LetGo));
        let size = push.batch_max().max(1);
        let calls = pushed.chunks(size).map(|chunk| push_each(push, access, object, chunk));
        let further = let_go.chunks(size).map(|chunk| push.let_go(access, object, chunk));
        failpoint!("engine::deliver::before_call");
        let (answers, further) = join(join_all(calls), join_all(further)).await;
        failpoint!("engine::deliver::after_call");
        let by_id: HashMap<GoldenId, &Delivery> = batch.iter().map(|d| (d.target.golden, d)).collect();
        let mut done: Vec<Pushed> = Vec::with_capacity(batch.len());
        let mut stopped: Option<ConnectorError> = None;
        let mut answered: BTreeSet<GoldenId> = BTreeSet::new();
        let uncalled = Ok(of(Call::None).iter().map(Pushed::withdrawn).collect());
        for answer in answers.into_iter().chain(further).chain([uncalled]) {
            match answer {
                Ok(pushed) => {
                    answered.extend(pushed.iter().map(|p| p.golden));
                    done.extend(pushed);
                }
                Err(error) => stopped = Some(error),
            }
        }
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        // Before the job's row: a page that has the turn asks for this very job.
        take_turn(&tx, object).await?;
        if batch.len() >= MANY {
            plan_by_size(&tx).await?;
        }
        // An answer is progress, whatever it says.
        lease.advance(&tx).await?;
        let notes = self.settle(&tx, landscape, plan, access, push, object, &by_id, done).await?;
        let mut missed = notes.missed;
        let outcome = match &stopped {
            None => None,
            Some(error) => {
                let left: Vec<&Delivery> =
                    batch.iter().filter(|delivery| !answered.contains(&delivery.target.golden)).collect();
                Some(self.stop(&tx, plan, object, error, &left, &mut missed).await?)
            }
        };
        targets::postpone(&tx, plan.id, &missed).await?;
        failpoint!("engine::deliver::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::deliver::after_commit");
        tracing::debug!(tenant = %lease.tenant, connection = %plan.id, %object, delivered = notes.delivered, missed = missed.len(), at = %now, "a batch was delivered");
        Ok(outcome)
    }

    /// Asks for deliveries to a connection.
    pub(crate) async fn ask_to_deliver(
        &self,
        tx: &TenantTx,
        connection: ConnectionId,
        lane: Lane,
    ) -> Result<(), StoreError> {
        queue::enqueue(tx, &deliver_job(connection, lane)).await?;
        Ok(())
    }

    /// Origin for work that no page brought.
    pub(crate) fn on_its_own<'a>(
        &self,
        landscape: &'a Landscape,
        connection: &'a ConnectionPlan,
        lane: Lane,
    ) -> Origin<'a> {
        Origin { landscape, connection, run: None, full: false, again: false, lane, now: self.now() }
    }
}

/// Calls the system for a chunk. Where our own code fails on it, it is sent in halves, down to the record that does it:
/// what was sent before is known by its idempotency key.
async fn push_each(
    push: &dyn PushTo,
    access: &Access,
    object: ObjectKind,
    chunk: &[Outgoing],
) -> Result<Vec<Pushed>, ConnectorError> {
    let mut done = Vec::with_capacity(chunk.len());
    let mut open = vec![chunk];
    while let Some(piece) = open.pop() {
        match AssertUnwindSafe(push.push(access, object, piece)).catch_unwind().await {
            Ok(answer) => done.extend(answer?),
            Err(_) if piece.len() > 1 => {
                let (first, second) = piece.split_at(piece.len() / 2);
                open.extend([second, first]);
            }
            Err(_) => done.extend(piece.iter().map(|out| {
                let error = ConnectorError::Refused {
                    code: Trouble::OurCode.code().to_owned(),
                    said: Trouble::OurCode.said().into_owned(),
                    fix: Trouble::OurCode.fix().to_owned(),
                    evidence: None,
                };
                Pushed::failed(out, error)
            })),
        }
    }
    Ok(done)
}
