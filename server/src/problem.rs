//! Problem bodies (RFC 9457): what a caller is told instead of a result. The cause stays in the log.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use app::engine::EngineError;
use app::{AppError, FieldError, NotPermitted};
use serde::Serialize;
use std::error::Error as StdError;
use std::time::Duration;
use utoipa::ToSchema;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Where the reference explains it.
    #[schema(example = "/api/reference#problem-invalid")]
    pub r#type: String,
    /// The kind of problem in a few words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What happened and what to do, one sentence.
    pub detail: String,
    /// Stable code for programs.
    pub code: &'static str,
    /// Fields that need a correction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
}

/// A field that needs a correction.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemField {
    /// Its name in the request.
    pub field: String,
    /// What is wrong and how to mend it.
    pub detail: String,
}

impl From<FieldError> for ProblemField {
    fn from(error: FieldError) -> Self {
        Self { field: error.field, detail: error.said }
    }
}

/// Everything that a route can answer instead of its result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A use-case refused or failed.
    #[error(transparent)]
    App(#[from] AppError),
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Nobody is signed in.
    #[error("send an API key as `Authorization: Bearer dl_…`, or sign in")]
    NotSignedIn,
    /// The key in the request is none, has ended or was revoked.
    #[error("this API key is not valid; make a new one in the settings")]
    BadKey,
    /// Only somebody who signed in may do this, not a key.
    #[error("only a person who is signed in can do this, not an API key")]
    PersonNeeded,
    /// The person belongs to no group.
    #[error("you belong to no dealer group any more; ask its owner for an invitation")]
    NoGroup,
    /// The group that the caller looks at requires a second factor.
    #[error("this group requires two-step sign-in; set it up under `/api/v1/me/second-factor`")]
    SecondFactorNeeded,
    /// The group that the caller looks at lets people of its domains in by single sign-on only.
    #[error("this group requires single sign-on; open the portal and continue with single sign-on")]
    SingleSignOnNeeded,
    /// A browser sent this from another site.
    #[error("this request came from another site")]
    CrossSite,
    /// No such address.
    #[error("there is no such address; see /api/reference")]
    NoSuchRoute,
    /// The address is known, the method is not.
    #[error("this address takes {allow}")]
    WrongMethod {
        /// What it takes.
        allow: String,
    },
    /// The request cannot be read.
    #[error("{said}")]
    Malformed {
        /// What is wrong.
        said: String,
    },
    /// Fields do not have the form that the reference names.
    #[error("some fields need a correction")]
    Fields(Vec<FieldError>),
    /// Not JSON.
    #[error("send the body as {wanted}")]
    MediaType {
        /// What is taken.
        wanted: &'static str,
    },
    /// Larger than what is taken.
    #[error("the body is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// More requests than the limit.
    #[error("too many requests; wait as long as `Retry-After` says")]
    TooManyRequests {
        /// How long to wait.
        wait: Duration,
    },
}

/// One kind of problem, as the reference lists it.
pub struct Kind {
    /// Stable code.
    pub code: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// A few words.
    pub title: &'static str,
}

const fn kind(code: &'static str, status: StatusCode, title: &'static str) -> Kind {
    Kind { code, status, title }
}

