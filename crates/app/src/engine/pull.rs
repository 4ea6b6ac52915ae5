//! The job that reads one object of one connection: page by page, each page with its cursor in one transaction.

use super::ingest::Origin;
use super::prepare::{PreparedPage, prepare};
use super::{Engine, EngineError};
use chrono::{DateTime, TimeDelta, Utc};
use connectors::{Access, ConnectorError, Coverage, Cursor, Next, Page, PageAsk, Pull, PullMode, Retry};
use domain::mapping::Mapping;
use domain::{Lane, ObjectKind, RunId};
use queue::{JobOutcome, Lease};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::time::Duration;
use store::engine::failures::{self, Report};
use store::engine::landed;
use store::engine::landscape::{self, ConnectionPlan, Landscape, ObjectSync};
use store::engine::runs::{self, Counts, RunRow};
use store::engine::take_turn;

/// One slice of a pull; then others have their turn.
const SLICE: TimeDelta = TimeDelta::seconds(45);
/// The longest wait for a vendor that is down; it is asked again for as long as it takes.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// A whole read that would take out more than this share of the records stops and asks (M6).
const REMOVALS_SHARE_MAX: f64 = 0.1;
/// Fewer removals than this never ask.
const REMOVALS_FREE: i64 = 5;
/// Records taken out in one transaction.
const REMOVALS_STEP: i64 = 1_000;
/// More flagged records than this share make a run worth a look.
const FLAGGED_SHARE_MAX: f64 = 0.05;

/// Where a run goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
enum Place {
    /// With this page.
    Page { cursor: Json },
    /// With taking out what was not seen.
    Finish { resume: Option<Json>, coverage: Coverage, approved: bool },
}

struct Reading {
    run: RunRow,
    landscape: Landscape,
    connection: ConnectionPlan,
    mapping: Mapping,
    access: Access,
}

impl Engine {
    /// Runs one slice of a pull.
    pub(crate) async fn pull(&self, lease: &Lease, run: RunId) -> Result<JobOutcome, EngineError> {
        let Some(reading) = self.begin(lease, run).await? else { return Ok(JobOutcome::Done) };
        let connector = (self.connector)(&reading.connection.connector).ok_or(EngineError::NotFound("connector"))?;
        let Some(pull) = connector.pull(reading.run.object) else {
            return self.fail(lease, &reading, &ConnectorError::refused("no_pull", "this system cannot be read")).await;
        };
        match self.pages(lease, &reading, pull).await {
            Ok(outcome) => Ok(outcome),
            Err(EngineError::Connector(error)) => self.fail(lease, &reading, &error).await,
            Err(other) => Err(other),
        }
    }

