//! People review doubtful matches: in the order of what hangs on them, two at once, whole clusters, many at once; and
//! everything can be taken back to the letter.

use crate::fake::{DMS, Dealership};
use app::candidates::{CandidateShown, Filter, Standing};
use app::engine::{EngineError, Verdict};
use app::{Actor, AppError, Grants};
use chrono::{TimeDelta, Utc};
use domain::{CandidateId, GoldenId, ObjectKind, SourceRecordId, UserId};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use store::TenantScope;
use store::engine::goldens::{self, GoldenRow, GoldenState};
use store::engine::{records, review};

const CUSTOMER: ObjectKind = ObjectKind::Customer;
/// First name and two surnames: a pair that only a person can decide.
const PAIRS: [(&str, &str, &str); 12] = [
    ("Ann", "Walker", "Lee"),
    ("Bert", "Stone", "Moss"),
    ("Clara", "Fox", "Nolan"),
    ("Dora", "Pike", "Quist"),
    ("Emil", "Rhodes", "Sander"),
    ("Fay", "Tucker", "Usher"),
    ("Gus", "Vance", "Webb"),
    ("Hedda", "Yates", "Zorn"),
    ("Igor", "Abbot", "Birch"),
    ("Jill", "Cutler", "Dunmore"),
    ("Kurt", "Eaton", "Frame"),
    ("Lotte", "Garvey", "Holm"),
];

fn person(first: &str, last: &str, email: &str) -> Json {
    json!({"first_name": first, "last_name": last, "email": email, "changed": "2026-11-01T00:00:00Z"})
}

/// A dealership in which a person asks.
async fn dealership() -> Dealership {
    let mut here = Dealership::open().await;
    here.scope = TenantScope::new(here.scope.tenant(), Actor::Person(UserId::new()), Grants::all());
    here
}

/// A dealership with so many pairs to decide.
async fn with_pairs(many: usize) -> Dealership {
    let here = dealership().await;
    for (n, (first, one, other)) in PAIRS.iter().take(many).enumerate() {
        let email = format!("{}@example.com", first.to_lowercase());
        DMS.put(CUSTOMER, &format!("{n:02}a"), person(first, one, &email));
        DMS.put(CUSTOMER, &format!("{n:02}b"), person(first, other, &email));
    }
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(open(&here).await.len(), many, "each pair is asked about once");
    here
}

async fn in_state(here: &Dealership, standing: Standing) -> Vec<CandidateShown> {
    let filter = Filter { standing, ..Filter::default() };
    here.app.candidates().list(&here.scope, &filter, None, 200).await.unwrap()
}

async fn open(here: &Dealership) -> Vec<CandidateShown> {
    in_state(here, Standing::Open).await
}

/// Two pairs' titles tell them apart: that of this person.
async fn of(here: &Dealership, first: &str) -> CandidateId {
    open(here).await.into_iter().find(|pair| pair.titles().0.contains(first)).expect("an open pair of theirs").id
}

async fn audited(here: &Dealership) -> Vec<String> {
    let entries =
        here.app.audit_trail().page(&here.scope, &app::audit_trail::Filter::default(), None, 200).await.unwrap();
    entries.into_iter().map(|entry| entry.action).filter(|action| action.starts_with("match.")).collect()
}

/// What is stored of an entity's content.
fn content(rows: &[GoldenRow]) -> BTreeMap<GoldenId, (Vec<u8>, String)> {
    rows.iter().map(|row| (row.id, (row.content_hash.clone(), serde_json::to_string(&row.golden).unwrap()))).collect()
}

