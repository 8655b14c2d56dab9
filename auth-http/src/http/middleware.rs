//! What every request passes first and every answer last.
//!
//! First: could the head be read, and does it name its host (400, 431); is there such a path (404), such a method
//! (405), an acceptable format (406)? Last: the request id, the headers that no answer may lack, the challenge of a
//! 401, the body of problems, the log line, the count.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use poem::{
    Body, Endpoint, Error, IntoResponse, Request, Response, Result,
    error::ParsePathError,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header},
};
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    app_state::AppState,
    bearer, cors,
    problem::{
        BASIC_CHALLENGE, BODY_CHALLENGE, FieldError, HEAD_TOO_LARGE, INTERNAL, INVALID_REQUEST,
        METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, NOT_FOUND, ORIGIN_REFUSED, Problem, SESSION_NOT_FOUND,
    },
    routes::{self, Route},
    trace,
};
use crate::random;

/// The mark of a request whose head the server could not read, with the status that it deserves; nothing else of it is known
/// but its origin. A server of our own hands it over, so that its answer is like all others.
#[derive(Clone, Copy, Debug)]
pub struct UnreadableHead(pub StatusCode);

/// The routes with what comes before and after them.
pub(super) struct Middleware<E> {
    inner: E,
    shared: Arc<AppState>,
}

impl<E> Middleware<E> {
    /// Wraps routes that have the shared state attached.
    pub(super) const fn new(inner: E, shared: Arc<AppState>) -> Self {
        Self { inner, shared }
    }
}

impl<E: Endpoint> Endpoint for Middleware<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let began = Instant::now();
        let id = request_id();
        let unreadable = unreadable(&request);
        let route = routes::find(request.uri().path(), &self.shared).filter(|_| unreadable.is_none());
        let (mount, reads) = (routes::mount(&request).to_owned(), request.method().is_safe());
        let operation = route.map_or("none", |route| route.name(request.method()));
        let trace_id = tracing::field::Empty;
        let span = tracing::info_span!("request", id = %id, operation, method = %method(&request), trace_id);
        trace::follow(&span, request.headers());
        request.set_data(Arc::clone(&self.shared));
        let page = self.shared.pages.as_ref().filter(|_| {
            unreadable.is_none()
                && route.map_or_else(|| request.uri().path().starts_with("/account/"), Route::is_page)
        });
        let page = page.map(|pages| {
            // What guards the way here, an access list of a proxy for example, is not meant for these pages.
            request.headers_mut().remove(header::AUTHORIZATION);
            (pages, pages.language(request.headers()), request.uri().path().to_owned())
        });
        if let Some(route) = route {
            request.set_data(route);
        }
        let origin = cors::allowed_origin(request.headers(), &self.shared.cors_origins);
        let challenge = challenge(route, request.headers());
        let early = unreadable.or_else(|| hostless(&request)).map(IntoResponse::into_response);
        let answer = match early.or_else(|| self.refuse(route, &mut request, origin.is_some())) {
            Some(early) => early,
            None => self.answer(request).instrument(span.clone()).await,
        };
        let is_page = page.is_some();
        let answer = match page {
            Some((pages, language, path)) => pages.explained(language, &path, answer),
            None => answer,
        };
        let mut response = finish(answer, &mount, &id, challenge);
        // Threat: pages of another origin that read those of a visitor. They are for no program.
        if !is_page {
            cors::mark(response.headers_mut(), origin, &self.shared.cors_origins);
        }
        let (status, took) = (response.status().as_u16(), began.elapsed());
        self.shared.driver.metrics.answer(operation, status, took);
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        span.in_scope(|| match route {
            // Pages, probes and sessions that are asked for all the time.
            Some(_) if reads => tracing::debug!(status, took_ms, "answered"),
            Some(_) | None => tracing::info!(status, took_ms, "answered"),
        });
        Ok(response)
    }
}

