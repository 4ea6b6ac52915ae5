//! The audit trail: append-only, each entry chained to the one before by its hash, one chain per tenant (G5).

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, SubsecRound, Utc};
use domain::AuditId;
use sea_orm::{TryGetable, Value};
use serde::Serialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Place in the chain, from 1.
    pub seq: i64,
    /// Id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// person, api_key, driveline.
    pub actor_kind: String,
    /// Who.
    pub actor_id: Option<Uuid>,
    /// noun.verb, such as `connection.created`.
    pub action: String,
    /// What it was done to.
    pub subject_kind: String,
    /// Which one.
    pub subject_id: String,
    /// More, without personal values or credentials.
    pub detail: Json,
    /// Hash of the entry before.
    #[serde(skip)]
    pub prev_hash: Vec<u8>,
    /// Hash of this entry.
    #[serde(serialize_with = "as_hex")]
    pub hash: Vec<u8>,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// Appends an entry in the same transaction as the change it tells of. Last in a transaction: it waits for other writers of the tenant.
///
/// `detail` must hold neither personal values nor credentials: the trail outlives both.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn append(
    tx: &TenantTx,
    action: &str,
    subject_kind: &str,
    subject_id: &str,
    detail: Json,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    // One chain has one end: writers of one tenant take turns.
    tx.row("SELECT pg_advisory_xact_lock(hashtextextended('audit' || $1::text, 0))::text AS locked", [tx.owner()])
        .await?;
    let last =
        tx.row("SELECT seq, hash FROM audit WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1", [tx.owner()]).await?;
    let (seq, prev_hash) = match &last {
        Some(row) => (get::<i64>(row, "seq")? + 1, get::<Vec<u8>>(row, "hash")?),
        None => (1, vec![0; 32]),
    };
    let mut entry = AuditEntry {
        seq,
        id: AuditId::new().0,
        // Postgres keeps microseconds; the hash must be of what is kept.
        at: now.trunc_subsecs(6),
        actor_kind: tx.scope().actor().kind().to_owned(),
        actor_id: tx.scope().actor().id(),
        action: action.to_owned(),
        subject_kind: subject_kind.to_owned(),
        subject_id: subject_id.to_owned(),
        detail,
        prev_hash,
        hash: Vec::new(),
    };
    entry.hash = chain_hash(tx.tenant().0, &entry);
    tx.run(
        "INSERT INTO audit (tenant_id, seq, id, at, actor_kind, actor_id, action, subject_kind, subject_id, detail, prev_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            tx.owner(),
            entry.seq.into(),
            entry.id.into(),
            entry.at.into(),
            entry.actor_kind.into(),
            entry.actor_id.into(),
            entry.action.into(),
            entry.subject_kind.into(),
            entry.subject_id.into(),
            entry.detail.into(),
            entry.prev_hash.into(),
            entry.hash.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Which entries are wanted; all where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// person, api_key, driveline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_kind: Option<String>,
    /// A person or a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// noun.verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What it was done to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_kind: Option<String>,
    /// Which one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// From this moment on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// A page of the trail, newest first, before `before` where given.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn page(
    tx: &TenantTx,
    filter: &Filter,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut sql = "SELECT * FROM audit WHERE tenant_id = $1 AND seq < $2".to_owned();
    let mut values: Vec<Value> = vec![tx.owner(), before.unwrap_or(i64::MAX).into()];
    // Only what is asked for stands in the statement, so that the planner sees which index serves it.
    let wanted: [(&str, Option<Value>); 7] = [
        ("actor_kind =", filter.actor_kind.clone().map(Value::from)),
        ("actor_id =", filter.actor.map(Value::from)),
        ("action =", filter.action.clone().map(Value::from)),
        ("subject_kind =", filter.subject_kind.clone().map(Value::from)),
        ("subject_id =", filter.subject.clone().map(Value::from)),
        ("at >=", filter.from.map(Value::from)),
        ("at <", filter.until.map(Value::from)),
    ];
    for (is, value) in wanted {
        if let Some(value) = value {
            values.push(value);
            sql.push_str(&format!(" AND {is} ${}", values.len()));
        }
    }
    values.push(i64::from(limit).into());
    sql.push_str(&format!(" ORDER BY seq DESC LIMIT ${}", values.len()));
    let rows = tx.rows(&sql, values).await?;
    rows.iter().map(read).collect()
}

