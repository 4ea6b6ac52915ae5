//! Source records: exactly what a system said, and its canonical form, both sealed.

use crate::error::StoreError;
use crate::seal::{Place, TenantKeys};
use crate::sql::{NO_ID, get};
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::survivorship::UNKNOWN_AGE;
use domain::{ConnectionId, GoldenId, ObjectKind, RunId, SourceRecordId};
use rayon::prelude::*;
use sea_orm::QueryResult;
use uuid::Uuid;

pub use super::source_doc::SourceDoc;

pub(super) const PAYLOAD: &str = "source_record.payload";
pub(super) const DOC: &str = "source_record.doc";
/// Fewer documents than this are not worth another core.
pub(super) const AT_ONCE: usize = 100;

/// The state of a source record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// Landed, not identified yet.
    Landed,
    /// Part of an entity.
    Identified,
    /// Waits for a correction.
    Flagged,
    /// The system no longer has it.
    Gone,
}

impl RecordState {
    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Landed => 0,
            Self::Identified => 1,
            Self::Flagged => 2,
            Self::Gone => 3,
        }
    }

    fn from_code(code: i16) -> Self {
        match code {
            1 => Self::Identified,
            2 => Self::Flagged,
            3 => Self::Gone,
            _ => Self::Landed,
        }
    }
}

/// A source record as it was before a batch.
#[derive(Clone, Debug)]
pub struct Before {
    /// Id.
    pub id: SourceRecordId,
    /// The system's key.
    pub external_id: String,
    /// Hash of the payload.
    pub raw_hash: Vec<u8>,
    /// Hash of the canonical record.
    pub content_hash: Vec<u8>,
    /// Its entity.
    pub golden: Option<GoldenId>,
    /// State.
    pub state: RecordState,
    /// Its keys in `lookup_key`.
    pub lookup_keys: Vec<i64>,
    /// Version of the mapping that read it.
    pub mapping_version: i32,
    /// When the system last changed it.
    pub changed_at: DateTime<Utc>,
    doc: Option<Vec<u8>>,
}

impl Before {
    /// Its canonical form, where it has one.
    ///
    /// # Errors
    /// [`StoreError::Seal`], [`StoreError::Document`].
    pub fn doc(&self, tx: &TenantTx) -> Result<Option<SourceDoc>, StoreError> {
        self.doc.as_deref().map(|sealed| tx.open(place(DOC, &self.id), sealed)).transpose()
    }
}

/// A source record to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Id, new or as before.
    pub id: SourceRecordId,
    /// Whether no record of this key was there when this transaction looked, in its turn.
    pub is_new: bool,
    /// The system's key.
    pub external_id: String,
    /// What the system said.
    pub raw: Vec<u8>,
    /// Its hash.
    pub raw_hash: [u8; 32],
    /// Its canonical form.
    pub doc: Option<SourceDoc>,
    /// Hash of the canonical record.
    pub content_hash: [u8; 32],
    /// Its entity.
    pub golden: Option<GoldenId>,
    /// State.
    pub state: RecordState,
    /// Its keys in `lookup_key`.
    pub lookup_keys: Vec<i64>,
    /// When the system last changed it.
    pub changed_at: DateTime<Utc>,
}

/// One member of an entity.
#[derive(Clone, Debug)]
pub struct MemberRow {
    /// Id.
    pub id: SourceRecordId,
    /// Its entity.
    pub golden: GoldenId,
    /// Which connection tells it.
    pub connection: ConnectionId,
    /// The system's key.
    pub external_id: String,
    /// When the system last changed it.
    pub changed_at: DateTime<Utc>,
    /// When we first saw it.
    pub first_seen_at: DateTime<Utc>,
    /// When we last saw it change.
    pub landed_at: DateTime<Utc>,
    /// Its canonical form.
    pub doc: SourceDoc,
}

impl MemberRow {
    /// When its system last changed it; `None` where nobody told and we never saw it change.
    #[must_use]
    pub fn known_age(&self) -> Option<DateTime<Utc>> {
        Some(self.changed_at).filter(|at| *at > UNKNOWN_AGE)
    }
}

