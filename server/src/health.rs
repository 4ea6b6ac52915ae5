//! Whether the server lives and is ready, and its figures for Prometheus.

use crate::problem::ApiError;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use app::App;
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};

/// Who may see the figures, and where they are.
#[derive(Clone, Default)]
pub struct Figures {
    /// The figures.
    pub handle: Option<PrometheusHandle>,
    /// Who sends it as a bearer may see them from anywhere; without it, this machine only.
    pub token: Option<SecretString>,
}

/// `GET /health/live`: the process answers.
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "live"}))
}

/// `GET /health/ready`: the database answers too; 503 where it does not.
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    match app.is_ready().await {
        Ok(()) => HttpResponse::Ok().json(serde_json::json!({"status": "ready"})),
        Err(error) => {
            tracing::warn!(error = %error, "the database does not answer");
            HttpResponse::ServiceUnavailable().json(serde_json::json!({"status": "database"}))
        }
    }
}

fn may_see(request: &HttpRequest, app: &App, figures: &Figures) -> bool {
    if let Some(token) = &figures.token {
        let sent = request.headers().get(AUTHORIZATION).and_then(|line| line.to_str().ok()?.strip_prefix("Bearer "));
        // Compared by hash: how much of a guess is right does not show in the time.
        return sent
            .is_some_and(|sent| blake3::hash(sent.as_bytes()) == blake3::hash(token.expose_secret().as_bytes()));
    }
    // Behind a proxy everybody comes from the proxy's address.
    !app.config().web.behind_proxy && request.peer_addr().is_some_and(|peer| peer.ip().is_loopback())
}

/// `GET /metrics`: figures for Prometheus; unknown to whom they do not concern.
///
/// # Errors
/// [`ApiError::NoSuchRoute`].
pub async fn metrics(
    request: HttpRequest,
    app: web::Data<App>,
    figures: web::Data<Figures>,
) -> Result<HttpResponse, ApiError> {
    let handle = figures.handle.as_ref().filter(|_| may_see(&request, &app, &figures)).ok_or(ApiError::NoSuchRoute)?;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(handle.render()))
}
