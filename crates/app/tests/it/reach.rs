//! Somebody who is limited to one rooftop sees and does nothing with what belongs to another alone.

use crate::fake::{DMS, Dealership};
use app::candidates::Filter;
use app::engine::EngineError;
use app::engine::candidates::Verdict;
use app::engine::syncs::Mode;
use domain::{ConnectionId, ObjectKind};
use serde_json::json;
use store::TenantScope;
use store::engine::failures;

const CUSTOMER: ObjectKind = ObjectKind::Customer;

/// Two rooftops with a DMS each: A's customers were read from A's, B's from B's.
struct Group {
    here: Dealership,
    of_a: TenantScope,
    of_b: TenantScope,
    dms_b: ConnectionId,
}

impl Group {
    /// `a` and `b`: last name and e-mail of each rooftop's customers.
    async fn open(a: &[(&str, &str)], b: &[(&str, &str)]) -> Self {
        let here = Dealership::open().await;
        let kia = here.add_rooftop("Kia").await;
        let dms_b = here.second_dms(kia).await;
        for (connection, customers) in [(here.dms, a), (dms_b, b)] {
            DMS.records.lock().unwrap().clear();
            for (n, (last, email)) in customers.iter().enumerate() {
                let record =
                    json!({"first_name": "Ann", "last_name": last, "email": email, "changed": "2026-11-01T00:00:00Z"});
                DMS.put(CUSTOMER, &format!("{connection}{n}"), record);
            }
            here.sync(connection, CUSTOMER).await;
        }
        let (of_a, of_b) = (here.manager_of(here.rooftop), here.manager_of(kia));
        Self { here, of_a, of_b, dms_b }
    }

    /// The first open pair of the whole group.
    async fn pair(&self) -> domain::CandidateId {
        let open = self.here.app.candidates().list(&self.here.scope, &Filter::default(), None, 10).await.unwrap();
        open.first().expect("an open pair").id
    }
}

fn not_found<T: std::fmt::Debug>(answer: &Result<T, EngineError>) -> bool {
    matches!(answer, Err(EngineError::NotFound(_)))
}

