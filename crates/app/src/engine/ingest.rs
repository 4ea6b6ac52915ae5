//! Steps 1 to 6 for one prepared page, inside one transaction.

use super::Engine;
use super::plan::{Entity, Planned, by_entity, plan};
use super::prepare::{Prepared, PreparedPage};
use chrono::{DateTime, Utc};
use connectors::Reject;
use domain::schema::FieldType;
use domain::survivorship::{Member, agree};
use domain::{
    ConnectionId, Failure, Fault, Field, GoldenId, Lane, NextStep, ObjectKind, RunId, SourceRecordId, SystemRole,
};
use matching::{Assignment, Hierarchy, Known, Matcher, Probe, assign};
use queue::{JobKind, NewJob, enqueue_all};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::engine::candidates::{self, Question};
use store::engine::failures::{self, Report};
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::landscape::{self, ConnectionPlan, Landscape};
use store::engine::records::{self, Before, MemberRow, RecordState, SourceDoc, Write};
use store::engine::references::{self, Reference};
use store::engine::runs::Counts;
use store::engine::{lookup, take_turn, targets};
use store::{StoreError, TenantTx};
use uuid::Uuid;

/// The matcher of this version.
static MATCHER: Hierarchy = Hierarchy;

/// Where a page comes from.
pub(crate) struct Origin<'a> {
    pub landscape: &'a Landscape,
    pub connection: &'a ConnectionPlan,
    /// The run it belongs to; `None` for webhooks, documents and single records.
    pub run: Option<RunId>,
    /// Whether that run reads everything, so that what it does not see may be gone.
    pub full: bool,
    /// Whether records are read again though nothing about them changed (a corrected mapping, a replay).
    pub again: bool,
    /// How urgent what follows from it is.
    pub lane: Lane,
    pub now: DateTime<Utc>,
}

/// What a record of the page came to be, before it is written.
struct Fresh {
    prepared: Prepared,
    id: SourceRecordId,
    before: Option<Before>,
    before_doc: Option<SourceDoc>,
    /// Hash and whether it blocks.
    keys: Vec<(i64, bool)>,
}

impl Fresh {
    fn is_flagged(&self) -> bool {
        self.prepared.checked.is_flagged()
    }
}

impl Engine {
    /// Takes a page in. Nothing is kept unless the caller commits.
    pub(crate) async fn ingest(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        page: PreparedPage,
        rejects: &[Reject],
    ) -> Result<Counts, StoreError> {
        let object = page.object;
        let mut counts = Counts {
            received: i64::try_from(page.records.len()).unwrap_or_default() + page.replaced,
            unchanged: page.replaced,
            rejected: i64::try_from(rejects.len()).unwrap_or_default(),
            ..Counts::default()
        };
        self.report_rejects(tx, origin, object, rejects).await?;
        self.note_drift(tx, origin, object, &page).await?;
        take_turn(tx, object).await?;

        let seen_in = origin.run.filter(|_| origin.full);
        let (mut fresh, gone) = sort_out(tx, origin, page, seen_in, &mut counts).await?;
        counts.removed += self.remove(tx, origin, object, gone).await?;
        if fresh.is_empty() {
            return Ok(counts);
        }
        for record in &mut fresh {
            record.keys = keys_of(tx, origin.connection, record);
        }
        let (assignments, questions) = identify(tx, &fresh).await?;
        tally(&fresh, &assignments, &questions, &mut counts);
        write_records(tx, origin, object, &fresh, &assignments, seen_in).await?;
        write_failures(tx, origin, object, &fresh).await?;

        let touched = self.touched(tx, origin, &fresh, &assignments).await?;
        counts.planned += self.agree_and_plan(tx, origin, object, touched).await?;
        candidates::ask(tx, object, &questions, origin.now).await?;
        Ok(counts)
    }

