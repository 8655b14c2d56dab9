//! `/v1/email`: another address for the account that asks, and the code that proves it.

use auth_core::{AskingToMove, ChangeAddress, Code, ConfirmAddress, Relocation};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Response},
    types::Example,
};

use super::{
    account::AccountDocument,
    activate::parse_code,
    app_state::AppState,
    bearer::Bearer,
    body::{Fields, FromFields},
    operation::{BOTH, Operation, OperationProblem},
    password::reopened,
    problem::{
        CODE_WRONG, CONFIRM_FIRST, EMAIL_TAKEN, INVALID_REQUEST, NO_SESSION, ORIGIN_REFUSED, Problem,
        ProblemKind, RATE_LIMITED,
    },
    register::{Accepted, accepted},
    resend::PendingAddress,
    schema::{CodeText, DeviceTokenText, SessionTokenText},
};

// ---- Asked for ----

/// The answers to a request for another address.
#[derive(ApiResponse)]
pub enum EmailAnswer {
    /// hidden: always, whatever the state of the address. explicit: the address is free. A mail with a code follows as
    /// soon as the interval between mails to it allows; while many wait for that address none does, so ask again later. Another spelling of the own address is taken at once, without one.
    #[oai(status = 202)]
    Accepted(Json<Accepted>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct EmailOperation;

impl Operation for EmailOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&NO_SESSION, BOTH), (&CONFIRM_FIRST, BOTH), (&EMAIL_TAKEN, "explicit"), (&ORIGIN_REFUSED, BOTH)];
}

/// Asks for a mail with a code to another address.
pub(super) async fn change(
    request: &Request,
    Bearer(token): Bearer,
    PendingAddress(address): PendingAddress,
) -> Result<EmailAnswer, OperationProblem<EmailOperation>> {
    const MESSAGE: &str = "If no account has the address, a mail with a code follows as soon as the interval between \
                           mails to it allows; if none does, ask again later. Nothing changes until the code is \
                           entered.";
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, None);
    let flow = ChangeAddress { token, address, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        AskingToMove::Accepted => return Ok(EmailAnswer::Accepted(Json(accepted(shared, MESSAGE)))),
        AskingToMove::Taken => Problem::new(&EMAIL_TAKEN),
        AskingToMove::ConfirmFirst => Problem::new(&CONFIRM_FIRST),
        AskingToMove::NoSession => Problem::new(&NO_SESSION),
        AskingToMove::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        AskingToMove::Contended => Problem::contended(),
    }
    .into())
}

// ---- Confirmed ----

/// The code from the mail to the new address.
#[derive(Object)]
#[oai(rename = "ConfirmEmail", example)]
pub(super) struct ConfirmEmailBody {
    /// The code, exactly as long as it was mailed. Blanks, and hyphens inside it, are taken off.
    code: CodeText,
}

impl Example for ConfirmEmailBody {
    fn example() -> Self {
        Self { code: CodeText("012345".to_owned()) }
    }
}

/// A parsed body.
pub(super) struct TypedCode(Code);

impl FromFields for TypedCode {
    type Document = ConfirmEmailBody;

    fn from_fields(fields: &Fields, request: &Request) -> Result<Self, Problem> {
        let [code] = fields.strings(["code"])?;
        parse_code(code, request).map(Self).map_err(|error| Problem::about(&INVALID_REQUEST, vec![error]))
    }
}

/// The account at its new address, and the session that is left.
#[derive(Object)]
pub struct EmailChanged {
    /// The session's token; every session of before is over. Not there where sessions are kept in cookies, and if no
    /// session could be opened: log in with the new address then.
    #[oai(skip_serializing_if_is_none)]
    session_token: Option<SessionTokenText>,
    /// How long it lasts at most, in seconds.
    expires_in_seconds: u64,
    /// What makes this device a known one: what it kept of an earlier login counts no more. Not there where sessions are
    /// kept in cookies.
    #[oai(skip_serializing_if_is_none)]
    device_token: Option<DeviceTokenText>,
    /// The account.
    account: AccountDocument,
}

/// The answers to a code.
#[derive(ApiResponse)]
pub enum ConfirmEmailAnswer {
    /// hidden and explicit: the account has the new address, and every other session, device and token is over.
    #[oai(status = 200)]
    Changed(Json<EmailChanged>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ConfirmEmailOperation;

impl Operation for ConfirmEmailOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&CODE_WRONG, BOTH), (&NO_SESSION, BOTH), (&ORIGIN_REFUSED, BOTH)];
}

/// Moves the account that asks to the address that the code was mailed to.
pub(super) async fn confirm(
    request: &Request,
    Bearer(token): Bearer,
    TypedCode(code): TypedCode,
) -> Result<Response<ConfirmEmailAnswer>, OperationProblem<ConfirmEmailOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor_of_session(request, &token, None);
    let flow = ConfirmAddress { token, code, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        Relocation::Moved { session, account } => {
            return Ok(reopened(shared.cookies(request), &session, |session_token, device_token| {
                ConfirmEmailAnswer::Changed(Json(EmailChanged {
                    session_token,
                    expires_in_seconds: session.expires_in.as_secs(),
                    device_token,
                    account: account.into(),
                }))
            }));
        }
        Relocation::Refused => Problem::new(&CODE_WRONG),
        Relocation::NoSession => Problem::new(&NO_SESSION),
        Relocation::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        Relocation::Contended => Problem::contended(),
    }
    .into())
}
