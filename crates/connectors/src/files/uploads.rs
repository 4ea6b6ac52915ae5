//! Files that were uploaded to us over HTTPS, as a folder.

use crate::access::Uploads;
use crate::error::ConnectorError;
use crate::file_transfer::{Chunks, Entry, EntryKind, Source};
use async_trait::async_trait;
use std::sync::Arc;

/// The uploads of one connection.
pub struct Uploaded(pub Arc<dyn Uploads>);

#[async_trait]
impl Source for Uploaded {
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError> {
        let files = self.0.list().await?;
        Ok(files
            .into_iter()
            .map(|file| Entry {
                name: file.name,
                size_bytes: file.size_bytes,
                modified: Some(file.at.timestamp()),
                kind: EntryKind::File,
            })
            .collect())
    }

    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError> {
        Ok(self.list().await?.into_iter().find(|entry| entry.name == name))
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError> {
        Ok(Chunks::pumped(self.0.open(name, offset).await?))
    }

    /// An upload is listed once it is complete.
    fn holds_whole_files(&self) -> bool {
        true
    }
}
