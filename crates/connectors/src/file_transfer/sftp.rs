//! SFTP: password, keyboard-interactive and private key; the host key is pinned.

use super::{Chunks, Entry, EntryKind, LISTING_ENTRIES_MAX, Place, Source, net};
use crate::error::{ConnectorError, short};
use async_trait::async_trait;
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{MethodKind, MethodSet};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::fs::Metadata;
use russh_sftp::client::{RawSftpSession, SftpSession};
use russh_sftp::protocol::{FileType, OpenFlags, Packet, StatusCode};
use secrecy::ExposeSecret;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// From the open connection to the checked host key, and to the accepted sign-in.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// An unused connection closes itself.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// A rename that replaces, as POSIX has it.
const POSIX_RENAME: &str = "posix-rename@openssh.com";
/// The most rounds of questions in a keyboard-interactive sign-in.
const QUESTIONS_MAX: usize = 5;

/// A server whose host key was checked; nobody is signed in yet.
pub struct Met {
    handle: Handle<Pin>,
    /// Its key's fingerprint, `SHA256:…`.
    pub fingerprint: String,
}

/// Signed in, with the SFTP subsystem open.
pub struct Sftp {
    // Dropping the handle would end the connection.
    handle: Handle<Pin>,
    session: SftpSession,
    folder: String,
}

/// Checks the server's key against the expected one.
struct Pin {
    expected: Option<String>,
    seen: Arc<Mutex<Option<String>>>,
}

impl russh::client::Handler for Pin {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let fits = self.expected.as_ref().is_none_or(|expected| same_fingerprint(expected, &fingerprint));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(fingerprint);
        Ok(fits)
    }
}

/// People copy fingerprints with and without the prefix and the padding.
fn same_fingerprint(expected: &str, shown: &str) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("SHA256:").trim_end_matches('=').to_owned();
    bare(expected) == bare(shown)
}

/// Speaks SSH on an open connection and checks the host key.
///
/// # Errors
/// [`ConnectorError::Misconfigured`] with both fingerprints where the key is another one.
pub async fn meet(stream: TcpStream, place: &Place) -> Result<Met, ConnectorError> {
    let seen = Arc::new(Mutex::new(None));
    let pin = Pin { expected: place.pin.clone(), seen: Arc::clone(&seen) };
    let config = Arc::new(russh::client::Config {
        inactivity_timeout: Some(IDLE_MAX),
        window_size: 8 * 1024 * 1024,
        nodelay: true,
        ..Default::default()
    });
    let met = timeout(HANDSHAKE_TIMEOUT, russh::client::connect_stream(config, stream, pin)).await;
    let fingerprint = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match met {
        Ok(Ok(handle)) => Ok(Met { handle, fingerprint: fingerprint.unwrap_or_default() }),
        Ok(Err(russh::Error::UnknownKey)) => Err(ConnectorError::Misconfigured {
            setting: "host_key",
            said: format!(
                "the server shows the key {}, not {}; ask its owner whether the key was changed",
                fingerprint.unwrap_or_default(),
                place.pin.clone().unwrap_or_default()
            ),
        }),
        Ok(Err(error)) => Err(ConnectorError::unavailable(format!("no SSH: {error}"), error)),
        Err(late) => Err(ConnectorError::unavailable("no SSH in time; is this the SFTP port?", late)),
    }
}

impl Met {
    /// Signs in: by key where one is given, then by password where one is given and still asked for.
    ///
    /// # Errors
    /// [`ConnectorError::Unauthorized`] with the ways that the server offers.
    pub async fn sign_in(&mut self, place: &Place) -> Result<(), ConnectorError> {
        timeout(HANDSHAKE_TIMEOUT, self.try_all(place))
            .await
            .map_err(|late| ConnectorError::unavailable("no answer to the sign-in", late))?
    }

