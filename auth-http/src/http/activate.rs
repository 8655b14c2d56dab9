//! `POST /v1/activate`: its two ways to give credentials, its answers, its documentation.

use auth_core::{Account, Activate, Activation, Alphabet, Code};
use poem::Request;
use poem_openapi::{ApiResponse, Object, Union, payload::Json, types::Example};

use super::{
    account::AccountDocument,
    app_state::AppState,
    basic::{self, Basic, Credentials},
    body::{Fields, FromFields},
    operation::{Operation, OperationProblem},
    problem::{
        ACCOUNT_NOT_FOUND, ACTIVATION_REFUSED, ALREADY_ACTIVE, CODE_EXPIRED, CODE_WRONG, CREDENTIALS_REFUSED,
        FieldError, INTERNAL, INVALID_REQUEST, Problem, ProblemKind, RATE_LIMITED,
    },
    register::{parse_email, parse_password},
    schema::{CodeText, EmailText, PasswordText},
};

/// Address, password and code: two ways to give them.
#[derive(Union)]
#[oai(rename = "Activate", one_of = true)]
pub(super) enum ActivateBody {
    /// Everything in the body.
    WithCredentials(ActivateWithCredentials),
    /// The code alone.
    WithCode(ActivateWithCode),
}

/// Address, password and code, for a request without Authorization: what front ends in a browser send.
#[derive(Object)]
#[oai(example)]
pub(super) struct ActivateWithCredentials {
    /// The e-mail address of the registration. Blanks around it are taken off.
    email: EmailText,
    /// The password of the latest registration.
    password: PasswordText,
    /// The code, exactly as long as it was mailed. Blanks, and hyphens inside it, are taken off.
    code: CodeText,
}

/// The code from the mail, for a request whose Authorization has address and password.
#[derive(Object)]
#[oai(example)]
pub(super) struct ActivateWithCode {
    /// The code, exactly as long as it was mailed. Blanks, and hyphens inside it, are taken off.
    code: CodeText,
}

impl Example for ActivateWithCredentials {
    fn example() -> Self {
        Self {
            email: EmailText("ada@example.org".to_owned()),
            password: PasswordText("correct horse battery staple".to_owned()),
            code: CodeText("012345".to_owned()),
        }
    }
}

impl Example for ActivateWithCode {
    fn example() -> Self {
        Self { code: CodeText("012345".to_owned()) }
    }
}

/// A body, parsed.
pub(super) struct ActivateInput {
    code: Code,
    credentials: Option<Credentials>,
}

/// What an activation answers.
#[derive(Object)]
pub struct Activated {
    /// A sentence for a person.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: String,
    /// The account.
    account: AccountDocument,
}

/// The answers of an activation.
#[derive(ApiResponse)]
pub enum ActivateAnswer {
    /// hidden and explicit: the account is active. In hidden, repeating the request with a code
    /// that lives answers this again.
    #[oai(status = 200)]
    Activated(Json<Activated>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ActivateOperation;

impl Operation for ActivateOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[
        (&ACTIVATION_REFUSED, "hidden"),
        (&ACCOUNT_NOT_FOUND, "explicit"),
        (&ALREADY_ACTIVE, "explicit"),
        (&CREDENTIALS_REFUSED, "explicit"),
        (&CODE_EXPIRED, "explicit"),
        (&CODE_WRONG, "explicit"),
    ];
}

impl FromFields for ActivateInput {
    type Document = ActivateBody;

    fn from_fields(fields: &Fields, request: &Request) -> Result<Self, Problem> {
        let in_body = fields.has("email") || fields.has("password");
        match (basic::is_given(request), in_body) {
            (true, false) => {
                let [code] = fields.strings(["code"])?;
                let code = parse_code(code, request).map_err(|error| invalid(vec![error]))?;
                Ok(Self { code, credentials: None })
            }
            (false, true) => Self::with_credentials(fields, request),
            // Threat: two identities in one request, of which a proxy checks one and we the other.
            (true, true) => {
                Err(invalid(vec![FieldError { field: "", code: "unknown-field", message: BOTH.into() }]))
            }
            (false, false) => Err(without_credentials(request)),
        }
    }
}

const BOTH: &str =
    "with the header Authorization the body has the code alone; leave email and password out, or the header";

impl ActivateInput {
    fn with_credentials(fields: &Fields, request: &Request) -> Result<Self, Problem> {
        let [email, password, code] = fields.strings(["email", "password", "code"])?;
        match (parse_email(email), parse_password(password), parse_code(code, request)) {
            (Ok(address), Ok(password), Ok(code)) => {
                Ok(Self { code, credentials: Some(Credentials { address, password }) })
            }
            (address, password, code) => {
                Err(invalid([address.err(), password.err(), code.err()].into_iter().flatten().collect()))
            }
        }
    }
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    Problem::about(&INVALID_REQUEST, errors)
}

/// Parses the field `code`, or returns what is wrong with it.
pub(super) fn parse_code(code: &str, request: &Request) -> Result<Code, FieldError> {
    let format = AppState::of(request).driver.rules.policy().code;
    format.parse(code).ok_or_else(|| {
        let symbols = match format.alphabet() {
            Alphabet::Digits => "digits",
            Alphabet::Crockford => "letters and digits (Crockford's base 32)",
        };
        let length = format.length();
        let message = format!(
            "a code has exactly {length} {symbols}, and nothing else but blanks or hyphens between them"
        );
        FieldError { field: "code", code: "format", message: message.into() }
    })
}

/// Carries the operation out.
pub(super) async fn handle(
    request: &Request,
    Basic(in_header): Basic,
    ActivateInput { code, credentials: in_body }: ActivateInput,
) -> Result<ActivateAnswer, OperationProblem<ActivateOperation>> {
    // One of the two is there: other requests were refused with their body.
    let Some(Credentials { address, password }) = in_header.or(in_body) else {
        return Err(without_credentials(request).into());
    };
    let shared = AppState::of(request);
    let visitor = shared.visitor(request, address.key(), Some(password));
    let flow = Activate { address, code, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    let account = activated(outcome.disclosed)?;
    let message = "The account is active.".to_owned();
    Ok(ActivateAnswer::Activated(Json(Activated { message, account: account.into() })))
}

/// Returns the answer to a request that gives no credentials, or none that could be anybody's.
pub(super) fn without_credentials(request: &Request) -> Problem {
    let disclosed = Activation::without_credentials(&AppState::of(request).driver.rules);
    activated(disclosed).err().unwrap_or_else(|| Problem::new(&INTERNAL))
}

/// Returns the account that was activated, or the problem that a refusal is.
fn activated(disclosed: Activation) -> Result<Account, Problem> {
    Err(match disclosed {
        Activation::Activated(account) => return Ok(account),
        Activation::Refused => Problem::new(&ACTIVATION_REFUSED),
        Activation::NoAccount => Problem::new(&ACCOUNT_NOT_FOUND),
        Activation::AlreadyActive => Problem::new(&ALREADY_ACTIVE),
        Activation::WrongPassword => Problem::new(&CREDENTIALS_REFUSED),
        Activation::CodeExpired => Problem::new(&CODE_EXPIRED),
        Activation::WrongCode => Problem::new(&CODE_WRONG),
        Activation::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        Activation::Contended => Problem::contended(),
    })
}