#[tokio::test]
async fn the_queue_goes_by_what_hangs_on_a_pair_and_by_filters() {
    let here = dealership().await;
    DMS.put(ObjectKind::Deal, "d1", json!({"deal_number": "D1", "customer": "01b", "status": "delivered"}));
    here.sync(here.dms, ObjectKind::Deal).await;
    for (n, (first, one, other)) in PAIRS.iter().take(3).enumerate() {
        let email = format!("{}@example.com", first.to_lowercase());
        DMS.put(CUSTOMER, &format!("{n:02}a"), person(first, one, &email));
        DMS.put(CUSTOMER, &format!("{n:02}b"), person(first, other, &email));
    }
    here.sync(here.dms, CUSTOMER).await;
    let candidates = here.app.candidates();

    let all = open(&here).await;
    let first_page = candidates.list(&here.scope, &Filter::default(), None, 2).await.unwrap();
    let second_page =
        candidates.list(&here.scope, &Filter::default(), first_page.last().map(|pair| pair.place), 2).await.unwrap();
    let of_the_dms = Filter { connection: Some(here.dms), object: Some(CUSTOMER), ..Filter::default() };
    let of_deals = Filter { object: Some(ObjectKind::Deal), ..Filter::default() };
    let unlikely = Filter { score_max: Some(0.01), ..Filter::default() };
    let unknown = Filter { connection: Some(domain::ConnectionId::new()), ..Filter::default() };

    assert_eq!(all.len(), 3);
    assert_eq!((all[0].stake, all[1].stake), (5, 0));
    assert!(all[0].titles().0.contains("Bert"), "{:?}", all[0].titles());
    let paged: Vec<CandidateId> = first_page.iter().chain(&second_page).map(|pair| pair.id).collect();
    assert_eq!(paged, all.iter().map(|pair| pair.id).collect::<Vec<_>>());
    assert_eq!(candidates.count(&here.scope, &of_the_dms).await.unwrap(), 3);
    assert_eq!(candidates.count(&here.scope, &of_deals).await.unwrap(), 0);
    assert_eq!(candidates.count(&here.scope, &unlikely).await.unwrap(), 0);
    assert!(matches!(candidates.count(&here.scope, &unknown).await, Err(AppError::NotFound(_))));
}

#[tokio::test]
async fn a_pair_that_is_put_off_comes_back_at_its_time_or_when_that_is_undone() {
    let here = with_pairs(1).await;
    let pair = open(&here).await.remove(0).id;
    let decide = async |verdict| here.engine.decide_candidate(&here.scope, pair, verdict).await;

    assert!(decide(Verdict::Snooze(Utc::now() - TimeDelta::minutes(1))).await.is_err(), "not into the past");
    decide(Verdict::Snooze(Utc::now() + TimeDelta::days(1))).await.unwrap();
    let while_put_off = (open(&here).await.len(), in_state(&here, Standing::Snoozed).await.len());
    assert_eq!(here.app.views().waiting(&here.scope).await.unwrap().duplicates, 0);
    decide(Verdict::Undo).await.unwrap();
    let undone = open(&here).await.len();
    decide(Verdict::Snooze(Utc::now() + TimeDelta::days(1))).await.unwrap();
    here.test.run("UPDATE candidate SET snoozed_until = now() - interval '1 s'").await;

    assert_eq!((while_put_off, undone, open(&here).await.len()), ((0, 1), 1, 1));
    decide(Verdict::Merge).await.unwrap();
    assert_eq!(audited(&here).await, ["match.merged", "match.snoozed", "match.snooze_undone", "match.snoozed"]);
}

#[tokio::test]
async fn two_reviewers_at_once_are_never_given_the_same_pair_and_decide_all_of_them() {
    let here = with_pairs(PAIRS.len()).await;
    let review_all = |scope: TenantScope| {
        let (app, engine) = (here.app.clone(), here.engine.clone());
        tokio::spawn(async move {
            let mut mine = Vec::new();
            while let Some(id) = app.candidates().next(&scope, Filter::default(), None).await.unwrap() {
                // A collision would be refused here: decided or claimed by the other.
                engine.decide_candidate(&scope, id, Verdict::NotAMatch).await.unwrap();
                mine.push(id);
            }
            mine
        })
    };

    let reviewers: Vec<_> = (0..4).map(|_| review_all(here.manager_of(here.rooftop))).collect();
    let mut given = Vec::new();
    for reviewer in reviewers {
        given.push(reviewer.await.unwrap());
    }

    let all: Vec<CandidateId> = given.concat();
    assert_eq!(all.len(), PAIRS.len(), "{given:?}");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), PAIRS.len(), "nobody was given what another had");
    assert_eq!(in_state(&here, Standing::NotAMatch).await.len(), PAIRS.len());
}

