//! Walking through time in windows: small where much happened, large where little did.
//!
//! Windows do not touch: each starts one second after the one before ended, because both ends belong to a window. The
//! last one has no end, so that nothing is lost between the vendor's clock and ours.

use crate::connector::{Cursor, PageAsk};
use crate::error::ConnectorError;
use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// The first window's length.
const SPAN: Duration = Duration::days(30);
/// No window is longer: after years without a record the next window may hold the first big one.
const SPAN_MAX: Duration = Duration::days(365);
/// No window is shorter.
const SPAN_MIN: Duration = Duration::minutes(10);
/// A window with more records is followed by one half as long.
const RECORDS_MANY: usize = 1_500;
/// A window with fewer is followed by one twice as long.
const RECORDS_FEW: usize = 500;
/// What is this near to the end belongs to the last window.
const LAST: Duration = Duration::hours(1);

/// Marks the start of the next pull of changes; no vendor's token is this.
const RESUME: &str = "resume";

/// Where a walk stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// When the pull began: what comes later is the next pull's.
    pub began: DateTime<Utc>,
    /// Where the next window starts; `None` for the first, which has no start.
    pub from: Option<DateTime<Utc>>,
    /// The next window's length in minutes.
    span_min: i64,
    /// Records of this window that earlier pages brought.
    #[serde(default)]
    pub skip: usize,
    /// The token of the last answer with records in it: the same one again is no answer to another question.
    #[serde(default)]
    pub before: Option<String>,
}

/// From and to, both included; `None` is open.
pub(super) type Window = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

impl Walk {
    /// From the beginning of time, in windows from `history` on.
    pub(super) fn all(now: DateTime<Utc>) -> Self {
        Self { began: now.trunc_subsecs(0), from: None, span_min: SPAN.num_minutes(), skip: 0, before: None }
    }

    /// From a moment on.
    pub(super) fn since(from: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { from: Some(from.trunc_subsecs(0).min(now)), ..Self::all(now) }
    }

    /// What a finished pull leaves behind: the next pull of changes starts `overlap` before this one began.
    pub(super) fn resume(&self, overlap: Duration) -> Self {
        Self { before: Some(RESUME.to_owned()), ..Self::since(self.began - overlap, self.began) }
    }

    /// Whether this is what a finished pull left behind.
    pub(super) fn is_resume(&self) -> bool {
        self.before.as_deref() == Some(RESUME)
    }

    /// The same window, after so many of its records.
    pub(super) fn skipping(&self, records: usize) -> Self {
        Self { skip: self.skip + records, ..self.clone() }
    }

    /// The window that comes now. `history` is where the first one ends that has no start.
    pub(super) fn window(&self, history: DateTime<Utc>) -> Window {
        let Some(from) = self.from else { return (None, Some(history.min(self.began - LAST))) };
        let to = from + self.span();
        (Some(from), (to < self.began - LAST).then_some(to))
    }

    /// The walk after this window; `None` after the last.
    pub(super) fn after(&self, window: Window, records: usize) -> Option<Self> {
        let (from, to) = window;
        let span = self.span();
        let span = match records {
            // An old dealership has many years without a record before its first.
            0 => span * 4,
            few if few < RECORDS_FEW => span * 2,
            many if many > RECORDS_MANY => span / 2,
            _ => span,
        };
        let span = if from.is_none() { SPAN } else { span.clamp(SPAN_MIN, SPAN_MAX) };
        Some(Self { from: Some(to? + Duration::seconds(1)), span_min: span.num_minutes(), skip: 0, ..self.clone() })
    }

    /// The same place with a shorter window; `None` where it cannot be shorter.
    pub(super) fn shorter(&self) -> Option<Self> {
        let span = self.span() / 4;
        (span >= SPAN_MIN && self.from.is_some()).then(|| Self { span_min: span.num_minutes(), ..self.clone() })
    }

    fn span(&self) -> Duration {
        Duration::try_minutes(self.span_min).unwrap_or(SPAN).clamp(SPAN_MIN, SPAN_MAX)
    }
}

/// A cursor's content.
pub(super) fn from_cursor<T: serde::de::DeserializeOwned>(ask: &PageAsk) -> Result<Option<T>, ConnectorError> {
    ask.cursor
        .as_ref()
        .map(|cursor| T::deserialize(&cursor.0))
        .transpose()
        .map_err(|_| ConnectorError::refused("cursor", "the stored cursor is none of this connector's"))
}

/// Content as a cursor.
pub(super) fn to_cursor<T: Serialize>(content: &T) -> Cursor {
    // These structs hold times, numbers and texts only: they always become JSON.
    Cursor(serde_json::to_value(content).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use chrono::TimeZone;

    #[test]
    fn windows_cover_all_of_time_without_gap_and_overlap_and_end_open() {
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap();
        let history = Utc.with_ymd_and_hms(2000, 1, 1, 0, 0, 0).unwrap();
        let mut walk = Walk::all(now);
        let mut expected = None;
        for step in 0..1_000 {
            let (from, to) = walk.window(history);
            assert_eq!(from, expected);
            let Some(next) = walk.after((from, to), [0, 10, 900, 9_000][step % 4]) else {
                assert!(to.is_none(), "the last window is open");
                assert!(from.unwrap() <= now - LAST + Duration::seconds(1), "the last start is not in the future");
                return;
            };
            expected = to.map(|to| to + Duration::seconds(1));
            walk = next;
        }
        panic!("the walk does not end");
    }

    #[test]
    fn a_walk_of_changes_starts_at_its_moment_and_is_one_window_when_it_is_recent() {
        let now = Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap();
        let walk = Walk::since(now - Duration::minutes(20), now);
        let window = walk.window(now);
        assert_eq!(window, (Some(now - Duration::minutes(20)), None));
        assert_eq!(walk.after(window, 3), None);
    }
}
