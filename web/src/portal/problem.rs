//! What a visitor sees when a page cannot be shown: what happened, and the way on.

use super::{Answer, see_other};
use crate::ui::{Bare, LinkButton};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError};
use app::AppError;
use app::engine::EngineError;
use leptos::prelude::*;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub enum PageProblem {
    /// Nobody is signed in.
    #[error("nobody is signed in")]
    SignIn,
    /// The group lets nobody in without a second factor.
    #[error("a second factor is needed")]
    SecondFactor,
    /// The group lets this person in by single sign-on only.
    #[error("single sign-on is needed")]
    SingleSignOn,
    /// It is not there, or not this visitor's: both look the same.
    #[error("there is no such page")]
    Missing,
    /// The visitor's role does not permit it.
    #[error("{0}")]
    NotPermitted(String),
    /// It does not fit what is there.
    #[error("{0}")]
    NotNow(String),
    /// The form is of another session.
    #[error("the form is out of date")]
    OldForm,
    /// The form could not be read.
    #[error("the form could not be read")]
    Unreadable,
    /// Something of ours failed.
    #[error("the page failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<AppError> for PageProblem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::NotPermitted(which) => Self::NotPermitted(which.to_string()),
            AppError::NotFound(_) => Self::Missing,
            AppError::Conflict { said, .. } => Self::NotNow(said),
            AppError::Invalid(fields) => {
                Self::NotNow(fields.first().map(|field| field.said.clone()).unwrap_or_default())
            }
            AppError::Connector(error) => Self::NotNow(error.to_string()),
            AppError::SignInFailed
            | AppError::NotVerified
            | AppError::SignInOver
            | AppError::LinkOver
            | AppError::Throttled { .. }
            | AppError::TooLarge { .. } => Self::NotNow(error.to_string()),
            AppError::Store(_) | AppError::Broken { .. } => Self::Failed(Box::new(error)),
        }
    }
}

impl From<EngineError> for PageProblem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotPermitted(which) => Self::NotPermitted(which.to_string()),
            EngineError::NotFound(_) => Self::Missing,
            EngineError::NotNow(said) => Self::NotNow(said),
            claimed @ EngineError::Claimed { .. } => Self::NotNow(claimed.to_string()),
            EngineError::Connector(error) => Self::NotNow(error.to_string()),
            EngineError::Store(_) | EngineError::CutOff(_) | EngineError::TooManyTroubles(_) => {
                Self::Failed(Box::new(error))
            }
        }
    }
}

impl PageProblem {
    const fn status(&self) -> StatusCode {
        match self {
            Self::SignIn | Self::SecondFactor | Self::SingleSignOn => StatusCode::SEE_OTHER,
            Self::Missing => StatusCode::NOT_FOUND,
            Self::NotPermitted(_) | Self::OldForm => StatusCode::FORBIDDEN,
            Self::NotNow(_) => StatusCode::CONFLICT,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(&self) -> (&'static str, String) {
        match self {
            Self::SignIn => ("Sign in", "Sign in to see this page.".to_owned()),
            Self::SecondFactor => ("Two-step sign-in", "Set up two-step sign-in to see this page.".to_owned()),
            Self::SingleSignOn => ("Single sign-on", "Sign in by single sign-on to see this page.".to_owned()),
            Self::Missing => ("Not found", "There is nothing at this address, or it is not yours to see.".to_owned()),
            Self::NotPermitted(why) => {
                ("Not permitted", format!("Your role does not allow this: {why}. An admin of your group can change your role."))
            }
            Self::NotNow(why) => ("That was not done", format!("{} Nothing was changed. Go back, look at the page again and repeat it if it is still needed.", sentence(why))),
            Self::OldForm => (
                "Please send that again",
                "The page was open for so long that its form is out of date. Go back, reload the page and send it again; nothing was changed.".to_owned(),
            ),
            Self::Unreadable => ("That form could not be read", "Go back, reload the page and send it again; nothing was changed.".to_owned()),
            Self::Failed(_) => (
                "Something failed on our side",
                "Nothing of yours is lost. Try again in a minute; if it stays so, tell support the time and this address.".to_owned(),
            ),
        }
    }

    fn page(&self, request: &HttpRequest) -> HttpResponse {
        if let Self::SignIn = self {
            let next: String = url::form_urlencoded::byte_serialize(request.path().as_bytes()).collect();
            return see_other(if request.path() == "/" {
                "/sign-in".to_owned()
            } else {
                format!("/sign-in?next={next}")
            });
        }
        if let Self::SecondFactor = self {
            return see_other("/two-step");
        }
        if let Self::SingleSignOn = self {
            return see_other("/single-sign-on");
        }
        let (title, text) = self.words();
        Answer::to_anybody(request, title).status(self.status()).page(|| {
            view! {
                <Bare title=title lead=text>
                    <p><LinkButton href="/" label="Go home"/></p>
                </Bare>
            }
            .into_any()
        })
    }
}

/// Only where the middleware below is missing; it makes the page.
impl ResponseError for PageProblem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status()).body(self.words().1)
    }
}

/// Makes pages of problems, where the request is at hand; logs once what failed.
///
/// # Errors
/// Those of other middleware.
pub async fn problem_pages<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A copy of the request must not be held while it is routed, so the answer's own is used.
    let response = next.call(request).await?;
    if response.response().error().and_then(|error| error.as_error::<PageProblem>()).is_none() {
        return Ok(response.map_into_boxed_body());
    }
    let (request, answer) = response.into_parts();
    let page = match answer.error().and_then(|error| error.as_error::<PageProblem>()) {
        Some(problem) => {
            report(problem, &request);
            problem.page(&request)
        }
        None => answer.map_into_boxed_body(),
    };
    Ok(ServiceResponse::new(request, page))
}

/// With a capital and a full stop.
#[must_use]
pub fn sentence(words: &str) -> String {
    let mut letters = words.trim_end_matches('.').chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).chain(['.']).collect()).unwrap_or_default()
}

fn report(problem: &PageProblem, request: &HttpRequest) {
    if let PageProblem::Failed(source) = problem {
        let mut words = source.to_string();
        let mut deeper = source.source();
        while let Some(cause) = deeper {
            words = format!("{words}: {cause}");
            deeper = cause.source();
        }
        tracing::error!(path = request.path(), error = words, "a page failed");
    }
}

/// What answers where nothing is.
pub async fn nothing_here(request: HttpRequest) -> HttpResponse {
    PageProblem::Missing.page(&request)
}
