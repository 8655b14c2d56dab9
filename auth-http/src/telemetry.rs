//! Owns logs and traces: where they go and in which form.
//!
//! tracing-subscriber escapes control characters in values, so that no input forges a line or
//! colours a terminal; what is secret has no form that could be logged.

use std::io::{IsTerminal, stderr};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{ConfigError, Settings};

/// Keeps traces flowing; ends them when told.
#[must_use = "traces end when it is dropped"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logs on standard error, and traces if they have an endpoint.
    ///
    /// # Errors
    /// [`ConfigError`] for directives or an endpoint that cannot be used.
    pub fn start(settings: &Settings) -> Result<Self, ConfigError> {
        let filter = EnvFilter::try_new(&settings.log).map_err(|error| {
            ConfigError(format!("AUTH_LOG: {error}; write info, or auth_http=debug,audit=info for example"))
        })?;
        let pretty = settings.log_pretty.unwrap_or_else(|| stderr().is_terminal());
        let lines: Box<dyn Layer<Registry> + Send + Sync> = if pretty {
            Box::new(fmt::layer().with_writer(stderr).with_target(false).with_filter(filter))
        } else {
            Box::new(fmt::layer().json().with_writer(stderr).with_filter(filter))
        };
        let traces = settings.otlp_endpoint.as_deref().map(exporter).transpose()?;
        let spans = traces.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("auth-http"))
                // The development mailer's lines show codes and addresses; they stay on this machine.
                .with_filter(EnvFilter::new("auth_http=info,auth_http::adapter::mail_development=off"))
        });
        tracing_subscriber::registry()
            .with(lines)
            .with(spans)
            .try_init()
            .map_err(|error| ConfigError(format!("logs cannot be started: {error}")))?;
        Ok(Self { traces })
    }

    /// Sends what is left.
    pub fn finish(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

fn exporter(endpoint: &str) -> Result<SdkTracerProvider, ConfigError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| ConfigError(format!("AUTH_OTLP_ENDPOINT: {error}")))?;
    let resource = Resource::builder().with_service_name("auth-http").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
