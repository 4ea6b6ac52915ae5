//! When an object is pulled: every so often, within a window, in the rooftop's own time zone (M1).

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

/// How often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "every")]
pub enum Cadence {
    /// Every so many minutes, from the full hour.
    Minutes {
        /// 1 to 59.
        minutes: u32,
    },
    /// Every hour, at this minute.
    Hourly {
        /// 0 to 59.
        minute: u32,
    },
    /// Every night, at this local time.
    Nightly {
        /// Local time of the rooftop.
        at: NaiveTime,
    },
    /// A cron expression (five fields), in the rooftop's time zone.
    Cron {
        /// Such as `*/20 6-21 * * 1-6`.
        expression: String,
    },
}

impl Cadence {
    /// The same as a cron expression of five fields.
    #[must_use]
    pub fn cron(&self) -> String {
        use chrono::Timelike;
        match self {
            Self::Minutes { minutes } => format!("*/{} * * * *", (*minutes).clamp(1, 59)),
            Self::Hourly { minute } => format!("{} * * * *", (*minute).min(59)),
            Self::Nightly { at } => format!("{} {} * * *", at.minute(), at.hour()),
            Self::Cron { expression } => expression.clone(),
        }
    }
}

/// Local hours outside which nothing is pulled; may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First local time inside.
    pub from: NaiveTime,
    /// First local time outside again.
    pub until: NaiveTime,
}

impl Window {
    /// Whether a local time is inside. A window whose ends are equal is the whole day.
    #[must_use]
    pub fn holds(self, time: NaiveTime) -> bool {
        match self.from.cmp(&self.until) {
            std::cmp::Ordering::Less => self.from <= time && time < self.until,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => self.from <= time || time < self.until,
        }
    }
}

/// What to do about ticks that passed while nothing ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// Run once for all that were missed.
    #[default]
    Once,
    /// Run each that was missed.
    All,
    /// Wait for the next.
    Skip,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_may_cross_midnight() {
        let at = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap_or_default();
        let night = Window { from: at(22), until: at(6) };
        for (hour, inside) in [(21, false), (22, true), (0, true), (5, true), (6, false), (12, false)] {
            assert_eq!(night.holds(at(hour)), inside, "{hour}");
        }
    }
}
