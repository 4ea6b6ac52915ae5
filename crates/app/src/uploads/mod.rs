//! Uploading a file to a connection over HTTPS: streamed, sealed chunk by chunk, read by the next sync.

use crate::connections::permitted;
use crate::engine::EngineError;
use crate::engine::syncs::Mode;
use crate::error::AppError;
use crate::fields::invalid;
use crate::start::App;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ConnectionId;
use domain::permission::Permission;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::uploads::{self, CHUNK_BYTES};
use store::{TenantScope, audit};
use uuid::Uuid;

/// The largest file that is taken.
pub const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Chunks written in one transaction.
const CHUNKS_AT_ONCE: usize = 16;
/// An upload that was begun and never completed is forgotten after so long.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(24);

/// What can be done about uploads.
#[derive(Clone, Copy)]
pub struct Uploads<'a>(&'a App);

impl App {
    /// Uploads.
    #[must_use]
    pub const fn uploads(&self) -> Uploads<'_> {
        Uploads(self)
    }
}

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UploadShown {
    /// Id.
    pub id: Uuid,
    /// Our own name for it.
    pub name: String,
    /// Bytes.
    pub size_bytes: i64,
    /// SHA-256 in hex.
    pub sha256: String,
    /// When it was complete.
    pub complete_at: Option<DateTime<Utc>>,
}

/// An upload under way. Dropped without [`Self::finish`], it is as if it had never begun.
pub struct Upload {
    app: App,
    scope: TenantScope,
    connection: ConnectionId,
    id: Uuid,
    name: String,
    buffer: Vec<u8>,
    next_chunk: i32,
    size_bytes: u64,
    hasher: Sha256,
}

/// The sender's name without any path, with harmless characters only.
fn own_name(theirs: &str) -> Result<String, AppError> {
    let last = theirs.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' })
        .take(100)
        .collect();
    let clean = clean.trim_start_matches('.');
    if clean.is_empty() { Err(invalid("name", "The file needs a name.")) } else { Ok(clean.to_owned()) }
}

impl Uploads<'_> {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`AppError::NotPermitted`], [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn begin(self, scope: &TenantScope, connection: ConnectionId, name: &str) -> Result<Upload, AppError> {
        let now = self.0.now();
        let tx = self.0.db().tenant(scope).await?;
        permitted(&tx, scope, connection, Permission::RunSync).await?;
        uploads::sweep(&tx, connection, now - FORGET_AFTER).await?;
        let (id, mut name) = (Uuid::now_v7(), own_name(name)?);
        if !uploads::begin(&tx, id, connection, &name, now).await? {
            // The same file again: kept beside the first, which may be being read.
            let (stem, ending) = name.rsplit_once('.').map_or((name.as_str(), ""), |(stem, ending)| (stem, ending));
            name = format!("{stem}-{}.{ending}", now.format("%Y%m%dT%H%M%S%3f"));
            if !uploads::begin(&tx, id, connection, &name, now).await? {
                return Err(store::StoreError::Conflict.into());
            }
        }
        tx.commit().await?;
        Ok(Upload {
            app: self.0.clone(),
            scope: scope.clone(),
            connection,
            id,
            name,
            buffer: Vec::new(),
            next_chunk: 0,
            size_bytes: 0,
            hasher: Sha256::new(),
        })
    }

    /// A connection's complete uploads, oldest first.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Store`].
    pub async fn list(self, scope: &TenantScope, connection: ConnectionId) -> Result<Vec<UploadShown>, AppError> {
        let tx = self.0.db().tenant(scope).await?;
        permitted(&tx, scope, connection, Permission::ReadOperations).await?;
        let found = uploads::list(&tx, connection).await?;
        tx.commit().await?;
        Ok(found
            .into_iter()
            .map(|upload| UploadShown {
                id: upload.id,
                name: upload.name,
                size_bytes: upload.size_bytes,
                sha256: upload.sha256.map(hex::encode).unwrap_or_default(),
                complete_at: upload.complete_at,
            })
            .collect())
    }
}

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`AppError::TooLarge`], [`AppError::Store`]; then it is best dropped with [`Self::give_up`].
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), AppError> {
        self.size_bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.size_bytes > FILE_BYTES_MAX {
            return Err(AppError::TooLarge { what: "the file", limit_bytes: FILE_BYTES_MAX });
        }
        self.hasher.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES * CHUNKS_AT_ONCE {
            self.write(false).await?;
        }
        Ok(())
    }

    /// Writes whole chunks, and at the end the rest.
    async fn write(&mut self, all: bool) -> Result<(), AppError> {
        let whole = self.buffer.len() - self.buffer.len() % CHUNK_BYTES;
        let rest = if all { Vec::new() } else { self.buffer.split_off(whole) };
        let tx = self.app.db().tenant(&self.scope).await?;
        for chunk in self.buffer.chunks(CHUNK_BYTES) {
            uploads::put_chunk(&tx, self.id, self.next_chunk, chunk).await?;
            self.next_chunk = self.next_chunk.saturating_add(1);
        }
        tx.commit().await?;
        self.buffer = rest;
        Ok(())
    }

    /// Completes the upload and, where the connection is active, starts a sync that reads it.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an empty file, [`AppError::Store`].
    pub async fn finish(mut self) -> Result<UploadShown, AppError> {
        if self.size_bytes == 0 {
            self.give_up().await?;
            return Err(invalid("file", "The file is empty."));
        }
        self.write(true).await?;
        let now = self.app.now();
        let sha256 = self.hasher.finalize_reset();
        let size_bytes = i64::try_from(self.size_bytes).unwrap_or(i64::MAX);
        let tx = self.app.db().tenant(&self.scope).await?;
        uploads::complete(&tx, self.id, size_bytes, &sha256, now).await?;
        let detail = json!({ "upload": self.id, "size_bytes": size_bytes, "sha256": hex::encode(sha256) });
        audit::append(&tx, "file.uploaded", "connection", &self.connection.to_string(), detail, now).await?;
        tx.commit().await?;
        match self.app.engine().start_sync(&self.scope, self.connection, None, Mode::Changes).await {
            // A draft or paused connection reads it when it is active.
            Ok(_) | Err(EngineError::NotNow(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(UploadShown {
            id: self.id,
            name: self.name.clone(),
            size_bytes,
            sha256: hex::encode(sha256),
            complete_at: Some(now),
        })
    }

    /// Forgets what was taken so far.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn give_up(&self) -> Result<(), AppError> {
        let tx = self.app.db().tenant(&self.scope).await?;
        uploads::delete(&tx, self.id).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_path_never_becomes_ours() {
        for (theirs, ours) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\exports\\Customers 1.csv", "Customers_1.csv"),
            ("..", ""),
            (".hidden", "hidden"),
            ("a\u{202e}b\0.csv", "a_b_.csv"),
        ] {
            assert_eq!(own_name(theirs).unwrap_or_default(), ours, "{theirs}");
        }
    }
}