#[tokio::test]
async fn a_pair_that_somebody_looks_at_is_theirs_until_they_let_go_or_their_time_is_over() {
    let here = with_pairs(2).await;
    let (bo, cy) = (here.manager_of(here.rooftop), here.manager_of(here.rooftop));
    let candidates = here.app.candidates();
    let bos = candidates.next(&bo, Filter::default(), None).await.unwrap().unwrap();
    let cys = candidates.next(&cy, Filter::default(), None).await.unwrap().unwrap();

    let refused = here.engine.decide_candidate(&cy, bos, Verdict::Merge).await;
    let no_more = candidates.next(&here.scope, Filter::default(), None).await.unwrap();
    let seen_by_cy = candidates.get(&cy, bos).await.unwrap().pair.claim.unwrap();
    let seen_by_bo = candidates.get(&bo, bos).await.unwrap().pair.claim.unwrap();
    assert!(matches!(refused, Err(EngineError::Claimed { .. })), "{refused:?}");
    assert!(matches!(here.engine.claim_candidate(&cy, bos).await, Err(EngineError::Claimed { .. })));
    assert_ne!(bos, cys);
    assert_eq!((no_more, seen_by_cy.is_mine, seen_by_bo.is_mine), (None, false, true));
    assert!(seen_by_bo.until > seen_by_cy.until, "who looks at it keeps it for longer");

    // Bo skips it: there is no other, and Cy may have it now.
    assert_eq!(candidates.next(&bo, Filter::default(), Some(bos)).await.unwrap(), None);
    here.engine.claim_candidate(&cy, bos).await.unwrap();
    here.test.run("UPDATE candidate SET claimed_until = now() - interval '1 s'").await;
    here.engine.decide_candidate(&bo, bos, Verdict::Merge).await.unwrap();
    assert!(here.engine.claim_candidate(&cy, bos).await.is_err(), "decided");
    assert_eq!(candidates.next(&bo, Filter::default(), None).await.unwrap(), Some(cys));
}

#[tokio::test]
async fn a_pair_shows_a_waterfall_that_sums_up_and_exactly_what_a_merge_leaves() {
    let here = with_pairs(1).await;
    let pair = open(&here).await.remove(0).id;

    let shown = here.app.candidates().get(&here.scope, pair).await.unwrap();
    let survivor = here.engine.decide_candidate(&here.scope, pair, Verdict::Merge).await.unwrap().unwrap();
    let after = here.app.candidates().get(&here.scope, pair).await.unwrap();

    let link = shown.link.expect("customers have links");
    let sum: f64 = link.steps.iter().map(|step| step.bits).sum();
    assert!((sum - link.log2_odds).abs() < 1e-6 && link.steps.len() > 2, "{link:?}");
    assert_eq!(after.link.map(|link| link.steps.len()), Some(link.steps.len()), "a merged pair still says why");
    let merged = here.app.records().get(&here.scope, survivor).await.unwrap();
    let promised: Vec<_> = shown.survivors.iter().map(|one| one.field.clone()).collect();
    assert_eq!(promised, merged.fields);
    assert!(shown.survivors.iter().all(|one| one.system == "dms"), "{:?}", shown.survivors);
    let (before, then) = (shown.pair, after.pair);
    let says = |side: &Option<app::records::RecordShown>| side.as_ref().map(|side| side.fields.clone());
    assert_eq!((says(&before.left), says(&before.right)), (says(&then.left), says(&then.right)), "as they were");
    let keys = |side: Option<app::records::RecordShown>| {
        side.map(|side| side.sources.into_iter().map(|source| source.id).collect::<BTreeSet<_>>())
    };
    assert_eq!((keys(before.left), keys(before.right)), (keys(then.left), keys(then.right)));
}

