//! `POST /v1/resend`: its body, its answers, its documentation.

use auth_core::{Address, Resend, Resending};
use poem::Request;
use poem_openapi::{ApiResponse, Object, payload::Json, types::Example};

use super::{
    app_state::AppState,
    body::{Fields, FromFields},
    operation::{Operation, OperationProblem},
    problem::{ACCOUNT_NOT_FOUND, ALREADY_ACTIVE, INVALID_REQUEST, Problem, ProblemKind, RATE_LIMITED},
    register::{Accepted, accepted, parse_email},
    schema::EmailText,
};

/// The address that gets another mail.
#[derive(Object)]
#[oai(rename = "Resend", example)]
pub(super) struct ResendBody {
    /// The e-mail address. Blanks around it are taken off.
    email: EmailText,
}

impl Example for ResendBody {
    fn example() -> Self {
        Self { email: EmailText("ada@example.org".to_owned()) }
    }
}

/// A parsed body: an address alone.
pub(super) struct PendingAddress(pub(super) Address);

/// The answers of a request for another mail.
#[derive(ApiResponse)]
pub enum ResendAnswer {
    /// hidden: always, whatever the state of the address. explicit: the account is pending, and
    /// a mail follows as soon as the interval between mails allows.
    #[oai(status = 202)]
    Accepted(Json<Accepted>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ResendOperation;

impl Operation for ResendOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&ACCOUNT_NOT_FOUND, "explicit"), (&ALREADY_ACTIVE, "explicit")];
}

impl FromFields for PendingAddress {
    type Document = ResendBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let [email] = fields.strings(["email"])?;
        parse_email(email).map(Self).map_err(|error| Problem::about(&INVALID_REQUEST, vec![error]))
    }
}

/// Carries the operation out.
pub(super) async fn handle(
    request: &Request,
    PendingAddress(address): PendingAddress,
) -> Result<ResendAnswer, OperationProblem<ResendOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor(request, address.key(), None);
    let flow = Resend { address, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    match outcome.disclosed {
        Resending::Accepted => Ok(ResendAnswer::Accepted(Json(accepted(shared, MESSAGE)))),
        Resending::NoAccount => Err(Problem::new(&ACCOUNT_NOT_FOUND).into()),
        Resending::AlreadyActive => Err(Problem::new(&ALREADY_ACTIVE).into()),
        Resending::RateLimited { retry_after } => {
            Err(Problem::new(&RATE_LIMITED).retry_after(retry_after).into())
        }
        Resending::Contended => Err(Problem::contended().into()),
    }
}

const MESSAGE: &str = "If the address has a pending account, a mail with a new code follows as soon as the interval between mails \
     allows.";
