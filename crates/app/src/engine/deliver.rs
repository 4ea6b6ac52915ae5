//! Step 7, the job that brings one connection's due targets up to date: read, close, call, open, write.

use super::ingest::{Origin, deliver_job};
use super::plan::agreement;
use super::prepare::{Prepared, prepare};
use super::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use connectors::{Access, ConnectorError, Outcome, Outgoing, Push as PushTo, Pushed, Retry};
use domain::schema::FieldType;
use domain::{ConnectionId, Field, GoldenId, Lane, ObjectKind, Record, SourceRecordId};
use futures::future::join_all;
use queue::{JobOutcome, Lease};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::TenantTx;
use store::engine::failures::{self, Report};
use store::engine::goldens;
use store::engine::landscape::{ConnectionPlan, Landscape, Push};
use store::engine::records::{self, MemberRow, RecordState, SourceDoc, Write};
use store::engine::references;
use store::engine::targets::{self, Delivered, Missed, TargetRow, TargetState};
use store::engine::{candidates, lookup, take_turn};
use uuid::Uuid;

/// One slice of deliveries; then others have their turn.
const SLICE: TimeDelta = TimeDelta::seconds(45);
/// Calls under way at once to one system.
const CALLS_AT_ONCE: usize = 4;
/// Tries of one record before a person is asked.
const TRIES_MAX: i32 = 10;
/// How long a record waits for the one it refers to.
const REFERENCE_WAIT: TimeDelta = TimeDelta::seconds(2);
/// After so many waits it goes without.
const REFERENCE_WAITS_MAX: i32 = 30;