    /// The entities that a page touched, with all their members.
    async fn touched(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        fresh: &[Fresh],
        assignments: &HashMap<SourceRecordId, Assignment>,
    ) -> Result<BTreeMap<GoldenId, Touched>, StoreError> {
        let mut started: BTreeMap<GoldenId, Vec<MemberRow>> = BTreeMap::new();
        let mut older: BTreeSet<GoldenId> = BTreeSet::new();
        for record in fresh {
            // A record that became unusable leaves its entity.
            if record.is_flagged() {
                older.extend(record.before.as_ref().and_then(|before| before.golden));
                continue;
            }
            let Some(assignment) = assignments.get(&record.id) else { continue };
            match assignment {
                Assignment::Starts(golden) => {
                    started.entry(*golden).or_default().push(member_of(record, *golden, origin));
                }
                Assignment::Joins { golden, .. } => match started.get_mut(golden) {
                    // Started by this very page: all its members are at hand.
                    Some(members) => members.push(member_of(record, *golden, origin)),
                    None => {
                        older.insert(*golden);
                    }
                },
                Assignment::Stays(golden) => {
                    older.insert(*golden);
                }
            }
        }
        // What joined before its entity was known to be started here cannot be: assignments come in page order.
        let mut touched: BTreeMap<GoldenId, Touched> = self.load(tx, &older).await?;
        touched.extend(started.into_iter().map(|(id, members)| (id, Touched { before: None, members })));
        Ok(touched)
    }

    /// Entities with their members, from the database.
    pub(crate) async fn load(
        &self,
        tx: &TenantTx,
        ids: &BTreeSet<GoldenId>,
    ) -> Result<BTreeMap<GoldenId, Touched>, StoreError> {
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let mut touched: BTreeMap<GoldenId, Touched> =
            ids.iter().map(|id| (*id, Touched { before: None, members: Vec::new() })).collect();
        for row in goldens::by_ids(tx, uuids.clone()).await? {
            if let Some(entity) = touched.get_mut(&row.id) {
                entity.before = Some(row);
            }
        }
        for member in records::members(tx, uuids).await? {
            if let Some(entity) = touched.get_mut(&member.golden) {
                entity.members.push(member);
            }
        }
        Ok(touched)
    }

    /// Steps 5 and 6: decides every field of these entities and what each system should hold. Returns how many
    /// deliveries became due.
    pub(crate) async fn agree_and_plan(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        touched: BTreeMap<GoldenId, Touched>,
    ) -> Result<i64, StoreError> {
        let older: Vec<Uuid> = touched.iter().filter(|(_, t)| t.before.is_some()).map(|(id, _)| id.0).collect();
        let known = by_entity(targets::of_goldens(tx, older).await?);
        let none = HashMap::new();
        let mut planned = Planned::default();
        let mut rows = Vec::with_capacity(touched.len());
        for (id, entity) in touched {
            if entity.before.as_ref().is_some_and(|before| before.state == GoldenState::Merged) {
                continue;
            }
            let live = !entity.members.is_empty();
            let members = voices(&entity.members, origin.landscape);
            // An entity that no system tells of keeps its last state, for the record and for withdrawals.
            let golden = match &entity.before {
                Some(before) if !live => before.golden.clone(),
                Some(_) | None => agree(object, &members, &origin.landscape.rules),
            };
            let record = golden.record(object);
            let hash = record.content_hash();
            let state = if live { GoldenState::Live } else { GoldenState::Gone };
            let changed =
                entity.before.as_ref().is_none_or(|before| before.content_hash != hash || before.state != state);
            let version = entity.before.as_ref().map_or(1, |before| before.version + i64::from(changed));
            plan(
                &Entity { id, object, version, record: &record, members: &entity.members, changed, live },
                origin.landscape,
                self.connector,
                known.get(&id).unwrap_or(&none),
                origin.now,
                &mut planned,
            );
            let conflicts = golden.fields.values().filter(|decided| !decided.losers.is_empty()).count();
            rows.push(GoldenRow {
                id,
                object,
                version,
                content_hash: hash.to_vec(),
                golden,
                members: i32::try_from(members.len()).unwrap_or(i32::MAX),
                conflicts: i32::try_from(conflicts).unwrap_or(i32::MAX),
                state,
                merged_into: None,
                created_at: entity.before.as_ref().map_or(origin.now, |before| before.created_at),
                updated_at: match &entity.before {
                    Some(before) if !changed => before.updated_at,
                    Some(_) | None => origin.now,
                },
            });
        }
        goldens::write(tx, &rows).await?;
        targets::write(tx, &planned.targets).await?;
        self.follow_up(tx, origin, object, &planned).await?;
        let due = planned.targets.iter().filter(|target| target.state == targets::TargetState::Due).count();
        Ok(i64::try_from(due).unwrap_or_default())
    }