    /// Loads what a slice needs; `None` where there is nothing to do any more.
    async fn begin(&self, lease: &Lease, run: RunId) -> Result<Option<Reading>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.hold(&tx).await?;
        let Some(row) = runs::find(&tx, run).await? else { return Ok(None) };
        let row = if matches!(row.state.as_str(), "queued" | "running" | "waiting") {
            row
        } else {
            // A run that was asked for while the job of the one before was ending joined that job.
            let Some(next) = runs::open_of(&tx, row.connection, row.object).await? else { return Ok(None) };
            next
        };
        let run = row.id;
        let landscape = Landscape::load(&tx).await?;
        let Some(connection) = landscape.connection(row.connection).cloned() else { return Ok(None) };
        if !connection.is_active() {
            runs::end(&tx, run, "cancelled", "The connection is not active.", now).await?;
            tx.commit().await?;
            return Ok(None);
        }
        runs::start(&tx, run, now).await?;
        failpoint!("engine::pull_begin::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::pull_begin::after_commit");
        let Some(access) = self.access.open(&lease.scope(), row.connection).await? else { return Ok(None) };
        let Some(mapping) = self.mapping(&connection, &access, row.object) else { return Ok(None) };
        Ok(Some(Reading { run: row, landscape, connection, mapping, access }))
    }

    /// The mapping of a connection's object: the connector's, with the tenant's lines over it.
    pub(crate) fn mapping(&self, connection: &ConnectionPlan, access: &Access, object: ObjectKind) -> Option<Mapping> {
        let mapping = (self.connector)(&connection.connector)?.mapping(access, object)?;
        Some(match connection.objects.get(&object) {
            Some(sync) if !sync.overrides.is_empty() => {
                mapping.overlaid(&sync.overrides, u32::try_from(sync.mapping_version).unwrap_or_default())
            }
            Some(_) | None => mapping,
        })
    }

    async fn pages(&self, lease: &Lease, reading: &Reading, pull: &dyn Pull) -> Result<JobOutcome, EngineError> {
        let until = self.now() + SLICE;
        let full = reading.run.mode == "full";
        let mut cursor = match place(&reading.run)? {
            Some(Place::Finish { resume, coverage, approved }) => {
                return self.finish(lease, reading, resume, coverage, approved).await;
            }
            Some(Place::Page { cursor }) => Some(Cursor(cursor)),
            None if full => None,
            None => {
                reading.connection.objects.get(&reading.run.object).and_then(|sync| sync.resume.clone()).map(Cursor)
            }
        };
        let mut fetched = self.fetch(reading, pull, cursor.take()).await?;
        loop {
            if lease.is_lost() {
                return Ok(JobOutcome::Done);
            }
            let (page, prepared) = fetched;
            // The next page is fetched and read while this one is written.
            match page.next.clone() {
                Next::Page(next) => {
                    let place = Place::Page { cursor: next.0.clone() };
                    let keep = self.keep(lease, reading, prepared, &page, &place);
                    if self.now() >= until {
                        keep.await?;
                        return Ok(JobOutcome::Again { at: self.now() });
                    }
                    let (kept, ahead) = tokio::join!(keep, self.fetch(reading, pull, Some(next)));
                    kept?;
                    fetched = ahead?;
                }
                Next::Done { resume, coverage } => {
                    let resume = resume.map(|cursor| cursor.0);
                    // What changed says nothing about what is gone.
                    let coverage = if full { coverage } else { Coverage::Part };
                    let place = Place::Finish { resume: resume.clone(), coverage, approved: false };
                    self.keep(lease, reading, prepared, &page, &place).await?;
                    return self.finish(lease, reading, resume, coverage, false).await;
                }
            }
        }
    }

    async fn fetch(
        &self,
        reading: &Reading,
        pull: &dyn Pull,
        cursor: Option<Cursor>,
    ) -> Result<(Page, PreparedPage), EngineError> {
        let mode = if reading.run.mode == "full" { PullMode::Full } else { PullMode::Changes };
        let ask = PageAsk { mode, cursor, now: self.now() };
        let mut page = pull.page(&reading.access, reading.run.object, &ask).await?;
        let payloads = std::mem::take(&mut page.records);
        let mapping = reading.mapping.clone();
        let prepared = tokio::task::spawn_blocking(move || prepare(&mapping, payloads)).await?;
        Ok((page, prepared))
    }

    /// Keeps a page and the place that follows it, both or neither.
    async fn keep(
        &self,
        lease: &Lease,
        reading: &Reading,
        prepared: PreparedPage,
        page: &Page,
        place: &Place,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        take_turn(&tx, reading.run.object).await?;
        lease.advance(&tx).await?;
        let origin = Origin {
            landscape: &reading.landscape,
            connection: &reading.connection,
            run: Some(reading.run.id),
            full: reading.run.mode == "full",
            again: false,
            lane: if reading.run.mode == "full" { Lane::Backfill } else { Lane::Routine },
            now,
        };
        let counts = self.take_in(&tx, &origin, prepared, &page.rejects).await?;
        let cursor = serde_json::to_value(place)
            .map_err(|source| store::StoreError::Document { place: "run.cursor", source })?;
        let expected = page.expected.and_then(|many| i64::try_from(many).ok());
        runs::advance(&tx, reading.run.id, Some(&cursor), expected, counts, now).await?;
        failpoint!("engine::page::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::page::after_commit");
        Ok(())
    }

    /// Takes out what a whole read did not see, behind the brake, and judges the run.
    async fn finish(
        &self,
        lease: &Lease,
        reading: &Reading,
        resume: Option<Json>,
        coverage: Coverage,
        approved: bool,
    ) -> Result<JobOutcome, EngineError> {
        let until = self.now() + SLICE;
        let (run, object) = (reading.run.id, reading.run.object);
        if coverage == Coverage::Everything {
            let tx = self.db.tenant(&lease.scope()).await?;
            let (unseen, every) = landed::count_unseen(&tx, reading.connection.id, object, run).await?;
            drop(tx);
            if unseen > 0 && !approved && must_ask(unseen, every) {
                return self.hold_removals(lease, reading, unseen, every).await;
            }
            while self.remove_step(lease, reading).await? {
                if lease.is_lost() {
                    return Ok(JobOutcome::Done);
                }
                if self.now() >= until {
                    return Ok(JobOutcome::Again { at: self.now() });
                }
            }
        }
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.advance(&tx).await?;
        let full = reading.run.mode == "full";
        landscape::settle_pull(&tx, reading.connection.id, object, resume.as_ref(), full, now).await?;
        let row = runs::find(&tx, run).await?.ok_or(EngineError::NotFound("run"))?;
        let (state, message) = judge(&row, full);
        runs::end(&tx, run, state, &message, now).await?;
        failures::resolve(&tx, reading.connection.id, vec![subject(object)], now).await?;
        if object == ObjectKind::Customer {
            self.ask_to_learn(&tx).await?;
        }
        if reading.connection.objects.get(&object).is_some_and(ObjectSync::awaits_first_read) {
            // What waited for it may go now.
            self.ask_to_deliver(&tx, reading.connection.id, Lane::Backfill).await?;
        }
        failpoint!("engine::run_end::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::run_end::after_commit");
        tracing::info!(tenant = %lease.tenant, connection = %reading.connection.id, %run, %object, state, "a run ended");
        Ok(JobOutcome::Done)
    }

    /// Takes a piece of the unseen out; `false` where none is left.
    async fn remove_step(&self, lease: &Lease, reading: &Reading) -> Result<bool, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        let object = reading.run.object;
        take_turn(&tx, object).await?;
        lease.advance(&tx).await?;
        let gone = landed::unseen(&tx, reading.connection.id, object, reading.run.id, REMOVALS_STEP).await?;
        if gone.is_empty() {
            return Ok(false);
        }
        let origin = Origin {
            landscape: &reading.landscape,
            connection: &reading.connection,
            run: Some(reading.run.id),
            full: true,
            again: false,
            lane: Lane::Routine,
            now,
        };
        let removed = self.remove(&tx, &origin, object, gone).await?;
        let counts = Counts { removed, ..Counts::default() };
        // The place stays: finishing goes on where it was.
        let kept = runs::find(&tx, reading.run.id).await?.and_then(|row| row.cursor);
        runs::advance(&tx, reading.run.id, kept.as_ref(), None, counts, now).await?;
        failpoint!("engine::removals::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::removals::after_commit");
        Ok(true)
    }

    async fn hold_removals(
        &self,
        lease: &Lease,
        reading: &Reading,
        unseen: i64,
        every: i64,
    ) -> Result<JobOutcome, EngineError> {
        let now = self.now();
        let object = reading.run.object;
        let message = format!(
            "{unseen} of {every} {} did not come any more. Nothing was removed. Look at them, then approve or start a new full sync.",
            object.plural()
        );
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.hold(&tx).await?;
        runs::end(&tx, reading.run.id, "held", &message, now).await?;
        failpoint!("engine::hold_removals::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::hold_removals::after_commit");
        tracing::warn!(tenant = %lease.tenant, run = %reading.run.id, unseen, every, "removals wait for a person");
        Ok(JobOutcome::Done)
    }

    /// Writes down that a pull failed, and decides whether it goes on by itself.
    async fn fail(&self, lease: &Lease, reading: &Reading, error: &ConnectorError) -> Result<JobOutcome, EngineError> {
        let now = self.now();
        let object = reading.run.object;
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.hold(&tx).await?;
        let row = runs::find(&tx, reading.run.id).await?.ok_or(EngineError::NotFound("run"))?;
        let again = match error.retry() {
            Retry::Soon => Some(now + patience(&row, now)),
            Retry::After(wait) => Some(now + TimeDelta::from_std(wait).unwrap_or(TimeDelta::minutes(15))),
            Retry::Never => None,
        };
        let report = Report {
            object: Some(object),
            run: Some(reading.run.id),
            subject: subject(object),
            failure: error.failure(&format!("Reading {} from {}", object.plural(), reading.connection.name)),
            raw: None,
            next_try_at: again,
        };
        // Slowing down at a rate limit is no failure that anybody needs to hear of.
        if !matches!(error, ConnectorError::RateLimited { .. }) {
            failures::report(&tx, reading.connection.id, std::slice::from_ref(&report), now).await?;
        }
        let state = if again.is_some() { "waiting" } else { "failed" };
        runs::end(&tx, reading.run.id, state, &report.failure.said, now).await?;
        if let ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } = error {
            store::engine::landscape::break_connection(&tx, reading.connection.id, &report.failure.said, now).await?;
        }
        tx.commit().await?;
        tracing::warn!(tenant = %lease.tenant, connection = %reading.connection.id, run = %reading.run.id, %object,
            code = error.code(), "a pull failed");
        Ok(again.map_or(JobOutcome::Done, |at| JobOutcome::Again { at }))
    }
}

