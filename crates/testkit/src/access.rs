//! Access to systems that live in this process: no credentials, no limits, nothing uploaded.

use app::engine::{EngineError, OpenAccess};
use connectors::vendor_http::VendorHttp;
use connectors::{Access, ConnectorError, NoUploads, TokenStore, Tokens, Unlimited};
use domain::ConnectionId;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::TenantScope;

/// Opens every connection with nothing in it.
pub struct BareAccess;

#[async_trait::async_trait]
impl OpenAccess for BareAccess {
    async fn open(&self, _scope: &TenantScope, connection: ConnectionId) -> Result<Option<Access>, EngineError> {
        Ok(Some(Access {
            connection,
            settings: BTreeMap::new(),
            credentials: BTreeMap::new(),
            http: VendorHttp::new(VendorHttp::pool(true).expect("an HTTP client"), Arc::new(Unlimited)),
            tokens: Arc::new(NoTokens),
            uploads: Arc::new(NoUploads),
            allow_private_hosts: true,
        }))
    }
}

struct NoTokens;

#[async_trait::async_trait]
impl TokenStore for NoTokens {
    async fn load(&self) -> Result<Option<Tokens>, ConnectorError> {
        Ok(None)
    }

    async fn save(&self, _tokens: &Tokens) -> Result<(), ConnectorError> {
        Ok(())
    }
}
