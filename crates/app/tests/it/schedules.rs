//! Schedules: saved, shown in advance, in the rooftop's own time.

use crate::scene::{by_upload, rooftop};
use app::AppError;
use app::schedules::SetSchedule;
use chrono::{NaiveTime, Timelike};
use chrono_tz::America::New_York;
use domain::ObjectKind;
use domain::schedule::{Cadence, CatchUp};
use testkit::TestApp;

fn nightly() -> SetSchedule {
    SetSchedule {
        cadence: Cadence::Nightly { at: NaiveTime::from_hms_opt(2, 15, 0).unwrap() },
        open_hours: None,
        catch_up: CatchUp::Once,
        enabled: true,
        time_zone: None,
    }
}

#[tokio::test]
async fn a_nightly_schedule_means_the_rooftops_night() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let ford = rooftop(&test, &scope, "Ford").await;
    let id = by_upload(&test, &scope, Some(ford.id)).await.id;

    let previewed = test.app.schedules().preview(&scope, id, ObjectKind::Customer, nightly()).await.unwrap();
    let none_yet = test.app.schedules().list(&scope, id).await.unwrap();
    let set = test.app.schedules().set(&scope, id, ObjectKind::Customer, nightly()).await.unwrap();
    let listed = test.app.schedules().list(&scope, id).await.unwrap();

    assert!(none_yet.is_empty());
    assert_eq!(previewed, set);
    assert_eq!(listed, std::slice::from_ref(&set));
    assert_eq!(set.next.len(), 5);
    for next in &set.next {
        let local = next.with_timezone(&New_York);
        assert_eq!((local.hour(), local.minute()), (2, 15));
    }
}

#[tokio::test]
async fn a_schedule_is_replaced_and_taken_away() {
    let test = TestApp::fresh().await;
    let scope = test.owner("ann@example.com").await.scope.unwrap();
    let id = by_upload(&test, &scope, None).await.id;
    let schedules = test.app.schedules();
    schedules.set(&scope, id, ObjectKind::Deal, nightly()).await.unwrap();
    let hourly = SetSchedule { cadence: Cadence::Hourly { minute: 5 }, ..nightly() };

    schedules.set(&scope, id, ObjectKind::Deal, hourly).await.unwrap();
    let listed = schedules.list(&scope, id).await.unwrap();
    schedules.delete(&scope, id, ObjectKind::Deal).await.unwrap();

    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].cadence, Cadence::Hourly { minute: 5 });
    assert!(schedules.list(&scope, id).await.unwrap().is_empty());
    assert!(matches!(schedules.delete(&scope, id, ObjectKind::Deal).await, Err(AppError::NotFound(_))));
}
