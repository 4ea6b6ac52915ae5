//! Replay: of one failure, or of all that share a cause.

use super::again::Tries;
use super::agree::{deliver_job, publish_job};
use super::syncs::pull_key;
use super::{Engine, EngineError};
use domain::permission::Permission;
use domain::{ConnectionId, FailureId, InboxId, Lane, ObjectKind, RooftopId, SourceRecordId};
use queue::{JobKind, NewJob, enqueue};
use serde_json::json;
use std::str::FromStr;
use store::engine::failures::{self, FailureRow, Filter};
use store::engine::landscape::{self, Landscape};
use store::engine::{inbox, runs, sources, targets};
use store::{TenantScope, TenantTx, audit};

/// Failures replayed in one go.
const REPLAY_MAX: i64 = 10_000;

impl Engine {
    /// Replays one failure.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a stranger's or unknown id.
    pub async fn replay_failure(&self, scope: &TenantScope, id: FailureId) -> Result<(), EngineError> {
        let mut tries = Tries::default();
        loop {
            let done = self.replay_failure_once(scope, id).await;
            if !tries.again(&done) {
                return done;
            }
        }
    }

    async fn replay_failure_once(&self, scope: &TenantScope, id: FailureId) -> Result<(), EngineError> {
        scope.require(Permission::Review)?;
        let tx = self.db.tenant(scope).await?;
        let failure = failures::find(&tx, id).await?.ok_or(EngineError::NotFound("failure"))?;
        let landscape = Landscape::load(&tx).await?;
        let rooftop = landscape.connection(failure.connection).and_then(|c| c.rooftop);
        may_review(scope, rooftop, "failure")?;
        self.replay(&tx, &failure).await?;
        let detail = json!({"code": failure.code, "connection": failure.connection});
        audit::append(&tx, "failure.replayed", "failure", &id.to_string(), detail, self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Replays all open failures of one cause; returns how many.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a stranger's or unknown connection.
    pub async fn replay_cause(
        &self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: Option<ObjectKind>,
        code: &str,
    ) -> Result<usize, EngineError> {
        let mut tries = Tries::default();
        loop {
            let done = self.replay_cause_once(scope, connection, object, code).await;
            if !tries.again(&done) {
                return done;
            }
        }
    }

    async fn replay_cause_once(
        &self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: Option<ObjectKind>,
        code: &str,
    ) -> Result<usize, EngineError> {
        scope.require(Permission::Review)?;
        let tx = self.db.tenant(scope).await?;
        let landscape = Landscape::load(&tx).await?;
        let plan = landscape.connection(connection).ok_or(EngineError::NotFound("connection"))?;
        may_review(scope, plan.rooftop, "connection")?;
        let filter = Filter {
            connections: Some(vec![connection.0]),
            code: Some(code.to_owned()),
            object,
            subject: None,
            state: Some("open".to_owned()),
        };
        let open = failures::page(&tx, &filter, None, REPLAY_MAX).await?;
        for failure in &open {
            self.replay(&tx, failure).await?;
        }
        let detail = json!({"code": code, "object": object, "count": open.len()});
        audit::append(&tx, "failures.replayed", "connection", &connection.to_string(), detail, self.now()).await?;
        tx.commit().await?;
        Ok(open.len())
    }

    async fn replay(&self, tx: &TenantTx, failure: &FailureRow) -> Result<(), EngineError> {
        let now = self.now();
        let connection = failure.connection;
        let (kind, rest) = failure.subject.split_once(':').unwrap_or((failure.subject.as_str(), ""));
        match kind {
            "golden" if failure.code == "left_out_of_feed" => {
                if let Some(object) = failure.object {
                    landscape::raise_feed(tx, connection, object).await?;
                    enqueue(tx, &publish_job(connection, object, Lane::Lead)).await?;
                }
            }
            "golden" => {
                let golden = uuid::Uuid::from_str(rest).map_err(|_| EngineError::NotFound("record"))?;
                targets::replay(tx, connection, Some(vec![golden]), now).await?;
                enqueue(tx, &deliver_job(connection, Lane::Lead)).await?;
            }
            "push" => {
                targets::replay(tx, connection, None, now).await?;
                enqueue(tx, &deliver_job(connection, Lane::Lead)).await?;
            }
            "publish" => {
                if let Some(object) = failure.object {
                    enqueue(tx, &publish_job(connection, object, Lane::Lead)).await?;
                }
            }
            "record" => {
                let id = SourceRecordId::from_str(rest).map_err(|_| EngineError::NotFound("record"))?;
                if let Some((connection, object, _)) = sources::origin(tx, id).await? {
                    enqueue(tx, &reprocess_job(connection, object, true)).await?;
                }
            }
            "inbox" => {
                if let Ok(id) = InboxId::from_str(rest) {
                    inbox::wait_again(tx, id).await?;
                }
                enqueue(tx, &inbox_job(connection)).await?;
            }
            // What a worker could not survive: a person lets it try again.
            "job" => {
                store::jobs::release_by_key(tx, rest).await?;
                failures::resolve(tx, connection, vec![failure.subject.clone()], now).await?;
            }
            // A pull or a row of a file: read it again from the system.
            _ => {
                if let Some(object) = failure.object {
                    let key = pull_key(connection, object);
                    store::jobs::take_turn(tx, &key).await?;
                    store::jobs::release_by_key(tx, &key).await?;
                    let (run, _) = runs::request(tx, connection, object, "changes", "replay", now).await?;
                    enqueue(tx, &super::syncs::pull_job(connection, object, run, Lane::Lead)).await?;
                }
            }
        }
        Ok(())
    }
}

fn may_review(scope: &TenantScope, rooftop: Option<RooftopId>, what: &'static str) -> Result<(), EngineError> {
    scope.require_at(rooftop, Permission::Review).map_err(|_| EngineError::NotFound(what))
}

/// The job that reads stored payloads again.
#[must_use]
pub fn reprocess_job(connection: ConnectionId, object: ObjectKind, only_flagged: bool) -> NewJob {
    NewJob {
        kind: JobKind::ReprocessRecords,
        lane: Lane::Routine,
        dedupe_key: format!("reprocess {connection} {object} {only_flagged}"),
        args: json!({"connection": connection, "object": object, "only_flagged": only_flagged}),
        run_at: None,
    }
}

/// The job that reads a connection's inbox.
#[must_use]
pub fn inbox_job(connection: ConnectionId) -> NewJob {
    NewJob {
        kind: JobKind::ReadInbox,
        lane: Lane::Lead,
        dedupe_key: format!("inbox {connection}"),
        args: json!({"connection": connection}),
        run_at: None,
    }
}
