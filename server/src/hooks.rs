//! `POST /hooks/{token}`: webhooks and documents; stored before they are answered, read afterwards.

use crate::problem::{ApiError, PROBLEM_JSON};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use app::App;
use app::ingress::{Refused, WebhookRequest};

/// The largest document that any system may send; each system's own limit is lower or equal.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

fn refused(refused: Refused) -> HttpResponse {
    match refused {
        Refused::Unknown => ApiError::NoSuchRoute.error_response(),
        // The sender learns no more than the status.
        Refused::NotBelieved => HttpResponse::build(StatusCode::UNAUTHORIZED)
            .content_type(PROBLEM_JSON)
            .json(serde_json::json!({"title": "The request is not believed", "status": 401, "code": "not_believed"})),
        Refused::TooLarge { limit_bytes } => ApiError::TooLarge { limit_bytes }.error_response(),
        Refused::Broken(error) => ApiError::from(error).error_response(),
    }
}

/// Takes what a system sends.
pub async fn take(
    request: HttpRequest,
    path_token: web::Path<String>,
    body: web::Bytes,
    app: web::Data<App>,
) -> HttpResponse {
    let address = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let sent = WebhookRequest {
        method: request.method().to_string(),
        url: app.config().web.address_of(&address),
        headers,
        body: body.to_vec(),
    };
    match app.ingress().take(&path_token, sent).await {
        Ok(()) => HttpResponse::Accepted().finish(),
        Err(error) => refused(error),
    }
}
