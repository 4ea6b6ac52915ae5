//! The part a system plays at a dealership. Source-of-truth rules speak of parts, never of vendors.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The part a connected system plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemRole {
    /// Dealer Management System: accounting, inventory, deals, service, parts.
    Dms,
    /// Customer relationship management: leads, pipeline, tasks.
    Crm,
    /// Website, lead sources and inventory feeds.
    Website,
    /// Marketing automation.
    Marketing,
    /// Phone and SMS.
    Phone,
    /// Finance and contracting.
    Finance,
    /// Anything else.
    Other,
}

impl SystemRole {
    /// All parts.
    pub const ALL: [Self; 7] =
        [Self::Dms, Self::Crm, Self::Website, Self::Marketing, Self::Phone, Self::Finance, Self::Other];

    /// The name in the API, in the database and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dms => "dms",
            Self::Crm => "crm",
            Self::Website => "website",
            Self::Marketing => "marketing",
            Self::Phone => "phone",
            Self::Finance => "finance",
            Self::Other => "other",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dms => "DMS",
            Self::Crm => "CRM",
            Self::Website => "Website",
            Self::Marketing => "Marketing",
            Self::Phone => "Phone",
            Self::Finance => "Finance",
            Self::Other => "Other",
        }
    }
}

impl fmt::Display for SystemRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no part.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no kind of system; use one of dms, crm, website, marketing, phone, finance, other")]
pub struct UnknownSystem(String);

impl FromStr for SystemRole {
    type Err = UnknownSystem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| UnknownSystem(text.to_owned()))
    }
}
