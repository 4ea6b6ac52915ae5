//! Candidates: pairs of entities that a person should decide about.

use crate::error::StoreError;
use crate::sql::get;
use crate::tx::TenantTx;
use chrono::{DateTime, Utc};
use domain::{CandidateId, GoldenId, ObjectKind};
use sea_orm::QueryResult;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// A pair to ask about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The smaller id.
    pub left: GoldenId,
    /// The greater id.
    pub right: GoldenId,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: String,
    /// A keyed hash of what both say of who they are; a "no" holds as long as this stays. Always, where absent.
    pub told: Option<i64>,
}

/// A candidate.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateRow {
    /// Id.
    pub id: CandidateId,
    /// Kind.
    pub object: ObjectKind,
    /// One entity.
    pub left: GoldenId,
    /// The other.
    pub right: GoldenId,
    /// 0 to 1.
    pub score: f32,
    /// What speaks for it and what against.
    pub reason: String,
    /// open, merged, not_a_match.
    pub state: String,
    /// Who decided.
    pub decided_by: Option<Uuid>,
    /// When.
    pub decided_at: Option<DateTime<Utc>>,
    /// The source records that the merge moved.
    #[serde(skip)]
    pub moved: Vec<Uuid>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// What hangs on it.
    pub stake: i32,
    /// A keyed hash of what both said when it was asked.
    #[serde(skip)]
    pub told: Option<i64>,
    /// Until when it was put off.
    pub snoozed_until: Option<DateTime<Utc>>,
    /// Who looks at it, or did last.
    pub claimed_by: Option<Uuid>,
    /// Until when others are not given it.
    pub claimed_until: Option<DateTime<Utc>>,
}

/// Those of these questions that are not answered: a pair about which somebody said "no" is asked about again only where
/// one of the two says something else by now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn worth_asking(tx: &TenantTx, questions: Vec<Question>) -> Result<Vec<Question>, StoreError> {
    if questions.is_empty() {
        return Ok(questions);
    }
    let left: Vec<Uuid> = questions.iter().map(|q| q.left.0).collect();
    let right: Vec<Uuid> = questions.iter().map(|q| q.right.0).collect();
    let rows = tx
        .rows(
            "SELECT c.left_golden, c.right_golden, c.told FROM candidate c
             JOIN unnest($2::uuid[], $3::uuid[]) AS t (l, r) ON c.left_golden = t.l AND c.right_golden = t.r
             WHERE c.tenant_id = $1 AND c.state = 'not_a_match'",
            [tx.owner(), left.into(), right.into()],
        )
        .await?;
    let mut refused: HashMap<(GoldenId, GoldenId), Option<i64>> = HashMap::new();
    for row in &rows {
        let pair = (GoldenId(get(row, "left_golden")?), GoldenId(get(row, "right_golden")?));
        refused.insert(pair, get(row, "told")?);
    }
    Ok(questions
        .into_iter()
        .filter(|q| {
            refused.get(&(q.left, q.right)).is_none_or(|told| told.is_some() && q.told.is_some() && *told != q.told)
        })
        .collect())
}

