//! Step 4: who is who. Customers meet those they may be; everything else is the same by its key.

use super::Engine;
use super::ingest::Origin;
use super::judge::Counted;
use super::land::Fresh;
use chrono::{DateTime, Utc};
use domain::{GoldenId, ObjectKind, SourceRecordId};
use matching::clean::Keys;
use matching::{Assignment, Key, Known, Link, Meeting, Person, Probe, SHARED_MAX, Settled, assign, person_keys};
use rayon::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::engine::candidates::{self, Question};
use store::engine::landscape::Landscape;
use store::engine::links::{self, LinkRow};
use store::engine::lookup;
use store::engine::records::{self, MemberRow};
use store::engine::sources;
use store::{StoreError, TenantTx, audit};
use uuid::Uuid;

/// Links of less than this probability are not kept: nobody is ever asked about less.
const KEPT_MIN: f64 = 0.02;

/// An address or number that more records than this hold is not looked into.
const RECORDS_MAX: usize = 400;

/// Whether a key is somebody's own address or number, of which few others are expected to have one.
fn is_personal(key: &Key) -> bool {
    matches!(key.purpose, "email" | "phone")
}

/// Who the records of a page are.
pub(crate) struct Identified {
    pub assignments: HashMap<SourceRecordId, Assignment>,
    pub questions: Vec<Question>,
}

impl Engine {
    /// Finds out who the records of a page are. Entities that turn out to be one are joined here.
    pub(crate) async fn identify(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        object: ObjectKind,
        fresh: &[Fresh],
    ) -> Result<Identified, StoreError> {
        let usable: Vec<&Fresh> = fresh.iter().filter(|record| !record.is_flagged()).collect();
        let mut in_page: BTreeMap<i64, usize> = BTreeMap::new();
        for key in usable.iter().flat_map(|record| record.blocking()) {
            *in_page.entry(key).or_default() += 1;
        }
        let mut holders = lookup::holders(tx, in_page.keys().copied().collect(), SHARED_MAX).await?;
        // Somebody may have many records; an address is shared where many people have it.
        let crowded = usable.iter().flat_map(|record| &record.keys).filter(|(hash, key)| {
            let here = in_page.get(hash).copied().unwrap_or_default();
            is_personal(key) && holders.get(hash).is_some_and(|before| before.len() + here > SHARED_MAX)
        });
        let crowded: BTreeSet<i64> = crowded.map(|(hash, _)| *hash).collect();
        holders.extend(lookup::one_of_each(tx, crowded.into_iter().collect(), SHARED_MAX, RECORDS_MAX).await?);
        let met: BTreeSet<Uuid> =
            holders.values().filter(|ids| ids.len() <= SHARED_MAX).flat_map(|ids| ids.iter().map(|id| id.0)).collect();
        let known = known_by_themselves(tx, records::by_ids(tx, met.into_iter().collect()).await?).await?;
        if object == ObjectKind::Customer {
            self.meet(tx, origin, &usable, &holders, known).await
        } else {
            by_key(tx, &usable, &holders, known).await
        }
    }

