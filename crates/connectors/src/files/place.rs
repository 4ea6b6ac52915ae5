//! Where the files are: the connection's server settings, and a short-lived pool of SFTP connections, because a page a
//! call would otherwise be a sign-in a call.

use super::uploads::Uploaded;
use crate::access::Access;
use crate::error::ConnectorError;
use crate::file_transfer::ftp::{Ftp, Protection};
use crate::file_transfer::sftp::Sftp;
use crate::file_transfer::{Chunks, Entry, Place, Source};
use async_trait::async_trait;
use domain::ConnectionId;
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Connections that are kept.
const POOLED_MAX: usize = 32;
/// How long after their last use; the connection itself ends after 90 s.
const POOLED_FOR: Duration = Duration::from_secs(50);

/// How files come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SFTP.
    Sftp,
    /// FTP with or without TLS.
    Ftp(Protection),
    /// Uploaded to us.
    Upload,
}

/// The chosen way.
///
/// # Errors
/// [`ConnectorError::Misconfigured`].
pub fn transport(access: &Access) -> Result<Transport, ConnectorError> {
    match access.optional("transport").unwrap_or("sftp") {
        "sftp" => Ok(Transport::Sftp),
        "ftps" => Ok(Transport::Ftp(Protection::Tls)),
        "ftp" => Ok(Transport::Ftp(Protection::None)),
        "upload" => Ok(Transport::Upload),
        other => Err(ConnectorError::Misconfigured {
            setting: "transport",
            said: format!("`{other}` is none of sftp, ftps, ftp, upload"),
        }),
    }
}

/// The server, and who we are there.
///
/// # Errors
/// [`ConnectorError::Misconfigured`].
pub fn place(access: &Access, transport: Transport) -> Result<Place, ConnectorError> {
    let port = match (access.optional("port"), transport) {
        (None, Transport::Sftp | Transport::Upload) => 22,
        (None, Transport::Ftp(_)) => 21,
        (Some(text), _) => text.parse().map_err(|_| ConnectorError::Misconfigured {
            setting: "port",
            said: format!("`{text}` is no port; it is a number from 1 to 65535"),
        })?,
    };
    let secret = |name| access.optional_credential(name).map(|text| SecretString::from(text.to_owned()));
    Ok(Place {
        host: access.setting("host")?.to_owned(),
        port,
        user: access.setting("user")?.to_owned(),
        password: secret("password"),
        private_key: secret("private_key"),
        passphrase: secret("passphrase"),
        folder: access.optional("folder").unwrap_or_default().to_owned(),
        pin: access.optional("host_key").map(ToOwned::to_owned),
        allow_private_hosts: access.allow_private_hosts,
    })
}

/// The folder of a connection.
///
/// # Errors
/// [`ConnectorError::Misconfigured`]; nothing is connected to yet.
pub fn source(access: &Access) -> Result<Arc<dyn Source>, ConnectorError> {
    match transport(access)? {
        Transport::Upload => Ok(Arc::new(Uploaded(Arc::clone(&access.uploads)))),
        Transport::Ftp(protection) => Ok(Arc::new(Ftp::new(place(access, Transport::Ftp(protection))?, protection))),
        Transport::Sftp => {
            let place = place(access, Transport::Sftp)?;
            Ok(Arc::new(Pooled { connection: access.connection, identity: identity(&place), place }))
        }
    }
}

/// SFTP over a connection that may be there already.
struct Pooled {
    connection: ConnectionId,
    identity: String,
    place: Place,
}

struct Idle {
    connection: ConnectionId,
    identity: String,
    since: Instant,
    sftp: Arc<Sftp>,
}

static POOL: Mutex<Vec<Idle>> = Mutex::new(Vec::new());

/// What makes two places the same; other credentials must not find an open door. A hash, so that no secret stays.
fn identity(place: &Place) -> String {
    let secret = |secret: &Option<SecretString>| secret.as_ref().map(|s| s.expose_secret().to_owned());
    let all = serde_json::json!([
        place.host,
        place.port,
        place.user,
        place.folder,
        place.pin,
        place.allow_private_hosts,
        secret(&place.password),
        secret(&place.private_key),
        secret(&place.passphrase),
    ]);
    blake3::hash(all.to_string().as_bytes()).to_hex().to_string()
}

impl Pooled {
    fn idle(&self) -> Option<Arc<Sftp>> {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|idle| idle.since.elapsed() < POOLED_FOR);
        let found =
            pool.iter_mut().find(|idle| idle.connection == self.connection && idle.identity == self.identity)?;
        found.since = Instant::now();
        Some(Arc::clone(&found.sftp))
    }

    fn forget(&self) {
        POOL.lock().unwrap_or_else(PoisonError::into_inner).retain(|idle| idle.connection != self.connection);
    }

    async fn fresh(&self) -> Result<Arc<Sftp>, ConnectorError> {
        self.forget();
        let sftp = Arc::new(Sftp::connect(&self.place).await?);
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() >= POOLED_MAX {
            pool.remove(0);
        }
        let (connection, identity) = (self.connection, self.identity.clone());
        pool.push(Idle { connection, identity, since: Instant::now(), sftp: Arc::clone(&sftp) });
        Ok(sftp)
    }
}

/// Tries on the kept connection; where that is gone, once more on a new one.
macro_rules! on_some_connection {
    ($pooled:expr, $sftp:ident => $call:expr) => {{
        if let Some($sftp) = $pooled.idle() {
            match $call.await {
                Err(ConnectorError::Unavailable { .. }) => {}
                other => return other,
            }
        }
        let $sftp = $pooled.fresh().await?;
        $call.await
    }};
}

#[async_trait]
impl Source for Pooled {
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError> {
        on_some_connection!(self, sftp => sftp.list())
    }

    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError> {
        on_some_connection!(self, sftp => sftp.stat(name))
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError> {
        on_some_connection!(self, sftp => sftp.open(name, offset))
    }
}