#[tokio::test]
async fn a_cluster_is_decided_at_once_with_one_left_out_and_undone_pair_by_pair() {
    let here = dealership().await;
    for (n, last) in ["Walker", "Lee", "Stone", "Fox"].into_iter().enumerate() {
        DMS.put(CUSTOMER, &n.to_string(), person("Ann", last, "ann@example.com"));
    }
    here.sync(here.dms, CUSTOMER).await;
    let before = here.goldens(CUSTOMER).await;
    let ids: Vec<GoldenId> = before.iter().map(|row| row.id).collect();
    let pair = open(&here).await.remove(0).id;
    let cluster = here.app.candidates().cluster(&here.scope, pair).await.unwrap();
    assert_eq!(cluster.members.iter().map(|member| member.id).collect::<Vec<_>>(), ids);
    assert!(cluster.links.len() >= 3 && !cluster.is_cut, "{:?}", cluster.links);

    let twice = here.engine.decide_cluster(&here.scope, pair, &ids, &ids[..1]).await;
    let stranger = here.engine.decide_cluster(&here.scope, pair, &[ids[0], GoldenId::new()], &[]).await;
    let done = here.engine.decide_cluster(&here.scope, pair, &ids[..3], &ids[3..]).await.unwrap();
    here.work().await;

    assert!(twice.is_err() && stranger.is_err());
    assert_eq!((done.survivor, done.merged.len(), done.apart.len()), (ids[0], 2, 1));
    let now: Vec<GoldenId> = here.goldens(CUSTOMER).await.iter().map(|row| row.id).collect();
    assert_eq!(now, [ids[0], ids[3]]);
    assert_eq!(open(&here).await.len(), 0, "every question is answered");
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 2, "and stays so");
    assert!(audited(&here).await.contains(&"match.cluster_decided".to_owned()));

    for pair in done.merged {
        here.engine.decide_candidate(&here.scope, pair, Verdict::Undo).await.unwrap();
    }
    here.work().await;
    assert_eq!(content(&here.goldens(CUSTOMER).await), content(&before));
}

