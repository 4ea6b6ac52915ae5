//! Changing a connection: name, settings, credentials, directions; pausing, resuming, deleting.

use crate::access::with_defaults;
use crate::connections::connect::push_name;
use crate::connections::form::{self, Typed};
use crate::connections::{ConnectionShown, Connections, connector_of, permitted};
use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::identity::token;
use connectors::PushMode;
use domain::permission::Permission;
use domain::{ConnectionId, ObjectKind, SystemRole};
use serde_json::json;
use std::collections::BTreeMap;
use store::connections::ConnectionState;
use store::{TenantScope, audit, connections, credentials, ingress, object_syncs};

/// What shall be different.
#[derive(Clone, Debug, Default)]
pub struct ChangeConnection {
    /// What people call it.
    pub name: Option<String>,
    /// The part it plays.
    pub role: Option<SystemRole>,
    /// Fields of the form; those not named stay, and so does a credential that is left empty.
    pub values: BTreeMap<String, String>,
}

/// What a connection shall do with one object.
#[derive(Clone, Debug)]
pub struct SetObject {
    /// The object.
    pub object: ObjectKind,
    /// Whether it is read.
    pub pull: bool,
    /// none, update_only, create_and_update, feed.
    pub push: String,
}

impl Connections<'_> {
    /// Changes a connection.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn change(
        self,
        scope: &TenantScope,
        id: ConnectionId,
        ask: ChangeConnection,
    ) -> Result<ConnectionShown, AppError> {
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let mut connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        let connector = connector_of(&connection)?;
        let about = connector.about();
        let kept = credentials::fields(&tx, id).await?;
        let had = Typed {
            settings: connection.settings.clone(),
            credentials: about
                .form
                .iter()
                .filter(|field| kept.contains_key(field.name))
                .map(|field| (field.name, String::new().into()))
                .collect(),
        };
        let mut fields = Fields::default();
        if let Some(name) = &ask.name {
            connection.name = fields.text("name", name, 100);
        }
        let typed = form::read(&mut fields, about, &ask.values, &had, self.0.config().vendors.allow_private_hosts);
        fields.done()?;
        let changed: Vec<&String> =
            ask.values.keys().filter(|name| typed.settings.get(*name) != connection.settings.get(*name)).collect();
        let detail = json!({
            "settings": changed,
            "credentials": typed.credentials.keys().collect::<Vec<_>>(),
            "renamed": ask.name.is_some(),
        });
        // Where the settings choose the channel, an object that was written in the usual way stays so.
        let (before, after) =
            (with_defaults(about, connection.settings.clone()), with_defaults(about, typed.settings.clone()));
        for setup in object_syncs::list(&tx, Some(id)).await? {
            let (usual, now_usual) =
                (connector.push_mode(&before, setup.object), connector.push_mode(&after, setup.object));
            if usual != now_usual && setup.push == push_name(usual) {
                object_syncs::set_directions(&tx, id, setup.object, setup.pull, push_name(now_usual)).await?;
                self.0.engine().catch_up(&tx, id, Some(setup.object)).await?;
            }
        }
        connection.settings.clone_from(&typed.settings);
        connection.role = ask.role.unwrap_or(connection.role);
        connections::update(&tx, &connection, now).await?;
        for (field, secret) in &typed.credentials {
            credentials::set(&tx, id, field, secret, now).await?;
        }
        audit::append(&tx, "connection.changed", "connection", &id.to_string(), detail, now).await?;
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// Sets the directions of one object, within what the connector can do.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn set_object(
        self,
        scope: &TenantScope,
        id: ConnectionId,
        ask: SetObject,
    ) -> Result<ConnectionShown, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        let connector = connector_of(&connection)?;
        let about = connector.about();
        let before =
            object_syncs::get_one(&tx, id, ask.object).await?.ok_or(AppError::NotFound("object of the connection"))?;
        let capability = about.capability(ask.object).ok_or(AppError::NotFound("object of the connection"))?;
        if ask.pull && !capability.pull {
            return Err(invalid("pull", format!("{} cannot be read from {}.", ask.object.plural(), about.name)));
        }
        let usual = connector.push_mode(&with_defaults(about, connection.settings.clone()), ask.object);
        let can: &[PushMode] = match usual {
            PushMode::None => &[PushMode::None],
            PushMode::UpdateOnly | PushMode::CreateAndUpdate => {
                &[PushMode::None, PushMode::UpdateOnly, PushMode::CreateAndUpdate]
            }
            PushMode::Feed => &[PushMode::None, PushMode::Feed],
        };
        if !can.iter().any(|mode| push_name(*mode) == ask.push) {
            let names: Vec<&str> = can.iter().map(|mode| push_name(*mode)).collect();
            return Err(invalid("push", format!("For this system it is one of {}.", names.join(", "))));
        }
        object_syncs::set_directions(&tx, id, ask.object, ask.pull, &ask.push).await?;
        if ask.push != before.push {
            self.0.engine().catch_up(&tx, id, Some(ask.object)).await?;
        }
        let detail = json!({
            "object": ask.object,
            "before": { "pull": before.pull, "push": before.push },
            "after": { "pull": ask.pull, "push": ask.push },
        });
        audit::append(&tx, "connection.object_changed", "connection", &id.to_string(), detail, self.0.now()).await?;
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// Stops a connection: nothing is read or written until it is resumed; what comes by itself waits.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`].
    pub async fn pause(self, scope: &TenantScope, id: ConnectionId) -> Result<ConnectionShown, AppError> {
        self.set_state(scope, id, true).await
    }

    /// Lets a paused connection go on; one that was never tested is a draft again.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`] where it is not paused.
    pub async fn resume(self, scope: &TenantScope, id: ConnectionId) -> Result<ConnectionShown, AppError> {
        self.set_state(scope, id, false).await
    }

    async fn set_state(self, scope: &TenantScope, id: ConnectionId, pause: bool) -> Result<ConnectionShown, AppError> {
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let mut connection = permitted(&tx, scope, id, Permission::RunSync).await?;
        let (state, action) = match (pause, connection.state) {
            (true, _) => (ConnectionState::Paused, "connection.paused"),
            (false, ConnectionState::Paused) if connection.tested_at.is_some() => {
                (ConnectionState::Active, "connection.resumed")
            }
            (false, ConnectionState::Paused) => (ConnectionState::Draft, "connection.resumed"),
            (false, ConnectionState::Draft | ConnectionState::Active | ConnectionState::Broken) => {
                return Err(AppError::Conflict {
                    code: "not_paused",
                    said: "this connection is not paused; test it instead".to_owned(),
                });
            }
        };
        connections::set_state(&tx, id, state, "", now).await?;
        if state == ConnectionState::Active {
            // What became due and what came by itself meanwhile.
            queue::enqueue(&tx, &crate::engine::failures::inbox_job(id)).await?;
            self.0.engine().catch_up(&tx, id, None).await?;
        }
        audit::append(&tx, action, "connection", &id.to_string(), json!({}), now).await?;
        connection.state = state;
        connection.state_reason.clear();
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }

    /// Deletes a connection that nothing came from and nothing went to. Another is paused instead: its records are part
    /// of entities.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Conflict`].
    pub async fn delete(self, scope: &TenantScope, id: ConnectionId) -> Result<(), AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        if connections::has_records(&tx, id).await? {
            return Err(AppError::Conflict {
                code: "has_records",
                said: "records came from this system or went to it; pause it instead".to_owned(),
            });
        }
        connections::delete(&tx, id).await?;
        let detail = json!({ "connector": connection.connector, "rooftop": connection.rooftop });
        audit::append(&tx, "connection.deleted", "connection", &id.to_string(), detail, self.0.now()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives the connection a new address for webhooks and documents; the old one ends at once.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`].
    pub async fn renew_ingress(self, scope: &TenantScope, id: ConnectionId) -> Result<ConnectionShown, AppError> {
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        let connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        let connector = connector_of(&connection)?;
        if connector.webhooks().is_none() && connector.intake().is_none() {
            return Err(AppError::NotFound("address for webhooks"));
        }
        let new = token::new_token();
        ingress::set(&tx, id, &new, &token::hash(&new), now).await?;
        audit::append(&tx, "connection.ingress_renewed", "connection", &id.to_string(), json!({}), now).await?;
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }
}
