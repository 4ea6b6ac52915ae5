//! FTPS (explicit TLS, control and data) and, only where somebody chose it, plain FTP.
//!
//! Quirks kept here: MLSD is tried first because LIST tells only minutes; a passive address that the server names is
//! never connected to, only the port is taken, so that it cannot send us into somebody's network.

use super::{Chunks, Entry, EntryKind, LISTING_ENTRIES_MAX, Place, Source, net};
use crate::error::{ConnectorError, short};
use async_trait::async_trait;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};
use suppaftp::list::{File, ListParser};
use suppaftp::tokio::{AsyncRustlsConnector, AsyncRustlsFtpStream, AsyncRustlsStream, TransferStream};
use suppaftp::tokio_rustls::TlsConnector;
use suppaftp::tokio_rustls::rustls::client::WebPkiServerVerifier;
use suppaftp::tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use suppaftp::tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use suppaftp::tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use suppaftp::tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use suppaftp::types::FileType;
use suppaftp::{FtpError, Mode, Status};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest wait for one answer on the control connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Explicit TLS.
    Tls,
    /// None: passwords and files can be read on the way.
    None,
}

/// A folder on an FTP server. Each call signs in anew: a control connection serves one transfer at a time.
pub struct Ftp {
    place: Place,
    protection: Protection,
}

/// Connected, greeted and, where asked for, inside TLS; nobody is signed in yet.
pub struct Met {
    stream: AsyncRustlsFtpStream,
    /// The certificate's SHA-256 in hex; `None` without TLS.
    pub fingerprint: Option<String>,
}

/// Waits for the greeting and starts TLS.
///
/// # Errors
/// [`ConnectorError::Misconfigured`] with the fingerprint where the certificate is not trusted.
pub async fn meet(stream: TcpStream, place: &Place, protection: Protection) -> Result<Met, ConnectorError> {
    let plain = answered(AsyncRustlsFtpStream::connect_with_stream(stream)).await?;
    if protection == Protection::None {
        return Ok(Met { stream: plain, fingerprint: None });
    }
    let seen = Arc::new(Mutex::new(None));
    let connector = AsyncRustlsConnector::from(TlsConnector::from(Arc::new(tls(place, Arc::clone(&seen))?)));
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    let secured = answered(plain.into_secure(connector, host)).await;
    let fingerprint = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match (secured, fingerprint) {
        (Ok(stream), fingerprint) => Ok(Met { stream, fingerprint }),
        (Err(ConnectorError::Forbidden { .. }), Some(shown)) => Err(ConnectorError::Misconfigured {
            setting: "host_key",
            said: match &place.pin {
                Some(expected) => format!("the server shows the certificate {shown}, not {expected}"),
                None => format!(
                    "no public authority vouches for the server's certificate; where its owner confirms the \
                     fingerprint {shown}, enter it here"
                ),
            },
        }),
        (Err(error), _) => Err(error),
    }
}

impl Met {
    /// Signs in and goes to the folder.
    ///
    /// # Errors
    /// [`ConnectorError::Unauthorized`], or [`ConnectorError::Misconfigured`] for the folder.
    pub async fn sign_in(mut self, place: &Place) -> Result<AsyncRustlsFtpStream, ConnectorError> {
        let password = place
            .password
            .as_ref()
            .ok_or_else(|| ConnectorError::Misconfigured { setting: "password", said: "it is empty".to_owned() })?;
        answered(self.stream.login(place.user.as_str(), password.expose_secret())).await?;
        answered(self.stream.transfer_type(FileType::Binary)).await?;
        if !place.folder.is_empty() && place.folder != "." {
            let folder = self.stream.cwd(place.folder.as_str());
            answered(folder).await.map_err(|error| match error {
                ConnectorError::Refused { said, .. } => ConnectorError::Misconfigured { setting: "folder", said },
                other => other,
            })?;
        }
        self.stream.set_mode(Mode::ExtendedPassive);
        self.stream.set_passive_nat_workaround(true);
        Ok(self.stream)
    }
}

impl Ftp {
    /// A folder on an FTP server.
    #[must_use]
    pub const fn new(place: Place, protection: Protection) -> Self {
        Self { place, protection }
    }

    async fn signed_in(&self) -> Result<AsyncRustlsFtpStream, ConnectorError> {
        let place = &self.place;
        let addresses = net::resolve(&place.host, place.port, place.allow_private_hosts).await?;
        let met = meet(net::connect(&addresses).await?, place, self.protection).await?;
        met.sign_in(place).await
    }
}

#[async_trait]
impl Source for Ftp {
    async fn list(&self) -> Result<Vec<Entry>, ConnectorError> {
        let mut stream = self.signed_in().await?;
        let entries = match answered(stream.mlsd(None)).await {
            Ok(lines) => lines.iter().filter_map(|line| entry(ListParser::parse_mlsd(line).ok()?)).collect(),
            Err(ConnectorError::Refused { .. }) => {
                let lines = match answered(stream.list(None)).await {
                    Ok(lines) => lines,
                    // An old server without EPSV.
                    Err(ConnectorError::Refused { .. }) => {
                        stream.set_mode(Mode::Passive);
                        answered(stream.list(None)).await?
                    }
                    Err(error) => return Err(error),
                };
                lines.iter().filter_map(|line| entry(File::from_str(line).ok()?)).collect()
            }
            Err(error) => return Err(error),
        };
        let entries: Vec<Entry> = entries;
        answered(stream.quit()).await.ok();
        Ok(entries.into_iter().take(LISTING_ENTRIES_MAX).collect())
    }

