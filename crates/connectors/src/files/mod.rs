//! Files: any system that exports CSV or XML, by SFTP, FTPS, FTP or HTTPS upload; read-only.
//!
//! A file is everything a vendor gets wrong at once, so nothing in here trusts it: rows that are broken are kept with
//! their line and the others go on; a file that is too large, packed to harm or no text at all is refused, told, and
//! the next one is read. What is missing in a file is taken for gone only where the dealer says that each file holds
//! everything, and the file was whole, unchanged while it was read, and without a single broken row.
//!
//! Assumed: names of one object's files sort by age; a column that is called as usual means what is usual.

mod columns;
mod form;
mod listing;
mod markup;
mod place;
mod progress;
mod reading;
mod rows;
mod settings;
mod table;
mod unpack;
mod uploads;
mod verify;

#[cfg(test)]
pub mod tests_access;
#[cfg(test)]
mod tests_reading;

use crate::about::About;
use crate::access::Access;
use crate::connector::{Connector, Page, PageAsk, Payload, Pull, Verified};
use crate::error::ConnectorError;
use async_trait::async_trait;
use domain::ObjectKind;
use domain::mapping::Mapping;
use reading::Folder;
use settings::Settings;
use std::sync::Arc;

/// The connector.
pub struct Files;

impl Files {
    async fn folder(access: &Access) -> Result<Folder, ConnectorError> {
        let settings = Arc::new(Settings::of(access)?);
        let source = place::source(access)?;
        access.http.budget().take().await.map_err(|wait| ConnectorError::RateLimited {
            wait,
            said: "our share of the server's time is used up".to_owned(),
        })?;
        Ok(Folder { connection: access.connection, source, settings })
    }
}

#[async_trait]
impl Connector for Files {
    fn about(&self) -> &'static About {
        &form::ABOUT
    }

    fn mapping(&self, access: &Access, object: ObjectKind) -> Option<Mapping> {
        Some(columns::mapping(object, Settings::of(access).ok().as_ref()))
    }

    async fn verify(&self, access: &Access) -> Verified {
        verify::verify(access).await
    }

    fn pull(&self, _object: ObjectKind) -> Option<&dyn Pull> {
        Some(self)
    }
}

#[async_trait]
impl Pull for Files {
    async fn page(&self, access: &Access, object: ObjectKind, ask: &PageAsk) -> Result<Page, ConnectorError> {
        Self::folder(access).await?.page(object, ask).await
    }

    async fn one(
        &self,
        access: &Access,
        object: ObjectKind,
        external_id: &str,
    ) -> Result<Option<Payload>, ConnectorError> {
        Self::folder(access).await?.one(object, external_id, chrono::Utc::now()).await
    }
}
