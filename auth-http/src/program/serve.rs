//! The command `serve`: gives a node its listeners, serves, and ends in order.

use std::{
    fs,
    future::{pending, ready},
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::CommandError;
use crate::{config::Settings, deadlines, node::Node, server, telemetry::Telemetry};

/// Serves until SIGTERM, SIGHUP or Ctrl-C.
pub(super) async fn run(settings: Settings) -> Result<(), CommandError> {
    let telemetry = Telemetry::start(&settings)?;
    let listener = bind("AUTH_LISTEN", settings.listen).await?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(bind("AUTH_METRICS_LISTEN", address).await?),
        None => None,
    };
    let keep_alive = settings.keep_alive;
    let mut shown = Shown {
        docs: settings.docs,
        pages: settings.pages.is_some(),
        mailbox: false,
        tokens: settings.login && settings.cookies.is_none(),
    };
    // Before there is anything to end in order.
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    // A write that a limit on file sizes refuses is an error then, as on a full disk. By default it ends the process.
    let _too_large = signal(SignalKind::from_raw(libc::SIGXFSZ))?;
    let mut node = Node::start(settings).await?;
    shown.mailbox = node.shows_mails();
    if let Err(error) = announce(&listener, metrics.as_ref(), &shown) {
        node.finish(ready(())).await;
        return Err(error);
    }

    let end = CancellationToken::new();
    let mut tasks = JoinSet::new();
    let counted = node.listener_metrics("api");
    tasks.spawn(server::serve(listener, Arc::new(node.endpoint()), keep_alive, counted, end.clone()));
    if let Some(listener) = metrics {
        let counted = node.listener_metrics("metrics");
        tasks.spawn(server::serve(listener, Arc::new(node.metrics()), keep_alive, counted, end.clone()));
    }
    let [terminate, interrupt] = &mut signals;
    let told = tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        // A terminal or a session that closes: nothing is read again, so the server ends.
        Some(_) = recv(&mut hangup) => true,
        // A listener or the worker ends by itself only if it panicked.
        _ = tasks.join_next() => false,
        _ = node.failed() => false,
    };
    tracing::info!("ending: finishing what was accepted");
    end.cancel();
    let served = async { while tasks.join_next().await.is_some() {} };
    if !node.finish(served).await {
        tracing::warn!("ending with something unfinished");
    }
    tracing::info!("ended");
    // The exporter blocks, so it gets a thread of its own.
    let sent = tokio::task::spawn_blocking(move || telemetry.finish());
    let _ = timeout(deadlines::LAST_TRACES, sent).await;
    if told {
        Ok(())
    } else {
        Err(CommandError::Refused("a part ended by itself; the log says which".to_owned()))
    }
}

/// Returns whether the process was started to outlive its terminal, as `nohup` does.
fn ignores_hangup() -> bool {
    // Only Linux tells; elsewhere a hangup always ends the server.
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    // Bit 0 is signal 1, SIGHUP.
    ignored & 1 == 1
}

async fn recv(signal: &mut Option<Signal>) -> Option<()> {
    match signal {
        Some(signal) => signal.recv().await,
        None => pending().await,
    }
}

async fn bind(variable: &str, address: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).await.map_err(|error| {
        CommandError::Refused(format!(
            "{variable}: cannot listen on {address}: {error}; is another server there?"
        ))
    })
}

/// What there is for people.
struct Shown {
    docs: bool,
    pages: bool,
    mailbox: bool,
    /// Whether a login answers with a token.
    tokens: bool,
}

/// Prints where everything is; the first two lines are for programs.
fn announce(
    listener: &TcpListener,
    metrics: Option<&TcpListener>,
    shown: &Shown,
) -> Result<(), CommandError> {
    let base = &format!("http://{}", listener.local_addr()?);
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {base}")?;
    if let Some(metrics) = metrics {
        writeln!(out, "metrics on http://{}/metrics", metrics.local_addr()?)?;
    }
    writeln!(out)?;
    if shown.docs {
        writeln!(out, "  API page  {base}/docs")?;
    }
    if shown.pages {
        writeln!(out, "  pages     {base}/account/")?;
    }
    if !shown.mailbox {
        out.flush()?;
        return Ok(());
    }
    writeln!(out, "  mailbox   {base}/dev/mailbox")?;
    writeln!(
        out,
        "
Register, then activate with the code from the mailbox:

curl -i {base}/v1/register -H 'Content-Type: application/json' \\
  -d '{{\"email\": \"ada@example.org\", \"password\": \"correct horse battery staple\"}}'

curl -i {base}/v1/activate -u 'ada@example.org:correct horse battery staple' \\
  -H 'Content-Type: application/json' \\
  -d \"{{\\\"code\\\": \\\"$(curl -s {base}/dev/mailbox.json | grep -o '\"code\":\"[^\"]*' | head -1 | cut -d'\"' -f4)\\\"}}\"
"
    )?;
    if shown.tokens {
        announce_login(&mut out, base)?;
    }
    out.flush()?;
    Ok(())
}

/// Prints how to log in, where a login answers with a token.
fn announce_login(out: &mut impl Write, base: &str) -> io::Result<()> {
    writeln!(
        out,
        "Then log in, ask who it is, and log out:

TOKEN=$(curl -s {base}/v1/login -H 'Content-Type: application/json' \\
  -d '{{\"email\": \"ada@example.org\", \"password\": \"correct horse battery staple\"}}' | grep -o 'auths_[^\"]*')

curl -i {base}/v1/session -H \"Authorization: Bearer $TOKEN\"

curl -i -X DELETE {base}/v1/session -H \"Authorization: Bearer $TOKEN\"
"
    )
}
