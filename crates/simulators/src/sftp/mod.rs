//! An SFTP server that needs no root and no account: SSH by russh in front, OpenSSH's own `sftp-server` behind, started
//! in one folder. For the demo and for tests; it listens where its caller says, which is loopback.
//!
//! Assumed: a sign-in is checked against one user; the folder is where the session starts, not a jail: OpenSSH's server
//! follows absolute paths, as it does at a dealer's host that has no chroot.

use anyhow::{Context, bail};
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinHandle;

/// Where distributions put OpenSSH's SFTP server.
const PROGRAMS: [&str; 4] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
];

/// Who may sign in, and what for.
#[derive(Clone, Debug)]
pub struct Account {
    /// User name.
    pub user: String,
    /// Password; `None` where only the key opens.
    pub password: Option<String>,
    /// Public key; `None` where only the password opens.
    pub public_key: Option<PublicKey>,
    /// Whether files can only be read.
    pub read_only: bool,
}

/// A running server; it ends when this is dropped.
pub struct SftpServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its key's fingerprint, `SHA256:…`.
    pub fingerprint: String,
    serving: JoinHandle<()>,
}

impl SftpServer {
    /// Serves until the process ends or the server is dropped.
    pub async fn served(mut self) {
        (&mut self.serving).await.ok();
    }
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A key pair for tests and the demo: the private key's OpenSSH text, and the public key.
///
/// # Errors
/// Where the key cannot be written as text.
pub fn key_pair() -> anyhow::Result<(String, PublicKey)> {
    let key = new_key()?;
    Ok((key.to_openssh(LineEnding::LF)?.to_string(), key.public_key().clone()))
}

/// A new Ed25519 key as OpenSSH text, to be kept and passed to [`serve_sftp`] so that the fingerprint stays.
///
/// # Errors
/// Where the key cannot be written as text.
pub fn host_key() -> anyhow::Result<String> {
    Ok(new_key()?.to_openssh(LineEnding::LF)?.to_string())
}

fn new_key() -> anyhow::Result<PrivateKey> {
    Ok(PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)?)
}

/// Serves a folder on a listener.
///
/// # Errors
/// Where OpenSSH's `sftp-server` is not installed, or the listener cannot be used.
pub fn serve_sftp(
    folder: &Path,
    account: Account,
    host_key: Option<&str>,
    listener: TcpListener,
) -> anyhow::Result<SftpServer> {
    let Some(program) = PROGRAMS.iter().map(Path::new).find(|path| path.exists()) else {
        bail!("OpenSSH's sftp-server is missing: install the package openssh-sftp-server");
    };
    let key = match host_key {
        Some(text) => PrivateKey::from_openssh(text).context("the host key cannot be read")?,
        None => new_key()?,
    };
    let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
    let folder = folder.canonicalize().with_context(|| format!("there is no folder {}", folder.display()))?;
    let mut ways = MethodSet::empty();
    if account.password.is_some() {
        ways.push(MethodKind::Password);
    }
    if account.public_key.is_some() {
        ways.push(MethodKind::PublicKey);
    }
    let config = Arc::new(Config {
        keys: vec![key],
        methods: ways,
        auth_rejection_time: Duration::from_millis(100),
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: Some(Duration::from_secs(300)),
        window_size: 8 * 1024 * 1024,
        nodelay: true,
        ..Default::default()
    });
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let shared = Arc::new(Served { folder, account, program: program.to_owned() });
    let serving = tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            stream.set_nodelay(true).ok();
            let visitor = Visitor { served: Arc::clone(&shared), channels: HashMap::new() };
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                match russh::server::run_stream(config, stream, visitor).await {
                    Ok(session) => {
                        session.await.ok();
                    }
                    Err(error) => tracing::debug!(%error, "a visitor left before the sign-in"),
                }
            });
        }
    });
    Ok(SftpServer { address, fingerprint, serving })
}

struct Served {
    folder: PathBuf,
    account: Account,
    program: PathBuf,
}

struct Visitor {
    served: Arc<Served>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Visitor {
    fn judged(&self, good: bool) -> Auth {
        if good { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Visitor {
    type Error = anyhow::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let account = &self.served.account;
        Ok(self.judged(user == account.user && account.password.as_deref() == Some(password)))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let account = &self.served.account;
        let known = account.public_key.as_ref().is_some_and(|own| own.key_data() == key.public_key.key_data());
        Ok(self.judged(user == account.user && known))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        let channel = self.channels.remove(&id).filter(|_| name == "sftp");
        let Some(channel) = channel else {
            session.channel_failure(id)?;
            return Ok(());
        };
        let mut command = Command::new(&self.served.program);
        command.arg("-d").arg(&self.served.folder).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if self.served.account.read_only {
            command.arg("-R");
        }
        let mut child = command.spawn()?;
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("sftp-server has no pipes");
        };
        session.channel_success(id)?;
        let handle = session.handle();
        tokio::spawn(async move {
            let (mut from_visitor, mut to_visitor) = tokio::io::split(channel.into_stream());
            let inward = tokio::io::copy(&mut from_visitor, &mut stdin);
            let outward = tokio::io::copy(&mut stdout, &mut to_visitor);
            // Either end may leave first.
            tokio::select! {
                _ = inward => {}
                _ = outward => {}
            }
            handle.close(id).await.ok();
            child.kill().await.ok();
        });
        Ok(())
    }
}
