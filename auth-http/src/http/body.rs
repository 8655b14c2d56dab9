//! The bodies of requests: how they become fields, strictly, and the same for every operation.
//!
//! Threats: a body that fills the memory (300 MB took 888 MB elsewhere), a body that dribbles in, an
//! array where a string belongs (CVE-2023-7028), the last of two equal keys that wins. The order
//! of refusals is the contract's: media type, size, time, JSON, fields.

use std::fmt;

use bytes::Bytes;
use poem::{
    Request, RequestBody, Result,
    error::ReadBodyError,
    http::{HeaderMap, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use tokio::time::timeout;

use super::problem::{
    BODY_TOO_LARGE, FieldError, INVALID_REQUEST, Problem, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
};
use crate::deadlines;

/// Bytes of a body.
const MAX_BYTES: usize = 4096;

/// The body of an operation: a JSON object, parsed.
pub(super) struct JsonBody<T>(pub T);

/// What the body of an operation is parsed into.
pub(super) trait FromFields: Sized {
    /// What the document shows of it.
    type Document: Type;

    /// Parses the members of a body that is a JSON object.
    ///
    /// # Errors
    /// The refusal, with everything that is wrong with the fields.
    fn from_fields(fields: &Fields, request: &Request) -> std::result::Result<Self, Problem>;
}

impl<'a, T: FromFields> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::Document::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            vec![MetaMediaType { content_type: "application/json", schema: T::Document::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let bytes = read(request, body, "application/json", MAX_BYTES).await?;
        Ok(Self(parse::<T>(&bytes, request)?))
    }
}

/// Reads a body of this media type and at most so many bytes.
///
/// # Errors
/// The refusal of another type, of one that is too long, too slow or not whole.
pub(super) async fn read(
    request: &Request,
    body: &mut RequestBody,
    media_type: &str,
    most: usize,
) -> Result<Bytes> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE)
            .detail("Send the body as it is, without the header Content-Encoding.")
            .hint(header::ACCEPT_ENCODING, "identity")
            .into());
    }
    let essence = request.content_type().and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(media_type) {
        return Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE).into());
    }
    // What says that it is too long is not waited for.
    if declared(request.headers()).is_some_and(|bytes| bytes > most) {
        return Err(Problem::new(&BODY_TOO_LARGE).into());
    }
    let arriving = body.take()?.into_bytes_limit(most);
    match timeout(deadlines::BODY, arriving).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(ReadBodyError::PayloadTooLarge)) => Err(Problem::new(&BODY_TOO_LARGE).into()),
        Ok(Err(_)) => Err(invalid("body", "incomplete", "the body must arrive whole").into()),
        Err(_) => Err(Problem::new(&REQUEST_TIMEOUT).into()),
    }
}

/// Returns how long a body says that it is.
fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn parse<T: FromFields>(bytes: &[u8], request: &Request) -> std::result::Result<T, Problem> {
    let fields: Fields = serde_json::from_slice(bytes)
        .map_err(|_| invalid("", "json", "the body must be one JSON object in UTF-8"))?;
    T::from_fields(&fields, request)
}

fn invalid(field: &'static str, code: &'static str, message: &'static str) -> Problem {
    Problem::about(&INVALID_REQUEST, vec![FieldError { field, code, message: message.into() }])
}

/// The members of a JSON object or the fields of a form, doubled ones included.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Takes the fields of a form.
    pub(super) fn of_form(fields: impl Iterator<Item = (String, String)>) -> Self {
        Self(fields.map(|(name, value)| (name, Value::String(value))).collect())
    }

    /// Returns whether there is a member of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(member, _)| member == name)
    }

    /// Returns the values of exactly these members; all are required strings.
    ///
    /// # Errors
    /// An `invalid-request` with everything that is wrong.
    pub(super) fn strings<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> std::result::Result<[&str; N], Problem> {
        self.strings_and(names, []).map(|(strings, [])| strings)
    }

    /// Returns the values of exactly these members, all of them strings; the second ones may be missing.
    ///
    /// # Errors
    /// An `invalid-request` with everything that is wrong.
    pub(super) fn strings_and<const N: usize, const M: usize>(
        &self,
        names: [&'static str; N],
        optional: [&'static str; M],
    ) -> std::result::Result<([&str; N], [Option<&str>; M]), Problem> {
        let mut errors = Vec::new();
        let mut error = |field, code, message: &'static str| {
            errors.push(FieldError { field, code, message: message.into() });
        };
        // Threat: an unknown name is input; it is not echoed.
        let known = |name: &str| names.iter().chain(&optional).any(|known| *known == name);
        if self.0.iter().any(|(name, _)| !known(name)) {
            error("", "unknown-field", "the object has a field that this operation does not know");
        }
        let mut string = |name| {
            let mut values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (None, _) if optional.contains(&name) => {}
                (None, _) => error(name, "missing", "the field is required"),
                (Some(_), Some(_)) => error(name, "doubled", "the field must appear once"),
                (Some(Value::String(text)), None) => return Some(text.as_str()),
                (Some(_), None) => error(name, "type", "the field must be a JSON string"),
            }
            None
        };
        let (required, optional) = (names.map(&mut string), optional.map(&mut string));
        if errors.is_empty() {
            // Without an error all of them are there.
            Ok((required.map(Option::unwrap_or_default), optional))
        } else {
            Err(Problem::about(&INVALID_REQUEST, errors))
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Fields, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Fields(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
