//! The jobs that read what came by itself: webhooks, documents, and single records that somebody asked for.

use super::prepare::prepare;
use super::{Engine, EngineError};
use connectors::{Access, Change, Connector, ConnectorError, Payload, Received, Retry};
use domain::{ConnectionId, InboxId, Lane, ObjectKind};
use futures::future::join_all;
use queue::{JobOutcome, Lease};
use std::collections::{BTreeMap, BTreeSet};
use store::engine::failures::{self, Report};
use store::engine::inbox::{self, Message};
use store::engine::landscape::{ConnectionPlan, Landscape};
use store::engine::take_turn;

/// Messages read together.
const MESSAGES: i64 = 50;
/// Records fetched at once for webhooks that only name them.
const FETCHES_AT_ONCE: usize = 4;

/// What a message came to.
enum Read {
    Records(Received),
    Unreadable(ConnectorError),
}

impl Engine {
    /// Reads what waits in a connection's inbox.
    pub(crate) async fn read_inbox(&self, lease: &Lease, connection: ConnectionId) -> Result<JobOutcome, EngineError> {
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        let messages = inbox::waiting(&tx, connection, MESSAGES).await?;
        drop(tx);
        let Some(plan) = landscape.connection(connection) else { return Ok(JobOutcome::Done) };
        let Some(connector) = (self.connector)(&plan.connector) else { return Ok(JobOutcome::Done) };
        if messages.is_empty() || !plan.takes_part() {
            return Ok(JobOutcome::Done);
        }
        let Some(access) = self.access.open(&lease.scope(), connection).await? else { return Ok(JobOutcome::Done) };
        let more = i64::try_from(messages.len()).unwrap_or_default() == MESSAGES;

        let mut read = Vec::with_capacity(messages.len());
        let mut fetch: BTreeSet<(ObjectKind, String)> = BTreeSet::new();
        for message in messages {
            let what = understand(connector, &access, &message, &mut fetch);
            read.push((message.id, what));
        }
        let fetched = match fetch_all(connector, &access, fetch).await {
            Ok(fetched) => fetched,
            Err(error) => return self.postpone_inbox(lease, plan, &error).await,
        };
        self.keep_messages(lease, &landscape, plan, &access, read, fetched).await?;
        Ok(if more { JobOutcome::Again { at: self.now() } } else { JobOutcome::Done })
    }

    async fn keep_messages(
        &self,
        lease: &Lease,
        landscape: &Landscape,
        plan: &ConnectionPlan,
        access: &Access,
        mut read: Vec<(InboxId, Read)>,
        fetched: Vec<(ObjectKind, Payload)>,
    ) -> Result<(), EngineError> {
        let now = self.now();
        let mut by_object: BTreeMap<ObjectKind, Vec<Payload>> = BTreeMap::new();
        let mut rejects = Vec::new();
        for (object, payload) in fetched {
            by_object.entry(object).or_default().push(payload);
        }
        for (_, what) in &mut read {
            if let Read::Records(received) = what {
                for (object, payload) in received.records.drain(..) {
                    by_object.entry(object).or_default().push(payload);
                }
            }
        }
        let tx = self.db.tenant(&lease.scope()).await?;
        for object in by_object.keys() {
            take_turn(&tx, *object).await?;
        }
        for (id, what) in read {
            let subject = format!("inbox:{id}");
            match what {
                Read::Records(received) => {
                    rejects.extend(received.rejects);
                    inbox::settle(&tx, id, false, now).await?;
                    failures::resolve(&tx, plan.id, vec![subject], now).await?;
                }
                Read::Unreadable(error) => {
                    let report = Report {
                        object: None,
                        run: None,
                        subject,
                        failure: error.failure(&format!("Reading what {} sent", plan.name)),
                        raw: None,
                        next_try_at: None,
                    };
                    failures::report(&tx, plan.id, &[report], now).await?;
                    inbox::settle(&tx, id, true, now).await?;
                }
            }
        }
        let origin = self.on_its_own(landscape, plan, Lane::Lead);
        if let (Some(object), false) = (by_object.keys().next().copied(), rejects.is_empty()) {
            self.take_in(&tx, &origin, prepare(&domain::mapping::Mapping::new(object), Vec::new()), &rejects).await?;
        }
        for (object, payloads) in by_object {
            let Some(mapping) = self.mapping(plan, access, object) else { continue };
            self.take_in(&tx, &origin, prepare(&mapping, payloads), &[]).await?;
        }
        // At the very end: whoever sends a webhook meanwhile asks for this job, and must not wait for it.
        lease.advance(&tx).await?;
        failpoint!("engine::inbox::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::inbox::after_commit");
        Ok(())
    }

