//! Connecting a system: the form is checked, each credential sealed by itself, the objects set as the connector can.

use crate::access::with_defaults;
use crate::connections::form::{self, Typed};
use crate::connections::{ConnectionShown, Connections};
use crate::error::AppError;
use crate::fields::{Fields, invalid};
use crate::identity::token;
use connectors::PushMode;
use domain::permission::Permission;
use domain::{ConnectionId, RooftopId, SystemRole};
use serde_json::json;
use std::collections::BTreeMap;
use store::connections::{Connection, ConnectionState};
use store::{TenantScope, audit, connections, credentials, ingress, object_syncs, rooftops};

/// A system to connect.
#[derive(Clone, Debug)]
pub struct Connect {
    /// The connector's key.
    pub connector: String,
    /// What people call it; the vendor's name where empty.
    pub name: String,
    /// One rooftop's, or the group's.
    pub rooftop: Option<RooftopId>,
    /// The part it plays, where it is another than the connector's usual one.
    pub role: Option<SystemRole>,
    /// What was typed into the connector's form, credentials included.
    pub values: BTreeMap<String, String>,
}

/// The name of a push mode in the database.
pub(crate) const fn push_name(mode: PushMode) -> &'static str {
    match mode {
        PushMode::None => "none",
        PushMode::UpdateOnly => "update_only",
        PushMode::CreateAndUpdate => "create_and_update",
        PushMode::Feed => "feed",
    }
}

impl Connections<'_> {
    /// Connects a system. It is a draft until a test finds it good.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`] (the rooftop), [`AppError::Invalid`].
    pub async fn connect(self, scope: &TenantScope, ask: Connect) -> Result<ConnectionShown, AppError> {
        scope.require_at(ask.rooftop, Permission::ManageConnections)?;
        let connector = connectors::connector(&ask.connector)
            .ok_or_else(|| invalid("connector", "There is no such connector; see the catalogue."))?;
        let about = connector.about();
        let mut fields = Fields::default();
        let name = if ask.name.trim().is_empty() { about.name } else { &ask.name };
        let name = fields.text("name", name, 100);
        let nothing = Typed { settings: BTreeMap::new(), credentials: BTreeMap::new() };
        let allow_private = self.0.config().vendors.allow_private_hosts;
        let typed = form::read(&mut fields, about, &ask.values, &nothing, allow_private);
        fields.done()?;

        let now = self.0.now();
        let connection = Connection {
            id: ConnectionId::new(),
            rooftop: ask.rooftop,
            connector: about.key.to_owned(),
            role: ask.role.unwrap_or(about.role),
            name,
            settings: typed.settings,
            state: ConnectionState::Draft,
            state_reason: String::new(),
            tested_at: None,
            created_at: now,
            updated_at: now,
        };
        let tx = self.0.db().tenant(scope).await?;
        if let Some(rooftop) = ask.rooftop {
            rooftops::get_one(&tx, rooftop).await?.ok_or(AppError::NotFound("rooftop"))?;
        }
        connections::insert(&tx, &connection).await?;
        for (field, secret) in &typed.credentials {
            credentials::set(&tx, connection.id, field, secret, now).await?;
        }
        let settings = with_defaults(about, connection.settings.clone());
        for capability in about.capabilities {
            let push = push_name(connector.push_mode(&settings, capability.object));
            object_syncs::insert(&tx, connection.id, capability.object, capability.pull, push).await?;
        }
        if connector.webhooks().is_some() || connector.intake().is_some() {
            let ingress_token = token::new_token();
            ingress::set(&tx, connection.id, &ingress_token, &token::hash(&ingress_token), now).await?;
        }
        let detail = json!({ "connector": about.key, "rooftop": ask.rooftop, "role": connection.role });
        audit::append(&tx, "connection.created", "connection", &connection.id.to_string(), detail, now).await?;
        let shown = self.show(&tx, scope, connection).await?;
        tx.commit().await?;
        Ok(shown)
    }
}
