//! Several entities that open questions connect, decided as one: who of them is the same, and who is somebody else.

use super::candidates::{claimed_by_another, lock_in_turn};
use super::{Engine, EngineError, Verdict, reach};
use domain::permission::Permission;
use domain::{CandidateId, GoldenId};
use serde_json::json;
use std::collections::BTreeSet;
use store::engine::candidates::{self, CandidateRow, Question};
use store::engine::goldens::{self, GoldenState};
use store::engine::landscape::Landscape;
use store::engine::{review, sources};
use store::{StoreError, TenantScope, TenantTx, audit};
use uuid::Uuid;

/// No cluster is shown larger than this; who has decided these sees the rest.
pub const CLUSTER_MAX: usize = 40;

/// What a cluster became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDecided {
    /// The entity that those who are kept became.
    pub survivor: GoldenId,
    /// The merges, each with its own undo.
    pub merged: Vec<CandidateId>,
    /// Those told apart, each with its own undo.
    pub apart: Vec<CandidateId>,
}

/// Entities that open questions connect with a pair, as far as `tellers` tell of them, and these questions.
pub(crate) async fn cluster_of(
    tx: &TenantTx,
    tellers: Option<Vec<Uuid>>,
    pair: &CandidateRow,
) -> Result<(BTreeSet<GoldenId>, Vec<CandidateRow>), StoreError> {
    let mut members = BTreeSet::new();
    for side in [pair.left, pair.right] {
        members.extend(goldens::find(tx, side).await?.filter(|row| row.state == GoldenState::Live).map(|row| row.id));
    }
    let mut unseen: Vec<Uuid> = members.iter().map(|id| id.0).collect();
    while !unseen.is_empty() {
        let questions = review::about(tx, std::mem::take(&mut unseen)).await?;
        let mut others = Vec::new();
        for other in questions.iter().flat_map(|question| [question.left, question.right]) {
            if !members.contains(&other) && !others.contains(&other) {
                others.push(other);
            }
        }
        if let Some(tellers) = &tellers {
            let told = sources::told_by(tx, others.iter().map(|id| id.0).collect(), tellers.clone()).await?;
            others.retain(|id| told.contains(id));
        }
        for other in others.into_iter().take(CLUSTER_MAX.saturating_sub(members.len())) {
            members.insert(other);
            unseen.push(other.0);
        }
    }
    let mut questions = review::about(tx, members.iter().map(|id| id.0).collect()).await?;
    questions.retain(|question| members.contains(&question.left) && members.contains(&question.right));
    Ok((members, questions))
}

impl Engine {
    /// Decides a cluster: all of `keep` become one, and each of `drop` is somebody else.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown pair; [`EngineError::NotNow`] where an entity is not in its cluster, is
    /// named twice, or nothing is decided; [`EngineError::Claimed`] while somebody else looks at one of its pairs.
    pub async fn decide_cluster(
        &self,
        scope: &TenantScope,
        id: CandidateId,
        keep: &[GoldenId],
        drop_out: &[GoldenId],
    ) -> Result<ClusterDecided, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let candidate = lock_in_turn(&tx, id).await?;
        if !reach::tells_of_pair(&tx, tellers.clone(), &candidate).await? {
            return Err(EngineError::NotFound("candidate"));
        }
        let (members, questions) = cluster_of(&tx, tellers, &candidate).await?;
        let kept: BTreeSet<GoldenId> = keep.iter().copied().collect();
        let dropped: BTreeSet<GoldenId> = drop_out.iter().copied().collect();
        let named: BTreeSet<GoldenId> = kept.union(&dropped).copied().collect();
        if named.len() != keep.len() + drop_out.len() || !named.is_subset(&members) {
            let said = "Name each record once, and only records of this cluster. Reload to see who is in it now.";
            return Err(EngineError::NotNow(said.to_owned()));
        }
        let Some(survivor) = kept.first().copied().filter(|_| named.len() > 1) else {
            let said = "Keep at least one record, and name at least one more to keep or to drop.";
            return Err(EngineError::NotNow(said.to_owned()));
        };
        let decided = |question: &&CandidateRow| named.contains(&question.left) && named.contains(&question.right);
        let other = questions.iter().filter(decided).find_map(|question| claimed_by_another(scope, question, now));
        if let Some((by, until)) = other {
            drop(tx);
            return Err(self.claimed(scope, by, until).await?);
        }
        let mut outcomes = Vec::new();
        let (mut merged, mut apart) = (Vec::new(), Vec::new());
        let others = kept.iter().filter(|id| **id != survivor).map(|id| (*id, Verdict::Merge));
        for (other, verdict) in others.chain(dropped.iter().map(|id| (*id, Verdict::NotAMatch))) {
            let pair = pair_of(survivor, other, &questions);
            let row = candidates::row_of(&tx, candidate.object, &pair, now).await?;
            if row.told.is_none() && verdict == Verdict::NotAMatch {
                let told = self.told(&tx, candidate.object, row.left, row.right).await?;
                candidates::set_told(&tx, row.id, told).await?;
            }
            outcomes.push(self.decide(&tx, &row, verdict, now).await?);
            if verdict == Verdict::Merge { &mut merged } else { &mut apart }.push(row.id);
        }
        for outcome in outcomes {
            outcome.note(&tx, now).await?;
        }
        let detail = json!({"kept": kept, "dropped": dropped, "merged": merged, "apart": apart});
        audit::append(&tx, "match.cluster_decided", "candidate", &id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(ClusterDecided { survivor, merged, apart })
    }
}

/// The pair of two entities of a cluster, with what is known of it, or of the other's best question.
fn pair_of(survivor: GoldenId, other: GoldenId, questions: &[CandidateRow]) -> Question {
    let (left, right) = (survivor.min(other), survivor.max(other));
    let own = questions.iter().find(|question| (question.left, question.right) == (left, right));
    let any = questions.iter().find(|question| question.left == other || question.right == other);
    Question {
        left,
        right,
        score: own.or(any).map_or(0.0, |question| question.score),
        reason: own.map_or_else(|| "Connected through others".to_owned(), |question| question.reason.clone()),
        told: None,
    }
}
