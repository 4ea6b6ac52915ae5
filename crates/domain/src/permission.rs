//! Who may do what. A role is held for the whole group or for one rooftop (G3).

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What a person may be at a dealer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees records and runs.
    Viewer,
    /// Also decides duplicates and replays failures.
    Reviewer,
    /// Also connects systems, starts syncs and sets schedules, for the rooftop.
    RooftopManager,
    /// All of the group but its ownership.
    GroupAdmin,
    /// Everything.
    Owner,
}

/// What can be permitted. API keys carry a list of these as scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read golden records and their sources.
    ReadRecords,
    /// Read connections, runs, failures and health.
    ReadOperations,
    /// Decide duplicates, correct and replay failures.
    Review,
    /// Start syncs, replay, pause and resume.
    RunSync,
    /// Create and change connections, credentials, mappings, schedules.
    ManageConnections,
    /// Create and change rooftops.
    ManageRooftops,
    /// Invite people and give roles.
    ManagePeople,
    /// Make and revoke API keys.
    ManageKeys,
    /// Read the audit trail.
    ReadAudit,
    /// Take records out in bulk.
    Export,
    /// Make and unmake owners. Held by owners alone.
    ManageOwners,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 11] = [
        Self::ReadRecords,
        Self::ReadOperations,
        Self::Review,
        Self::RunSync,
        Self::ManageConnections,
        Self::ManageRooftops,
        Self::ManagePeople,
        Self::ManageKeys,
        Self::ReadAudit,
        Self::Export,
        Self::ManageOwners,
    ];

    /// The name as a scope of an API key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadRecords => "read_records",
            Self::ReadOperations => "read_operations",
            Self::Review => "review",
            Self::RunSync => "run_sync",
            Self::ManageConnections => "manage_connections",
            Self::ManageRooftops => "manage_rooftops",
            Self::ManagePeople => "manage_people",
            Self::ManageKeys => "manage_keys",
            Self::ReadAudit => "read_audit",
            Self::Export => "export",
            Self::ManageOwners => "manage_owners",
        }
    }
}

/// The text names no permission.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no scope; see the list of scopes in the API reference")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|p| p.name() == text).ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

impl Role {
    /// All roles, least first.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Reviewer, Self::RooftopManager, Self::GroupAdmin, Self::Owner];

    /// The name in the API and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::RooftopManager => "rooftop_manager",
            Self::GroupAdmin => "group_admin",
            Self::Owner => "owner",
        }
    }

    /// Whether this role permits it, within the group or rooftop it is held for.
    #[must_use]
    pub const fn permits(self, permission: Permission) -> bool {
        let least = match permission {
            Permission::ReadRecords | Permission::ReadOperations => Self::Viewer,
            Permission::Review => Self::Reviewer,
            Permission::RunSync | Permission::ManageConnections | Permission::Export => Self::RooftopManager,
            Permission::ManageRooftops | Permission::ManagePeople | Permission::ManageKeys | Permission::ReadAudit => {
                Self::GroupAdmin
            }
            Permission::ManageOwners => Self::Owner,
        };
        self as u8 >= least as u8
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no role; use one of viewer, reviewer, rooftop_manager, group_admin, owner")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|r| r.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_permits_all_that_the_lesser_one_does() {
        for pair in Role::ALL.windows(2) {
            if let [lesser, greater] = pair {
                for permission in Permission::ALL {
                    assert!(!lesser.permits(permission) || greater.permits(permission), "{greater:?} {permission:?}");
                }
            }
        }
    }
}
