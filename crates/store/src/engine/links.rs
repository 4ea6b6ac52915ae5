//! Links: two source records that may be one person, with what each field added.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{GoldenId, SourceRecordId};
use sea_orm::QueryResult;
use serde_json::Value as Json;
use uuid::Uuid;

/// A link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkRow {
    /// The smaller id.
    pub left: SourceRecordId,
    /// The greater id.
    pub right: SourceRecordId,
    /// Log2 odds that both are one person.
    pub log2_odds: f64,
    /// The version of the model that said so.
    pub model: String,
    /// What is weighed, what was found, and the bits it adds, step by step; they sum to `log2_odds`.
    pub steps: Json,
}

/// Writes links down; one that is there is replaced.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn write(tx: &TenantTx, links: &[LinkRow], now: DateTime<Utc>) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    let left: Vec<Uuid> = links.iter().map(|l| l.left.0.min(l.right.0)).collect();
    let right: Vec<Uuid> = links.iter().map(|l| l.left.0.max(l.right.0)).collect();
    let odds: Vec<f64> = links.iter().map(|l| l.log2_odds).collect();
    let models: Vec<String> = links.iter().map(|l| l.model.clone()).collect();
    let steps: Vec<Json> = links.iter().map(|l| l.steps.clone()).collect();
    tx.run(
        "INSERT INTO match_link (tenant_id, left_record, right_record, log2_odds, model, steps, found_at)
         SELECT $1, l, r, odds, model, steps, $7
         FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::text[], $6::jsonb[]) AS t (l, r, odds, model, steps)
         ON CONFLICT (tenant_id, left_record, right_record) DO UPDATE SET
             log2_odds = excluded.log2_odds, model = excluded.model, steps = excluded.steps, found_at = excluded.found_at",
        [tx.owner(), left.into(), right.into(), odds.into(), models.into(), steps.into(), now.into()],
    )
    .await?;
    Ok(())
}

/// Forgets the links of these records: they were changed and are compared anew.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forget(tx: &TenantTx, records: Vec<Uuid>) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    for side in ["left_record", "right_record"] {
        tx.run(
            &format!("DELETE FROM match_link WHERE tenant_id = $1 AND {side} = ANY($2)"),
            [tx.owner(), records.clone().into()],
        )
        .await?;
    }
    Ok(())
}

/// The links between the records of two entities, best first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn between(tx: &TenantTx, left: GoldenId, right: GoldenId) -> Result<Vec<LinkRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT m.* FROM match_link m
             JOIN source_record a ON a.tenant_id = m.tenant_id AND a.id = m.left_record
             JOIN source_record b ON b.tenant_id = m.tenant_id AND b.id = m.right_record
             WHERE m.tenant_id = $1 AND a.tenant_id = $1 AND b.tenant_id = $1
               AND (m.left_record IN (SELECT id FROM source_record WHERE tenant_id = $1 AND golden_id = ANY($2))
                    AND m.right_record IN (SELECT id FROM source_record WHERE tenant_id = $1 AND golden_id = ANY($2)))
               AND a.golden_id <> b.golden_id
             ORDER BY m.log2_odds DESC LIMIT 100",
            [tx.owner(), vec![left.0, right.0].into()],
        )
        .await?;
    rows.iter().map(read).collect()
}

/// The links among the records of one entity, best first: why it is one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn within(tx: &TenantTx, golden: GoldenId) -> Result<Vec<LinkRow>, StoreError> {
    let rows = tx
        .rows(
            "SELECT m.* FROM match_link m
             WHERE m.tenant_id = $1
               AND m.left_record IN (SELECT id FROM source_record WHERE tenant_id = $1 AND golden_id = $2)
               AND m.right_record IN (SELECT id FROM source_record WHERE tenant_id = $1 AND golden_id = $2)
             ORDER BY m.log2_odds DESC LIMIT 200",
            [tx.owner(), golden.0.into()],
        )
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &QueryResult) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        left: SourceRecordId(get(row, "left_record")?),
        right: SourceRecordId(get(row, "right_record")?),
        log2_odds: get(row, "log2_odds")?,
        model: get(row, "model")?,
        steps: get(row, "steps")?,
    })
}
