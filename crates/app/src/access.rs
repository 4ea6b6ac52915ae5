//! What a connector is given: settings with defaults, opened credentials, a client held to the vendor's quota, tokens, uploads.

use crate::engine::{Engine, EngineError, OpenAccess};
use crate::start::App;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use connectors::{About, Access, Connector, ConnectorError, FormKind, TokenStore, Tokens, UploadedFile, Uploads};
use domain::{ConnectionId, TenantId};
use futures::{StreamExt, stream};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::connections::Connection;
use store::{StoreError, TenantScope, connections, credentials, uploads};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;
use uuid::Uuid;

/// The field under which a connection's OAuth tokens are kept.
pub(crate) const TOKENS: &str = "oauth_tokens";

/// Opens connections for the engine.
#[derive(Clone)]
pub struct Opener(App);

impl App {
    /// The sync engine, over this application's connections.
    #[must_use]
    pub fn engine(&self) -> Engine {
        let opener = Arc::new(Opener(self.clone()));
        Engine { judges: self.judges(), ..Engine::new(self.db().clone(), opener, self.clock().clone()) }
    }
}

#[async_trait]
impl OpenAccess for Opener {
    async fn open(&self, scope: &TenantScope, id: ConnectionId) -> Result<Option<Access>, EngineError> {
        let tx = self.0.db().tenant(scope).await?;
        let Some(connection) = connections::get_one(&tx, id).await? else { return Ok(None) };
        let opened = credentials::open_all(&tx, id).await?;
        tx.commit().await?;
        let Some(connector) = connectors::connector(&connection.connector) else { return Ok(None) };
        Ok(Some(access_for(&self.0, scope.tenant(), connector, &connection, opened)))
    }
}

/// Settings as filled in, with the form's defaults where nothing was.
pub(crate) fn with_defaults(about: &About, mut settings: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for field in about.form.iter().filter(|field| field.kind != FormKind::Secret) {
        if let Some(default) = field.default {
            let value = settings.entry(field.name.to_owned()).or_default();
            if value.trim().is_empty() {
                default.clone_into(value);
            }
        }
    }
    settings
}

/// Puts a connection's access together.
pub(crate) fn access_for(
    app: &App,
    tenant: TenantId,
    connector: &dyn Connector,
    connection: &Connection,
    mut opened: BTreeMap<String, SecretString>,
) -> Access {
    let about = connector.about();
    opened.remove(TOKENS);
    let keep = Keep { app: app.clone(), tenant, connection: connection.id };
    Access {
        connection: connection.id,
        settings: with_defaults(about, connection.settings.clone()),
        credentials: opened,
        http: app.http(tenant, connection.id, about.quota),
        tokens: Arc::new(keep.clone()),
        uploads: Arc::new(keep),
        allow_private_hosts: app.config().vendors.allow_private_hosts,
    }
}

/// A connection's sealed tokens and uploads.
#[derive(Clone)]
struct Keep {
    app: App,
    tenant: TenantId,
    connection: ConnectionId,
}

/// Tokens as they are sealed.
#[derive(Serialize, Deserialize)]
struct SealedTokens {
    access: String,
    refresh: Option<String>,
    expires_at: DateTime<Utc>,
}

/// Our own database failing looks to a connector like a system that is away: it is tried again.
fn ours(error: StoreError) -> ConnectorError {
    ConnectorError::unavailable("our own database did not answer", error)
}

#[async_trait]
impl TokenStore for Keep {
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError> {
        let scope = TenantScope::driveline(self.tenant);
        let tx = self.app.db().tenant(&scope).await.map_err(ours)?;
        let sealed = credentials::open_one(&tx, self.connection, TOKENS).await.map_err(ours)?;
        tx.commit().await.map_err(ours)?;
        let Some(sealed) = sealed else { return Ok(None) };
        let tokens: SealedTokens = serde_json::from_str(sealed.expose_secret())
            .map_err(|_| ConnectorError::unreadable("the stored tokens cannot be read; connect again"))?;
        Ok(Some(Tokens {
            access: tokens.access.into(),
            refresh: tokens.refresh.map(SecretString::from),
            expires_at: tokens.expires_at,
        }))
    }

    async fn save(&self, tokens: &Tokens) -> Result<(), ConnectorError> {
        let document = SealedTokens {
            access: tokens.access.expose_secret().to_owned(),
            refresh: tokens.refresh.as_ref().map(|refresh| refresh.expose_secret().to_owned()),
            expires_at: tokens.expires_at,
        };
        let text = serde_json::to_string(&document)
            .map_err(|_| ConnectorError::unreadable("the tokens cannot be written down"))?;
        let scope = TenantScope::driveline(self.tenant);
        let tx = self.app.db().tenant(&scope).await.map_err(ours)?;
        credentials::set(&tx, self.connection, TOKENS, &text.into(), self.app.now()).await.map_err(ours)?;
        tx.commit().await.map_err(ours)
    }
}

#[async_trait]
impl Uploads for Keep {
    async fn list(&self) -> Result<Vec<UploadedFile>, ConnectorError> {
        let scope = TenantScope::driveline(self.tenant);
        let tx = self.app.db().tenant(&scope).await.map_err(ours)?;
        let found = uploads::list(&tx, self.connection).await.map_err(ours)?;
        tx.commit().await.map_err(ours)?;
        Ok(found
            .into_iter()
            .filter_map(|upload| {
                Some(UploadedFile {
                    size_bytes: u64::try_from(upload.size_bytes).ok()?,
                    at: upload.complete_at?,
                    name: upload.name,
                })
            })
            .collect())
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Box<dyn AsyncRead + Send + Unpin>, ConnectorError> {
        let scope = TenantScope::driveline(self.tenant);
        let tx = self.app.db().tenant(&scope).await.map_err(ours)?;
        let found = uploads::by_name(&tx, self.connection, name).await.map_err(ours)?;
        tx.commit().await.map_err(ours)?;
        let upload = found.ok_or_else(|| ConnectorError::refused("no_such_upload", "the upload is gone"))?.id;
        let chunk_bytes = u64::try_from(uploads::CHUNK_BYTES).unwrap_or(u64::MAX);
        let first = i32::try_from(offset / chunk_bytes).unwrap_or(i32::MAX);
        let skip = usize::try_from(offset % chunk_bytes).unwrap_or_default();
        let start = Reading { app: self.app.clone(), scope, upload, number: first, skip };
        let chunks = stream::try_unfold(start, Reading::next).boxed();
        Ok(Box::new(StreamReader::new(chunks)))
    }
}

/// A place in an upload: one chunk is opened at a time.
struct Reading {
    app: App,
    scope: TenantScope,
    upload: Uuid,
    number: i32,
    skip: usize,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(bytes::Bytes, Self)>, std::io::Error> {
        let failed = std::io::Error::other::<StoreError>;
        let tx = self.app.db().tenant(&self.scope).await.map_err(failed)?;
        let chunk = uploads::chunk(&tx, self.upload, self.number).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        let Some(chunk) = chunk else { return Ok(None) };
        let mut bytes = bytes::Bytes::from(chunk);
        let rest = bytes.split_off(self.skip.min(bytes.len()));
        self.number = self.number.saturating_add(1);
        self.skip = 0;
        Ok(Some((rest, self)))
    }
}