/// Asks. A pair that is open already is shown with the newest score; one that was answered is asked about again only
/// where one of the two says something else by now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn ask(
    tx: &TenantTx,
    object: ObjectKind,
    questions: &[Question],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    if questions.is_empty() {
        return Ok(0);
    }
    let ids: Vec<Uuid> = questions.iter().map(|_| CandidateId::new().0).collect();
    let left: Vec<Uuid> = questions.iter().map(|q| q.left.0).collect();
    let right: Vec<Uuid> = questions.iter().map(|q| q.right.0).collect();
    let scores: Vec<f32> = questions.iter().map(|q| q.score).collect();
    let reasons: Vec<String> = questions.iter().map(|q| q.reason.clone()).collect();
    // Zero stands in for none, which an array cannot hold here.
    let told: Vec<i64> = questions.iter().map(|q| q.told.unwrap_or_default()).collect();
    tx.run(
        &format!(
            "INSERT INTO candidate (tenant_id, id, object, left_golden, right_golden, score, reason, state, created_at,
                                    told, stake)
             SELECT $1, id, $2, l, r, score, reason, 'open', $8, nullif(told, 0), {STAKE}
             FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::real[], $7::text[], $9::bigint[])
                  AS t (id, l, r, score, reason, told)
             ON CONFLICT (tenant_id, left_golden, right_golden) DO UPDATE SET
                 score = excluded.score, reason = excluded.reason, told = excluded.told, stake = excluded.stake,
                 state = 'open', decided_by = NULL, decided_at = NULL, moved = '{{}}'
             WHERE candidate.state = 'open' OR (candidate.state = 'not_a_match' AND excluded.told IS NOT NULL
                                                AND candidate.told <> excluded.told)"
        ),
        [
            tx.owner(),
            object.code().into(),
            ids.into(),
            left.into(),
            right.into(),
            scores.into(),
            reasons.into(),
            now.into(),
            told.into(),
        ],
    )
    .await
}

/// What hangs on entities `t.l` and `t.r`: a deal counts five, a lead three, a repair order or a vehicle one.
const STAKE: &str = "(
    SELECT least(coalesce(sum(CASE r.object WHEN 4 THEN 5 WHEN 6 THEN 3 ELSE 1 END), 0), 1000000)::int
    FROM source_record s
    JOIN reference f ON f.tenant_id = $1 AND f.connection_id = s.connection_id AND f.object = s.object
                    AND f.external_id = s.external_id
    JOIN source_record r ON r.tenant_id = $1 AND r.id = f.record_id AND r.state = 1
    WHERE s.tenant_id = $1 AND s.golden_id IN (t.l, t.r) AND s.state = 1)";

/// The open questions about entities of one kind: both sides and the score.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn open_pairs(tx: &TenantTx, object: ObjectKind) -> Result<Vec<(GoldenId, GoldenId, f32)>, StoreError> {
    let rows = tx
        .rows(
            "SELECT left_golden, right_golden, score FROM candidate
             WHERE tenant_id = $1 AND object = $2 AND state = 'open' ORDER BY id",
            [tx.owner(), object.code().into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((GoldenId(get(row, "left_golden")?), GoldenId(get(row, "right_golden")?), get(row, "score")?)))
        .collect()
}

/// Takes the open questions among these entities back that the engine asked by what they say and asks no more; `asked`
/// are those that stay.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn withdraw(
    tx: &TenantTx,
    goldens: Vec<Uuid>,
    asked: BTreeSet<(GoldenId, GoldenId)>,
) -> Result<(), StoreError> {
    let (left, right): (Vec<Uuid>, Vec<Uuid>) = asked.into_iter().map(|(left, right)| (left.0, right.0)).unzip();
    tx.run(
        "DELETE FROM candidate c WHERE tenant_id = $1 AND state = 'open' AND told IS NOT NULL
           AND left_golden = ANY($2) AND right_golden = ANY($2)
           AND NOT EXISTS (SELECT FROM unnest($3::uuid[], $4::uuid[]) AS t (l, r)
                           WHERE c.left_golden = t.l AND c.right_golden = t.r)",
        [tx.owner(), goldens.into(), left.into(), right.into()],
    )
    .await?;
    Ok(())
}

