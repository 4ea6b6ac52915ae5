//! What must go on beside the requests: mails that wait are sent, what has ended is forgotten. Any process may do it,
//! and several at once do no harm.

use crate::error::AppError;
use crate::start::App;
use chrono::TimeDelta;
use std::error::Error as StdError;
use std::time::Duration;
use store::{attempts, mail_links, mails, sessions, sign_in_steps, sign_in_trips};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two looks for mails.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks for work that stands still.
const WATCH_EVERY: Duration = Duration::from_secs(15);
/// Between two times of tidying.
const TIDY_EVERY: Duration = Duration::from_secs(60 * 60);
/// What has ended is kept so long.
const KEEP_ENDED: TimeDelta = TimeDelta::days(7);

impl App {
    /// Keeps house until `stop`: to be spawned once by the server.
    pub async fn keep_house(self, stop: CancellationToken) {
        let mut tidy_at = Instant::now();
        while !stop.is_cancelled() {
            if let Err(error) = self.mails().send_all_due().await {
                tracing::warn!(error = chain(&error), "mails could not be sent");
            }
            if Instant::now() >= tidy_at {
                tidy_at = Instant::now() + TIDY_EVERY;
                if let Err(error) = self.tidy().await {
                    tracing::warn!(error = chain(&error), "what has ended could not be forgotten");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Looks for work that stands still until `stop`: to be spawned once by each worker.
    pub async fn watch_over(self, stop: CancellationToken) {
        let engine = self.engine();
        while !stop.is_cancelled() {
            if let Err(error) = engine.watch().await {
                tracing::warn!(error = chain(&error), "work that stands still could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(WATCH_EVERY) => {}
            }
        }
    }

    /// Forgets old guesses, and sessions, links and mails that ended a week ago.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn tidy(&self) -> Result<(), AppError> {
        let now = self.now();
        let tx = self.db().platform().await?;
        attempts::sweep(&tx, now).await?;
        sessions::sweep(&tx, now - KEEP_ENDED).await?;
        mail_links::sweep(&tx, now - KEEP_ENDED).await?;
        sign_in_steps::sweep(&tx, now).await?;
        sign_in_trips::sweep(&tx, now).await?;
        mails::sweep(&tx, now - KEEP_ENDED).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// An error with its causes on one line, for the log.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
