//! Who asks, for which tenant, with which rights. Every repository starts from one.

use domain::permission::{Permission, Role};
use domain::{ApiKeyId, RooftopId, TenantId, UserId};
use std::collections::{BTreeMap, BTreeSet};

/// Who acts. Written into the audit trail with each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person in the portal.
    Person(UserId),
    /// A program with an API key.
    Key(ApiKeyId),
    /// Driveline itself: a schedule, a delivery, a webhook.
    Driveline,
}

impl Actor {
    /// The kind, as the audit trail names it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Key(_) => "api_key",
            Self::Driveline => "driveline",
        }
    }

    /// The id, where there is one.
    #[must_use]
    pub const fn id(self) -> Option<uuid::Uuid> {
        match self {
            Self::Person(id) => Some(id.0),
            Self::Key(id) => Some(id.0),
            Self::Driveline => None,
        }
    }
}

/// What somebody may do, for the whole group and for single rooftops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    group: BTreeSet<Permission>,
    rooftops: BTreeMap<RooftopId, BTreeSet<Permission>>,
}

impl Grants {
    /// Everything, for the whole group.
    #[must_use]
    pub fn all() -> Self {
        Self { group: Permission::ALL.into_iter().collect(), rooftops: BTreeMap::new() }
    }

    /// Adds the rights of a role, for the group (`None`) or one rooftop.
    pub fn add_role(&mut self, rooftop: Option<RooftopId>, role: Role) {
        for permission in Permission::ALL {
            if role.permits(permission) {
                self.add(rooftop, permission);
            }
        }
    }

    /// Adds one right, for the group (`None`) or one rooftop.
    pub fn add(&mut self, rooftop: Option<RooftopId>, permission: Permission) {
        match rooftop {
            None => self.group.insert(permission),
            Some(rooftop) => self.rooftops.entry(rooftop).or_default().insert(permission),
        };
    }

    /// Keeps only what `other` grants too: an API key never does more than the person who made it.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        let mut kept = Self::default();
        for permission in Permission::ALL {
            if self.group.contains(&permission) && other.group.contains(&permission) {
                kept.add(None, permission);
            }
            for rooftop in self.rooftops.keys().chain(other.rooftops.keys()) {
                if self.permits(Some(*rooftop), permission) && other.permits(Some(*rooftop), permission) {
                    kept.add(Some(*rooftop), permission);
                }
            }
        }
        kept
    }

    /// Whether it is permitted for the group (`None`) or a rooftop. What holds for the group holds for each rooftop.
    #[must_use]
    pub fn permits(&self, rooftop: Option<RooftopId>, permission: Permission) -> bool {
        self.group.contains(&permission)
            || rooftop.and_then(|r| self.rooftops.get(&r)).is_some_and(|set| set.contains(&permission))
    }

    /// Whether it is permitted anywhere.
    #[must_use]
    pub fn permits_somewhere(&self, permission: Permission) -> bool {
        self.group.contains(&permission) || self.rooftops.values().any(|set| set.contains(&permission))
    }

    /// The rooftops it is limited to; `None` where it holds for the whole group.
    #[must_use]
    pub fn rooftops(&self, permission: Permission) -> Option<Vec<RooftopId>> {
        if self.group.contains(&permission) {
            return None;
        }
        Some(self.rooftops.iter().filter(|(_, set)| set.contains(&permission)).map(|(id, _)| *id).collect())
    }
}

/// One tenant, and who asks. Not `Default`, not deserializable: it is made by signing in, by an API key, or by a job.
#[derive(Clone, Debug)]
pub struct TenantScope {
    tenant: TenantId,
    actor: Actor,
    grants: Grants,
}

/// The scope does not permit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this needs the permission `{}`", .0.name())]
pub struct NotPermitted(pub Permission);

impl TenantScope {
    /// A scope for somebody who was identified.
    #[must_use]
    pub const fn new(tenant: TenantId, actor: Actor, grants: Grants) -> Self {
        Self { tenant, actor, grants }
    }

    /// The scope in which Driveline does a tenant's own work.
    #[must_use]
    pub fn driveline(tenant: TenantId) -> Self {
        Self { tenant, actor: Actor::Driveline, grants: Grants::all() }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who asks.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        self.actor
    }

    /// What they may do.
    #[must_use]
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Requires a permission somewhere: for lists, which then show only the permitted rooftops.
    ///
    /// # Errors
    /// [`NotPermitted`].
    pub fn require(&self, permission: Permission) -> Result<(), NotPermitted> {
        if self.grants.permits_somewhere(permission) { Ok(()) } else { Err(NotPermitted(permission)) }
    }

    /// Requires a permission for the group (`None`) or one rooftop.
    ///
    /// # Errors
    /// [`NotPermitted`].
    pub fn require_at(&self, rooftop: Option<RooftopId>, permission: Permission) -> Result<(), NotPermitted> {
        if self.grants.permits(rooftop, permission) { Ok(()) } else { Err(NotPermitted(permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_at_one_rooftop_says_nothing_about_another() {
        let (mine, other) = (RooftopId::new(), RooftopId::new());
        let mut grants = Grants::default();
        grants.add_role(Some(mine), Role::RooftopManager);
        assert!(grants.permits(Some(mine), Permission::RunSync));
        assert!(!grants.permits(Some(other), Permission::RunSync));
        assert!(!grants.permits(None, Permission::RunSync));
        assert_eq!(grants.rooftops(Permission::RunSync), Some(vec![mine]));
    }

    #[test]
    fn a_key_never_does_more_than_its_maker() {
        let mut maker = Grants::default();
        maker.add_role(None, Role::Viewer);
        let key = Grants::all().within(&maker);
        assert!(key.permits(None, Permission::ReadRecords));
        assert!(!key.permits(None, Permission::RunSync));
    }
}
