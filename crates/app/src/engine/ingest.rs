//! Steps 1 to 6 for one prepared page, inside one transaction.

use super::Engine;
use super::agree::Touched;
use super::identify::Identified;
use super::land::{Fresh, keys_of, member_of, sort_out, tally, write_failures, write_records};
use super::prepare::PreparedPage;
use chrono::{DateTime, Utc};
use connectors::Reject;
use domain::{Failure, Fault, GoldenId, Lane, NextStep, ObjectKind, RunId, SourceRecordId};
use matching::Assignment;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::engine::failures::{self, Report};
use store::engine::landscape::{self, ConnectionPlan, Landscape};
use store::engine::records::MemberRow;
use store::engine::runs::Counts;
use store::engine::{candidates, plan_by_size, take_turn};
use store::{StoreError, TenantTx};

/// So many records are worth planning every statement anew.
pub(crate) const MANY: usize = 100;

/// Where a page comes from.
pub(crate) struct Origin<'a> {
    pub landscape: &'a Landscape,
    pub connection: &'a ConnectionPlan,
    /// The run it belongs to; `None` for webhooks, documents and single records.
    pub run: Option<RunId>,
    /// Whether that run reads everything, so that what it does not see may be gone.
    pub full: bool,
    /// Whether records are read again though nothing about them changed (a corrected mapping, a replay).
    pub again: bool,
    /// How urgent what follows from it is.
    pub lane: Lane,
    pub now: DateTime<Utc>,
}

impl Engine {
    /// Takes a page in. Nothing is kept unless the caller commits.
    pub(crate) async fn ingest(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        page: PreparedPage,
        rejects: &[Reject],
    ) -> Result<Counts, StoreError> {
        let object = page.object;
        let mut counts = Counts {
            received: i64::try_from(page.records.len()).unwrap_or_default() + page.replaced,
            unchanged: page.replaced,
            rejected: i64::try_from(rejects.len()).unwrap_or_default(),
            ..Counts::default()
        };
        self.report_rejects(tx, origin, object, rejects).await?;
        self.note_drift(tx, origin, object, &page).await?;
        take_turn(tx, object).await?;
        if page.records.len() >= MANY {
            plan_by_size(tx).await?;
        }

        let seen_in = origin.run.filter(|_| origin.full);
        let (mut fresh, gone) = sort_out(tx, origin, page, seen_in, &mut counts).await?;
        counts.removed += self.remove(tx, origin, object, gone).await?;
        if fresh.is_empty() {
            return Ok(counts);
        }
        self.recognise(tx, origin, object, &mut fresh).await?;
        for record in &mut fresh {
            record.keys = keys_of(tx, origin.connection, record);
        }
        let Identified { assignments, questions } = self.identify(tx, origin, object, &fresh).await?;
        tally(&fresh, &assignments, &questions, &mut counts);
        write_records(tx, origin, object, &fresh, &assignments, seen_in).await?;
        write_failures(tx, origin, object, &fresh).await?;

        let touched = self.touched(tx, origin, &fresh, &assignments).await?;
        counts.planned += self.agree_and_plan(tx, origin, object, touched).await?;
        candidates::ask(tx, object, &questions, origin.now).await?;
        let exclusive = self.exclusive(origin.connection, object);
        let freed: Vec<_> = fresh.iter().filter_map(|record| record.freed(exclusive)).collect();
        self.offer(tx, origin, object, &freed).await?;
        Ok(counts)
    }

    /// The entities that a page touched, with all their members.
    async fn touched(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        fresh: &[Fresh],
        assignments: &HashMap<SourceRecordId, Assignment>,
    ) -> Result<BTreeMap<GoldenId, Touched>, StoreError> {
        let mut started: BTreeMap<GoldenId, Vec<MemberRow>> = BTreeMap::new();
        let mut older: BTreeSet<GoldenId> = BTreeSet::new();
        for record in fresh {
            // A record that became unusable leaves its entity.
            if record.is_flagged() {
                older.extend(record.before.as_ref().and_then(|before| before.golden));
                continue;
            }
            let Some(assignment) = assignments.get(&record.id) else { continue };
            // The entity that it left, or that became one with another.
            older.extend(record.before.as_ref().and_then(|b| b.golden).filter(|golden| *golden != assignment.golden()));
            match assignment {
                Assignment::Starts(golden) => {
                    started.entry(*golden).or_default().push(member_of(record, *golden, origin));
                }
                Assignment::Joins { golden, .. } => match started.get_mut(golden) {
                    // Started by this very page: all its members are at hand.
                    Some(members) => members.push(member_of(record, *golden, origin)),
                    None => {
                        older.insert(*golden);
                    }
                },
                Assignment::Stays(golden) => {
                    older.insert(*golden);
                }
            }
        }
        // What joined before its entity was known to be started here cannot be: assignments come in page order.
        let mut touched: BTreeMap<GoldenId, Touched> = self.load(tx, &older).await?;
        touched.extend(started.into_iter().map(|(id, members)| (id, Touched { before: None, members })));
        Ok(touched)
    }

    async fn report_rejects(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        rejects: &[Reject],
    ) -> Result<(), StoreError> {
        let reports: Vec<Report> = rejects
            .iter()
            .map(|reject| Report {
                object: Some(object),
                run: origin.run,
                subject: format!("place:{}", reject.place),
                failure: Failure {
                    code: "unreadable_row".to_owned(),
                    doing: format!("Reading {} at {}", object.plural(), reject.place),
                    said: reject.said.clone(),
                    fault: Fault::Dealer,
                    next: NextStep::NeedsYou,
                    fix: reject.fix.clone(),
                    evidence: Some(reject.place.clone()),
                },
                raw: Some(reject.raw.clone()),
                next_try_at: None,
            })
            .collect();
        failures::report(tx, origin.connection.id, &reports, origin.now).await
    }

    async fn note_drift(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        page: &PreparedPage,
    ) -> Result<(), StoreError> {
        // Postgres keeps no NUL in texts.
        let names: Vec<String> = page.unknown.iter().map(|name| name.replace('\0', "")).collect();
        let new = landscape::note_drift(tx, origin.connection.id, object, &names, origin.now).await?;
        if !new.is_empty() {
            tracing::warn!(
                tenant = %tx.tenant(), connection = %origin.connection.id, %object, fields = new.len(),
                "the system sends fields that the mapping does not know"
            );
        }
        Ok(())
    }
}