    /// Customers of a page meet those they may be.
    async fn meet(
        &self,
        tx: &TenantTx,
        origin: &Origin<'_>,
        usable: &[&Fresh],
        holders: &HashMap<i64, Vec<SourceRecordId>>,
        known: Vec<MemberRow>,
    ) -> Result<Identified, StoreError> {
        let judge = self.judge(tx).await?;
        let is_crowded = |hash: &i64| holders.get(hash).is_some_and(|ids| ids.len() > SHARED_MAX);
        let crowded = usable
            .iter()
            .flat_map(|record| &record.keys)
            .filter(|(hash, key)| is_personal(key) && is_crowded(hash))
            .map(|(_, key)| key.value.as_str())
            .collect();
        let counted = Counted { judge: &judge, keys: tx.keys(), crowded };
        let probes: HashSet<SourceRecordId> = usable.iter().map(|record| record.id).collect();
        let mut people: Vec<(Person, Keys)> = usable
            .iter()
            .map(|record| {
                let person = Person {
                    id: record.id,
                    golden: record.stands(),
                    record: record.speaks().clone(),
                    rooftop: origin.connection.rooftop,
                    // What repeats our own words says little by itself.
                    may_leave: record.before.is_some() && record.own().is_none(),
                };
                (person, record.cleaned())
            })
            .collect();
        let met = known.into_par_iter().filter(|row| !probes.contains(&row.id)).map(|row| {
            let person = person(row, origin.landscape);
            let keys = person_keys(&person.record);
            (person, keys)
        });
        people.par_extend(met);
        let meeting = Meeting::of(&judge.scoring, people, &counted);
        let pairs = pairs(usable, holders, meeting.people());
        let links = meeting.links(pairs);

        // Those who stand with them have a say, and so have those whom a changed record stands with.
        let here: HashSet<SourceRecordId> = meeting.people().iter().map(|person| person.id).collect();
        let linked = links.iter().flat_map(|link| [link.left, link.right]);
        let goldens: BTreeSet<Uuid> = linked
            .chain(0..u32::try_from(usable.len()).unwrap_or(u32::MAX))
            .filter_map(|place| meeting.people().get(place as usize)?.golden)
            .map(|golden| golden.0)
            .collect();
        let mates = records::members(tx, goldens.into_iter().collect()).await?;
        let mates: Vec<MemberRow> = mates.into_iter().filter(|row| !here.contains(&row.id)).collect();
        let mates: Vec<Person> =
            known_by_themselves(tx, mates).await?.into_iter().map(|row| person(row, origin.landscape)).collect();
        let meeting = meeting.with(mates, &counted);
        let everybody: Vec<Uuid> = meeting.people().iter().map(|person| person.id.0).collect();
        let apart = if links.is_empty() { HashSet::new() } else { lookup::told_apart(tx, everybody).await? };
        let settled = meeting.settle(&links, &apart, GoldenId::new);

        let changed = usable.iter().filter(|record| record.before.is_some()).map(|record| record.id.0).collect();
        links::forget(tx, changed).await?;
        self.keep_links(tx, &meeting, &links, origin.now).await?;
        let questions = self.conclude(tx, &settled, origin.now).await?;
        let assignments = meeting
            .people()
            .iter()
            .zip(settled.assignments)
            .filter(|(person, _)| probes.contains(&person.id))
            .map(|(person, assignment)| (person.id, assignment))
            .collect();
        Ok(Identified { assignments, questions })
    }

    /// Looks again at all who belong to these entities: after a model or a rule changed.
    pub(crate) async fn meet_again(
        &self,
        tx: &TenantTx,
        landscape: &Landscape,
        goldens: BTreeSet<Uuid>,
        now: DateTime<Utc>,
    ) -> Result<Settled, StoreError> {
        let judge = self.judge(tx).await?;
        let goldens: Vec<Uuid> = goldens.into_iter().collect();
        let rows = known_by_themselves(tx, records::members(tx, goldens.clone()).await?).await?;
        let counted = Counted { judge: &judge, keys: tx.keys(), crowded: HashSet::new() };
        let people: Vec<Person> = rows.into_iter().map(|row| person(row, landscape)).collect();
        let everybody: Vec<Uuid> = people.iter().map(|person| person.id.0).collect();
        let many = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let meeting = Meeting::new(&judge.scoring, people, &counted);
        let links = meeting.links((0..many).flat_map(|left| (left + 1..many).map(move |right| (left, right))));
        let apart = lookup::told_apart(tx, everybody.clone()).await?;
        let settled = meeting.settle(&links, &apart, GoldenId::new);
        links::forget(tx, everybody).await?;
        self.keep_links(tx, &meeting, &links, now).await?;
        let questions = self.conclude(tx, &settled, now).await?;
        // A question that stays keeps its place in the queue, and who looks at it.
        let asked = questions.iter().map(|question| (question.left, question.right)).collect();
        candidates::withdraw(tx, goldens, asked).await?;
        candidates::ask(tx, ObjectKind::Customer, &questions, now).await?;
        Ok(settled)
    }

    async fn keep_links(
        &self,
        tx: &TenantTx,
        meeting: &Meeting<'_>,
        links: &[Link],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let rows: Vec<LinkRow> = links
            .iter()
            .filter(|link| link.probability() >= KEPT_MIN)
            .filter_map(|link| {
                let of = |place: u32| meeting.people().get(place as usize).map(|person| person.id);
                let told = meeting.explain(link);
                let steps = told.steps.iter().map(|step| json!([step.about, step.found, step.bits])).collect();
                Some(LinkRow {
                    left: of(link.left)?,
                    right: of(link.right)?,
                    log2_odds: link.log2_odds,
                    score: link.score,
                    rule: link.said.map_or("", |said| said.rule.name()).to_owned(),
                    rule_same: link.said.is_some_and(|said| said.same),
                    model: told.model,
                    steps: Json::Array(steps),
                })
            })
            .collect();
        links::write(tx, &rows, now).await
    }

