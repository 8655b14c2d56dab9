//! The token of a session, as a request shows it: in the header Authorization (RFC 6750 section 2.1), or in the cookie
//! of a browser.

use auth_core::{Secret, SessionToken};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, header::AUTHORIZATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::{
    app_state::AppState,
    cookies::{Cookie, Cookies},
    problem::{FieldError, INVALID_REQUEST, NO_SESSION, Problem},
};

/// The token that a request shows. Without one the request is refused.
#[derive(Clone)]
pub(super) struct Bearer(pub SessionToken);

const SCHEME: &str = "bearer";

impl<'a> ApiExtractor<'a> for Bearer {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "The `session_token` of a login (RFC 6750). Where the deployment keeps sessions in cookies, a browser \
                 sends its cookie instead; a request has one of the two.",
            ),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("auths_ and 43 characters of base 64"),
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        Ok(Self::of(request)?)
    }
}

impl Bearer {
    /// Returns the token that a request shows, or its refusal.
    pub(super) fn of(request: &Request) -> std::result::Result<Self, Problem> {
        match token(request.headers(), AppState::of(request).cookies(request)) {
            Ok(Some(token)) => Ok(Self(token)),
            Ok(None) => Err(Problem::new(&NO_SESSION)),
            Err(TwoSessions) => {
                let message =
                    "the request has the header Authorization and the cookie of a session; send one of them";
                let error = FieldError { field: "", code: "two-sessions", message: message.into() };
                Err(Problem::about(&INVALID_REQUEST, vec![error]))
            }
        }
    }
}

/// A request that shows two sessions.
pub(super) struct TwoSessions;

/// Returns the token that a request shows, if it shows one.
pub(super) fn token(
    headers: &HeaderMap,
    cookies: Option<&Cookies>,
) -> std::result::Result<Option<SessionToken>, TwoSessions> {
    let shown = match (is_given(headers), cookies.and_then(|cookies| cookies.read(headers, Cookie::Session)))
    {
        // Threat: two identities in one request, of which a proxy checks one and we the other.
        (true, Some(_)) => return Err(TwoSessions),
        (true, None) => bearer(headers),
        (false, cookie) => cookie,
    };
    Ok(shown.map(|shown| SessionToken::new(Secret::new(shown.to_owned()))))
}

/// Returns whether a request has the header, whatever is in it.
pub(super) fn is_given(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
}

/// Returns the token in the header, if there is one header and it is of this scheme.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let (header, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_start_matches(' '))
}

/// Returns what a 401 to this request challenges with: whether a token was shown, and does not count.
pub(super) fn challenge(headers: &HeaderMap) -> &'static str {
    match bearer(headers) {
        Some(_) => "Bearer realm=\"auth\", error=\"invalid_token\"",
        None => "Bearer realm=\"auth\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    #[test]
    fn tokens_are_a_table() {
        for (lines, expected) in [
            (&["Bearer auths_x"][..], Some("auths_x")),
            (&["bEaReR   auths_x"], Some("auths_x")),
            (&["Bearer"], None),
            (&["Basic auths_x"], None),
            (&["auths_x"], None),
            (&["Bearer auths_x", "Bearer auths_x"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            assert_eq!(bearer(&headers), expected, "{lines:?}");
        }
    }
}
