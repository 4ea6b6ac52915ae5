//! Failures as a person needs them: what we were doing, what the other side said, whose fault, what next.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The dealer: a credential, a permission, a field to correct.
    Dealer,
    /// Driveline: a defect of ours.
    Driveline,
    /// The vendor of the system we read from or write to.
    Vendor,
}

impl Fault {
    /// The name in the API and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dealer => "dealer",
            Self::Driveline => "driveline",
            Self::Vendor => "vendor",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What happens next. The portal says "Retrying" or "Needs you", never anything between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// It heals itself: we try again.
    Retrying,
    /// It waits for a person.
    NeedsYou,
}

/// One failure, complete enough to act on. All texts are redacted: no names, addresses, tokens or bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable code; failures with the same code on one connection share a cause.
    pub code: String,
    /// What we were doing ("Creating a customer").
    pub doing: String,
    /// The other side's own words, redacted, at most 500 characters.
    pub said: String,
    /// Who must act.
    pub fault: Fault,
    /// Retried, or waiting for a person.
    pub next: NextStep,
    /// What that person should do, one sentence.
    pub fix: String,
    /// The vendor's request id or ours, for the evidence.
    pub evidence: Option<String>,
}
