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
    /// The same without the tenant's rules.
    pub score: f64,
    /// Which rule says something of the pair (email, phone, address), or nothing.
    pub rule: String,
    /// Whether it says "the same", or only "perhaps".
    pub rule_same: bool,
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
    let scores: Vec<f64> = links.iter().map(|l| l.score).collect();
    let rules: Vec<String> = links.iter().map(|l| l.rule.clone()).collect();
    let same: Vec<bool> = links.iter().map(|l| l.rule_same).collect();
    let models: Vec<String> = links.iter().map(|l| l.model.clone()).collect();
    let steps: Vec<Json> = links.iter().map(|l| l.steps.clone()).collect();
    tx.run(
        "INSERT INTO match_link (tenant_id, left_record, right_record, log2_odds, model, steps, found_at, score, rule,
                                 rule_same)
         SELECT $1, l, r, odds, model, steps, $7, score, rule, same
         FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::text[], $6::jsonb[], $8::float8[], $9::text[], $10::bool[])
              AS t (l, r, odds, model, steps, score, rule, same)
         ON CONFLICT (tenant_id, left_record, right_record) DO UPDATE SET
             log2_odds = excluded.log2_odds, model = excluded.model, steps = excluded.steps,
             found_at = excluded.found_at, score = excluded.score, rule = excluded.rule, rule_same = excluded.rule_same",
        [
            tx.owner(),
            left.into(),
            right.into(),
            odds.into(),
            models.into(),
            steps.into(),
            now.into(),
            scores.into(),
            rules.into(),
            same.into(),
        ],
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

/// A link as a rule sees it: how alike, what the hierarchy says, and the entities of both ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighed {
    /// Log2 odds as they count now.
    pub log2_odds: f64,
    /// The same without the tenant's rules.
    pub score: f64,
    /// Which rule says something of the pair, or nothing.
    pub rule: String,
    /// Whether it says "the same", or only "perhaps".
    pub rule_same: bool,
    /// The entities of both ends, the smaller id first; equal where they are one.
    pub goldens: (GoldenId, GoldenId),
}

/// All links between living records of customers.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn weighed(tx: &TenantTx) -> Result<Vec<Weighed>, StoreError> {
    let rows = tx
        .rows(
            "SELECT m.log2_odds, m.score, m.rule, m.rule_same, least(a.golden_id, b.golden_id) AS l,
                    greatest(a.golden_id, b.golden_id) AS r
             FROM match_link m
             JOIN source_record a ON a.tenant_id = m.tenant_id AND a.id = m.left_record AND a.state = 1
             JOIN source_record b ON b.tenant_id = m.tenant_id AND b.id = m.right_record AND b.state = 1
             WHERE m.tenant_id = $1 AND a.tenant_id = $1 AND b.tenant_id = $1
               AND a.golden_id IS NOT NULL AND b.golden_id IS NOT NULL
             ORDER BY m.left_record, m.right_record",
            [tx.owner()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Weighed {
                log2_odds: get(row, "log2_odds")?,
                score: get(row, "score")?,
                rule: get(row, "rule")?,
                rule_same: get(row, "rule_same")?,
                goldens: (GoldenId(get(row, "l")?), GoldenId(get(row, "r")?)),
            })
        })
        .collect()
}

/// The steps of the best link of every pair that a person decided, with whether they are one; in an order that means
/// nothing.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn decided(tx: &TenantTx) -> Result<Vec<(bool, Json)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT ON (hashtextextended(c.id::text, 0), c.id) c.state = 'merged' AS same, m.steps
             FROM candidate c
             JOIN source_record a ON a.tenant_id = c.tenant_id AND a.tenant_id = $1 AND a.golden_id = c.left_golden
             JOIN match_link m ON m.tenant_id = c.tenant_id AND a.id IN (m.left_record, m.right_record)
             JOIN source_record b ON b.tenant_id = c.tenant_id AND b.tenant_id = $1
                  AND b.id = CASE WHEN m.left_record = a.id THEN m.right_record ELSE m.left_record END
             WHERE c.tenant_id = $1 AND c.decided_by IS NOT NULL
               AND ((c.state = 'not_a_match' AND b.golden_id = c.right_golden)
                    OR (c.state = 'merged' AND b.id = ANY(c.moved) AND a.id <> ALL(c.moved)))
             ORDER BY hashtextextended(c.id::text, 0), c.id, m.log2_odds DESC",
            [tx.owner()],
        )
        .await?;
    rows.iter().map(|row| Ok((get(row, "same")?, get(row, "steps")?))).collect()
}

fn read(row: &QueryResult) -> Result<LinkRow, StoreError> {
    Ok(LinkRow {
        left: SourceRecordId(get(row, "left_record")?),
        right: SourceRecordId(get(row, "right_record")?),
        log2_odds: get(row, "log2_odds")?,
        score: get(row, "score")?,
        rule: get(row, "rule")?,
        rule_same: get(row, "rule_same")?,
        model: get(row, "model")?,
        steps: get(row, "steps")?,
    })
}
