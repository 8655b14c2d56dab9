//! `/v1/session`: whose it is, confirming it with the password, ending it.

use std::time::Duration;

use auth_core::{
    Authenticate, Authentication, Confirm, Confirmation, Logout, Password, Session, SessionToken,
};
use poem::{Request, http::header::SET_COOKIE};
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Response},
    types::Example,
};

use super::{
    account::AccountDocument,
    app_state::AppState,
    bearer::Bearer,
    body::{Fields, FromFields},
    cookies::{Cookie, setting},
    operation::{BOTH, Operation, OperationProblem},
    problem::{
        INTERNAL, INVALID_REQUEST, NO_SESSION, NOT_ACCEPTABLE, ORIGIN_REFUSED, PASSWORD_REFUSED, Problem,
        ProblemKind, RATE_LIMITED, UNAVAILABLE,
    },
    register::parse_password,
    schema::{PasswordText, SessionIdText, SessionTokenText, TimeText},
};
use crate::rfc3339::rfc3339;

/// A session.
#[derive(Object)]
#[oai(rename = "Session")]
pub(super) struct SessionDocument {
    /// Its name. It opens nothing.
    id: SessionIdText,
    /// When it was opened.
    created_at: TimeText,
    /// When it was last used, to the hour.
    last_seen_at: TimeText,
    /// When it ends unless it is used before then.
    expires_at: TimeText,
    /// Whether its password was given recently, as what changes an account asks for.
    fresh: bool,
}

impl SessionDocument {
    pub(super) fn new(session: &Session, fresh: bool) -> Self {
        Self {
            id: SessionIdText(session.id.to_string()),
            created_at: TimeText(rfc3339(session.created)),
            last_seen_at: TimeText(rfc3339(session.seen)),
            expires_at: TimeText(rfc3339(session.expires)),
            fresh,
        }
    }
}

/// Who a request is from.
#[derive(Object)]
pub struct Identity {
    /// The account.
    account: AccountDocument,
    /// The session.
    session: SessionDocument,
}

/// The answers to who a request is from.
#[derive(ApiResponse)]
pub enum SessionAnswer {
    /// hidden and explicit: the session counts. The headers are for a proxy that asks on behalf of an application.
    #[oai(status = 200)]
    Known(
        Json<Identity>,
        /// The account's id.
        #[oai(header = "X-Auth-Account-Id")]
        String,
        /// The account's address in lower case, its domain as A-labels.
        #[oai(header = "X-Auth-Email")]
        String,
    ),
}

/// The problems of operations with a session and without a body.
pub(super) const WITH_SESSION: [(&ProblemKind, &str); 4] =
    [(&INVALID_REQUEST, BOTH), (&NO_SESSION, BOTH), (&INTERNAL, BOTH), (&UNAVAILABLE, BOTH)];

/// The operation as a type.
#[derive(Debug)]
pub(super) struct SessionOperation;

impl Operation for SessionOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// A session that counts, and whose it is.
pub(super) struct Current {
    pub(super) account: auth_core::Account,
    pub(super) session: Session,
    pub(super) fresh: bool,
}

/// Returns the session of a token, or the refusal.
pub(super) async fn current(shared: &AppState, Bearer(token): Bearer) -> Result<Current, Problem> {
    let outcome = shared.driver.recognise(Authenticate { token }).await.map_err(Problem::broken)?;
    match outcome.disclosed {
        Authentication::Authenticated { account, session, fresh } => Ok(Current { account, session, fresh }),
        Authentication::NoSession => Err(Problem::new(&NO_SESSION)),
    }
}

/// Tells who a request is from.
pub(super) async fn find(
    request: &Request,
    bearer: Bearer,
) -> Result<SessionAnswer, OperationProblem<SessionOperation>> {
    let Current { account, session, fresh } = current(AppState::of(request), bearer).await?;
    let (id, email) = (account.id.to_string(), account.address.key().as_str().to_owned());
    let identity = Identity { session: SessionDocument::new(&session, fresh), account: account.into() };
    Ok(SessionAnswer::Known(Json(identity), id, email))
}

