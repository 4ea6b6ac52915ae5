//! Keyed hashes by which records are found without being read.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use domain::{ConnectionId, GoldenId, ObjectKind, SourceRecordId};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Who holds these keys. Of a key held by more than `holders_max`, one more than that many are returned: enough to know it is shared.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn holders(
    tx: &TenantTx,
    keys: Vec<i64>,
    holders_max: usize,
) -> Result<HashMap<i64, Vec<SourceRecordId>>, StoreError> {
    let mut holders: HashMap<i64, Vec<SourceRecordId>> = HashMap::new();
    if keys.is_empty() {
        return Ok(holders);
    }
    let rows = tx
        .rows(
            "SELECT k.key, l.record_id FROM unnest($2::bigint[]) AS k (key)
             CROSS JOIN LATERAL (SELECT record_id FROM lookup_key
                                 WHERE tenant_id = $1 AND key = k.key ORDER BY record_id LIMIT $3) AS l",
            [tx.owner(), keys.into(), i64::try_from(holders_max + 1).unwrap_or(i64::MAX).into()],
        )
        .await?;
    for row in rows {
        holders.entry(get(&row, "key")?).or_default().push(SourceRecordId(get(&row, "record_id")?));
    }
    Ok(holders)
}

/// Of each of these keys one record of every entity that holds it, the oldest; nothing of a key that more than
/// `records_max` records hold, or more than `entities_max` entities.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn one_of_each(
    tx: &TenantTx,
    keys: Vec<i64>,
    entities_max: usize,
    records_max: usize,
) -> Result<HashMap<i64, Vec<SourceRecordId>>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx
        .rows(
            "SELECT k.key, l.record_id, s.golden_id FROM unnest($2::bigint[]) AS k (key)
             CROSS JOIN LATERAL (SELECT record_id FROM lookup_key
                                 WHERE tenant_id = $1 AND key = k.key ORDER BY record_id LIMIT $3) AS l
             JOIN source_record s ON s.tenant_id = $1 AND s.id = l.record_id
             ORDER BY k.key, l.record_id",
            [tx.owner(), keys.into(), i64::try_from(records_max + 1).unwrap_or(i64::MAX).into()],
        )
        .await?;
    let mut held: HashMap<i64, (usize, Vec<(Uuid, SourceRecordId)>)> = HashMap::new();
    for row in rows {
        let (many, firsts) = held.entry(get(&row, "key")?).or_default();
        *many += 1;
        let Some(entity) = get::<Option<Uuid>>(&row, "golden_id")? else { continue };
        if firsts.len() <= entities_max && firsts.iter().all(|(known, _)| *known != entity) {
            firsts.push((entity, SourceRecordId(get(&row, "record_id")?)));
        }
    }
    let few = held.into_iter().filter(|(_, (many, firsts))| *many <= records_max && firsts.len() <= entities_max);
    Ok(few.map(|(key, (_, firsts))| (key, firsts.into_iter().map(|(_, record)| record).collect())).collect())
}

/// The records of a connection that have a key in common with one of these entities and belong to another: entity and
/// external id. Of one key at most `holders_max` are told.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_others(
    tx: &TenantTx,
    connection: ConnectionId,
    keys: &[(GoldenId, i64)],
    holders_max: usize,
) -> Result<Vec<(GoldenId, String)>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (goldens, keys): (Vec<Uuid>, Vec<i64>) = keys.iter().map(|(golden, key)| (golden.0, *key)).unzip();
    let rows = tx
        .rows(
            "SELECT k.golden, o.external_id FROM unnest($3::uuid[], $4::bigint[]) AS k (golden, key)
             CROSS JOIN LATERAL (
                 SELECT s.external_id FROM lookup_key l
                 CROSS JOIN LATERAL (SELECT external_id, connection_id, state, golden_id FROM source_record
                                     WHERE tenant_id = $1 AND id = l.record_id LIMIT 1) s
                 WHERE l.tenant_id = $1 AND l.key = k.key AND s.connection_id = $2
                   AND s.state = 1 AND s.golden_id <> k.golden
                 LIMIT $5) o",
            [
                tx.owner(),
                connection.0.into(),
                goldens.into(),
                keys.into(),
                i64::try_from(holders_max).unwrap_or(i64::MAX).into(),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok((GoldenId(get(row, "golden")?), get(row, "external_id")?))).collect()
}

/// The living entities that are found by a key of each of these sets, by id. Keys may stand in different records of one
/// entity; only records of `tellers` count, or all. Of one key at most `holders_max` records are looked at.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn entities(
    tx: &TenantTx,
    sets: &[Vec<i64>],
    tellers: Option<Vec<Uuid>>,
    holders_max: i64,
    limit: i64,
) -> Result<Vec<Uuid>, StoreError> {
    let mut numbers = Vec::new();
    let mut keys = Vec::new();
    for (number, set) in (0_i32..).zip(sets) {
        for key in set {
            numbers.push(number);
            keys.push(*key);
        }
    }
    let rows = tx
        .rows(
            "SELECT held.golden_id FROM (
                 SELECT k.number, l.golden_id FROM unnest($2::int[], $3::bigint[]) AS k (number, key)
                 CROSS JOIN LATERAL (
                     SELECT s.golden_id FROM lookup_key l
                     JOIN source_record s ON s.tenant_id = l.tenant_id AND s.id = l.record_id
                     WHERE l.tenant_id = $1 AND l.key = k.key AND s.tenant_id = $1 AND s.state = 1
                       AND s.golden_id IS NOT NULL AND ($4::uuid[] IS NULL OR s.connection_id = ANY($4))
                     LIMIT $5) l) held
             GROUP BY held.golden_id HAVING count(DISTINCT held.number) = $6
             ORDER BY held.golden_id LIMIT $7",
            [
                tx.owner(),
                numbers.into(),
                keys.into(),
                tellers.into(),
                holders_max.into(),
                i64::try_from(sets.len()).unwrap_or(i64::MAX).into(),
                limit.into(),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(get(row, "golden_id")?)).collect()
}

