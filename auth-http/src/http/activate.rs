//! Owns `POST /v1/activate`: its body, its answers, its documentation.

use auth_core::{Activate, Activation, Alphabet, Code};
use poem::Request;
use poem_openapi::{ApiResponse, Object, payload::Json, types::Example};

use super::{
    basic::Basic,
    body::FromFields,
    operation::{Failure, Operation},
    problem::{
        ACCOUNT_NOT_FOUND, ACTIVATION_REFUSED, ALREADY_ACTIVE, CODE_EXPIRED, CODE_WRONG, CREDENTIALS_REFUSED,
        FieldError, Kind, Problem, RATE_LIMITED,
    },
    service::Shared,
};

/// The code from the mail.
#[derive(Object)]
#[oai(rename = "Activate", example)]
pub(super) struct ActivateBody {
    /// The code, exactly as long as it was mailed.
    #[oai(validator(max_length = 20))]
    code: String,
}

impl Example for ActivateBody {
    fn example() -> Self {
        Self { code: "012345".to_owned() }
    }
}

/// Holds the parsed body.
pub(super) struct TypedCode(Code);

/// What an activation answers.
#[derive(Object)]
pub struct Activated {
    /// A sentence for a person.
    message: String,
}

/// The answers of an activation.
#[derive(ApiResponse)]
pub enum ActivateAnswer {
    /// hidden and explicit: the account is active. In hidden, repeating the request with a code
    /// that lives answers this again.
    #[oai(status = 200)]
    Activated(Json<Activated>),
}

/// Names the operation in types.
#[derive(Debug)]
pub(super) struct Op;

impl Operation for Op {
    const PROBLEMS: &'static [(&'static Kind, &'static str)] = &[
        (&ACTIVATION_REFUSED, "hidden"),
        (&ACCOUNT_NOT_FOUND, "explicit, first"),
        (&ALREADY_ACTIVE, "explicit, second"),
        (&CREDENTIALS_REFUSED, "explicit, third"),
        (&CODE_EXPIRED, "explicit, fourth"),
        (&CODE_WRONG, "explicit, fifth"),
    ];
}

impl FromFields for TypedCode {
    type Document = ActivateBody;
    const NAMES: &'static [&'static str] = &["code"];

    fn from_fields(values: &[&str], request: &Request) -> Result<Self, Vec<FieldError>> {
        let [code] = values else { return Err(Vec::new()) };
        let format = Shared::of(request).driver.rules.policy().code;
        if let Some(code) = format.parse(code) {
            return Ok(Self(code));
        }
        let symbols = match format.alphabet() {
            Alphabet::Digits => "digits",
            Alphabet::Crockford => "letters and digits (Crockford's base 32)",
        };
        let message = format!("a code has exactly {} {symbols}, nothing else", format.length());
        Err(vec![FieldError { field: "code", code: "format", message: message.into() }])
    }
}

/// Carries the operation out.
pub(super) async fn handle(
    request: &Request,
    Basic { address, password }: Basic,
    TypedCode(code): TypedCode,
) -> Result<ActivateAnswer, Failure<Op>> {
    let shared = Shared::of(request);
    let visitor = shared.visitor(request, address.key(), Some(password));
    let flow = Activate { address, code, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(|broken| shared.broken(broken))?;
    let refused = |kind| Err(Problem::new(kind).into());
    match outcome.told {
        Activation::Activated => {
            Ok(ActivateAnswer::Activated(Json(Activated { message: "The account is active.".to_owned() })))
        }
        Activation::Refused => refused(&ACTIVATION_REFUSED),
        Activation::NoAccount => refused(&ACCOUNT_NOT_FOUND),
        Activation::AlreadyActive => refused(&ALREADY_ACTIVE),
        Activation::WrongPassword => refused(&CREDENTIALS_REFUSED),
        Activation::CodeExpired => refused(&CODE_EXPIRED),
        Activation::WrongCode => refused(&CODE_WRONG),
        Activation::RateLimited { retry_after } => {
            Err(Problem::new(&RATE_LIMITED).retry_after(retry_after).into())
        }
        Activation::Contended => Err(shared.contended().into()),
    }
}
