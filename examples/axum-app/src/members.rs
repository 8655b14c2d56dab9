//! Logging in, and what members alone may do: routes behind a session.

use std::{net::SocketAddr, sync::Arc};

use auth_core::{
    AccountId, Authenticate, Authentication, Client, DeviceToken, LoggingIn, Login, Logout, Secret,
    SessionToken, UserAgent,
};
use axum::{
    Json,
    extract::{ConnectInfo, FromRequestParts, State, rejection::JsonRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, USER_AGENT, WWW_AUTHENTICATE},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Email, SOON, Typed, answer,
    host::{Extra, Host},
    later, said, unreadable,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enter {
    email: Email,
    password: Typed,
    /// The device token of an earlier login: wrong passwords of strangers don't keep this device out.
    device: Option<String>,
}

pub async fn login(
    State(host): State<Arc<Host>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Json<Enter>, JsonRejection>,
) -> Response {
    let Json(Enter { email: Email(address), password: Typed(password), device }) = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection, "an e-mail address and a password"),
    };
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let device = device.map(|device| DeviceToken::new(Secret::new(device)));
    let flow = Login { address, client: Client::of(peer.ip()), device, agent: UserAgent::new(agent) };
    let extra = Extra { password: Some(Arc::new(password)), name: None };
    answer(&host, flow, extra, |disclosed| match disclosed {
        LoggingIn::LoggedIn { token, device, .. } => {
            Json(json!({ "token": token.expose(), "device": device.expose() })).into_response()
        }
        LoggingIn::Refused
        | LoggingIn::NoAccount
        | LoggingIn::WrongPassword
        | LoggingIn::NotActivated
        | LoggingIn::Blocked => said(StatusCode::FORBIDDEN, "Check the address and type the password again."),
        LoggingIn::RateLimited { retry_after } => later(StatusCode::TOO_MANY_REQUESTS, retry_after),
    })
    .await
}

pub async fn logout(State(host): State<Arc<Host>>, headers: HeaderMap) -> Response {
    let Some(token) = token(&headers) else { return nobody() };
    answer(&host, Logout { token }, Extra::default(), |()| StatusCode::NO_CONTENT.into_response()).await
}

/// A member who has logged in. A route that takes one is behind a session.
pub struct Member(AccountId);

impl FromRequestParts<Arc<Host>> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Response> {
        let token = token(&parts.headers).ok_or_else(nobody)?;
        match host.visit(Authenticate { token }, Extra::default()).await {
            Ok(Ok(outcome)) => match outcome.disclosed {
                Authentication::Authenticated { account, .. } => Ok(Self(account.id)),
                Authentication::NoSession => Err(nobody()),
            },
            // Threat: a store that does not answer lets somebody in, or logs everybody out.
            Ok(Err(_)) | Err(_) => Err(later(StatusCode::SERVICE_UNAVAILABLE, SOON)),
        }
    }
}

/// Tells a member who they are.
pub async fn me(Member(id): Member, State(host): State<Arc<Host>>) -> Response {
    match host.users.member(id).await {
        Ok(Some((name, books))) => format!("{name} has read {books} books.\n").into_response(),
        Ok(None) => nobody(),
        Err(error) => unanswered(&error),
    }
}

/// Counts a book that a member has read.
pub async fn read(Member(id): Member, State(host): State<Arc<Host>>) -> Response {
    match host.users.has_read(id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => unanswered(&error),
    }
}

/// Returns the token of a request. In the header: a cookie would be sent from other sites' pages, too.
fn token(headers: &HeaderMap) -> Option<SessionToken> {
    let shown = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    Some(SessionToken::new(Secret::new(shown.to_owned())))
}

fn nobody() -> Response {
    let mut response = said(StatusCode::UNAUTHORIZED, "Log in first.");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

fn unanswered(error: &sqlx::Error) -> Response {
    tracing::error!(%error, "a member could not be read or written");
    later(StatusCode::SERVICE_UNAVAILABLE, SOON)
}
