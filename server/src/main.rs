//! `driveline-server`: serves the API and the portal; `openapi` prints the document.

use anyhow::Context;
use app::{App, AppConfig};
use clap::{Parser, Subcommand};
use secrecy::SecretString;
use server::health::Figures;
use server::limits::RequestLimit;
use server::portal::PortalFiles;
use server::{Service, WORKERS, openapi};
use std::io::Write;
use std::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Gives memory back: the system's allocator keeps the 19 MB of a password's hash in every thread that ever made one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds by which requests are counted.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

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
    /// Gives every group a new version of its sealing key; it seals ten minutes later, when every process knows it.
    RotateKeys,
    /// Wraps every data key under the first master key of DRIVELINE_MASTER_KEY. To rotate the master key without a stop:
    /// restart all with `old,new`, then all with `new,old`, then run this, then restart all with `new`.
    RewrapKeys,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match options.what {
        Some(What::Openapi) => std::io::stdout().write_all(openapi::json().as_bytes()).context("printing the document"),
        Some(What::RotateKeys) => actix_web::rt::System::new().block_on(async {
            let rotated = App::start(AppConfig::from_env()?).await.context("starting")?.rotate_data_keys().await?;
            writeln!(std::io::stdout(), "{rotated} owners have a new version of their key").context("printing")
        }),
        Some(What::RewrapKeys) => actix_web::rt::System::new().block_on(async {
            let rewrapped = App::start(AppConfig::from_env()?).await.context("starting")?.rewrap_data_keys().await?;
            writeln!(std::io::stdout(), "{rewrapped} keys were wrapped anew").context("printing")
        }),
        Some(What::Serve) | None => actix_web::rt::System::new().block_on(serve(options.metrics_token)),
    }
}

async fn serve(metrics_token: Option<SecretString>) -> anyhow::Result<()> {
    let _traces = telemetry::start_logs("driveline-server")?;
    let figures = Figures { handle: Some(telemetry::start_figures(&SECONDS)?), token: metrics_token };
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
