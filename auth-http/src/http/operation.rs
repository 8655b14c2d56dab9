//! How the problems of an operation are typed and documented: which ones it may answer.

use std::{collections::BTreeMap, fmt::Write, marker::PhantomData};

use poem::{Error, IntoResponse, Response};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};

use super::{
    problem::{self, Problem, ProblemKind},
    schema::{ProblemType, RequestId},
};

/// The problems that an operation may answer, and when.
pub(super) trait Operation: Send + Sync + 'static {
    /// Its own problems.
    const PROBLEMS: &'static [(&'static ProblemKind, &'static str)];
    /// Those that it shares with others of its method.
    const SHARED: &'static [(&'static ProblemKind, &'static str)] = &WITH_BODY;
}

pub(super) const BOTH: &str = "hidden and explicit";

/// The problems of every operation that takes a body.
const WITH_BODY: [(&ProblemKind, &str); 9] = [
    (&problem::INVALID_REQUEST, BOTH),
    (&problem::NOT_ACCEPTABLE, BOTH),
    (&problem::REQUEST_TIMEOUT, BOTH),
    (&problem::BODY_TOO_LARGE, BOTH),
    (&problem::UNSUPPORTED_MEDIA_TYPE, BOTH),
    (&problem::RATE_LIMITED, BOTH),
    (&problem::INTERNAL, BOTH),
    (&problem::OVERLOADED, BOTH),
    (&problem::UNAVAILABLE, BOTH),
];

/// A problem that an operation answers.
#[derive(Debug)]
pub struct OperationProblem<O> {
    problem: Problem,
    operation: PhantomData<O>,
}

impl<O> From<Problem> for OperationProblem<O> {
    fn from(problem: Problem) -> Self {
        Self { problem, operation: PhantomData }
    }
}

impl<O> From<OperationProblem<O>> for Problem {
    fn from(answer: OperationProblem<O>) -> Self {
        answer.problem
    }
}

impl<O: Operation> From<OperationProblem<O>> for Error {
    fn from(answer: OperationProblem<O>) -> Self {
        answer.problem.into()
    }
}

impl<O: Operation> IntoResponse for OperationProblem<O> {
    fn into_response(self) -> Response {
        self.problem.into_response()
    }
}

/// A problem document (RFC 9457).
#[derive(Object)]
#[oai(rename = "Problem", read_only_all)]
struct ProblemDocument {
    /// `/problems/<name>`, a page that explains it.
    #[oai(rename = "type")]
    r#type: ProblemType,
    /// One line, always the same for a type.
    #[oai(validator(min_length = 1, max_length = 200))]
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to do.
    #[oai(validator(min_length = 1, max_length = 1000))]
    detail: String,
    /// Names this request in the service's log; also in the header X-Request-Id.
    request_id: RequestId,
    /// What is wrong with the fields; with invalid-request and weak-password.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldErrorDocument>>,
}

/// What is wrong with one field.
#[derive(Object)]
#[oai(rename = "FieldError", read_only_all)]
struct FieldErrorDocument {
    /// The field; empty for the request or the body as a whole.
    #[oai(validator(min_length = 0, max_length = 20))]
    field: String,
    /// The rule that is broken.
    #[oai(validator(min_length = 1, max_length = 40))]
    code: String,
    /// What it must be.
    #[oai(validator(min_length = 1, max_length = 1000))]
    message: String,
}

impl<O: Operation> ApiResponse for OperationProblem<O> {
    fn meta() -> MetaResponses {
        let mut by_status: BTreeMap<u16, String> = BTreeMap::new();
        for (kind, when) in O::SHARED.iter().chain(O::PROBLEMS) {
            let text = by_status.entry(kind.status).or_default();
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            // Writing to a string does not fail.
            let _ = write!(text, "`{}` ({when}): {}", kind.name, kind.explanation);
        }
        let responses = by_status.into_iter().map(|(status, text)| MetaResponse {
            // The registry keeps static texts: a few kilobytes, made once per document.
            description: Box::leak(text.into_boxed_str()),
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/problem+json",
                schema: ProblemDocument::schema_ref(),
            }],
            headers: headers(status),
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemDocument::register(registry);
    }
}

fn headers(status: u16) -> Vec<MetaHeader> {
    let header = |name: &str, description: &str, ty| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new(ty))),
    };
    match status {
        401 => {
            let challenges = format!(
                "Of an activation `{}` where the request had Authorization; `{}`, for which browsers open no dialog, \
                 where it had none. Of all else `Bearer realm=\"auth\"`, with `error=\"invalid_token\"` where a token was \
                 shown.",
                problem::BASIC_CHALLENGE,
                problem::BODY_CHALLENGE
            );
            vec![header("WWW-Authenticate", &challenges, "string")]
        }
        429 | 503 => vec![header("Retry-After", "Seconds to wait.", "integer")],
        _ => Vec::new(),
    }
}
