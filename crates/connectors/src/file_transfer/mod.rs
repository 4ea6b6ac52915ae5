//! Files on other people's servers: SFTP, FTPS and plain FTP, with time-outs, the address check of `vendor_http`, and
//! reading as a bounded stream. Shared by every connector that moves files.

pub mod chunks;
pub mod ftp;
pub mod net;
pub mod sftp;

use crate::error::ConnectorError;
use async_trait::async_trait;
pub use chunks::{Chunks, ChunksIn};
use secrecy::SecretString;

/// The most names that are taken from one folder.
pub const LISTING_ENTRIES_MAX: usize = 20_000;

/// Where files are and who we are there.
#[derive(Clone)]
pub struct Place {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who signs in.
    pub user: String,
    /// Password, where one is used.
    pub password: Option<SecretString>,
    /// Private key (OpenSSH, PEM or PuTTY form), where one is used.
    pub private_key: Option<SecretString>,
    /// What opens the private key, where it is locked.
    pub passphrase: Option<SecretString>,
    /// The folder, as the server names it.
    pub folder: String,
    /// The server's SSH key (`SHA256:…`) or certificate fingerprint (hex SHA-256) that is expected; `None` accepts any
    /// SSH key, and for TLS any certificate that a public authority signed.
    pub pin: Option<String>,
    /// Whether private addresses may be connected to.
    pub allow_private_hosts: bool,
}

/// What a name in a folder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link: never followed.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name within the folder.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Seconds since 1970, where the server tells; FTP servers often tell whole minutes.
    pub modified: Option<i64>,
    /// What it is.
    pub kind: EntryKind,
}

/// A folder that files are read from.
#[async_trait]
pub trait Source: Send + Sync {
    /// The names in it.
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError>;
    /// One name as it is now; `None` where it is gone.
    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError>;
    /// Opens a file at a byte offset.
    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError>;
    /// Whether every name in it is a whole file, so that none has to be looked at twice.
    fn holds_whole_files(&self) -> bool {
        false
    }
}

/// Whether a listed name may be used: one plain part of a path. A hostile server lists `../../etc/passwd`.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_part_of_a_path_is_a_name() {
        for name in ["customers.csv", "customers 2026-11-23.CSV", "..data", "käufer.csv"] {
            assert!(is_plain_name(name), "{name}");
        }
        for name in ["", ".", "..", "../x.csv", "a/b.csv", "..\\x.csv", "C:\\x.csv", "x\0.csv", "x\n.csv"] {
            assert!(!is_plain_name(name), "{name}");
        }
    }
}
