//! `/v1/password`: forgotten, reset with the token of a mail, changed in a session.

use auth_core::{
    Address, ChangePassword, Changing, DeviceToken, Forgetting, ForgotPassword, Password, Reopened,
    ResetPassword, ResetToken, Resetting, Secret, SessionToken,
};
use poem::Request;
use poem_openapi::{
    ApiResponse, Object,
    payload::{Json, Response},
    types::Example,
};

use super::{
    app_state::AppState,
    bearer::Bearer,
    body::{Fields, FromFields},
    cookies::{Cookie, Cookies, setting},
    operation::{BOTH, Operation, OperationProblem},
    problem::{
        ACCOUNT_NOT_FOUND, FieldError, INVALID_REQUEST, NO_SESSION, ORIGIN_REFUSED, PASSWORD_REFUSED,
        Problem, ProblemKind, RATE_LIMITED, RESET_REFUSED, WEAK_PASSWORD,
    },
    register::{judge, parse_email, parse_new_password, parse_password, weak},
    resend::PendingAddress,
    schema::{DeviceTokenText, EmailText, PasswordText, ResetTokenText, SessionTokenText},
    session::{Current, current},
};
use crate::visitor::Visitor;

// ---- Forgotten ----

/// What asking for a new password answers.
#[derive(Object)]
pub struct Forgotten {
    /// A sentence for a person.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: String,
    /// How long the token in the mail is good, in seconds.
    token_ttl_seconds: u64,
    /// How long to wait before asking for another mail, in seconds.
    resend_after_seconds: u64,
}

/// The answers to a forgotten password.
#[derive(ApiResponse)]
pub enum ForgotAnswer {
    /// hidden: always, whatever the state of the address. explicit: the account is active, and a mail follows as soon as
    /// the interval between mails allows.
    #[oai(status = 202)]
    Accepted(Json<Forgotten>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ForgotOperation;

impl Operation for ForgotOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&ACCOUNT_NOT_FOUND, "explicit"), (&ORIGIN_REFUSED, BOTH)];
}

/// Asks for a mail that sets a new password.
pub(super) async fn forgot(
    request: &Request,
    PendingAddress(address): PendingAddress,
) -> Result<ForgotAnswer, OperationProblem<ForgotOperation>> {
    const MESSAGE: &str = "If the address has an active account, a mail with which to set a new password follows as \
                           soon as the interval between mails allows.";
    let shared = AppState::of(request);
    let visitor = shared.visitor(request, address.key(), None);
    let flow = ForgotPassword { address, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    let policy = shared.driver.rules.policy();
    match outcome.disclosed {
        Forgetting::Accepted => Ok(ForgotAnswer::Accepted(Json(Forgotten {
            message: MESSAGE.to_owned(),
            token_ttl_seconds: policy.reset_ttl.as_secs(),
            resend_after_seconds: policy.resend_after.as_secs(),
        }))),
        Forgetting::NoAccount => Err(Problem::new(&ACCOUNT_NOT_FOUND).into()),
        Forgetting::RateLimited { retry_after } => {
            Err(Problem::new(&RATE_LIMITED).retry_after(retry_after).into())
        }
        Forgetting::Contended => Err(Problem::contended().into()),
    }
}

// ---- Reset ----

/// Address, the token of a mail, and a new password.
#[derive(Object)]
#[oai(rename = "ResetPassword", example)]
pub(super) struct ResetBody {
    /// The e-mail address of the account.
    email: EmailText,
    /// The token of the mail.
    token: ResetTokenText,
    /// 1 to 1024 bytes without control characters; strong enough.
    new_password: PasswordText,
}

impl Example for ResetBody {
    fn example() -> Self {
        Self {
            email: EmailText("ada@example.org".to_owned()),
            token: ResetTokenText("authr_AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            new_password: PasswordText("a horse that keeps its battery".to_owned()),
        }
    }
}

/// A parsed body.
pub(super) struct NewPassword {
    address: Address,
    token: ResetToken,
    password: Password,
}

impl FromFields for NewPassword {
    type Document = ResetBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let [email, token, password] = fields.strings(["email", "token", "new_password"])?;
        let token = ResetToken::new(Secret::new(token.trim().to_owned()));
        match (parse_email(email), parse_new_password(password)) {
            (Ok(address), Ok(password)) => Ok(Self { address, token, password }),
            (address, password) => Err(invalid(address.err(), password.err())),
        }
    }
}

fn invalid(first: Option<FieldError>, second: Option<FieldError>) -> Problem {
    Problem::about(&INVALID_REQUEST, first.into_iter().chain(second).collect())
}

/// What a reset answers.
#[derive(Object)]
pub struct PasswordReset {
    /// What makes this device a known one: keep it for the login that follows. Not there where sessions are kept in
    /// cookies.
    #[oai(skip_serializing_if_is_none)]
    device_token: Option<DeviceTokenText>,
}

/// The answers of a reset.
#[derive(ApiResponse)]
pub enum ResetAnswer {
    /// hidden and explicit: the password is set, and every session, device and token of before is over. Log in with it.
    #[oai(status = 200)]
    Reset(Json<PasswordReset>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ResetOperation;

impl Operation for ResetOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&RESET_REFUSED, BOTH), (&WEAK_PASSWORD, BOTH), (&ORIGIN_REFUSED, BOTH)];
}