    async fn try_all(&mut self, place: &Place) -> Result<(), ConnectorError> {
        let mut offered: Option<MethodSet> = None;
        if let Some(key) = &place.private_key {
            let locked = place.passphrase.as_ref().map(ExposeSecret::expose_secret);
            let key = decode_secret_key(key.expose_secret(), locked).map_err(|_| ConnectorError::Misconfigured {
                setting: "private_key",
                said: "this is no private key, or its passphrase is wrong".to_owned(),
            })?;
            let hash = self.handle.best_supported_rsa_hash().await.map_err(cut)?.flatten();
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            match self.handle.authenticate_publickey(&place.user, key).await.map_err(cut)? {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure { remaining_methods, .. } => offered = Some(remaining_methods),
            }
        }
        if let Some(password) = &place.password {
            let password = password.expose_secret();
            match self.handle.authenticate_password(&place.user, password).await.map_err(cut)? {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure { remaining_methods, .. } => {
                    let ask = remaining_methods.contains(&MethodKind::KeyboardInteractive);
                    if ask && self.answer_questions(&place.user, password).await? {
                        return Ok(());
                    }
                    offered = Some(remaining_methods);
                }
            }
        }
        Err(match offered {
            None => ConnectorError::Misconfigured {
                setting: "password",
                said: "neither a password nor a private key is given".to_owned(),
            },
            Some(ways) => {
                let ways: Vec<&str> = ways.iter().map(Into::into).collect();
                ConnectorError::Unauthorized {
                    said: short(&format!("the server refused the sign-in; it offers: {}", ways.join(", "))),
                    evidence: None,
                }
            }
        })
    }

    async fn answer_questions(&mut self, user: &str, password: &str) -> Result<bool, ConnectorError> {
        let mut answer =
            self.handle.authenticate_keyboard_interactive_start(user, None::<String>).await.map_err(cut)?;
        for _ in 0..QUESTIONS_MAX {
            match answer {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let answers = prompts.iter().map(|_| password.to_owned()).collect();
                    answer = self.handle.authenticate_keyboard_interactive_respond(answers).await.map_err(cut)?;
                }
            }
        }
        Ok(false)
    }

    /// Opens the SFTP subsystem.
    ///
    /// # Errors
    /// [`ConnectorError::Forbidden`] where the account may not use SFTP.
    pub async fn open(self, place: &Place) -> Result<Sftp, ConnectorError> {
        let refused = |error: russh::Error| ConnectorError::Forbidden {
            said: short(&format!("no SFTP for this account: {error}")),
            fix: "Ask the server's owner to allow SFTP for this account.".to_owned(),
            evidence: None,
        };
        let channel = self.handle.channel_open_session().await.map_err(refused)?;
        channel.request_subsystem(true, "sftp").await.map_err(refused)?;
        let session = timeout(HANDSHAKE_TIMEOUT, SftpSession::new(channel.into_stream()))
            .await
            .map_err(|late| ConnectorError::unavailable("the SFTP subsystem did not answer", late))?
            .map_err(|error| read_error(error, "the SFTP subsystem"))?;
        session.set_timeout(30);
        Ok(Sftp { handle: self.handle, session, folder: place.folder.clone() })
    }
}

impl Sftp {
    /// All steps at once.
    ///
    /// # Errors
    /// Of the step that failed.
    pub async fn connect(place: &Place) -> Result<Self, ConnectorError> {
        let addresses = net::resolve(&place.host, place.port, place.allow_private_hosts).await?;
        let mut met = meet(net::connect(&addresses).await?, place).await?;
        met.sign_in(place).await?;
        met.open(place).await
    }

    fn path(&self, name: &str) -> String {
        match self.folder.trim_end_matches('/') {
            "" if self.folder.starts_with('/') => format!("/{name}"),
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        }
    }

    /// Writes a file so that a reader sees the old one or the whole new one: under a `.part` name, then renamed.
    ///
    /// # Errors
    /// Where it could not be written; the old file then still stands.
    pub async fn put(&self, name: &str, content: &[u8]) -> Result<(), ConnectorError> {
        let (part, whole) = (self.path(&format!("{name}.part")), self.path(name));
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE;
        let mut file =
            self.session.open_with_flags(part.clone(), flags).await.map_err(|error| read_error(error, name))?;
        let written = async {
            file.write_all(content).await?;
            file.shutdown().await
        };
        written.await.map_err(|error| ConnectorError::unavailable("the file could not be written", error))?;
        if self.replace_at_once(&part, &whole).await {
            return Ok(());
        }
        if self.session.rename(part.clone(), whole.clone()).await.is_err() {
            // SFTP's rename does not replace; between these two calls the file is missing for a moment.
            self.session.remove_file(whole.clone()).await.ok();
            self.session.rename(part, whole).await.map_err(|error| read_error(error, name))?;
        }
        Ok(())
    }

