//! Starting syncs: of a connection, of one object, of one record; approving removals.

use super::again::Tries;
use super::agree::deliver_job;
use super::pull::approved;
use super::{Engine, EngineError, reach};
use chrono::TimeDelta;
use domain::permission::Permission;
use domain::{ConnectionId, GoldenId, Lane, ObjectKind, RunId};
use queue::{JobKind, NewJob, enqueue};
use serde_json::json;
use store::engine::landscape::{ConnectionPlan, Landscape};
use store::engine::{records, runs, targets};
use store::{TenantScope, TenantTx, audit};
use uuid::Uuid;

/// Everything, or what changed since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything there is.
    Full,
    /// What changed; everything where nothing was read yet.
    Changes,
}

/// What the jobs of one connection's object are known by: one at a time.
#[must_use]
pub fn pull_key(connection: ConnectionId, object: ObjectKind) -> String {
    format!("pull {connection} {object}")
}

/// The job that goes on with a run.
#[must_use]
pub fn pull_job(connection: ConnectionId, object: ObjectKind, run: RunId, lane: Lane) -> NewJob {
    NewJob {
        kind: JobKind::PullObject,
        lane,
        dedupe_key: pull_key(connection, object),
        args: json!({"run": run}),
        run_at: None,
    }
}

/// A record that is synced anew is read before it is written: what the systems say now may leave nothing to write.
const READ_FIRST: TimeDelta = TimeDelta::seconds(1);

impl Engine {
    /// Starts syncs of a connection: of all objects it reads, or of one. Joins those that are under way.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for a stranger's or unknown connection, [`EngineError::NotNow`] where it is not active.
    pub async fn start_sync(
        &self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: Option<ObjectKind>,
        mode: Mode,
    ) -> Result<Vec<RunId>, EngineError> {
        let mut tries = Tries::default();
        loop {
            let done = self.start_sync_once(scope, connection, object, mode).await;
            if !tries.again(&done) {
                return done;
            }
        }
    }

    async fn start_sync_once(
        &self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: Option<ObjectKind>,
        mode: Mode,
    ) -> Result<Vec<RunId>, EngineError> {
        let tx = self.db.tenant(scope).await?;
        let landscape = Landscape::load(&tx).await?;
        let plan = landscape.connection(connection).ok_or(EngineError::NotFound("connection"))?;
        if scope.require_at(plan.rooftop, Permission::RunSync).is_err() {
            // Who may not even see it is not told that it exists.
            scope
                .require_at(plan.rooftop, Permission::ReadOperations)
                .map_err(|_| EngineError::NotFound("connection"))?;
            scope.require_at(plan.rooftop, Permission::RunSync)?;
        }
        if !plan.is_active() {
            return Err(EngineError::NotNow(format!(
                "{} is {}. Test it, or resume it, then start the sync.",
                plan.name, plan.state
            )));
        }
        let wanted: Vec<ObjectKind> = plan
            .objects
            .iter()
            .filter(|(kind, sync)| sync.pull && object.is_none_or(|only| only == **kind))
            .map(|(kind, _)| *kind)
            .collect();
        if wanted.is_empty() {
            return Err(EngineError::NotNow("Nothing is read from this system for that object.".to_owned()));
        }
        let mut started = Vec::with_capacity(wanted.len());
        for object in wanted {
            // A person may let a job try again that a worker did not survive.
            store::jobs::release_by_key(&tx, &pull_key(connection, object)).await?;
            started.push(self.start_run(&tx, plan, object, mode, "person").await?);
        }
        let detail = json!({"mode": mode_name(mode), "runs": started});
        audit::append(&tx, "sync.started", "connection", &connection.to_string(), detail, self.now()).await?;
        tx.commit().await?;
        Ok(started)
    }

