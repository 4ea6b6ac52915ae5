//! The conformance suite: what every connector must do when its vendor has a good or a bad day.

use crate::bench::{Bench, CALL_TIMEOUT};
use connectors::{ConnectorError, Outcome, PullMode, Retry, StepOutcome};
use domain::ObjectKind;
use simulators::faults::Fault;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Runs the suite over a connector: a module of tests named `$name`, over benches made from `$fixture`.
macro_rules! conformance {
    ($name:ident, $fixture:expr) => {
        conformance!($name, $fixture;
            good_credentials_pass_every_step,
            bad_credentials_are_told_at_their_step,
            paging_brings_every_record_exactly_once,
            a_401_asks_for_new_credentials,
            a_429_with_retry_after_waits_that_long,
            a_429_without_retry_after_waits_all_the_same,
            a_500_is_tried_again_soon,
            a_cut_read_is_tried_again_soon,
            an_unreadable_answer_is_told_as_such,
            the_same_page_twice_loses_nothing_and_ends,
            a_slow_read_is_given_up_in_time,
            a_renamed_field_is_reported_and_nothing_is_lost,
            a_write_without_an_answer_is_unknown_and_its_repeat_makes_no_duplicate,
            a_slow_write_is_unknown_and_its_repeat_makes_no_duplicate,
            a_refused_call_writes_nothing_and_the_repeat_writes_once,
            the_same_write_again_changes_nothing,
            a_withdrawn_record_is_gone_and_withdrawing_again_is_fine,
        );
    };
    ($name:ident, $fixture:expr; $($test:ident),+ $(,)?) => {
        mod $name {
            $(#[tokio::test]
            async fn $test() {
                $crate::conformance::$test($crate::bench::Bench::start($fixture).await).await;
            })+
        }
    };
}

const SLOW: Fault = Fault::Slow { delay_ms: 4_000 };

pub async fn good_credentials_pass_every_step(bench: Bench) {
    for object in bench.fixture().reads() {
        bench.fixture().seed(&bench, object).await;
    }

    let verified = bench.connector().verify(&bench.access()).await;

    assert!(verified.is_good(), "{:?}", verified.steps);
    for object in bench.fixture().reads() {
        let sample = verified.samples.iter().find(|sample| sample.object == object);
        let count = sample.map_or(0, |sample| sample.payloads.len());
        assert!((1..=5).contains(&count), "{count} sample records of {object}");
    }
}

pub async fn bad_credentials_are_told_at_their_step(bench: Bench) {
    let verified = bench.connector().verify(&bench.access_with(bench.fixture().bad())).await;

    assert!(!verified.is_good());
    let bad = verified.steps.iter().find(|step| step.outcome == StepOutcome::Bad).expect("a bad step");
    assert!(!bad.said.is_empty() && !bad.fix.is_empty(), "{bad:?}");
    let secrets = bench.fixture().bad();
    assert!(!secrets.values().any(|secret| bad.said.contains(secret.as_str())), "the step tells the secret");
}

pub async fn paging_brings_every_record_exactly_once(bench: Bench) {
    for object in bench.fixture().reads() {
        let seeded: BTreeSet<String> = bench.fixture().seed(&bench, object).await.into_iter().collect();

        let (records, _) = bench.pull(&bench.access(), object, PullMode::Full, None).await.unwrap();

        let ids: Vec<&String> = records.iter().map(|record| &record.external_id).collect();
        assert_eq!(ids.len(), seeded.len(), "{object}: too many or too few");
        assert_eq!(ids.into_iter().cloned().collect::<BTreeSet<_>>(), seeded, "{object}");
    }
}

async fn read_under(bench: &Bench, fault: Fault) -> Vec<(ObjectKind, ConnectorError)> {
    let mut errors = Vec::new();
    for object in bench.fixture().reads() {
        bench.fixture().seed(bench, object).await;
        bench.plan(fault.clone(), bench.fixture().read_path(object));
        let error = bench.first_page(&bench.access(), object).await.expect_err("the fault was not noticed");
        errors.push((object, error));
        assert!(bench.first_page(&bench.access(), object).await.is_ok(), "{object}: the next call works again");
    }
    errors
}

pub async fn a_401_asks_for_new_credentials(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::Unauthorized).await {
        assert!(matches!(error, ConnectorError::Unauthorized { .. }), "{object}: {error:?}");
        assert_eq!(error.retry(), Retry::Never);
    }
}