/// Notes that two entities were joined without asking anybody, so that it is seen and can be undone. Returns the id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_joined(
    tx: &TenantTx,
    object: ObjectKind,
    joined: &Question,
    moved: Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<CandidateId, StoreError> {
    let row = tx
        .row(
            "INSERT INTO candidate (tenant_id, id, object, left_golden, right_golden, score, reason, state, created_at,
                                    decided_at, moved)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'merged', $8, $8, $9)
             ON CONFLICT (tenant_id, left_golden, right_golden) DO UPDATE SET
                 score = excluded.score, reason = excluded.reason, state = 'merged', decided_by = NULL,
                 decided_at = excluded.decided_at, moved = excluded.moved
             RETURNING id",
            [
                tx.owner(),
                CandidateId::new().0.into(),
                object.code().into(),
                joined.left.0.into(),
                joined.right.0.into(),
                joined.score.into(),
                joined.reason.clone().into(),
                now.into(),
                moved.into(),
            ],
        )
        .await?;
    row.map_or(Err(StoreError::Conflict), |row| Ok(CandidateId(get(&row, "id")?)))
}

/// One candidate, locked until the transaction ends, so that two people never decide the same pair at once.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(tx: &TenantTx, id: CandidateId) -> Result<Option<CandidateRow>, StoreError> {
    let row = tx
        .row("SELECT * FROM candidate WHERE tenant_id = $1 AND id = $2 FOR UPDATE", [tx.owner(), id.0.into()])
        .await?;
    row.as_ref().map_or(Ok(None), read)
}

/// One candidate.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &TenantTx, id: CandidateId) -> Result<Option<CandidateRow>, StoreError> {
    let row = tx.row("SELECT * FROM candidate WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into()]).await?;
    row.as_ref().map_or(Ok(None), read)
}

/// Notes a decision with the source records it moved, or takes it back (`open`).
///
/// # Errors
/// [`StoreError::Database`].
pub async fn decide(
    tx: &TenantTx,
    id: CandidateId,
    state: &str,
    moved: Vec<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    tx.run(
        "UPDATE candidate SET state = $3, moved = $6, decided_by = CASE WHEN $3 = 'open' THEN NULL ELSE $4::uuid END,
                decided_at = CASE WHEN $3 = 'open' THEN NULL ELSE $5::timestamptz END,
                snoozed_until = NULL, claimed_by = NULL, claimed_until = NULL
         WHERE tenant_id = $1 AND id = $2",
        [tx.owner(), id.0.into(), state.into(), tx.scope().actor().id().into(), now.into(), moved.into()],
    )
    .await?;
    Ok(())
}

/// The row of a pair, made where there is none yet: a person decides about two that nobody was asked about. It is open.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn row_of(
    tx: &TenantTx,
    object: ObjectKind,
    pair: &Question,
    now: DateTime<Utc>,
) -> Result<CandidateRow, StoreError> {
    let sql = format!(
        "INSERT INTO candidate (tenant_id, id, object, left_golden, right_golden, score, reason, state, created_at, stake)
         SELECT $1, $2, $3, l, r, $6, $7, 'open', $8, {STAKE} FROM (VALUES ($4::uuid, $5::uuid)) AS t (l, r)
         ON CONFLICT (tenant_id, left_golden, right_golden) DO UPDATE SET
             state = 'open', decided_by = NULL, decided_at = NULL, moved = '{{}}'
         RETURNING *"
    );
    let row = tx
        .row(
            &sql,
            [
                tx.owner(),
                CandidateId::new().0.into(),
                object.code().into(),
                pair.left.0.into(),
                pair.right.0.into(),
                pair.score.into(),
                pair.reason.clone().into(),
                now.into(),
            ],
        )
        .await?;
    row.as_ref().map_or(Ok(None), read)?.ok_or(StoreError::Conflict)
}

/// Notes what both sides of a pair say of who they are: a "no" holds as long as this stays.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn set_told(tx: &TenantTx, id: CandidateId, told: Option<i64>) -> Result<(), StoreError> {
    tx.run("UPDATE candidate SET told = $3 WHERE tenant_id = $1 AND id = $2", [tx.owner(), id.0.into(), told.into()])
        .await?;
    Ok(())
}

