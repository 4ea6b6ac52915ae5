//! The HTTP server: API, webhooks, health; and the portal's host.
//!
//! A handler extracts, permits, calls one use-case and answers. What a caller may see is decided in `app`.

pub mod caller;
pub mod health;
pub mod hooks;
pub mod limits;
pub mod observe;
pub mod once;
pub mod openapi;
pub mod paging;
pub mod portal;
pub mod problem;
mod reading;
pub mod reference;
pub mod routes;
mod unknown;
pub mod wire;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, Data, PayloadConfig, ServiceConfig};
use actix_web::{App as ActixApp, HttpServer};
use app::App;
use health::Figures;
use limits::RequestLimit;
use portal::PortalFiles;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

/// Threads that answer requests.
pub const WORKERS: usize = 2;
/// Requests under way get so long to end when the server stops.
const STOP_WITHIN_S: u64 = 20;
/// Request heads must arrive within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// What the server works with; cheap to clone.
#[derive(Clone)]
pub struct Service {
    app: Data<App>,
    figures: Data<Figures>,
    limit: Data<RequestLimit>,
    portal: PortalFiles,
}

impl Service {
    /// A service over an application.
    #[must_use]
    pub fn new(app: App, figures: Figures, limit: RequestLimit, portal: PortalFiles) -> Self {
        Self { app: Data::new(app), figures: Data::new(figures), limit: Data::new(limit), portal }
    }
}

/// Mounts API, webhooks, health and metrics.
pub fn configure(config: &mut ServiceConfig, service: &Service) {
    config
        .app_data(Data::clone(&service.app))
        .app_data(Data::clone(&service.figures))
        .app_data(Data::clone(&service.limit))
        .configure(reading::configure)
        .route("/health/live", web::get().to(health::live))
        .route("/health/ready", web::get().to(health::ready))
        .route("/metrics", web::get().to(health::metrics))
        .service(
            web::resource("/hooks/{token}")
                .app_data(PayloadConfig::new(hooks::BODY_BYTES_MAX))
                .route(web::post().to(hooks::take)),
        )
        .service(
            web::resource("/oauth/callback")
                .wrap(from_fn(caller::recognise))
                .route(web::get().to(routes::oauth::callback)),
        )
        .route("/api/openapi.json", web::get().to(openapi::serve))
        .route("/api/reference", web::get().to(reference::serve))
        .route("/api/reference.css", web::get().to(reference::style));
    let mut documented = utoipa_actix_web::service_config::ServiceConfig::new(config);
    openapi::mount(&mut documented);
}

/// Starts the server on a socket that is open already.
///
/// # Errors
/// Where the socket cannot be used.
pub fn start(service: Service, listener: TcpListener, workers: usize) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        let service = service.clone();
        ActixApp::new()
            // Outermost is named last: the note sees everything.
            .wrap(Compress::default())
            .wrap(from_fn(observe::harden))
            .wrap(from_fn(observe::note))
            .configure(|config| configure(config, &service))
            // What nothing else answered is the portal's.
            .configure(portal::configure(service.portal.clone()))
    });
    let server = server
        .workers(workers)
        .client_request_timeout(HEAD_WITHIN)
        .shutdown_timeout(STOP_WITHIN_S)
        .listen(listener)?
        .run();
    Ok(server)
}
