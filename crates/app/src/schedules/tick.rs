//! The times of a schedule. Pure: what a cadence means in a time zone, within its open hours.

use crate::error::AppError;
use crate::fields::invalid;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use domain::schedule::{Cadence, Window};
use std::str::FromStr;

/// Ticks looked at before a schedule is found never to fire within its open hours: a year of quarter hours.
const TICKS_MAX: usize = 40_000;

fn parsed(cadence: &Cadence) -> Result<Cron, AppError> {
    let fits = match cadence {
        Cadence::Minutes { minutes } => (1..=59).contains(minutes),
        Cadence::Hourly { minute } => *minute <= 59,
        Cadence::Nightly { .. } => true,
        // Seconds would pull up to once a second.
        Cadence::Cron { expression } => expression.split_whitespace().count() == 5,
    };
    if !fits {
        return Err(invalid(
            "cadence",
            "Use 1 to 59 minutes, a minute from 0 to 59, or a cron expression of five fields.",
        ));
    }
    Cron::from_str(&cadence.cron()).map_err(|error| invalid("cadence", format!("This is no cron expression: {error}.")))
}

/// A cadence in words.
pub(crate) fn describe(cadence: &Cadence) -> Result<String, AppError> {
    Ok(parsed(cadence)?.describe())
}

/// The first tick after a moment.
///
/// # Errors
/// [`AppError::Invalid`] where the cadence cannot be read, or never fires within its open hours.
pub fn next_after(
    cadence: &Cadence,
    open_hours: Option<Window>,
    zone: Tz,
    after: DateTime<Utc>,
) -> Result<DateTime<Utc>, AppError> {
    let never = || invalid("cadence", "This never fires; check it against the open hours.");
    preview(cadence, open_hours, zone, after, 1)?.first().copied().ok_or_else(never)
}

/// The first ticks after a moment.
///
/// # Errors
/// [`AppError::Invalid`] where the cadence cannot be read.
pub fn preview(
    cadence: &Cadence,
    open_hours: Option<Window>,
    zone: Tz,
    after: DateTime<Utc>,
    count: usize,
) -> Result<Vec<DateTime<Utc>>, AppError> {
    let cron = parsed(cadence)?;
    Ok(cron
        .iter_after(after.with_timezone(&zone))
        .take(TICKS_MAX)
        .filter(|tick| open_hours.is_none_or(|window| window.holds(tick.time())))
        .map(|tick| tick.with_timezone(&Utc))
        .take(count)
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use chrono::NaiveTime;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_quarter_hour_is_a_quarter_hour() {
        let times = preview(&Cadence::Minutes { minutes: 15 }, None, Tz::UTC, at("2026-11-23T05:00:00Z"), 3).unwrap();
        assert_eq!(times, ["2026-11-23T05:15:00Z", "2026-11-23T05:30:00Z", "2026-11-23T05:45:00Z"].map(at));
    }

    #[test]
    fn a_night_is_the_rooftops_own_across_a_change_of_the_clock() {
        let cadence = Cadence::Nightly { at: NaiveTime::from_hms_opt(2, 30, 0).unwrap() };
        let times = preview(&cadence, None, Tz::America__New_York, at("2026-03-07T00:00:00Z"), 3).unwrap();
        // 2:30 does not exist on 8 March 2026: it is fired at the first moment after the gap.
        assert_eq!(times[0], at("2026-03-07T07:30:00Z"));
        assert_eq!(times[2], at("2026-03-09T06:30:00Z"));
    }

    #[test]
    fn nothing_is_pulled_outside_the_open_hours() {
        let hour = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap();
        let night = Some(Window { from: hour(22), until: hour(6) });
        let next = next_after(&Cadence::Hourly { minute: 0 }, night, Tz::UTC, at("2026-11-23T06:00:00Z")).unwrap();
        assert_eq!(next, at("2026-11-23T22:00:00Z"));
        let noon = Cadence::Nightly { at: hour(12) };
        assert!(next_after(&noon, night, Tz::UTC, at("2026-11-23T06:00:00Z")).is_err());
    }

    #[test]
    fn a_cadence_that_makes_no_sense_is_refused() {
        for cadence in [
            Cadence::Minutes { minutes: 0 },
            Cadence::Hourly { minute: 60 },
            Cadence::Cron { expression: "* * * * * *".to_owned() },
            Cadence::Cron { expression: "every day at noon please".to_owned() },
        ] {
            assert!(next_after(&cadence, None, Tz::UTC, at("2026-11-23T06:00:00Z")).is_err(), "{cadence:?}");
        }
    }
}
