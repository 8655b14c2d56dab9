//! A reading club: an axum application that lets visitors become members and log in through auth-core.
//!
//!     cargo run -p axum-app -- 127.0.0.1:3000 club.db pickup

mod host;
mod mailer;
mod members;
mod users;

use std::{error::Error, future::IntoFuture, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use auth_core::{
    Activate, Activation, Address, Client, CodeKey, CodeKeys, Flow, Locale, Outcome, Password, Policy,
    Register, Registration, Resend, Resending, Rules, Secret,
};
use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, State, rejection::JsonRejection},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::net::TcpListener;

use host::{Extra, Host};
use mailer::Mailer;
use users::Users;

/// The time to wait before a retry after a fault.
const SOON: Duration = Duration::from_secs(2);

const USAGE: &str =
    "usage: axum-app ADDRESS DATABASE-FILE MAIL-FOLDER, 127.0.0.1:3000 club.db pickup for example";

// ---- the application before auth-core ----

async fn home(State(host): State<Arc<Host>>) -> Response {
    match host.users.members().await {
        Ok(members) => format!("The reading club has {members} members.\n").into_response(),
        Err(error) => {
            tracing::error!(%error, "members could not be counted");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

// ---- becoming a member ----

/// An e-mail address, parsed at the edge: an invalid one never gets further. The password is never plain text either.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Email(Address);

impl TryFrom<String> for Email {
    type Error = auth_core::AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Address::parse(&text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Typed(Password);

impl TryFrom<String> for Typed {
    type Error = auth_core::PasswordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Password::parse(Secret::new(text).expose()).map(Self)
    }
}

/// The name that other members see.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=40).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text))
        } else {
            Err("a name must have 1 to 40 characters, and no control characters")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    name: Name,
    email: Email,
    password: Typed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirm {
    email: Email,
    password: Typed,
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    email: Email,
}

async fn join(
    State(host): State<Arc<Host>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Json<Join>, JsonRejection>,
) -> Response {
    let Json(Join { name: Name(name), email: Email(address), password: Typed(password) }) = match body {
        Ok(body) => body,
        Err(rejection) => {
            return unreadable(&rejection, "a name of 1 to 40 characters, an e-mail address and a password");
        }
    };
    let policy = &host.rules.policy().password;
    let estimate = || auth_strength::estimate(&password, &address, "Reading Club", policy.min_score).estimate;
    let verdict = policy.judge_with(&password, estimate);
    let Ok(locale) = Locale::parse("en") else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let flow = Register { address, verdict, client: Client::of(peer.ip()), locale };
    let extra = Extra { password: Some(Arc::new(password)), name: Some(name) };
    answer(&host, flow, extra, |disclosed| match disclosed {
        Registration::Accepted | Registration::Pending => {
            said(StatusCode::ACCEPTED, "Look into your mailbox.")
        }
        Registration::EmailTaken => said(StatusCode::CONFLICT, "You are a member already."),
        Registration::WeakPassword(_) => {
            said(StatusCode::UNPROCESSABLE_ENTITY, "Take a longer password, or one that is harder to guess.")
        }
        Registration::RateLimited { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, retry_after),
        Registration::Contended => later(StatusCode::SERVICE_UNAVAILABLE, SOON),
    })
    .await
}

async fn confirm(
    State(host): State<Arc<Host>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Json<Confirm>, JsonRejection>,
) -> Response {
    let Json(Confirm { email: Email(address), password: Typed(password), code }) = match body {
        Ok(body) => body,
        Err(rejection) => {
            return unreadable(&rejection, "an e-mail address, a password and the code from the mail");
        }
    };
    let Some(code) = host.rules.policy().code.parse(&code) else {
        return said(StatusCode::BAD_REQUEST, "A code has six digits.");
    };
    let flow = Activate { address, code, client: Client::of(peer.ip()) };
    let extra = Extra { password: Some(Arc::new(password)), name: None };
    answer(&host, flow, extra, |disclosed| match disclosed {
        Activation::Activated(_) | Activation::AlreadyActive => said(StatusCode::OK, "Welcome to the club."),
        Activation::Refused
        | Activation::NoAccount
        | Activation::WrongPassword
        | Activation::CodeExpired
        | Activation::WrongCode => {
            said(StatusCode::FORBIDDEN, "That did not work. Ask for another mail, or join again.")
        }
        Activation::RateLimited { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, retry_after),
        Activation::Contended => later(StatusCode::SERVICE_UNAVAILABLE, SOON),
    })
    .await
}

async fn again(
    State(host): State<Arc<Host>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Result<Json<Again>, JsonRejection>,
) -> Response {
    let Json(Again { email: Email(address) }) = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection, "an e-mail address"),
    };
    let flow = Resend { address, client: Client::of(peer.ip()) };
    answer(&host, flow, Extra::default(), |disclosed| match disclosed {
        Resending::Accepted => said(StatusCode::ACCEPTED, "Look into your mailbox."),
        Resending::NoAccount => said(StatusCode::NOT_FOUND, "Join first."),
        Resending::AlreadyActive => said(StatusCode::CONFLICT, "You are a member already."),
        Resending::RateLimited { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, retry_after),
        Resending::Contended => later(StatusCode::SERVICE_UNAVAILABLE, SOON),
    })
    .await
}

/// Runs a flow; the visitor sees only what it discloses, the log what really happened.
async fn answer<F, T>(host: &Arc<Host>, flow: F, extra: Extra, say: impl FnOnce(T) -> Response) -> Response
where
    F: Flow<Outcome = Outcome<T>> + Send + 'static,
    T: Send + 'static,
{
    match host.visit(flow, extra).await {
        Ok(Ok(outcome)) => {
            tracing::info!(event = outcome.event.name(), "visitor");
            say(outcome.disclosed)
        }
        Ok(Err(broken)) => {
            tracing::warn!(
                effect = broken.kind.name(),
                "an effect failed; the visitor is asked to try again"
            );
            later(StatusCode::SERVICE_UNAVAILABLE, SOON)
        }
        Err(error) => {
            tracing::error!(%error, "a flow panicked");
            later(StatusCode::SERVICE_UNAVAILABLE, SOON)
        }
    }
}

fn said(status: StatusCode, text: &str) -> Response {
    (status, format!("{text}\n")).into_response()
}

fn later(status: StatusCode, wait: Duration) -> Response {
    let mut response = said(status, "Try again in a moment.");
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(rounded_up.max(1)));
    response
}

/// Threat: the parser's message, which quotes the input.
fn unreadable(rejection: &JsonRejection, wanted: &str) -> Response {
    said(rejection.status(), &format!("This takes JSON with {wanted}, and nothing else."))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [listen, database, folder] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| USAGE)?;
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    // A retried mail draws its code from this key: keep the key with the outbox. Here codes live in this process'
    // memory, so a restart ends them anyway, and a visitor asks for another mail.
    let key = CodeKey::new(Secret::new(host::random()?));
    // Threat: a client that takes all hashes. Each of its requests costs one.
    let policy = Policy { client_requests_per_minute: NonZeroU32::new(20), ..Policy::default() };
    let rules = Rules::new(policy, CodeKeys::new([key])?)?;
    let host = Arc::new(Host::new(rules, Users::open(&database).await?, Mailer::open(folder.into()).await?));
    let worker = Arc::clone(&host);
    let worker = tokio::spawn(async move { worker.work().await });

    let app = Router::new()
        .route("/", get(home))
        .route("/join", post(join))
        .route("/join/confirm", post(confirm))
        .route("/join/again", post(again))
        .route("/login", post(members::login).delete(members::logout))
        .route("/me", get(members::me))
        .route("/me/books", post(members::read))
        // Before anything is parsed.
        .layer(DefaultBodyLimit::max(4096))
        .with_state(host);
    let listener = TcpListener::bind(&listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let served = axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::select! {
        ended = served.into_future() => Ok(ended?),
        // Without the worker nobody sends mails: exit, and be restarted.
        ended = worker => Err(ended.err().map_or("the worker has ended".into(), Into::into)),
    }
}
