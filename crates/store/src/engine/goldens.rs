//! Golden records: each field with its value, winner, losers and rule, sealed.

use super::records::AT_ONCE;
use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::{NO_ID, get};
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::survivorship::Golden;
use domain::{GoldenId, ObjectKind};
use rayon::prelude::*;
use sea_orm::QueryResult;
use std::collections::HashMap;
use uuid::Uuid;

const DOC: &str = "golden.doc";
/// A longer chain of merges is damage.
const CHAIN_MAX: i32 = 32;

/// Whether an entity lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoldenState {
    /// At least one system tells of it.
    Live,
    /// It was merged into another.
    Merged,
    /// No system tells of it any more.
    Gone,
}

impl GoldenState {
    /// The number in the database.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Live => 1,
            Self::Merged => 2,
            Self::Gone => 3,
        }
    }

    fn from_code(code: i16) -> Self {
        match code {
            2 => Self::Merged,
            3 => Self::Gone,
            _ => Self::Live,
        }
    }
}

/// A golden record.
#[derive(Clone, Debug)]
pub struct GoldenRow {
    /// Id.
    pub id: GoldenId,
    /// Kind.
    pub object: ObjectKind,
    /// Raised with each change of its content.
    pub version: i64,
    /// Hash of the surviving values.
    pub content_hash: Vec<u8>,
    /// Every field and how it was decided.
    pub golden: Golden,
    /// How many source records tell of it; those that only repeat what we wrote are not counted.
    pub members: i32,
    /// How many fields systems disagree about.
    pub conflicts: i32,
    /// Whether it lives.
    pub state: GoldenState,
    /// Where it went, if merged.
    pub merged_into: Option<GoldenId>,
    /// When it was first known.
    pub created_at: DateTime<Utc>,
    /// When its content last changed.
    pub updated_at: DateTime<Utc>,
}

const fn place(id: &GoldenId) -> Place<'_> {
    Place { column: DOC, row: id.0.as_bytes() }
}

fn read(tx: &TenantTx, row: &QueryResult) -> Result<Option<GoldenRow>, StoreError> {
    let id = GoldenId(get(row, "id")?);
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    Ok(Some(GoldenRow {
        id,
        object,
        version: get(row, "version")?,
        content_hash: get(row, "content_hash")?,
        golden: tx.open(place(&id), &get::<Vec<u8>>(row, "doc")?)?,
        members: get(row, "members")?,
        conflicts: get(row, "conflicts")?,
        state: GoldenState::from_code(get(row, "state")?),
        merged_into: get::<Option<Uuid>>(row, "merged_into")?.map(GoldenId),
        created_at: get(row, "created_at")?,
        updated_at: get(row, "updated_at")?,
    }))
}

/// These golden records.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn by_ids(tx: &TenantTx, ids: Vec<Uuid>) -> Result<Vec<GoldenRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            // One by one, by the LIMIT: before its first ANALYZE a growing table looks small, and a list of ids would be
            // held against all of it.
            "SELECT g.* FROM (SELECT DISTINCT unnest($2::uuid[]) AS id) AS w
             CROSS JOIN LATERAL (SELECT * FROM golden WHERE tenant_id = $1 AND id = w.id LIMIT 1) AS g",
            [tx.owner(), ids.into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(tx, row).transpose()).collect()
}

/// One golden record; one that was merged answers with the record it became part of.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn find(tx: &TenantTx, id: GoldenId) -> Result<Option<GoldenRow>, StoreError> {
    let mut id = id;
    // A merged record may have been merged again.
    for _ in 0..CHAIN_MAX {
        let Some(found) = by_ids(tx, vec![id.0]).await?.pop() else { return Ok(None) };
        match found.merged_into {
            Some(next) if found.state == GoldenState::Merged => id = next,
            _ => return Ok(Some(found)),
        }
    }
    Ok(None)
}

/// What those of these entities that were merged away became, by entity.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn survivors(
    tx: &TenantTx,
    ids: impl IntoIterator<Item = GoldenId>,
) -> Result<HashMap<GoldenId, GoldenId>, StoreError> {
    let ids: Vec<Uuid> = ids.into_iter().map(|id| id.0).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .rows(
            // Who took one over may have been merged in turn; the last of a chain is who lives.
            "WITH RECURSIVE chain AS (
                 SELECT w.gone, 0 AS depth, g.merged_into AS id FROM unnest($2::uuid[]) AS w (gone)
                 CROSS JOIN LATERAL (SELECT merged_into FROM golden WHERE tenant_id = $1 AND id = w.gone LIMIT 1) AS g
                 WHERE g.merged_into IS NOT NULL
                 UNION ALL
                 SELECT c.gone, c.depth + 1, g.merged_into FROM chain c
                 CROSS JOIN LATERAL (SELECT merged_into FROM golden WHERE tenant_id = $1 AND id = c.id LIMIT 1) AS g
                 WHERE g.merged_into IS NOT NULL AND c.depth < $3
             )
             SELECT DISTINCT ON (gone) gone, id FROM chain ORDER BY gone, depth DESC",
            [tx.owner(), ids.into(), CHAIN_MAX.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((GoldenId(get(row, "gone")?), GoldenId(get(row, "id")?)))).collect()
}