    /// Renames over an existing file in one step, by OpenSSH's extension; whether the server did.
    async fn replace_at_once(&self, from: &str, to: &str) -> bool {
        // The session hides extensions, so a second channel of the same connection speaks this one.
        let Ok(channel) = self.handle.channel_open_session().await else { return false };
        if channel.request_subsystem(true, "sftp").await.is_err() {
            return false;
        }
        let raw = RawSftpSession::new(channel.into_stream());
        let knows = timeout(HANDSHAKE_TIMEOUT, raw.init()).await;
        if !matches!(&knows, Ok(Ok(version)) if version.extensions.contains_key(POSIX_RENAME)) {
            return false;
        }
        let mut paths = Vec::with_capacity(from.len() + to.len() + 8);
        for path in [from, to] {
            let Ok(length) = u32::try_from(path.len()) else { return false };
            paths.extend_from_slice(&length.to_be_bytes());
            paths.extend_from_slice(path.as_bytes());
        }
        let answer = raw.extended(POSIX_RENAME, paths).await;
        matches!(answer, Ok(Packet::Status(status)) if status.status_code == StatusCode::Ok)
    }
}

#[async_trait]
impl Source for Sftp {
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError> {
        let folder = if self.folder.is_empty() { "." } else { &self.folder };
        let found = self.session.read_dir(folder).await.map_err(|error| read_error(error, "the folder"))?;
        Ok(found.take(LISTING_ENTRIES_MAX).map(|item| entry(item.file_name(), &item.metadata())).collect())
    }

    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError> {
        match self.session.symlink_metadata(self.path(name)).await {
            Ok(about) => Ok(Some(entry(name.to_owned(), &about))),
            Err(SftpError::Status(status)) if status.status_code == StatusCode::NoSuchFile => Ok(None),
            Err(error) => Err(read_error(error, name)),
        }
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError> {
        let mut file = self.session.open(self.path(name)).await.map_err(|error| read_error(error, name))?;
        if offset > 0 {
            file.seek(std::io::SeekFrom::Start(offset))
                .await
                .map_err(|error| ConnectorError::unavailable("the file cannot be read from its middle", error))?;
        }
        Ok(Chunks::pumped(file))
    }
}

fn entry(name: String, about: &Metadata) -> Entry {
    let kind = match about.file_type() {
        FileType::File => EntryKind::File,
        FileType::Dir => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        FileType::Other => EntryKind::Other,
    };
    Entry { name, size_bytes: about.size.unwrap_or(0), modified: about.mtime.map(i64::from), kind }
}

fn cut(error: russh::Error) -> ConnectorError {
    ConnectorError::unavailable(format!("the connection was cut: {error}"), error)
}

fn read_error(error: SftpError, what: &str) -> ConnectorError {
    match &error {
        SftpError::Status(status) => match status.status_code {
            StatusCode::PermissionDenied => ConnectorError::Forbidden {
                said: short(&format!("no permission for {what}")),
                fix: "Ask the server's owner to give this account the right to read the folder.".to_owned(),
                evidence: None,
            },
            StatusCode::NoSuchFile => ConnectorError::Misconfigured {
                setting: "folder",
                said: format!("the server has no such file or folder: {what}"),
            },
            StatusCode::Ok
            | StatusCode::Eof
            | StatusCode::Failure
            | StatusCode::BadMessage
            | StatusCode::NoConnection
            | StatusCode::ConnectionLost
            | StatusCode::OpUnsupported => {
                ConnectorError::unavailable(format!("{what}: {}", status.error_message), error)
            }
        },
        SftpError::IO(_)
        | SftpError::Timeout
        | SftpError::Limited(_)
        | SftpError::UnexpectedPacket
        | SftpError::UnexpectedBehavior(_) => ConnectorError::unavailable(format!("{what}: {error}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_known_with_and_without_prefix_and_padding() {
        assert!(same_fingerprint(" SHA256:abc= ", "SHA256:abc"));
        assert!(same_fingerprint("abc", "SHA256:abc"));
        assert!(!same_fingerprint("SHA256:abd", "SHA256:abc"));
    }
}
