//! What a tenant's matching is judged by: models, how common values are, values that too many share, its own rules.

use crate::error::StoreError;
use crate::seal::Place;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use sea_orm::QueryResult;
use serde_json::Value as Json;
use std::collections::HashMap;
use uuid::Uuid;

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// Counts up from 1.
    pub version: i32,
    /// learned, refit.
    pub kind: String,
    /// proposed, active, retired, refused.
    pub state: String,
    /// The model itself.
    pub model: Json,
    /// The least probability that is merged at once.
    pub auto: f64,
    /// The least probability that a person looks at.
    pub review: f64,
    /// How many people hold any value of a field, by field.
    pub present: HashMap<String, u32>,
    /// From how many records it was learned.
    pub records: i64,
    /// How it did on pairs that were held back, beside the one before it.
    pub figures: Json,
    /// The version that it replaced.
    pub parent: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it began to judge.
    pub activated_at: Option<DateTime<Utc>>,
}

/// A value that too many different people share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedValue {
    /// Keyed hash of field and value.
    pub key: i64,
    /// The field: email, phone, licence, vin.
    pub family: String,
    /// The value.
    pub value: String,
    /// How many records hold it.
    pub holders: i32,
}

/// Published rules.
#[derive(Clone, Debug, PartialEq)]
pub struct RulesRow {
    /// Counts up from 1.
    pub version: i32,
    /// The rules.
    pub rules: Json,
    /// Who published them.
    pub published_by: Option<Uuid>,
    /// When.
    pub published_at: DateTime<Utc>,
}

/// Adds a model as the next version; its `version`, `created_at` and `state` are set here (`proposed`).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn propose(tx: &TenantTx, model: &ModelRow, now: DateTime<Utc>) -> Result<i32, StoreError> {
    let row = tx
        .row(
            "INSERT INTO match_model (tenant_id, version, kind, state, model, auto, review, present, records, figures,
                                      parent, created_at)
             SELECT $1, coalesce(max(version), 0) + 1, $2, 'proposed', $3, $4, $5, $6, $7, $8, $9, $10
             FROM match_model WHERE tenant_id = $1
             RETURNING version",
            [
                tx.owner(),
                model.kind.clone().into(),
                model.model.clone().into(),
                model.auto.into(),
                model.review.into(),
                Json::from_iter(model.present.iter().map(|(family, many)| (family.clone(), *many))).into(),
                model.records.into(),
                model.figures.clone().into(),
                model.parent.into(),
                now.into(),
            ],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(get(&row, "version")?))
}

/// Lets a model judge from now on; the one before it is retired.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn activate(tx: &TenantTx, version: i32, now: DateTime<Utc>) -> Result<bool, StoreError> {
    tx.run(
        "UPDATE match_model SET state = 'retired' WHERE tenant_id = $1 AND state = 'active' AND version <> $2",
        [tx.owner(), version.into()],
    )
    .await?;
    let done = tx
        .run(
            "UPDATE match_model SET state = 'active', activated_at = $3 WHERE tenant_id = $1 AND version = $2",
            [tx.owner(), version.into(), now.into()],
        )
        .await?;
    Ok(done == 1)
}

/// Lets no model judge any more: the shipped one does.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn retire_all(tx: &TenantTx) -> Result<(), StoreError> {
    tx.run("UPDATE match_model SET state = 'retired' WHERE tenant_id = $1 AND state = 'active'", [tx.owner()]).await?;
    Ok(())
}

/// Notes that a proposed model was not better than the one that judges.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn refuse(tx: &TenantTx, version: i32) -> Result<(), StoreError> {
    tx.run(
        "UPDATE match_model SET state = 'refused' WHERE tenant_id = $1 AND version = $2 AND state = 'proposed'",
        [tx.owner(), version.into()],
    )
    .await?;
    Ok(())
}

/// What judges at this moment; equal as long as nothing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The version of the active model; `None` while the shipped one judges.
    pub model: Option<i32>,
    /// The version of the published rules; `None` where the usual ones serve.
    pub rules: Option<i32>,
}

/// What judges at this moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn standing(tx: &TenantTx) -> Result<Standing, StoreError> {
    let row = tx
        .row(
            "SELECT (SELECT version FROM match_model WHERE tenant_id = $1 AND state = 'active') AS model,
                    (SELECT max(version) FROM match_rules WHERE tenant_id = $1) AS rules",
            [tx.owner()],
        )
        .await?;
    row.map_or(Ok(Standing::default()), |row| Ok(Standing { model: get(&row, "model")?, rules: get(&row, "rules")? }))
}

/// One model.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &TenantTx, version: i32) -> Result<Option<ModelRow>, StoreError> {
    let row =
        tx.row("SELECT * FROM match_model WHERE tenant_id = $1 AND version = $2", [tx.owner(), version.into()]).await?;
    row.as_ref().map(read).transpose()
}

/// All models, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &TenantTx) -> Result<Vec<ModelRow>, StoreError> {
    let rows = tx.rows("SELECT * FROM match_model WHERE tenant_id = $1 ORDER BY version DESC", [tx.owner()]).await?;
    rows.iter().map(read).collect()
}