pub(super) const fn place<'a>(column: &'static str, id: &'a SourceRecordId) -> Place<'a> {
    Place { column, row: id.0.as_bytes() }
}

/// The records of one connection and object that have these keys.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn before(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    external_ids: Vec<String>,
) -> Result<Vec<Before>, StoreError> {
    let rows = tx
        .rows(
            // Key by key, by the LIMIT: before its first ANALYZE a growing table looks small, and a list of keys would
            // be held against every record of the tenant.
            "SELECT s.* FROM (SELECT DISTINCT unnest($4::text[]) AS external_id) AS w
             CROSS JOIN LATERAL (SELECT id, external_id, raw_hash, content_hash, golden_id, state, lookup_keys,
                                        mapping_version, changed_at, doc
                                 FROM source_record
                                 WHERE tenant_id = $1 AND connection_id = $2 AND object = $3
                                   AND external_id = w.external_id LIMIT 1) AS s",
            [tx.owner(), connection.0.into(), object.code().into(), external_ids.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Before {
                id: SourceRecordId(get(row, "id")?),
                external_id: get(row, "external_id")?,
                raw_hash: get(row, "raw_hash")?,
                content_hash: get(row, "content_hash")?,
                golden: get::<Option<Uuid>>(row, "golden_id")?.map(GoldenId),
                state: RecordState::from_code(get(row, "state")?),
                lookup_keys: get(row, "lookup_keys")?,
                mapping_version: get(row, "mapping_version")?,
                changed_at: get(row, "changed_at")?,
                doc: get(row, "doc")?,
            })
        })
        .collect()
}

/// Writes records: new ones are added, known ones replaced.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn write(
    tx: &TenantTx,
    connection: ConnectionId,
    object: ObjectKind,
    mapping_version: i32,
    seen_in: Option<RunId>,
    writes: &[Write],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (new, known): (Vec<&Write>, Vec<&Write>) = writes.iter().partition(|write| write.is_new);
    let head = (connection, object, mapping_version, seen_in, now);
    // Looking for a conflict before each row would cost a first load a third more.
    write_some(tx, head, &new, INSERT).await?;
    write_some(tx, head, &known, &format!("{INSERT}{REPLACE}")).await
}

