//! `POST /v1/login`: its body, its answers, its documentation.

use std::time::Duration;

use auth_core::{Account, Address, DeviceToken, LoggingIn, Login, Password, Secret, SessionToken, UserAgent};
use poem::{Request, http::header::USER_AGENT};
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Response},
    types::Example,
};

use super::{
    account::AccountDocument,
    app_state::AppState,
    body::{Fields, FromFields},
    cookies::{Cookie, Cookies, setting},
    operation::{BOTH, Operation, OperationProblem},
    problem::{
        ACCOUNT_BLOCKED, ACCOUNT_NOT_FOUND, CREDENTIALS_REFUSED, INVALID_REQUEST, LOGIN_REFUSED,
        NOT_ACTIVATED, Problem, ProblemKind, RATE_LIMITED,
    },
    register::{parse_email, parse_password},
    schema::{DeviceTokenText, EmailText, PasswordText, SessionTokenText},
};

/// Address and password, and what the device keeps of an earlier login.
#[derive(Object)]
#[oai(rename = "Login", example)]
pub(super) struct LoginBody {
    /// The e-mail address. Blanks around it are taken off.
    email: EmailText,
    /// The password.
    password: PasswordText,
    /// The `device_token` of an earlier login on this device: with it, wrong passwords of others do not keep its owner
    /// out. One that is not good any more counts as none.
    device_token: Option<DeviceTokenText>,
}

impl Example for LoginBody {
    fn example() -> Self {
        Self {
            email: EmailText("ada@example.org".to_owned()),
            password: PasswordText("correct horse battery staple".to_owned()),
            device_token: None,
        }
    }
}

/// A parsed body.
pub(super) struct Entrant {
    address: Address,
    password: Password,
    device: Option<DeviceToken>,
}

/// What a login answers.
#[derive(Object)]
pub struct LoggedIn {
    /// The token of the session: send it as `Authorization: Bearer …`. Not there where sessions are kept in cookies.
    #[oai(skip_serializing_if_is_none)]
    session_token: Option<SessionTokenText>,
    /// How long the session lasts at most, in seconds.
    expires_in_seconds: u64,
    /// What makes this device a known one: keep it, also when the session ends. Not there where sessions are kept in
    /// cookies.
    #[oai(skip_serializing_if_is_none)]
    device_token: Option<DeviceTokenText>,
    /// The account.
    account: AccountDocument,
}

/// The answers of a login.
#[derive(ApiResponse)]
pub enum LoginAnswer {
    /// hidden and explicit: a session is open.
    #[oai(status = 200)]
    LoggedIn(Json<LoggedIn>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct LoginOperation;

impl Operation for LoginOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] = &[
        (&LOGIN_REFUSED, "hidden"),
        (&ACCOUNT_NOT_FOUND, "explicit"),
        (&CREDENTIALS_REFUSED, "explicit"),
        (&NOT_ACTIVATED, "explicit"),
        (&ACCOUNT_BLOCKED, "explicit"),
        (&super::problem::ORIGIN_REFUSED, BOTH),
    ];
}

impl FromFields for Entrant {
    type Document = LoginBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let ([email, password], [device]) = fields.strings_and(["email", "password"], ["device_token"])?;
        match (parse_email(email), parse_password(password)) {
            (Ok(address), Ok(password)) => {
                let device = device.map(|text| DeviceToken::new(Secret::new(text.to_owned())));
                Ok(Self { address, password, device })
            }
            (address, password) => {
                let errors = address.err().into_iter().chain(password.err()).collect();
                Err(Problem::about(&INVALID_REQUEST, errors))
            }
        }
    }
}

/// Carries the operation out.
pub(super) async fn handle(
    request: &Request,
    Entrant { address, password, device }: Entrant,
) -> Result<Response<LoginAnswer>, OperationProblem<LoginOperation>> {
    let shared = AppState::of(request);
    let visitor = shared.visitor(request, address.key(), Some(password));
    let cookies = shared.cookies(request);
    let in_cookie = || {
        let shown = cookies?.read(request.headers(), Cookie::Device)?;
        Some(DeviceToken::new(Secret::new(shown.to_owned())))
    };
    let (client, device, agent) = (visitor.client, device.or_else(in_cookie), agent(request));
    let flow = Login { address, client, device, agent };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        LoggingIn::LoggedIn { token, expires_in, device, account } => {
            return Ok(logged_in(cookies, &token, expires_in, &device, account));
        }
        LoggingIn::Refused => Problem::new(&LOGIN_REFUSED),
        LoggingIn::NoAccount => Problem::new(&ACCOUNT_NOT_FOUND),
        LoggingIn::WrongPassword => Problem::new(&CREDENTIALS_REFUSED),
        LoggingIn::NotActivated => Problem::new(&NOT_ACTIVATED),
        LoggingIn::Blocked => Problem::new(&ACCOUNT_BLOCKED),
        LoggingIn::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
    }
    .into())
}

/// Returns the program that asks.
fn agent(request: &Request) -> UserAgent {
    UserAgent::new(request.header(USER_AGENT).unwrap_or_default())
}

fn logged_in(
    cookies: Option<&Cookies>,
    token: &SessionToken,
    lasting: Duration,
    device: &DeviceToken,
    account: Account,
) -> Response<LoginAnswer> {
    let shown = cookies.is_none();
    let answer = Response::new(LoginAnswer::LoggedIn(Json(LoggedIn {
        session_token: shown.then(|| SessionTokenText(token.expose().to_owned())),
        expires_in_seconds: lasting.as_secs(),
        device_token: shown.then(|| DeviceTokenText(device.expose().to_owned())),
        account: account.into(),
    })));
    let set = cookies
        .into_iter()
        .flat_map(|cookies| [cookies.session(token.expose(), lasting), cookies.device(device.expose())]);
    setting(answer, set.flatten())
}
