//! Failures: kept until they are resolved, one open row per thing that fails.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{ConnectionId, Failure, FailureId, NextStep, ObjectKind, RunId};
use sea_orm::QueryResult;
use serde::Serialize;
use uuid::Uuid;

const RAW: &str = "failure.raw";

/// A failure to write down.
#[derive(Clone, Debug)]
pub struct Report {
    /// Object, where it is about one.
    pub object: Option<ObjectKind>,
    /// Run, where it happened in one.
    pub run: Option<RunId>,
    /// What failed: `record:ID`, `golden:ID`, `place:WHERE`, `connection`.
    pub subject: String,
    /// All about it.
    pub failure: Failure,
    /// The piece itself, where nothing else holds it.
    pub raw: Option<Vec<u8>>,
    /// When it is tried again.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// A failure as it is kept.
#[derive(Clone, Debug, Serialize)]
pub struct FailureRow {
    /// Id.
    pub id: FailureId,
    /// Connection.
    pub connection: ConnectionId,
    /// Object.
    pub object: Option<ObjectKind>,
    /// Run.
    pub run: Option<RunId>,
    /// What failed.
    pub subject: String,
    /// Code.
    pub code: String,
    /// What we were doing.
    pub doing: String,
    /// The other side's words.
    pub said: String,
    /// Who must act: dealer, driveline, vendor.
    pub fault: String,
    /// retrying, needs_you.
    pub next: String,
    /// What to do.
    pub fix: String,
    /// Request id.
    pub evidence: Option<String>,
    /// open, resolved.
    pub state: String,
    /// How often it happened.
    pub times: i32,
    /// First.
    pub first_at: DateTime<Utc>,
    /// Last.
    pub last_at: DateTime<Utc>,
    /// When it is tried again.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// Failures of one connection and object with the same code: one cause.
#[derive(Clone, Debug, Serialize)]
pub struct Cause {
    /// Connection.
    pub connection: ConnectionId,
    /// Object.
    pub object: Option<ObjectKind>,
    /// Code.
    pub code: String,
    /// What we were doing.
    pub doing: String,
    /// The other side's words, of the latest.
    pub said: String,
    /// Who must act.
    pub fault: String,
    /// retrying, needs_you.
    pub next: String,
    /// What to do.
    pub fix: String,
    /// How many things fail for it.
    pub many: i64,
    /// First.
    pub first_at: DateTime<Utc>,
    /// Last.
    pub last_at: DateTime<Utc>,
}

/// Writes failures down; one that is open already counts up.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn report(
    tx: &TenantTx,
    connection: ConnectionId,
    reports: &[Report],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for report in reports {
        let id = FailureId::new();
        let raw = match &report.raw {
            // Sealed to its subject: an open row may already exist under another id.
            Some(raw) => {
                let subject = without_nul(&report.subject);
                Some(tx.keys().seal(Place { column: RAW, row: subject.as_bytes() }, raw)?.0)
            }
            None => None,
        };
        let next = match report.failure.next {
            NextStep::Retrying => "retrying",
            NextStep::NeedsYou => "needs_you",
        };
        tx.run(
            "INSERT INTO failure AS f (tenant_id, id, connection_id, object, run_id, subject, code, doing, said, fault, next,
                                  fix, evidence, raw, first_at, last_at, next_try_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16)
             ON CONFLICT (tenant_id, connection_id, object, subject) WHERE state = 'open' DO UPDATE SET
                 run_id = excluded.run_id, code = excluded.code, doing = excluded.doing, said = excluded.said,
                 fault = excluded.fault, next = excluded.next, fix = excluded.fix, evidence = excluded.evidence,
                 raw = excluded.raw, last_at = excluded.last_at, next_try_at = excluded.next_try_at, times = f.times + 1",
            [
                tx.owner(),
                id.0.into(),
                connection.0.into(),
                report.object.map(ObjectKind::code).into(),
                report.run.map(|run| run.0).into(),
                without_nul(&report.subject).into(),
                report.failure.code.clone().into(),
                report.failure.doing.clone().into(),
                without_nul(&report.failure.said).into(),
                report.failure.fault.name().into(),
                next.into(),
                without_nul(&report.failure.fix).into(),
                report.failure.evidence.as_deref().map(without_nul).into(),
                raw.into(),
                now.into(),
                report.next_try_at.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

/// Postgres keeps no NUL in texts, and some systems send them.
fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// Closes the open failures of these subjects: they work now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn resolve(
    tx: &TenantTx,
    connection: ConnectionId,
    subjects: Vec<String>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    if subjects.is_empty() {
        return Ok(0);
    }
    tx.run(
        "UPDATE failure SET state = 'resolved', resolved_at = $4, raw = NULL
         WHERE tenant_id = $1 AND connection_id = $2 AND subject = ANY($3) AND state = 'open'",
        [tx.owner(), connection.0.into(), subjects.into(), now.into()],
    )
    .await
}

/// Open failures grouped by cause, those that need somebody first, then the largest.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn causes(tx: &TenantTx, connections: Option<Vec<Uuid>>) -> Result<Vec<Cause>, StoreError> {
    let rows = tx
        .rows(
            "SELECT connection_id, object, code, count(*) AS many, min(first_at) AS first_at, max(last_at) AS last_at,
                    (array_agg(doing ORDER BY last_at DESC))[1] AS doing, (array_agg(said ORDER BY last_at DESC))[1] AS said,
                    (array_agg(fault ORDER BY last_at DESC))[1] AS fault, (array_agg(next ORDER BY last_at DESC))[1] AS next,
                    (array_agg(fix ORDER BY last_at DESC))[1] AS fix
             FROM failure WHERE tenant_id = $1 AND state = 'open' AND ($2::uuid[] IS NULL OR connection_id = ANY($2))
             GROUP BY connection_id, object, code
             ORDER BY bool_or(next = 'needs_you') DESC, count(*) DESC, connection_id, object, code LIMIT 200",
            [tx.owner(), connections.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Cause {
                connection: ConnectionId(get(row, "connection_id")?),
                object: get::<Option<i16>>(row, "object")?.and_then(ObjectKind::from_code),
                code: get(row, "code")?,
                doing: get(row, "doing")?,
                said: get(row, "said")?,
                fault: get(row, "fault")?,
                next: get(row, "next")?,
                fix: get(row, "fix")?,
                many: get(row, "many")?,
                first_at: get(row, "first_at")?,
                last_at: get(row, "last_at")?,
            })
        })
        .collect()
}

/// Which failures are meant.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of these connections.
    pub connections: Option<Vec<Uuid>>,
    /// Only this code.
    pub code: Option<String>,
    /// Only this object.
    pub object: Option<ObjectKind>,
    /// Only this subject.
    pub subject: Option<String>,
    /// open, resolved; both where absent.
    pub state: Option<String>,
}