    /// The system cannot be asked now; the messages wait.
    async fn postpone_inbox(
        &self,
        lease: &Lease,
        plan: &ConnectionPlan,
        error: &ConnectorError,
    ) -> Result<JobOutcome, EngineError> {
        let now = self.now();
        tracing::warn!(tenant = %lease.tenant, connection = %plan.id, code = error.code(), "an inbox waits");
        let tx = self.db.tenant(&lease.scope()).await?;
        let report = Report {
            object: None,
            run: None,
            subject: "inbox".to_owned(),
            failure: error.failure(&format!("Fetching what {} told us of", plan.name)),
            raw: None,
            next_try_at: None,
        };
        failures::report(&tx, plan.id, &[report], now).await?;
        tx.commit().await?;
        let wait = match error.retry() {
            Retry::After(wait) => Some(wait),
            Retry::Soon | Retry::Never => None,
        };
        Ok(JobOutcome::Retry { wait, error: error.code() })
    }

    /// Reads one record anew from its system.
    pub(crate) async fn fetch_record(
        &self,
        lease: &Lease,
        connection: ConnectionId,
        object: ObjectKind,
        external_id: &str,
    ) -> Result<JobOutcome, EngineError> {
        let tx = self.db.tenant(&lease.scope()).await?;
        let landscape = Landscape::load(&tx).await?;
        drop(tx);
        let Some(plan) = landscape.connection(connection).filter(|plan| plan.is_active()) else {
            return Ok(JobOutcome::Done);
        };
        let Some(pull) = (self.connector)(&plan.connector).and_then(|c| c.pull(object)) else {
            return Ok(JobOutcome::Done);
        };
        let Some(access) = self.access.open(&lease.scope(), connection).await? else { return Ok(JobOutcome::Done) };
        let Some(mapping) = self.mapping(plan, &access, object) else { return Ok(JobOutcome::Done) };
        let found = match pull.one(&access, object, external_id).await {
            Ok(found) => found,
            Err(error) => return self.postpone_inbox(lease, plan, &error).await,
        };
        let tx = self.db.tenant(&lease.scope()).await?;
        take_turn(&tx, object).await?;
        lease.advance(&tx).await?;
        let mut origin = self.on_its_own(&landscape, plan, Lane::Lead);
        origin.again = true;
        match found {
            Some(payload) => {
                self.take_in(&tx, &origin, prepare(&mapping, vec![payload]), &[]).await?;
            }
            None => {
                self.remove(&tx, &origin, object, vec![external_id.to_owned()]).await?;
            }
        }
        failpoint!("engine::fetch_record::before_commit");
        lease.commit(tx).await?;
        failpoint!("engine::fetch_record::after_commit");
        Ok(JobOutcome::Done)
    }
}

/// Reads a message as far as possible without asking the system.
fn understand(
    connector: &'static dyn Connector,
    access: &Access,
    message: &Message,
    fetch: &mut BTreeSet<(ObjectKind, String)>,
) -> Read {
    let unreadable = |what: &str| Read::Unreadable(ConnectorError::unreadable(what));
    if message.kind == "document" {
        let Some(intake) = connector.intake() else { return unreadable("this system takes no documents") };
        return match intake.receive(access, &message.content_type, &message.body) {
            Ok(received) => Read::Records(received),
            Err(error) => Read::Unreadable(error),
        };
    }
    let Some(webhooks) = connector.webhooks() else { return unreadable("this system sends no webhooks") };
    match webhooks.read(access, &message.body) {
        Ok(changes) => {
            let mut received = Received::default();
            for change in changes {
                match change {
                    Change::Changed { object, external_id } => {
                        fetch.insert((object, external_id));
                    }
                    Change::Told { object, payload } => received.records.push((object, payload)),
                }
            }
            Read::Records(received)
        }
        Err(error) => Read::Unreadable(error),
    }
}

/// Fetches the records that webhooks named; one that is gone comes back as told gone.
async fn fetch_all(
    connector: &'static dyn Connector,
    access: &Access,
    wanted: BTreeSet<(ObjectKind, String)>,
) -> Result<Vec<(ObjectKind, Payload)>, ConnectorError> {
    let wanted: Vec<(ObjectKind, String)> = wanted.into_iter().collect();
    let mut fetched = Vec::with_capacity(wanted.len());
    for piece in wanted.chunks(FETCHES_AT_ONCE) {
        let calls = piece.iter().map(|(object, id)| async move {
            let Some(pull) = connector.pull(*object) else { return Ok(None) };
            let found = pull.one(access, *object, id).await?;
            let payload = found.unwrap_or_else(|| Payload {
                external_id: id.clone(),
                body: serde_json::Value::Null,
                changed_at: None,
                deleted: true,
                mark: None,
            });
            Ok::<_, ConnectorError>(Some((*object, payload)))
        });
        for answer in join_all(calls).await {
            fetched.extend(answer?);
        }
    }
    Ok(fetched)
}
