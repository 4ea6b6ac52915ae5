//! `driveline-server`: serves the API and the portal; `openapi` prints the document.

use anyhow::Context;
use app::{App, AppConfig};
use clap::{Parser, Subcommand};
use secrecy::SecretString;
use server::health::Figures;
use server::limits::RequestLimit;
use server::portal::PortalFiles;
use server::{Service, WORKERS, openapi, telemetry};
use std::io::Write;
use std::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The Driveline server. Its settings come from the environment.
#[derive(Parser)]
struct Options {
    /// Who sends it as a bearer may read /metrics from anywhere; without it, only this machine may.
    #[arg(long, env = "DRIVELINE_METRICS_TOKEN", hide_env_values = true)]
    metrics_token: Option<SecretString>,
    /// What to do; serves where absent.
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Serves.
    Serve,
    /// Prints the OpenAPI document.
    Openapi,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.what {
        Some(What::Openapi) => std::io::stdout().write_all(openapi::json().as_bytes()).context("printing the document"),
        Some(What::Serve) | None => actix_web::rt::System::new().block_on(serve(options.metrics_token)),
    }
}

async fn serve(metrics_token: Option<SecretString>) -> anyhow::Result<()> {
    let _traces = telemetry::start_logs()?;
    let figures = Figures { handle: Some(telemetry::start_figures()?), token: metrics_token };
    let config = AppConfig::from_env()?;
    let bind = config.web.bind;
    let app = App::start(config).await.context("starting")?;
    let listener = TcpListener::bind(bind).with_context(|| format!("listening on {bind}"))?;
    tracing::info!(address = %bind, "serving");
    let stop = CancellationToken::new();
    let house = tokio::spawn(app.clone().keep_house(stop.clone()));
    let service = Service::new(app, figures, RequestLimit::default(), PortalFiles::from_env());
    server::start(service, listener, WORKERS).context("serving")?.await.context("serving")?;
    stop.cancel();
    house.await.context("keeping house")?;
    tracing::info!("stopped");
    Ok(())
}
