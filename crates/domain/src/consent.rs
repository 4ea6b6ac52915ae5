//! Consent to be contacted over one channel. Among several systems the strictest answer wins (A2).

use serde::{Deserialize, Serialize};

/// What a customer said about one channel. The order is strictness: the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Agreed to be contacted.
    OptedIn,
    /// Refused, or withdrew an earlier agreement.
    OptedOut,
}

impl Consent {
    /// The stricter of two answers: an opt-out anywhere is an opt-out everywhere.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        self.max(other)
    }

    /// The name in the API and in stored records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OptedIn => "opted_in",
            Self::OptedOut => "opted_out",
        }
    }
}
