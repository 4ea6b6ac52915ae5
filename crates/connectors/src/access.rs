//! What a connector is given to do its work with: settings, credentials, a limited HTTP client, a rate budget.

use crate::error::ConnectorError;
use crate::vendor_http::VendorHttp;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ConnectionId;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncRead;

/// Everything a connector needs to act for one connection.
#[derive(Clone)]
pub struct Access {
    /// The connection.
    pub connection: ConnectionId,
    /// Settings as filled in, defaults included.
    pub settings: BTreeMap<String, String>,
    /// Credentials, unsealed for as long as this value lives.
    pub credentials: BTreeMap<String, SecretString>,
    /// HTTP with time-outs, size limits and the rate budget in it.
    pub http: VendorHttp,
    /// OAuth tokens of this connection.
    pub tokens: Arc<dyn TokenStore>,
    /// Files that were uploaded to this connection over HTTPS.
    pub uploads: Arc<dyn Uploads>,
    /// Whether loopback and private addresses may be called: only for simulators and tests.
    pub allow_private_hosts: bool,
}

impl Access {
    /// A setting that must be there.
    ///
    /// # Errors
    /// [`ConnectorError::Misconfigured`] where it is absent or empty.
    pub fn setting(&self, name: &'static str) -> Result<&str, ConnectorError> {
        self.optional(name).ok_or(ConnectorError::Misconfigured { setting: name, said: "it is empty".to_owned() })
    }

    /// A setting that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// A credential that must be there.
    ///
    /// # Errors
    /// [`ConnectorError::Misconfigured`] where it is absent.
    pub fn credential(&self, name: &'static str) -> Result<&str, ConnectorError> {
        self.optional_credential(name)
            .ok_or(ConnectorError::Misconfigured { setting: name, said: "it is empty".to_owned() })
    }

    /// A credential that may be absent.
    #[must_use]
    pub fn optional_credential(&self, name: &str) -> Option<&str> {
        self.credentials.get(name).map(ExposeSecret::expose_secret).filter(|text| !text.is_empty())
    }
}

/// The rate budget of one connection, shared by all workers.
#[async_trait]
pub trait RateBudget: Send + Sync {
    /// Takes one call from the budget. `Err(wait)` where none is left for longer than a worker should wait.
    async fn take(&self) -> Result<(), Duration>;
    /// The vendor told us to stay away for so long (a 429 with or without `Retry-After`, a spent window).
    async fn pause(&self, wait: Duration);
}

/// A budget without limit, for simulators and tests.
pub struct Unlimited;

#[async_trait]
impl RateBudget for Unlimited {
    async fn take(&self) -> Result<(), Duration> {
        Ok(())
    }

    async fn pause(&self, _wait: Duration) {}
}

/// An access token and what renews it.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Sent with each call.
    pub access: SecretString,
    /// Renews the access token, where the vendor gives one.
    pub refresh: Option<SecretString>,
    /// When the access token ends; believe the vendor's `expires_in`.
    pub expires_at: DateTime<Utc>,
}

/// Where a connection's tokens are kept, sealed.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The current tokens.
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError>;
    /// Keeps renewed tokens. The refresh token of some vendors works once: this must succeed before the new access token is used.
    async fn save(&self, tokens: &Tokens) -> Result<(), ConnectorError>;
}

/// A file that somebody uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedFile {
    /// Our own name for it; never the sender's path.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// When it was complete.
    pub at: DateTime<Utc>,
}

/// Files uploaded over HTTPS, held sealed until read.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Complete uploads, oldest first.
    async fn list(&self) -> Result<Vec<UploadedFile>, ConnectorError>;
    /// Opens one at a byte offset.
    async fn open(&self, name: &str, offset: u64) -> Result<Box<dyn AsyncRead + Send + Unpin>, ConnectorError>;
}

/// No uploads: for connectors that take none, and tests.
pub struct NoUploads;

#[async_trait]
impl Uploads for NoUploads {
    async fn list(&self) -> Result<Vec<UploadedFile>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn open(&self, name: &str, _offset: u64) -> Result<Box<dyn AsyncRead + Send + Unpin>, ConnectorError> {
        Err(ConnectorError::refused("no_such_upload", &format!("there is no upload named {name}")))
    }
}
