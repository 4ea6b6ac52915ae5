//! Searching: the records that hold a key or a range of keys, with as much as is needed to compare by value.
//!
//! Everything is limited before it is joined, so that a name which ten thousand share costs no more than a rare one. The
//! limits matter for who is limited to rooftops: with a million customers, a look at a thousand records of others takes
//! some 7 ms.

use super::records::{DOC, SourceDoc, array_text, place};
use crate::error::StoreError;
use crate::sql::get;
use crate::surnames::{FIRST_NAME, KeyRange};
use crate::tx::TenantTx;
use domain::{ConnectionId, GoldenId, ObjectKind, SourceRecordId};
use sea_orm::QueryResult;
use uuid::Uuid;

/// Holders of one key or surname that are looked at, the newest first.
const LOOKED_AT_MAX: i64 = 1_000;
/// Keys of one surname from which its newest holders are chosen.
const NEWEST_OF_MAX: i64 = 10_000;
/// Surnames that begin alike and are looked at.
const SURNAMES_MAX: i64 = 100;
/// Holders of each of them that are looked at.
const LOOKED_AT_OF_SURNAME_MAX: i64 = 16;
/// Holders of each of them that are returned.
const OF_SURNAME_MAX: i64 = 3;

/// A living entity by one of its records.
#[derive(Clone, Debug)]
pub struct Held {
    /// Which of the questions it answers.
    pub asked: usize,
    /// The record.
    pub record: SourceRecordId,
    /// The entity.
    pub golden: GoldenId,
    /// Its kind.
    pub object: ObjectKind,
    doc: Option<Vec<u8>>,
}

impl Held {
    /// What the record says.
    ///
    /// # Errors
    /// [`StoreError::Seal`], [`StoreError::Document`].
    pub fn doc(&self, tx: &TenantTx) -> Result<Option<SourceDoc>, StoreError> {
        self.doc.as_deref().map(|sealed| tx.open(place(DOC, &self.record), sealed)).transpose()
    }
}

fn read(rows: &[QueryResult]) -> Result<Vec<Held>, StoreError> {
    rows.iter().map(held).collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().flatten().collect())
}

/// `None` where a newer version has written a kind of record that this one does not know.
fn held(row: &QueryResult) -> Result<Option<Held>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    Ok(Some(Held {
        asked: usize::try_from(get::<i32>(row, "asked")?).unwrap_or_default(),
        record: SourceRecordId(get(row, "id")?),
        golden: GoldenId(get(row, "golden_id")?),
        object,
        doc: get(row, "doc")?,
    }))
}

fn numbers(many: usize) -> Vec<i32> {
    (0..).take(many).collect()
}

/// The records of `tellers` (all, where there are none) that hold each of these keys, of each at most `limit`, the newest
/// first. Without what they say: nobody else has the same key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_key(
    tx: &TenantTx,
    keys: Vec<i64>,
    tellers: Option<Vec<Uuid>>,
    limit: i64,
) -> Result<Vec<Held>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            "SELECT k.asked, h.id, h.golden_id, h.object, NULL::bytea AS doc
             FROM unnest($2::int[], $3::bigint[]) AS k (asked, key)
             CROSS JOIN LATERAL (
                 SELECT s.id, s.golden_id, s.object
                 FROM (SELECT record_id FROM lookup_key WHERE tenant_id = $1 AND key = k.key
                       ORDER BY record_id DESC LIMIT $5) l
                 CROSS JOIN LATERAL (SELECT * FROM source_record WHERE tenant_id = $1 AND id = l.record_id LIMIT 1) s
                 WHERE s.state = 1 AND s.golden_id IS NOT NULL AND ($4::uuid[] IS NULL OR s.connection_id = ANY($4))
                 LIMIT $6) h",
            [tx.owner(), numbers(keys.len()).into(), keys.into(), tellers.into(), LOOKED_AT_MAX.into(), limit.into()],
        )
        .await?;
    read(&rows)
}

/// The records whose key is in one of these ranges, of each at most `limit`, the newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_surname(
    tx: &TenantTx,
    ranges: &[KeyRange],
    tellers: Option<Vec<Uuid>>,
    limit: i64,
) -> Result<Vec<Held>, StoreError> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let (low, high): (Vec<i64>, Vec<i64>) = ranges.iter().map(|range| (range.low, range.high)).unzip();
    let rows = tx
        .rows(
            "SELECT r.asked, h.id, h.golden_id, h.object, h.doc
             FROM unnest($2::int[], $3::bigint[], $4::bigint[]) AS r (asked, low, high)
             CROSS JOIN LATERAL (
                 SELECT s.id, s.golden_id, s.object, s.doc
                 FROM (SELECT record_id FROM (SELECT record_id FROM lookup_key
                                              WHERE tenant_id = $1 AND key BETWEEN r.low AND r.high LIMIT $7) held
                       ORDER BY record_id DESC LIMIT $6) l
                 CROSS JOIN LATERAL (SELECT * FROM source_record WHERE tenant_id = $1 AND id = l.record_id LIMIT 1) s
                 WHERE s.state = 1 AND s.golden_id IS NOT NULL AND ($5::uuid[] IS NULL OR s.connection_id = ANY($5))
                 LIMIT $8) h",
            [
                tx.owner(),
                numbers(ranges.len()).into(),
                low.into(),
                high.into(),
                tellers.into(),
                LOOKED_AT_MAX.into(),
                NEWEST_OF_MAX.into(),
                limit.into(),
            ],
        )
        .await?;
    read(&rows)
}

