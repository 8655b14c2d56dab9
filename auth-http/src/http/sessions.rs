//! `/v1/sessions`: all sessions of an account, and ending one or every one of them.

use auth_core::{Account, LoggingOut, LogoutEverywhere, SessionId};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Response},
};
use tokio::time::timeout;

use super::{
    app_state::AppState,
    bearer::Bearer,
    cookies::{Cookie, Cookies, setting},
    operation::{BOTH, Operation, OperationProblem},
    problem::{
        CONFIRM_FIRST, NO_SESSION, NOT_ACCEPTABLE, ORIGIN_REFUSED, Problem, ProblemKind, RATE_LIMITED,
        SESSION_NOT_FOUND, UNAVAILABLE,
    },
    schema::{SessionIdText, TimeText},
    session::{Current, WITH_SESSION, current},
};
use crate::{deadlines, port::PortError, rfc3339::rfc3339};

/// One of an account's sessions.
#[derive(Object)]
pub(super) struct ListedSession {
    /// Its name, to end it by.
    pub(super) id: SessionIdText,
    /// When it was opened.
    pub(super) created_at: TimeText,
    /// When it was last used, to the hour.
    pub(super) last_seen_at: TimeText,
    /// When it ends unless it is used before then.
    expires_at: TimeText,
    /// Whether its password was given recently.
    fresh: bool,
    /// What the program that opened it calls itself; printable ASCII, perhaps empty.
    #[oai(validator(min_length = 0, max_length = 120))]
    pub(super) user_agent: String,
    /// Whether it is the one that asks.
    pub(super) current: bool,
}

/// The number of sessions in a list, as its schema says.
const SHOWN: usize = 50;

/// An account's sessions.
#[derive(Object)]
pub struct ListedSessions {
    /// Those that count, the one that was opened last first; 50 at most.
    #[oai(validator(max_items = 50))]
    sessions: Vec<ListedSession>,
}

/// The answers to a list of sessions.
#[derive(ApiResponse)]
pub enum SessionsAnswer {
    /// hidden and explicit: the sessions of the account.
    #[oai(status = 200)]
    Listed(Json<ListedSessions>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct SessionsOperation;

impl Operation for SessionsOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Lists the sessions of an account.
pub(super) async fn list(
    request: &Request,
    bearer: Bearer,
) -> Result<SessionsAnswer, OperationProblem<SessionsOperation>> {
    let (_, sessions) = listed(AppState::of(request), bearer).await?;
    Ok(SessionsAnswer::Listed(Json(ListedSessions { sessions })))
}

/// Returns the account of a session, and all its sessions.
pub(super) async fn listed(
    shared: &AppState,
    bearer: Bearer,
) -> Result<(Account, Vec<ListedSession>), Problem> {
    let Current { account, session: own, .. } = current(shared, bearer).await?;
    let found = timeout(deadlines::EFFECT, shared.driver.ports.accounts.sessions(account.id)).await;
    let (now, all) = reached(found)?;
    let rules = &shared.driver.rules;
    let live = all.iter().filter(|session| session.is_alive(account.id, own.generation, now, rules));
    // Logins at the same moment may each leave one more; the next login ends those.
    let sessions = live.take(SHOWN).map(|session| ListedSession {
        id: SessionIdText(session.id.to_string()),
        created_at: TimeText(rfc3339(session.created)),
        last_seen_at: TimeText(rfc3339(session.seen)),
        expires_at: TimeText(rfc3339(session.expires)),
        fresh: session.is_fresh(now, rules),
        user_agent: session.agent.as_str().to_owned(),
        current: session.id == own.id,
    });
    let sessions = sessions.collect();
    Ok((account, sessions))
}

/// The answers to the end of one or every session.
#[derive(ApiResponse)]
pub enum EndAnswer {
    /// hidden and explicit: it is over.
    #[oai(status = 204)]
    Ended,
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct EndOperation;

impl Operation for EndOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[
        (&CONFIRM_FIRST, BOTH),
        (&SESSION_NOT_FOUND, BOTH),
        (&ORIGIN_REFUSED, BOTH),
        (&NOT_ACCEPTABLE, BOTH),
    ];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Ends one session of the account that asks.
pub(super) async fn end(
    request: &Request,
    bearer: Bearer,
    id: &str,
) -> Result<Response<EndAnswer>, OperationProblem<EndOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &bearer.0, None);
    let Current { account, session, fresh } = current(shared, bearer).await?;
    let id = parse(id).ok_or(Problem::new(&SESSION_NOT_FOUND))?;
    if !session.may_end(id, fresh) {
        return Err(Problem::new(&CONFIRM_FIRST).into());
    }
    if !shared.driver.end_session(account.id, id, visitor).await.map_err(Problem::broken)? {
        return Err(Problem::new(&SESSION_NOT_FOUND).into());
    }
    Ok(ended(shared.cookies(request), if id == session.id { &[Cookie::Session] } else { &[] }))
}

/// Returns the answer to what has ended; a browser forgets these cookies.
pub(super) fn ended(cookies: Option<&Cookies>, forgotten: &[Cookie]) -> Response<EndAnswer> {
    let cleared =
        |cookies: &Cookies| forgotten.iter().filter_map(|cookie| cookies.cleared(*cookie)).collect();
    let cleared: Option<Vec<_>> = cookies.map(cleared);
    setting(Response::new(EndAnswer::Ended), cleared.unwrap_or_default())
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct EverywhereOperation;

impl Operation for EverywhereOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&CONFIRM_FIRST, BOTH), (&RATE_LIMITED, BOTH), (&ORIGIN_REFUSED, BOTH), (&NOT_ACCEPTABLE, BOTH)];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Ends every session of the account that asks.
pub(super) async fn end_all(
    request: &Request,
    Bearer(token): Bearer,
) -> Result<Response<EndAnswer>, OperationProblem<EverywhereOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, None);
    let outcome = shared.driver.visit(LogoutEverywhere { token }, visitor).await.map_err(Problem::broken)?;
    match outcome.disclosed {
        LoggingOut::LoggedOut => Ok(ended(shared.cookies(request), &[Cookie::Session, Cookie::Device])),
        LoggingOut::ConfirmFirst => Err(Problem::new(&CONFIRM_FIRST).into()),
        LoggingOut::NoSession => Err(Problem::new(&NO_SESSION).into()),
        LoggingOut::RateLimited { retry_after } => {
            Err(Problem::new(&RATE_LIMITED).retry_after(retry_after).into())
        }
        LoggingOut::Contended => Err(Problem::contended().into()),
    }
}

/// Returns what a store answered, or the refusal of a request whose store did not.
fn reached<T>(answer: Result<Result<T, PortError>, tokio::time::error::Elapsed>) -> Result<T, Problem> {
    let why = match answer {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(error = why, "the store of sessions failed");
    Err(Problem::new(&UNAVAILABLE).retry_after(super::problem::UNAVAILABLE_RETRY))
}

/// Reads the name of a session: 32 hexadecimal digits, in lower case as they are shown.
fn parse(text: &str) -> Option<SessionId> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32 && digits)?;
    Some(SessionId::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sessions_are_read_as_they_are_shown() {
        let shown = "0123456789abcdef0123456789abcdef";
        assert_eq!(parse(shown).unwrap().to_string(), shown);
        for wrong in ["", "0", &shown[1..], "+123456789abcdef0123456789abcdef", &shown.to_uppercase()] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
