//! Owns which browser front ends of other origins may read answers; none by default.

use poem::{
    Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};

use super::front::empty;

/// Returns the request's origin if it is in the list.
pub(super) fn allowed_origin(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Answers a preflight request of an allowed origin.
pub(super) fn preflight() -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    let mut set = |name: header::HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_METHODS, "POST");
    set(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, accept-language");
    set(header::ACCESS_CONTROL_MAX_AGE, "600");
    response
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