    /// Asks for the jobs that bring systems to what was planned.
    async fn follow_up(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        planned: &Planned,
    ) -> Result<(), StoreError> {
        let mut jobs = Vec::new();
        for connection in &planned.deliver {
            jobs.push(deliver_job(*connection, origin.lane));
        }
        for (connection, object) in &planned.feeds {
            landscape::raise_feed(tx, *connection, *object).await?;
            // A sold vehicle must leave the web before anything else is done (W8).
            jobs.push(publish_job(*connection, *object, if origin.full { origin.lane } else { Lane::Sold }));
        }
        // A job is asked for by the object's pages again and again; it joins the one that is open.
        tracing::debug!(%object, jobs = jobs.len(), "planned what follows");
        if !jobs.is_empty() {
            enqueue_all(tx, &jobs).await?;
        }
        Ok(())
    }

    /// Takes records out that their system no longer has: told, or concluded from a whole read behind the brake.
    pub(crate) async fn remove(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        external_ids: Vec<String>,
    ) -> Result<i64, StoreError> {
        if external_ids.is_empty() {
            return Ok(0);
        }
        let before = records::before(tx, origin.connection.id, object, external_ids).await?;
        let living: Vec<&Before> = before.iter().filter(|record| record.state != RecordState::Gone).collect();
        let ids: Vec<Uuid> = living.iter().map(|record| record.id.0).collect();
        let entities: BTreeSet<GoldenId> = living.iter().filter_map(|record| record.golden).collect();
        let removed = i64::try_from(living.len()).unwrap_or_default();
        let (mut keys, mut holders) = (Vec::new(), Vec::new());
        for record in &living {
            for key in &record.lookup_keys {
                keys.push(*key);
                holders.push(record.id.0);
            }
        }
        lookup::remove(tx, keys, holders).await?;
        records::mark_gone(tx, ids).await?;
        let touched = self.load(tx, &entities).await?;
        // Its people deleted it there: writing it again would be an argument with them.
        if object != ObjectKind::Inventory {
            let left = touched
                .iter()
                .filter(|(_, entity)| !entity.members.iter().any(|m| m.connection == origin.connection.id))
                .map(|(id, _)| id.0)
                .collect();
            targets::unwant(tx, origin.connection.id, left).await?;
        }
        self.agree_and_plan(tx, origin, object, touched).await?;
        Ok(removed)
    }

    async fn report_rejects(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        rejects: &[Reject],
    ) -> Result<(), StoreError> {
        let reports: Vec<Report> = rejects
            .iter()
            .map(|reject| Report {
                object: Some(object),
                run: origin.run,
                subject: format!("place:{}", reject.place),
                failure: Failure {
                    code: "unreadable_row".to_owned(),
                    doing: format!("Reading {} at {}", object.plural(), reject.place),
                    said: reject.said.clone(),
                    fault: Fault::Dealer,
                    next: NextStep::NeedsYou,
                    fix: reject.fix.clone(),
                    evidence: Some(reject.place.clone()),
                },
                raw: Some(reject.raw.clone()),
                next_try_at: None,
            })
            .collect();
        failures::report(tx, origin.connection.id, &reports, origin.now).await
    }

    async fn note_drift(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        page: &PreparedPage,
    ) -> Result<(), StoreError> {
        let names: Vec<String> = page.unknown.iter().cloned().collect();
        let new = landscape::note_drift(tx, origin.connection.id, object, &names, origin.now).await?;
        if !new.is_empty() {
            tracing::warn!(
                tenant = %tx.tenant(), connection = %origin.connection.id, %object, fields = new.len(),
                "the system sends fields that the mapping does not know"
            );
        }
        Ok(())
    }
}

