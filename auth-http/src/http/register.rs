//! `POST /v1/register`: its body, its answers, its documentation.

use auth_core::{Address, AddressError, Password, PasswordError, Register, Registration, Verdict, Weakness};
use poem::Request;
use poem_openapi::{ApiResponse, Object, payload::Json, types::Example};

use super::{
    app_state::AppState,
    body::{Fields, FromFields},
    operation::{Operation, OperationProblem},
    problem::{EMAIL_TAKEN, FieldError, INVALID_REQUEST, Problem, ProblemKind, RATE_LIMITED, WEAK_PASSWORD},
    schema::{EmailText, PasswordText},
};

/// An address to register, and its password.
#[derive(Object)]
#[oai(rename = "Register", example)]
pub(super) struct RegisterBody {
    /// An e-mail address: an ASCII local part of at most 64 bytes, a domain of two or more
    /// labels, international ones too, 254 bytes in all. Blanks around it are taken off.
    email: EmailText,
    /// 1 to 1024 bytes without control characters; strong enough.
    password: PasswordText,
}

impl Example for RegisterBody {
    fn example() -> Self {
        Self {
            email: EmailText("ada@example.org".to_owned()),
            password: PasswordText("correct horse battery staple".to_owned()),
        }
    }
}

/// A parsed body.
pub(super) struct NewAccount {
    address: Address,
    password: Password,
}

/// What a registration that was accepted answers.
#[derive(Object)]
pub struct Accepted {
    /// A sentence for a person.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: String,
    /// How long the code in the mail is good, in seconds.
    code_ttl_seconds: u64,
    /// How long to wait before asking for another mail, in seconds.
    resend_after_seconds: u64,
}

/// The answers of a registration that was accepted.
#[derive(ApiResponse)]
pub enum RegisterAnswer {
    /// hidden: always, whatever the state of the address. A mail is on its way if the address
    /// can be registered.
    #[oai(status = 202)]
    Accepted(Json<Accepted>),
    /// explicit: the account is pending, newly or again, and a mail is on its way.
    #[oai(status = 201)]
    Pending(Json<Accepted>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct RegisterOperation;

impl Operation for RegisterOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&EMAIL_TAKEN, "explicit"), (&WEAK_PASSWORD, "hidden and explicit")];
}

impl FromFields for NewAccount {
    type Document = RegisterBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let [email, password] = fields.strings(["email", "password"])?;
        match (parse_email(email), parse_password(password)) {
            (Ok(address), Ok(password)) => Ok(Self { address, password }),
            (address, password) => {
                let errors = address.err().into_iter().chain(password.err()).collect();
                Err(Problem::about(&INVALID_REQUEST, errors))
            }
        }
    }
}

/// Parses the field `email`, or returns what is wrong with it.
pub(super) fn parse_email(email: &str) -> Result<Address, FieldError> {
    let wrong = |error: AddressError| FieldError {
        field: "email",
        code: "address",
        message: error.to_string().into(),
    };
    Address::parse(email).map_err(wrong)
}

/// Parses the field `password`, or returns what is wrong with it.
pub(super) fn parse_password(password: &str) -> Result<Password, FieldError> {
    Password::parse(password).map_err(|error| {
        let code = match error {
            PasswordError::Empty => "empty",
            PasswordError::TooLong => "too-long",
            PasswordError::Control => "control-character",
        };
        FieldError { field: "password", code, message: error.to_string().into() }
    })
}

/// Parses the field `new_password`, or returns what is wrong with it.
pub(super) fn parse_new_password(password: &str) -> Result<Password, FieldError> {
    parse_password(password).map_err(|error| FieldError { field: "new_password", ..error })
}

/// Carries the operation out.
pub(super) async fn handle(
    request: &Request,
    NewAccount { address, password }: NewAccount,
) -> Result<RegisterAnswer, OperationProblem<RegisterOperation>> {
    let shared = AppState::of(request);
    let (verdict, advice) = judge(shared, &password, &address);
    let visitor = shared.visitor(request, address.key(), Some(password));
    let (client, locale) = (visitor.client, shared.locale(request));
    let flow = Register { address, verdict, client, locale };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    match outcome.disclosed {
        Registration::Accepted => Ok(RegisterAnswer::Accepted(Json(accepted(shared, HIDDEN)))),
        Registration::Pending => Ok(RegisterAnswer::Pending(Json(accepted(shared, EXPLICIT)))),
        Registration::EmailTaken => Err(Problem::new(&EMAIL_TAKEN).into()),
        Registration::WeakPassword(weakness) => Err(weak("password", weakness, advice).into()),
        Registration::RateLimited { retry_after } => {
            Err(Problem::new(&RATE_LIMITED).retry_after(retry_after).into())
        }
        Registration::Contended => Err(Problem::contended().into()),
    }
}

const HIDDEN: &str = "If the address can be registered, a mail with a code is on its way. Address, password and code activate \
     the account.";
const EXPLICIT: &str =
    "The account is pending, and a mail with a code is on its way. Address, password and code activate it.";

/// Returns the body of a request that was accepted, the same whatever the state.
pub(super) fn accepted(shared: &AppState, message: &str) -> Accepted {
    let policy = shared.driver.rules.policy();
    Accepted {
        message: message.to_owned(),
        code_ttl_seconds: policy.code_ttl.as_secs(),
        resend_after_seconds: policy.resend_after.as_secs(),
    }
}

/// Returns the policy's verdict on a password for this address, and what would improve it.
pub(super) fn judge(shared: &AppState, password: &Password, address: &Address) -> (Verdict, Vec<String>) {
    let policy = &shared.driver.rules.policy().password;
    let mut advice = Vec::new();
    let verdict = policy.judge_with(password, || {
        let strength = auth_strength::estimate(password, address, &shared.service_name, policy.min_score);
        advice = strength.advice;
        strength.estimate
    });
    (verdict, advice)
}

/// Returns the problem of a weak password in this field.
pub(super) fn weak(field: &'static str, weakness: Weakness, advice: Vec<String>) -> Problem {
    let code = match weakness {
        Weakness::TooShort { .. } => "too-short",
        Weakness::Common => "common",
        Weakness::Guessable { .. } => "guessable",
    };
    let message = weakness.to_string().into();
    let mut errors = vec![FieldError { field, code, message }];
    errors.extend(advice.into_iter().map(|advice| FieldError {
        field,
        code: "advice",
        message: advice.into(),
    }));
    Problem::about(&WEAK_PASSWORD, errors)
}
