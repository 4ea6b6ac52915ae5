//! Golden records: lists, search, and one record with its sources, why each value won, and where it was delivered.

use super::{Views, count};
use crate::error::AppError;
use crate::readable::readable;
use crate::records::{RELATED_MAX, RelatedShown, related};
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::survivorship::Decision;
use domain::{ConnectionId, Field, GoldenId, ObjectKind, Record, SourceRecordId, SystemRole, Value};
use std::collections::{BTreeMap, HashMap};
use store::engine::goldens::{self, GoldenRow};
use store::engine::records::{self, MemberRow};
use store::engine::sources;
use store::{TenantScope, TenantTx};

/// A golden record in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordLine {
    /// Id.
    pub id: GoldenId,
    /// What it is.
    pub object: ObjectKind,
    /// The surviving values.
    pub record: Record,
    /// How many source records tell of it.
    pub members: u64,
    /// In how many fields they disagree.
    pub conflicts: u64,
    /// Last change.
    pub updated_at: DateTime<Utc>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordList {
    /// The records.
    pub lines: Vec<RecordLine>,
    /// After which id the next page starts.
    pub next: Option<GoldenId>,
}

/// One system's account of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceView {
    /// Id.
    pub id: SourceRecordId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Its connection's name.
    pub connection_name: String,
    /// The part that system plays.
    pub role: SystemRole,
    /// The system's own key.
    pub external_id: String,
    /// What it says.
    pub record: Record,
    /// What is wrong with it: message and fix.
    pub issues: Vec<(String, String)>,
    /// When the system last changed it, as far as known.
    pub changed_at: Option<DateTime<Utc>>,
    /// Whether all that it says is what we wrote there.
    pub is_echo: bool,
}

/// One field of the golden record.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldView {
    /// The field.
    pub field: Field,
    /// The surviving value.
    pub value: Value,
    /// Who told it.
    pub winner: SourceRecordId,
    /// Why it survived.
    pub rule: Decision,
    /// Whether others told something else.
    pub conflict: bool,
}

/// What one system should hold of it and does hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryView {
    /// The system.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: String,
    /// State.
    pub state: DeliveryState,
    /// Its key there.
    pub external_id: Option<String>,
    /// When it was last delivered.
    pub delivered_at: Option<DateTime<Utc>>,
    /// When it is tried next.
    pub due_at: DateTime<Utc>,
    /// How often the newest state was tried.
    pub attempts: u64,
    /// The system's words, where it refused.
    pub last_error: String,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// The system holds the newest state.
    Settled,
    /// On its way.
    Due,
    /// Waits until the system has been read once: what it has already must not be made a second time.
    AwaitsFirstRead,
    /// Waits for a person.
    NeedsYou,
    /// Not wanted there.
    NotWanted,
}

/// A record's own page.
#[derive(Clone, Debug)]
pub struct RecordPage {
    /// What the list shows too.
    pub line: RecordLine,
    /// The decided fields.
    pub fields: Vec<FieldView>,
    /// Its sources.
    pub sources: Vec<SourceView>,
    /// What each system should hold.
    pub deliveries: Vec<DeliveryView>,
    /// Open candidates that name it: what the other is called, and the pair.
    pub doubtful: Vec<(String, domain::CandidateId)>,
    /// Records that it refers to or that refer to it, such as a customer's vehicles and deals.
    pub related: Vec<RecordLine>,
    /// A customer's household: others of the same surname at the same address.
    pub household: Vec<RelatedShown>,
}

/// Why a value survived, in words.
#[must_use]
pub const fn decision_words(rule: Decision) -> &'static str {
    match rule {
        Decision::Unopposed => "Only one system says",
        Decision::Agreed => "All agree",
        Decision::SystemFirst => "This system comes first",
        Decision::Newest => "Changed last",
        Decision::Strictest => "The strictest consent",
        Decision::OldestRecord => "Oldest record",
    }
}

impl RecordLine {
    pub(super) fn of(row: &GoldenRow) -> Self {
        Self {
            id: row.id,
            object: row.object,
            record: row.golden.record(row.object),
            members: count(row.members),
            conflicts: count(row.conflicts),
            updated_at: row.updated_at,
        }
    }
}

/// The systems' accounts of these entities, by entity.
pub(super) async fn sources(
    tx: &TenantTx,
    goldens: &[GoldenId],
) -> Result<BTreeMap<GoldenId, Vec<SourceView>>, AppError> {
    let names: HashMap<_, _> =
        store::views::connections(tx).await?.into_iter().map(|story| (story.id, (story.name, story.role))).collect();
    let mut by_golden: BTreeMap<GoldenId, Vec<SourceView>> = BTreeMap::new();
    for member in records::members(tx, goldens.iter().map(|id| id.0).collect()).await? {
        by_golden.entry(member.golden).or_default().push(source(member, &names));
    }
    Ok(by_golden)
}