struct Delivery {
    target: TargetRow,
    out: Outgoing,
    version: i64,
    held: Option<(SourceRecordId, Record)>,
}

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
        for object in ObjectKind::ALL {
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
        let next = targets::next_due(&tx, connection).await?;
        Ok(next.map_or(JobOutcome::Done, |at| JobOutcome::Again { at: at.max(self.now()) }))
    }

    /// The next batch, put together in one short transaction.
    async fn due(
        &self,
        lease: &Lease,
        plan: &ConnectionPlan,
        push: &dyn PushTo,
        object: ObjectKind,
    ) -> Result<Vec<Delivery>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        let many = i64::try_from(push.batch_max() * CALLS_AT_ONCE).unwrap_or(100);
        let due = targets::due(&tx, plan.id, object, now, many).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = due.iter().map(|target| target.golden.0).collect();
        let goldens: HashMap<GoldenId, goldens::GoldenRow> =
            goldens::by_ids(&tx, ids.clone()).await?.into_iter().map(|row| (row.id, row)).collect();
        let mut held: HashMap<GoldenId, MemberRow> = HashMap::new();
        for member in records::members(&tx, ids.clone()).await? {
            if member.connection == plan.id {
                held.entry(member.golden).or_insert(member);
            }
        }
        let refs = self.references(&tx, plan, object, ids).await?;
        let carried = self.carried(&tx, push.carries(object), &refs).await?;
        let may_create = plan.objects.get(&object).is_some_and(|sync| sync.push == Push::CreateAndUpdate);
        let fields = push.fields(object);
        let (mut batch, mut early) = (Vec::with_capacity(due.len()), Vec::new());
        for target in due {
            let Some(golden) = goldens.get(&target.golden) else { continue };
            let pointing = refs.get(&target.golden);
            if pointing.is_some_and(|p| p.awaited) && target.attempts < REFERENCE_WAITS_MAX {
                early.push(Missed {
                    golden: target.golden,
                    state: TargetState::Due,
                    due_at: now + REFERENCE_WAIT,
                    error: "waits for the customer to be delivered first".to_owned(),
                    counts: true,
                });
                continue;
            }
            let record = golden.golden.record(object).only(fields);
            let member = held.get(&target.golden);
            let external_id = member.map(|m| m.external_id.clone()).or_else(|| target.external_id.clone());
            batch.push(Delivery {
                version: golden.version,
                held: member.map(|m| (m.id, m.doc.record.only(fields))),
                out: Outgoing {
                    golden: target.golden,
                    idempotency_key: format!("{}-{}", target.golden, golden.version),
                    external_id,
                    record,
                    refs: pointing.map(|p| p.keys.clone()).unwrap_or_default(),
                    related: pointing.map(|p| carried_by(p, push.carries(object), &carried)).unwrap_or_default(),
                    may_create: may_create && !target.withdraw,
                    withdraw: target.withdraw,
                },
                target,
            });
        }
        if !early.is_empty() {
            lease.hold(&tx).await?;
            targets::postpone(&tx, plan.id, &early).await?;
            tx.commit().await?;
            if batch.is_empty() {
                return Box::pin(self.due(lease, plan, push, object)).await;
            }
        }
        Ok(batch)
    }

    /// What the batch's records point to, by the keys of this system.
    async fn references(
        &self,
        tx: &TenantTx,
        plan: &ConnectionPlan,
        object: ObjectKind,
        ids: Vec<Uuid>,
    ) -> Result<HashMap<GoldenId, Pointing>, EngineError> {
        let mut found: HashMap<GoldenId, Pointing> = HashMap::new();
        if !Field::of(object).any(|field| matches!(field.spec().holds, FieldType::Ref(_))) {
            return Ok(found);
        }
        let resolved = references::from_goldens(tx, ids).await?;
        let to: BTreeSet<Uuid> = resolved.iter().map(|r| r.to.0).collect();
        let keys: HashMap<GoldenId, String> =
            targets::keys_at(tx, plan.id, to.iter().copied().collect()).await?.into_iter().collect();
        let waiting: BTreeSet<GoldenId> = targets::of_goldens(tx, to.into_iter().collect())
            .await?
            .into_iter()
            .filter(|target| target.connection == plan.id && target.state == TargetState::Due)
            .map(|target| target.golden)
            .collect();
        for reference in resolved {
            let pointing = found.entry(reference.from).or_default();
            pointing.to.push((reference.field, reference.to));
            match keys.get(&reference.to) {
                Some(key) => pointing.keys.push((reference.field, key.clone())),
                None => pointing.awaited |= waiting.contains(&reference.to),
            }
        }
        Ok(found)
    }

    /// The records that documents of this batch carry inside (a lead its customer).
    async fn carried(
        &self,
        tx: &TenantTx,
        fields: &[Field],
        refs: &HashMap<GoldenId, Pointing>,
    ) -> Result<HashMap<GoldenId, goldens::GoldenRow>, EngineError> {
        let wanted: BTreeSet<Uuid> = refs
            .values()
            .flat_map(|pointing| &pointing.to)
            .filter(|(field, _)| fields.contains(field))
            .map(|(_, to)| to.0)
            .collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = goldens::by_ids(tx, wanted.into_iter().collect()).await?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
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
        let outgoing: Vec<Outgoing> = batch.iter().map(|delivery| delivery.out.clone()).collect();
        let calls = outgoing.chunks(push.batch_max().max(1)).map(|chunk| push.push(access, object, chunk));
        let answers = join_all(calls).await;
        let by_id: HashMap<GoldenId, &Delivery> = batch.iter().map(|d| (d.target.golden, d)).collect();
        let mut done: Vec<Pushed> = Vec::with_capacity(batch.len());
        let mut stopped: Option<ConnectorError> = None;
        let mut answered: BTreeSet<GoldenId> = BTreeSet::new();
        for answer in answers {
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
        lease.hold(&tx).await?;
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
        tx.commit().await?;
        tracing::debug!(tenant = %lease.tenant, connection = %plan.id, %object, delivered = notes.delivered, missed = missed.len(), at = %now, "a batch was delivered");
        Ok(outcome)
    }

    /// Writes down every answer of a batch.
    #[expect(clippy::too_many_arguments, reason = "one batch with all it needs")]
    async fn settle(
        &self,
        tx: &TenantTx,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        access: &Access,
        push: &dyn PushTo,
        object: ObjectKind,
        by_id: &HashMap<GoldenId, &Delivery>,
        done: Vec<Pushed>,
    ) -> Result<Notes, EngineError> {
        let now = self.now();
        let fields = push.fields(object);
        let mut notes = Notes::default();
        let (mut delivered, mut reports, mut mended, mut echoes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for pushed in done {
            let Some(delivery) = by_id.get(&pushed.golden) else { continue };
            let key = match pushed.outcome {
                Outcome::Created { external_id } | Outcome::Updated { external_id } => Some(external_id),
                Outcome::Withdrawn | Outcome::Absent => None,
                Outcome::Failed(error) => {
                    let next = missed(delivery, &error, now);
                    if error.retry() == Retry::Never || delivery.target.attempts + 1 >= TRIES_MAX {
                        reports.push(report(object, plan, delivery, &error, &next));
                    }
                    notes.missed.push(next);
                    continue;
                }
            };
            let echo = pushed.echo.and_then(|payload| {
                let mapping = self.mapping(plan, access, object)?;
                prepare(&mapping, vec![payload]).records.pop()
            });
            let held = echo
                .as_ref()
                .map(|echo| echo.checked.record.only(fields))
                .or_else(|| delivery.held.as_ref().map(|(_, record)| record.clone()));
            delivered.push(Delivered {
                golden: pushed.golden,
                version: delivery.version,
                hash: agreement(&delivery.out.record, held.as_ref(), delivery.out.withdraw),
                external_id: key,
            });
            mended.push(format!("golden:{}", pushed.golden));
            if let Some(echo) = echo {
                echoes.push((pushed.golden, echo));
            }
        }
        notes.delivered = delivered.len();
        self.land_echoes(tx, landscape, plan, object, echoes).await?;
        targets::settle(tx, plan.id, &delivered, now).await?;
        failures::resolve(tx, plan.id, mended, now).await?;
        failures::report(tx, plan.id, &reports, now).await?;
        if !delivered.is_empty() {
            failures::resolve(tx, plan.id, vec![subject(object)], now).await?;
        }
        Ok(notes)
    }

    /// Takes what a system answered to our writes as if it had been pulled, already known to belong to its entity: so
    /// the system's next report of it is nothing new.
    async fn land_echoes(
        &self,
        tx: &TenantTx,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        object: ObjectKind,
        echoes: Vec<(GoldenId, Prepared)>,
    ) -> Result<(), EngineError> {
        if echoes.is_empty() {
            return Ok(());
        }
        take_turn(tx, object).await?;
        let now = self.now();
        let ids: Vec<String> = echoes.iter().map(|(_, echo)| echo.external_id.clone()).collect();
        let known: BTreeMap<String, records::Before> = records::before(tx, plan.id, object, ids)
            .await?
            .into_iter()
            .map(|before| (before.external_id.clone(), before))
            .collect();
        let matcher = matching::Hierarchy;
        let (mut writes, mut keys_added, mut keys_of, mut questions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut keys_dropped = (Vec::new(), Vec::new());
        for (golden, echo) in echoes {
            let before = known.get(&echo.external_id);
            let theirs = before.filter(|b| b.state == RecordState::Identified).and_then(|b| b.golden);
            if let Some(other) = theirs.filter(|other| *other != golden) {
                // The search found a record that belongs to somebody else here: two entities are probably one.
                questions.push(candidates::Question {
                    left: golden.min(other),
                    right: golden.max(other),
                    score: 0.9,
                    reason: "Both were found to be the same record in one system",
                });
            }
            let id = before.map_or_else(SourceRecordId::new, |b| b.id);
            let rooftop = landscape.connection(plan.id).and_then(|c| c.rooftop);
            let keys: Vec<i64> = matching::Matcher::keys(&matcher, &echo.checked.record, rooftop)
                .iter()
                .map(|key| tx.keys().index64(key.purpose, &key.value))
                .collect();
            let old = before.map(|b| b.lookup_keys.clone()).unwrap_or_default();
            for key in keys.iter().filter(|key| !old.contains(key)) {
                keys_added.push(*key);
                keys_of.push(id.0);
            }
            for key in old.iter().filter(|key| !keys.contains(key)) {
                keys_dropped.0.push(*key);
                keys_dropped.1.push(id.0);
            }
            writes.push(Write {
                id,
                external_id: echo.external_id,
                raw: echo.raw,
                raw_hash: echo.raw_hash,
                doc: Some(SourceDoc {
                    record: echo.checked.record,
                    issues: echo.checked.issues,
                    since: BTreeMap::new(),
                    echo: true,
                }),
                content_hash: echo.content_hash,
                golden: Some(theirs.unwrap_or(golden)),
                state: RecordState::Identified,
                lookup_keys: keys,
                // An echo is as old as what it repeats: it must not make our own values the newest.
                changed_at: before.map_or(DateTime::UNIX_EPOCH, |b| b.changed_at),
            });
        }
        let version = plan.objects.get(&object).map_or(0, |sync| sync.mapping_version);
        records::write(tx, plan.id, object, version, None, &writes, now).await?;
        lookup::add(tx, keys_added, keys_of).await?;
        lookup::remove(tx, keys_dropped.0, keys_dropped.1).await?;
        candidates::ask(tx, object, &questions, now).await?;
        Ok(())
    }

    /// The system itself is in the way: what was not answered waits, and a person is told where that is needed.
    async fn stop(
        &self,
        tx: &TenantTx,
        plan: &ConnectionPlan,
        object: ObjectKind,
        error: &ConnectorError,
        left: &[&Delivery],
        missed_so_far: &mut Vec<Missed>,
    ) -> Result<JobOutcome, EngineError> {
        let now = self.now();
        tracing::warn!(tenant = %tx.tenant(), connection = %plan.id, %object, code = error.code(), "deliveries wait");
        let at = match error.retry() {
            Retry::After(wait) => now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::minutes(15)),
            Retry::Soon => now + backoff(left.iter().map(|d| d.target.attempts).max().unwrap_or_default()),
            Retry::Never => now,
        };
        let limited = matches!(error, ConnectorError::RateLimited { .. });
        for delivery in left {
            missed_so_far.push(Missed {
                golden: delivery.target.golden,
                // Until a person has acted, nothing of this connection can go out; it stays due.
                state: TargetState::Due,
                due_at: at,
                error: error.code(),
                counts: !limited,
            });
        }
        if limited {
            return Ok(JobOutcome::Again { at });
        }
        let failure = error.failure(&format!("Writing {} to {}", object.plural(), plan.name));
        let report = Report {
            object: Some(object),
            run: None,
            subject: subject(object),
            failure: failure.clone(),
            raw: None,
            next_try_at: (error.retry() != Retry::Never).then_some(at),
        };
        failures::report(tx, plan.id, &[report], now).await?;
        match error.retry() {
            Retry::Never => {
                store::engine::landscape::break_connection(tx, plan.id, &failure.said, now).await?;
                Ok(JobOutcome::Done)
            }
            Retry::Soon | Retry::After(_) => Ok(JobOutcome::Again { at }),
        }
    }

    /// Asks for deliveries to a connection.
    pub(crate) async fn ask_to_deliver(
        &self,
        tx: &TenantTx,
        connection: ConnectionId,
        lane: Lane,
    ) -> Result<(), EngineError> {
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

#[derive(Default)]
struct Pointing {
    keys: Vec<(Field, String)>,
    to: Vec<(Field, GoldenId)>,
    awaited: bool,
}

fn carried_by(
    pointing: &Pointing,
    fields: &[Field],
    carried: &HashMap<GoldenId, goldens::GoldenRow>,
) -> Vec<(Field, domain::Record)> {
    pointing
        .to
        .iter()
        .filter(|(field, _)| fields.contains(field))
        .filter_map(|(field, to)| {
            let FieldType::Ref(object) = field.spec().holds else { return None };
            Some((*field, carried.get(to)?.golden.record(object)))
        })
        .collect()
}

#[derive(Default)]
struct Notes {
    delivered: usize,
    missed: Vec<Missed>,
}

fn subject(object: ObjectKind) -> String {
    format!("push:{object}")
}

fn missed(delivery: &Delivery, error: &ConnectorError, now: DateTime<Utc>) -> Missed {
    let tries = delivery.target.attempts + 1;
    let (state, due_at, counts) = match error.retry() {
        Retry::Never => (TargetState::NeedsYou, now, true),
        Retry::Soon if tries >= TRIES_MAX => (TargetState::NeedsYou, now, true),
        Retry::Soon => (TargetState::Due, now + backoff(delivery.target.attempts), true),
        Retry::After(wait) => {
            (TargetState::Due, now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::minutes(15)), false)
        }
    };
    Missed { golden: delivery.target.golden, state, due_at, error: error.code(), counts }
}

/// 1 s, 2 s, 4 s … at most a quarter of an hour.
fn backoff(attempts: i32) -> TimeDelta {
    let seconds = 1_i64.checked_shl(u32::try_from(attempts.clamp(0, 12)).unwrap_or_default()).unwrap_or(900);
    TimeDelta::seconds(seconds.min(900))
}

fn report(
    object: ObjectKind,
    plan: &ConnectionPlan,
    delivery: &Delivery,
    error: &ConnectorError,
    next: &Missed,
) -> Report {
    let mut failure = error.failure(&format!("Writing {} to {}", object.plural(), plan.name));
    if next.state == TargetState::NeedsYou {
        failure.next = domain::NextStep::NeedsYou;
    }
    Report {
        object: Some(object),
        run: None,
        subject: format!("golden:{}", delivery.target.golden),
        failure,
        raw: None,
        next_try_at: (next.state == TargetState::Due).then_some(next.due_at),
    }
}
