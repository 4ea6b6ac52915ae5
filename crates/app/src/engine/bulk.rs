//! One decision about all pairs of a filter, after a look at some of them.

use super::candidates::{claimed_by_another, lock_in_turn};
use super::claims::who;
use super::{Engine, EngineError, Verdict, reach};
use domain::permission::Permission;
use domain::{CandidateId, ObjectKind};
use serde_json::json;
use std::collections::BTreeMap;
use store::engine::candidates::CandidateRow;
use store::engine::landscape::Landscape;
use store::engine::review::{self, Filter, Standing};
use store::{TenantScope, audit};

/// Pairs of a filter that are shown before they are decided.
pub const SAMPLE: i64 = 20;
/// Pairs that one call decides at most.
pub const BULK_MAX: i64 = 500;
/// Pairs that one transaction decides: others wait for their turn as long.
const AT_ONCE: usize = 20;

/// What a decision about many did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BulkDone {
    /// Pairs decided.
    pub done: i64,
    /// Pairs of the filter that are left.
    pub left: i64,
}

impl Engine {
    /// How many pairs a decision about this filter would be about, and the first of them. Pairs that somebody else looks
    /// at are not among them.
    ///
    /// # Errors
    /// [`EngineError::NotPermitted`], [`EngineError::Store`].
    pub(crate) async fn bulk_sample(
        &self,
        scope: &TenantScope,
        filter: &Filter,
    ) -> Result<(i64, Vec<CandidateRow>), EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let filter = self.mine(scope, &tx, filter).await?;
        let many = review::count(&tx, &filter, Some(who(scope)), now).await?;
        let sample = review::free_page(&tx, &filter, who(scope), SAMPLE, now).await?;
        Ok((many, sample))
    }

    /// Decides the first pairs of a filter, at most [`BULK_MAX`], where as many are there as the caller expects. Each
    /// decision has its own undo.
    ///
    /// # Errors
    /// [`EngineError::NotNow`] with the count where it is another one; [`EngineError::NotPermitted`].
    pub async fn decide_many(
        &self,
        scope: &TenantScope,
        filter: &Filter,
        verdict: Verdict,
        expect: i64,
    ) -> Result<BulkDone, EngineError> {
        if verdict == Verdict::Undo {
            return Err(EngineError::NotNow("Decisions are taken back one by one.".to_owned()));
        }
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let mine = self.mine(scope, &tx, filter).await?;
        let many = review::count(&tx, &mine, Some(who(scope)), now).await?;
        if many != expect {
            return Err(EngineError::NotNow(format!(
                "There are {many} pairs by now, not {expect}. Look at a sample again and repeat it with the new count."
            )));
        }
        let pairs = review::free_page(&tx, &mine, who(scope), BULK_MAX, now).await?;
        let word = match verdict {
            Verdict::Merge => "merge",
            Verdict::NotAMatch => "not_a_match",
            Verdict::Snooze(_) => "snooze",
            Verdict::Undo => "undo",
        };
        let detail = json!({
            "decision": word,
            "filter": {
                "object": mine.object,
                "connection": mine.connection,
                "score_min": mine.score_min,
                "score_max": mine.score_max,
            },
            "expected": expect,
            "pairs": pairs.len(),
        });
        audit::append(&tx, "match.bulk_decided", "tenant", &scope.tenant().to_string(), detail, now).await?;
        tx.commit().await?;
        let mut by_object: BTreeMap<ObjectKind, Vec<CandidateId>> = BTreeMap::new();
        for pair in pairs {
            by_object.entry(pair.object).or_default().push(pair.id);
        }
        let mut done = 0;
        for ids in by_object.values() {
            for some in ids.chunks(AT_ONCE) {
                done += self.decide_some(scope, some, verdict).await?;
            }
        }
        let tx = self.db.tenant(scope).await?;
        let left = review::count(&tx, &mine, Some(who(scope)), self.now()).await?;
        Ok(BulkDone { done, left })
    }

    /// Decides some pairs of one kind in one transaction. What was decided, tidied away or claimed meanwhile is left.
    async fn decide_some(
        &self,
        scope: &TenantScope,
        ids: &[CandidateId],
        verdict: Verdict,
    ) -> Result<i64, EngineError> {
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let mut outcomes = Vec::new();
        for id in ids {
            let candidate = match lock_in_turn(&tx, *id).await {
                Ok(candidate) => candidate,
                // An earlier merge answered it.
                Err(EngineError::NotFound(_)) => continue,
                Err(other) => return Err(other),
            };
            let waits =
                candidate.standing(now) == Standing::Open && claimed_by_another(scope, &candidate, now).is_none();
            if waits && reach::tells_of_pair(&tx, tellers.clone(), &candidate).await? {
                outcomes.push(self.decide(&tx, &candidate, verdict, now).await?);
            }
        }
        let done = i64::try_from(outcomes.len()).unwrap_or_default();
        for outcome in outcomes {
            outcome.note(&tx, now).await?;
        }
        tx.commit().await?;
        Ok(done)
    }

    /// A filter over open pairs, narrowed to what the caller may review.
    async fn mine(&self, scope: &TenantScope, tx: &store::TenantTx, filter: &Filter) -> Result<Filter, EngineError> {
        let tellers = reach::connections(scope, &Landscape::load(tx).await?, Permission::Review)?;
        Ok(Filter { standing: Standing::Open, tellers, ..filter.clone() })
    }
}