#[tokio::test]
async fn what_a_person_took_apart_the_engine_never_joins_and_a_person_can() {
    let here = with_pairs(1).await;
    let pair = open(&here).await.remove(0).id;
    let decide = async |verdict| here.engine.decide_candidate(&here.scope, pair, verdict).await.unwrap();
    decide(Verdict::Merge).await;
    decide(Verdict::Undo).await;
    assert_eq!(open(&here).await.len(), 1, "it waits again");

    // Now nothing tells them apart.
    DMS.put(CUSTOMER, "00b", person("Ann", "Walker", "ann@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 2, "the person's word holds");
    decide(Verdict::Merge).await;
    here.sync(here.dms, CUSTOMER).await;

    assert_eq!(here.goldens(CUSTOMER).await.len(), 1, "who decided last, decided");
}

#[tokio::test]
async fn what_the_engine_joined_is_listed_and_its_undo_is_a_no_that_holds() {
    let here = dealership().await;
    DMS.put(CUSTOMER, "1", person("Ann", "Walker", "ann@example.com"));
    DMS.put(CUSTOMER, "2", person("Bea", "Holm", "bea@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    DMS.put(CUSTOMER, "2", person("Ann", "Walker", "ann@example.com"));
    here.sync(here.dms, CUSTOMER).await;
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);
    let joined = in_state(&here, Standing::Joined).await;
    assert_eq!((joined.len(), joined[0].decided_by.clone()), (1, None));
    assert!(in_state(&here, Standing::Merged).await.is_empty());

    here.engine.decide_candidate(&here.scope, joined[0].id, Verdict::Undo).await.unwrap();
    here.sync(here.dms, CUSTOMER).await;

    assert_eq!(here.goldens(CUSTOMER).await.len(), 2);
    assert_eq!(in_state(&here, Standing::NotAMatch).await.len(), 1);
    assert!(open(&here).await.is_empty(), "and nobody is asked about what somebody just said");
    assert!(audited(&here).await.contains(&"match.join_undone".to_owned()));
}

/// The living source records of an entity by the system's key.
async fn sources(here: &Dealership, golden: GoldenId) -> BTreeMap<String, SourceRecordId> {
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let members = records::members(&tx, vec![golden.0]).await.unwrap();
    members.into_iter().filter(|row| row.connection == here.dms).map(|row| (row.external_id, row.id)).collect()
}

#[tokio::test]
async fn a_record_is_taken_apart_by_its_sources_and_what_leaves_stays_away() {
    let here = dealership().await;
    for n in 0..3 {
        DMS.put(CUSTOMER, &n.to_string(), person("Ann", "Walker", "ann@example.com"));
    }
    here.sync(here.dms, CUSTOMER).await;
    let whole = here.goldens(CUSTOMER).await.remove(0);
    let of = sources(&here, whole.id).await;
    assert_eq!(of.len(), 3);

    let nothing = here.engine.split(&here.scope, whole.id, &[]).await;
    let not_its = here.engine.split(&here.scope, whole.id, &[SourceRecordId::new()]).await;
    let split = here.engine.split(&here.scope, whole.id, &[of["2"]]).await.unwrap();
    here.work().await;
    here.sync(here.dms, CUSTOMER).await;

    assert!(matches!(nothing, Err(EngineError::NotNow(_))) && matches!(not_its, Err(EngineError::NotFound(_))));
    let ids: Vec<GoldenId> = here.goldens(CUSTOMER).await.iter().map(|row| row.id).collect();
    assert_eq!(ids, [whole.id, split.out]);
    assert_eq!(sources(&here, split.out).await.keys().collect::<Vec<_>>(), ["2"]);
    assert!(audited(&here).await.contains(&"match.split".to_owned()));
    let left = here.app.candidates().get(&here.scope, split.candidate).await.unwrap().pair;
    assert_eq!(left.state, Standing::NotAMatch);

    // Its undo asks again; a person joins them, and they are what they were.
    here.engine.decide_candidate(&here.scope, split.candidate, Verdict::Undo).await.unwrap();
    here.engine.decide_candidate(&here.scope, split.candidate, Verdict::Merge).await.unwrap();
    assert_eq!(content(&here.goldens(CUSTOMER).await), content(&[whole]));
}

#[tokio::test]
async fn each_system_knows_both_parts_by_their_own_keys_again() {
    let here = with_pairs(1).await;
    here.work().await;
    here.sync(here.crm, CUSTOMER).await;
    let pair = open(&here).await.remove(0).id;
    let survivor = here.engine.decide_candidate(&here.scope, pair, Verdict::Merge).await.unwrap().unwrap();
    here.work().await;
    here.engine.decide_candidate(&here.scope, pair, Verdict::Undo).await.unwrap();
    here.work().await;

    let crm = crate::fake::CRM.all(CUSTOMER);
    let of: BTreeSet<String> = crm.iter().map(|record| record["last_name"].to_string()).collect();
    assert_eq!(of.len(), 2, "{crm:?}");
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    let ids = here.goldens(CUSTOMER).await.iter().map(|row| row.id.0).collect();
    let targets = store::engine::targets::of_goldens(&tx, ids).await.unwrap();
    let keys: BTreeSet<Option<String>> = targets.iter().map(|target| target.external_id.clone()).collect();
    assert_eq!((targets.len(), keys.len()), (2, 2), "{targets:?} {survivor}");
}

#[tokio::test]
async fn fifty_records_are_merged_and_each_comes_back_as_it_was_to_the_byte() {
    const MANY: usize = 50;
    let here = dealership().await;
    DMS.page_size.store(100, std::sync::atomic::Ordering::SeqCst);
    for n in 0..MANY {
        let letters = [n / 26, n % 26].map(|place| char::from(b'a' + u8::try_from(place).unwrap()));
        let last = format!("{}{}olm", letters[0].to_uppercase(), letters[1]);
        let mut one = person(&format!("Ann{}", letters[1]), &last, &format!("{last}{n}@example.com"));
        one["city"] = json!(if n % 2 == 0 { "Tampa" } else { "Boise" });
        DMS.put(CUSTOMER, &format!("{n:02}"), one);
    }
    here.sync(here.dms, CUSTOMER).await;
    let before = here.goldens(CUSTOMER).await;
    assert_eq!(before.len(), MANY);
    // What the DMS says, and what the CRM was written and says again.
    let mut sources_of: BTreeMap<GoldenId, Vec<SourceRecordId>> = BTreeMap::new();
    let tx = here.test.db.tenant(&here.scope).await.unwrap();
    for row in records::members(&tx, before.iter().map(|row| row.id.0).collect()).await.unwrap() {
        sources_of.entry(row.golden).or_default().push(row.id);
    }
    drop(tx);
    // A person puts them together, pair by pair.
    let survivor = before[0].id;
    let mut rows = Vec::new();
    for row in &before[1..] {
        let id = CandidateId::new();
        here.test
            .run(&format!(
                "INSERT INTO candidate (tenant_id, id, object, left_golden, right_golden, score, reason, state)
                 VALUES ('{}', '{id}', {}, '{survivor}', '{}', 0.5, 'x', 'open')",
                here.scope.tenant(),
                CUSTOMER.code(),
                row.id
            ))
            .await;
        here.engine.decide_candidate(&here.scope, id, Verdict::Merge).await.unwrap();
        rows.push(id);
    }
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);

    // One leaves the whole. The others follow, half by their undo, half by being taken apart.
    let split = here.engine.split(&here.scope, survivor, &sources_of[&before[MANY - 1].id]).await.unwrap();
    assert_eq!(split.out, before[MANY - 1].id, "it is what it was");
    for (nth, id) in rows.iter().enumerate().take(MANY - 2) {
        if nth % 2 == 0 {
            here.engine.decide_candidate(&here.scope, *id, Verdict::Undo).await.unwrap();
        } else {
            here.engine.split(&here.scope, survivor, &sources_of[&before[nth + 1].id]).await.unwrap();
        }
    }
    here.work().await;

    let after = here.goldens(CUSTOMER).await;
    assert_eq!(content(&after), content(&before));
    assert!(after.iter().all(|row| row.state == GoldenState::Live && row.members == 1));
}

#[tokio::test]
async fn a_merge_within_a_merge_is_undone_by_itself() {
    let here = dealership().await;
    for (n, last) in ["Walker", "Lee", "Stone"].into_iter().enumerate() {
        DMS.put(CUSTOMER, &n.to_string(), person("Ann", last, "ann@example.com"));
    }
    here.sync(here.dms, CUSTOMER).await;
    let before = here.goldens(CUSTOMER).await;
    let pair_of = async |one: usize, other: usize| {
        let pairs = open(&here).await;
        let sides = |pair: &CandidateShown| (pair.left.as_ref().unwrap().id, pair.right.as_ref().unwrap().id);
        pairs.iter().find(|pair| sides(pair) == (before[one].id, before[other].id)).expect("that pair").id
    };
    let inner = pair_of(1, 2).await;
    let outer = pair_of(0, 1).await;
    here.engine.decide_candidate(&here.scope, inner, Verdict::Merge).await.unwrap();
    here.engine.decide_candidate(&here.scope, outer, Verdict::Merge).await.unwrap();
    assert_eq!(here.goldens(CUSTOMER).await.len(), 1);

    here.engine.decide_candidate(&here.scope, inner, Verdict::Undo).await.unwrap();
    let (tx, third) = (here.test.db.tenant(&here.scope).await.unwrap(), before[2].id);
    let third = goldens::by_ids(&tx, vec![third.0]).await.unwrap();
    drop(tx);
    assert_eq!(content(&third), content(&before[2..]));
    assert_eq!(here.goldens(CUSTOMER).await.len(), 2);
    here.engine.decide_candidate(&here.scope, outer, Verdict::Undo).await.unwrap();

    assert_eq!(content(&here.goldens(CUSTOMER).await), content(&before));
}

#[tokio::test]
async fn many_are_decided_at_once_only_as_many_as_were_seen() {
    let here = with_pairs(PAIRS.len()).await;
    let bo = here.manager_of(here.rooftop);
    let theirs = here.app.candidates().next(&bo, Filter::default(), None).await.unwrap().unwrap();
    let filter = Filter { object: Some(CUSTOMER), ..Filter::default() };
    let rest = i64::try_from(PAIRS.len()).unwrap() - 1;

    let seen = here.app.candidates().sample(&here.scope, &filter).await.unwrap();
    let refused = here.engine.decide_many(&here.scope, &filter, Verdict::Merge, rest + 1).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("{rest} pairs")), "{refused}");
    assert_eq!(open(&here).await.len(), PAIRS.len(), "nothing was decided");
    let done = here.engine.decide_many(&here.scope, &filter, Verdict::Merge, seen.count).await.unwrap();
    here.work().await;

    assert_eq!((seen.count, seen.sample.len()), (rest, 11));
    assert!(seen.sample.iter().all(|pair| pair.id != theirs), "what somebody looks at is theirs");
    assert_eq!((done.done, done.left), (rest, 0));
    assert_eq!(here.goldens(CUSTOMER).await.len(), PAIRS.len() + 1);
    let trail = audited(&here).await;
    assert_eq!(trail.iter().filter(|action| *action == "match.bulk_decided").count(), 1);
    assert_eq!(trail.iter().filter(|action| *action == "match.merged").count(), 11);
    let first = in_state(&here, Standing::Merged).await.remove(0).id;
    here.engine.decide_candidate(&here.scope, first, Verdict::Undo).await.unwrap();
    assert_eq!(here.goldens(CUSTOMER).await.len(), PAIRS.len() + 2, "each has its own undo");
}

#[tokio::test]
async fn a_no_is_asked_again_only_when_what_they_say_changes() {
    let here = with_pairs(2).await;
    let ann = of(&here, "Ann").await;
    here.engine.decide_candidate(&here.scope, ann, Verdict::NotAMatch).await.unwrap();
    let told = async || {
        let tx = here.test.db.tenant(&here.scope).await.unwrap();
        let filter = review::Filter { standing: Standing::NotAMatch, ..Filter::default() };
        review::page(&tx, &filter, None, 10, Utc::now()).await.unwrap().first().map(|row| row.told)
    };
    assert!(matches!(told().await, Some(Some(_))), "what they said is kept");

    let mut lee = person("Ann", "Lee", "ann@example.com");
    lee["city"] = json!("Tampa");
    DMS.put(CUSTOMER, "00b", lee);
    here.sync(here.dms, CUSTOMER).await;
    let after_a_city = told().await;
    DMS.put(CUSTOMER, "00b", person("Anna", "Lee", "ann@example.com"));
    here.sync(here.dms, CUSTOMER).await;

    assert!(after_a_city.is_none() || open(&here).await.len() == 2, "a change of a key is asked about");
    assert_eq!(open(&here).await.len(), 2);
}
