//! Serves every vendor's simulator at one address until it is told to stop.

use anyhow::Context;
use clap::Parser;
use simulators::faults::Faults;
use simulators::server;
use std::net::{SocketAddr, TcpListener};

/// Serves every vendor's simulator: vendor `KEY` below `/KEY`, its control below `/_sim/KEY`.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long, env = "DRIVELINE_SIMULATORS_BIND", default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let listener = TcpListener::bind(arguments.bind).with_context(|| format!("listening on {}", arguments.bind))?;
    let faults = Faults::default();
    let all = server::all(&faults);
    tracing::info!(bind = %arguments.bind, simulators = all.len(), "The simulators are listening");
    server::serve(all, faults, listener)?.await.context("serving")
}