#[tokio::test]
async fn lists_counts_and_search_show_the_own_rooftops_records_in_full_pages() {
    let group = Group::open(
        &[("Adams", "a1@example.com"), ("Both", "both@example.com")],
        &[("Baker", "b1@example.com"), ("Both", "both@example.com"), ("Brown", "b2@example.com")],
    )
    .await;
    let records = group.here.app.records();

    let (all, _) = records.page(&group.here.scope, CUSTOMER, None, 10).await.unwrap();
    let (first, next) = records.page(&group.of_b, CUSTOMER, None, 2).await.unwrap();
    let (second, _) = records.page(&group.of_b, CUSTOMER, next, 2).await.unwrap();
    let found = records.search(&group.of_a, "b1@example.com").await.unwrap();
    let shared = records.search(&group.of_a, "both@example.com").await.unwrap();
    let by_name = records.search(&group.of_b, "Ann Baker").await.unwrap();

    assert_eq!((all.len(), first.len(), second.len()), (4, 2, 1), "a page is full while there is more");
    assert!(first.iter().chain(&second).all(|record| !record.title.contains("Adams")));
    assert_eq!((found.len(), shared.len(), by_name.len()), (0, 1, 1));
    assert_eq!(group.here.app.views().record_counts(&group.of_a).await.unwrap(), vec![(CUSTOMER, 2)]);
    let baker = by_name[0].id;
    assert!(records.get(&group.of_a, baker).await.is_err());
    assert!(group.here.app.views().record(&group.of_a, baker).await.unwrap().is_none(), "nor in the portal");
    let lines = group.here.app.views().records(&group.of_a, CUSTOMER, None, 10).await.unwrap().lines;
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_pair_is_decided_only_by_who_may_review_both_sides() {
    let group =
        Group::open(&[("Adams", "a1@example.com")], &[("Walker", "same@example.com"), ("Lee", "same@example.com")])
            .await;
    let pair = group.pair().await;
    let engine = &group.here.engine;

    let refused = engine.decide_candidate(&group.of_a, pair, Verdict::Merge).await;
    let seen_by_a = group.here.app.candidates().list(&group.of_a, &Filter::default(), None, 10).await.unwrap().len();
    let seen_by_b = group.here.app.candidates().list(&group.of_b, &Filter::default(), None, 10).await.unwrap().len();
    let merged = engine.decide_candidate(&group.of_b, pair, Verdict::Merge).await;
    let undone_by_a = engine.decide_candidate(&group.of_a, pair, Verdict::Undo).await;
    let undone_by_b = engine.decide_candidate(&group.of_b, pair, Verdict::Undo).await;

    assert!(not_found(&refused) && not_found(&undone_by_a), "{refused:?} {undone_by_a:?}");
    assert!(merged.is_ok() && undone_by_b.is_ok(), "{merged:?} {undone_by_b:?}");
    assert_eq!((seen_by_a, seen_by_b), (0, 1));
    assert_eq!(group.here.app.candidates().count(&group.of_a, &Filter::default()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_pair_across_two_rooftops_is_nobodys_of_one_rooftop() {
    let group = Group::open(&[("Walker", "same@example.com")], &[("Lee", "same@example.com")]).await;
    let pair = group.pair().await;

    let by_a = group.here.engine.decide_candidate(&group.of_a, pair, Verdict::NotAMatch).await;
    let by_b = group.here.engine.decide_candidate(&group.of_b, pair, Verdict::NotAMatch).await;
    let by_group = group.here.engine.decide_candidate(&group.here.scope, pair, Verdict::NotAMatch).await;

    assert!(not_found(&by_a) && not_found(&by_b));
    assert!(by_group.is_ok());
}

#[tokio::test]
async fn a_record_a_failure_and_a_sync_of_another_rooftop_are_not_there() {
    let group = Group::open(&[("Adams", "a1@example.com")], &[("Baker", "b1@example.com")]).await;
    let engine = &group.here.engine;
    let baker = group.here.app.records().search(&group.of_b, "b1@example.com").await.unwrap()[0].id;
    // One that cannot be used, so that B has a failure.
    DMS.put(CUSTOMER, "bad", json!({"city": "Tampa"}));
    group.here.sync(group.dms_b, CUSTOMER).await;
    let tx = group.here.test.db.tenant(&group.here.scope).await.unwrap();
    let failure = failures::page(&tx, &failures::Filter::default(), None, 1).await.unwrap().remove(0);
    drop(tx);

    let resynced = engine.resync_record(&group.of_a, baker).await;
    let replayed = engine.replay_failure(&group.of_a, failure.id).await;
    let by_cause = engine.replay_cause(&group.of_a, group.dms_b, None, &failure.code).await;
    let started = engine.start_sync(&group.of_a, group.dms_b, None, Mode::Full).await;

    assert!(not_found(&resynced) && not_found(&replayed) && not_found(&by_cause) && not_found(&started));
    assert!(engine.resync_record(&group.of_b, baker).await.is_ok());
    assert!(engine.replay_failure(&group.of_b, failure.id).await.is_ok());
}

#[tokio::test]
async fn removals_of_another_rooftop_are_not_approved() {
    let many: Vec<(String, String)> = (0..20).map(|n| (format!("Lee{n}x"), format!("b{n}@example.com"))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(last, email)| (last.as_str(), email.as_str())).collect();
    let group = Group::open(&[("Adams", "a1@example.com")], &many).await;
    let keys: Vec<String> = DMS.records.lock().unwrap().keys().map(|(_, key)| key.clone()).collect();
    for key in keys.iter().skip(4) {
        DMS.take(CUSTOMER, key);
    }
    let run = group.here.sync(group.dms_b, CUSTOMER).await;
    assert_eq!(run.state, "held");

    let by_a = group.here.engine.approve_removals(&group.of_a, run.id).await;
    let by_b = group.here.engine.approve_removals(&group.of_b, run.id).await;

    assert!(not_found(&by_a), "{by_a:?}");
    assert!(by_b.is_ok());
}