fn source(member: MemberRow, names: &HashMap<ConnectionId, (String, SystemRole)>) -> SourceView {
    let (connection_name, role) = names.get(&member.connection).cloned().unwrap_or((String::new(), SystemRole::Other));
    SourceView {
        id: member.id,
        connection: member.connection,
        connection_name,
        role,
        changed_at: member.known_age(),
        is_echo: member.doc.own_words().is_none(),
        external_id: member.external_id,
        issues: member.doc.issues.iter().map(|issue| (issue.message.to_string(), issue.fix.to_string())).collect(),
        record: member.doc.record,
    }
}

impl Views<'_> {
    /// A page of the records of one kind.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn records(
        &self,
        scope: &TenantScope,
        object: ObjectKind,
        after: Option<GoldenId>,
        limit: u32,
    ) -> Result<RecordList, AppError> {
        let tx = self.open(scope, Permission::ReadRecords).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let rows = goldens::page(&tx, object, tellers, after, i64::from(limit)).await?;
        let next = rows.last().filter(|_| count(rows.len()) == u64::from(limit)).map(|row| row.id);
        Ok(RecordList { lines: rows.iter().map(RecordLine::of).collect(), next })
    }

    /// Records of any kind by e-mail, phone, VIN, number or name.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn search(&self, scope: &TenantScope, text: &str) -> Result<RecordList, AppError> {
        let found = self.0.records().search(scope, text).await?;
        let tx = self.open(scope, Permission::ReadRecords).await?;
        let mut rows = goldens::by_ids(&tx, found.iter().map(|record| record.id.0).collect()).await?;
        rows.sort_by_key(|row| (row.object, row.id));
        Ok(RecordList { lines: rows.iter().map(RecordLine::of).collect(), next: None })
    }

    /// How many records of each kind there are.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn record_counts(&self, scope: &TenantScope) -> Result<Vec<(ObjectKind, u64)>, AppError> {
        let tx = self.open(scope, Permission::ReadRecords).await?;
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        Ok(goldens::counts(&tx, tellers).await?.into_iter().map(|(object, many)| (object, count(many))).collect())
    }

    /// One record's page. One that was merged answers with what it became part of.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn record(&self, scope: &TenantScope, id: GoldenId) -> Result<Option<RecordPage>, AppError> {
        let tx = self.open(scope, Permission::ReadRecords).await?;
        let Some(row) = goldens::find(&tx, id).await? else { return Ok(None) };
        let tellers = readable(&tx, scope, Permission::ReadRecords).await?;
        let mine = |connection: ConnectionId| tellers.as_ref().is_none_or(|mine| mine.contains(&connection.0));
        let mut sources = sources(&tx, &[row.id]).await?.remove(&row.id).unwrap_or_default();
        sources.retain(|source| mine(source.connection));
        if sources.is_empty() && tellers.is_some() {
            return Ok(None);
        }
        let names: HashMap<_, _> =
            store::views::connections(&tx).await?.into_iter().map(|story| (story.id, story.name)).collect();
        let deliveries = store::views::targets(&tx, row.id).await?;
        let mut pairs = store::views::pairs_of(&tx, row.id).await?;
        if let Some(tellers) = &tellers {
            let others = pairs.iter().map(|(_, other)| other.0).collect();
            let told = sources::told_by(&tx, others, tellers.clone()).await?;
            pairs.retain(|(_, other)| told.contains(other));
        }
        let others = goldens::by_ids(&tx, pairs.iter().map(|(_, other)| other.0).collect()).await?;
        let near = related(&tx, tellers.clone(), std::slice::from_ref(&row), RELATED_MAX).await?.remove(&row.id);
        let near = near.unwrap_or_default();
        let household = near.household;
        let near: Vec<_> = near.refers_to.iter().chain(&near.referred_by).map(|other| other.id.0).collect();
        let mut others_near = goldens::by_ids(&tx, near).await?;
        others_near.sort_by_key(|other| (other.object, std::cmp::Reverse(other.id)));
        Ok(Some(RecordPage {
            line: RecordLine::of(&row),
            fields: row
                .golden
                .fields
                .iter()
                .map(|(field, decided)| FieldView {
                    field: *field,
                    value: decided.value.clone(),
                    winner: decided.winner,
                    rule: decided.rule,
                    conflict: !decided.losers.is_empty(),
                })
                .collect(),
            sources,
            deliveries: deliveries
                .into_iter()
                .filter(|story| mine(story.connection))
                .map(|story| DeliveryView {
                    connection: story.connection,
                    connection_name: names.get(&story.connection).cloned().unwrap_or_default(),
                    state: match story.state {
                        0 => DeliveryState::Settled,
                        1 if story.awaits_first_read => DeliveryState::AwaitsFirstRead,
                        1 => DeliveryState::Due,
                        3 => DeliveryState::NotWanted,
                        _ => DeliveryState::NeedsYou,
                    },
                    external_id: story.external_id,
                    delivered_at: story.delivered_at,
                    due_at: story.due_at,
                    attempts: count(story.attempts),
                    last_error: story.last_error,
                })
                .collect(),
            doubtful: pairs
                .into_iter()
                .filter_map(|(pair, other)| {
                    let other = others.iter().find(|row| row.id == other)?;
                    Some((other.golden.record(other.object).title(), pair))
                })
                .collect(),
            related: others_near.iter().map(RecordLine::of).collect(),
            household,
        }))
    }
}