pub(crate) fn subject(object: ObjectKind) -> String {
    format!("pull:{object}")
}

fn place(run: &RunRow) -> Result<Option<Place>, store::StoreError> {
    run.cursor
        .clone()
        .filter(|cursor| !cursor.is_null())
        .map(|cursor| {
            serde_json::from_value(cursor).map_err(|source| store::StoreError::Document { place: "run.cursor", source })
        })
        .transpose()
}

/// The place of a held run with the removals approved.
pub(crate) fn approved(run: &RunRow) -> Result<Option<Json>, store::StoreError> {
    match place(run)? {
        Some(Place::Finish { resume, coverage, .. }) => {
            let place = Place::Finish { resume, coverage, approved: true };
            let json = serde_json::to_value(place)
                .map_err(|source| store::StoreError::Document { place: "run.cursor", source })?;
            Ok(Some(json))
        }
        Some(Place::Page { .. }) | None => Ok(None),
    }
}

/// Half as long as it has been without progress: quick after a hiccup, patient in an outage.
fn patience(run: &RunRow, now: DateTime<Utc>) -> TimeDelta {
    let since = run.progress_at.or(run.started_at).unwrap_or(now);
    let least = TimeDelta::seconds(2);
    ((now - since) / 2).clamp(least, TimeDelta::from_std(WAIT_MAX).unwrap_or(least))
}

