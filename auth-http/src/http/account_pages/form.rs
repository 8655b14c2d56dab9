//! A form that a page has sent: the fields of an operation, and where to go at the end.

use poem::{FromRequest, Request, RequestBody, Result};
use url::form_urlencoded;

use crate::http::{
    body::{self, Fields, FromFields},
    problem::{FieldError, INVALID_REQUEST, Problem},
};

/// Bytes of a form: what fits into the body of an operation takes three times as many where each is encoded.
const MAX_BYTES: usize = 16_384;

/// The fields of a form.
pub(super) struct Form {
    fields: Vec<(String, String)>,
    /// Where to go at the end, if the form says so and it is on this origin.
    pub(super) next: Option<String>,
}

impl<'a> FromRequest<'a> for Form {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> Result<Self> {
        let bytes = body::read(request, body, "application/x-www-form-urlencoded", MAX_BYTES).await?;
        let mut fields: Vec<(String, String)> = form_urlencoded::parse(&bytes).into_owned().collect();
        // Threat: two passwords that are not UTF-8 and become equal. Browsers send the page's encoding.
        if fields.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
            let error = FieldError { field: "", code: "encoding", message: "forms must be UTF-8".into() };
            return Err(Problem::about(&INVALID_REQUEST, vec![error]).into());
        }
        let next = fields.iter().find(|(name, _)| name == "next").and_then(|(_, path)| own_path(path));
        fields.retain(|(name, _)| name != "next");
        Ok(Self { fields, next })
    }
}

impl Form {
    /// Parses the fields as those of an operation.
    pub(super) fn parse<T: FromFields>(&self, request: &Request) -> Result<T, Problem> {
        T::from_fields(&Fields::of_form(self.fields.iter().cloned()), request)
    }

    /// Parses some of the fields as those of an operation.
    pub(super) fn parse_only<T: FromFields>(&self, names: &[&str], request: &Request) -> Result<T, Problem> {
        let some = self.fields.iter().filter(|(name, _)| names.contains(&name.as_str()));
        T::from_fields(&Fields::of_form(some.cloned()), request)
    }

    /// Returns a field.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// Changes a field.
    pub(super) fn change(&mut self, name: &str, change: impl Fn(&str) -> String) {
        for (_, value) in self.fields.iter_mut().filter(|(field, _)| field == name) {
            *value = change(value);
        }
    }
}

/// Returns where a request wants to go at the end: `next`, the last part of its query.
pub(super) fn next(request: &Request) -> Option<String> {
    next_in(request.uri().query()?)
}

fn next_in(query: &str) -> Option<String> {
    let (before, value) = query.split_once("next=")?;
    if !before.is_empty() && !before.ends_with('&') {
        return None;
    }
    // nginx cannot encode what a visitor has asked for: `next=$request_uri` goes to the end, with a query of its own.
    let literal = value.contains(['?', '&']);
    let decoded = form_urlencoded::parse(format!("next={value}").as_bytes()).next()?.1.into_owned();
    own_path(&decoded).filter(|_| !literal).or_else(|| own_path(value))
}

/// Returns the name of what has been done, which a request's query begins with.
pub(super) fn done(request: &Request) -> Option<&str> {
    let query = request.uri().query()?.strip_prefix("notice=")?;
    query.split('&').next()
}

/// Returns a path of this origin, with its query.
///
/// Threat: a link to the real login that ends on somebody else's page (CWE-601). Browsers drop tabs and line breaks and
/// take `\` for `/`, and `//` begins a host.
fn own_path(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let rooted = text.starts_with('/') && !text.starts_with("//");
    // `/.//host` is a path of this origin, and an application that tidies its paths may redirect it to that host.
    let path = text.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    let direct = !path.split('/').any(|part| part == "." || part == "..");
    (plain && rooted && direct && text.len() <= 1024).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_to_go_is_read_encoded_or_to_the_end() {
        for (query, expected) in [
            ("next=/notes", Some("/notes")),
            ("next=%2Fnotes%3Fx%3D1%26y%3D%252F", Some("/notes?x=1&y=%2F")),
            ("notice=reset&next=/notes%3Fx", Some("/notes?x")),
            ("next=/notes?x=1&y=%2F", Some("/notes?x=1&y=%2F")),
            ("next=/a%20b", Some("/a%20b")),
            ("next=//evil.example?x", None),
            ("next=%2F%2Fevil.example", None),
            ("next=%2F%5Cevil.example?x", None),
            ("annexnext=/notes", None),
            ("next=", None),
            ("", None),
        ] {
            assert_eq!(next_in(query).as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn where_to_go_at_the_end_is_a_table() {
        for path in [
            "/",
            "/notes?x=y&z=%2F#top",
            "/a//b",
            "/%5Cevil.example",
            "/@evil.example",
            "/.well-known/x",
            "/a?b=/../c",
        ] {
            assert_eq!(own_path(path).as_deref(), Some(path));
        }
        for path in [
            "",
            "notes",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/.//evil.example",
            "/%2E%2e//evil.example",
            "/a/../b",
            "/\t/evil.example",
            "/\n/evil.example",
            " //evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/caf\u{e9}",
            &format!("/{}", "x".repeat(1024)),
        ] {
            assert_eq!(own_path(path), None, "{path:?}");
        }
    }
}