/// The kinds of problem that any route may answer, for the reference.
pub const KINDS: [Kind; 21] = [
    kind("malformed", StatusCode::BAD_REQUEST, "The request cannot be read"),
    kind("not_signed_in", StatusCode::UNAUTHORIZED, "Not signed in"),
    kind("bad_key", StatusCode::UNAUTHORIZED, "The API key is not valid"),
    kind("sign_in_failed", StatusCode::UNAUTHORIZED, "E-mail or password is wrong"),
    kind("not_permitted", StatusCode::FORBIDDEN, "Not permitted"),
    kind("person_needed", StatusCode::FORBIDDEN, "Only for a person"),
    kind("email_not_verified", StatusCode::FORBIDDEN, "The e-mail address is not proven"),
    kind("cross_site", StatusCode::FORBIDDEN, "From another site"),
    kind("not_found", StatusCode::NOT_FOUND, "Not found"),
    kind("wrong_method", StatusCode::METHOD_NOT_ALLOWED, "Another method is needed"),
    kind("conflict", StatusCode::CONFLICT, "It does not fit what is there"),
    kind("second_factor_needed", StatusCode::FORBIDDEN, "The group lets nobody in without a second factor"),
    kind("single_sign_on_needed", StatusCode::FORBIDDEN, "The group lets you in by single sign-on only"),
    kind("sign_in_over", StatusCode::GONE, "Signing in starts again from the password"),
    kind("link_over", StatusCode::GONE, "The link was used or is over"),
    kind("too_large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
    kind("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Another media type is needed"),
    kind("invalid", StatusCode::UNPROCESSABLE_ENTITY, "Some fields need a correction"),
    kind("too_many_requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
    kind("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something failed on our side"),
    kind("system_failed", StatusCode::BAD_GATEWAY, "The connected system failed"),
];

const INTERNAL: &str = "something failed on our side; try again, and tell us the X-Request-Id if it stays";
const SYSTEM_FAILED: &str = "the connected system failed or refused; test the connection to see its own words";

impl ApiError {
    /// A field that needs a correction.
    #[must_use]
    pub fn field(field: &str, said: &str) -> Self {
        Self::Fields(vec![FieldError { field: field.to_owned(), said: said.to_owned() }])
    }

    /// Exhaustive on purpose: a new error must choose.
    fn told(&self) -> (StatusCode, &'static str, String) {
        let said = self.to_string();
        match self {
            Self::App(error) => match error {
                AppError::NotPermitted(_) => (StatusCode::FORBIDDEN, error.code(), said),
                AppError::NotFound(_) => (StatusCode::NOT_FOUND, error.code(), said),
                AppError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, error.code(), said),
                AppError::Conflict { .. } => (StatusCode::CONFLICT, error.code(), said),
                AppError::SignInFailed => (StatusCode::UNAUTHORIZED, error.code(), said),
                AppError::NotVerified => (StatusCode::FORBIDDEN, error.code(), said),
                AppError::SignInOver => (StatusCode::GONE, error.code(), said),
                AppError::LinkOver => (StatusCode::GONE, error.code(), said),
                AppError::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, error.code(), said),
                AppError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, error.code(), said),
                AppError::Connector(_) => (StatusCode::BAD_GATEWAY, error.code(), SYSTEM_FAILED.to_owned()),
                AppError::Store(_) | AppError::Broken { .. } => {
                    (StatusCode::INTERNAL_SERVER_ERROR, error.code(), INTERNAL.to_owned())
                }
            },
            Self::Engine(error) => match error {
                EngineError::NotPermitted(_) => (StatusCode::FORBIDDEN, "not_permitted", said),
                EngineError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", said),
                EngineError::NotNow(_) => (StatusCode::CONFLICT, "not_now", said),
                EngineError::Claimed { .. } => (StatusCode::CONFLICT, "claimed", said),
                EngineError::Connector(_) => (StatusCode::BAD_GATEWAY, "system_failed", SYSTEM_FAILED.to_owned()),
                EngineError::Store(_) | EngineError::CutOff(_) | EngineError::TooManyTroubles(_) => {
                    (StatusCode::INTERNAL_SERVER_ERROR, "internal", INTERNAL.to_owned())
                }
            },
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in", said),
            Self::BadKey => (StatusCode::UNAUTHORIZED, "bad_key", said),
            Self::PersonNeeded => (StatusCode::FORBIDDEN, "person_needed", said),
            Self::SecondFactorNeeded => (StatusCode::FORBIDDEN, "second_factor_needed", said),
            Self::SingleSignOnNeeded => (StatusCode::FORBIDDEN, "single_sign_on_needed", said),
            Self::NoGroup => (StatusCode::FORBIDDEN, "not_permitted", said),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site", said),
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, "not_found", said),
            Self::WrongMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, "wrong_method", said),
            Self::Malformed { .. } => (StatusCode::BAD_REQUEST, "malformed", said),
            Self::Fields(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", said),
            Self::MediaType { .. } => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", said),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", said),
            Self::TooManyRequests { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests", said),
        }
    }

    fn fields(&self) -> &[FieldError] {
        match self {
            Self::App(AppError::Invalid(fields)) | Self::Fields(fields) => fields,
            Self::App(_)
            | Self::Engine(_)
            | Self::NotSignedIn
            | Self::BadKey
            | Self::PersonNeeded
            | Self::NoGroup
            | Self::SecondFactorNeeded
            | Self::SingleSignOnNeeded
            | Self::CrossSite
            | Self::NoSuchRoute
            | Self::WrongMethod { .. }
            | Self::Malformed { .. }
            | Self::MediaType { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRequests { .. } => &[],
        }
    }

    /// The problem as it is sent.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, code, detail) = self.told();
        // A conflict has a code of its own; the reference explains the kind.
        let kind =
            KINDS.iter().find(|kind| kind.code == code).or_else(|| KINDS.iter().find(|kind| kind.status == status));
        let (anchor, title) = kind.map_or(("internal", "Something failed on our side"), |kind| (kind.code, kind.title));
        Problem {
            r#type: format!("/api/reference#problem-{anchor}"),
            title,
            status: status.as_u16(),
            detail,
            code,
            errors: self.fields().iter().cloned().map(ProblemField::from).collect(),
        }
    }

    /// The cause, once, where it is ours.
    fn log(&self, status: StatusCode) {
        if !status.is_server_error() {
            return;
        }
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        tracing::error!(error = text, "a request failed");
    }
}

