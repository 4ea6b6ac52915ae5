//! Doubtful matches: a person decides, and may take it back.

use super::{Engine, EngineError, reach};
use crate::actors::{SOMEBODY, names};
use chrono::{DateTime, TimeDelta, Utc};
use domain::permission::Permission;
use domain::{CandidateId, GoldenId, ObjectKind};
use serde_json::{Value as Json, json};
use store::engine::candidates::{self, CandidateRow};
use store::engine::landscape::Landscape;
use store::engine::review::{self, Standing};
use store::engine::{lookup, records, take_turn};
use store::{TenantScope, TenantTx, audit};
use uuid::Uuid;

/// The longest that a pair may be put off.
const SNOOZE_MAX: TimeDelta = TimeDelta::days(366);

/// What a person says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are one.
    Merge,
    /// They are two; remembered.
    NotAMatch,
    /// Not now: it is asked again at this moment.
    Snooze(DateTime<Utc>),
    /// Take the earlier decision back.
    Undo,
}

/// A decision, and what the trail says of it.
pub(super) struct Outcome {
    pub survivor: Option<GoldenId>,
    action: &'static str,
    detail: Json,
    id: CandidateId,
}

impl Outcome {
    /// Writes it into the audit trail; last in a transaction.
    pub async fn note(self, tx: &TenantTx, now: DateTime<Utc>) -> Result<(), EngineError> {
        Ok(audit::append(tx, self.action, "candidate", &self.id.to_string(), self.detail, now).await?)
    }
}

