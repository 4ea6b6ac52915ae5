//! The engine as the queue sees it: a kind of job and its ids in, an outcome out.

use super::{Engine, EngineError};
use async_trait::async_trait;
use connectors::Retry;
use domain::{ConnectionId, ObjectKind, RunId, SourceRecordId};
use queue::{Handler, JobKind, JobOutcome, Lease};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use store::StoreError;

/// Runs the engine's jobs.
pub struct EngineHandler(pub Engine);

#[derive(Deserialize)]
struct OfRun {
    run: RunId,
}

#[derive(Deserialize)]
struct OfConnection {
    connection: ConnectionId,
}

#[derive(Deserialize)]
struct OfObject {
    connection: ConnectionId,
    object: ObjectKind,
    #[serde(default)]
    only_flagged: bool,
}

#[derive(Deserialize)]
struct OfMatching {
    learn: bool,
}

#[derive(Deserialize)]
struct OfRecord {
    record: SourceRecordId,
}

#[async_trait]
impl Handler for EngineHandler {
    async fn run(&self, lease: &Lease, kind: JobKind, args: Json) -> JobOutcome {
        match self.dispatch(lease, kind, args).await {
            Ok(outcome) => outcome,
            Err(error) => outcome_of(lease, kind, &error),
        }
    }
}

impl EngineHandler {
    async fn dispatch(&self, lease: &Lease, kind: JobKind, args: Json) -> Result<JobOutcome, EngineError> {
        match kind {
            JobKind::PullObject => self.0.pull(lease, read::<OfRun>(args)?.run).await,
            JobKind::PlanTargets => {
                let of: OfObject = read(args)?;
                self.0.plan_existing(lease, of.connection, of.object).await
            }
            JobKind::DeliverTargets => self.0.deliver(lease, read::<OfConnection>(args)?.connection).await,
            JobKind::PublishFeed => {
                let of: OfObject = read(args)?;
                self.0.publish(lease, of.connection, of.object).await
            }
            JobKind::MatchAgain => self.0.match_again(lease, read::<OfMatching>(args)?.learn).await,
            JobKind::IndexAgain => self.0.index_again(lease).await,
            JobKind::ReadInbox => self.0.read_inbox(lease, read::<OfConnection>(args)?.connection).await,
            JobKind::ReprocessRecords => {
                let of: OfObject = read(args)?;
                self.0.reprocess(lease, of.connection, of.object, of.only_flagged).await
            }
            JobKind::FetchRecord => {
                let id = read::<OfRecord>(args)?.record;
                let tx = self.0.db.tenant(&lease.scope()).await?;
                let origin = store::engine::sources::origin(&tx, id).await?;
                drop(tx);
                match origin {
                    Some((connection, object, key)) => self.0.fetch_record(lease, connection, object, &key).await,
                    None => Ok(JobOutcome::Done),
                }
            }
        }
    }
}

fn read<T: DeserializeOwned>(args: Json) -> Result<T, StoreError> {
    serde_json::from_value(args).map_err(|source| StoreError::Document { place: "job.args", source })
}

fn outcome_of(lease: &Lease, kind: JobKind, error: &EngineError) -> JobOutcome {
    let text = describe(error);
    match error {
        // Somebody else does it now.
        EngineError::Store(StoreError::LeaseLost) => JobOutcome::Done,
        EngineError::Store(_) | EngineError::CutOff(_) | EngineError::TooManyTroubles(_) => {
            tracing::error!(tenant = %lease.tenant, job = %lease.job, kind = kind.name(), error = text, "a job failed");
            JobOutcome::Retry { wait: None, error: text }
        }
        EngineError::Connector(error) => {
            let wait = match error.retry() {
                Retry::After(wait) => Some(wait),
                Retry::Soon | Retry::Never => None,
            };
            JobOutcome::Retry { wait, error: text }
        }
        EngineError::NotPermitted(_)
        | EngineError::NotFound(_)
        | EngineError::NotNow(_)
        | EngineError::Claimed { .. } => {
            tracing::error!(tenant = %lease.tenant, job = %lease.job, kind = kind.name(), error = text, "a job cannot be done");
            JobOutcome::Failed { error: text }
        }
    }
}

/// An error with its causes on one line.
fn describe(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
