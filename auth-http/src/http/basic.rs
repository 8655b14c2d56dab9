//! Owns HTTP Basic (RFC 7617) as activation uses it: strict where the RFC leaves room.
//!
//! Whatever is wrong with the header, the answer is the one 401: malformed, missing, no address,
//! no password. Nothing here looks anything up.

use auth_core::{Address, Password};
use base64::{Engine, engine::general_purpose::STANDARD};
use poem::{Request, RequestBody, Result, http::header::AUTHORIZATION};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use super::{
    problem::{ACTIVATION_REFUSED, CREDENTIALS_REFUSED, Problem},
    service::Shared,
};

/// Holds an address and a password from an Authorization header.
pub(super) struct Basic {
    /// The address.
    pub address: Address,
    /// The password.
    pub password: Password,
}

const SCHEME: &str = "basic";

impl<'a> ApiExtractor<'a> for Basic {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            description: Some("The address and the password of the registration (RFC 7617, UTF-8)."),
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

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        parse(request).ok_or_else(|| {
            let explicit = Shared::of(request).discloses();
            let kind = if explicit { &CREDENTIALS_REFUSED } else { &ACTIVATION_REFUSED };
            Problem::new(kind).into()
        })
    }
}

fn parse(request: &Request) -> Option<Basic> {
    let mut headers = request.headers().get_all(AUTHORIZATION).iter();
    // Threat: two headers, of which a proxy reads one and we the other.
    let (header, None) = (headers.next()?, headers.next()) else { return None };
    let (scheme, credentials) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let decoded = zeroizing(STANDARD.decode(credentials.trim_start_matches(' ')).ok()?);
    // The first colon splits; a password may have more of them.
    let (address, password) = str::from_utf8(decoded.expose()).ok()?.split_once(':')?;
    Some(Basic { address: Address::parse(address).ok()?, password: Password::parse(password).ok()? })
}

fn zeroizing(octets: Vec<u8>) -> auth_core::Secret<Vec<u8>> {
    auth_core::Secret::new(octets)
}
