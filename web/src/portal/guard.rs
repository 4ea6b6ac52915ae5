//! What holds for every page: forms only from our own pages, and headers that keep a page to itself.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::{DefaultHeaders, Next};
use actix_web::{Error, HttpResponse};

/// Refuses what another site posts in a visitor's name. The token in each form is the second lock.
///
/// # Errors
/// Those of the handler.
pub async fn own_forms_only<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<actix_web::body::BoxBody>, Error> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if safe || comes_from_us(&request) {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    tracing::warn!(path = request.path(), "a form from another site was refused");
    let refusal = HttpResponse::Forbidden()
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body("This form was sent from another site. Open the portal and send it from there.");
    Ok(request.into_response(refusal))
}

fn comes_from_us(request: &ServiceRequest) -> bool {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    // Older browsers send the origin; what sends neither is no browser, and carries no visitor's cookie by itself.
    match text("origin") {
        Some(origin) => origin.split_once("://").is_some_and(|(_, host)| Some(host) == text("host")),
        None => true,
    }
}

/// Headers that keep a page to itself.
pub struct PageHeaders;

impl PageHeaders {
    /// As a middleware.
    #[must_use]
    pub fn middleware() -> DefaultHeaders {
        DefaultHeaders::new()
            .add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .add((header::REFERRER_POLICY, "same-origin"))
            .add((header::X_FRAME_OPTIONS, "DENY"))
            .add(("Cross-Origin-Opener-Policy", "same-origin"))
            .add(("Permissions-Policy", "camera=(), microphone=(), geolocation=()"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn another_sites_form_is_refused() {
        let from = |name: &'static str, value: &'static str| {
            comes_from_us(
                &TestRequest::post()
                    .insert_header(("host", "portal.test"))
                    .insert_header((name, value))
                    .to_srv_request(),
            )
        };

        assert!(from("sec-fetch-site", "same-origin"));
        assert!(!from("sec-fetch-site", "cross-site"));
        assert!(!from("sec-fetch-site", "same-site"));
        assert!(from("origin", "https://portal.test"));
        assert!(!from("origin", "https://evil.test"));
        assert!(!from("origin", "null"));
    }
}