const INSERT: &str = "INSERT INTO source_record AS s
     (tenant_id, connection_id, object, id, external_id, raw_hash, content_hash, payload, doc, golden_id, state,
      lookup_keys, issue_codes, mapping_version, seen_in, first_seen_at, changed_at, landed_at)
 SELECT $1, $2, $3, id, external_id, raw_hash, content_hash, payload, nullif(doc, ''::bytea),
        nullif(golden, '00000000-0000-0000-0000-000000000000'::uuid), state, keys::bigint[], issues::text[],
        $4, $5, $6, changed, $6
 FROM unnest($7::uuid[], $8::text[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::uuid[],
             $14::smallint[], $15::text[], $16::text[], $17::timestamptz[])
      AS t (id, external_id, raw_hash, content_hash, payload, doc, golden, state, keys, issues, changed)";
const REPLACE: &str = "
 ON CONFLICT (tenant_id, connection_id, object, external_id) DO UPDATE SET
     raw_hash = excluded.raw_hash, content_hash = excluded.content_hash, payload = excluded.payload,
     doc = excluded.doc, golden_id = excluded.golden_id, state = excluded.state,
     lookup_keys = excluded.lookup_keys, issue_codes = excluded.issue_codes,
     mapping_version = excluded.mapping_version, seen_in = coalesce(excluded.seen_in, s.seen_in),
     changed_at = excluded.changed_at, landed_at = excluded.landed_at, version = s.version + 1";

/// What all records of a write share: connection, object, version of the mapping, run, moment.
type Head = (ConnectionId, ObjectKind, i32, Option<RunId>, DateTime<Utc>);

async fn write_some(tx: &TenantTx, head: Head, writes: &[&Write], sql: &str) -> Result<(), StoreError> {
    if writes.is_empty() {
        return Ok(());
    }
    let (connection, object, mapping_version, seen_in, now) = head;
    let many = writes.len();
    let sealing = tx.keys();
    let sealed: Result<Vec<_>, StoreError> = writes
        .par_iter()
        .with_min_len(AT_ONCE)
        .map(|write| {
            let payload = sealing.seal(place(PAYLOAD, &write.id), &write.raw)?.0;
            let doc = write.doc.as_ref().map(|doc| sealing.seal_json(place(DOC, &write.id), doc)).transpose()?;
            Ok((payload, doc.map_or_else(Vec::new, |doc| doc.0)))
        })
        .collect();
    let (payloads, docs): (Vec<Vec<u8>>, Vec<Vec<u8>>) = sealed?.into_iter().unzip();
    let mut ids = Vec::with_capacity(many);
    let mut external_ids = Vec::with_capacity(many);
    let mut raw_hashes = Vec::with_capacity(many);
    let mut content_hashes = Vec::with_capacity(many);
    let mut goldens = Vec::with_capacity(many);
    let mut states = Vec::with_capacity(many);
    let mut keys = Vec::with_capacity(many);
    let mut issues = Vec::with_capacity(many);
    let mut changed = Vec::with_capacity(many);
    for write in writes {
        ids.push(write.id.0);
        external_ids.push(write.external_id.clone());
        raw_hashes.push(write.raw_hash.to_vec());
        content_hashes.push(write.content_hash.to_vec());
        goldens.push(write.golden.map_or(NO_ID, |id| id.0));
        states.push(write.state.code());
        keys.push(array_text(write.lookup_keys.iter().map(ToString::to_string)));
        let codes = write.doc.iter().flat_map(|doc| doc.issues.iter().map(|issue| issue.code.to_string()));
        issues.push(array_text(codes));
        changed.push(write.changed_at);
    }
    tx.run(
        sql,
        [
            tx.owner(),
            connection.0.into(),
            object.code().into(),
            mapping_version.into(),
            seen_in.map(|run| run.0).into(),
            now.into(),
            ids.into(),
            external_ids.into(),
            raw_hashes.into(),
            content_hashes.into(),
            payloads.into(),
            docs.into(),
            goldens.into(),
            states.into(),
            keys.into(),
            issues.into(),
            changed.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Notes that a full pull saw these records, unchanged.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark_seen(tx: &TenantTx, ids: Vec<Uuid>, run: RunId) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE source_record SET seen_in = $2 WHERE tenant_id = $1 AND id = ANY($3)",
        [tx.owner(), run.0.into(), ids.into()],
    )
    .await?;
    Ok(())
}

/// Replaces what a system said where its meaning did not change (an echo, a field that we do not read).
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn refresh_payloads(
    tx: &TenantTx,
    seen_in: Option<RunId>,
    fresh: &[(SourceRecordId, Vec<u8>, [u8; 32])],
) -> Result<(), StoreError> {
    if fresh.is_empty() {
        return Ok(());
    }
    let (mut ids, mut payloads, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for (id, raw, hash) in fresh {
        ids.push(id.0);
        payloads.push(tx.keys().seal(place(PAYLOAD, id), raw)?.0);
        hashes.push(hash.to_vec());
    }
    tx.run(
        "UPDATE source_record s SET payload = t.payload, raw_hash = t.hash, seen_in = coalesce($5, s.seen_in)
         FROM unnest($2::uuid[], $3::bytea[], $4::bytea[]) AS t (id, payload, hash)
         WHERE s.tenant_id = $1 AND s.id = t.id",
        [tx.owner(), ids.into(), payloads.into(), hashes.into(), seen_in.map(|run| run.0).into()],
    )
    .await?;
    Ok(())
}

/// All living members of these entities, oldest first.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn members(tx: &TenantTx, goldens: Vec<Uuid>) -> Result<Vec<MemberRow>, StoreError> {
    if goldens.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            // Entity by entity, by the OFFSET, as in `before`.
            "SELECT s.* FROM (SELECT DISTINCT unnest($2::uuid[]) AS golden_id) AS w
             CROSS JOIN LATERAL (SELECT id, golden_id, connection_id, external_id, changed_at, first_seen_at, landed_at, doc
                                 FROM source_record
                                 WHERE tenant_id = $1 AND golden_id = w.golden_id AND state = 1 OFFSET 0) AS s
             ORDER BY s.id",
            [tx.owner(), goldens.into()],
        )
        .await?;
    opened(tx, &rows)
}

/// These records, where they are part of an entity.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn by_ids(tx: &TenantTx, ids: Vec<Uuid>) -> Result<Vec<MemberRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            // Record by record, by the LIMIT, as in `before`.
            "SELECT s.* FROM (SELECT DISTINCT unnest($2::uuid[]) AS id) AS w
             CROSS JOIN LATERAL (SELECT id, golden_id, connection_id, external_id, changed_at, first_seen_at, landed_at, doc
                                 FROM source_record
                                 WHERE tenant_id = $1 AND id = w.id AND state = 1 AND golden_id IS NOT NULL LIMIT 1) AS s
             ORDER BY s.id",
            [tx.owner(), ids.into()],
        )
        .await?;
    opened(tx, &rows)
}

