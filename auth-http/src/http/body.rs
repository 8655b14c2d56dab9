//! Owns how a request's body becomes fields: strictly, and the same for every operation.
//!
//! Threats: a body that fills the memory (300 MB took 888 MB elsewhere), a body that dribbles in, an
//! array where a string belongs (CVE-2023-7028), the last of two equal keys that wins. The order
//! of refusals is the contract's: media type, size, time, JSON, fields.

use std::{fmt, time::Duration};

use poem::{Request, RequestBody, Result, error::ReadBodyError};
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

/// Octets of a body.
const MAX_OCTETS: usize = 4096;
/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// Takes the body of an operation.
pub(super) struct Body<T>(pub T);

/// Describes what an operation's body becomes.
pub(super) trait FromFields: Sized {
    /// What the document shows of it.
    type Document: Type;
    /// The fields that it has; all are required strings.
    const NAMES: &'static [&'static str];

    /// Parses the values, in the order of the names.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn from_fields(values: &[&str], context: &Request) -> std::result::Result<Self, Vec<FieldError>>;
}

impl<'a, T: FromFields> ApiExtractor<'a> for Body<T> {
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
        if !request.content_type().is_some_and(is_json) {
            return Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE).into());
        }
        let arriving = body.take()?.into_bytes_limit(MAX_OCTETS);
        let octets = match timeout(ARRIVAL, arriving).await {
            Ok(Ok(octets)) => octets,
            Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(Problem::new(&BODY_TOO_LARGE).into()),
            Ok(Err(_)) => return Err(invalid("body", "incomplete", "the body must arrive whole").into()),
            Err(_) => return Err(Problem::new(&REQUEST_TIMEOUT).into()),
        };
        Ok(Self(parse::<T>(&octets, request)?))
    }
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: FromFields>(octets: &[u8], request: &Request) -> std::result::Result<T, Problem> {
    let object: Object = serde_json::from_slice(octets)
        .map_err(|_| invalid("", "json", "the body must be one JSON object in UTF-8"))?;
    let strings = object.strings(T::NAMES).map_err(|errors| Problem::about(&INVALID_REQUEST, errors))?;
    T::from_fields(&strings, request).map_err(|errors| Problem::about(&INVALID_REQUEST, errors))
}

fn invalid(field: &'static str, code: &'static str, message: &'static str) -> Problem {
    Problem::about(&INVALID_REQUEST, vec![FieldError { field, code, message: message.into() }])
}

/// A JSON object with all its members, doubled ones included.
struct Object(Vec<(String, Value)>);

impl Object {
    /// Returns the values of exactly these members.
    fn strings(&self, names: &'static [&'static str]) -> std::result::Result<Vec<&str>, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut error = |field, code, message: &'static str| {
            errors.push(FieldError { field, code, message: message.into() });
        };
        // Threat: an unknown name is input; it is not echoed.
        if self.0.iter().any(|(name, _)| !names.contains(&name.as_str())) {
            error("", "unknown-field", "the object has a field that this operation does not know");
        }
        let mut strings = Vec::new();
        for name in names {
            let mut values = self.0.iter().filter(|(field, _)| field == name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (None, _) => error(name, "missing", "the field is required"),
                (Some(_), Some(_)) => error(name, "doubled", "the field must appear once"),
                (Some(Value::String(text)), None) => strings.push(text.as_str()),
                (Some(_), None) => error(name, "type", "the field must be a JSON string"),
            }
        }
        if errors.is_empty() { Ok(strings) } else { Err(errors) }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
