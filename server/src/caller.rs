//! Who calls: an API key or a session cookie, told apart once per request; and extractors that ask for one.

use crate::problem::ApiError;
use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap, ORIGIN, USER_AGENT};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use app::identity::{Origin, SignedIn, Until, cookie};
use app::{App, TenantScope};
use domain::ApiKeyId;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};

/// How somebody was recognised.
#[derive(Clone, Debug)]
enum Known {
    Nobody,
    Key(ApiKeyId, TenantScope),
    Person(Box<SignedIn>),
}

/// Somebody who acts inside a group: an API key, or a person who is signed in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The group, and what they may do there.
    pub scope: TenantScope,
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub struct Person(pub SignedIn);

impl Person {
    /// The group they look at.
    ///
    /// # Errors
    /// [`ApiError::NoGroup`], [`ApiError::SecondFactorNeeded`], [`ApiError::SingleSignOnNeeded`].
    pub fn scope(&self) -> Result<&TenantScope, ApiError> {
        self.0.scope.as_ref().ok_or_else(|| outside(&self.0))
    }
}

/// Why somebody who is signed in acts in no group.
fn outside(person: &SignedIn) -> ApiError {
    match person.kept_out.map(|kept_out| kept_out.until) {
        Some(Until::SecondFactor) => ApiError::SecondFactorNeeded,
        Some(Until::SingleSignOn) => ApiError::SingleSignOnNeeded,
        None => ApiError::NoGroup,
    }
}

/// What a limit on requests is counted by.
#[must_use]
pub fn counted_by(request: &HttpRequest, app: &App) -> String {
    match request.extensions().get::<Known>() {
        Some(Known::Key(key, _)) => format!("key {key}"),
        Some(Known::Person(person)) => format!("session {}", person.session),
        Some(Known::Nobody) | None => format!("address {}", address(request, app)),
    }
}

/// The group that a request acts in, where it acts in one.
#[must_use]
pub fn scope_of(request: &HttpRequest) -> Option<TenantScope> {
    match request.extensions().get::<Known>()? {
        Known::Key(_, scope) => Some(scope.clone()),
        Known::Person(person) => person.scope.clone(),
        Known::Nobody => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The address that a request comes from.
#[must_use]
pub fn address(request: &HttpRequest, app: &App) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    if !app.config().web.behind_proxy {
        return peer;
    }
    // Only the last entry was written by our own proxy; what stands before it, anybody may have written.
    let told = request
        .headers()
        .get_all("x-forwarded-for")
        .last()
        .and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    told.unwrap_or(peer)
}

/// Where a request comes from, for counting guesses.
#[must_use]
pub fn origin(request: &HttpRequest, app: &App) -> Origin {
    Origin {
        address: address(request, app),
        user_agent: text(request.headers(), USER_AGENT.as_str()).unwrap_or_default().to_owned(),
        device: request.cookie(cookie::device_cookie(&app.config().web)).map(|cookie| cookie.value().to_owned()),
    }
}

/// Refuses what a browser sends from another site. Programs with a key send no cookies and are not asked.
fn is_own_site(request: &ServiceRequest, app: &App, has_cookie: bool) -> bool {
    if request.method().is_safe() {
        return true;
    }
    let headers = request.headers();
    let (origin, site) = (text(headers, ORIGIN.as_str()), text(headers, "sec-fetch-site"));
    let own_origin = origin.is_none_or(|origin| origin == app.config().web.origin());
    let own_site = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    // A browser that sends our cookie with an unsafe request says where from; what does not say so is refused.
    let says_so = origin.is_some() || site.is_some() || !has_cookie;
    own_origin && own_site && says_so
}

async fn known(app: &App, request: &ServiceRequest) -> Result<Known, ApiError> {
    if request.headers().contains_key(AUTHORIZATION) {
        let key = text(request.headers(), AUTHORIZATION.as_str()).and_then(|line| {
            let (scheme, key) = line.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
        });
        let found = app.identity().of_api_key(&key.ok_or(ApiError::BadKey)?).await?;
        let (id, scope) = found.ok_or(ApiError::BadKey)?;
        return Ok(Known::Key(id, scope));
    }
    let token = request.cookie(cookie::session_cookie(&app.config().web)).map(|cookie| cookie.value().to_owned());
    if !is_own_site(request, app, token.is_some()) {
        return Err(ApiError::CrossSite);
    }
    let Some(token) = token else { return Ok(Known::Nobody) };
    let found = app.identity().of_session(&token).await?;
    Ok(found.map_or(Known::Nobody, |person| Known::Person(Box::new(person))))
}

/// Middleware: recognises the caller, or refuses a key that is none and a request from another site.
///
/// # Errors
/// What the route answers.
pub async fn recognise(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    match known(&app, &request).await {
        Ok(known) => {
            request.extensions_mut().insert(known);
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(error) => {
            let answer = error.error_response();
            Ok(request.into_response(answer).map_into_right_body())
        }
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Known>() {
            Some(Known::Key(_, scope)) => Ok(Self { scope: scope.clone() }),
            Some(Known::Person(person)) => {
                person.scope.clone().map(|scope| Self { scope }).ok_or_else(|| outside(person))
            }
            Some(Known::Nobody) | None => Err(ApiError::NotSignedIn),
        })
    }
}

impl FromRequest for Person {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Known>() {
            Some(Known::Person(person)) => Ok(Self((**person).clone())),
            Some(Known::Key(..)) => Err(ApiError::PersonNeeded),
            Some(Known::Nobody) | None => Err(ApiError::NotSignedIn),
        })
    }
}
