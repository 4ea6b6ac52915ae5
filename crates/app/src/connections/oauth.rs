//! Connecting by the vendor's own sign-in page (OAuth 2, authorization code).
//!
//! `state` is sealed by us and names connection, person and end: nobody else's browser can finish what one began.

use crate::access::access_for;
use crate::connections::{Connections, connector_of, permitted};
use crate::error::AppError;
use crate::identity::SignedIn;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use connectors::{Access, OAuth};
use domain::permission::Permission;
use domain::{ConnectionId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Place, TenantScope, audit, credentials};

/// A sign-in at the vendor's page takes no longer.
const FINISH_WITHIN: TimeDelta = TimeDelta::minutes(15);
const STATE: Place<'static> = Place { column: "oauth.state", row: b"" };

#[derive(Serialize, Deserialize)]
struct State {
    connection: ConnectionId,
    session: SessionId,
    until: DateTime<Utc>,
}

impl Connections<'_> {
    fn redirect(self) -> String {
        self.0.config().web.address_of("/oauth/callback")
    }

    /// Where to send the browser of the person who connects.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Connector`].
    pub async fn start_oauth(self, who: &SignedIn, id: ConnectionId) -> Result<String, AppError> {
        let scope = who.scope.as_ref().ok_or(AppError::NotFound("connection"))?;
        let (access, oauth) = self.oauth_access(scope, id).await?;
        let state = State { connection: id, session: who.session, until: self.0.now() + FINISH_WITHIN };
        let tx = self.0.db().tenant(scope).await?;
        let state = URL_SAFE_NO_PAD.encode(tx.seal(STATE, &state)?);
        tx.commit().await?;
        Ok(oauth.authorize_url(&access, &state, &self.redirect())?)
    }

    /// Takes the code that the browser came back with; the connection is still to be tested.
    ///
    /// # Errors
    /// [`AppError::LinkOver`] where the state is not this session's or is over, [`AppError::Connector`].
    pub async fn finish_oauth(self, who: &SignedIn, code: &str, state: &str) -> Result<ConnectionId, AppError> {
        let scope = who.scope.as_ref().ok_or(AppError::LinkOver)?;
        let sealed = URL_SAFE_NO_PAD.decode(state).map_err(|_| AppError::LinkOver)?;
        let tx = self.0.db().tenant(scope).await?;
        let state: State = tx.open(STATE, &sealed).map_err(|_| AppError::LinkOver)?;
        tx.commit().await?;
        if state.session != who.session || state.until < self.0.now() {
            return Err(AppError::LinkOver);
        }
        let (access, oauth) = self.oauth_access(scope, state.connection).await?;
        let tokens = oauth.exchange(&access, code, &self.redirect()).await?;
        access.tokens.save(&tokens).await?;
        let tx = self.0.db().tenant(scope).await?;
        let id = state.connection.to_string();
        audit::append(&tx, "connection.signed_in", "connection", &id, json!({}), self.0.now()).await?;
        tx.commit().await?;
        Ok(state.connection)
    }

    async fn oauth_access(
        self,
        scope: &TenantScope,
        id: ConnectionId,
    ) -> Result<(Access, &'static dyn OAuth), AppError> {
        let tx = self.0.db().tenant(scope).await?;
        let connection = permitted(&tx, scope, id, Permission::ManageConnections).await?;
        let opened = credentials::open_all(&tx, id).await?;
        tx.commit().await?;
        let connector = connector_of(&connection)?;
        let oauth = connector.oauth().ok_or(AppError::NotFound("sign-in page of this system"))?;
        Ok((access_for(self.0, scope.tenant(), connector, &connection, opened), oauth))
    }
}