/// A page of living golden records of one kind, oldest first, after `after`: those that one of `tellers` tells of, or
/// all.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn page(
    tx: &TenantTx,
    object: ObjectKind,
    tellers: Option<Vec<Uuid>>,
    after: Option<GoldenId>,
    limit: i64,
) -> Result<Vec<GoldenRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM golden g WHERE tenant_id = $1 AND object = $2 AND state = 1 AND id > $3
               AND ($5::uuid[] IS NULL
                    OR EXISTS (SELECT FROM source_record s WHERE s.tenant_id = $1 AND s.golden_id = g.id
                               AND s.state = 1 AND s.connection_id = ANY($5)))
             ORDER BY id LIMIT $4",
            [tx.owner(), object.code().into(), after.map_or(NO_ID, |id| id.0).into(), limit.into(), tellers.into()],
        )
        .await?;
    rows.iter().filter_map(|row| read(tx, row).transpose()).collect()
}

/// How many living golden records of each kind there are: of those that one of `tellers` tells of, or of all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn counts(tx: &TenantTx, tellers: Option<Vec<Uuid>>) -> Result<Vec<(ObjectKind, i64)>, StoreError> {
    let rows = match tellers {
        None => {
            tx.rows(
                "SELECT object, count(*) AS many FROM golden WHERE tenant_id = $1 AND state = 1
                 GROUP BY object ORDER BY object",
                [tx.owner()],
            )
            .await?
        }
        Some(tellers) => {
            tx.rows(
                "SELECT object, count(DISTINCT golden_id) AS many FROM source_record
                 WHERE tenant_id = $1 AND state = 1 AND golden_id IS NOT NULL AND connection_id = ANY($2)
                 GROUP BY object ORDER BY object",
                [tx.owner(), tellers.into()],
            )
            .await?
        }
    };
    let mut counts = Vec::new();
    for row in rows {
        if let Some(object) = ObjectKind::from_code(get(&row, "object")?) {
            counts.push((object, get(&row, "many")?));
        }
    }
    Ok(counts)
}

/// Writes golden records: new ones are added, known ones replaced.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn write(tx: &TenantTx, goldens: &[GoldenRow]) -> Result<(), StoreError> {
    insert(tx, goldens, &format!("{INSERT}{REPLACE}")).await
}

/// Adds golden records that were started just now.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn add(tx: &TenantTx, goldens: &[GoldenRow]) -> Result<(), StoreError> {
    insert(tx, goldens, INSERT).await
}

const INSERT: &str =
    "INSERT INTO golden (tenant_id, id, object, version, content_hash, doc, members, conflicts, state, merged_into,
                         created_at, updated_at)
     SELECT $1, id, object, version, hash, doc, members, conflicts, state,
            nullif(merged, '00000000-0000-0000-0000-000000000000'::uuid), created, updated
     FROM unnest($2::uuid[], $3::smallint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::int[], $8::int[],
                 $9::smallint[], $10::uuid[], $11::timestamptz[], $12::timestamptz[])
          AS t (id, object, version, hash, doc, members, conflicts, state, merged, created, updated)";
const REPLACE: &str = "
     ON CONFLICT (tenant_id, id) DO UPDATE SET
         version = excluded.version, content_hash = excluded.content_hash, doc = excluded.doc,
         members = excluded.members, conflicts = excluded.conflicts, state = excluded.state,
         merged_into = excluded.merged_into, updated_at = excluded.updated_at";

async fn insert(tx: &TenantTx, goldens: &[GoldenRow], sql: &str) -> Result<(), StoreError> {
    if goldens.is_empty() {
        return Ok(());
    }
    let keys = tx.keys();
    let docs: Result<Vec<Vec<u8>>, StoreError> = goldens
        .par_iter()
        .with_min_len(AT_ONCE)
        .map(|row| Ok(keys.seal_json(place(&row.id), &row.golden)?.0))
        .collect();
    let ids: Vec<Uuid> = goldens.iter().map(|g| g.id.0).collect();
    let objects: Vec<i16> = goldens.iter().map(|g| g.object.code()).collect();
    let versions: Vec<i64> = goldens.iter().map(|g| g.version).collect();
    let hashes: Vec<Vec<u8>> = goldens.iter().map(|g| g.content_hash.clone()).collect();
    let members: Vec<i32> = goldens.iter().map(|g| g.members).collect();
    let conflicts: Vec<i32> = goldens.iter().map(|g| g.conflicts).collect();
    let states: Vec<i16> = goldens.iter().map(|g| g.state.code()).collect();
    let merged: Vec<Uuid> = goldens.iter().map(|g| g.merged_into.map_or(NO_ID, |id| id.0)).collect();
    let created: Vec<DateTime<Utc>> = goldens.iter().map(|g| g.created_at).collect();
    let updated: Vec<DateTime<Utc>> = goldens.iter().map(|g| g.updated_at).collect();
    tx.run(
        sql,
        [
            tx.owner(),
            ids.into(),
            objects.into(),
            versions.into(),
            hashes.into(),
            docs?.into(),
            members.into(),
            conflicts.into(),
            states.into(),
            merged.into(),
            created.into(),
            updated.into(),
        ],
    )
    .await?;
    Ok(())
}
