//! The end of a connection: the answer to a head that could not be read, and time for the client to read its answer.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::stream::ConnectionStream;
use crate::{deadlines, http::UnreadableHead};

/// Bytes of a head that are still looked at for its origin once it is refused.
const HEAD_REST: usize = 256 * 1024;
/// What a client may still send once its last answer was written.
const LEFTOVERS: usize = 64 * 1024 * 1024;

/// Answers a head that hyper could not read as the endpoint answers everything else.
pub(super) async fn refuse<E>(stream: &mut ConnectionStream, endpoint: &E)
where
    E: Endpoint<Output = Response>,
{
    let canned = stream.held_back.take();
    let (status, date) =
        canned.map_or((StatusCode::BAD_REQUEST, None), |canned| (canned.status, canned.date));
    // A front end of another origin can read its answer only if that names its origin.
    drain(stream, HEAD_REST, deadlines::REFUSED_HEAD, deadlines::REFUSED_HEAD, |stream| stream.heads.ended)
        .await;
    let mut request = Request::builder().method(Method::CONNECT).finish();
    request.set_data(UnreadableHead(status));
    if let Some(origin) = stream.heads.origin().and_then(|origin| HeaderValue::from_bytes(origin).ok()) {
        request.headers_mut().insert(header::ORIGIN, origin);
    }
    let mut response = endpoint.get_response(request).await;
    if response.status() != status {
        // An endpoint that knows nothing of such requests.
        response = Response::builder().status(status).finish();
    }
    let body = response.take_body().into_bytes().await.unwrap_or_default();
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    let bytes = written(status, response.headers(), &body);
    if let Err(error) = stream.inner().write_all(&bytes).await {
        tracing::debug!(%error, "the answer to a head that could not be read was not taken");
    }
}

fn written(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Shuts the sending side and takes what the client still sends, for a while.
///
/// A refusal may be written while the body is still on its way. To close then resets the connection, and
/// the client loses an answer that it has not read yet (RFC 9112 section 9.6). Threat: a client that never stops
/// sending, or never closes; both are bounded.
pub(super) async fn linger(stream: &mut ConnectionStream) {
    if stream.inner().shutdown().await.is_ok() {
        drain(stream, LEFTOVERS, deadlines::LINGER, deadlines::LINGER_SILENCE, |_| false).await;
    }
}

/// Reads and drops until the client has ended, `enough` says so, or a bound is reached.
async fn drain(
    stream: &mut ConnectionStream,
    bytes: usize,
    whole: Duration,
    silence: Duration,
    enough: impl Fn(&ConnectionStream) -> bool,
) {
    let all = async {
        let (mut buffer, mut left) = (vec![0; 16 * 1024], bytes);
        while left > 0 && !enough(stream) {
            match timeout(silence, stream.read(&mut buffer)).await {
                Ok(Ok(read)) if read > 0 => left = left.saturating_sub(read),
                Ok(Ok(_) | Err(_)) | Err(_) => break,
            }
        }
    };
    bounded(whole, all).await;
}

async fn bounded(time: Duration, all: impl Future<Output = ()>) {
    // Running out of time is one of the ways to end.
    let _ = timeout(time, all).await;
}