    /// Joins what turned out to be one, and returns what people are to be asked.
    async fn conclude(
        &self,
        tx: &TenantTx,
        settled: &Settled,
        now: DateTime<Utc>,
    ) -> Result<Vec<Question>, StoreError> {
        for joined in &settled.joined {
            let (from, to) = (joined.gone, joined.into);
            let moved = self.merge(tx, ObjectKind::Customer, from, to, now).await?;
            let question = Question {
                left: from.min(to),
                right: from.max(to),
                score: joined.score,
                reason: joined.reason.clone(),
                told: None,
            };
            let id = candidates::note_joined(tx, ObjectKind::Customer, &question, moved, now).await?;
            let detail = json!({"left": to, "right": from, "reason": joined.reason, "score": joined.score});
            audit::append(tx, "match.joined", "candidate", &id.to_string(), detail, now).await?;
        }
        let questions: Vec<Question> = settled
            .doubts
            .iter()
            .map(|doubt| Question {
                left: doubt.left,
                right: doubt.right,
                score: doubt.score,
                reason: doubt.reason.clone(),
                told: Some(tx.keys().index64("told", &doubt.told)),
            })
            .collect();
        candidates::worth_asking(tx, questions).await
    }
}

/// Which people of a page meet whom, each pair once: those that share a key which not too many hold.
fn pairs(usable: &[&Fresh], holders: &HashMap<i64, Vec<SourceRecordId>>, people: &[Person]) -> BTreeSet<(u32, u32)> {
    let places: HashMap<SourceRecordId, u32> = (0..).zip(people).map(|(place, person)| (person.id, place)).collect();
    let mut in_page: HashMap<i64, Vec<u32>> = HashMap::new();
    for (place, record) in (0..).zip(usable) {
        for key in record.blocking() {
            in_page.entry(key).or_default().push(place);
        }
    }
    let mut pairs = BTreeSet::new();
    for (key, here) in in_page {
        let before = holders.get(&key).map_or(&[][..], Vec::as_slice);
        if before.len() + here.len() > SHARED_MAX {
            continue;
        }
        for (nth, place) in here.iter().enumerate() {
            let others = here.iter().skip(nth + 1).copied();
            for other in others.chain(before.iter().filter_map(|id| places.get(id)).copied()) {
                if *place != other {
                    pairs.insert((*place.min(&other), *place.max(&other)));
                }
            }
        }
    }
    pairs
}

async fn by_key(
    tx: &TenantTx,
    usable: &[&Fresh],
    holders: &HashMap<i64, Vec<SourceRecordId>>,
    known: Vec<MemberRow>,
) -> Result<Identified, StoreError> {
    let never = if known.is_empty() {
        HashSet::new()
    } else {
        lookup::told_apart(tx, usable.iter().map(|record| record.id.0).collect()).await?
    };
    let known: Vec<Known> =
        known.into_iter().map(|row| Known { id: row.id, golden: row.golden, record: row.doc.spoken() }).collect();
    let probes: Vec<Probe<'_>> = usable
        .iter()
        .map(|record| Probe {
            id: record.id,
            record: record.speaks(),
            keys: record.blocking().collect(),
            golden: record.stands(),
        })
        .collect();
    let assigned = assign(&probes, &known, holders, &never, GoldenId::new);
    let questions = assigned
        .reviews
        .iter()
        .map(|review| Question {
            left: review.left,
            right: review.right,
            score: review.score,
            reason: review.reason.to_owned(),
            told: None,
        })
        .collect();
    let assignments = probes.iter().map(|probe| probe.id).zip(assigned.assignments).collect();
    Ok(Identified { assignments, questions })
}

pub(super) fn person(row: MemberRow, landscape: &Landscape) -> Person {
    Person {
        id: row.id,
        golden: Some(row.golden),
        record: row.doc.spoken(),
        rooftop: landscape.connection(row.connection).and_then(|connection| connection.rooftop),
        may_leave: false,
    }
}

/// Those of these records that their systems knew by themselves. What only repeats our own words is asked where no other
/// record of its entity is left: else who joins whom would depend on whether we had written yet.
async fn known_by_themselves(tx: &TenantTx, rows: Vec<MemberRow>) -> Result<Vec<MemberRow>, StoreError> {
    let echoes: Vec<&MemberRow> = rows.iter().filter(|row| row.doc.known_as().is_none()).collect();
    let ids: Vec<Uuid> = echoes.iter().map(|row| row.id.0).collect();
    let goldens: Vec<Uuid> = echoes.iter().map(|row| row.golden.0).collect();
    let spoken_for = sources::with_others(tx, goldens, ids).await?;
    Ok(rows.into_iter().filter(|row| row.doc.known_as().is_some() || !spoken_for.contains(&row.golden)).collect())
}