    /// Starts one run in the caller's transaction.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn start_run(
        &self,
        tx: &TenantTx,
        plan: &ConnectionPlan,
        object: ObjectKind,
        mode: Mode,
        trigger: &str,
    ) -> Result<RunId, EngineError> {
        let never_read = plan.objects.get(&object).is_none_or(|sync| sync.resume.is_none());
        let mode = if never_read { Mode::Full } else { mode };
        store::jobs::take_turn(tx, &pull_key(plan.id, object)).await?;
        let (run, _) = runs::request(tx, plan.id, object, mode_name(mode), trigger, self.now()).await?;
        let lane = match (mode, trigger) {
            (Mode::Full, _) => Lane::Backfill,
            (Mode::Changes, "person") => Lane::Lead,
            (Mode::Changes, _) => Lane::Routine,
        };
        enqueue(tx, &pull_job(plan.id, object, run, lane)).await?;
        Ok(run)
    }

    /// A schedule's tick: starts a run of changes, unless the connection is paused or broken.
    ///
    /// # Errors
    /// [`EngineError::Store`].
    pub async fn tick(
        &self,
        tx: &TenantTx,
        connection: ConnectionId,
        object: ObjectKind,
    ) -> Result<Option<RunId>, EngineError> {
        let landscape = Landscape::load(tx).await?;
        let Some(plan) = landscape.connection(connection).filter(|plan| plan.is_active()) else { return Ok(None) };
        if !plan.objects.get(&object).is_some_and(|sync| sync.pull) {
            return Ok(None);
        }
        Ok(Some(self.start_run(tx, plan, object, Mode::Changes, "schedule").await?))
    }

    /// Approves the removals that a held run asks about.
    ///
    /// # Errors
    /// [`EngineError::NotFound`], or [`EngineError::NotNow`] where the run does not wait for this.
    pub async fn approve_removals(&self, scope: &TenantScope, id: RunId) -> Result<(), EngineError> {
        let mut tries = Tries::default();
        loop {
            let done = self.approve_removals_once(scope, id).await;
            if !tries.again(&done) {
                return done;
            }
        }
    }

    async fn approve_removals_once(&self, scope: &TenantScope, id: RunId) -> Result<(), EngineError> {
        let tx = self.db.tenant(scope).await?;
        let run = runs::find(&tx, id).await?.ok_or(EngineError::NotFound("run"))?;
        let landscape = Landscape::load(&tx).await?;
        let plan = landscape.connection(run.connection).ok_or(EngineError::NotFound("run"))?;
        scope.require_at(plan.rooftop, Permission::ReadOperations).map_err(|_| EngineError::NotFound("run"))?;
        scope.require_at(plan.rooftop, Permission::RunSync)?;
        let cursor = approved(&run)?.filter(|_| run.state == "held");
        let cursor = cursor.ok_or_else(|| EngineError::NotNow("This run does not wait for an approval.".to_owned()))?;
        runs::reopen(&tx, id, &cursor).await?;
        enqueue(&tx, &pull_job(run.connection, run.object, id, Lane::Lead)).await?;
        let detail = json!({"message": run.message});
        audit::append(&tx, "removals.approved", "run", &id.to_string(), detail, self.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Reads one entity's records anew from all their systems, and writes it anew to all that should hold it. An entity
    /// that several rooftops share is brought up to date for all of them.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown id, a stranger's, or one that no system tells of where the caller may
    /// start syncs.
    pub async fn resync_record(&self, scope: &TenantScope, golden: GoldenId) -> Result<(), EngineError> {
        let mut tries = Tries::default();
        loop {
            let done = self.resync_record_once(scope, golden).await;
            if !tries.again(&done) {
                return done;
            }
        }
    }

    async fn resync_record_once(&self, scope: &TenantScope, golden: GoldenId) -> Result<(), EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::RunSync)?;
        let row = store::engine::goldens::find(&tx, golden).await?.ok_or(EngineError::NotFound("record"))?;
        if !reach::tells_of(&tx, tellers, row.id).await? {
            return Err(EngineError::NotFound("record"));
        }
        for member in records::members(&tx, vec![row.id.0]).await? {
            let job = NewJob {
                kind: JobKind::FetchRecord,
                lane: Lane::Lead,
                dedupe_key: format!("fetch {}", member.id),
                args: json!({"record": member.id}),
                run_at: None,
            };
            enqueue(&tx, &job).await?;
        }
        let ids: Vec<Uuid> = vec![row.id.0];
        for target in targets::of_goldens(&tx, ids.clone()).await? {
            targets::replay(&tx, target.connection, Some(ids.clone()), now).await?;
            let job = NewJob { run_at: Some(now + READ_FIRST), ..deliver_job(target.connection, Lane::Lead) };
            enqueue(&tx, &job).await?;
        }
        audit::append(&tx, "record.resynced", "golden", &row.id.to_string(), json!({}), now).await?;
        tx.commit().await?;
        Ok(())
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Full => "full",
        Mode::Changes => "changes",
    }
}
