//! Mail with a lead in it, by SMTP; the address that was checked is the address that is connected to.

use crate::access::Access;
use crate::error::{ConnectorError, short};
use crate::file_transfer::net;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// From connecting to the server's last answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// The connection's mail server.
///
/// # Errors
/// [`ConnectorError::Misconfigured`].
pub async fn transport(access: &Access) -> Result<Transport, ConnectorError> {
    let host = access.setting("smtp_host")?;
    let port: u16 =
        access.optional("smtp_port").unwrap_or("587").parse().map_err(|_| ConnectorError::Misconfigured {
            setting: "smtp_port",
            said: "it is no port; it is a number from 1 to 65535".to_owned(),
        })?;
    let addresses = net::resolve(host, port, access.allow_private_hosts).await.map_err(|error| match error {
        ConnectorError::Misconfigured { said, .. } => ConnectorError::Misconfigured { setting: "smtp_host", said },
        other => other,
    })?;
    let Some(address) = addresses.first() else {
        return Err(ConnectorError::Misconfigured { setting: "smtp_host", said: "it leads nowhere".to_owned() });
    };
    let parameters = || {
        TlsParameters::new(host.to_owned())
            .map_err(|error| ConnectorError::Misconfigured { setting: "smtp_host", said: short(&error.to_string()) })
    };
    let tls = match access.optional("smtp_security").unwrap_or("starttls") {
        "starttls" => Tls::Required(parameters()?),
        "tls" => Tls::Wrapper(parameters()?),
        "none" if access.allow_private_hosts => Tls::None,
        other => {
            return Err(ConnectorError::Misconfigured {
                setting: "smtp_security",
                said: format!("`{other}` is neither starttls nor tls"),
            });
        }
    };
    let mut builder =
        Transport::builder_dangerous(address.ip().to_string()).port(port).tls(tls).timeout(Some(SEND_TIMEOUT));
    if let (Some(user), Some(password)) =
        (access.optional_credential("smtp_user"), access.optional_credential("smtp_password"))
    {
        builder = builder.credentials(Credentials::new(user.to_owned(), password.to_owned()));
    }
    Ok(builder.build())
}

/// Whether the server is there and takes the account. Sends nothing.
///
/// # Errors
/// As [`ConnectorError`] says.
pub async fn greet(access: &Access) -> Result<(), ConnectorError> {
    match transport(access).await?.test_connection().await {
        Ok(true) => Ok(()),
        Ok(false) => Err(ConnectorError::Unavailable {
            said: "the mail server does not answer as one".to_owned(),
            evidence: None,
            source: None,
        }),
        Err(error) => Err(judged(error, false)),
    }
}

/// Sends one document. The same key makes the same message id, by which a receiver knows a repeat.
///
/// # Errors
/// As [`ConnectorError`] says; a lost answer leaves the outcome unknown.
pub async fn send(transport: &Transport, access: &Access, key: &str, document: &[u8]) -> Result<(), ConnectorError> {
    let mailbox = |setting: &'static str| -> Result<Mailbox, ConnectorError> {
        access
            .setting(setting)?
            .parse()
            .map_err(|_| ConnectorError::Misconfigured { setting, said: "this is no e-mail address".to_owned() })
    };
    let (from, to) = (mailbox("email_from")?, mailbox("email_to")?);
    let id = format!("<{key}@{}>", from.email.domain());
    let message = Message::builder()
        .from(from)
        .to(to)
        .subject("ADF lead")
        .message_id(Some(id))
        .header(ContentType::TEXT_PLAIN)
        .body(String::from_utf8_lossy(document).into_owned())
        .map_err(|error| ConnectorError::unreadable(error.to_string()))?;
    transport.send(message).await.map(|_| ()).map_err(|error| judged(error, true))
}

fn judged(error: lettre::transport::smtp::Error, wrote: bool) -> ConnectorError {
    let said = short(&error.to_string());
    if let Some(status) = error.status() {
        let code = u16::from(status);
        return match code {
            530 | 534 | 535 | 538 => ConnectorError::Unauthorized { said, evidence: None },
            400..=499 => ConnectorError::unavailable(said, error),
            _ => ConnectorError::Refused {
                code: format!("smtp_{code}"),
                said,
                fix: "Check the addresses of sender and receiver.".to_owned(),
                evidence: None,
            },
        };
    }
    // Without a status nothing tells whether the server had taken the message, unless there was no connection at all.
    if wrote && (error.is_timeout() || error.is_response()) {
        return ConnectorError::OutcomeUnknown { said, source: Some(Box::new(error)) };
    }
    ConnectorError::unavailable(said, error)
}
