//! What comes by itself: webhooks and documents. Believed or refused, stored sealed, then read by a job.

use crate::access::access_for;
use crate::connections::connector_of;
use crate::engine::failures::inbox_job;
use crate::error::AppError;
use crate::identity::token;
use crate::start::App;
pub use connectors::WebhookRequest;
use sha2::{Digest, Sha256};
use store::engine::inbox;
use store::{TenantScope, connections, credentials, ingress};

/// The largest webhook. Vendors batch some hundred changes in one.
pub const WEBHOOK_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What can be done with what comes by itself.
#[derive(Clone, Copy)]
pub struct Ingress<'a>(&'a App);

impl App {
    /// Webhooks and documents.
    #[must_use]
    pub const fn ingress(&self) -> Ingress<'_> {
        Ingress(self)
    }
}

/// Why a request is not taken. The sender learns no more than the status.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No connection has this address.
    #[error("there is no such address")]
    Unknown,
    /// The signature does not hold.
    #[error("the request is not believed")]
    NotBelieved,
    /// Larger than the system may send.
    #[error("the request is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// Our own fault; the vendor sends it again.
    #[error(transparent)]
    Broken(#[from] AppError),
}

impl From<store::StoreError> for Refused {
    fn from(error: store::StoreError) -> Self {
        Self::Broken(error.into())
    }
}

impl Ingress<'_> {
    /// Takes a request: once this returns, it will not be lost. A repeated delivery is taken and does nothing.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn take(self, path_token: &str, request: WebhookRequest) -> Result<(), Refused> {
        let tx = self.0.db().platform().await?;
        let owner = ingress::by_token(&tx, &token::hash(path_token)).await?;
        tx.commit().await?;
        let (tenant, id) = owner.ok_or(Refused::Unknown)?;
        let scope = TenantScope::driveline(tenant);
        let tx = self.0.db().tenant(&scope).await?;
        let connection = connections::get_one(&tx, id).await?.ok_or(Refused::Unknown)?;
        let connector = connector_of(&connection)?;
        let now = self.0.now();
        let content_type = request.header("content-type").unwrap_or_default().to_owned();
        let (kind, delivery_id) = if let Some(webhooks) = connector.webhooks() {
            if request.body.len() > WEBHOOK_BYTES_MAX {
                return Err(Refused::TooLarge { limit_bytes: WEBHOOK_BYTES_MAX });
            }
            let opened = credentials::open_all(&tx, id).await?;
            let access = access_for(self.0, tenant, connector, &connection, opened);
            if let Err(refused) = webhooks.authenticate(&access, &request, now) {
                tracing::warn!(%tenant, connection = %id, why = %refused, "a webhook was not believed");
                return Err(Refused::NotBelieved);
            }
            ("webhook", webhooks.delivery_id(&request))
        } else if let Some(intake) = connector.intake() {
            let limit_bytes = intake.size_max();
            if request.body.len() > limit_bytes {
                return Err(Refused::TooLarge { limit_bytes });
            }
            ("document", None)
        } else {
            return Err(Refused::Unknown);
        };
        // Where the vendor names no delivery, the same bytes are the same delivery.
        let delivery_id = delivery_id.unwrap_or_else(|| hex::encode(Sha256::digest(&request.body)));
        let delivery_id: String = delivery_id.chars().take(200).collect();
        let stored = inbox::store(&tx, id, kind, &delivery_id, &content_type, &request.body, now).await?;
        if stored.is_some() {
            queue::enqueue(&tx, &inbox_job(id)).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
