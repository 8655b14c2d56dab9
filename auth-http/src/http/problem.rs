//! Every answer that is not a success: a fixed list of RFC 9457 problems.
//!
//! Public text and log text are apart: nothing of serde, SQL or the input gets into an answer.
//! The request id, and the challenge of a 401, are added where the answer leaves, in `middleware.rs`.

use std::{borrow::Cow, time::Duration};

use auth_core::{Broken, Kind};
use poem::{
    Error, IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

/// The challenge of a 401 to a request with Authorization (RFC 7617 section 2.1).
pub(super) const BASIC_CHALLENGE: &str = "Basic realm=\"auth\", charset=\"UTF-8\"";
/// The challenge of a 401 to a request without.
///
/// Threat: a visitor who mistypes a code gets the browser's own login dialog. It says nothing of the page, and the
/// browser sends what they type there with every later request. It opens for schemes that browsers know; this is none.
pub(super) const BODY_CHALLENGE: &str = "Body realm=\"auth\"";

/// A kind of problem; its page is `/problems/<name>`, below where the service is mounted.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// The last part of its `type`.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// One line, always the same.
    pub title: &'static str,
    /// What it means.
    pub explanation: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

const fn kind(
    name: &'static str,
    status: u16,
    title: &'static str,
    explanation: &'static str,
    remedy: &'static str,
) -> ProblemKind {
    ProblemKind { name, status, title, explanation, remedy }
}

pub(super) static INVALID_REQUEST: ProblemKind = kind(
    "invalid-request",
    400,
    "The request is not valid",
    "The head is not HTTP/1.1, or the body is not the JSON object that the operation takes, or a field is \
     missing, unknown, doubled, of the wrong type or not well-formed.",
    "Look at the list of errors: each names a field and what it must be. The API page describes every operation.",
);

pub(super) static CODE_WRONG: ProblemKind = kind(
    "code-wrong",
    400,
    "The code is wrong",
    "Address and password are right, but this is none of the account's codes. Only deployments that disclose \
     reasons answer this.",
    "Type the code of the newest mail. After a few wrong codes, ask for a new one.",
);

pub(super) static ACTIVATION_REFUSED: ProblemKind = kind(
    "activation-refused",
    401,
    "The account was not activated",
    "Address, password and code together activate an account, and these don't. The answer is the same for \
     every reason, so that nobody can find out who has an account.",
    "Ask for a new code and use the newest mail. If that fails too, register again with your password; an \
     account that is active already needs no activation.",
);

pub(super) static CREDENTIALS_REFUSED: ProblemKind = kind(
    "credentials-refused",
    401,
    "The password is wrong",
    "There is a pending account, and this is not its password. Only deployments that disclose reasons answer \
     this.",
    "Use the password of the latest registration and its newest code; ask for a new code, or register again \
     with your password.",
);

pub(super) static ACCOUNT_NOT_FOUND: ProblemKind = kind(
    "account-not-found",
    404,
    "There is no such account",
    "Nothing is known of this address, or its registration was never completed and has expired. Only \
     deployments that disclose reasons answer this.",
    "Check the address, or register it.",
);

pub(super) static NOT_FOUND: ProblemKind = kind(
    "not-found",
    404,
    "There is nothing here",
    "No page or operation has this path.",
    "Check the path; the API page lists every operation.",
);

pub(super) static METHOD_NOT_ALLOWED: ProblemKind = kind(
    "method-not-allowed",
    405,
    "The method is not allowed",
    "The path exists, but not with this method.",
    "Use one of the methods in the Allow header.",
);

pub(super) static NOT_ACCEPTABLE: ProblemKind = kind(
    "not-acceptable",
    406,
    "No acceptable format",
    "The Accept header admits neither application/json nor application/problem+json, and there is nothing else.",
    "Leave the Accept header out, or admit application/json.",
);

pub(super) static REQUEST_TIMEOUT: ProblemKind = kind(
    "request-timeout",
    408,
    "The request took too long to arrive",
    "The head and the body of a request must each arrive within ten seconds.",
    "Send the request again, at once and whole.",
);

pub(super) static EMAIL_TAKEN: ProblemKind = kind(
    "email-taken",
    409,
    "The address has an account",
    "An active account has this address. Only deployments that disclose reasons answer this.",
    "Sign in, or use another address.",
);

pub(super) static ALREADY_ACTIVE: ProblemKind = kind(
    "already-active",
    409,
    "The account is active already",
    "An active account needs no activation and no code. Only deployments that disclose reasons answer this.",
    "Sign in.",
);

pub(super) static CODE_EXPIRED: ProblemKind = kind(
    "code-expired",
    410,
    "The code has expired",
    "Address and password are right, but no code of the account is good any more: their time is over, or too many wrong ones were tried. Only \
     deployments that disclose reasons answer this.",
    "Ask for a new code.",
);

pub(super) static BODY_TOO_LARGE: ProblemKind = kind(
    "body-too-large",
    413,
    "The body is too large",
    "A body has 4096 bytes at most.",
    "Send less; a password has 1024 bytes at most.",
);

pub(super) static UNSUPPORTED_MEDIA_TYPE: ProblemKind = kind(
    "unsupported-media-type",
    415,
    "The media type is not supported",
    "The operation takes application/json, without a content coding.",
    "Send JSON with the header Content-Type: application/json, and without Content-Encoding.",
);

pub(super) static WEAK_PASSWORD: ProblemKind = kind(
    "weak-password",
    422,
    "The password is too weak",
    "The password is shorter than the minimum, known from leaks, or quickly guessed.",
    "Look at the list of errors. Several unrelated words make a good password; there are no rules for digits \
     or symbols.",
);

pub(super) static RATE_LIMITED: ProblemKind = kind(
    "rate-limited",
    429,
    "Too many requests",
    "This client has sent more requests than it is allowed in a minute.",
    "Wait as many seconds as the Retry-After header says.",
);

pub(super) static HEAD_TOO_LARGE: ProblemKind = kind(
    "head-too-large",
    431,
    "The head of the request is too large",
    "A request's first line and its headers have 16 kilobytes at most, and there are 100 headers at most.",
    "Send fewer and shorter headers: look for large cookies, tracing headers and tokens.",
);

pub(super) static INTERNAL: ProblemKind = kind(
    "internal",
    500,
    "Something went wrong here",
    "An error in this service. It is in its log under the request id.",
    "Try again later, and tell the operator the request id if it stays.",
);

pub(super) static OVERLOADED: ProblemKind = kind(
    "overloaded",
    503,
    "Too busy",
    "More passwords wait to be hashed than can be done in time. Nothing was changed.",
    "Send the same request again after as many seconds as the Retry-After header says.",
);

pub(super) static UNAVAILABLE: ProblemKind = kind(
    "unavailable",
    503,
    "Not available",
    "A part that this service needs does not answer. The request may have been carried out; repeating it is \
     harmless.",
    "Send the same request again after as many seconds as the Retry-After header says.",
);

/// When to come again after a 503: hashes that wait are done, a part that failed may be back, the others have the
/// address no longer.
const OVERLOADED_RETRY: Duration = Duration::from_secs(2);
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);
const CONTENDED_RETRY: Duration = Duration::from_secs(1);