#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a share of counts")]
fn must_ask(unseen: i64, every: i64) -> bool {
    unseen > REMOVALS_FREE && unseen as f64 > every as f64 * REMOVALS_SHARE_MAX
}

/// A run is green only if coverage and outcome hold; freshness is judged where it is shown.
#[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a share of counts")]
fn judge(run: &RunRow, full: bool) -> (&'static str, String) {
    let counts = run.counts;
    let what = run.object.plural();
    if full && counts.received == 0 && counts.rejected == 0 {
        return (
            "attention",
            format!("The system sent no {what} at all. Check that it has some and that we may read them."),
        );
    }
    if let Some(expected) = run.expected.filter(|expected| full && *expected > counts.received + counts.rejected) {
        return ("attention", format!("The system announced {expected} {what} and sent {}.", counts.received));
    }
    if counts.rejected > 0 {
        return ("attention", format!("{} rows could not be read; each is kept with its line.", counts.rejected));
    }
    if counts.flagged as f64 > counts.received as f64 * FLAGGED_SHARE_MAX {
        return ("attention", format!("{} of {} {what} wait for a correction.", counts.flagged, counts.received));
    }
    ("succeeded", String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_read_that_loses_a_tenth_asks_and_a_handful_does_not() {
        for (unseen, every, asks) in
            [(0, 100, false), (5, 10, false), (6, 10, true), (10, 100, false), (11, 100, true), (100, 100, true)]
        {
            assert_eq!(must_ask(unseen, every), asks, "{unseen} of {every}");
        }
    }
}
