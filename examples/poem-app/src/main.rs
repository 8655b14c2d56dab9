//! A poem application with auth-http mounted under `/accounts`.
//!
//!     cargo run -p poem-app
//!
//! It takes the variables of auth-http, such as `AUTH_DATABASE_URL` and `AUTH_LISTEN`, and sets one itself.

use std::{error::Error, net::TcpListener, sync::Arc, time::Duration};

use auth_http::{
    config::{Layers, Settings, environment},
    http::SignedIn,
    node::Node,
};
use poem::{
    Endpoint, EndpointExt, Response, Route, Server, get, handler, http::StatusCode, listener::TcpAcceptor,
    web::Html,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

/// How long requests may still take after the shutdown has begun.
const FAREWELL: Duration = Duration::from_secs(8);

#[handler]
fn home() -> Html<&'static str> {
    Html(
        "<!doctype html><title>Shop</title><h1>Shop</h1><p><a href=\"accounts/account/login?next=/orders\">Log in</a> <a href=\"accounts/docs\">API</a>",
    )
}

/// A page for those who have logged in. What belongs to them is kept by the account's id, which never changes.
#[handler]
fn orders(visitor: SignedIn) -> String {
    let SignedIn { account, .. } = visitor;
    format!("The orders of {} (customer {}): none yet.\n", account.address.given(), account.id)
}

/// What costs something asks for a password that was given recently.
#[handler]
fn buy(visitor: SignedIn) -> (StatusCode, &'static str) {
    if visitor.fresh {
        (StatusCode::CREATED, "Bought.\n")
    } else {
        (StatusCode::FORBIDDEN, "Give your password again: POST /accounts/v1/session/confirm.\n")
    }
}

fn app(node: &Node) -> impl Endpoint<Output = Response> + 'static {
    let shop = get(orders).post(buy).data(node.sessions());
    Route::new().at("/", get(home)).at("/orders", shop).nest("/accounts", node.endpoint()).map_to_response()
}

/// Returns the service's settings: what this application sets comes last and overrides the variables.
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
    let mut signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    let mut node = Node::start(settings).await?;

    println!("listening on http://{}", listener.local_addr()?);
    let end = Arc::new(Notify::new());
    let heard = Arc::clone(&end);
    let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener)?);
    let ended = async move { heard.notified().await };
    let mut serving = tokio::spawn(server.run_with_graceful_shutdown(app(&node), ended, Some(FAREWELL)));
    let [terminate, interrupt] = &mut signals;
    let told = tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        // The server, or the worker that sends the mails, ends by itself only if it failed.
        _ = &mut serving => false,
        _ = node.failed() => false,
    };
    // The server and the node end together: the database is closed after every answer has left.
    end.notify_one();
    let served = async {
        if !serving.is_finished() {
            drop(serving.await);
        }
    };
    let in_order = node.finish(served).await;
    if told && in_order {
        Ok(())
    } else {
        Err("a part failed or left something unfinished; see the log".into())
    }
}
