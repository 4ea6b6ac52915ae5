//! The kinds of object that Driveline keeps in step.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A kind of canonical object. The order is the order of a sync: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A person or company, with consents.
    Customer,
    /// A vehicle that a customer owns, by VIN.
    Vehicle,
    /// A vehicle for sale, by stock number and VIN.
    Inventory,
    /// A sale or lease.
    Deal,
    /// A repair order (RO).
    RepairOrder,
    /// A lead: somebody's interest in a vehicle.
    Lead,
}

impl ObjectKind {
    /// All kinds, in the order of a sync.
    pub const ALL: [Self; 6] =
        [Self::Customer, Self::Vehicle, Self::Inventory, Self::Deal, Self::RepairOrder, Self::Lead];

    /// The name in the API, in the database and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Vehicle => "vehicle",
            Self::Inventory => "inventory",
            Self::Deal => "deal",
            Self::RepairOrder => "repair_order",
            Self::Lead => "lead",
        }
    }

    /// What people call several of them.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Customer => "customers",
            Self::Vehicle => "vehicles owned",
            Self::Inventory => "inventory",
            Self::Deal => "deals",
            Self::RepairOrder => "repair orders",
            Self::Lead => "leads",
        }
    }

    /// The number in the database (`smallint`): stable, never reused.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Customer => 1,
            Self::Vehicle => 2,
            Self::Inventory => 3,
            Self::Deal => 4,
            Self::RepairOrder => 5,
            Self::Lead => 6,
        }
    }

    /// The kind with this database number.
    #[must_use]
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no object kind.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no object; use one of customer, vehicle, inventory, deal, repair_order, lead")]
pub struct UnknownObject(String);

impl FromStr for ObjectKind {
    type Err = UnknownObject;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownObject(text.to_owned()))
    }
}