pub async fn a_429_with_retry_after_waits_that_long(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::TooMany { retry_after_s: Some(7) }).await {
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)), "{object}: {error:?}");
        assert!(bench.budget.0.lock().unwrap().contains(&Duration::from_secs(7)), "the budget was not told");
    }
}

pub async fn a_429_without_retry_after_waits_all_the_same(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::TooMany { retry_after_s: None }).await {
        let Retry::After(wait) = error.retry() else { panic!("{object}: {error:?}") };
        assert!(wait >= Duration::from_secs(1), "{object}: waits only {wait:?}");
    }
}

pub async fn a_500_is_tried_again_soon(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::Broken).await {
        assert!(matches!(error, ConnectorError::Unavailable { .. }), "{object}: {error:?}");
        assert_eq!(error.retry(), Retry::Soon);
    }
}

pub async fn a_cut_read_is_tried_again_soon(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::Cut).await {
        assert!(matches!(error, ConnectorError::Unavailable { .. }), "{object}: {error:?}");
    }
}

pub async fn an_unreadable_answer_is_told_as_such(bench: Bench) {
    for (object, error) in read_under(&bench, Fault::Unreadable).await {
        assert!(matches!(error, ConnectorError::Unreadable { .. }), "{object}: {error:?}");
        assert!(!error.to_string().contains("maintenance"), "{object}: the error repeats the body");
    }
}

pub async fn the_same_page_twice_loses_nothing_and_ends(bench: Bench) {
    for object in bench.fixture().reads() {
        let seeded: BTreeSet<String> = bench.fixture().seed(&bench, object).await.into_iter().collect();
        bench.plan(Fault::SamePage, bench.fixture().read_path(object));

        let (records, _) = bench.pull(&bench.access(), object, PullMode::Full, None).await.unwrap();

        let ids: BTreeSet<String> = records.into_iter().map(|record| record.external_id).collect();
        assert_eq!(ids, seeded, "{object}");
    }
}

pub async fn a_slow_read_is_given_up_in_time(bench: Bench) {
    for object in bench.fixture().reads() {
        bench.fixture().seed(&bench, object).await;
        bench.plan(SLOW, bench.fixture().read_path(object));
        let began = Instant::now();

        let error = bench.first_page(&bench.access(), object).await.expect_err("the fault was not noticed");

        assert!(matches!(error, ConnectorError::Unavailable { .. }), "{object}: {error:?}");
        assert!(began.elapsed() < CALL_TIMEOUT + Duration::from_secs(2), "{object}: waited {:?}", began.elapsed());
    }
}

pub async fn a_renamed_field_is_reported_and_nothing_is_lost(bench: Bench) {
    let drifted = bench.fixture().drifted();
    for object in bench.fixture().reads().into_iter().filter(|_| !drifted.is_empty()) {
        bench.fixture().seed(&bench, object).await;
        let before = bench.first_page(&bench.access(), object).await.unwrap();
        let mapping = bench.connector().mapping(&bench.access(), object).expect("what is read can be mapped");
        let unknown = |page: &connectors::Page| -> BTreeSet<String> {
            page.records.iter().flat_map(|record| mapping.apply(&record.body).unknown).collect()
        };
        assert_eq!(unknown(&before), BTreeSet::new(), "{object}: drift where there is none");
        bench.plan(Fault::Drift, bench.fixture().read_path(object));

        let after = bench.first_page(&bench.access(), object).await.unwrap();

        assert_eq!(after.records.len(), before.records.len(), "{object}");
        let unknown = unknown(&after);
        for name in drifted {
            assert!(unknown.contains(*name), "{object}: {name} is not reported, only {unknown:?}");
            assert!(
                after.records.iter().all(|record| record.body.get(*name).is_some()),
                "{object}: {name} was dropped"
            );
        }
    }
}

fn objects_pointer(object: ObjectKind) -> String {
    format!("/objects/{object}")
}

async fn write_lost(bench: &Bench, fault: Fault) {
    let Some(object) = bench.fixture().writes() else { return };
    let batch: Vec<_> = (0..3).map(|n| bench.outgoing(n)).collect();
    // What a connector prepares once (fields of its own) is not what is tried here.
    bench.push(&bench.access(), &[bench.outgoing(99)]).await.unwrap();
    bench.plan(fault, bench.fixture().write_path());

    let lost = bench.push(&bench.access(), &batch).await;

    match lost {
        Err(error) => {
            assert!(matches!(error, ConnectorError::OutcomeUnknown { .. }), "{error:?}");
            assert_eq!(error.retry(), Retry::Soon);
        }
        // A vendor that takes one record a call loses one answer, not the batch's.
        Ok(pushed) => assert!(
            pushed.iter().any(|p| matches!(p.outcome, Outcome::Failed(ConnectorError::OutcomeUnknown { .. }))),
            "{pushed:?}"
        ),
    }
    let repeated = bench.push(&bench.access(), &batch).await.unwrap();
    for pushed in &repeated {
        assert!(matches!(pushed.outcome, Outcome::Created { .. } | Outcome::Updated { .. }), "{pushed:?}");
    }
    assert_eq!(bench.count(&objects_pointer(object)), 4);
    assert_eq!(bench.count("/effects/duplicates"), 0);
}