    async fn stat(&self, name: &str) -> Result<Option<Entry>, ConnectorError> {
        // From the listing, so that the time is told as finely as it was the first time.
        Ok(self.list().await?.into_iter().find(|entry| entry.name == name))
    }

    async fn open(&self, name: &str, offset: u64) -> Result<Chunks, ConnectorError> {
        let mut stream = self.signed_in().await?;
        let mut transfer = match retrieve(&mut stream, name, offset).await {
            Err(ConnectorError::Refused { .. }) => {
                stream.set_mode(Mode::Passive);
                retrieve(&mut stream, name, offset).await?
            }
            other => other?,
        };
        let (filling, chunks) = Chunks::pair();
        tokio::spawn(async move {
            if filling.pump(&mut transfer).await {
                // Only the server's reply tells a whole file from a cut connection.
                match answered(transfer.finish()).await {
                    Ok(()) => filling.end().await,
                    Err(error) => {
                        filling.send(Err(error)).await;
                    }
                }
                answered(stream.quit()).await.ok();
            }
        });
        Ok(chunks)
    }
}

/// Asks for a file from an offset. A server forgets the offset at the first command that it refuses, so each try tells it.
async fn retrieve(
    stream: &mut AsyncRustlsFtpStream,
    name: &str,
    offset: u64,
) -> Result<TransferStream<AsyncRustlsStream>, ConnectorError> {
    if offset > 0 {
        let offset = usize::try_from(offset).map_err(|_| ConnectorError::unreadable("the file is too long"))?;
        answered(stream.resume_transfer(offset)).await?;
    }
    answered(stream.retr_as_stream(name)).await
}

fn entry(file: File) -> Option<Entry> {
    let kind = match (file.is_symlink(), file.is_directory(), file.is_file()) {
        (true, _, _) => EntryKind::Link,
        (false, true, _) => EntryKind::Folder,
        (false, false, true) => EntryKind::File,
        (false, false, false) => EntryKind::Other,
    };
    let modified =
        file.modified().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    Some(Entry { name: file.name().to_owned(), size_bytes: u64::try_from(file.size()).ok()?, modified, kind })
}

async fn answered<T>(call: impl Future<Output = Result<T, FtpError>>) -> Result<T, ConnectorError> {
    match timeout(ANSWER_TIMEOUT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(judged(error)),
        Err(late) => Err(ConnectorError::unavailable("the FTP server did not answer", late)),
    }
}

fn judged(error: FtpError) -> ConnectorError {
    match &error {
        FtpError::UnexpectedResponse(response) => {
            let said = short(&String::from_utf8_lossy(&response.body));
            match response.status {
                Status::NotLoggedIn | Status::InvalidCredentials => {
                    ConnectorError::Unauthorized { said, evidence: None }
                }
                Status::NotAvailable => {
                    ConnectorError::Unavailable { said, evidence: None, source: Some(Box::new(error)) }
                }
                // FTP's status codes are open by nature.
                status => ConnectorError::Refused {
                    code: format!("ftp_{}", status.code()),
                    said,
                    fix: "Ask the server's owner what this answer means for this account.".to_owned(),
                    evidence: None,
                },
            }
        }
        FtpError::SecureError(said) => ConnectorError::Forbidden {
            said: short(&format!("no TLS: {said}")),
            fix: "Ask the server's owner to allow explicit FTPS with a current TLS version.".to_owned(),
            evidence: None,
        },
        FtpError::ConnectionError(_)
        | FtpError::BadResponse
        | FtpError::InvalidAddress(_)
        | FtpError::DataConnectionAlreadyOpen => {
            ConnectorError::unavailable(format!("the FTP connection failed: {error}"), error)
        }
    }
}

fn tls(place: &Place, seen: Arc<Mutex<Option<String>>>) -> Result<ClientConfig, ConnectorError> {
    let broken = |error: TlsError| ConnectorError::unavailable("TLS cannot be set up", error);
    let provider = Arc::new(ring::default_provider());
    let public = match &place.pin {
        Some(_) => None,
        None => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| ConnectorError::unavailable("TLS cannot be set up", error))?;
            Some(verifier)
        }
    };
    let pin = place.pin.as_deref().map(bare_hex);
    let verifier = Certificates { pin, public, seen, provider: Arc::clone(&provider) };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(broken)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// `AB:CD:…` and `abcd…` are the same fingerprint.
fn bare_hex(text: &str) -> String {
    text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect()
}

/// Exactly the pinned certificate, or one that a public authority signed for this host.
#[derive(Debug)]
struct Certificates {
    pin: Option<String>,
    public: Option<Arc<WebPkiServerVerifier>>,
    seen: Arc<Mutex<Option<String>>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Certificates {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let shown = hex::encode(Sha256::digest(certificate));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown.clone());
        match (&self.pin, &self.public) {
            (Some(pin), _) if *pin == shown => Ok(ServerCertVerified::assertion()),
            (None, Some(public)) => public.verify_server_cert(certificate, between, host, ocsp, now),
            (Some(_), _) | (None, None) => {
                Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        suppaftp::tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        suppaftp::tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
