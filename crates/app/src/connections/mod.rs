//! Connections: made from the catalogue, tested, changed, paused, deleted.

mod change;
mod connect;
mod form;
mod oauth;
mod show;
mod test;

pub use change::{ChangeConnection, SetObject};
pub use connect::Connect;
pub use show::{ConnectionShown, CredentialShown, ObjectShown};
pub use test::{SampleShown, TestShown};

use crate::error::AppError;
use crate::start::App;
use connectors::Connector;
use domain::ConnectionId;
use domain::permission::Permission;
use store::connections::{self, Connection};
use store::{TenantScope, TenantTx};

/// What can be done about connections.
#[derive(Clone, Copy)]
pub struct Connections<'a>(pub(crate) &'a App);

impl App {
    /// Connections.
    #[must_use]
    pub const fn connections(&self) -> Connections<'_> {
        Connections(self)
    }
}

/// One connection that the caller may see, held fast, with the permission that is asked for. One that the caller may
/// not even see is not there.
pub(crate) async fn permitted(
    tx: &TenantTx,
    scope: &TenantScope,
    id: ConnectionId,
    permission: Permission,
) -> Result<Connection, AppError> {
    let connection = connections::lock(tx, id).await?.ok_or(AppError::NotFound("connection"))?;
    if !scope.grants().permits(connection.rooftop, Permission::ReadOperations) {
        return Err(AppError::NotFound("connection"));
    }
    scope.require_at(connection.rooftop, permission)?;
    Ok(connection)
}

/// The connector of a stored connection.
pub(crate) fn connector_of(connection: &Connection) -> Result<&'static dyn Connector, AppError> {
    connectors::connector(&connection.connector).ok_or(AppError::NotFound("connector"))
}
