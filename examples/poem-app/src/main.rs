//! A poem application with auth-http mounted under `/accounts`.
//!
//!     cargo run -p poem-app
//!
//! It takes the variables of auth-http, `AUTH_DATABASE_URL` and `AUTH_LISTEN` for example, and decides one itself.

use std::{error::Error, future::ready, net::TcpListener, time::Duration};

use auth_http::{
    config::{Layers, Settings, environment},
    node::Node,
};
use poem::{Endpoint, EndpointExt, Response, Route, Server, get, handler, listener::TcpAcceptor, web::Html};
use tokio::signal::unix::{SignalKind, signal};

/// How long requests may take once the end has come.
const FAREWELL: Duration = Duration::from_secs(8);

#[handler]
fn home() -> Html<&'static str> {
    Html("<!doctype html><title>Shop</title><h1>Shop</h1><p><a href=\"accounts/docs\">Accounts</a>")
}

fn app(node: &Node) -> impl Endpoint<Output = Response> + 'static {
    Route::new().at("/", get(home)).nest("/accounts", node.endpoint()).map_to_response()
}

/// The service's settings: what this application decides comes last and counts.
fn settings() -> Result<Settings, Box<dyn Error>> {
    let own = vec![("service_name".to_owned(), "Shop".to_owned())];
    Ok(Settings::parse(&Layers::collect(None, environment()?.into_iter(), own)?)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = settings()?;
    let listener = TcpListener::bind(settings.listen)?;
    listener.set_nonblocking(true)?;
    let node = Node::start(settings).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("listening on http://{}", listener.local_addr()?);
    let end = async move {
        let _ = terminate.recv().await;
    };
    Server::new_with_acceptor(TcpAcceptor::from_std(listener)?)
        .run_with_graceful_shutdown(app(&node), end, Some(FAREWELL))
        .await?;
    // Every answer has left: let go of mails, and of the database.
    node.finish(ready(())).await;
    Ok(())
}