/// A beginning of a surname, and the first name's part of the key where a first name was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The keys of all surnames that begin so.
    pub range: KeyRange,
    /// Only of this first name.
    pub first_name: Option<i64>,
}

/// Records whose surname begins so, a few of each surname. Goes from surname to surname without reading what is between.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn by_beginning(
    tx: &TenantTx,
    beginnings: &[Beginning],
    tellers: Option<Vec<Uuid>>,
) -> Result<Vec<Held>, StoreError> {
    if beginnings.is_empty() {
        return Ok(Vec::new());
    }
    let (low, high): (Vec<i64>, Vec<i64>) = beginnings.iter().map(|b| (b.range.low, b.range.high)).unzip();
    let (from, to): (Vec<i64>, Vec<i64>) =
        beginnings.iter().map(|b| (b.first_name.unwrap_or(0), b.first_name.unwrap_or(FIRST_NAME))).unzip();
    let rows = tx
        .rows(
            "SELECT r.asked, h.id, h.golden_id, h.object, h.doc
             FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                  AS r (asked, low, high, first_from, first_to)
             CROSS JOIN LATERAL (
                 WITH RECURSIVE surname AS (
                     (SELECT key | $8 AS last FROM lookup_key
                      WHERE tenant_id = $1 AND key BETWEEN r.low AND r.high ORDER BY key LIMIT 1)
                     UNION ALL
                     SELECT n.key | $8 FROM surname s
                     CROSS JOIN LATERAL (SELECT key FROM lookup_key
                                         WHERE tenant_id = $1 AND key > s.last AND key <= r.high
                                         ORDER BY key LIMIT 1) n)
                 SELECT last & ~$8 AS base FROM surname LIMIT $9) g
             CROSS JOIN LATERAL (
                 SELECT s.id, s.golden_id, s.object, s.doc
                 FROM (SELECT record_id FROM lookup_key
                       WHERE tenant_id = $1 AND key BETWEEN g.base | r.first_from AND g.base | r.first_to LIMIT $10) l
                 CROSS JOIN LATERAL (SELECT * FROM source_record WHERE tenant_id = $1 AND id = l.record_id LIMIT 1) s
                 WHERE s.state = 1 AND s.golden_id IS NOT NULL AND ($7::uuid[] IS NULL OR s.connection_id = ANY($7))
                 LIMIT $11) h",
            [
                tx.owner(),
                numbers(beginnings.len()).into(),
                low.into(),
                high.into(),
                from.into(),
                to.into(),
                tellers.into(),
                FIRST_NAME.into(),
                SURNAMES_MAX.into(),
                LOOKED_AT_OF_SURNAME_MAX.into(),
                OF_SURNAME_MAX.into(),
            ],
        )
        .await?;
    read(&rows)
}

/// A living record with the keys that it has.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// The record.
    pub held: Held,
    /// Which connection tells it.
    pub connection: ConnectionId,
    /// Its keys in `lookup_key`.
    pub keys: Vec<i64>,
}

/// A piece of a tenant's living records, after `after`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn piece(tx: &TenantTx, after: SourceRecordId, limit: i64) -> Result<Vec<Keyed>, StoreError> {
    let rows = tx
        .rows(
            "SELECT 0 AS asked, id, golden_id, object, doc, connection_id, lookup_keys FROM source_record
             WHERE tenant_id = $1 AND id > $2 AND state = 1 AND golden_id IS NOT NULL ORDER BY id LIMIT $3",
            [tx.owner(), after.0.into(), limit.into()],
        )
        .await?;
    let mut piece = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(held) = held(row)? {
            let connection = ConnectionId(get(row, "connection_id")?);
            piece.push(Keyed { held, connection, keys: get(row, "lookup_keys")? });
        }
    }
    Ok(piece)
}

/// Writes down which keys records have now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_keys(tx: &TenantTx, keys: &[(SourceRecordId, Vec<i64>)]) -> Result<(), StoreError> {
    let records: Vec<Uuid> = keys.iter().map(|(record, _)| record.0).collect();
    let keys: Vec<String> = keys.iter().map(|(_, keys)| array_text(keys.iter().map(ToString::to_string))).collect();
    tx.run(
        "UPDATE source_record s SET lookup_keys = t.keys::bigint[]
         FROM unnest($2::uuid[], $3::text[]) AS t (id, keys) WHERE s.tenant_id = $1 AND s.id = t.id",
        [tx.owner(), records.into(), keys.into()],
    )
    .await?;
    Ok(())
}
