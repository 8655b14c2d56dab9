//! A node: what serves and works together, made from settings, without a listener.
//!
//! The program gives it one (`program/serve.rs`); a poem application mounts its endpoint under a path
//! of its own, as `examples/poem-app` does. Next: `wiring.rs` for which technology serves which port.

use std::{
    future::{Future, pending},
    sync::Arc,
};

use poem::{Endpoint, EndpointExt, Request, Response, Route, endpoint::make};
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    config::Settings,
    deadlines,
    driver::{Driver, Ports},
    hooks::{self, Hooks},
    http::{self, AppState, NotSignedIn, Proxies, Sessions, SignedIn},
    metrics::{ListenerMetrics, Metrics, Reading},
    port::{Accounts, AccountsDatabase},
    preflight, wiring, worker,
};

/// Why a node cannot start, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(crate) String);

/// A node: what serves requests and delivers mails. Dropping it only tells the worker to end; [`finish`](Self::finish)
/// waits until everything has ended.
pub struct Node {
    shared: Arc<AppState>,
    accounts: Arc<dyn AccountsDatabase>,
    /// None once it has ended by itself.
    worker: Option<JoinHandle<()>>,
    end: DropGuard,
}

impl Node {
    /// Opens every part, brings the schema up to date unless the settings leave that to `migrate`, and
    /// begins to deliver mails. Its log goes to the subscriber of `tracing` that is there.
    ///
    /// It listens nowhere. `listen` in the settings says where the application does: on another address than a
    /// loopback one, the development mailer and the development key are refused when settings are parsed.
    ///
    /// # Errors
    /// [`StartError`] if a part cannot be opened or does not fit, or if another node, here or in another process,
    /// serves the same SQLite file; nothing runs then.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        choose_tls();
        preflight::warn(&settings);
        let clock = wiring::clock()?;
        let metrics = Metrics::default();
        let hasher = wiring::hasher(&settings, &metrics)?;
        let templates = wiring::templates(&settings)?;
        let locales = templates.locales().to_vec();
        let pages = wiring::pages(&settings)?;
        let codes = wiring::codes(&settings, clock.clone())?;
        let (mailer, mailbox) = wiring::mailer(&settings, templates, clock.clone())?;
        let hooks = Hooks::from_environment().map_err(StartError)?;
        // Last: a start that is refused for another reason leaves the schema as it was.
        let accounts = wiring::accounts(&settings, clock.clone()).await?;
        // Before the schema is touched: the server that has the database would not know the new one.
        wiring::claim(accounts.as_ref()).await?;
        preflight::refuse(&accounts.examine().await)?;
        if settings.migrate {
            wiring::migrate(accounts.as_ref()).await?;
        } else {
            wiring::require_schema(accounts.as_ref()).await?;
        }
        preflight::tell(&codes.examine().await);
        let ports = Ports { accounts: Arc::clone(&accounts) as Arc<dyn Accounts>, codes, mailer, hasher };
        let driver = Arc::new(Driver::new(settings.rules, ports, metrics, hooks));
        let shared = Arc::new(AppState {
            driver: Arc::clone(&driver),
            mailbox,
            locales,
            service_name: settings.service_name,
            proxies: Proxies::new(settings.trusted_proxies, settings.forwarded_header),
            cors_origins: settings.cors_origins,
            login: settings.login,
            cookies: settings.cookies,
            pages,
            docs: settings.docs,
            log_key: settings.log_key,
            shift_clock: hooks::ENABLED.then(|| Box::new(move |seconds| clock.shift(seconds)) as _),
        });
        let end = CancellationToken::new();
        let worker = Some(tokio::spawn(worker::run(driver, settings.mail_pace, end.clone())));
        Ok(Self { shared, accounts, worker, end: end.drop_guard() })
    }

    /// Returns everything that is served. It reads requests below the path that it is nested at:
    /// `Route::new().nest("/accounts", node.endpoint())`.
    ///
    /// Time-outs for heads, answers to heads that cannot be read, and limits on connections are those of the server that
    /// calls it; bodies are limited in time and size here. It must know its peers' socket addresses: without one (a Unix socket),
    /// all visitors are one client to the limiter, and the development mailbox answers nobody.
    pub fn endpoint(&self) -> impl Endpoint<Output = Response> + 'static {
        http::endpoint(Arc::clone(&self.shared))
    }

    /// Returns whose request to a route of the application's own it is, by the token or the cookie that it shows, in one
    /// read of the account store. Handlers extract [`SignedIn`] instead, with [`sessions`](Self::sessions) as data.
    ///
    /// # Errors
    /// [`NotSignedIn`], which the application may return as its answer.
    pub async fn session(&self, request: &Request) -> Result<SignedIn, NotSignedIn> {
        self.sessions().of(request).await
    }

    /// Returns what recognises sessions for the application's own routes, to be kept beside the node.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        Sessions(Arc::clone(&self.shared))
    }

    /// Returns `/metrics`, for a listener that strangers cannot reach: they tell outcomes.
    pub fn metrics(&self) -> impl Endpoint<Output = Response> + 'static {
        let driver = Arc::clone(&self.shared.driver);
        let text = move |_| {
            let driver = Arc::clone(&driver);
            async move {
                let outbox = timeout(deadlines::PROBE, driver.ports.accounts.depth()).await;
                let Ports { accounts, codes, hasher, .. } = &driver.ports;
                let text = driver.metrics.text(&Reading {
                    hashes: hasher.load(),
                    pools: [("accounts", accounts.pool()), ("codes", codes.pool())],
                    outbox: outbox.ok().and_then(Result::ok),
                });
                Response::builder()
                    .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
                    .body(text)
            }
        };
        Route::new().at("/metrics", poem::get(make(text))).map_to_response()
    }

    /// Returns what counts the connections of a listener.
    pub(crate) fn listener_metrics(&self, listener: &'static str) -> ListenerMetrics {
        self.shared.driver.metrics.listener(listener)
    }

    /// Returns whether mails go to the development mailer, whose page shows them.
    #[must_use]
    pub fn shows_mails(&self) -> bool {
        self.shared.mailbox.is_some()
    }

    /// Waits until the worker ends by itself, which it does only if it panicked; no mail leaves any more
    /// then, and the process should end. Called again after that, it waits forever.
    pub async fn failed(&mut self) -> Option<JoinError> {
        match &mut self.worker {
            Some(worker) => {
                let ended = worker.await;
                self.worker = None;
                ended.err()
            }
            None => pending().await,
        }
    }

    /// Ends in order: finishes mails that are under way, gives leases back, and closes the database once
    /// `served` has ended, which is when the last request has its answer. Takes nine seconds at most;
    /// returns false if something was left unfinished.
    pub async fn finish(self, served: impl Future<Output = ()>) -> bool {
        drop(self.end);
        let worker = async {
            if let Some(worker) = self.worker {
                let _ = worker.await;
            }
        };
        let all = async { tokio::join!(served, worker) };
        let writes = async {
            self.shared.driver.finish_writes().await;
            self.accounts.close().await;
        };
        timeout(deadlines::SHUTDOWN, all).await.is_ok()
            & timeout(deadlines::LAST_WRITES, writes).await.is_ok()
    }
}

/// Chooses one TLS for all parts, unless the application has chosen.
pub(crate) fn choose_tls() {
    // An error means that another thread was faster.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
