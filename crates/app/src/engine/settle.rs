//! Writing down how deliveries went: what a system answered, what it refused, what waits.

use super::delivery::{Call, Delivery};
use super::freed::freed;
use super::keep::{Kept, hashed};
use super::plan::agreement;
use super::prepare::{Prepared, Trouble, is_our_fault, prepare};
use super::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use connectors::{Access, ConnectorError, Outcome, Push as PushTo, Pushed, Retry};
use domain::redaction::hide_values;
use domain::survivorship::UNKNOWN_AGE;
use domain::{Fault, GoldenId, Lane, NextStep, ObjectKind, Record, SourceRecordId};
use queue::JobOutcome;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use store::TenantTx;
use store::engine::failures::{self, Report};
use store::engine::landscape::{ConnectionPlan, Landscape};
use store::engine::records::{self, RecordState, SourceDoc, Write};
use store::engine::targets::{self, Delivered, Missed, TargetState, Whose};
use store::engine::{candidates, goldens, handover};

/// The longest key of a system, in bytes: longer ones fit no index.
const KEY_BYTES_MAX: usize = 2_000;
/// Tries of one record before a person is asked.
const TRIES_MAX: i32 = 10;

impl Engine {
    /// Writes down every answer of a batch.
    #[expect(clippy::too_many_arguments, reason = "one batch with all it needs")]
    pub(crate) async fn settle(
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
        let (fields, exclusive) = (push.fields(object), push.exclusive(object));
        let mut given_up = Vec::new();
        let mut notes = Notes::default();
        let merged = goldens::survivors(tx, by_id.keys().copied()).await?;
        // What was known there when it was called and had to be made anew is gone there.
        let was_unknown = |pushed: &&Pushed| {
            let delivery = by_id.get(&pushed.golden);
            !merged.contains_key(&pushed.golden) && delivery.is_some_and(|d| d.out.external_id.is_none())
        };
        let created: Vec<(GoldenId, &str)> = done
            .iter()
            .filter(was_unknown)
            .filter_map(|pushed| match &pushed.outcome {
                Outcome::Created { external_id } if is_key(external_id) => Some((pushed.golden, external_id.as_str())),
                _ => None,
            })
            .collect();
        let too_many = handover::too_many(tx, plan.id, &created, now).await?;
        let (mut withdrawn, mut surplus) = (Vec::new(), Vec::new());
        let (mut delivered, mut reports, mut mended, mut echoes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for pushed in done {
            let Some(delivery) = by_id.get(&pushed.golden) else { continue };
            let outcome = match pushed.outcome {
                Outcome::Created { external_id } | Outcome::Updated { external_id } if !is_key(&external_id) => {
                    Outcome::Failed(ConnectorError::unreadable("it answered with a key that is none"))
                }
                usable => usable,
            };
            if too_many.contains(&pushed.golden) {
                continue;
            }
            let survivor = merged.get(&pushed.golden).copied();
            let whose = whose(delivery, &outcome, pushed.found.is_some());
            let key = match outcome {
                Outcome::Created { external_id } | Outcome::Updated { external_id } => Some(external_id),
                Outcome::Withdrawn if delivery.call == Call::Surplus => {
                    withdrawn.extend(delivery.out.external_id.clone());
                    surplus.push(pushed.golden.0);
                    continue;
                }
                Outcome::Withdrawn => {
                    let is_removed = survivor.is_some() && delivery.call == Call::Push;
                    withdrawn.extend(delivery.out.external_id.clone().filter(|_| is_removed));
                    None
                }
                Outcome::Absent => None,
                Outcome::Failed(error) => {
                    let next = missed(delivery, &error, now);
                    if error.retry() == Retry::Never || delivery.target.attempts + 1 >= TRIES_MAX {
                        reports.push(report(object, plan, delivery, &error, &next));
                    }
                    notes.missed.push(next);
                    continue;
                }
            };
            let read = |payload| {
                let mapping = self.mapping(plan, access, object)?;
                prepare(&mapping, vec![payload]).records.pop()
            };
            let found = pushed.found.and_then(read);
            let echo = pushed.echo.and_then(read).or_else(|| found.clone()).map(|now| Echo { now, found });
            if let Some(echo) = &echo {
                given_up.extend(freed(exclusive, delivery.held.as_ref(), Some(&echo.now.checked.record)));
            }
            if let (Some(key), Some(survivor)) = (&key, survivor) {
                // It was merged while this was on its way.
                let pair = (pushed.golden, survivor);
                if handover::arrived_late(tx, plan.id, object, pair, (key, whose), now).await? {
                    echoes.extend(echo.map(|echo| (survivor, echo)));
                }
                continue;
            }
            let held = echo.as_ref().map(|echo| echo.now.checked.record.only(fields)).or_else(|| delivery.held.clone());
            delivered.push(Delivered {
                golden: pushed.golden,
                version: delivery.version,
                hash: agreement(&delivery.out.record, held.as_ref(), delivery.out.withdraw),
                external_id: key,
                whose,
                due_at: delivery.target.due_at,
            });
            mended.push(format!("golden:{}", pushed.golden));
            if let Some(echo) = echo {
                echoes.push((pushed.golden, echo));
            }
        }
        notes.delivered = delivered.len();
        self.land_echoes(tx, landscape, plan, object, echoes).await?;
        targets::settle(tx, plan.id, &delivered, now).await?;
        handover::none_too_many(tx, plan.id, surplus).await?;
        // What was merged away is not there any more; the next read must not wonder where it went.
        self.remove(tx, &self.on_its_own(landscape, plan, Lane::Routine), object, withdrawn).await?;
        self.offer(tx, &self.on_its_own(landscape, plan, Lane::Routine), object, &given_up).await?;
        failures::resolve(tx, plan.id, mended, now).await?;
        failures::report(tx, plan.id, &reports, now).await?;
        if !delivered.is_empty() {
            failures::resolve(tx, plan.id, vec![subject(object)], now).await?;
        }
        Ok(notes)
    }

    /// Takes what a system answered to our writes as if it had been pulled, already known to belong to its entity: so
    /// the system's next report of it is nothing new. What the system knew by itself stays its own word.
    async fn land_echoes(
        &self,
        tx: &TenantTx,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        object: ObjectKind,
        echoes: Vec<(GoldenId, Echo)>,
    ) -> Result<(), EngineError> {
        if echoes.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let ids: Vec<String> = echoes.iter().map(|(_, echo)| echo.now.external_id.clone()).collect();
        let known: BTreeMap<String, records::Before> = records::before(tx, plan.id, object, ids)
            .await?
            .into_iter()
            .map(|before| (before.external_id.clone(), before))
            .collect();
        let (mut kept, mut questions) = (Kept::default(), Vec::new());
        let mut answered: BTreeMap<String, GoldenId> = BTreeMap::new();
        for (golden, Echo { now: echo, found }) in echoes {
            let before = known.get(&echo.external_id);
            let theirs = before.filter(|b| b.state == RecordState::Identified).and_then(|b| b.golden);
            let first = *answered.entry(echo.external_id.clone()).or_insert(golden);
            if let Some(other) = theirs.or(Some(first)).filter(|other| *other != golden) {
                // The search found a record that belongs to somebody else here: two entities are probably one.
                questions.push(candidates::Question {
                    left: golden.min(other),
                    right: golden.max(other),
                    score: 0.9,
                    reason: "Both were found to be the same record in one system".to_owned(),
                    told: None,
                });
            }
            if first != golden {
                continue;
            }
            let id = before.map_or_else(SourceRecordId::new, |b| b.id);
            let rooftop = landscape.connection(plan.id).and_then(|c| c.rooftop);
            let told = match before.filter(|b| b.state == RecordState::Identified) {
                Some(before) => before.doc(tx)?,
                None => found.as_ref().map(|found| SourceDoc {
                    record: found.checked.record.clone(),
                    issues: Vec::new(),
                    since: BTreeMap::new(),
                    own: None,
                }),
            };
            let keys: BTreeSet<i64> = std::iter::once(&echo.checked.record)
                .chain(told.as_ref().and_then(SourceDoc::known_as))
                .flat_map(|record| matching::keys(record, rooftop))
                .map(|key| hashed(tx.keys(), &key))
                .collect();
            let (record, issues) = (echo.checked.record.clone(), echo.checked.issues.clone());
            let write = Write {
                id,
                is_new: before.is_none(),
                external_id: echo.external_id.clone(),
                raw: echo.raw.clone(),
                raw_hash: echo.raw_hash,
                doc: Some(match told {
                    Some(told) => told.overwritten(record, issues),
                    None => SourceDoc { record, issues, since: BTreeMap::new(), own: Some(Record::new(object)) },
                }),
                content_hash: echo.content_hash,
                golden: Some(theirs.unwrap_or(golden)),
                state: RecordState::Identified,
                lookup_keys: keys.into_iter().collect(),
                // An echo is as old as what it repeats: it must not make our own values the newest.
                changed_at: before
                    .map(|b| b.changed_at)
                    .or_else(|| found.and_then(|found| found.changed_at))
                    .unwrap_or(UNKNOWN_AGE),
            };
            kept.put(write, before.map_or(&[], |b| b.lookup_keys.as_slice()));
        }
        let version = plan.objects.get(&object).map_or(0, |sync| sync.mapping_version);
        kept.write(tx, plan.id, object, version, None, now).await?;
        candidates::ask(tx, object, &questions, now).await?;
        Ok(())
    }

    /// The system itself is in the way: what was not answered waits, and a person is told where that is needed.
    pub(crate) async fn stop(
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
        let mut failure = error.failure(&format!("Writing {} to {}", object.plural(), plan.name));
        failure.said = hide_values(&failure.said, left.iter().flat_map(|delivery| sent(delivery)));
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
}

/// What a system holds after our write, and what it held of its own where a search found it.
struct Echo {
    now: Arc<Prepared>,
    found: Option<Arc<Prepared>>,
}

/// Whose the record is that was written to. Where nobody searched and the key is new to us, an earlier try of ours made
/// it and its answer was lost.
fn whose(delivery: &Delivery, outcome: &Outcome, is_found: bool) -> Whose {
    match outcome {
        Outcome::Created { .. } => Whose::Ours,
        Outcome::Updated { external_id } if delivery.target.external_id.as_ref() == Some(external_id) => {
            Whose::AsBefore
        }
        Outcome::Updated { .. } if is_found || delivery.held.is_some() => Whose::Theirs,
        Outcome::Updated { .. } => Whose::Ours,
        Outcome::Withdrawn | Outcome::Absent | Outcome::Failed(_) => Whose::AsBefore,
    }
}

#[derive(Default)]
pub(crate) struct Notes {
    pub delivered: usize,
    pub missed: Vec<Missed>,
}

/// Whether a system's key can be stored and found again; what answers with another one would hold up its whole batch.
fn is_key(external_id: &str) -> bool {
    external_id.len() <= KEY_BYTES_MAX && !external_id.contains('\0')
}

/// What a system was sent, and may repeat in its words.
fn sent(delivery: &Delivery) -> impl Iterator<Item = &Record> {
    std::iter::once(&delivery.out.record).chain(delivery.out.related.iter().map(|(_, record)| record))
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
    failure.said = hide_values(&failure.said, sent(delivery));
    if next.state == TargetState::NeedsYou {
        failure.next = NextStep::NeedsYou;
    }
    if is_our_fault(&failure.code) {
        Trouble::OurCode.code().clone_into(&mut failure.code);
        failure.fault = Fault::Driveline;
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
