//! Steps 1 and 4 for one page: what is new is told from what is known, identified, and written down.

use super::freed::freed;
use super::ingest::Origin;
use super::keep::{Kept, hashed};
use super::prepare::{Prepared, PreparedPage, is_our_fault};
use chrono::{DateTime, Utc};
use domain::schema::FieldType;
use domain::survivorship::UNKNOWN_AGE;
use domain::{Failure, Fault, Field, GoldenId, NextStep, ObjectKind, Record, RunId, SourceRecordId};
use matching::clean::Keys;
use matching::{Assignment, Key, person_keys};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use store::engine::candidates::Question;
use store::engine::failures::{self, Report};
use store::engine::landscape::{ConnectionPlan, ObjectSync};
use store::engine::records::{self, Before, MemberRow, RecordState, SourceDoc, Write};
use store::engine::references::{self, Reference};
use store::engine::runs::Counts;
use store::{StoreError, TenantTx};

/// What a record of the page came to be, before it is written.
pub(crate) struct Fresh {
    pub prepared: Arc<Prepared>,
    pub id: SourceRecordId,
    pub before: Option<Before>,
    /// When its system changed it last, as far as known.
    changed_at: DateTime<Utc>,
    before_doc: Option<SourceDoc>,
    /// Where we have written: what its system says by itself.
    own: Option<Record>,
    /// The entity for which we made it, where it is new to us.
    made_for: Option<GoldenId>,
    /// What it is found by, with the keyed hash.
    pub keys: Vec<(i64, Key)>,
}

impl Fresh {
    /// What it held before of these fields and gave up.
    pub(crate) fn freed(&self, exclusive: &[Field]) -> Option<Record> {
        let before = self.before_doc.as_ref().map(|doc| &doc.record);
        freed(exclusive, before, Some(&self.prepared.checked.record))
    }

    /// The entity whose mark it bears, where it is new to us.
    pub(crate) fn mark(&self) -> Option<GoldenId> {
        self.prepared.mark.filter(|_| self.before.is_none() && !self.is_flagged())
    }

    /// The entity to which it belongs since before.
    pub(crate) fn known_golden(&self) -> Option<GoldenId> {
        self.before.as_ref().filter(|before| before.state == RecordState::Identified).and_then(|before| before.golden)
    }

    /// We made it for this entity: nothing of it is its system's own word.
    pub(crate) fn is_ours(&mut self, golden: GoldenId) {
        self.made_for = Some(golden);
        self.own = Some(Record::new(self.prepared.checked.record.object()));
        self.changed_at = UNKNOWN_AGE;
    }

    /// What it says now and did not say before is our own voice where it is what we write there.
    pub(crate) fn repeats(&mut self, written: &Record) {
        if let Some(doc) = &self.before_doc {
            self.own = doc.own_of(&self.prepared.checked.record, Some(written));
        }
    }

    /// The entity to which it belongs already. A record that comes back belongs where it belonged.
    pub(crate) fn stands(&self) -> Option<GoldenId> {
        let before = self.before.as_ref();
        let known = before.filter(|before| matches!(before.state, RecordState::Identified | RecordState::Gone));
        known.and_then(|before| before.golden).or(self.made_for)
    }
    /// What its system says by itself, as far as that is known.
    pub(crate) const fn own(&self) -> Option<&Record> {
        self.own.as_ref()
    }

    fn known_as(&self) -> Option<&Record> {
        self.own.as_ref().filter(|own| !own.is_empty())
    }

    /// What it is known by: its system's own words, unless it has none.
    pub(crate) fn speaks(&self) -> &Record {
        self.known_as().unwrap_or(&self.prepared.checked.record)
    }

    /// The same as matching reads it, where it was cleaned already.
    pub(crate) fn cleaned(&self) -> Keys {
        match (self.known_as(), &self.prepared.person) {
            (None, Some(person)) => person.cleaned.clone(),
            (Some(_), _) | (None, None) => person_keys(self.speaks()),
        }
    }

    /// The keys by which it meets others.
    pub(crate) fn blocking(&self) -> impl Iterator<Item = i64> + '_ {
        self.keys.iter().filter(|(_, key)| key.blocks).map(|(hash, _)| *hash)
    }

    pub(crate) fn is_flagged(&self) -> bool {
        self.prepared.checked.is_flagged()
    }
}