/// The living entities that hold these keys, as far as `tellers` tell of them (or all): key, entity and its kind, at most
/// `per_kind` of each kind for a key, newest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn entities_of_keys(
    tx: &TenantTx,
    keys: Vec<i64>,
    tellers: Option<Vec<Uuid>>,
    per_kind: i64,
) -> Result<Vec<(i64, GoldenId, ObjectKind)>, StoreError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            "SELECT key, golden_id, object FROM (
                 SELECT found.*, row_number() OVER (PARTITION BY key, object ORDER BY golden_id DESC) AS nth FROM (
                     SELECT DISTINCT l.key, s.golden_id, s.object FROM lookup_key l
                     JOIN source_record s ON s.tenant_id = l.tenant_id AND s.id = l.record_id
                     WHERE l.tenant_id = $1 AND l.key = ANY($2) AND s.tenant_id = $1 AND s.state = 1
                       AND s.golden_id IS NOT NULL AND ($3::uuid[] IS NULL OR s.connection_id = ANY($3))) found) ranked
             WHERE nth <= $4 ORDER BY key, object, nth",
            [tx.owner(), keys.into(), tellers.into(), per_kind.into()],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(object) = ObjectKind::from_code(get(row, "object")?) {
            found.push((get(row, "key")?, GoldenId(get(row, "golden_id")?), object));
        }
    }
    Ok(found)
}

/// Adds keys of records; one that is there stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add(tx: &TenantTx, keys: Vec<(i64, Uuid)>) -> Result<(), StoreError> {
    insert(
        tx,
        "INSERT INTO lookup_key (tenant_id, key, record_id)
         SELECT $1, key, record_id FROM unnest($2::bigint[], $3::uuid[]) AS t (key, record_id)
         ON CONFLICT DO NOTHING",
        keys,
    )
    .await
}

/// Adds keys of records that are new themselves, so that none of their keys can be there.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn add_new(tx: &TenantTx, keys: Vec<(i64, Uuid)>) -> Result<(), StoreError> {
    insert(
        tx,
        "INSERT INTO lookup_key (tenant_id, key, record_id)
         SELECT $1, key, record_id FROM unnest($2::bigint[], $3::uuid[]) AS t (key, record_id)",
        keys,
    )
    .await
}

async fn insert(tx: &TenantTx, sql: &str, mut keys: Vec<(i64, Uuid)>) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    // Hashes fall all over the index; in its own order neighbours share a page.
    keys.sort_unstable();
    let (keys, records): (Vec<i64>, Vec<Uuid>) = keys.into_iter().unzip();
    tx.run(sql, [tx.owner(), keys.into(), records.into()]).await?;
    Ok(())
}

/// Takes keys of records away.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn remove(tx: &TenantTx, keys: Vec<i64>, records: Vec<Uuid>) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    tx.run(
        "DELETE FROM lookup_key l USING unnest($2::bigint[], $3::uuid[]) AS t (key, record_id)
         WHERE l.tenant_id = $1 AND l.key = t.key AND l.record_id = t.record_id",
        [tx.owner(), keys.into(), records.into()],
    )
    .await?;
    Ok(())
}

/// Pairs among these records that a person has told apart.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn told_apart(
    tx: &TenantTx,
    records: Vec<Uuid>,
) -> Result<HashSet<(SourceRecordId, SourceRecordId)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT left_record, right_record FROM cannot_link
             WHERE tenant_id = $1 AND (left_record = ANY($2) OR right_record = ANY($2))",
            [tx.owner(), records.into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((SourceRecordId(get(row, "left_record")?), SourceRecordId(get(row, "right_record")?))))
        .collect()
}

/// Remembers that a person told records apart: each of the left from each of the right.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn tell_apart(
    tx: &TenantTx,
    left: Vec<Uuid>,
    right: Vec<Uuid>,
    decided_by: Option<Uuid>,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO cannot_link (tenant_id, left_record, right_record, decided_by)
         SELECT $1, least(l, r), greatest(l, r), $4 FROM unnest($2::uuid[]) AS l, unnest($3::uuid[]) AS r
         WHERE l <> r ON CONFLICT DO NOTHING",
        [tx.owner(), left.into(), right.into(), decided_by.into()],
    )
    .await?;
    Ok(())
}

/// Forgets that records were told apart: the undo.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn allow_again(tx: &TenantTx, left: Vec<Uuid>, right: Vec<Uuid>) -> Result<(), StoreError> {
    tx.run(
        "DELETE FROM cannot_link WHERE tenant_id = $1
           AND ((left_record = ANY($2) AND right_record = ANY($3)) OR (left_record = ANY($3) AND right_record = ANY($2)))",
        [tx.owner(), left.into(), right.into()],
    )
    .await?;
    Ok(())
}
