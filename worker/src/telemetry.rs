//! Logs as JSON lines, traces by OTLP where an address is configured, figures for Prometheus.

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

/// What the logs and traces call us.
const NAME: &str = "driveline-worker";
/// Seconds by which jobs are counted.
const SECONDS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];

/// Where traces go; sends what is left when it is dropped.
#[derive(Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|provider| provider.shutdown()) {
            tracing::warn!(error = %error, "the last traces were not sent");
        }
    }
}

/// Starts logs (`RUST_LOG`, else info) and, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, traces.
///
/// # Errors
/// Where the exporter cannot be made, or logs were started before.
pub fn start_logs() -> anyhow::Result<Traces> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let logs = tracing_subscriber::registry().with(filter).with(lines);
    let wants_traces = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !wants_traces {
        logs.try_init().context("starting the logs")?;
        return Ok(Traces::default());
    }
    let exporter = SpanExporter::builder().with_http().build().context("setting up traces")?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(NAME).build())
        .build();
    let traced = tracing_opentelemetry::layer().with_tracer(provider.tracer(NAME));
    logs.with(traced).try_init().context("starting the logs")?;
    Ok(Traces(Some(provider)))
}

/// Starts the figures.
///
/// # Errors
/// Where they were started before.
pub fn start_figures() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .context("setting up figures")?
        .install_recorder()
        .context("starting the figures")
}
