//! HTTP Basic (RFC 7617) as activation reads it: strict where the RFC leaves room.
//!
//! Whatever is wrong with the header, the answer is the one 401: malformed, no address, no password. A request
//! without the header has its credentials in the body; see `activate.rs`. Nothing here looks anything up.

use auth_core::{Address, Password, Secret};
use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, header::AUTHORIZATION},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::activate::without_credentials;

/// An address and a password.
pub(super) struct Credentials {
    /// The address.
    pub address: Address,
    /// The password.
    pub password: Password,
}

/// The credentials in an Authorization header, if the request has one.
pub(super) struct Basic(pub Option<Credentials>);

const SCHEME: &str = "basic";

impl<'a> ApiExtractor<'a> for Basic {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some(
                "The address and the password of the registration (RFC 7617): UTF-8, and what is not UTF-8 is read as \
                 ISO-8859-1. For command lines and other programs; front ends in a browser send them in the body, \
                 and no Authorization.",
            ),
            name: None,
            key_in: None,
            scheme: Some("basic"),
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        };
        registry.create_security_scheme(SCHEME, scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        if !is_given(request) {
            return Ok(Self(None));
        }
        let credentials = parse(request.headers()).ok_or_else(|| without_credentials(request))?;
        Ok(Self(Some(credentials)))
    }
}

/// Returns whether a request gives its credentials in the header, whatever they are.
pub(super) fn is_given(request: &Request) -> bool {
    request.headers().contains_key(AUTHORIZATION)
}

fn parse(headers: &HeaderMap) -> Option<Credentials> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    // Threat: two headers, of which a proxy reads one and we the other.
    let (header, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let decoded = text(Secret::new(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?));
    // The first colon splits; a password may have more of them.
    let (address, password) = decoded.expose().split_once(':')?;
    Some(Credentials { address: Address::parse(address).ok()?, password: Password::parse(password).ok()? })
}

/// Reads what was encoded: UTF-8, as the challenge asks, or ISO-8859-1, which `btoa` and generated clients send. Both
/// become NFC where address and password are parsed.
fn text(bytes: Secret<Vec<u8>>) -> Secret<String> {
    // Threat: a string that grows leaves copies behind that are not wiped; this one never grows.
    let mut text = String::with_capacity(bytes.expose().len().saturating_mul(2));
    match str::from_utf8(bytes.expose()) {
        Ok(utf_8) => text.push_str(utf_8),
        // Each byte is the code point of its own number.
        Err(_) => bytes.expose().iter().for_each(|byte| text.push(char::from(*byte))),
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    fn read(lines: &[&[u8]]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let value = format!("bAsIc  {}", STANDARD.encode(line));
            headers.append(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        }
        let Credentials { address, password } = parse(&headers)?;
        Some((address.key().as_str().to_owned(), password.expose().to_owned()))
    }

    #[test]
    fn credentials_are_a_table() {
        for (bytes, address, password) in [
            (&b"ada@example.org:pass"[..], "ada@example.org", "pass"),
            (b"ada@example.org: a:b: ", "ada@example.org", " a:b: "),
            ("ada@example.org:p\u{e4}ss".as_bytes(), "ada@example.org", "p\u{e4}ss"),
            ("ada@example.org:pa\u{308}ss".as_bytes(), "ada@example.org", "p\u{e4}ss"),
            (b"ada@example.org:p\xe4ss", "ada@example.org", "p\u{e4}ss"),
            (b"ada@example.org:\xa3\xa7\xff", "ada@example.org", "\u{a3}\u{a7}\u{ff}"),
            (b"ada@b\xfccher.example:p\xe4ss", "ada@xn--bcher-kva.example", "p\u{e4}ss"),
            (b" Ada@Example.org :pass", "ada@example.org", "pass"),
            // Valid UTF-8 is never read as anything else.
            (b"ada@example.org:\xc3\xa4", "ada@example.org", "\u{e4}"),
        ] {
            assert_eq!(read(&[bytes]), Some((address.to_owned(), password.to_owned())), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_malformed_is_none() {
        for bytes in [
            &b"ada@example.org"[..],
            b"ada@example.org:",
            b":pass",
            b"ada:pass",
            b"ada@example.org:p\x07ss",
            b"ada@example.org:p\x85\xe4ss",
            b"ad\xe4@example.org:pass",
        ] {
            assert_eq!(read(&[bytes]), None, "{bytes:?}");
        }
        let right = &b"ada@example.org:pass"[..];
        assert_eq!(read(&[right, right]), None, "two headers");
        assert_eq!(read(&[]), None);
    }
}
