//! `/v1/account`: the account that asks with its sessions, and its end.

use auth_core::{DeleteAccount, Deleting};
use poem::Request;
use poem_openapi::{
    Object,
    payload::{Json, Response},
};

use super::{
    account::AccountDocument,
    app_state::AppState,
    bearer::Bearer,
    cookies::Cookie,
    operation::{BOTH, Operation, OperationProblem},
    problem::{
        CONFIRM_FIRST, NO_SESSION, NOT_ACCEPTABLE, ORIGIN_REFUSED, Problem, ProblemKind, RATE_LIMITED,
    },
    session::WITH_SESSION,
    sessions::{EndAnswer, ListedSession, ended, listed},
};

/// An account with its sessions.
#[derive(Object)]
pub struct OwnAccount {
    /// The account.
    account: AccountDocument,
    /// Its sessions, the one that was opened last first; 50 at most.
    #[oai(validator(max_items = 50))]
    sessions: Vec<ListedSession>,
}

/// The answers to a look at the own account.
#[derive(poem_openapi::ApiResponse)]
pub enum OwnAccountAnswer {
    /// hidden and explicit: the account and its sessions.
    #[oai(status = 200)]
    Known(Json<OwnAccount>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct OwnAccountOperation;

impl Operation for OwnAccountOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Shows the account that asks.
pub(super) async fn show(
    request: &Request,
    bearer: Bearer,
) -> Result<OwnAccountAnswer, OperationProblem<OwnAccountOperation>> {
    let (account, sessions) = listed(AppState::of(request), bearer).await?;
    Ok(OwnAccountAnswer::Known(Json(OwnAccount { account: account.into(), sessions })))
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct DeleteOperation;

impl Operation for DeleteOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&CONFIRM_FIRST, BOTH), (&RATE_LIMITED, BOTH), (&ORIGIN_REFUSED, BOTH), (&NOT_ACCEPTABLE, BOTH)];
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_SESSION;
}

/// Deletes the account that asks.
pub(super) async fn delete(
    request: &Request,
    Bearer(token): Bearer,
) -> Result<Response<EndAnswer>, OperationProblem<DeleteOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, None);
    let flow = DeleteAccount { token, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        Deleting::Deleted => return Ok(ended(shared.cookies(request), &[Cookie::Session, Cookie::Device])),
        Deleting::ConfirmFirst => Problem::new(&CONFIRM_FIRST),
        Deleting::NoSession => Problem::new(&NO_SESSION),
        Deleting::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        Deleting::Contended => Problem::contended(),
    }
    .into())
}
