//! The command `healthcheck`: asks a running server whether it is ready.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{CommandError, print};
use crate::{config::Layers, deadlines};

/// Asks `/readyz`; fails unless it answers 200.
pub(super) async fn run(url: Option<&str>, layers: &Layers) -> Result<(), CommandError> {
    let authority = match url {
        Some(url) => url
            .strip_prefix("http://")
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .ok_or_else(|| CommandError::Refused(format!("--url {url}: must be http://host:port")))?,
        None => here(layers.value("listen").unwrap_or_default())?,
    };
    match timeout(deadlines::HEALTHCHECK, ask(&authority)).await {
        Ok(Ok((200, _))) => print("ready"),
        Ok(Ok((status, body))) => Err(CommandError::Refused(format!("not ready: {status} {body}"))),
        Ok(Err(error)) => Err(CommandError::Refused(format!("no answer from {authority}: {error}"))),
        Err(_) => Err(CommandError::Refused(format!(
            "no answer from {authority} within {} s",
            deadlines::HEALTHCHECK.as_secs()
        ))),
    }
}

/// A server on every address answers on loopback too.
fn here(listen: &str) -> Result<String, CommandError> {
    match listen.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => Ok(format!("127.0.0.1:{}", address.port())),
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(CommandError::Refused(format!(
            "AUTH_LISTEN: `{}` is not an address and a port; set it as it is for the server, or ask with --url",
            listen.escape_debug()
        ))),
    }
}

async fn ask(authority: &str) -> Result<(u16, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(HOST, authority).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
