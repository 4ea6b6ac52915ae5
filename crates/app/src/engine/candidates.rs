//! Doubtful matches: a person decides, and may take it back.

use super::{Engine, EngineError, reach};
use domain::permission::Permission;
use domain::{CandidateId, GoldenId};
use serde_json::json;
use store::engine::candidates::{self, CandidateRow};
use store::engine::landscape::Landscape;
use store::engine::{lookup, records};
use store::{TenantScope, audit};

/// What a person says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are one.
    Merge,
    /// They are two; remembered.
    NotAMatch,
    /// Take the earlier decision back.
    Undo,
}

impl Engine {
    /// Decides a doubtful match, or takes the decision back. Returns the entity that survives a merge.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown id, a stranger's, or one of which the caller may not review both sides; [`EngineError::NotNow`] where somebody else decided first.
    pub async fn decide_candidate(
        &self,
        scope: &TenantScope,
        id: CandidateId,
        verdict: Verdict,
    ) -> Result<Option<GoldenId>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let candidate = candidates::lock(&tx, id).await?.ok_or(EngineError::NotFound("candidate"))?;
        if !reach::tells_of_pair(&tx, tellers, &candidate).await? {
            return Err(EngineError::NotFound("candidate"));
        }
        let (survivor, action) = match (verdict, candidate.state.as_str()) {
            (Verdict::Merge, "open") => {
                // The older entity keeps its id; UUIDv7 sorts by age.
                // Decided before the questions about the merged one are tidied away.
                candidates::decide(&tx, id, "merged", Vec::new(), now).await?;
                let moved = self.merge(&tx, candidate.object, candidate.right, candidate.left, now).await?;
                candidates::decide(&tx, id, "merged", moved, now).await?;
                (Some(candidate.left), "match.merged")
            }
            (Verdict::NotAMatch, "open") => {
                self.keep_apart(&tx, &candidate).await?;
                candidates::decide(&tx, id, "not_a_match", Vec::new(), now).await?;
                (None, "match.refused")
            }
            (Verdict::Undo, "merged") => {
                let (from, to) = (candidate.right, candidate.left);
                self.unmerge(&tx, candidate.object, from, to, candidate.moved.clone(), now).await?;
                candidates::decide(&tx, id, "open", Vec::new(), now).await?;
                (None, "match.merge_undone")
            }
            (Verdict::Undo, "not_a_match") => {
                let (left, right) =
                    (records::ids_of(&tx, candidate.left).await?, records::ids_of(&tx, candidate.right).await?);
                lookup::allow_again(&tx, left, right).await?;
                candidates::decide(&tx, id, "open", Vec::new(), now).await?;
                (None, "match.refusal_undone")
            }
            (Verdict::Undo, _) => return Err(EngineError::NotNow("There is no decision to take back.".to_owned())),
            (Verdict::Merge | Verdict::NotAMatch, _) => {
                return Err(EngineError::NotNow(
                    "Somebody decided this pair already. Reload to see the decision.".to_owned(),
                ));
            }
        };
        let detail = json!({"left": candidate.left, "right": candidate.right, "reason": candidate.reason});
        audit::append(&tx, action, "candidate", &id.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(survivor)
    }

    async fn keep_apart(&self, tx: &store::TenantTx, candidate: &CandidateRow) -> Result<(), EngineError> {
        let (left, right) = (records::ids_of(tx, candidate.left).await?, records::ids_of(tx, candidate.right).await?);
        lookup::tell_apart(tx, left, right, tx.scope().actor().id()).await?;
        Ok(())
    }
}
