//! The OpenAPI document: what poem-openapi cannot say of the operations is added here, for the API page as well.

use poem::Response;
use serde_json::{Value, json};

/// The schemas of bodies that are sent; unknown fields are refused.
const REQUESTS: [&str; 9] = [
    "Register",
    "Resend",
    "ActivateWithCredentials",
    "ActivateWithCode",
    "Login",
    "Confirm",
    "ResetPassword",
    "ChangePassword",
    "ConfirmEmail",
];
const ACTIVATE_BODY: &str = "/paths/~1v1~1activate/post/requestBody/content/application~1json";

/// The document of a service, for any place where it may be mounted.
#[derive(Clone, Debug)]
pub(super) struct Document(Value);

impl Document {
    /// Takes the document that poem-openapi has made.
    pub(super) fn new(spec: &str) -> Self {
        // poem writes JSON.
        let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
        for name in REQUESTS {
            if let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) {
                schema["additionalProperties"] = false.into();
            }
        }
        if let Some(body) = document.pointer_mut(ACTIVATE_BODY) {
            body["examples"] = json!({
                "body": {
                    "summary": "Without Authorization: address and password in the body",
                    "value": {
                        "email": "ada@example.org",
                        "password": "correct horse battery staple",
                        "code": "012345",
                    },
                },
                "basic": {
                    "summary": "With Authorization (HTTP Basic): the code alone",
                    "value": { "code": "012345" },
                },
            });
        }
        Self(document)
    }

    /// Returns its text, with this for the server's URL.
    ///
    /// Threat: a document that names what somebody wrote into Host, and a client that sends passwords there. No part of
    /// the URL comes from a header.
    pub(super) fn text(&self, server: &str) -> String {
        let mut document = self.0.clone();
        if let Some(url) = document.pointer_mut("/servers/0/url") {
            *url = server.into();
        }
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    /// Returns the answer where the service is mounted at this path. Rooted, since generators take a relative URL such
    /// as `.` for a host's name.
    pub(super) fn response(&self, mount: &str) -> Response {
        let document = self.text(if mount.is_empty() { "/" } else { mount });
        Response::builder().content_type("application/json; charset=utf-8").body(document)
    }
}