impl<E: Endpoint> Middleware<E> {
    /// Answers what no handler shall see.
    fn refuse(&self, route: Option<&Route>, request: &mut Request, cross_origin: bool) -> Option<Response> {
        let Some(route) = route else { return Some(Problem::new(&NOT_FOUND).into_response()) };
        match *request.method() {
            Method::OPTIONS if cross_origin && route.is_api() => {
                return Some(cors::preflight(request.headers(), &route.allow()));
            }
            // The server leaves the body of an answer to HEAD out by itself.
            Method::HEAD if route.has(&Method::GET) => request.set_method(Method::GET),
            ref method if route.has(method) => {}
            _ => {
                let refused = Problem::new(&METHOD_NOT_ALLOWED);
                let allow = HeaderValue::from_str(&route.allow()).unwrap_or(HeaderValue::from_static("GET"));
                return Some(refused.with(header::ALLOW, allow).into_response());
            }
        }
        // A proxy that asks whose session it is passes on what a browser accepts of the page.
        if !request.method().is_safe() && !route.is_page() && !accepts_json(request.headers()) {
            return Some(Problem::new(&NOT_ACCEPTABLE).into_response());
        }
        let cookies = self.shared.cookies(request).filter(|_| route.is_api() || route.is_page());
        let admitted = cookies.is_none_or(|cookies| cookies.admits(request.method(), request.headers()));
        (!admitted).then(|| Problem::new(&ORIGIN_REFUSED).into_response())
    }

    async fn answer(&self, request: Request) -> Response {
        // Threat: a panic that takes the connection along and leaves nothing in the log.
        match AssertUnwindSafe(self.inner.call(request)).catch_unwind().await {
            Ok(Ok(output)) => output.into_response(),
            Ok(Err(error)) => into_problem(error),
            Err(_) => {
                tracing::error!("a handler panicked");
                Problem::new(&INTERNAL).into_response()
            }
        }
    }
}

fn into_problem(error: Error) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    // A name that is no text, which poem refuses before the operation can.
    if error.is::<ParsePathError>() {
        return Problem::new(&SESSION_NOT_FOUND).into_response();
    }
    // Nothing of the error gets out: poem's texts quote the input.
    tracing::error!(status = error.status().as_u16(), %error, "an error without a problem");
    Problem::new(&INTERNAL).into_response()
}

/// Returns the problem of a head that the server could not read.
fn unreadable(request: &Request) -> Option<Problem> {
    let UnreadableHead(status) = request.data::<UnreadableHead>()?;
    Some(match *status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            Problem::new(&HEAD_TOO_LARGE)
        }
        _ => about_the_head("http", "the first line and the headers must be those of HTTP/1.1"),
    })
}

/// Returns the problem of a request that must name its host once, and does not (RFC 9112 section 3.2).
///
/// Threat: a proxy and a server that read two different hosts out of one request.
fn hostless(request: &Request) -> Option<Problem> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let wrong = hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11);
    wrong.then(|| about_the_head("host", "the header Host must be there exactly once"))
}

fn about_the_head(code: &'static str, message: &'static str) -> Problem {
    Problem::about(&INVALID_REQUEST, vec![FieldError { field: "", code, message: message.into() }])
}

/// Returns what a 401 to this request challenges with: a way to give credentials that is the client's own.
fn challenge(route: Option<&Route>, headers: &HeaderMap) -> HeaderValue {
    HeaderValue::from_static(match route {
        Some(route) if route.is_of_sessions() => bearer::challenge(headers),
        Some(_) | None if headers.contains_key(header::AUTHORIZATION) => BASIC_CHALLENGE,
        Some(_) | None => BODY_CHALLENGE,
    })
}

fn finish(mut response: Response, mount: &str, id: &str, challenge: HeaderValue) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response.set_body(Body::from_string(problem.body(mount, id)));
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    // Threat: answers and mails that a shared cache or a browser's history keeps.
    set("cache-control", "no-store");
    set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    set("x-content-type-options", "nosniff");
    set("referrer-policy", "no-referrer");
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", value);
    }
    response
}

/// Returns whether an Accept header admits JSON or problem documents (RFC 9110 section 12.5.1).
fn accepts_json(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none() || ranges.any(admits_json)
}

fn admits_json(range: &str) -> bool {
    let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
    let media = parts.next().unwrap_or_default();
    let json = ["*/*", "application/*", "application/json", "application/problem+json"];
    let refused =
        parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
    json.contains(&media.as_str()) && !refused
}

/// Returns the method's name, or "other": a method is input, and as long as a client likes.
fn method(request: &Request) -> &'static str {
    match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn request_id() -> String {
    // Without randomness ids repeat, which harms nothing but the log; the flows will answer 503.
    let bytes: [u8; 8] = random::bytes().unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the status of a response; for handlers that answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    Response::builder().status(status).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_a_table() {
        for (accept, expected) in [
            ("", true),
            ("*/*", true),
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/html, application/*;q=0.1", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("application/json; q=0.0, text/html", false),
            ("application/xml", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
            assert_eq!(accepts_json(&headers), expected, "{accept}");
        }
        assert!(accepts_json(&HeaderMap::new()));
    }
}
