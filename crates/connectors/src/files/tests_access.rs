//! An access without a network, for unit tests.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::access::{Access, NoUploads, TokenStore, Tokens, Unlimited};
use crate::error::ConnectorError;
use crate::vendor_http::VendorHttp;
use async_trait::async_trait;
use domain::ConnectionId;
use std::sync::Arc;

struct NoTokens;

#[async_trait]
impl TokenStore for NoTokens {
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError> {
        Ok(None)
    }

    async fn save(&self, _tokens: &Tokens) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// An access with these settings.
pub fn access(settings: &[(&str, &str)]) -> Access {
    Access {
        connection: ConnectionId::new(),
        settings: settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        credentials: Default::default(),
        http: VendorHttp::new(VendorHttp::pool(true).unwrap(), Arc::new(Unlimited)),
        tokens: Arc::new(NoTokens),
        uploads: Arc::new(NoUploads),
        allow_private_hosts: true,
    }
}
