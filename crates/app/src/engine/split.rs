//! Taking one entity apart at any time, by its source records.

use super::candidates::keep_apart;
use super::identify::person;
use super::judge::Counted;
use super::{Engine, EngineError, reach};
use domain::permission::Permission;
use domain::{CandidateId, GoldenId, ObjectKind, SourceRecordId};
use matching::{Meeting, Person};
use serde_json::json;
use std::collections::{BTreeSet, HashSet};
use store::engine::candidates::{self, Question};
use store::engine::goldens::{self, GoldenState};
use store::engine::landscape::Landscape;
use store::engine::{links, lookup, records, review, sources, take_turn};
use store::{StoreError, TenantScope, TenantTx, audit};
use uuid::Uuid;

/// An entity was taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The entity that the records became: the one they were once, or a new one.
    pub out: GoldenId,
    /// The pair that they are now, as "not a match": its undo asks again.
    pub candidate: CandidateId,
}

impl Engine {
    /// Takes source records out of an entity: they become one of their own, and nothing joins the two again by itself.
    /// Where exactly these records came by a merge, that merge is undone, and they are what they were.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] for what is not there or not the caller's to review; [`EngineError::NotNow`] where
    /// nothing would stay, or nothing would leave.
    pub async fn split(
        &self,
        scope: &TenantScope,
        entity: GoldenId,
        sources: &[SourceRecordId],
    ) -> Result<Split, EngineError> {
        const NONE: EngineError = EngineError::NotFound("record");
        let now = self.now();
        let tx = self.db.tenant(scope).await?;
        let tellers = reach::connections(scope, &Landscape::load(&tx).await?, Permission::Review)?;
        let object = goldens::find(&tx, entity).await?.ok_or(NONE)?.object;
        take_turn(&tx, object).await?;
        let golden = goldens::find(&tx, entity).await?.filter(|row| row.state == GoldenState::Live).ok_or(NONE)?;
        let entity = golden.id;
        let members = sources::told_of(&tx, entity).await?;
        let may = |connection: &Uuid| tellers.as_ref().is_none_or(|tellers| tellers.contains(connection));
        let asked: BTreeSet<SourceRecordId> = sources.iter().copied().collect();
        let (leave, stay): (Vec<_>, Vec<_>) = members.into_iter().partition(|(id, _)| asked.contains(id));
        // Who may review one side alone may not part it from the other; a record they cannot see is not there.
        let may_all = leave.iter().all(|(_, connection)| may(&connection.0));
        let may_stay = stay.is_empty() || stay.iter().any(|(_, connection)| may(&connection.0));
        if leave.len() != asked.len() || !may_all || !may_stay {
            return Err(NONE);
        }
        if leave.is_empty() || stay.is_empty() {
            return Err(EngineError::NotNow(
                "Name at least one source record that leaves, and leave at least one that stays.".to_owned(),
            ));
        }
        let leave: Vec<Uuid> = leave.iter().map(|(id, _)| id.0).collect();
        let (out, candidate) = match review::merge_of(&tx, entity, leave.clone()).await? {
            Some(merge) => {
                self.unmerge(&tx, object, merge.right, merge.moved.clone(), now).await?;
                (merge.right, merge)
            }
            None => {
                let out = GoldenId::new();
                self.take_out(&tx, object, entity, out, leave.clone(), now).await?;
                let best = links::between(&tx, entity, out).await?.into_iter().next();
                let odds = best.map_or(f64::NEG_INFINITY, |link| link.log2_odds);
                let question = Question {
                    left: entity.min(out),
                    right: entity.max(out),
                    score: as_score(odds),
                    reason: "Taken apart by a person".to_owned(),
                    told: None,
                };
                (out, candidates::row_of(&tx, object, &question, now).await?)
            }
        };
        keep_apart(&tx, entity, out).await?;
        candidates::decide(&tx, candidate.id, "not_a_match", Vec::new(), now).await?;
        let told = self.told(&tx, object, entity.min(out), entity.max(out)).await?;
        candidates::set_told(&tx, candidate.id, told).await?;
        let detail = json!({"out": out, "sources": leave, "candidate": candidate.id});
        audit::append(&tx, "match.split", "record", &entity.to_string(), detail, now).await?;
        tx.commit().await?;
        Ok(Split { out, candidate: candidate.id })
    }

    /// What both sides say of who they are, as the engine would ask about them: a person's "no" holds as long as this
    /// stays. `None` where the engine would not ask, and for what is told by its key alone.
    pub(super) async fn told(
        &self,
        tx: &TenantTx,
        object: ObjectKind,
        left: GoldenId,
        right: GoldenId,
    ) -> Result<Option<i64>, StoreError> {
        if object != ObjectKind::Customer {
            return Ok(None);
        }
        let judge = self.judge(tx).await?;
        let landscape = Landscape::load(tx).await?;
        let rows = records::members(tx, vec![left.0, right.0]).await?;
        let spoken_for: BTreeSet<GoldenId> =
            rows.iter().filter(|row| row.doc.known_as().is_some()).map(|row| row.golden).collect();
        let people: Vec<Person> = rows
            .into_iter()
            .filter(|row| row.doc.known_as().is_some() || !spoken_for.contains(&row.golden))
            .map(|row| person(row, &landscape))
            .collect();
        let ids = people.iter().map(|person| person.id.0).collect();
        let side = |of: GoldenId| -> Vec<u32> {
            (0..).zip(&people).filter(|(_, person)| person.golden == Some(of)).map(|(place, _)| place).collect()
        };
        let (ours, theirs) = (side(left), side(right));
        let counted = Counted { judge: &judge, keys: tx.keys(), crowded: HashSet::new() };
        let meeting = Meeting::new(&judge.scoring, people, &counted);
        let across = ours.iter().flat_map(|one| theirs.iter().map(|other| (*one.min(other), *one.max(other))));
        let links = meeting.links(across);
        let apart = lookup::told_apart(tx, ids).await?;
        let settled = meeting.settle(&links, &apart, GoldenId::new);
        let doubt = settled.doubts.into_iter().find(|doubt| (doubt.left, doubt.right) == (left, right));
        Ok(doubt.map(|doubt| tx.keys().index64("told", &doubt.told)))
    }
}

/// Log2 odds as a score from 0 to 1.
#[expect(clippy::cast_possible_truncation, reason = "a score is shown to two digits")]
pub(crate) fn as_score(log2_odds: f64) -> f32 {
    matching::engine::model::probability(log2_odds) as f32
}
