//! `Idempotency-Key`: a `POST` that comes twice is done once and answered twice.

use crate::caller;
use crate::limits::JSON_BYTES_MAX;
use crate::problem::{ApiError, PROBLEM_JSON};
use actix_web::body::{BoxBody, MessageBody, to_bytes_limited};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderName;
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpResponse, ResponseError};
use app::idempotency::{Claim, fingerprint};
use app::{App, AppError, TenantScope};

/// Larger answers are not kept; no answer to a `POST` of ours comes near.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

fn busy() -> ApiError {
    let said = "the same request is being worked on; ask again in a moment".to_owned();
    AppError::Conflict { code: "request_under_way", said }.into()
}

fn again(status: u16, body: Vec<u8>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() { "application/json" } else { PROBLEM_JSON };
    let mut answer = HttpResponse::build(status);
    answer.insert_header((REPLAYED, "true"));
    if body.is_empty() { answer.finish() } else { answer.content_type(kind).body(body) }
}

/// What a key's request shall do.
enum Turn {
    /// Go on, and keep its answer.
    Go,
    /// It was answered.
    Again(HttpResponse),
}

async fn turn(app: &App, scope: &TenantScope, key: &str, request: &mut ServiceRequest) -> Result<Turn, ApiError> {
    // As large as a route's own reading takes.
    let body = request.extract::<Bytes>().await;
    let body = body.map_err(|_| ApiError::TooLarge { limit_bytes: JSON_BYTES_MAX })?;
    request.set_payload(Payload::from(body.clone()));
    let address = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let print = fingerprint(request.method().as_str(), &address, &body);
    match app.idempotency().claim(scope, key, &print).await? {
        Claim::Ours => Ok(Turn::Go),
        Claim::Busy => Err(busy()),
        Claim::Another => {
            Err(ApiError::field("Idempotency-Key", "This key was used for another request; use a new one."))
        }
        Claim::Answered { status, body } => Ok(Turn::Again(again(status, body))),
    }
}

/// Middleware: answers a repeated `POST` as the first time.
///
/// # Errors
/// What the route answers.
pub async fn once(
    app: Data<App>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let wanted = request.headers().get(&KEY).filter(|_| request.method() == Method::POST).cloned();
    let (Some(key), Some(scope)) = (wanted, caller::scope_of(request.request())) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let key = key.to_str().unwrap_or_default().to_owned();
    match turn(&app, &scope, &key, &mut request).await {
        Ok(Turn::Go) => {}
        Ok(Turn::Again(answer)) => return Ok(request.into_response(answer)),
        Err(error) => {
            let answer = error.error_response();
            return Ok(request.into_response(answer));
        }
    }
    let answer = match next.call(request).await {
        Ok(answer) => answer.map_into_boxed_body(),
        Err(error) => {
            app.idempotency().release(&scope, &key).await.map_err(ApiError::from)?;
            return Err(error);
        }
    };
    let (request, answer) = answer.into_parts();
    let (head, body) = answer.into_parts();
    let status = head.status();
    let Ok(Ok(body)) = to_bytes_limited(body, ANSWER_BYTES_MAX).await else {
        app.idempotency().release(&scope, &key).await.map_err(ApiError::from)?;
        return Err(ApiError::TooLarge { limit_bytes: ANSWER_BYTES_MAX }.into());
    };
    if status.is_server_error() {
        // It failed on our side and may be repeated.
        app.idempotency().release(&scope, &key).await.map_err(ApiError::from)?;
    } else {
        app.idempotency().keep(&scope, &key, status.as_u16(), &body).await.map_err(ApiError::from)?;
    }
    Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(body))))
}
