//! Putting a golden record together for the eye: fields, sources, deliveries.

use super::{Related, RelatedShown, related};
use crate::error::AppError;
use crate::readable::readable;
use chrono::{DateTime, Utc};
use domain::check::Issue;
use domain::permission::Permission;
use domain::survivorship::{Decision, Golden};
use domain::{ConnectionId, GoldenId, ObjectKind, SourceRecordId, SystemRole};
use serde::Serialize;
use std::collections::BTreeMap;
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::landscape::Landscape;
use store::engine::records::{self, MemberRow};
use store::engine::targets;
use store::{TenantScope, TenantTx};
use uuid::Uuid;

/// A record in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordSummary {
    /// Id.
    pub id: GoldenId,
    /// Kind.
    pub object: ObjectKind,
    /// What people call it.
    pub title: String,
    /// The surviving values by field name.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// How many source records it has.
    pub members: i32,
    /// How many fields systems disagree about.
    pub conflicts: i32,
    /// When its content last changed.
    pub updated_at: DateTime<Utc>,
}

/// A record with everything about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordShown {
    /// Id.
    pub id: GoldenId,
    /// Kind.
    pub object: ObjectKind,
    /// What people call it.
    pub title: String,
    /// Raised with each change.
    pub version: i64,
    /// Whether any system still tells of it.
    pub is_live: bool,
    /// Each known field.
    pub fields: Vec<FieldShown>,
    /// What each system tells.
    pub sources: Vec<SourceShown>,
    /// What each system should hold and does hold.
    pub targets: Vec<TargetShown>,
    /// What it points to: a deal its customer and its vehicle.
    pub refers_to: Vec<RelatedShown>,
    /// What points to it, newest first: a customer's vehicles, deals and repair orders.
    pub referred_by: Vec<RelatedShown>,
    /// A customer's household: others of the same surname at the same address. They are not one.
    pub household: Vec<RelatedShown>,
    /// When it was first known.
    pub created_at: DateTime<Utc>,
    /// When its content last changed.
    pub updated_at: DateTime<Utc>,
}

/// One decided field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldShown {
    /// Field name.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The surviving value.
    pub value: serde_json::Value,
    /// The source record that told it.
    pub winner: SourceRecordId,
    /// Why it survived.
    pub rule: Decision,
    /// Who told something else.
    pub losers: Vec<LoserShown>,
}

/// A value that did not survive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoserShown {
    /// The source record that told it.
    pub source: SourceRecordId,
    /// What was told.
    pub value: serde_json::Value,
}

/// What one system tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceShown {
    /// The source record.
    pub id: SourceRecordId,
    /// The connection.
    pub connection: ConnectionId,
    /// What people call the connection.
    pub connection_name: String,
    /// The part its system plays.
    pub role: SystemRole,
    /// The system's own key.
    pub external_id: String,
    /// What it tells, by field name.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// What was wrong with it.
    pub issues: Vec<Issue>,
    /// When the system last changed it, as far as known.
    pub changed_at: Option<DateTime<Utc>>,
    /// When we first saw it.
    pub first_seen_at: DateTime<Utc>,
    /// When we last saw it change.
    pub landed_at: DateTime<Utc>,
}

/// What one system should hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetShown {
    /// The connection.
    pub connection: ConnectionId,
    /// What people call the connection.
    pub connection_name: String,
    /// settled, due, waiting, unwanted.
    pub state: String,
    /// The system's own key, where it has the record.
    pub external_id: Option<String>,
    /// The version it should hold.
    pub desired_version: i64,
    /// The version it does hold.
    pub delivered_version: i64,
    /// When it was last written.
    pub delivered_at: Option<DateTime<Utc>>,
    /// Why it could not be written.
    pub last_error: String,
    /// When it is written next, if it is due.
    pub due_at: DateTime<Utc>,
}

/// Whether the caller may read about this connection.
pub(crate) fn may_see(scope: &TenantScope, landscape: &Landscape, connection: ConnectionId) -> bool {
    scope.grants().permits(None, Permission::ReadRecords)
        || landscape
            .connection(connection)
            .is_some_and(|plan| scope.grants().permits(plan.rooftop, Permission::ReadRecords))
}

fn plain(record: &domain::Record) -> BTreeMap<String, serde_json::Value> {
    record.fields().map(|(field, value)| (field.name().to_owned(), value.to_json())).collect()
}