/// The password once more.
#[derive(Object)]
#[oai(rename = "Confirm", example)]
pub(super) struct ConfirmBody {
    /// The password of the account.
    password: PasswordText,
}

impl Example for ConfirmBody {
    fn example() -> Self {
        Self { password: PasswordText("correct horse battery staple".to_owned()) }
    }
}

/// A parsed body.
pub(super) struct GivenPassword(Password);

impl FromFields for GivenPassword {
    type Document = ConfirmBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let [password] = fields.strings(["password"])?;
        parse_password(password).map(Self).map_err(|error| Problem::about(&INVALID_REQUEST, vec![error]))
    }
}

/// The session that takes the place of the one before.
#[derive(Object)]
pub struct Confirmed {
    /// Its token; the one before is over. Not there where sessions are kept in cookies.
    #[oai(skip_serializing_if_is_none)]
    session_token: Option<SessionTokenText>,
    /// How long it lasts at most, in seconds.
    expires_in_seconds: u64,
}

/// The answers of a confirmation.
#[derive(ApiResponse)]
pub enum ConfirmAnswer {
    /// hidden and explicit: the password was right, and a fresh session takes the place of this one.
    #[oai(status = 200)]
    Confirmed(Json<Confirmed>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ConfirmOperation;

impl Operation for ConfirmOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&NO_SESSION, BOTH), (&PASSWORD_REFUSED, BOTH), (&ORIGIN_REFUSED, BOTH)];
}

/// Confirms a session with its account's password.
pub(super) async fn confirm(
    request: &Request,
    bearer: Bearer,
    password: GivenPassword,
) -> Result<Response<ConfirmAnswer>, OperationProblem<ConfirmOperation>> {
    let (token, lasting) = replaced(request, bearer, password).await?;
    let cookies = AppState::of(request).cookies(request);
    let answer = Response::new(ConfirmAnswer::Confirmed(Json(Confirmed {
        session_token: cookies.is_none().then(|| SessionTokenText(token.expose().to_owned())),
        expires_in_seconds: lasting.as_secs(),
    })));
    Ok(setting(answer, cookies.and_then(|cookies| cookies.session(token.expose(), lasting))))
}

/// Returns the token of the fresh session that takes the place of one, and how long it lasts, or the refusal.
pub(super) async fn replaced(
    request: &Request,
    Bearer(token): Bearer,
    GivenPassword(password): GivenPassword,
) -> Result<(SessionToken, Duration), Problem> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, Some(password));
    let flow = Confirm { token, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        Confirmation::Confirmed { token, expires_in } => return Ok((token, expires_in)),
        // A 401 would log front ends out.
        Confirmation::PasswordRefused => Problem::new(&PASSWORD_REFUSED),
        Confirmation::NoSession => Problem::new(&NO_SESSION),
        Confirmation::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
    })
}

/// The answers to the end of a session.
#[derive(ApiResponse)]
pub enum LogoutAnswer {
    /// hidden and explicit: it is over, whether it was there or not.
    #[oai(status = 204)]
    LoggedOut,
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct LogoutOperation;

impl Operation for LogoutOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&ORIGIN_REFUSED, BOTH), (&NOT_ACCEPTABLE, BOTH)];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Ends a session.
pub(super) async fn end(
    request: &Request,
    Bearer(token): Bearer,
) -> Result<Response<LogoutAnswer>, OperationProblem<LogoutOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, None);
    let ended = shared.driver.visit(Logout { token }, visitor).await;
    // Threat: a browser that stays logged in on a shared machine, because the store did not answer. It forgets the
    // token in any case.
    let cleared = shared.cookies(request).and_then(|cookies| cookies.cleared(Cookie::Session));
    match (ended, cleared) {
        (Ok(_), cleared) => Ok(setting(Response::new(LogoutAnswer::LoggedOut), cleared)),
        (Err(broken), Some(cleared)) => Err(Problem::broken(broken).with(SET_COOKIE, cleared).into()),
        (Err(broken), None) => Err(Problem::broken(broken).into()),
    }
}
