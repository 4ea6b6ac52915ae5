//! What was typed into a form, what was wrong with it, and the form's token.

use super::problem::sentence;
use super::{PageProblem, Person, Visitor};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use app::AppError;
use app::identity::SignedIn;
use futures::future::LocalBoxFuture;
use std::collections::BTreeMap;

/// What was typed: names and values, in order; a name may come several times (ticks).
#[derive(Clone, Debug, Default)]
pub struct Typed(Vec<(String, String)>);

impl Typed {
    /// The value of a field without blanks around it; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value as it was typed: for passwords, where blanks count.
    #[must_use]
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sets a value: what a form shows before anything was typed.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }
}

/// What is wrong with a form: a sentence per field, and one for the whole under the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Errors(BTreeMap<String, String>);

impl Errors {
    /// Adds a sentence; the first for a field stays.
    pub fn add(&mut self, field: &str, sentence: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| sentence.into());
    }

    /// What a use-case would not take: said beside the fields, or above the form.
    ///
    /// # Errors
    /// What no correction of the form would mend.
    pub fn take(&mut self, error: AppError) -> Result<(), PageProblem> {
        match error {
            AppError::Invalid(fields) => fields.into_iter().for_each(|field| self.add(&field.field, field.said)),
            AppError::Conflict { .. }
            | AppError::SignInFailed
            | AppError::NotVerified
            | AppError::SignInOver
            | AppError::LinkOver
            | AppError::Throttled { .. }
            | AppError::TooLarge { .. } => self.add("", sentence(&error.to_string())),
            AppError::NotPermitted(_)
            | AppError::NotFound(_)
            | AppError::Connector(_)
            | AppError::Store(_)
            | AppError::Broken { .. } => return Err(error.into()),
        }
        Ok(())
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<String> {
        self.0.get(field).cloned()
    }

    /// What is wrong with the whole.
    #[must_use]
    pub fn whole(&self) -> Option<String> {
        self.of("")
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A form of somebody who is signed in; the token was checked before a handler sees it.
pub struct Posted {
    /// Who.
    pub visitor: Visitor,
    /// What.
    pub typed: Typed,
}

/// A form of somebody who is signed in, whether or not a group lets them in; its token was checked too.
pub struct PostedByPerson {
    /// Who.
    pub who: SignedIn,
    /// What.
    pub typed: Typed,
}

/// The largest form: a column layout or a private key is the longest field.
pub const FORM_SIZE_MAX: usize = 256 * 1024;

impl FromRequest for Posted {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor = Visitor::from_request(request, &mut Payload::None);
        let form = web::Form::<Vec<(String, String)>>::from_request(request, payload);
        Box::pin(async move {
            let visitor = visitor.await?;
            let typed = Typed(form.await.map_err(|_| PageProblem::Unreadable)?.into_inner());
            if !visitor.session.is_own_form(typed.raw("csrf")) {
                return Err(PageProblem::OldForm.into());
            }
            Ok(Self { visitor, typed })
        })
    }
}

impl FromRequest for PostedByPerson {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let person = Person::from_request(request, &mut Payload::None);
        let typed = Typed::from_request(request, payload);
        Box::pin(async move {
            let (who, typed) = (person.await?.0, typed.await?);
            if !who.is_own_form(typed.raw("csrf")) {
                return Err(PageProblem::OldForm.into());
            }
            Ok(Self { who, typed })
        })
    }
}

impl FromRequest for Typed {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    /// A form of anybody (sign-up, sign-in). Where it comes from was checked by `own_forms_only`.
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let form = web::Form::<Vec<(String, String)>>::from_request(request, payload);
        Box::pin(async move { Ok(Self(form.await.map_err(|_| PageProblem::Unreadable)?.into_inner())) })
    }
}

/// The question in an address (`?q=…`).
pub struct Query(pub Typed);

impl FromRequest for Query {
    type Error = actix_web::Error;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let parsed = url::form_urlencoded::parse(request.query_string().as_bytes());
        std::future::ready(Ok(Self(Typed(parsed.map(|(k, v)| (k.into_owned(), v.into_owned())).collect()))))
    }
}
