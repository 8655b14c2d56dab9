//! Owns the command `serve`: puts the parts together, serves, and ends in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use poem::{Endpoint, EndpointExt, Response, Route, endpoint::make};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Failure, parts, starting};
use crate::{
    adapter::{codes_memory::CodesMemory, hash_scrypt::HashScrypt, mail_development::MailDevelopment},
    config::Settings,
    driver::{Driver, Ports},
    hooks::Hooks,
    http::{self, Shared},
    port::{Accounts, Mailbox, Mailer},
    server,
    telemetry::Telemetry,
    worker,
};

/// How long the end may take: what was accepted is answered within ten seconds of its arrival.
const FAREWELL: Duration = Duration::from_secs(9);

/// Serves until SIGTERM or Ctrl-C.
pub(super) async fn run(settings: Settings) -> Result<(), Failure> {
    let telemetry = Telemetry::start(&settings)?;
    starting::warn(&settings);
    let clock = parts::clock()?;
    let accounts = if settings.migrate {
        let accounts = parts::accounts(&settings, clock.clone()).await?;
        accounts.migrate().await.map_err(parts::migration)?;
        accounts
    } else {
        parts::migrated(&settings, clock.clone()).await?
    };
    let hasher = HashScrypt::start(settings.hash_workers, settings.hash_queue)
        .map_err(|error| Failure::Refused(format!("no threads for hashing: {error}")))?;
    let templates = parts::templates(&settings)?;
    let locales = templates.locales().to_vec();
    let mailer = Arc::new(MailDevelopment::new(templates, clock.clone()));
    let ports = Ports {
        accounts: Arc::clone(&accounts) as Arc<dyn Accounts>,
        codes: Arc::new(CodesMemory::new(clock.clone())),
        mailer: Arc::clone(&mailer) as Arc<dyn Mailer>,
        hasher: Arc::new(hasher),
    };
    let hooks = Hooks::from_environment().map_err(Failure::Refused)?;
    let driver = Arc::new(Driver::new(settings.rules, ports, hooks));
    let endpoint = http::endpoint(Arc::new(Shared {
        driver: Arc::clone(&driver),
        mailbox: Some(mailer as Arc<dyn Mailbox>),
        locales,
        service_name: settings.service_name,
        trusted_proxies: settings.trusted_proxies,
        cors_origins: settings.cors_origins,
        docs: settings.docs,
        log_key: settings.log_key,
        shift_clock: Some(Box::new(move |seconds| clock.shift(seconds))),
    }));

    let listener = bind("AUTH_LISTEN", settings.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(bind("AUTH_METRICS_LISTEN", address).await?),
        None => None,
    };
    starting::announce(&listener, metrics.as_ref(), settings.docs)?;

    let (end, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(server::serve(listener, Arc::new(endpoint), end.clone()));
    if let Some(listener) = metrics {
        tasks.spawn(server::serve(listener, Arc::new(metrics_endpoint(Arc::clone(&driver))), end.clone()));
    }
    tasks.spawn(worker::run(Arc::clone(&driver), end.clone()));
    told_to_end().await?;
    tracing::info!("ending: finishing what was accepted");
    end.cancel();
    tasks.close();
    let finish = async {
        tasks.wait().await;
        driver.finish_writes().await;
        accounts.close().await;
    };
    if timeout(FAREWELL, finish).await.is_err() {
        tracing::warn!("ending with something unfinished");
    }
    tracing::info!("ended");
    // The exporter blocks, so it gets a thread of its own.
    let sent = tokio::task::spawn_blocking(move || telemetry.finish());
    let _ = timeout(Duration::from_millis(500), sent).await;
    Ok(())
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

async fn told_to_end() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
