//! When a schedule ticks: its cadence in the rooftop's zone, within its open hours. Pure.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use domain::schedule::{Cadence, CatchUp, Window};

/// Ticks outside the open hours that are passed over in search of one inside: more than one for each day of two years.
const PASSED_OVER_MAX: u32 = 800;
/// The most missed ticks that are fired after an outage.
pub const CATCH_UP_MAX: usize = 100;
/// Missed ticks are counted back so far; of an older outage the first missed one stands for all before.
const LOOK_BACK: Duration = Duration::days(3);
/// A tick that is later than this is a missed one.
const LATE: Duration = Duration::seconds(90);

/// A schedule that cannot tick.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The cron expression cannot be read.
    #[error("`{expression}` is not a cron expression of five fields: {why}")]
    Expression {
        /// As given.
        expression: String,
        /// What the parser says.
        why: String,
    },
    /// There is no such zone.
    #[error("`{0}` is not a time zone of the IANA list, such as `America/Chicago`")]
    Zone(String),
}

/// The first tick after a moment; `None` where it never ticks within its open hours.
///
/// Around a change of the clocks: a fixed local time that is skipped ticks at the end of the gap, one that comes twice
/// ticks at the first; intervals go on ticking through both.
///
/// # Errors
/// [`ScheduleError`].
pub fn next_tick(
    cadence: &Cadence,
    window: Option<Window>,
    zone: &str,
    after: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ScheduleError> {
    let zone: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    let cron = parse(cadence)?;
    Ok(next_in(&cron, window, zone, after))
}

/// Which ticks to fire at `now` for a schedule whose next tick was `next_at` (not later than `now`), oldest first.
///
/// # Errors
/// [`ScheduleError`].
pub fn ticks_to_fire(
    cadence: &Cadence,
    window: Option<Window>,
    zone: &str,
    catch_up: CatchUp,
    next_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<DateTime<Utc>>, ScheduleError> {
    let zone: Tz = zone.parse().map_err(|_| ScheduleError::Zone(zone.to_owned()))?;
    let cron = parse(cadence)?;
    let mut ticks = std::collections::VecDeque::from([next_at]);
    let mut after = next_at.max(now - LOOK_BACK);
    while let Some(tick) = next_in(&cron, window, zone, after).filter(|tick| *tick <= now) {
        if ticks.len() == CATCH_UP_MAX {
            ticks.pop_front();
        }
        ticks.push_back(tick);
        after = tick;
    }
    let last = ticks.back().copied();
    Ok(match catch_up {
        CatchUp::All => ticks.into(),
        CatchUp::Once => last.into_iter().collect(),
        CatchUp::Skip => last.filter(|tick| now - *tick <= LATE).into_iter().collect(),
    })
}

fn parse(cadence: &Cadence) -> Result<Cron, ScheduleError> {
    let expression = cadence.cron();
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .build()
        .parse(&expression)
        .map_err(|error| ScheduleError::Expression { expression, why: error.to_string() })
}

fn next_in(cron: &Cron, window: Option<Window>, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut cursor = after.with_timezone(&zone);
    for _ in 0..PASSED_OVER_MAX {
        let tick = cron.find_next_occurrence(&cursor, false).ok()?;
        let Some(window) = window.filter(|window| !window.holds(tick.time())) else {
            return Some(tick.with_timezone(&Utc));
        };
        // Straight to the next opening, which may itself be a tick.
        let opening = next_opening(window, zone, &tick);
        cursor = (opening - Duration::seconds(1)).max(tick);
    }
    None
}

/// The next moment at which the window opens, after one outside it.
fn next_opening(window: Window, zone: Tz, outside: &DateTime<Tz>) -> DateTime<Tz> {
    let today = outside.date_naive().and_time(window.from);
    let local = if today > outside.naive_local() { today } else { today + Duration::days(1) };
    at_local(zone, local).unwrap_or_else(|| *outside + Duration::hours(1))
}

fn at_local(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Tz>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at),
        // Skipped by the clocks: an hour later exists everywhere but in rare changes of zone.
        LocalResult::None => zone.from_local_datetime(&(local + Duration::hours(1))).earliest(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use chrono::NaiveTime;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn time(h: u32, m: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(h, m, 0).unwrap_or_default()
    }

    fn nightly(h: u32, m: u32) -> Cadence {
        Cadence::Nightly { at: time(h, m) }
    }

    const CHICAGO: &str = "America/Chicago";

    #[test]
    fn ticks_follow_the_rooftops_clock() {
        let cron = |text: &str| Cadence::Cron { expression: text.to_owned() };
        let office = Some(Window { from: time(8, 0), until: time(18, 0) });
        let night = Some(Window { from: time(22, 0), until: time(6, 0) });
        let quarter = Cadence::Minutes { minutes: 15 };
        for (cadence, window, after, expected) in [
            (quarter.clone(), None, "2026-06-01T12:00:00Z", "2026-06-01T12:15:00Z"),
            (Cadence::Hourly { minute: 5 }, None, "2026-06-01T12:05:00Z", "2026-06-01T13:05:00Z"),
            // 02:00 in Chicago is 07:00 UTC in summer and 08:00 in winter.
            (nightly(2, 0), None, "2026-06-01T12:00:00Z", "2026-06-02T07:00:00Z"),
            (nightly(2, 0), None, "2026-12-01T12:00:00Z", "2026-12-02T08:00:00Z"),
            // Outside the hours: the opening itself is a tick.
            (quarter.clone(), office, "2026-06-01T23:50:00Z", "2026-06-02T13:00:00Z"),
            (quarter.clone(), office, "2026-06-01T22:45:00Z", "2026-06-02T13:00:00Z"),
            (quarter.clone(), office, "2026-06-01T22:30:00Z", "2026-06-01T22:45:00Z"),
            (quarter.clone(), night, "2026-06-01T10:45:00Z", "2026-06-02T03:00:00Z"),
            (quarter, night, "2026-06-02T04:45:00Z", "2026-06-02T05:00:00Z"),
            (cron("*/20 6-21 * * 1-6"), None, "2026-06-07T12:00:00Z", "2026-06-08T11:00:00Z"),
            // The hour that is skipped (2026-03-08 02:00 to 03:00): at the end of the gap.
            (nightly(2, 30), None, "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z"),
            // The hour that comes twice (2026-11-01 01:00 to 02:00): the first time only.
            (nightly(1, 30), None, "2026-11-01T05:00:00Z", "2026-11-01T06:30:00Z"),
            (nightly(1, 30), None, "2026-11-01T06:30:00Z", "2026-11-02T07:30:00Z"),
            // Intervals go on through both.
            (Cadence::Minutes { minutes: 30 }, None, "2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"),
            (Cadence::Minutes { minutes: 30 }, None, "2026-03-08T07:30:00Z", "2026-03-08T08:00:00Z"),
        ] {
            let next = next_tick(&cadence, window, CHICAGO, at(after));
            assert_eq!(next, Ok(Some(at(expected))), "{cadence:?} within {window:?} after {after}");
        }
    }

    #[test]
    fn a_schedule_that_never_meets_its_hours_never_ticks() {
        let window = Some(Window { from: time(8, 0), until: time(9, 0) });
        assert_eq!(next_tick(&nightly(2, 0), window, CHICAGO, at("2026-06-01T00:00:00Z")), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let cadence = Cadence::Cron { expression: "every day".to_owned() };
        let after = at("2026-06-01T00:00:00Z");
        assert!(matches!(next_tick(&cadence, None, CHICAGO, after), Err(ScheduleError::Expression { .. })));
        assert!(matches!(next_tick(&nightly(2, 0), None, "Mars/Olympus", after), Err(ScheduleError::Zone(_))));
    }

    #[test]
    fn missed_ticks_are_caught_up_as_the_schedule_says() {
        let cadence = Cadence::Minutes { minutes: 10 };
        let (next_at, now) = (at("2026-06-01T12:00:00Z"), at("2026-06-01T12:34:00Z"));
        let fire = |policy, now| ticks_to_fire(&cadence, None, CHICAGO, policy, next_at, now).unwrap_or_default();
        let (noon, last) = (next_at, at("2026-06-01T12:30:00Z"));

        assert_eq!(fire(CatchUp::Once, now), [last]);
        assert!(fire(CatchUp::Skip, now).is_empty());
        assert_eq!(fire(CatchUp::All, now).len(), 4);
        for policy in [CatchUp::Once, CatchUp::Skip, CatchUp::All] {
            assert_eq!(fire(policy, noon + Duration::seconds(1)), [noon], "in time, {policy:?}");
        }
    }

    #[test]
    fn a_long_outage_is_caught_up_within_bounds() {
        let cadence = Cadence::Minutes { minutes: 1 };
        let next_at = at("2026-06-01T12:00:00Z");
        let now = next_at + Duration::days(14);
        let all = ticks_to_fire(&cadence, None, CHICAGO, CatchUp::All, next_at, now).unwrap_or_default();
        assert_eq!((all.len(), all.last().copied()), (CATCH_UP_MAX, Some(now)));

        let yearly = Cadence::Cron { expression: "0 0 1 6 *".to_owned() };
        let missed = ticks_to_fire(&yearly, None, "UTC", CatchUp::Once, at("2026-06-01T00:00:00Z"), now);
        assert_eq!(missed, Ok(vec![at("2026-06-01T00:00:00Z")]));
    }
}
