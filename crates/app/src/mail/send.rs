//! Sending what waits: taken from the table by whichever process comes first, with a lease, so that none is lost.

use crate::config::{MailConfig, MailWay};
use crate::error::AppError;
use crate::mail::Mails;
use chrono::{DateTime, TimeDelta, Utc};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::response::Code;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use std::time::Duration;
use store::mails::{self, StoredMail};
use store::people;

/// Taken at once.
const BATCH_MAX: u32 = 20;
/// A sender that takes longer has died.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// A mail that could not be sent for so long is given up.
const GIVE_UP_AFTER: TimeDelta = TimeDelta::days(5);

/// How mails leave this process.
pub struct Mailer {
    way: Way,
}

enum Way {
    Keep,
    Smtp { transport: Box<AsyncSmtpTransport<Tokio1Executor>>, from: Mailbox },
}

/// Why mail cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The server's address.
    #[error("DRIVELINE_MAIL is no address of a mail server")]
    Server(#[from] lettre::transport::smtp::Error),
    /// The sender.
    #[error("DRIVELINE_MAIL_FROM is no sender")]
    From(#[from] lettre::address::AddressError),
}

impl Mailer {
    /// Sets up.
    ///
    /// # Errors
    /// [`MailerError`].
    pub fn new(config: &MailConfig) -> Result<Self, MailerError> {
        let way = match &config.way {
            MailWay::Mailbox => Way::Keep,
            MailWay::Smtp(url) => {
                let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())?;
                let transport = Box::new(server.timeout(Some(Duration::from_secs(30))).build());
                Way::Smtp { transport, from: config.from.parse()? }
            }
        };
        Ok(Self { way })
    }

    /// Whether mails stay here.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        matches!(self.way, Way::Keep)
    }
}

impl Mails<'_> {
    /// Sends what is due, batch after batch, until nothing is.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn send_all_due(self) -> Result<(), AppError> {
        while self.send_due().await? >= BATCH_MAX {}
        Ok(())
    }

    /// Sends what is due now; returns how many were tried.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn send_due(self) -> Result<u32, AppError> {
        let Way::Smtp { transport, from } = &self.0.mailer().way else { return Ok(0) };
        let now = self.0.now();
        let tx = self.0.db().platform().await?;
        let due = mails::take_due(&tx, BATCH_MAX, now, LEASE).await?;
        tx.commit().await?;
        let mut tried = 0;
        for stored in due {
            tried += 1;
            let sent = send(transport, from, &stored).await;
            let tx = self.0.db().platform().await?;
            match sent {
                Ok(()) => {
                    mails::set_sent(&tx, stored.id, self.0.now()).await?;
                    people::set_mail_refused(&tx, &stored.mail.to, None).await?;
                }
                Err(Unsent { said, address_refused }) => {
                    let again_at = if address_refused { None } else { again_at(&stored, now) };
                    tracing::warn!(mail = %stored.id, attempts = stored.attempts, gives_up = again_at.is_none(), said, "a mail was not sent");
                    if address_refused {
                        people::set_mail_refused(&tx, &stored.mail.to, Some(now)).await?;
                    }
                    mails::set_failed(&tx, stored.id, &said, again_at).await?;
                }
            }
            tx.commit().await?;
        }
        Ok(tried)
    }
}

/// Doubling from 30 s to one hour; `None` where it is given up.
fn again_at(stored: &StoredMail, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if now - stored.created_at > GIVE_UP_AFTER {
        return None;
    }
    let doublings = u32::try_from(stored.attempts.clamp(1, 8) - 1).unwrap_or(0);
    Some(now + TimeDelta::seconds((30 * 2_i64.pow(doublings)).min(3600)))
}

/// Why a mail did not leave.
struct Unsent {
    /// In our words: the server's may repeat the address.
    said: String,
    /// Whether nobody gets mail there, so that trying again is no use.
    address_refused: bool,
}

impl Unsent {
    const fn later(said: String) -> Self {
        Self { said, address_refused: false }
    }
}

/// Whether an answer says that the mailbox does not exist or takes nothing (RFC 5321, 4.2.2: 550, 551, 553). Others of
/// 5xx are about our account, the size or a policy, which the dealer cannot mend by correcting the address.
fn refuses_address(code: Code) -> bool {
    matches!(u16::from(code), 550 | 551 | 553)
}

async fn send(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    from: &Mailbox,
    stored: &StoredMail,
) -> Result<(), Unsent> {
    let mail = &stored.mail;
    let to: Mailbox = mail
        .to
        .parse()
        .map_err(|_| Unsent { said: "the address cannot be written to".to_owned(), address_refused: true })?;
    let domain = from.email.domain();
    let message = Message::builder()
        .from(from.clone())
        .to(to)
        // The same id at each try, so that a repeated mail is known as one.
        .message_id(Some(format!("<{}@{domain}>", stored.id)))
        .subject(&mail.subject)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| Unsent::later(error.to_string()))?;
    transport.send(message).await.map(|_| ()).map_err(|error| match error.status() {
        Some(code) => {
            Unsent { said: format!("the mail server answered {code}"), address_refused: refuses_address(code) }
        }
        None if error.is_timeout() => Unsent::later("the mail server did not answer in time".to_owned()),
        None => Unsent::later("the mail server cannot be reached".to_owned()),
    })
}