/// Sets a new password with the token of a mail.
pub(super) async fn reset(
    request: &Request,
    NewPassword { address, token, password }: NewPassword,
) -> Result<Response<ResetAnswer>, OperationProblem<ResetOperation>> {
    let shared = AppState::of(request);
    let (verdict, advice) = judge(shared, &password, &address);
    let visitor = shared.visitor(request, address.key(), Some(password));
    let flow = ResetPassword { address, token, verdict, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        Resetting::Reset(device) => return Ok(was_reset(shared.cookies(request), &device)),
        Resetting::Refused => Problem::new(&RESET_REFUSED),
        Resetting::WeakPassword(weakness) => weak("new_password", weakness, advice),
        Resetting::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        Resetting::Contended => Problem::contended(),
    }
    .into())
}

fn was_reset(cookies: Option<&Cookies>, device: &DeviceToken) -> Response<ResetAnswer> {
    let shown = cookies.is_none().then(|| DeviceTokenText(device.expose().to_owned()));
    let answer = Response::new(ResetAnswer::Reset(Json(PasswordReset { device_token: shown })));
    setting(answer, cookies.and_then(|cookies| cookies.device(device.expose())))
}

// ---- Changed ----

/// The password, and the one that takes its place.
#[derive(Object)]
#[oai(rename = "ChangePassword", example)]
pub(super) struct ChangeBody {
    /// The password of the account.
    password: PasswordText,
    /// 1 to 1024 bytes without control characters; strong enough.
    new_password: PasswordText,
}

impl Example for ChangeBody {
    fn example() -> Self {
        Self {
            password: PasswordText("correct horse battery staple".to_owned()),
            new_password: PasswordText("a horse that keeps its battery".to_owned()),
        }
    }
}

/// A parsed body.
pub(super) struct OldAndNew {
    old: Password,
    new: Password,
}

impl FromFields for OldAndNew {
    type Document = ChangeBody;

    fn from_fields(fields: &Fields, _request: &Request) -> Result<Self, Problem> {
        let [old, new] = fields.strings(["password", "new_password"])?;
        match (parse_password(old), parse_new_password(new)) {
            (Ok(old), Ok(new)) => Ok(Self { old, new }),
            (old, new) => Err(invalid(old.err(), new.err())),
        }
    }
}

/// The session that is left.
#[derive(Object)]
pub struct PasswordChanged {
    /// Its token; every session of before is over. Not there where sessions are kept in cookies, and if no session could
    /// be opened: log in with the new password then.
    #[oai(skip_serializing_if_is_none)]
    session_token: Option<SessionTokenText>,
    /// How long it lasts at most, in seconds.
    expires_in_seconds: u64,
    /// What makes this device a known one: what it kept of an earlier login counts no more. Not there where sessions are
    /// kept in cookies.
    #[oai(skip_serializing_if_is_none)]
    device_token: Option<DeviceTokenText>,
}

/// The answers of a change.
#[derive(ApiResponse)]
pub enum ChangeAnswer {
    /// hidden and explicit: the password is set, and every other session, device and token is over.
    #[oai(status = 200)]
    Changed(Json<PasswordChanged>),
}

/// The operation as a type.
#[derive(Debug)]
pub(super) struct ChangeOperation;

impl Operation for ChangeOperation {
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)] =
        &[(&NO_SESSION, BOTH), (&PASSWORD_REFUSED, BOTH), (&WEAK_PASSWORD, BOTH), (&ORIGIN_REFUSED, BOTH)];
}

/// Sets a new password with the one before.
pub(super) async fn change(
    request: &Request,
    bearer: Bearer,
    OldAndNew { old, new }: OldAndNew,
) -> Result<Response<ChangeAnswer>, OperationProblem<ChangeOperation>> {
    let shared = AppState::of(request);
    let token = bearer.0.clone();
    let Current { account, .. } = current(shared, bearer).await?;
    let (verdict, advice) = judge(shared, &new, &account.address);
    let visitor =
        Visitor { new_password: Some(new), ..shared.visitor_of_session(request, &token, Some(old)) };
    let flow = ChangePassword { token, verdict, client: visitor.client };
    let outcome = shared.driver.visit(flow, visitor).await.map_err(Problem::broken)?;
    Err(match outcome.disclosed {
        Changing::Changed(session) => {
            return Ok(reopened(shared.cookies(request), &session, |session_token, device_token| {
                ChangeAnswer::Changed(Json(PasswordChanged {
                    session_token,
                    expires_in_seconds: session.expires_in.as_secs(),
                    device_token,
                }))
            }));
        }
        Changing::PasswordRefused => Problem::new(&PASSWORD_REFUSED),
        Changing::NoSession => Problem::new(&NO_SESSION),
        Changing::WeakPassword(weakness) => weak("new_password", weakness, advice),
        Changing::RateLimited { retry_after } => Problem::new(&RATE_LIMITED).retry_after(retry_after),
        Changing::Contended => Problem::contended(),
    }
    .into())
}

/// Returns the answer to a change that has ended every session and opened another, if it could; a browser keeps what the
/// answer does not show then. `answer` gets the tokens that it shows.
pub(super) fn reopened<T>(
    cookies: Option<&Cookies>,
    Reopened { token, expires_in, device }: &Reopened,
    answer: impl FnOnce(Option<SessionTokenText>, Option<DeviceTokenText>) -> T,
) -> Response<T> {
    let token = token.as_ref().map(SessionToken::expose);
    let Some(cookies) = cookies else {
        let session = token.map(|token| SessionTokenText(token.to_owned()));
        return Response::new(answer(session, Some(DeviceTokenText(device.expose().to_owned()))));
    };
    let session = match token {
        Some(token) => cookies.session(token, *expires_in),
        None => cookies.cleared(Cookie::Session),
    };
    setting(Response::new(answer(None, None)), session.into_iter().chain(cookies.device(device.expose())))
}
