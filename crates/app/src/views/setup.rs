//! The setup checklist: what is done is read from what is there, so it can be left and taken up anywhere.

use super::Views;
use super::connection::ConnectionLine;
use super::connection::ConnectionState;
use crate::error::AppError;
use domain::SystemRole;
use domain::permission::Permission;
use store::TenantScope;

/// The checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The address was confirmed.
    pub verified: bool,
    /// There is a rooftop.
    pub rooftops: usize,
    /// A DMS works.
    pub dms: Stage,
    /// A CRM works.
    pub crm: Stage,
    /// A website or feed works.
    pub website: Stage,
    /// Something was read to the end.
    pub synced: bool,
}

/// Where one system stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not begun.
    Missing,
    /// Begun; not tested with success.
    Begun(domain::ConnectionId, String),
    /// Works.
    Working(domain::ConnectionId, String),
}

impl Stage {
    /// Whether it works.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        match self {
            Self::Working(..) => true,
            Self::Missing | Self::Begun(..) => false,
        }
    }
}

impl Setup {
    /// Reads the checklist from what is there.
    #[must_use]
    pub fn of(verified: bool, rooftops: usize, connections: &[ConnectionLine]) -> Self {
        let stage = |role: SystemRole| {
            let mut of_role = connections.iter().filter(|line| line.role == role).peekable();
            let Some(first) = of_role.peek() else { return Stage::Missing };
            let begun = Stage::Begun(first.id, first.name.clone());
            of_role
                .find(|line| line.state == ConnectionState::Active)
                .map_or(begun, |line| Stage::Working(line.id, line.name.clone()))
        };
        Self {
            verified,
            rooftops,
            dms: stage(SystemRole::Dms),
            crm: stage(SystemRole::Crm),
            website: stage(SystemRole::Website),
            synced: connections.iter().flat_map(|line| &line.objects).any(|object| object.succeeded_at.is_some()),
        }
    }

    /// Whether all that is needed to run is done. The website can come later.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.verified && self.rooftops > 0 && self.dms.is_done() && self.crm.is_done() && self.synced
    }
}

impl Views<'_> {
    /// The checklist.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn setup(&self, scope: &TenantScope) -> Result<Setup, AppError> {
        let tx = self.open(scope, Permission::ReadOperations).await?;
        let connections: Vec<_> =
            super::connection::lines(&tx, scope).await?.into_iter().map(|(_, line)| line).collect();
        let rooftops = store::rooftops::list(&tx).await?.len();
        // Nobody signs in before the address was confirmed.
        Ok(Setup::of(true, rooftops, &connections))
    }
}
