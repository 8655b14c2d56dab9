//! The listeners: connections, their limits, and their end.
//!
//! HTTP/1.1 alone: a proxy in front speaks whatever else there is. Threats: clients that send their
//! head a byte at a time (each head must arrive within ten seconds of its first byte), and
//! more connections than there is memory for. Next: `server/arrival.rs` for what is waited for, and how long.

mod arrival;
mod ending;
mod stream;

use std::{convert::Infallible, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use arrival::{Arrival, ArrivalLimits, HeadTimer, Watched};
use hyper::{
    Request,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use poem::{
    Endpoint, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{deadlines, metrics::ListenerMetrics, once_a_minute::OnceAMinute};
use stream::ConnectionStream;

/// Connections at the same time; the next ones wait to be accepted.
const CONNECTIONS: usize = 4096;
/// Those that must be free for an idle connection to be kept for as long as it is configured.
const RESERVE: usize = CONNECTIONS / 4;
/// Bytes of a head.
const MAX_HEAD: usize = 16 * 1024;

/// Serves until told to end, then finishes what was accepted. A connection that is idle is kept for `keep_alive`.
pub async fn serve<E>(
    listener: TcpListener,
    endpoint: Arc<E>,
    keep_alive: Duration,
    metrics: ListenerMetrics,
    end: CancellationToken,
) where
    E: Endpoint<Output = Response> + 'static,
{
    let (room, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), TaskTracker::new());
    let patience =
        ArrivalLimits { idle: keep_alive, head: deadlines::HEAD, room: Arc::clone(&room), reserve: RESERVE };
    let refused = OnceAMinute::default();
    metrics.may_have(CONNECTIONS);
    loop {
        let accepted = tokio::select! {
            () = end.cancelled() => break,
            accepted = accept(&listener, &room, &refused, &metrics) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { return };
        let connection = connection(stream, peer, Arc::clone(&endpoint), patience.clone(), end.clone());
        let open = metrics.open();
        connections.spawn(async move {
            connection.await;
            drop((permit, open));
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// Threat: clients that ask and never read hold their connection, and the answer, forever.
fn patient(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(deadlines::WRITE));
    Box::pin(stream)
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    refused: &OnceAMinute,
    metrics: &ListenerMetrics,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => permit,
        Err(_) => {
            metrics.is_full();
            Arc::clone(room).acquire_owned().await.ok()?
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) => {
                metrics.accept_failed();
                // Out of file descriptors, most likely: they come back when connections end.
                if let Some(held_back) = refused.pass() {
                    tracing::warn!(%error, held_back, "a connection could not be accepted");
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection<E>(
    stream: TcpStream,
    peer: SocketAddr,
    endpoint: Arc<E>,
    patience: ArrivalLimits,
    end: CancellationToken,
) where
    E: Endpoint<Output = Response> + 'static,
{
    // Without it an answer that follows another one closely waits some 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let local = stream.local_addr().map(|address| LocalAddr(address.into())).unwrap_or_default();
    let remote = RemoteAddr(peer.into());
    let (busy, mut idle) = watch::channel(false);
    let arrival = Arrival::new(patience);
    let (arrived, everything) = (arrival.clone(), Arc::clone(&endpoint));
    let service = service_fn(move |request: Request<Incoming>| {
        let (endpoint, local, remote) = (Arc::clone(&endpoint), local.clone(), remote.clone());
        arrived.request(request.body().size_hint().exact());
        busy.send_replace(true);
        let busy = busy.clone();
        async move {
            let request = poem::Request::from((request, local, remote, Scheme::HTTP));
            let response = endpoint.get_response(request).await;
            busy.send_replace(false);
            Ok::<_, Infallible>(hyper::Response::from(response))
        }
    });
    let timer = HeadTimer(arrival.clone());
    let mut connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(deadlines::HEAD)
        .max_buf_size(MAX_HEAD)
        // A client that shuts its sending side after a request still gets the answer. It looks like one that has
        // gone, so what a client asked for is carried out whether it waits or not.
        .half_close(true)
        .serve_connection(
            TokioIo::new(Watched::new(ConnectionStream::new(patient(stream)), arrival)),
            service,
        );
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = end.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            // A request that has arrived is answered; who has sent none, or half of one, is not
            // waited for.
            let answered = async {
                let _ = idle.wait_for(|busy| !busy).await;
                sleep(deadlines::LAST_ANSWER).await;
            };
            tokio::select! {
                ended = &mut connection => ended,
                () = answered => return,
            }
        }
    };
    let mut stream = connection.into_parts().io.into_inner().into_inner();
    let answered = match ended {
        Ok(()) => true,
        Err(error) if error.is_parse() => {
            ending::refuse(&mut stream, everything.as_ref()).await;
            true
        }
        Err(error) => {
            tracing::debug!(%error, "a connection ended early");
            false
        }
    };
    if answered {
        tokio::select! {
            () = ending::linger(&mut stream) => {}
            () = end.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, Reading};

    #[tokio::test]
    async fn listener_without_room_counts_it_and_accepts_when_there_is_some() {
        let (metrics, listener) = (Metrics::default(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let counted = metrics.listener("api");
        let is_shown = |line: &str| metrics.text(&Reading::default()).lines().any(|shown| shown == line);
        let full = |times: u32| format!("auth_http_connections_full_total{{listener=\"api\"}} {times}");
        let address = listener.local_addr().unwrap();
        let _clients =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let (room, refused) = (Arc::new(Semaphore::new(1)), OnceAMinute::default());
        let (_, _, permit) = accept(&listener, &room, &refused, &counted).await.unwrap();
        assert!(is_shown(&full(0)));
        let second = accept(&listener, &room, &refused, &counted);
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("there is no room"),
            () = std::future::ready(()) => {}
        }
        assert!(is_shown(&full(1)));
        drop(permit);
        assert!(second.await.is_some());
        assert!(is_shown(&full(1)));
    }
}
