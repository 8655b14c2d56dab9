//! Whose request it is, for an application's own routes.

use std::sync::Arc;

use auth_core::{Account, Authenticate, Authentication, Session};
use poem::{
    FromRequest, Request, RequestBody, Response,
    error::ResponseError,
    http::{
        StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
};

use super::{
    account_pages::AccountPages,
    app_state::AppState,
    bearer::{TwoSessions, is_given, token},
    problem::UNAVAILABLE_RETRY,
};

/// Recognises sessions in requests to an application's own routes. Attach it to them as data, and extract
/// [`SignedIn`].
#[derive(Clone)]
pub struct Sessions(pub(crate) Arc<AppState>);

/// A request whose session counts, and whose it is.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The account. Refer to it by its id: the address can change.
    pub account: Account,
    /// The session.
    pub session: Session,
    /// Whether its password was given recently. Ask for this before you change what belongs to the account.
    pub fresh: bool,
}

/// Why a request is nobody's. As a response it is a line of text with the status that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// The request shows no session, or one that does not count: 401.
    #[error("log in first")]
    NoSession,
    /// The request has the header Authorization and the cookie of a session: 400.
    #[error("send the header Authorization or the cookie of a session, not both")]
    TwoSessions,
    /// The request changes something, and does not come from a page of `AUTH_ORIGIN`: 403.
    #[error("this can be asked for from the service's own pages only")]
    OtherOrigin,
    /// The account store does not answer: 503.
    #[error("this cannot be answered now; try again soon")]
    Unavailable,
}

impl Sessions {
    /// Returns whose request it is: one read of the account store, as `GET /v1/session`.
    ///
    /// The cookies of the pages for visitors count, too. With cookies, a request of a method that changes something must
    /// come from a page of `AUTH_ORIGIN`. That is not asked of a GET: let none change anything, and check the origin of
    /// a WebSocket yourself.
    ///
    /// # Errors
    /// [`NotSignedIn`], which an application may return as its answer.
    pub async fn of(&self, request: &Request) -> Result<SignedIn, NotSignedIn> {
        let pages = self.0.pages.as_ref().map(AccountPages::cookies);
        let (headers, cookies) = (request.headers(), self.0.cookies.as_ref().or(pages));
        let token = match token(headers, cookies) {
            Ok(Some(token)) => token,
            Ok(None) => return Err(NotSignedIn::NoSession),
            Err(TwoSessions) => return Err(NotSignedIn::TwoSessions),
        };
        // Threat: another site's page that changes something in the application with its visitors' cookies (CSRF).
        let by_cookie = cookies.filter(|_| !is_given(headers));
        if by_cookie.is_some_and(|cookies| !cookies.admits(request.method(), headers)) {
            return Err(NotSignedIn::OtherOrigin);
        }
        let outcome = self.0.driver.recognise(Authenticate { token }).await;
        match outcome.map_err(|_| NotSignedIn::Unavailable)?.disclosed {
            Authentication::Authenticated { account, session, fresh } => {
                Ok(SignedIn { account, session, fresh })
            }
            Authentication::NoSession => Err(NotSignedIn::NoSession),
        }
    }
}

impl<'a> FromRequest<'a> for SignedIn {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let sessions: &Sessions = request.data().ok_or_else(|| {
            tracing::error!("a route extracts SignedIn and has no Sessions as data");
            NotSignedIn::Unavailable
        })?;
        Ok(sessions.of(request).await?)
    }
}

impl ResponseError for NotSignedIn {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSession => StatusCode::UNAUTHORIZED,
            Self::TwoSessions => StatusCode::BAD_REQUEST,
            Self::OtherOrigin => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn as_response(&self) -> Response {
        let response = Response::builder().status(self.status()).content_type("text/plain; charset=utf-8");
        let response = match self {
            Self::NoSession => response.header(WWW_AUTHENTICATE, "Bearer realm=\"auth\""),
            Self::Unavailable => response.header(RETRY_AFTER, UNAVAILABLE_RETRY.as_secs()),
            Self::TwoSessions | Self::OtherOrigin => response,
        };
        response.body(format!("{self}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_answers_that_say_what_to_do() {
        for (refused, status, header) in [
            (NotSignedIn::NoSession, 401, Some(WWW_AUTHENTICATE)),
            (NotSignedIn::TwoSessions, 400, None),
            (NotSignedIn::OtherOrigin, 403, None),
            (NotSignedIn::Unavailable, 503, Some(RETRY_AFTER)),
        ] {
            let response = refused.as_response();
            assert_eq!(response.status().as_u16(), status, "{refused}");
            assert!(header.is_none_or(|header| response.headers().contains_key(header)), "{refused}");
        }
    }
}
