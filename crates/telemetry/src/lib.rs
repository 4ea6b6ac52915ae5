//! Logs as JSON lines, traces by OTLP where an address is configured, figures for Prometheus: for every process of ours.

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

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

/// Starts logs (`RUST_LOG`, else info) and, where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, traces. `process` is what both
/// call us.
///
/// # Errors
/// Where the exporter cannot be made, or logs were started before.
pub fn start_logs(process: &'static str) -> anyhow::Result<Traces> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let logs = tracing_subscriber::registry().with(lines.with_filter(filter));
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
        .with_resource(Resource::builder().with_service_name(process).build())
        .build();
    // What sends the traces must not be traced itself.
    let ours = EnvFilter::new("info,hyper=off,hyper_util=off,reqwest=off,opentelemetry=off,h2=off");
    let traced = tracing_opentelemetry::layer().with_tracer(provider.tracer(process)).with_filter(ours);
    logs.with(traced).try_init().context("starting the logs")?;
    Ok(Traces(Some(provider)))
}

/// Starts the figures; `seconds` are the limits by which times are counted.
///
/// # Errors
/// Where they were started before.
pub fn start_figures(seconds: &[f64]) -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), seconds)
        .context("setting up figures")?
        .install_recorder()
        .context("starting the figures")
}
