//! What records point to, by the key in their own system; resolved when read.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use domain::{ConnectionId, Field, GoldenId, ObjectKind, SourceRecordId};
use uuid::Uuid;

/// One reference of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The record.
    pub record: SourceRecordId,
    /// The field that points.
    pub field: Field,
    /// What it points to.
    pub object: ObjectKind,
    /// Its key in the same system.
    pub external_id: String,
}

/// Writes the references of records, replacing those of the same fields.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn write(tx: &TenantTx, connection: ConnectionId, references: &[Reference]) -> Result<(), StoreError> {
    if references.is_empty() {
        return Ok(());
    }
    let records: Vec<Uuid> = references.iter().map(|r| r.record.0).collect();
    let fields: Vec<String> = references.iter().map(|r| r.field.to_string()).collect();
    let objects: Vec<i16> = references.iter().map(|r| r.object.code()).collect();
    let keys: Vec<String> = references.iter().map(|r| r.external_id.clone()).collect();
    tx.run(
        "INSERT INTO reference (tenant_id, record_id, field, connection_id, object, external_id)
         SELECT $1, record_id, field, $2, object, key
         FROM unnest($3::uuid[], $4::text[], $5::smallint[], $6::text[]) AS t (record_id, field, object, key)
         ON CONFLICT (tenant_id, record_id, field) DO UPDATE SET object = excluded.object, external_id = excluded.external_id",
        [tx.owner(), connection.0.into(), records.into(), fields.into(), objects.into(), keys.into()],
    )
    .await?;
    Ok(())
}

/// One resolved reference between entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The entity that points.
    pub from: GoldenId,
    /// The field that points.
    pub field: Field,
    /// The entity it points to.
    pub to: GoldenId,
    /// What that is.
    pub object: ObjectKind,
}

/// Where these entities point to, as far as those are known.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn from_goldens(tx: &TenantTx, goldens: Vec<Uuid>) -> Result<Vec<Resolved>, StoreError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT s.golden_id AS from_id, r.field, t.golden_id AS to_id, r.object
             FROM source_record s
             JOIN reference r ON r.tenant_id = s.tenant_id AND r.record_id = s.id
             JOIN source_record t ON t.tenant_id = r.tenant_id AND t.connection_id = r.connection_id
                  AND t.object = r.object AND t.external_id = r.external_id AND t.golden_id IS NOT NULL
             WHERE s.tenant_id = $1 AND s.golden_id = ANY($2) AND s.state = 1
             ORDER BY 1, 2, 3",
            [tx.owner(), goldens.into()],
        )
        .await?;
    resolved(&rows)
}

/// The same, only as far as `tellers` tell of it (or all), at most `per_kind` of each kind, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn refers_to(
    tx: &TenantTx,
    goldens: Vec<Uuid>,
    tellers: Option<Vec<Uuid>>,
    per_kind: i64,
) -> Result<Vec<Resolved>, StoreError> {
    let rows = tx
        .rows(
            "SELECT from_id, field, to_id, object FROM (
                 SELECT found.*, row_number() OVER (PARTITION BY from_id, object ORDER BY to_id DESC) AS nth FROM (
                     SELECT DISTINCT s.golden_id AS from_id, r.field, t.golden_id AS to_id, r.object
                     FROM source_record s
                     JOIN reference r ON r.tenant_id = s.tenant_id AND r.record_id = s.id
                     JOIN source_record t ON t.tenant_id = r.tenant_id AND t.connection_id = r.connection_id
                          AND t.object = r.object AND t.external_id = r.external_id AND t.golden_id IS NOT NULL
                     WHERE s.tenant_id = $1 AND s.golden_id = ANY($2) AND s.state = 1
                       AND ($3::uuid[] IS NULL OR s.connection_id = ANY($3))) found) ranked
             WHERE nth <= $4 ORDER BY from_id, object, nth",
            [tx.owner(), goldens.into(), tellers.into(), per_kind.into()],
        )
        .await?;
    resolved(&rows)
}

/// What points to these entities, as far as `tellers` tell of it (or all), at most `per_kind` of each kind, newest
/// first. `object` is the kind of what points.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn referred_by(
    tx: &TenantTx,
    goldens: Vec<Uuid>,
    tellers: Option<Vec<Uuid>>,
    per_kind: i64,
) -> Result<Vec<Resolved>, StoreError> {
    let rows = tx
        .rows(
            "SELECT from_id, field, to_id, object FROM (
                 SELECT found.*, row_number() OVER (PARTITION BY to_id, object ORDER BY from_id DESC) AS nth FROM (
                     SELECT DISTINCT s.golden_id AS from_id, r.field, t.golden_id AS to_id, s.object
                     FROM source_record t
                     JOIN reference r ON r.tenant_id = t.tenant_id AND r.connection_id = t.connection_id
                          AND r.object = t.object AND r.external_id = t.external_id
                     JOIN source_record s ON s.tenant_id = r.tenant_id AND s.id = r.record_id AND s.state = 1
                     WHERE t.tenant_id = $1 AND t.golden_id = ANY($2) AND s.golden_id IS NOT NULL
                       AND ($3::uuid[] IS NULL OR s.connection_id = ANY($3))) found) ranked
             WHERE nth <= $4 ORDER BY to_id, object, nth",
            [tx.owner(), goldens.into(), tellers.into(), per_kind.into()],
        )
        .await?;
    resolved(&rows)
}

fn resolved(rows: &[sea_orm::QueryResult]) -> Result<Vec<Resolved>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (field, object): (String, i16) = (get(row, "field")?, get(row, "object")?);
        let (Ok(field), Some(object)) = (field.parse(), ObjectKind::from_code(object)) else { continue };
        found.push(Resolved { from: GoldenId(get(row, "from_id")?), field, to: GoldenId(get(row, "to_id")?), object });
    }
    Ok(found)
}
