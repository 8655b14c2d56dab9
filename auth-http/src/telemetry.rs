//! Logs and traces: where they go and in which form.
//!
//! tracing-subscriber escapes control characters in values, so that no input forges a line or
//! colours a terminal; what is secret has no form that could be logged.

use std::{
    error::Error,
    io::{IsTerminal, stderr},
    thread,
};

use async_trait::async_trait;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    config::{ConfigError, Settings},
    deadlines,
    once_a_minute::OnceAMinute,
};

/// The exporter of traces, if there is one.
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

/// Makes the exporter on a thread of its own: its client has a runtime, which can neither be made nor, where
/// something is wrong with the rest, be dropped inside of another one.
fn exporter(endpoint: &str) -> Result<SdkTracerProvider, ConfigError> {
    let endpoint = endpoint.to_owned();
    let made = thread::spawn(move || try_exporter(&endpoint).map_err(|error| error.to_string())).join();
    made.unwrap_or_else(|_| Err("no HTTP client".to_owned()))
        .map_err(|error| ConfigError(format!("AUTH_OTLP_ENDPOINT: {error}")))
}

fn try_exporter(endpoint: &str) -> Result<SdkTracerProvider, Box<dyn Error>> {
    let client = reqwest::blocking::Client::builder().timeout(deadlines::COLLECTOR).build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(LoggedClient { client, failed: OnceAMinute::default() })
        .with_endpoint(endpoint)
        .with_timeout(deadlines::COLLECTOR)
        .build()?;
    let resource = Resource::builder().with_service_name("auth-http").build();
    // Said here, or variables that other programs' exporters read would decide it.
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let provider = SdkTracerProvider::builder().with_sampler(sampler);
    Ok(provider.with_batch_exporter(exporter).with_resource(resource).build())
}

/// A client that says what went wrong: the exporter keeps that to itself.
#[derive(Debug)]
struct LoggedClient {
    client: reqwest::blocking::Client,
    failed: OnceAMinute,
}

#[async_trait]
impl HttpClient for LoggedClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.client.send_bytes(request).await;
        let failure = match &answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answers {}", response.status())),
            Err(error) => Some(chain(error.as_ref())),
        };
        if let Some(error) = failure
            && let Some(held_back) = self.failed.pass()
        {
            tracing::warn!(error, held_back, "AUTH_OTLP_ENDPOINT: traces could not be sent");
        }
        answer
    }
}

/// Returns an error with its causes; the first alone says that something failed, and the last why.
fn chain(error: &(dyn Error + 'static)) -> String {
    // Threat: the endpoint may hold a login, and reqwest's text has the whole URL.
    let (mut causes, mut next) = (Vec::new(), error.source());
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
