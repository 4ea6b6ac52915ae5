//! What can go wrong with a vendor, named for the reader's next step.

use domain::{Failure, Fault, NextStep};
use std::error::Error as StdError;
use std::time::Duration;

/// Whether and when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After the usual back-off with jitter.
    Soon,
    /// Not before this long.
    After(Duration),
    /// Not until a person has done something.
    Never,
}

/// The longest piece of a vendor's answer that is kept.
const SAID_CHARS_MAX: usize = 500;

/// A failed call. `said` is the vendor's own words, redacted and short; never a body, a name or a token.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The credentials are wrong, expired or revoked.
    #[error("the system does not accept the credentials: {said}")]
    Unauthorized {
        /// The vendor's words.
        said: String,
        /// Request id.
        evidence: Option<String>,
    },
    /// The credentials are good; the dealer or vendor has not granted this access.
    #[error("the system refuses access: {said}")]
    Forbidden {
        /// The vendor's words.
        said: String,
        /// What the dealer must do.
        fix: String,
        /// Request id.
        evidence: Option<String>,
    },
    /// Too many calls.
    #[error("the system asks us to wait {} s: {said}", wait.as_secs())]
    RateLimited {
        /// How long to stay away.
        wait: Duration,
        /// The vendor's words.
        said: String,
    },
    /// Not reachable, too slow, or failing on its side. Nothing was changed there.
    #[error("the system is not available: {said}")]
    Unavailable {
        /// The vendor's words, or what the network said.
        said: String,
        /// Request id.
        evidence: Option<String>,
        /// What the network said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// A write was sent and no answer came: it may or may not have happened. Read back before repeating.
    #[error("no answer to a write, so its outcome is unknown: {said}")]
    OutcomeUnknown {
        /// What the network said.
        said: String,
        /// What the network said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// An answer or a file that is not what the vendor documents.
    #[error("the system's answer cannot be read: {said}")]
    Unreadable {
        /// Where and what, without the content.
        said: String,
        /// Request id.
        evidence: Option<String>,
    },
    /// The system understood and refused this request.
    #[error("the system refused ({code}): {said}")]
    Refused {
        /// The vendor's code, or ours where it has none.
        code: String,
        /// The vendor's words.
        said: String,
        /// What to do, one sentence.
        fix: String,
        /// Request id.
        evidence: Option<String>,
    },
    /// A setting of the connection is missing or wrong.
    #[error("the setting `{setting}` is wrong: {said}")]
    Misconfigured {
        /// The form field's name.
        setting: &'static str,
        /// What is wrong with it.
        said: String,
    },
    /// A file or answer over a named limit.
    #[error("{what} is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit_bytes: u64,
    },
}

/// The default wait where a vendor says 429 and not for how long.
pub const RATE_LIMIT_WAIT: Duration = Duration::from_secs(10);

impl ConnectorError {
    /// Refused with a code, in the vendor's words.
    #[must_use]
    pub fn refused(code: &str, said: &str) -> Self {
        Self::Refused {
            code: code.to_owned(),
            said: short(said),
            fix: "Correct the record as the system says, then replay it.".to_owned(),
            evidence: None,
        }
    }

    /// An answer that cannot be read.
    #[must_use]
    pub fn unreadable(said: impl Into<String>) -> Self {
        Self::Unreadable { said: short(&said.into()), evidence: None }
    }

    /// Not available, for a reason of the network's.
    pub fn unavailable(said: impl Into<String>, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Unavailable { said: short(&said.into()), evidence: None, source: Some(Box::new(source)) }
    }

    /// Exhaustive on purpose: a new variant must choose.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { wait, .. } => Retry::After(*wait),
            Self::Unavailable { .. } | Self::OutcomeUnknown { .. } => Retry::Soon,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Unreadable { .. }
            | Self::Refused { .. }
            | Self::Misconfigured { .. }
            | Self::TooLarge { .. } => Retry::Never,
        }
    }

    /// Stable code: failures with the same code on one connection share a cause.
    #[must_use]
    pub fn code(&self) -> String {
        match self {
            Self::Unauthorized { .. } => "unauthorized".to_owned(),
            Self::Forbidden { .. } => "forbidden".to_owned(),
            Self::RateLimited { .. } => "rate_limited".to_owned(),
            Self::Unavailable { .. } => "unavailable".to_owned(),
            Self::OutcomeUnknown { .. } => "outcome_unknown".to_owned(),
            Self::Unreadable { .. } => "unreadable".to_owned(),
            Self::Refused { code, .. } => format!("refused:{code}"),
            Self::Misconfigured { setting, .. } => format!("misconfigured:{setting}"),
            Self::TooLarge { .. } => "too_large".to_owned(),
        }
    }

    /// The failure as a person needs it.
    #[must_use]
    pub fn failure(&self, doing: &str) -> Failure {
        let (fault, fix) = match self {
            Self::Unauthorized { .. } => {
                (Fault::Dealer, "Enter the credentials again and test the connection.".to_owned())
            }
            Self::Forbidden { fix, .. } => (Fault::Dealer, fix.clone()),
            Self::RateLimited { .. } => (Fault::Vendor, "Nothing to do: we slow down and go on.".to_owned()),
            Self::Unavailable { .. } => {
                (Fault::Vendor, "Nothing to do: we try again until the system answers.".to_owned())
            }
            Self::OutcomeUnknown { .. } => {
                (Fault::Vendor, "Nothing to do: we read back what happened before we repeat it.".to_owned())
            }
            Self::Unreadable { .. } => (
                Fault::Vendor,
                "The vendor changed its format; we were told. Replay after the connector is corrected.".to_owned(),
            ),
            Self::Refused { fix, .. } => (Fault::Dealer, fix.clone()),
            Self::Misconfigured { setting, .. } => {
                (Fault::Dealer, format!("Correct `{setting}` in the connection's settings."))
            }
            Self::TooLarge { limit_bytes, .. } => {
                (Fault::Dealer, format!("Split the file into parts of at most {limit_bytes} bytes."))
            }
        };
        let next = match self.retry() {
            Retry::Soon | Retry::After(_) => NextStep::Retrying,
            Retry::Never => NextStep::NeedsYou,
        };
        Failure {
            code: self.code(),
            doing: doing.to_owned(),
            said: short(&self.to_string()),
            fault,
            next,
            fix,
            evidence: self.evidence().map(ToOwned::to_owned),
        }
    }

    /// What to do about it in a connection's test, which nobody tries again by itself.
    #[must_use]
    pub fn fix_in_a_test(&self) -> String {
        match self {
            Self::Unavailable { .. } | Self::OutcomeUnknown { .. } => {
                "Check the address, and whether the system is up and may be reached from here; then test again."
                    .to_owned()
            }
            Self::RateLimited { .. } => "Wait a minute, then test again.".to_owned(),
            Self::Unreadable { .. } => {
                "Check that the address is that of this system's interface, not of a web page or a proxy; then test again."
                    .to_owned()
            }
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Misconfigured { .. }
            | Self::TooLarge { .. } => self.failure("").fix,
        }
    }

    fn evidence(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { evidence, .. }
            | Self::Forbidden { evidence, .. }
            | Self::Unavailable { evidence, .. }
            | Self::Unreadable { evidence, .. }
            | Self::Refused { evidence, .. } => evidence.as_deref(),
            Self::RateLimited { .. }
            | Self::OutcomeUnknown { .. }
            | Self::Misconfigured { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

/// At most the first 500 characters, on one line, without e-mail addresses and phone numbers.
#[must_use]
pub fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    domain::redaction::hide_addresses(&line).chars().take(SAID_CHARS_MAX).collect()
}
