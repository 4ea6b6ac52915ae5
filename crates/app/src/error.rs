//! What a use-case can answer instead of its result, named for the caller's next step.

use crate::engine::EngineError;
use crate::fields::FieldError;
use connectors::ConnectorError;
use std::error::Error as StdError;
use std::time::Duration;
use store::{NotPermitted, StoreError};

/// A use-case that did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The caller may not.
    #[error(transparent)]
    NotPermitted(#[from] NotPermitted),
    /// There is none, or it is a stranger's: the same answer for both.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was sent cannot be taken as it is.
    #[error("some fields need a correction")]
    Invalid(Vec<FieldError>),
    /// It does not fit what is there.
    #[error("{said}")]
    Conflict {
        /// Stable code.
        code: &'static str,
        /// One sentence.
        said: String,
    },
    /// E-mail or password is wrong; which one is not told.
    #[error("e-mail or password is wrong")]
    SignInFailed,
    /// The password is right; the address was not proven yet.
    #[error("open the link in the mail that we sent you; you can ask for another one")]
    NotVerified,
    /// A sign-in whose code did not come in time, or was wrong too often.
    #[error("signing in took too long; start again from your password")]
    SignInOver,
    /// A link from a mail that is unknown, used or over.
    #[error("this link was used or is over; ask for another one")]
    LinkOver,
    /// Too many tries.
    #[error("too many tries; wait {} minutes, or use the link for a forgotten password", wait.as_secs().div_ceil(60))]
    Throttled {
        /// How long to wait.
        wait: Duration,
    },
    /// Larger than a named limit.
    #[error("{what} is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// The limit.
        limit_bytes: u64,
    },
    /// The connected system failed or refused.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// The database failed.
    #[error("the database failed")]
    Store(#[source] StoreError),
    /// Something of ours failed.
    #[error("{doing} failed")]
    Broken {
        /// What we were doing.
        doing: &'static str,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Conflict {
                code: "changed_meanwhile",
                said: "somebody changed this meanwhile; load it again".to_owned(),
            },
            StoreError::Database(_)
            | StoreError::Seal { .. }
            | StoreError::Document { .. }
            | StoreError::MasterKey(_)
            | StoreError::LeaseLost => Self::Store(error),
        }
    }
}

impl From<EngineError> for AppError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Connector(error) => Self::Connector(error),
            EngineError::NotPermitted(error) => Self::NotPermitted(error),
            EngineError::NotFound(what) => Self::NotFound(what),
            EngineError::NotNow(said) => Self::Conflict { code: "not_now", said },
            claimed @ EngineError::Claimed { .. } => Self::Conflict { code: "claimed", said: claimed.to_string() },
            error @ (EngineError::CutOff(_) | EngineError::TooManyTroubles(_)) => {
                Self::broken("a piece of work", error)
            }
        }
    }
}

impl AppError {
    /// Something of ours that failed.
    pub fn broken(doing: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Broken { doing, source: Box::new(source) }
    }

    /// Stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPermitted(_) => "not_permitted",
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid",
            Self::Conflict { code, .. } => code,
            Self::SignInFailed => "sign_in_failed",
            Self::NotVerified => "email_not_verified",
            Self::SignInOver => "sign_in_over",
            Self::LinkOver => "link_over",
            Self::Throttled { .. } => "too_many_tries",
            Self::TooLarge { .. } => "too_large",
            Self::Connector(_) => "system_failed",
            Self::Store(_) | Self::Broken { .. } => "internal",
        }
    }

    /// When to come back, where that is what it asks for.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled { wait } => Some(*wait),
            Self::NotPermitted(_)
            | Self::NotFound(_)
            | Self::Invalid(_)
            | Self::Conflict { .. }
            | Self::SignInFailed
            | Self::NotVerified
            | Self::SignInOver
            | Self::LinkOver
            | Self::TooLarge { .. }
            | Self::Connector(_)
            | Self::Store(_)
            | Self::Broken { .. } => None,
        }
    }
}
