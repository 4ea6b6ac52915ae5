//! Connections as they are shown: never a credential, only that there is one and how old it is.

use crate::connections::{Connections, connector_of};
use crate::error::AppError;
use chrono::{DateTime, Utc};
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind, RooftopId, SystemRole};
use serde::Serialize;
use std::collections::BTreeMap;
use store::connections::{Connection, ConnectionState};
use store::{TenantScope, TenantTx, connections, credentials, ingress, object_syncs};

/// A connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectionShown {
    /// Id.
    pub id: ConnectionId,
    /// The connector's key.
    pub connector: String,
    /// The vendor's product name.
    pub connector_name: String,
    /// One rooftop's, or the group's.
    pub rooftop: Option<RooftopId>,
    /// The part it plays.
    pub role: SystemRole,
    /// What people call it.
    pub name: String,
    /// What was filled in.
    pub settings: BTreeMap<String, String>,
    /// Which credentials it has.
    pub credentials: Vec<CredentialShown>,
    /// Whether it works.
    pub state: ConnectionState,
    /// Why it does not.
    pub state_reason: String,
    /// When it was last tested and found good.
    pub tested_at: Option<DateTime<Utc>>,
    /// What it does with each object.
    pub objects: Vec<ObjectShown>,
    /// Where the vendor sends webhooks or documents to; only for those who may manage the connection.
    pub ingress_url: Option<String>,
    /// Whether it is signed in to by the vendor's own page instead of typed credentials.
    pub has_oauth: bool,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Last changed.
    pub updated_at: DateTime<Utc>,
}

/// A credential, without itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialShown {
    /// The form field.
    pub field: String,
    /// Since when it is this one.
    pub updated_at: DateTime<Utc>,
}

/// What a connection does with one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ObjectShown {
    /// The object.
    pub object: ObjectKind,
    /// Whether it is read.
    pub pull: bool,
    /// none, update_only, create_and_update, feed.
    pub push: String,
    /// When all of it was read last.
    pub full_at: Option<DateTime<Utc>>,
    /// When a pull succeeded last.
    pub succeeded_at: Option<DateTime<Utc>>,
    /// Version of the tenant's own mapping lines; 0: none.
    pub mapping_version: i32,
    /// Names in payloads that the mapping does not know, and since when.
    pub drift: BTreeMap<String, String>,
    /// When a feed was last published.
    pub feed_published_at: Option<DateTime<Utc>>,
}

impl From<object_syncs::ObjectSetup> for ObjectShown {
    fn from(setup: object_syncs::ObjectSetup) -> Self {
        Self {
            object: setup.object,
            pull: setup.pull,
            push: setup.push,
            full_at: setup.full_at,
            succeeded_at: setup.succeeded_at,
            mapping_version: setup.mapping_version,
            drift: setup.drift,
            feed_published_at: setup.feed_published_at,
        }
    }
}

impl Connections<'_> {
    pub(crate) async fn show(
        self,
        tx: &TenantTx,
        scope: &TenantScope,
        connection: Connection,
    ) -> Result<ConnectionShown, AppError> {
        let connector = connector_of(&connection).ok();
        let objects = object_syncs::list(tx, Some(connection.id)).await?;
        let fields = credentials::fields(tx, connection.id).await?;
        let may_manage = scope.grants().permits(connection.rooftop, Permission::ManageConnections);
        let ingress_token = if may_manage { ingress::token(tx, connection.id).await? } else { None };
        Ok(ConnectionShown {
            id: connection.id,
            connector_name: connector.map_or_else(|| connection.connector.clone(), |c| c.about().name.to_owned()),
            connector: connection.connector,
            rooftop: connection.rooftop,
            role: connection.role,
            name: connection.name,
            settings: connection.settings,
            credentials: fields.into_iter().map(|(field, updated_at)| CredentialShown { field, updated_at }).collect(),
            state: connection.state,
            state_reason: connection.state_reason,
            tested_at: connection.tested_at,
            objects: objects.into_iter().map(ObjectShown::from).collect(),
            ingress_url: ingress_token.map(|token| self.0.config().web.address_of(&format!("/hooks/{token}"))),
            has_oauth: connector.is_some_and(|connector| connector.oauth().is_some()),
            created_at: connection.created_at,
            updated_at: connection.updated_at,
        })
    }

    /// The connections that the caller may see, oldest first.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope) -> Result<Vec<ConnectionShown>, AppError> {
        scope.require(Permission::ReadOperations)?;
        let tx = self.0.db().tenant(scope).await?;
        let mut shown = Vec::new();
        for connection in connections::list(&tx).await? {
            if scope.grants().permits(connection.rooftop, Permission::ReadOperations) {
                shown.push(self.show(&tx, scope, connection).await?);
            }
        }
        tx.commit().await?;
        Ok(shown)
    }

    /// One connection.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn get(self, scope: &TenantScope, id: ConnectionId) -> Result<ConnectionShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connection = connections::get_one(&tx, id)
            .await?
            .filter(|connection| scope.grants().permits(connection.rooftop, Permission::ReadOperations))
            .ok_or(AppError::NotFound("connection"))?;
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }
}
