//! The two sides of pairs. Those of a merged pair are shown as they were: what was moved, and what was there before.

use super::RELATED_MAX;
use crate::engine::agree::voices;
use crate::error::AppError;
use crate::records::{RecordShown, may_see, part, show_many};
use chrono::{DateTime, Utc};
use domain::CandidateId;
use domain::survivorship::agree;
use std::collections::{BTreeMap, HashMap};
use store::engine::candidates::CandidateRow;
use store::engine::goldens::{self, GoldenRow};
use store::engine::landscape::Landscape;
use store::engine::records::{self, MemberRow};
use store::engine::review::Standing;
use store::{TenantScope, TenantTx};
use uuid::Uuid;

/// One and the other; absent where they are gone or not the caller's to see.
type Sides = (Option<RecordShown>, Option<RecordShown>);

/// The sides of these pairs.
pub(super) async fn of(
    tx: &TenantTx,
    scope: &TenantScope,
    rows: &[CandidateRow],
    now: DateTime<Utc>,
) -> Result<HashMap<CandidateId, Sides>, AppError> {
    let merged = |row: &&CandidateRow| matches!(row.standing(now), Standing::Merged | Standing::Joined);
    let ids = rows.iter().filter(|row| !merged(row)).flat_map(|row| [row.left.0, row.right.0]).collect();
    let entities = show_many(tx, scope, ids, RELATED_MAX).await?;
    let find = |id| entities.iter().find(|entity| entity.id == id).cloned();
    let mut sides: HashMap<CandidateId, Sides> =
        rows.iter().filter(|row| !merged(row)).map(|row| (row.id, (find(row.left), find(row.right)))).collect();
    let merged: Vec<&CandidateRow> = rows.iter().filter(merged).collect();
    if merged.is_empty() {
        return Ok(sides);
    }
    let landscape = Landscape::load(tx).await?;
    let both = merged.iter().flat_map(|row| [row.left.0, row.right.0]).collect();
    let goldens: BTreeMap<Uuid, GoldenRow> =
        goldens::by_ids(tx, both).await?.into_iter().map(|row| (row.id.0, row)).collect();
    let moved = records::by_ids(tx, merged.iter().flat_map(|row| row.moved.clone()).collect()).await?;
    let stayed = records::members(tx, merged.iter().map(|row| row.left.0).collect()).await?;
    for row in merged {
        let left: Vec<MemberRow> = stayed
            .iter()
            .filter(|member| member.golden == row.left && !row.moved.contains(&member.id.0))
            .cloned()
            .collect();
        let right: Vec<MemberRow> = moved.iter().filter(|member| row.moved.contains(&member.id.0)).cloned().collect();
        let side = |id: Uuid, members: Vec<MemberRow>| {
            let mut golden = goldens.get(&id)?.clone();
            if !members.is_empty() {
                golden.golden = agree(row.object, &voices(&members, &landscape), &landscape.rules);
            }
            let visible: Vec<MemberRow> =
                members.into_iter().filter(|member| may_see(scope, &landscape, member.connection)).collect();
            Some(part(golden, &visible, &landscape))
        };
        sides.insert(row.id, (side(row.left.0, left), side(row.right.0, right)));
    }
    Ok(sides)
}