/// Failures, newest first, before `before`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    tx: &TenantTx,
    filter: &Filter,
    before: Option<FailureId>,
    limit: i64,
) -> Result<Vec<FailureRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM failure WHERE tenant_id = $1 AND id < $2
               AND ($3::uuid[] IS NULL OR connection_id = ANY($3)) AND ($4::text IS NULL OR code = $4)
               AND ($5::smallint IS NULL OR object = $5) AND ($6::text IS NULL OR state = $6)
               AND ($8::text IS NULL OR subject = $8)
             ORDER BY id DESC LIMIT $7",
            [
                tx.owner(),
                before.map_or(Uuid::max(), |id| id.0).into(),
                filter.connections.clone().into(),
                filter.code.clone().into(),
                filter.object.map(ObjectKind::code).into(),
                filter.state.clone().into(),
                limit.into(),
                filter.subject.clone().into(),
            ],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// Whether something about this subject is open.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_open(tx: &TenantTx, connection: ConnectionId, subject: &str) -> Result<bool, StoreError> {
    let row = tx
        .row(
            "SELECT EXISTS (SELECT FROM failure
                            WHERE tenant_id = $1 AND connection_id = $2 AND subject = $3 AND state = 'open') AS open",
            [tx.owner(), connection.0.into(), subject.into()],
        )
        .await?;
    Ok(row.map(|row| get(&row, "open")).transpose()?.unwrap_or_default())
}

/// One failure.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &TenantTx, id: FailureId) -> Result<Option<FailureRow>, StoreError> {
    let row = tx.row("SELECT * FROM failure WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into()]).await?;
    row.as_ref().map(read).transpose()
}

/// The piece that failed, where the failure holds it.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn raw(tx: &TenantTx, id: FailureId) -> Result<Option<Vec<u8>>, StoreError> {
    let row =
        tx.row("SELECT subject, raw FROM failure WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into()]).await?;
    let Some(row) = row else { return Ok(None) };
    let subject: String = get(&row, "subject")?;
    get::<Option<Vec<u8>>>(&row, "raw")?
        .map(|sealed| tx.keys().open(Place { column: RAW, row: subject.as_bytes() }, &sealed))
        .transpose()
}

fn read(row: &QueryResult) -> Result<FailureRow, StoreError> {
    Ok(FailureRow {
        id: FailureId(get(row, "id")?),
        connection: ConnectionId(get(row, "connection_id")?),
        object: get::<Option<i16>>(row, "object")?.and_then(ObjectKind::from_code),
        run: get::<Option<Uuid>>(row, "run_id")?.map(RunId),
        subject: get(row, "subject")?,
        code: get(row, "code")?,
        doing: get(row, "doing")?,
        said: get(row, "said")?,
        fault: get(row, "fault")?,
        next: get(row, "next")?,
        fix: get(row, "fix")?,
        evidence: get(row, "evidence")?,
        state: get(row, "state")?,
        times: get(row, "times")?,
        first_at: get(row, "first_at")?,
        last_at: get(row, "last_at")?,
        next_try_at: get(row, "next_try_at")?,
    })
}
