//! Which browser front ends of other origins may read answers; none by default.

use poem::{
    Response,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};

use super::middleware::empty;

/// The headers that we read.
const READ: [&str; 3] = ["authorization", "content-type", "accept-language"];
/// How many others a front end may send, and how long their names may be.
const ASKED: usize = 32;
const LONGEST_NAME: usize = 64;

/// Returns the request's origin if it is in the list.
pub(super) fn allowed_origin(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Answers a preflight request of an allowed origin.
pub(super) fn preflight(asked: &HeaderMap, methods: &str) -> Response {
    let allowed = allowed_headers(asked);
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_MAX_AGE, "600");
    if let Ok(methods) = HeaderValue::from_str(methods) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    if let Ok(allowed) = HeaderValue::from_str(&allowed) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    response
}

/// Returns the headers that a front end may send: those that we read, and what it asks for. Tracing and other
/// libraries add headers of their own, and none of them means anything here.
///
/// Threat: input that is written into an answer. Only names get into it, and a bounded number of them.
fn allowed_headers(asked: &HeaderMap) -> String {
    let asked = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let mut allowed = READ.map(str::to_owned).to_vec();
    for name in asked.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        let named = HeaderName::from_bytes(name).ok().filter(|_| name.len() <= LONGEST_NAME && name != b"*");
        let Some(name) = named else { continue };
        if allowed.len() < READ.len() + ASKED && !allowed.iter().any(|known| known == name.as_str()) {
            allowed.push(name.as_str().to_owned());
        }
    }
    allowed.join(", ")
}

/// Marks an answer for its origin.
pub(super) fn mark(headers: &mut HeaderMap, origin: Option<HeaderValue>, origins: &[String]) {
    if origins.is_empty() {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static("retry-after, www-authenticate, x-request-id");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