/// Keeps how many people hold values, with the version that it was counted for. Counts of older versions but the parent
/// go.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn keep_counts(tx: &TenantTx, version: i32, counts: &[(i64, i32)]) -> Result<(), StoreError> {
    for piece in counts.chunks(20_000) {
        let (keys, held): (Vec<i64>, Vec<i32>) = piece.iter().copied().unzip();
        tx.run(
            "INSERT INTO value_count (tenant_id, version, key, held)
             SELECT $1, $2, key, held FROM unnest($3::bigint[], $4::int[]) AS t (key, held)
             ON CONFLICT (tenant_id, version, key) DO UPDATE SET held = excluded.held",
            [tx.owner(), version.into(), keys.into(), held.into()],
        )
        .await?;
    }
    tx.run(
        "DELETE FROM value_count WHERE tenant_id = $1 AND version NOT IN (
             SELECT version FROM match_model WHERE tenant_id = $1 AND (state = 'active' OR version = $2)
             UNION SELECT parent FROM match_model WHERE tenant_id = $1 AND version = $2 AND parent IS NOT NULL)",
        [tx.owner(), version.into()],
    )
    .await?;
    Ok(())
}

/// Takes the counts of another version over: a model that was taught by decisions knows the same values.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn copy_counts(tx: &TenantTx, from: i32, to: i32) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO value_count (tenant_id, version, key, held)
         SELECT tenant_id, $3, key, held FROM value_count WHERE tenant_id = $1 AND version = $2
         ON CONFLICT DO NOTHING",
        [tx.owner(), from.into(), to.into()],
    )
    .await?;
    Ok(())
}

/// All counts of a version.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn counts(tx: &TenantTx, version: i32) -> Result<HashMap<i64, u32>, StoreError> {
    let rows = tx
        .rows("SELECT key, held FROM value_count WHERE tenant_id = $1 AND version = $2", [tx.owner(), version.into()])
        .await?;
    let mut counts = HashMap::with_capacity(rows.len());
    for row in &rows {
        let held: i32 = get(row, "held")?;
        counts.insert(get(row, "key")?, held.cast_unsigned());
    }
    Ok(counts)
}

fn place(key: &[u8]) -> Place<'_> {
    Place { column: "shared_value.sealed", row: key }
}

/// Replaces the values that too many share.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn set_shared(tx: &TenantTx, shared: &[SharedValue], now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run("DELETE FROM shared_value WHERE tenant_id = $1", [tx.owner()]).await?;
    for value in shared {
        let sealed = tx.seal(place(&value.key.to_be_bytes()), &value.value)?;
        tx.run(
            "INSERT INTO shared_value (tenant_id, key, family, sealed, holders, found_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, key) DO NOTHING",
            [
                tx.owner(),
                value.key.into(),
                value.family.clone().into(),
                sealed.into(),
                value.holders.into(),
                now.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

/// The values that too many share, those of the most holders first.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::Seal`].
pub async fn shared(tx: &TenantTx, limit: i64) -> Result<Vec<SharedValue>, StoreError> {
    let rows = tx
        .rows(
            "SELECT * FROM shared_value WHERE tenant_id = $1 ORDER BY holders DESC, key LIMIT $2",
            [tx.owner(), limit.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let key: i64 = get(row, "key")?;
            Ok(SharedValue {
                key,
                family: get(row, "family")?,
                value: tx.open(place(&key.to_be_bytes()), &get::<Vec<u8>>(row, "sealed")?)?,
                holders: get(row, "holders")?,
            })
        })
        .collect()
}

/// The keys of all values that too many share.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn shared_keys(tx: &TenantTx) -> Result<Vec<i64>, StoreError> {
    let rows = tx.rows("SELECT key FROM shared_value WHERE tenant_id = $1", [tx.owner()]).await?;
    rows.iter().map(|row| Ok(get(row, "key")?)).collect()
}

/// The published rules; `None` where the usual ones serve.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn rules(tx: &TenantTx) -> Result<Option<RulesRow>, StoreError> {
    let row =
        tx.row("SELECT * FROM match_rules WHERE tenant_id = $1 ORDER BY version DESC LIMIT 1", [tx.owner()]).await?;
    row.map(|row| {
        Ok(RulesRow {
            version: get(&row, "version")?,
            rules: get(&row, "rules")?,
            published_by: get(&row, "published_by")?,
            published_at: get(&row, "published_at")?,
        })
    })
    .transpose()
}

/// Publishes rules as the next version.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn publish_rules(tx: &TenantTx, rules: &Json, now: DateTime<Utc>) -> Result<i32, StoreError> {
    let row = tx
        .row(
            "INSERT INTO match_rules (tenant_id, version, rules, published_by, published_at)
             SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4 FROM match_rules WHERE tenant_id = $1
             RETURNING version",
            [tx.owner(), rules.clone().into(), tx.scope().actor().id().into(), now.into()],
        )
        .await?;
    row.map_or(Ok(0), |row| Ok(get(&row, "version")?))
}

fn read(row: &QueryResult) -> Result<ModelRow, StoreError> {
    let present: Json = get(row, "present")?;
    Ok(ModelRow {
        version: get(row, "version")?,
        kind: get(row, "kind")?,
        state: get(row, "state")?,
        model: get(row, "model")?,
        auto: get(row, "auto")?,
        review: get(row, "review")?,
        present: serde_json::from_value(present).unwrap_or_default(),
        records: get(row, "records")?,
        figures: get(row, "figures")?,
        parent: get(row, "parent")?,
        created_at: get(row, "created_at")?,
        activated_at: get(row, "activated_at")?,
    })
}
