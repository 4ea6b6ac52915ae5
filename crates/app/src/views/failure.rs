//! Failures grouped by cause.

use super::{Views, count, visible};
use crate::error::AppError;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{ConnectionId, FailureId, Fault, NextStep, ObjectKind};
use std::collections::HashMap;
use store::TenantScope;
use store::engine::failures::{self, FailureRow, Filter};

/// Failures of one connection and object with one code: one cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Connection.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: String,
    /// What it was about, where it was one object.
    pub object: Option<ObjectKind>,
    /// Stable code.
    pub code: String,
    /// What we were doing.
    pub doing: String,
    /// The other side's words, of the newest.
    pub said: String,
    /// Who must act.
    pub fault: Fault,
    /// Retried or waiting.
    pub next: NextStep,
    /// What to do.
    pub fix: String,
    /// How many records or calls.
    pub count: u64,
    /// Since when.
    pub first_at: DateTime<Utc>,
    /// Until when.
    pub last_at: DateTime<Utc>,
}

/// One failure of a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureLine {
    /// Id.
    pub id: FailureId,
    /// What failed, in words.
    pub subject: String,
    /// The other side's words.
    pub said: String,
    /// How many times.
    pub times: u64,
    /// Last time.
    pub last_at: DateTime<Utc>,
    /// The vendor's request id or ours.
    pub evidence: Option<String>,
    /// When it is tried next by itself.
    pub next_try_at: Option<DateTime<Utc>>,
    /// The golden record it is about, where it is about one.
    pub golden: Option<domain::GoldenId>,
}

/// A cause with its failures.
#[derive(Clone, Debug)]
pub struct CausePage {
    /// The cause.
    pub cause: Cause,
    /// Its failures, newest first.
    pub failures: Vec<FailureLine>,
    /// Whether there are more than shown.
    pub more: bool,
}

impl Cause {
    /// A cause of a connection that may be seen.
    pub(super) fn of(cause: failures::Cause, names: &HashMap<ConnectionId, String>) -> Option<Self> {
        Some(Self {
            connection: cause.connection,
            connection_name: names.get(&cause.connection)?.clone(),
            object: cause.object,
            code: cause.code,
            doing: cause.doing,
            said: cause.said,
            fault: match cause.fault.as_str() {
                "dealer" => Fault::Dealer,
                "vendor" => Fault::Vendor,
                _ => Fault::Driveline,
            },
            next: if cause.next == "retrying" { NextStep::Retrying } else { NextStep::NeedsYou },
            fix: cause.fix,
            count: count(cause.many),
            first_at: cause.first_at,
            last_at: cause.last_at,
        })
    }
}

impl FailureLine {
    fn of(row: FailureRow) -> Self {
        let (kind, which) = row.subject.split_once(':').unwrap_or((row.subject.as_str(), ""));
        let (subject, golden) = match kind {
            "place" => (which.to_owned(), None),
            "golden" => ("A record on its way there".to_owned(), which.parse().ok()),
            "record" => ("A record that came from there".to_owned(), None),
            "connection" => ("The connection itself".to_owned(), None),
            _ => (row.subject.clone(), None),
        };
        Self {
            id: row.id,
            subject,
            said: row.said,
            times: count(row.times),
            last_at: row.last_at,
            evidence: row.evidence,
            next_try_at: row.next_try_at,
            golden,
        }
    }
}

impl Views<'_> {
    /// Open failures by cause, those that need a person first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn causes(&self, scope: &TenantScope) -> Result<Vec<Cause>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let names = visible(&tx, scope).await?;
        let causes = failures::causes(&tx, Some(names.keys().map(|id| id.0).collect())).await?;
        Ok(causes.into_iter().filter_map(|cause| Cause::of(cause, &names)).collect())
    }

    /// One cause with its newest failures.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn cause(
        &self,
        scope: &TenantScope,
        connection: ConnectionId,
        object: Option<ObjectKind>,
        code: &str,
        limit: u32,
    ) -> Result<Option<CausePage>, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let names = visible(&tx, scope).await?;
        let causes = failures::causes(&tx, Some(vec![connection.0])).await?;
        let Some(cause) = causes
            .into_iter()
            .find(|cause| cause.object == object && cause.code == code)
            .and_then(|cause| Cause::of(cause, &names))
        else {
            return Ok(None);
        };
        let filter = Filter {
            connections: Some(vec![connection.0]),
            code: Some(code.to_owned()),
            object,
            subject: None,
            state: Some("open".to_owned()),
        };
        let rows = failures::page(&tx, &filter, None, i64::from(limit)).await?;
        let failures: Vec<_> = rows.into_iter().filter(|row| row.object == object).map(FailureLine::of).collect();
        let more = cause.count > count(failures.len());
        Ok(Some(CausePage { cause, failures, more }))
    }
}