/// Step 1: what is the same as before ends here; returns what is new or changed, and what is gone.
pub(crate) async fn sort_out(
    tx: &TenantTx,
    origin: &Origin<'_>,
    page: PreparedPage,
    seen_in: Option<RunId>,
    counts: &mut Counts,
) -> Result<(Vec<Fresh>, Vec<String>), StoreError> {
    let external_ids: Vec<String> = page.records.iter().map(|r| r.external_id.clone()).collect();
    let before = records::before(tx, origin.connection.id, page.object, external_ids).await?;
    let mut before: HashMap<String, Before> = before.into_iter().map(|b| (b.external_id.clone(), b)).collect();
    let first_read = origin.connection.objects.get(&page.object).is_some_and(ObjectSync::awaits_first_read);
    let (mut fresh, mut gone, mut seen, mut reworded) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for prepared in page.records {
        let known = before.remove(&prepared.external_id);
        if prepared.deleted {
            gone.push(prepared.external_id.clone());
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
                reworded.push((known.id, prepared.raw.clone(), prepared.raw_hash));
                continue;
            }
        }
        let before_doc = match &known {
            Some(known) => known.doc(tx)?,
            None => None,
        };
        let own = before_doc.as_ref().and_then(|doc: &SourceDoc| doc.own_of(&prepared.checked.record, None));
        fresh.push(Fresh {
            own,
            made_for: None,
            changed_at: match prepared.changed_at {
                Some(told) => told,
                // When a system is read first says nothing of when its people wrote: it must not look like news.
                None if first_read && known.is_none() => UNKNOWN_AGE,
                None => origin.now,
            },
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

pub(crate) fn keys_of(tx: &TenantTx, connection: &ConnectionPlan, record: &Fresh) -> Vec<(i64, Key)> {
    if record.is_flagged() {
        return Vec::new();
    }
    let told = match &record.prepared.person {
        Some(person) => person.keys.clone(),
        None => matching::keys(&record.prepared.checked.record, connection.rooftop),
    };
    let own = record.own.iter().flat_map(|own| matching::keys(own, connection.rooftop));
    let mut keys: Vec<(i64, Key)> = Vec::with_capacity(told.len());
    for key in told.into_iter().chain(own) {
        if keys.iter().all(|(_, known)| *known != key) {
            keys.push((hashed(tx.keys(), &key), key));
        }
    }
    keys
}

/// Puts every record of the page into exactly one of the counts.
pub(crate) fn tally(
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

pub(crate) async fn write_records(
    tx: &TenantTx,
    origin: &Origin<'_>,
    object: ObjectKind,
    fresh: &[Fresh],
    assignments: &HashMap<SourceRecordId, Assignment>,
    seen_in: Option<RunId>,
) -> Result<(), StoreError> {
    let mut kept = Kept::default();
    let mut pointing = Vec::new();
    for record in fresh {
        let keys: Vec<i64> = record.keys.iter().map(|(hash, _)| *hash).collect();
        let old: &[i64] = record.before.as_ref().map_or(&[], |before| before.lookup_keys.as_slice());
        let checked = &record.prepared.checked;
        for (field, value) in checked.record.fields() {
            if let (FieldType::Ref(to), Some(key)) = (field.spec().holds, value.as_text()) {
                pointing.push(Reference { record: record.id, field, object: to, external_id: key.to_owned() });
            }
        }
        let write = Write {
            id: record.id,
            is_new: record.before.is_none(),
            external_id: record.prepared.external_id.clone(),
            raw: record.prepared.raw.clone(),
            raw_hash: record.prepared.raw_hash,
            doc: Some(SourceDoc {
                record: checked.record.clone(),
                issues: checked.issues.clone(),
                since: since(record),
                own: record.own.clone(),
            }),
            content_hash: record.prepared.content_hash,
            golden: assignments.get(&record.id).map(Assignment::golden),
            state: if record.is_flagged() { RecordState::Flagged } else { RecordState::Identified },
            lookup_keys: keys,
            changed_at: record.changed_at,
        };
        kept.put(write, old);
    }
    let version = origin.connection.objects.get(&object).map_or(0, |sync| sync.mapping_version);
    kept.write(tx, origin.connection.id, object, version, seen_in, origin.now).await?;
    references::write(tx, origin.connection.id, &pointing).await
}

/// The age of fields that this change did not touch: an old e-mail does not become new because a phone changed.
fn since(record: &Fresh) -> BTreeMap<Field, DateTime<Utc>> {
    let (Some(before), Some(doc)) = (&record.before, &record.before_doc) else { return BTreeMap::new() };
    record
        .prepared
        .checked
        .record
        .fields()
        .filter(|(field, value)| doc.record.get(*field) == Some(*value))
        .map(|(field, _)| (field, doc.since.get(&field).copied().unwrap_or(before.changed_at)))
        .filter(|(_, age)| *age != record.changed_at)
        .collect()
}

pub(crate) async fn write_failures(
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
                    fault: if is_our_fault(&issue.code) { Fault::Driveline } else { Fault::Dealer },
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

pub(crate) fn member_of(record: &Fresh, golden: GoldenId, origin: &Origin<'_>) -> MemberRow {
    MemberRow {
        id: record.id,
        golden,
        connection: origin.connection.id,
        external_id: record.prepared.external_id.clone(),
        changed_at: record.changed_at,
        first_seen_at: origin.now,
        landed_at: origin.now,
        doc: SourceDoc {
            record: record.prepared.checked.record.clone(),
            issues: Vec::new(),
            since: since(record),
            own: record.own.clone(),
        },
    }
}
