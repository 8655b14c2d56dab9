//! Owns the command `serve`: puts the parts together, serves, and ends in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use poem::{Endpoint, EndpointExt, Response, Route, endpoint::make};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Failure, parts, starting};
use crate::{
    adapter::hash_scrypt::HashScrypt,
    config::Settings,
    driver::{Driver, Ports},
    hooks::{self, Hooks},
    http::{self, Shared},
    port::Accounts,
    server,
    telemetry::Telemetry,
    worker,
};

/// How long the end may take: what was accepted is answered within ten seconds of its arrival.
const FAREWELL: Duration = Duration::from_secs(8);
/// How long writes that were begun, and the database, may take after that.
const LAST_WRITES: Duration = Duration::from_secs(1);
/// How long the last traces may take to leave.
const LAST_TRACES: Duration = Duration::from_millis(500);

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&settings)?;
    starting::warn(&settings);
    let clock = parts::clock()?;
    let hasher = HashScrypt::start(settings.hash_workers, settings.hash_queue)
        .map_err(|error| Failure::Refused(format!("no threads for hashing: {error}")))?;
    let templates = parts::templates(&settings)?;
    let locales = templates.locales().to_vec();
    let listener = bind("AUTH_LISTEN", settings.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(bind("AUTH_METRICS_LISTEN", address).await?),
        None => None,
    };
    let codes = parts::codes(&settings, clock.clone())?;
    let (mailer, mailbox) = parts::mailer(&settings, templates, clock.clone())?;
    let shows_mails = mailbox.is_some();
    let hooks = Hooks::from_environment().map_err(Failure::Refused)?;
    // Last: a start that is refused for another reason leaves the schema as it was.
    let accounts = parts::accounts(&settings, clock.clone()).await?;
    starting::refuse(&accounts.examine().await)?;
    if settings.migrate {
        accounts.migrate().await.map_err(parts::migration)?;
    } else {
        parts::require_schema(accounts.as_ref()).await?;
    }
    starting::tell(&codes.examine().await);
    let ports = Ports {
        accounts: Arc::clone(&accounts) as Arc<dyn Accounts>,
        codes,
        mailer,
        hasher: Arc::new(hasher),
    };
    let driver = Arc::new(Driver::new(settings.rules, ports, hooks));
    let endpoint = http::endpoint(Arc::new(Shared {
        driver: Arc::clone(&driver),
        mailbox,
        locales,
        service_name: settings.service_name,
        trusted_proxies: settings.trusted_proxies,
        cors_origins: settings.cors_origins,
        docs: settings.docs,
        log_key: settings.log_key,
        shift_clock: hooks::ENABLED.then(|| Box::new(move |seconds| clock.shift(seconds)) as _),
    }));

    // Whoever reads the first line may send a signal at once.
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    starting::announce(&listener, metrics.as_ref(), settings.docs, shows_mails)?;

    let end = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(server::serve(listener, Arc::new(endpoint), end.clone()));
    if let Some(listener) = metrics {
        tasks.spawn(server::serve(listener, Arc::new(metrics_endpoint(Arc::clone(&driver))), end.clone()));
    }
    tasks.spawn(worker::run(Arc::clone(&driver), end.clone()));
    let [terminate, interrupt] = &mut signals;
    let told = tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        // A listener or the worker ends by itself only if it panicked.
        _ = tasks.join_next() => false,
    };
    tracing::info!("ending: finishing what was accepted");
    end.cancel();
    let all = async { while tasks.join_next().await.is_some() {} };
    let finish = async {
        driver.finish_writes().await;
        accounts.close().await;
    };
    if timeout(FAREWELL, all).await.is_err() | timeout(LAST_WRITES, finish).await.is_err() {
        tracing::warn!("ending with something unfinished");
    }
    tracing::info!("ended");
    // The exporter blocks, so it gets a thread of its own.
    let sent = tokio::task::spawn_blocking(move || telemetry.finish());
    let _ = timeout(LAST_TRACES, sent).await;
    if told { Ok(()) } else { Err(Failure::Refused("a part ended by itself; the log says which".to_owned())) }
}

async fn bind(variable: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Refused(format!("{variable}: cannot listen on {address}: {error}; is another server there?"))
    })
}

fn metrics_endpoint(driver: Arc<Driver>) -> impl Endpoint<Output = Response> {
    let text = move |_| {
        let driver = Arc::clone(&driver);
        async move {
            let outbox = timeout(Duration::from_secs(2), driver.ports.accounts.depth()).await;
            let outbox = outbox.ok().and_then(Result::ok);
            let text = driver.metrics.text(driver.ports.hasher.load(), outbox);
            Response::builder()
                .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
                .body(text)
        }
    };
    Route::new().at("/metrics", poem::get(make(text))).map_to_response()
}
