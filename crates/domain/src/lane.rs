//! Lanes: what waits behind what. A backfill never delays a lead (M2).

use serde::{Deserialize, Serialize};

/// A lane of jobs. The order is urgency: the first is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Credit applications: a customer waits at the desk.
    Credit,
    /// A vehicle was sold: it must leave every channel.
    Sold,
    /// A lead, a webhook, and what a person asked for and watches.
    Lead,
    /// Service appointments.
    Appointment,
    /// Scheduled syncs and deliveries.
    Routine,
    /// Initial loads and bulk replays.
    Backfill,
}

impl Lane {
    /// All lanes, most urgent first.
    pub const ALL: [Self; 6] = [Self::Credit, Self::Sold, Self::Lead, Self::Appointment, Self::Routine, Self::Backfill];

    /// The name in logs and of the queue in Redis.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Sold => "sold",
            Self::Lead => "lead",
            Self::Appointment => "appointment",
            Self::Routine => "routine",
            Self::Backfill => "backfill",
        }
    }

    /// The number in the database (`smallint`): smaller is more urgent.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Credit => 0,
            Self::Sold => 1,
            Self::Lead => 2,
            Self::Appointment => 3,
            Self::Routine => 4,
            Self::Backfill => 5,
        }
    }

    /// The lane with this database number.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.code() == code)
    }
}