/// An entity that something happened to.
pub(crate) struct Touched {
    pub before: Option<GoldenRow>,
    pub members: Vec<MemberRow>,
}

/// The job that brings a connection's due targets up to date.
pub(crate) fn deliver_job(connection: ConnectionId, lane: Lane) -> NewJob {
    NewJob {
        kind: JobKind::DeliverTargets,
        lane,
        dedupe_key: format!("deliver {connection}"),
        args: serde_json::json!({"connection": connection}),
        run_at: None,
    }
}

/// The job that publishes a feed.
pub(crate) fn publish_job(connection: ConnectionId, object: ObjectKind, lane: Lane) -> NewJob {
    NewJob {
        kind: JobKind::PublishFeed,
        lane,
        dedupe_key: format!("publish {connection} {object}"),
        args: serde_json::json!({"connection": connection, "object": object}),
        run_at: None,
    }
}

/// Step 1: what is the same as before ends here; returns what is new or changed, and what is gone.
async fn sort_out(
    tx: &TenantTx,
    origin: &Origin<'_>,
    page: PreparedPage,
    seen_in: Option<RunId>,
    counts: &mut Counts,
) -> Result<(Vec<Fresh>, Vec<String>), StoreError> {
    let external_ids: Vec<String> = page.records.iter().map(|r| r.external_id.clone()).collect();
    let before = records::before(tx, origin.connection.id, page.object, external_ids).await?;
    let mut before: HashMap<String, Before> = before.into_iter().map(|b| (b.external_id.clone(), b)).collect();
    let (mut fresh, mut gone, mut seen, mut reworded) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for prepared in page.records {
        let known = before.remove(&prepared.external_id);
        if prepared.deleted {
            gone.push(prepared.external_id);
            continue;
        }
        if let Some(known) = &known {
            let settled = matches!(known.state, RecordState::Identified | RecordState::Flagged);
            let same_reading = settled && !origin.again && known.mapping_version == page.mapping_version;
            if same_reading && known.raw_hash == prepared.raw_hash {
                counts.unchanged += 1;
                seen.push(known.id.0);
                continue;
            }
            if same_reading && known.content_hash == prepared.content_hash && !prepared.checked.is_flagged() {
                counts.unchanged += 1;
                reworded.push((known.id, prepared.raw, prepared.raw_hash));
                continue;
            }
        }
        let before_doc = match &known {
            Some(known) => known.doc(tx)?,
            None => None,
        };
        fresh.push(Fresh {
            id: known.as_ref().map_or_else(SourceRecordId::new, |known| known.id),
            prepared,
            before: known,
            before_doc,
            keys: Vec::new(),
        });
    }
    if let Some(run) = seen_in {
        records::mark_seen(tx, seen, run).await?;
    }
    records::refresh_payloads(tx, seen_in, &reworded).await?;
    Ok((fresh, gone))
}

fn keys_of(tx: &TenantTx, connection: &ConnectionPlan, record: &Fresh) -> Vec<(i64, bool)> {
    if record.is_flagged() {
        return Vec::new();
    }
    MATCHER
        .keys(&record.prepared.checked.record, connection.rooftop)
        .iter()
        .map(|key| (tx.keys().index64(key.purpose, &key.value), key.blocks))
        .collect()
}

