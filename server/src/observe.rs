//! What is noted of every request: an id, one log line, a span, figures; and the headers that every answer carries.

use crate::caller;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use app::App;
use std::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// A caller's own request id may be so long.
const REQUEST_ID_CHARS_MAX: usize = 64;
/// How a request is told in answers and logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's own id where it is harmless, else a new one.
fn request_id(request: &ServiceRequest) -> String {
    request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_CHARS_MAX)
        .filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned)
}

/// Middleware: gives the request an id, a span, a log line and figures.
///
/// # Errors
/// What the inner service fails with; ours answer what fails themselves, so that it is noted too.
pub async fn note(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let began = Instant::now();
    let id = request_id(&request);
    let method = request.method().to_string();
    let span = tracing::info_span!("request", request_id = %id, method = %method, route = tracing::field::Empty);
    // The request itself is not kept: the router wants it for itself alone.
    let mut answer = next.call(request).instrument(span.clone()).await?;
    // The pattern, never the path itself: a path holds ids and tokens.
    let route = answer.request().match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let status = answer.status();
    let took = began.elapsed();
    let tenant = caller::scope_of(answer.request()).map(|scope| scope.tenant().to_string()).unwrap_or_default();
    span.record("route", route.as_str());
    span.in_scope(|| {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(status = status.as_u16(), ms, tenant, "answered");
    });
    let labels = [("method", method), ("route", route), ("status", class(status).to_owned())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_seconds", &labels).record(took.as_secs_f64());
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(answer)
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Headers that every answer carries unless its route has set them.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("cache-control", "no-store"),
];

/// Middleware: sets our security headers, and HSTS where browsers reach us by TLS.
///
/// # Errors
/// What the route answers.
pub async fn harden(
    app: web::Data<App>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut answer = next.call(request).await?;
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if app.config().web.is_secure() {
        let name = HeaderName::from_static("strict-transport-security");
        headers.insert(name, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    Ok(answer)
}
