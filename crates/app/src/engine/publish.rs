//! The job that publishes a feed: everything that may be shown, every time, until what is published is what should be.

use super::plan::is_offered;
use super::{Engine, EngineError};
use chrono::TimeDelta;
use connectors::{ConnectorError, FeedContext, FeedRow, Retry};
use domain::{ConnectionId, Failure, Fault, GoldenId, NextStep, ObjectKind, RooftopId};
use queue::{JobOutcome, Lease};
use std::collections::{BTreeSet, HashMap};
use store::TenantTx;
use store::engine::failures::{self, Report};
use store::engine::landscape::{self, ConnectionPlan, Landscape};
use store::engine::{goldens, sources};
use uuid::Uuid;

/// Golden records loaded at once.
const PIECE: i64 = 1_000;
/// Before the next try of a feed that could not be delivered.
const RETRY_WAIT: TimeDelta = TimeDelta::seconds(10);

impl Engine {
    /// Publishes a feed if it should show something else than it does.
    pub(crate) async fn publish(
        &self,
        lease: &Lease,
        connection: ConnectionId,
        object: ObjectKind,
    ) -> Result<JobOutcome, EngineError> {
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        let Some(plan) = landscape.connection(connection).filter(|plan| plan.is_active()) else {
            return Ok(JobOutcome::Done);
        };
        let Some(feed) = (self.connector)(&plan.connector).and_then(|connector| connector.feed(object)) else {
            return Ok(JobOutcome::Done);
        };
        let Some((desired, published)) = landscape::feed_state(&tx, connection, object).await? else {
            return Ok(JobOutcome::Done);
        };
        if desired <= published {
            return Ok(JobOutcome::Done);
        }
        let rows = self.feed_rows(&tx, &landscape, plan, object).await?;
        drop(tx);
        let Some(access) = self.access.open(&lease.scope(), connection).await? else { return Ok(JobOutcome::Done) };

        failpoint!("engine::publish::before_call");
        let answer = feed.publish(&access, &rows).await;
        failpoint!("engine::publish::after_call");

        let now = self.now();
        let tx = self.db.tenant(&lease.scope()).await?;
        lease.hold(&tx).await?;
        let subject = format!("publish:{object}");
        let outcome = match answer {
            Ok(done) => {
                landscape::feed_published(&tx, connection, object, desired, now).await?;
                failures::resolve(&tx, connection, vec![subject], now).await?;
                let left: BTreeSet<GoldenId> = done.left_out.iter().map(|left| left.golden).collect();
                let shown = rows.iter().filter(|row| !left.contains(&row.golden));
                let mended = shown.map(|row| format!("golden:{}", row.golden)).collect();
                failures::resolve(&tx, connection, mended, now).await?;
                let reports: Vec<Report> = done
                    .left_out
                    .iter()
                    .map(|left| Report {
                        object: Some(object),
                        run: None,
                        subject: format!("golden:{}", left.golden),
                        failure: Failure {
                            code: "left_out_of_feed".to_owned(),
                            doing: format!("Publishing {} to {}", object.plural(), plan.name),
                            said: left.why.clone(),
                            fault: Fault::Dealer,
                            next: NextStep::NeedsYou,
                            fix: left.fix.clone(),
                            evidence: None,
                        },
                        raw: None,
                        next_try_at: None,
                    })
                    .collect();
                failures::report(&tx, connection, &reports, now).await?;
                tracing::info!(tenant = %lease.tenant, %connection, rows = done.rows, left_out = done.left_out.len(), "a feed was published");
                JobOutcome::Done
            }
            Err(error) => {
                let at = match error.retry() {
                    Retry::Soon => Some(now + RETRY_WAIT * i32::try_from(lease.attempts.clamp(1, 30)).unwrap_or(30)),
                    Retry::After(wait) => Some(now + TimeDelta::from_std(wait).unwrap_or(RETRY_WAIT)),
                    Retry::Never => None,
                };
                let report = Report {
                    object: Some(object),
                    run: None,
                    subject,
                    failure: error.failure(&format!("Publishing {} to {}", object.plural(), plan.name)),
                    raw: None,
                    next_try_at: at,
                };
                if let ConnectorError::Unauthorized { .. } | ConnectorError::Forbidden { .. } = error {
                    landscape::break_connection(&tx, connection, &report.failure.said, now).await?;
                }
                failures::report(&tx, connection, &[report], now).await?;
                at.map_or(JobOutcome::Done, |at| JobOutcome::Again { at })
            }
        };
        failpoint!("engine::publish::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::publish::after_commit");
        Ok(outcome)
    }

    /// Everything that may be shown, with the dealership that has it.
    async fn feed_rows(
        &self,
        tx: &TenantTx,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        object: ObjectKind,
    ) -> Result<Vec<FeedRow>, EngineError> {
        let contexts: HashMap<RooftopId, FeedContext> = landscape::rooftops(tx)
            .await?
            .into_iter()
            .map(|rooftop| {
                let context = FeedContext {
                    store_code: rooftop.code,
                    dealership_name: rooftop.name,
                    dealership_address: rooftop.address,
                };
                (rooftop.id, context)
            })
            .collect();
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = goldens::page(tx, object, None, after, PIECE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let ids: Vec<Uuid> = page.iter().map(|golden| golden.id.0).collect();
            let mut places: HashMap<GoldenId, RooftopId> = HashMap::new();
            for (golden, teller) in sources::tellers(tx, ids).await? {
                if let Some(rooftop) = landscape.connection(teller).and_then(|c| c.rooftop) {
                    places.entry(golden).or_insert(rooftop);
                }
            }
            for golden in page {
                let place = places.get(&golden.id).copied().or(plan.rooftop);
                if plan.rooftop.is_some() && place != plan.rooftop {
                    continue;
                }
                let record = golden.golden.record(object);
                if !is_offered(&record) {
                    continue;
                }
                let context = place.and_then(|id| contexts.get(&id)).cloned().unwrap_or_default();
                rows.push(FeedRow { golden: golden.id, record, context });
            }
        }
        Ok(rows)
    }
}