/// Records of a list.
pub(crate) fn summaries(rows: Vec<GoldenRow>) -> Vec<RecordSummary> {
    rows.into_iter()
        .map(|row| {
            let record = row.golden.record(row.object);
            RecordSummary {
                id: row.id,
                object: row.object,
                title: record.title(),
                fields: plain(&record),
                members: row.members,
                conflicts: row.conflicts,
                updated_at: row.updated_at,
            }
        })
        .collect()
}

/// Records with everything about them, those that the caller may see; at most `related_max` others of each kind.
pub(crate) async fn show_many(
    tx: &TenantTx,
    scope: &TenantScope,
    ids: Vec<Uuid>,
    related_max: i64,
) -> Result<Vec<RecordShown>, AppError> {
    let landscape = Landscape::load(tx).await?;
    let rows = goldens::by_ids(tx, ids.clone()).await?;
    let members = records::members(tx, ids.clone()).await?;
    let held = targets::of_goldens(tx, ids).await?;
    let tellers = readable(tx, scope, Permission::ReadRecords).await?;
    let mut near = related(tx, tellers, &rows, related_max).await?;
    let whole_group = scope.grants().permits(None, Permission::ReadRecords);
    let name_of = |id| landscape.connection(id).map(|plan| plan.name.clone()).unwrap_or_default();
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let sources: Vec<SourceShown> = members
            .iter()
            .filter(|member| member.golden == row.id)
            .filter(|member| whole_group || may_see(scope, &landscape, member.connection))
            .map(|member| source(member, &landscape))
            .collect();
        if sources.is_empty() && !whole_group {
            continue;
        }
        let targets = held
            .iter()
            .filter(|target| target.golden == row.id)
            .filter(|target| whole_group || may_see(scope, &landscape, target.connection))
            .map(|target| TargetShown {
                connection: target.connection,
                connection_name: name_of(target.connection),
                state: target.state.name().to_owned(),
                external_id: target.external_id.clone(),
                desired_version: target.desired_version,
                delivered_version: target.delivered_version,
                delivered_at: target.delivered_at,
                last_error: target.last_error.clone(),
                due_at: target.due_at,
            })
            .collect();
        let others = near.remove(&row.id).unwrap_or_default();
        shown.push(one(row, sources, targets, others));
    }
    Ok(shown)
}

fn source(member: &MemberRow, landscape: &Landscape) -> SourceShown {
    let plan = landscape.connection(member.connection);
    SourceShown {
        id: member.id,
        connection: member.connection,
        connection_name: plan.map(|plan| plan.name.clone()).unwrap_or_default(),
        role: plan.map_or(SystemRole::Other, |plan| plan.role),
        external_id: member.external_id.clone(),
        fields: plain(&member.doc.record),
        issues: member.doc.issues.clone(),
        changed_at: member.known_age(),
        first_seen_at: member.first_seen_at,
        landed_at: member.landed_at,
    }
}

fn one(row: GoldenRow, sources: Vec<SourceShown>, targets: Vec<TargetShown>, others: Related) -> RecordShown {
    RecordShown {
        id: row.id,
        object: row.object,
        title: row.golden.record(row.object).title(),
        version: row.version,
        is_live: row.state == GoldenState::Live,
        fields: fields(&row.golden),
        sources,
        targets,
        refers_to: others.refers_to,
        referred_by: others.referred_by,
        household: others.household,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// The decided fields of a golden record.
pub(crate) fn fields(golden: &Golden) -> Vec<FieldShown> {
    golden
        .fields
        .iter()
        .map(|(field, decided)| FieldShown {
            name: field.name().to_owned(),
            label: field.spec().label.to_owned(),
            value: decided.value.to_json(),
            winner: decided.winner,
            rule: decided.rule,
            losers: decided
                .losers
                .iter()
                .map(|loser| LoserShown { source: loser.source, value: loser.value.to_json() })
                .collect(),
        })
        .collect()
}

/// A part of an entity as if it stood alone.
pub(crate) fn part(row: GoldenRow, members: &[MemberRow], landscape: &Landscape) -> RecordShown {
    let sources = members.iter().map(|member| source(member, landscape)).collect();
    one(row, sources, Vec::new(), Related::default())
}