/// The next living records of one kind behind `after`, by id.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn piece(tx: &TenantTx, object: ObjectKind, after: Uuid, limit: i64) -> Result<Vec<MemberRow>, StoreError> {
    let rows = tx
        .rows(
            // Not by an index of `object`, by the sum: while a growing table looks small, all of it would be read and
            // sorted for each piece.
            "SELECT id, golden_id, connection_id, external_id, changed_at, first_seen_at, landed_at, doc FROM source_record
             WHERE tenant_id = $1 AND id > $2 AND object + 0 = $3 AND state = 1 AND golden_id IS NOT NULL
             ORDER BY id LIMIT $4",
            [tx.owner(), after.into(), object.code().into(), limit.into()],
        )
        .await?;
    opened(tx, &rows)
}

/// Opens many records, on all cores: most of what a page waits for is this.
fn opened(tx: &TenantTx, rows: &[QueryResult]) -> Result<Vec<MemberRow>, StoreError> {
    let keys = tx.keys();
    rows.par_iter().with_min_len(AT_ONCE).map(|row| member(keys, row)).collect()
}

fn member(keys: &TenantKeys, row: &QueryResult) -> Result<MemberRow, StoreError> {
    let id = SourceRecordId(get(row, "id")?);
    Ok(MemberRow {
        id,
        golden: GoldenId(get(row, "golden_id")?),
        connection: ConnectionId(get(row, "connection_id")?),
        external_id: get(row, "external_id")?,
        changed_at: get(row, "changed_at")?,
        first_seen_at: get(row, "first_seen_at")?,
        landed_at: get(row, "landed_at")?,
        doc: keys.open_json(place(DOC, &id), &get::<Vec<u8>>(row, "doc")?)?,
    })
}

/// Moves records to another entity.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn move_to(tx: &TenantTx, records: Vec<Uuid>, golden: GoldenId) -> Result<(), StoreError> {
    tx.run(
        "UPDATE source_record SET golden_id = $2 WHERE tenant_id = $1 AND id = ANY($3)",
        [tx.owner(), golden.0.into(), records.into()],
    )
    .await?;
    Ok(())
}

/// A Postgres array literal of simple words or numbers.
pub(super) fn array_text(items: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", items.collect::<Vec<_>>().join(","))
}

/// Takes records out of their entities: their system no longer has them. What they said is kept.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mark_gone(tx: &TenantTx, ids: Vec<Uuid>) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    tx.run(
        "UPDATE source_record SET state = 3, lookup_keys = '{}' WHERE tenant_id = $1 AND id = ANY($2)",
        [tx.owner(), ids.into()],
    )
    .await?;
    Ok(())
}

/// All records of an entity, gone ones included, by id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn ids_of(tx: &TenantTx, golden: GoldenId) -> Result<Vec<Uuid>, StoreError> {
    let rows = tx
        .rows(
            "SELECT id FROM source_record WHERE tenant_id = $1 AND golden_id = $2 ORDER BY id",
            [tx.owner(), golden.0.into()],
        )
        .await?;
    rows.iter().map(|row| Ok(get(row, "id")?)).collect()
}
