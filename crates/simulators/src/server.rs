//! The server of all simulators.

use crate::faults::{Faults, Planned, meet};
use crate::{Simulator, adf, hubspot, inventory_feed, opentrack};
use actix_web::{App, HttpResponse, HttpServer, middleware, web};
use std::net::TcpListener;
use std::sync::Arc;

/// All simulators, by vendor. Adding one is its folder and one line here.
#[must_use]
pub fn all(faults: &Faults) -> Vec<Arc<dyn Simulator>> {
    // One a line, so that two new simulators do not meet.
    #[rustfmt::skip]
    let all: Vec<Arc<dyn Simulator>> = vec![
        Arc::new(adf::Adf::default()),
        Arc::new(hubspot::HubSpot::new(faults)),
        Arc::new(inventory_feed::Website::new()),
        Arc::new(opentrack::OpenTrack::new(faults)),
    ];
    all
}

/// Serves simulators on a listener until the returned server is stopped.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve(
    simulators: Vec<Arc<dyn Simulator>>,
    faults: Faults,
    listener: TcpListener,
) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        let mut app = App::new()
            .app_data(web::Data::new(faults.clone()))
            .app_data(web::PayloadConfig::new(256 * 1024 * 1024))
            .app_data(web::JsonConfig::default().limit(64 * 1024 * 1024))
            .route("/_sim/health", web::get().to(HttpResponse::Ok));
        for simulator in &simulators {
            let (for_truth, for_reset, key) = (Arc::clone(simulator), Arc::clone(simulator), simulator.key());
            app = app
                .service(
                    web::scope(&format!("/_sim/{key}"))
                        .route(
                            "/truth",
                            web::get().to(move || {
                                let simulator = Arc::clone(&for_truth);
                                async move { HttpResponse::Ok().json(simulator.truth()) }
                            }),
                        )
                        .route(
                            "/reset",
                            web::post().to(move |faults: web::Data<Faults>| {
                                let simulator = Arc::clone(&for_reset);
                                async move {
                                    simulator.reset();
                                    faults.clear(simulator.key());
                                    HttpResponse::NoContent().finish()
                                }
                            }),
                        )
                        .route(
                            "/faults",
                            web::post().to(move |faults: web::Data<Faults>, planned: web::Json<Planned>| async move {
                                faults.plan(key, planned.into_inner());
                                HttpResponse::NoContent().finish()
                            }),
                        )
                        .configure(|config| simulator.control(config)),
                )
                .service(
                    web::scope(&format!("/{key}"))
                        .wrap(middleware::from_fn(meet))
                        .configure(|config| simulator.routes(config)),
                );
        }
        app
    })
    .workers(1)
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    Ok(server)
}
