//! The strings of the OpenAPI document: what each may be. They only describe; bodies are parsed in `body.rs`.

use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $format:expr, $lengths:expr, $pattern:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name(pub String);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = String;
            type RawElementValueType = String;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                let lengths: (usize, usize) = $lengths;
                MetaSchemaRef::Inline(Box::new(MetaSchema {
                    format: $format,
                    min_length: Some(lengths.0),
                    max_length: Some(lengths.1),
                    pattern: Some($pattern.to_owned()),
                    ..MetaSchema::new("string")
                }))
            }

            fn as_raw_value(&self) -> Option<&String> {
                Some(&self.0)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a String> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                String::parse_from_json(value).map(Self).map_err(|error| error.propagate())
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                self.0.to_json()
            }
        }
    )+};
}

texts! {
    /// An e-mail address; blanks before and after it are taken off.
    EmailText = Some("email"), (5, 512),
        r"^[ \u00a0]*[!#-'*+.-9=?A-Z^-~-]+@[^\s@]+[.\u3002\uff0e\uff61][^\s@]+[ \u00a0]*$";
    /// A password: whatever has no control characters.
    PasswordText = Some("password"), (1, 1024), r"^[^\u0000-\u001f\u007f-\u009f]+$";
    /// A code of any configuration, with the blanks and hyphens that people paste.
    CodeText = None, (4, 64), r"^[ \u00a0]*[0-9A-Za-z]([- \u00a0]*[0-9A-Za-z]){3,19}[ \u00a0]*$";
    /// The token of a session.
    SessionTokenText = Some("password"), (49, 49), "^auths_[0-9A-Za-z_-]{43}$";
    /// The token of a device.
    DeviceTokenText = Some("password"), (70, 70), "^authd_[0-9A-Za-z_-]{64}$";
    /// The token of a mail that resets a password.
    ResetTokenText = Some("password"), (28, 28), "^authr_[0-9A-Za-z_-]{22}$";
    /// The id of an account.
    AccountIdText = Some("uuid"), (36, 36), "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
    /// The name of a session.
    SessionIdText = None, (32, 32), "^[0-9a-f]{32}$";
    /// A time (RFC 3339), in UTC.
    TimeText = Some("date-time"), (20, 27), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$";
    /// The type of a problem, below where the service is mounted.
    ProblemType = Some("uri-reference"), (11, 2048), r"^(/.*)?/problems/[a-z-]+$";
    /// The id of a request.
    RequestId = None, (16, 16), "^[0-9a-f]{16}$";
}
