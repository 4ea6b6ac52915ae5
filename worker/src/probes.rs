//! `/health/live`, `/health/ready` and `/metrics` of a worker.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use queue::Vitals;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What the probes tell, and to whom.
#[derive(Clone)]
pub struct Probes {
    /// Signs of life of the databases.
    pub vitals: Arc<Vitals>,
    /// The figures.
    pub figures: PrometheusHandle,
    /// Who sends it as a bearer may see the figures from anywhere; without it, this machine only.
    pub token: Option<SecretString>,
}

/// Starts to answer probes; they stop with the process.
///
/// # Errors
/// Where the address is taken.
pub fn answer(probes: Probes, bind: SocketAddr) -> anyhow::Result<()> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(probes.clone()))
            .route("/health/live", web::get().to(live))
            .route("/health/ready", web::get().to(ready))
            .route("/metrics", web::get().to(metrics))
    })
    .workers(1)
    .disable_signals()
    .bind(bind)
    .with_context(|| format!("DRIVELINE_WORKER_BIND: listening on {bind}"))?
    .run();
    tokio::spawn(server);
    Ok(())
}

async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "live"}))
}

/// Without Redis the worker runs nothing new, but it is no use to restart it for that: it is ready with Postgres.
async fn ready(probes: web::Data<Probes>) -> HttpResponse {
    let (postgres, redis) = (probes.vitals.postgres_is_there(), probes.vitals.redis_is_there());
    let body = serde_json::json!({"status": if postgres { "ready" } else { "database" }, "redis": redis});
    if postgres { HttpResponse::Ok().json(body) } else { HttpResponse::ServiceUnavailable().json(body) }
}

async fn metrics(request: HttpRequest, probes: web::Data<Probes>) -> HttpResponse {
    let permitted = match &probes.token {
        Some(token) => request
            .headers()
            .get(AUTHORIZATION)
            .and_then(|line| line.as_bytes().strip_prefix(b"Bearer "))
            .is_some_and(|sent| sent.ct_eq(token.expose_secret().as_bytes()).into()),
        None => request.peer_addr().is_some_and(|peer| peer.ip().is_loopback()),
    };
    if !permitted {
        return HttpResponse::NotFound().finish();
    }
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(probes.figures.render())
}