pub async fn a_write_without_an_answer_is_unknown_and_its_repeat_makes_no_duplicate(bench: Bench) {
    write_lost(&bench, Fault::Cut).await;
}

pub async fn a_slow_write_is_unknown_and_its_repeat_makes_no_duplicate(bench: Bench) {
    write_lost(&bench, Fault::Slow { delay_ms: 2_500 }).await;
}

/// Whether an error is the one that a fault should lead to.
type IsExpected = fn(&ConnectorError) -> bool;

pub async fn a_refused_call_writes_nothing_and_the_repeat_writes_once(bench: Bench) {
    let Some(object) = bench.fixture().writes() else { return };
    bench.push(&bench.access(), &[bench.outgoing(99)]).await.unwrap();
    let batch = [bench.outgoing(0)];
    let faults: [(Fault, IsExpected); 3] = [
        (Fault::Unauthorized, |error| matches!(error, ConnectorError::Unauthorized { .. })),
        (Fault::TooMany { retry_after_s: Some(3) }, |error| matches!(error, ConnectorError::RateLimited { .. })),
        (Fault::Broken, |error| {
            matches!(error, ConnectorError::Unavailable { .. } | ConnectorError::OutcomeUnknown { .. })
        }),
    ];
    for (fault, is_expected) in faults {
        bench.plan(fault.clone(), bench.fixture().write_path());

        let refused = bench.push(&bench.access(), &batch).await;

        match &refused {
            Err(error) => assert!(is_expected(error), "{fault:?}: {error:?}"),
            Ok(pushed) => assert!(
                pushed.iter().all(|p| matches!(&p.outcome, Outcome::Failed(error) if is_expected(error))),
                "{fault:?}: {pushed:?}"
            ),
        }
        assert_eq!(bench.count(&objects_pointer(object)), 1, "{fault:?}");
    }
    bench.push(&bench.access(), &batch).await.unwrap();
    assert_eq!(bench.count(&objects_pointer(object)), 2);
    assert_eq!(bench.count("/effects/duplicates"), 0);
}

pub async fn the_same_write_again_changes_nothing(bench: Bench) {
    let Some(object) = bench.fixture().writes() else { return };
    let batch: Vec<_> = (0..5).map(|n| bench.outgoing(n)).collect();
    bench.push(&bench.access(), &batch).await.unwrap();
    let updated = bench.count("/effects/updated");

    let again = bench.push(&bench.access(), &batch).await.unwrap();

    let is_done = |p: &connectors::Pushed| matches!(p.outcome, Outcome::Created { .. } | Outcome::Updated { .. });
    assert!(again.iter().all(is_done), "{again:?}");
    assert_eq!(bench.count(&objects_pointer(object)), 5);
    assert_eq!(bench.count("/effects/updated"), updated, "the repeat had an effect");
    assert_eq!(bench.count("/effects/duplicates"), 0);
}

pub async fn a_withdrawn_record_is_gone_and_withdrawing_again_is_fine(bench: Bench) {
    let Some(object) = bench.fixture().writes() else { return };
    let mut batch: Vec<_> = (0..2).map(|n| bench.outgoing(n)).collect();
    let written = bench.push(&bench.access(), &batch).await.unwrap();
    let Outcome::Created { external_id } = &written[0].outcome else { panic!("{written:?}") };
    // One by the vendor's key, one whose key was never stored.
    batch[0].external_id = Some(external_id.clone());
    for out in &mut batch {
        out.withdraw = true;
        out.idempotency_key = format!("{}:2", out.golden);
    }

    for _ in 0..2 {
        let gone = bench.push(&bench.access(), &batch).await.unwrap();
        assert!(gone.iter().all(|pushed| matches!(pushed.outcome, Outcome::Withdrawn)), "{gone:?}");
        assert_eq!(bench.count(&objects_pointer(object)), 0);
    }
}