impl From<NotPermitted> for ApiError {
    fn from(refused: NotPermitted) -> Self {
        Self::App(refused.into())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.told().0
    }

    fn error_response(&self) -> HttpResponse {
        let problem = self.problem();
        let status = self.status_code();
        self.log(status);
        let mut answer = HttpResponse::build(status);
        answer.content_type(PROBLEM_JSON);
        let wait = match self {
            Self::TooManyRequests { wait } => Some(*wait),
            Self::App(error) => error.wait(),
            Self::Engine(_)
            | Self::NotSignedIn
            | Self::BadKey
            | Self::PersonNeeded
            | Self::NoGroup
            | Self::SecondFactorNeeded
            | Self::SingleSignOnNeeded
            | Self::CrossSite
            | Self::NoSuchRoute
            | Self::WrongMethod { .. }
            | Self::Malformed { .. }
            | Self::Fields(_)
            | Self::MediaType { .. }
            | Self::TooLarge { .. } => None,
        };
        if let Some(wait) = wait {
            answer.insert_header((RETRY_AFTER, wait.as_secs().max(1)));
        }
        if let Self::WrongMethod { allow } = self {
            answer.insert_header((ALLOW, allow.as_str()));
        }
        if status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        answer.json(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn the_cause_of_a_failure_is_not_told() {
        let error = ApiError::from(AppError::broken("reading", io::Error::other("password=hunter2 at 10.0.0.1")));
        let body = serde_json::to_string(&error.problem()).unwrap_or_default();
        assert!(!body.contains("hunter2"), "{body}");
        assert!(body.contains("\"status\":500"), "{body}");
    }

    #[test]
    fn every_code_leads_to_a_kind_that_the_reference_explains() {
        let wait = Duration::from_secs(5);
        for error in [
            ApiError::NotSignedIn,
            ApiError::CrossSite,
            ApiError::field("email", "This is needed."),
            ApiError::App(AppError::Throttled { wait }),
            ApiError::App(AppError::Conflict { code: "already_member", said: "no".to_owned() }),
            ApiError::Engine(EngineError::NotNow("later".to_owned())),
        ] {
            let problem = error.problem();
            let anchor = problem.r#type.rsplit('-').next().unwrap_or_default().to_owned();
            assert!(
                KINDS.iter().any(|kind| kind.code == anchor && kind.status.as_u16() == problem.status),
                "{problem:?}"
            );
        }
    }
}