impl Engine {
    /// Decides a doubtful match, or takes the decision back. Returns the entity that survives a merge.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for an unknown id, a stranger's, or one of which the caller may not review both sides;
    /// [`EngineError::NotNow`] where somebody else decided first; [`EngineError::Claimed`] while somebody else looks at it.
    pub async fn decide_candidate(
        &self,
        scope: &TenantScope,
        id: CandidateId,
        verdict: Verdict,
    ) -> Result<Option<GoldenId>, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let candidate = lock_in_turn(&tx, id).await?;
        if !reach::tells_of_pair(&tx, tellers, &candidate).await? {
            return Err(EngineError::NotFound("candidate"));
        }
        if let Some((by, until)) = claimed_by_another(scope, &candidate, now) {
            drop(tx);
            return Err(self.claimed(scope, by, until).await?);
        }
        let outcome = self.decide(&tx, &candidate, verdict, now).await?;
        let survivor = outcome.survivor;
        outcome.note(&tx, now).await?;
        tx.commit().await?;
        Ok(survivor)
    }

    /// Who looks at it and until when, as an error that says so.
    pub(super) async fn claimed(
        &self,
        scope: &TenantScope,
        by: Uuid,
        until: DateTime<Utc>,
    ) -> Result<EngineError, EngineError> {
        let by = names(&self.db, scope, [by].into()).await?.remove(&by).unwrap_or_else(|| SOMEBODY.to_owned());
        Ok(EngineError::Claimed { by, until })
    }

    /// Decides a candidate that this transaction has locked, in its turn.
    pub(super) async fn decide(
        &self,
        tx: &TenantTx,
        candidate: &CandidateRow,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Result<Outcome, EngineError> {
        let (id, left, right) = (candidate.id, candidate.left, candidate.right);
        let (survivor, action) = match (verdict, candidate.standing(now)) {
            (Verdict::Merge, Standing::Open | Standing::Snoozed) => {
                // Whoever puts them together after all has decided last.
                let (l, r) = (records::ids_of(tx, left).await?, records::ids_of(tx, right).await?);
                lookup::allow_again(tx, l, r).await?;
                // The older entity keeps its id; UUIDv7 sorts by age.
                // Decided before the questions about the merged one are tidied away.
                candidates::decide(tx, id, "merged", Vec::new(), now).await?;
                let moved = self.merge(tx, candidate.object, right, left, now).await?;
                candidates::decide(tx, id, "merged", moved, now).await?;
                (Some(left), "match.merged")
            }
            (Verdict::NotAMatch, Standing::Open | Standing::Snoozed) => {
                keep_apart(tx, left, right).await?;
                candidates::decide(tx, id, "not_a_match", Vec::new(), now).await?;
                (None, "match.refused")
            }
            (Verdict::Snooze(until), Standing::Open | Standing::Snoozed) => {
                if until <= now || until > now + SNOOZE_MAX {
                    return Err(EngineError::NotNow("Put it off to a moment within the next year.".to_owned()));
                }
                review::snooze(tx, id, Some(until)).await?;
                (None, "match.snoozed")
            }
            (Verdict::Undo, Standing::Snoozed) => {
                review::snooze(tx, id, None).await?;
                (None, "match.snooze_undone")
            }
            (Verdict::Undo, Standing::Merged) => {
                self.take_apart(tx, candidate, now).await?;
                candidates::decide(tx, id, "open", Vec::new(), now).await?;
                (None, "match.merge_undone")
            }
            (Verdict::Undo, Standing::Joined) => {
                self.take_apart(tx, candidate, now).await?;
                // Nobody asked for it: that it was wrong is an answer, not a question.
                candidates::decide(tx, id, "not_a_match", Vec::new(), now).await?;
                let told = self.told(tx, candidate.object, left, right).await?;
                candidates::set_told(tx, id, told).await?;
                (None, "match.join_undone")
            }
            (Verdict::Undo, Standing::NotAMatch) => {
                let (l, r) = (records::ids_of(tx, left).await?, records::ids_of(tx, right).await?);
                lookup::allow_again(tx, l, r).await?;
                candidates::decide(tx, id, "open", Vec::new(), now).await?;
                (None, "match.refusal_undone")
            }
            (Verdict::Undo, Standing::Open) => {
                return Err(EngineError::NotNow("There is no decision to take back.".to_owned()));
            }
            (
                Verdict::Merge | Verdict::NotAMatch | Verdict::Snooze(_),
                Standing::Merged | Standing::Joined | Standing::NotAMatch,
            ) => {
                return Err(EngineError::NotNow(
                    "Somebody decided this pair already. Reload to see the decision.".to_owned(),
                ));
            }
        };
        let mut detail = json!({"left": left, "right": right, "reason": candidate.reason});
        if let (Verdict::Snooze(until), Some(detail)) = (verdict, detail.as_object_mut()) {
            detail.insert("until".to_owned(), json!(until));
        }
        Ok(Outcome { survivor, action, detail, id })
    }

    /// Takes a merge apart; nothing joins the two again by itself.
    async fn take_apart(&self, tx: &TenantTx, candidate: &CandidateRow, now: DateTime<Utc>) -> Result<(), EngineError> {
        let (from, moved) = (candidate.right, candidate.moved.clone());
        let Some(survivor) = self.unmerge(tx, candidate.object, from, moved, now).await? else {
            return Err(EngineError::NotNow("These are two already. Reload to see them.".to_owned()));
        };
        Ok(keep_apart(tx, survivor, from).await?)
    }
}

/// A candidate, locked, by somebody whose turn it is to decide who is who among its kind: the turn comes first, because
/// who has it locks candidates.
pub(super) async fn lock_in_turn(tx: &TenantTx, id: CandidateId) -> Result<CandidateRow, EngineError> {
    let object: ObjectKind = candidates::find(tx, id).await?.ok_or(EngineError::NotFound("candidate"))?.object;
    take_turn(tx, object).await?;
    candidates::lock(tx, id).await?.ok_or(EngineError::NotFound("candidate"))
}

/// Somebody other than the caller who looks at it.
pub(super) fn claimed_by_another(
    scope: &TenantScope,
    candidate: &CandidateRow,
    now: DateTime<Utc>,
) -> Option<(Uuid, DateTime<Utc>)> {
    let waits = !candidate.standing(now).is_decided();
    candidate.claim(now).filter(|(by, _)| waits && Some(*by) != scope.actor().id())
}

/// Remembers that two entities are two.
pub(super) async fn keep_apart(tx: &TenantTx, left: GoldenId, right: GoldenId) -> Result<(), store::StoreError> {
    let (left, right) = (records::ids_of(tx, left).await?, records::ids_of(tx, right).await?);
    lookup::tell_apart(tx, left, right, tx.scope().actor().id()).await
}