/// Points the open questions about a merged entity at its survivor; questions that then ask nothing are closed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn follow_merge(tx: &TenantTx, from: GoldenId, to: GoldenId) -> Result<(), StoreError> {
    let values = || [tx.owner(), from.0.into(), to.0.into()];
    tx.run(
        "UPDATE candidate c SET left_golden = least($3, other), right_golden = greatest($3, other)
         FROM (SELECT id, CASE WHEN left_golden = $2 THEN right_golden ELSE left_golden END AS other
               FROM candidate WHERE tenant_id = $1 AND state = 'open' AND $2 IN (left_golden, right_golden)) o
         WHERE c.tenant_id = $1 AND c.id = o.id AND o.other <> $3
           AND NOT EXISTS (SELECT FROM candidate d WHERE d.tenant_id = $1
                           AND d.left_golden = least($3, o.other) AND d.right_golden = greatest($3, o.other))",
        values(),
    )
    .await?;
    tx.run(
        "DELETE FROM candidate WHERE tenant_id = $1 AND state = 'open' AND $2 IN (left_golden, right_golden)",
        [tx.owner(), from.0.into()],
    )
    .await?;
    Ok(())
}

/// Gives an entity that was taken out of another the open questions that are its own: those where only its records are
/// linked with the other side move to it, and where records of both are, both are asked about.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn follow_split(tx: &TenantTx, from: GoldenId, out: GoldenId, now: DateTime<Utc>) -> Result<(), StoreError> {
    const LINKED: &str = "EXISTS (SELECT FROM match_link m
         JOIN source_record a ON a.tenant_id = $1 AND a.id = m.left_record
         JOIN source_record b ON b.tenant_id = $1 AND b.id = m.right_record
         WHERE m.tenant_id = $1 AND a.golden_id IN (x.other, SIDE) AND b.golden_id IN (x.other, SIDE)
           AND a.golden_id <> b.golden_id)";
    let rows = tx
        .rows(
            &format!(
                "SELECT x.*, {} AS with_out, {} AS with_from
                 FROM (SELECT c.*, CASE WHEN left_golden = $2 THEN right_golden ELSE left_golden END AS other
                       FROM candidate c WHERE tenant_id = $1 AND state = 'open' AND $2 IN (left_golden, right_golden)) x
                 WHERE x.other <> $3",
                LINKED.replace("SIDE", "$3"),
                LINKED.replace("SIDE", "$2")
            ),
            [tx.owner(), from.0.into(), out.0.into()],
        )
        .await?;
    for row in &rows {
        if !get::<bool>(row, "with_out")? {
            continue;
        }
        let Some(candidate) = read(row)? else { continue };
        let other = GoldenId(get(row, "other")?);
        let question = Question {
            left: out.min(other),
            right: out.max(other),
            score: candidate.score,
            reason: candidate.reason,
            told: candidate.told,
        };
        ask(tx, candidate.object, &[question], now).await?;
        if !get::<bool>(row, "with_from")? {
            tx.run("DELETE FROM candidate WHERE tenant_id = $1 AND id = $2", [tx.owner(), candidate.id.0.into()])
                .await?;
        }
    }
    Ok(())
}

pub(super) fn read(row: &QueryResult) -> Result<Option<CandidateRow>, StoreError> {
    let Some(object) = ObjectKind::from_code(get(row, "object")?) else { return Ok(None) };
    Ok(Some(CandidateRow {
        id: CandidateId(get(row, "id")?),
        object,
        left: GoldenId(get(row, "left_golden")?),
        right: GoldenId(get(row, "right_golden")?),
        score: get(row, "score")?,
        reason: get(row, "reason")?,
        state: get(row, "state")?,
        decided_by: get(row, "decided_by")?,
        decided_at: get(row, "decided_at")?,
        moved: get(row, "moved")?,
        created_at: get(row, "created_at")?,
        stake: get(row, "stake")?,
        told: get(row, "told")?,
        snoozed_until: get(row, "snoozed_until")?,
        claimed_by: get(row, "claimed_by")?,
        claimed_until: get(row, "claimed_until")?,
    }))
}