/// Step 4: who is who.
async fn identify(
    tx: &TenantTx,
    fresh: &[Fresh],
) -> Result<(HashMap<SourceRecordId, Assignment>, Vec<Question>), StoreError> {
    let usable: Vec<&Fresh> = fresh.iter().filter(|record| !record.is_flagged()).collect();
    let keys: BTreeSet<i64> =
        usable.iter().flat_map(|r| r.keys.iter().filter(|(_, blocks)| *blocks).map(|(key, _)| *key)).collect();
    let holders = lookup::holders(tx, keys.into_iter().collect(), MATCHER.shared_max()).await?;
    let candidates: BTreeSet<Uuid> = holders
        .values()
        .filter(|ids| ids.len() <= MATCHER.shared_max())
        .flat_map(|ids| ids.iter().map(|id| id.0))
        .collect();
    let known: Vec<Known> = records::by_ids(tx, candidates.iter().copied().collect())
        .await?
        .into_iter()
        .map(|row| Known { id: row.id, golden: row.golden, record: row.doc.record })
        .collect();
    let never = if candidates.is_empty() {
        HashSet::new()
    } else {
        lookup::told_apart(tx, usable.iter().map(|r| r.id.0).collect()).await?
    };
    let probes: Vec<Probe<'_>> = usable
        .iter()
        .map(|record| Probe {
            id: record.id,
            record: &record.prepared.checked.record,
            keys: record.keys.iter().filter(|(_, blocks)| *blocks).map(|(key, _)| *key).collect(),
            golden: record
                .before
                .as_ref()
                // A record that comes back belongs where it belonged.
                .filter(|before| matches!(before.state, RecordState::Identified | RecordState::Gone))
                .and_then(|before| before.golden),
        })
        .collect();
    let assigned = assign(&MATCHER, &probes, &known, &holders, &never, GoldenId::new);
    let questions = assigned
        .reviews
        .iter()
        .map(|r| Question { left: r.left, right: r.right, score: r.score, reason: r.reason })
        .collect();
    let by_record = probes.iter().map(|probe| probe.id).zip(assigned.assignments).collect();
    Ok((by_record, questions))
}

/// Puts every record of the page into exactly one of the counts.
fn tally(
    fresh: &[Fresh],
    assignments: &HashMap<SourceRecordId, Assignment>,
    questions: &[Question],
    counts: &mut Counts,
) {
    let asked: HashSet<GoldenId> = questions.iter().flat_map(|q| [q.left, q.right]).collect();
    for record in fresh {
        match assignments.get(&record.id) {
            None => counts.flagged += 1,
            Some(Assignment::Stays(_)) => counts.updated += 1,
            Some(found) if asked.contains(&found.golden()) => counts.to_review += 1,
            Some(Assignment::Joins { .. }) => counts.matched += 1,
            Some(Assignment::Starts(_)) => counts.added += 1,
        }
    }
}

async fn write_records(
    tx: &TenantTx,
    origin: &Origin<'_>,
    object: ObjectKind,
    fresh: &[Fresh],
    assignments: &HashMap<SourceRecordId, Assignment>,
    seen_in: Option<RunId>,
) -> Result<(), StoreError> {
    let (mut add_keys, mut add_to, mut drop_keys, mut drop_from) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut writes = Vec::with_capacity(fresh.len());
    let mut pointing = Vec::new();
    for record in fresh {
        let keys: Vec<i64> = record.keys.iter().map(|(key, _)| *key).collect();
        let old: &[i64] = record.before.as_ref().map_or(&[], |before| before.lookup_keys.as_slice());
        for key in keys.iter().filter(|key| !old.contains(key)) {
            add_keys.push(*key);
            add_to.push(record.id.0);
        }
        for key in old.iter().filter(|key| !keys.contains(key)) {
            drop_keys.push(*key);
            drop_from.push(record.id.0);
        }
        let checked = &record.prepared.checked;
        for (field, value) in checked.record.fields() {
            if let (FieldType::Ref(to), Some(key)) = (field.spec().holds, value.as_text()) {
                pointing.push(Reference { record: record.id, field, object: to, external_id: key.to_owned() });
            }
        }
        writes.push(Write {
            id: record.id,
            external_id: record.prepared.external_id.clone(),
            raw: record.prepared.raw.clone(),
            raw_hash: record.prepared.raw_hash,
            doc: Some(SourceDoc {
                record: checked.record.clone(),
                issues: checked.issues.clone(),
                since: since(record, origin.now),
                echo: false,
            }),
            content_hash: record.prepared.content_hash,
            golden: assignments.get(&record.id).map(Assignment::golden),
            state: if record.is_flagged() { RecordState::Flagged } else { RecordState::Identified },
            lookup_keys: keys,
            changed_at: record.prepared.changed_at.unwrap_or(origin.now),
        });
    }
    let version = origin.connection.objects.get(&object).map_or(0, |sync| sync.mapping_version);
    records::write(tx, origin.connection.id, object, version, seen_in, &writes, origin.now).await?;
    lookup::add(tx, add_keys, add_to).await?;
    lookup::remove(tx, drop_keys, drop_from).await?;
    references::write(tx, origin.connection.id, &pointing).await
}

