//! Mail: written with the change that causes it, sent afterwards, again and again until it is gone, the address is
//! refused or five days are over.

mod letter;
mod send;

pub use letter::Letter;
pub use send::{Mailer, MailerError};

use crate::config::MailWay;
use crate::error::AppError;
use crate::start::App;
use chrono::{DateTime, Utc};
use serde::Serialize;
use store::mails;
use uuid::Uuid;

/// What can be done with mail.
#[derive(Clone, Copy)]
pub struct Mails<'a>(pub(crate) &'a App);

impl App {
    /// Mail.
    #[must_use]
    pub const fn mails(&self) -> Mails<'_> {
        Mails(self)
    }
}

/// A mail of the demo's mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct KeptMail {
    /// Id.
    pub id: Uuid,
    /// To whom.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Body as plain text.
    pub text: String,
    /// Body as HTML.
    pub html: String,
    /// When it was written.
    pub at: DateTime<Utc>,
}

/// The mailbox shows so many mails.
const MAILBOX_MAX: u32 = 100;

impl Mails<'_> {
    /// The newest mails of the demo's mailbox; `None` where mails are really sent, for then nobody may read them here.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn mailbox(self) -> Result<Option<Vec<KeptMail>>, AppError> {
        match self.0.config().mail.way {
            MailWay::Smtp(_) => Ok(None),
            MailWay::Mailbox => {
                let tx = self.0.db().platform().await?;
                let kept = mails::kept(&tx, MAILBOX_MAX).await?;
                tx.commit().await?;
                Ok(Some(kept.into_iter().map(KeptMail::from).collect()))
            }
        }
    }
}

impl From<mails::StoredMail> for KeptMail {
    fn from(stored: mails::StoredMail) -> Self {
        let mails::Mail { to, subject, text, html } = stored.mail;
        Self { id: stored.id, to, subject, text, html, at: stored.created_at }
    }
}