impl Problem {
    /// Returns the answer to a run that a fault ended.
    pub(super) fn broken(broken: Broken) -> Self {
        match broken.kind {
            Kind::HashPassword => Self::new(&OVERLOADED).retry_after(OVERLOADED_RETRY),
            Kind::Admit
            | Kind::Random
            | Kind::FindAccount
            | Kind::CommitAccount
            | Kind::PutCode
            | Kind::RedeemCode
            | Kind::SendMail
            | Kind::SettleMail => Self::new(&UNAVAILABLE).retry_after(UNAVAILABLE_RETRY),
        }
    }

    /// Returns the answer to a run in which others changed the same address each time.
    pub(super) fn contended() -> Self {
        Self::new(&UNAVAILABLE).retry_after(CONTENDED_RETRY)
    }
}

/// Every kind, in the order of their statuses.
pub(super) static KINDS: &[&ProblemKind] = &[
    &INVALID_REQUEST,
    &CODE_WRONG,
    &ACTIVATION_REFUSED,
    &CREDENTIALS_REFUSED,
    &ACCOUNT_NOT_FOUND,
    &NOT_FOUND,
    &METHOD_NOT_ALLOWED,
    &NOT_ACCEPTABLE,
    &REQUEST_TIMEOUT,
    &EMAIL_TAKEN,
    &ALREADY_ACTIVE,
    &CODE_EXPIRED,
    &BODY_TOO_LARGE,
    &UNSUPPORTED_MEDIA_TYPE,
    &WEAK_PASSWORD,
    &RATE_LIMITED,
    &HEAD_TOO_LARGE,
    &INTERNAL,
    &OVERLOADED,
    &UNAVAILABLE,
];

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, or empty for the body as a whole.
    pub field: &'static str,
    /// The rule that is broken.
    pub code: &'static str,
    /// What it must be.
    pub message: Cow<'static, str>,
}

/// A problem that is answered.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its kind.
    pub kind: &'static ProblemKind,
    /// What is special about this one.
    pub detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    hint: Option<(HeaderName, &'static str)>,
}

impl Problem {
    /// Makes a problem whose detail is the kind's remedy.
    #[must_use]
    pub const fn new(kind: &'static ProblemKind) -> Self {
        Self { kind, detail: Cow::Borrowed(kind.remedy), errors: Vec::new(), retry_after: None, hint: None }
    }

    /// Makes an `invalid-request`, or another kind, about fields.
    #[must_use]
    pub fn about(kind: &'static ProblemKind, errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(kind) }
    }

    /// Sets what is special about this one.
    #[must_use]
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    /// Sets when to ask again, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Adds a header with what would have been accepted.
    #[must_use]
    pub fn hint(self, name: HeaderName, value: &'static str) -> Self {
        Self { hint: Some((name, value)), ..self }
    }

    /// Writes the body with the request id that the answer carries, for a service mounted at a path.
    #[must_use]
    pub fn body(&self, mount: &str, request_id: &str) -> String {
        #[derive(Serialize)]
        struct ProblemBody<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
        }
        let body = ProblemBody {
            r#type: format!("{mount}/problems/{}", self.kind.name),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.detail,
            request_id,
            errors: &self.errors,
        };
        serde_json::to_string(&body).unwrap_or_default()
    }

    fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let hint = self.hint.clone().map(|(name, value)| (name, HeaderValue::from_static(value)));
        let wait = self.retry_after.map(|wait| {
            let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            (header::RETRY_AFTER, HeaderValue::from(rounded_up.max(1)))
        });
        hint.into_iter().chain(wait)
    }
}

impl IntoResponse for Problem {
    /// Leaves the body and the challenge of a 401 to `middleware.rs`, which knows the request.
    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            .finish();
        response.headers_mut().extend(self.headers());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        // The extensions of the error take the place of its response's.
        let mut error = Self::from_response(problem.clone().into_response());
        error.set_data(problem);
        error
    }
}
