//! Every answer that is not a success: a fixed list of RFC 9457 problems.
//!
//! Public text and log text are apart: nothing of serde, SQL or the input gets into an answer.
//! The request id, and the challenge of a 401, are added where the answer leaves, in `middleware.rs`.

mod kinds;

use std::{borrow::Cow, time::Duration};

use auth_core::{Broken, Kind};
use poem::{
    Error, IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

pub(super) use kinds::*;

/// The challenge of a 401 to a request with Authorization (RFC 7617 section 2.1).
pub(super) const BASIC_CHALLENGE: &str = "Basic realm=\"auth\", charset=\"UTF-8\"";
/// The challenge of a 401 to a request without.
///
/// Threat: a visitor who mistypes a code gets the browser's own login dialog. It says nothing of the page, and the
/// browser sends what they type there with every later request. It opens for schemes that browsers know; this is none.
pub(super) const BODY_CHALLENGE: &str = "Body realm=\"auth\"";

/// When to come again after a 503: hashes that wait are done, a part that failed may be back, the others have the
/// address no longer.
const OVERLOADED_RETRY: Duration = Duration::from_secs(2);
pub(super) const UNAVAILABLE_RETRY: Duration = Duration::from_secs(2);
const CONTENDED_RETRY: Duration = Duration::from_secs(1);

impl Problem {
    /// Returns the answer to a run that a fault ended.
    pub(super) fn broken(broken: Broken) -> Self {
        match broken.kind {
            Kind::HashPassword => Self::new(&OVERLOADED).retry_after(OVERLOADED_RETRY),
            Kind::Admit
            | Kind::Random
            | Kind::FindAccount
            | Kind::FindSession
            | Kind::PutSession
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
    /// In a box: most problems have none.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    /// Makes a problem whose detail is the kind's remedy.
    #[must_use]
    pub const fn new(kind: &'static ProblemKind) -> Self {
        Self { kind, detail: Cow::Borrowed(kind.remedy), errors: Vec::new(), retry_after: None, header: None }
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
        self.with(name, HeaderValue::from_static(value))
    }

    /// Adds a header.
    #[must_use]
    pub fn with(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
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

    /// Returns what is wrong with the fields.
    pub(super) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// Returns how many seconds to wait, at least one, if that is known.
    pub(super) fn wait(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// Returns the headers of its answer.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let wait = self.wait().map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds)));
        self.header.as_deref().cloned().into_iter().chain(wait)
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