/// What a trail can be filtered by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// People and keys that act in it.
    pub actors: Vec<Uuid>,
    /// Actions in it.
    pub actions: Vec<String>,
    /// Kinds of what they were done to.
    pub subject_kinds: Vec<String>,
}

/// What the tenant's trail can be filtered by.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn present(tx: &TenantTx) -> Result<Present, StoreError> {
    Ok(Present {
        actors: distinct(tx, "actor_id").await?,
        actions: distinct(tx, "action").await?,
        subject_kinds: distinct(tx, "subject_kind").await?,
    })
}

/// The different values of a column that leads an index: from one to the next by the index, whatever the trail's length.
async fn distinct<T: TryGetable>(tx: &TenantTx, column: &'static str) -> Result<Vec<T>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE one AS (
             (SELECT {column} AS it FROM audit WHERE tenant_id = $1 AND {column} IS NOT NULL ORDER BY {column} LIMIT 1)
             UNION ALL
             SELECT (SELECT {column} FROM audit WHERE tenant_id = $1 AND {column} > one.it ORDER BY {column} LIMIT 1)
             FROM one WHERE one.it IS NOT NULL
         ) SELECT it FROM one WHERE it IS NOT NULL"
    );
    let rows = tx.rows(&sql, [tx.owner()]).await?;
    rows.iter().map(|row| Ok(get(row, "it")?)).collect()
}

/// Checks the whole chain; returns the place of the first entry that does not hold.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn first_broken(tx: &TenantTx) -> Result<Option<i64>, StoreError> {
    let mut expected_prev = vec![0; 32];
    let mut expected_seq = 1;
    loop {
        let rows = tx
            .rows(
                "SELECT * FROM audit WHERE tenant_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1000",
                [tx.owner(), expected_seq.into()],
            )
            .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        for row in &rows {
            let entry = read(row)?;
            let holds = entry.seq == expected_seq
                && entry.prev_hash == expected_prev
                && entry.hash == chain_hash(tx.tenant().0, &entry);
            if !holds {
                return Ok(Some(expected_seq));
            }
            expected_prev = entry.hash;
            expected_seq += 1;
        }
    }
}

fn read(row: &sea_orm::QueryResult) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: get(row, "seq")?,
        id: get(row, "id")?,
        at: get(row, "at")?,
        actor_kind: get(row, "actor_kind")?,
        actor_id: get(row, "actor_id")?,
        action: get(row, "action")?,
        subject_kind: get(row, "subject_kind")?,
        subject_id: get(row, "subject_id")?,
        detail: get(row, "detail")?,
        prev_hash: get(row, "prev_hash")?,
        hash: get(row, "hash")?,
    })
}

fn chain_hash(tenant: Uuid, entry: &AuditEntry) -> Vec<u8> {
    let mut hasher = Sha256::new();
    let actor = entry.actor_id.map(|id| id.to_string()).unwrap_or_default();
    let parts: [&[u8]; 10] = [
        tenant.as_bytes(),
        &entry.seq.to_be_bytes(),
        entry.id.as_bytes(),
        &entry.at.timestamp_micros().to_be_bytes(),
        entry.actor_kind.as_bytes(),
        actor.as_bytes(),
        entry.action.as_bytes(),
        entry.subject_kind.as_bytes(),
        entry.subject_id.as_bytes(),
        &entry.prev_hash,
    ];
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    // jsonb sorts its keys when stored, so the hash is taken over sorted keys.
    hasher.update(sorted(&entry.detail).to_string().as_bytes());
    hasher.finalize().to_vec()
}

fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Json::Object(keys.into_iter().filter_map(|k| Some((k.clone(), sorted(map.get(k)?)))).collect())
        }
        Json::Array(list) => Json::Array(list.iter().map(sorted).collect()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => json.clone(),
    }
}