/// The age of fields that this change did not touch: an old e-mail does not become new because a phone changed.
fn since(record: &Fresh, now: DateTime<Utc>) -> BTreeMap<Field, DateTime<Utc>> {
    let (Some(before), Some(doc)) = (&record.before, &record.before_doc) else { return BTreeMap::new() };
    let changed_at = record.prepared.changed_at.unwrap_or(now);
    record
        .prepared
        .checked
        .record
        .fields()
        .filter(|(field, value)| doc.record.get(*field) == Some(*value))
        .map(|(field, _)| (field, doc.since.get(&field).copied().unwrap_or(before.changed_at)))
        .filter(|(_, age)| *age != changed_at)
        .collect()
}

async fn write_failures(
    tx: &TenantTx,
    origin: &Origin<'_>,
    object: ObjectKind,
    fresh: &[Fresh],
) -> Result<(), StoreError> {
    let subject = |record: &Fresh| format!("record:{}", record.id);
    let mended: Vec<String> = fresh
        .iter()
        .filter(|r| !r.is_flagged() && r.before.as_ref().is_some_and(|b| b.state != RecordState::Identified))
        .map(subject)
        .collect();
    failures::resolve(tx, origin.connection.id, mended, origin.now).await?;
    let reports: Vec<Report> = fresh
        .iter()
        .filter(|record| record.is_flagged())
        .filter_map(|record| {
            let issue = record.prepared.checked.issues.iter().find(|i| i.weight == domain::check::Weight::Flagged)?;
            Some(Report {
                object: Some(object),
                run: origin.run,
                subject: subject(record),
                failure: Failure {
                    code: issue.code.to_string(),
                    doing: format!("Checking {}", object.plural()),
                    said: issue.message.to_string(),
                    fault: Fault::Dealer,
                    next: NextStep::NeedsYou,
                    fix: issue.fix.to_string(),
                    evidence: Some(record.prepared.external_id.clone()),
                },
                raw: None,
                next_try_at: None,
            })
        })
        .collect();
    failures::report(tx, origin.connection.id, &reports, origin.now).await
}

fn member_of(record: &Fresh, golden: GoldenId, origin: &Origin<'_>) -> MemberRow {
    MemberRow {
        id: record.id,
        golden,
        connection: origin.connection.id,
        external_id: record.prepared.external_id.clone(),
        changed_at: record.prepared.changed_at.unwrap_or(origin.now),
        first_seen_at: origin.now,
        landed_at: origin.now,
        doc: SourceDoc {
            record: record.prepared.checked.record.clone(),
            issues: Vec::new(),
            since: since(record, origin.now),
            echo: false,
        },
    }
}

/// The members that survivorship hears. What only repeats our own words is heard where nobody else is left.
fn voices(members: &[MemberRow], landscape: &Landscape) -> Vec<Member> {
    let witnesses: Vec<Member> = members.iter().filter(|row| !row.doc.echo).map(|row| voice(row, landscape)).collect();
    if witnesses.is_empty() { members.iter().map(|row| voice(row, landscape)).collect() } else { witnesses }
}

/// A member as survivorship hears it.
fn voice(row: &MemberRow, landscape: &Landscape) -> Member {
    Member {
        id: row.id,
        connection: row.connection,
        role: landscape.connection(row.connection).map_or(SystemRole::Other, |connection| connection.role),
        changed_at: row.changed_at,
        since: row.doc.since.clone(),
        record: row.doc.record.clone(),
    }
}
