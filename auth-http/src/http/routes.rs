//! The table of paths: what exists, and with which methods.

use poem::{Request, http::Method};

use super::{app_state::AppState, problem::KINDS};
use crate::hooks;

/// One path.
#[derive(Debug)]
pub(super) struct Route {
    /// Its path; `{}` in place of one part of it.
    path: &'static str,
    /// What it can be asked with, and the name of each operation in logs and metrics.
    operations: &'static [(Method, &'static str)],
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Always,
    WithLogin,
    WithDocs,
    WithMailbox,
    WithPages,
    InTestBuilds,
}

impl Route {
    /// Returns the name of what a request asks for; HEAD asks as GET does, and a method that the path does not have is
    /// counted for its first operation.
    pub(super) fn name(&self, method: &Method) -> &'static str {
        let named = self.operations.iter().find(|(own, _)| own == method).or(self.operations.first());
        named.map_or("none", |(_, name)| name)
    }

    /// Returns whether it can be asked with this method.
    pub(super) fn has(&self, method: &Method) -> bool {
        self.operations.iter().any(|(own, _)| own == method)
    }

    /// Returns the value of an Allow header.
    pub(super) fn allow(&self) -> String {
        let methods = self.operations.iter().map(|(method, _)| match *method {
            Method::GET => "GET, HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            _ => "DELETE",
        });
        methods.collect::<Vec<_>>().join(", ")
    }

    /// Returns whether it is for programs, with JSON; the others are pages and probes.
    pub(super) fn is_api(&self) -> bool {
        self.path.starts_with("/v1/")
    }

    /// Returns whether it is about a session or opens one.
    pub(super) fn is_of_sessions(&self) -> bool {
        matches!(self.shown, Shown::WithLogin)
    }

    /// Returns whether it is one of the pages for visitors.
    pub(super) fn is_page(&self) -> bool {
        matches!(self.shown, Shown::WithPages)
    }

    fn is_at(&self, path: &str) -> bool {
        match self.path.split_once('{') {
            Some((start, _)) => {
                path.strip_prefix(start).is_some_and(|part| !part.is_empty() && !part.contains('/'))
            }
            None => self.path == path,
        }
    }
}

const fn page(path: &'static str, operations: &'static [(Method, &'static str)]) -> Route {
    Route { path, operations, shown: Shown::WithPages }
}

static ROUTES: [Route; 37] = [
    Route { path: "/v1/register", operations: &[(Method::POST, "register")], shown: Shown::Always },
    Route { path: "/v1/resend", operations: &[(Method::POST, "resend")], shown: Shown::Always },
    Route { path: "/v1/activate", operations: &[(Method::POST, "activate")], shown: Shown::Always },
    Route { path: "/v1/login", operations: &[(Method::POST, "login")], shown: Shown::WithLogin },
    Route {
        path: "/v1/session",
        operations: &[(Method::GET, "session"), (Method::DELETE, "logout")],
        shown: Shown::WithLogin,
    },
    Route { path: "/v1/session/confirm", operations: &[(Method::POST, "confirm")], shown: Shown::WithLogin },
    Route {
        path: "/v1/sessions",
        operations: &[(Method::GET, "sessions"), (Method::DELETE, "logout_everywhere")],
        shown: Shown::WithLogin,
    },
    Route {
        path: "/v1/password/forgot",
        operations: &[(Method::POST, "forgot_password")],
        shown: Shown::WithLogin,
    },
    Route {
        path: "/v1/password/reset",
        operations: &[(Method::POST, "reset_password")],
        shown: Shown::WithLogin,
    },
    Route { path: "/v1/password", operations: &[(Method::PUT, "change_password")], shown: Shown::WithLogin },
    Route { path: "/v1/email", operations: &[(Method::PUT, "change_email")], shown: Shown::WithLogin },
    Route {
        path: "/v1/email/confirm",
        operations: &[(Method::POST, "confirm_email")],
        shown: Shown::WithLogin,
    },
    Route {
        path: "/v1/account",
        operations: &[(Method::GET, "account"), (Method::DELETE, "delete_account")],
        shown: Shown::WithLogin,
    },
    Route {
        path: "/v1/sessions/{id}",
        operations: &[(Method::DELETE, "end_session")],
        shown: Shown::WithLogin,
    },
    Route { path: "/livez", operations: &[(Method::GET, "livez")], shown: Shown::Always },
    Route { path: "/readyz", operations: &[(Method::GET, "readyz")], shown: Shown::Always },
    Route { path: "/", operations: &[(Method::GET, "root")], shown: Shown::WithDocs },
    Route { path: "/docs", operations: &[(Method::GET, "docs")], shown: Shown::WithDocs },
    Route { path: "/openapi.json", operations: &[(Method::GET, "openapi")], shown: Shown::WithDocs },
    page("/account", &[(Method::GET, "account_page")]),
    page("/account/", &[(Method::GET, "account_page")]),
    page("/account/register", &[(Method::GET, "register_page"), (Method::POST, "register_form")]),
    page("/account/activate", &[(Method::GET, "activate_page"), (Method::POST, "activate_form")]),
    page("/account/resend", &[(Method::GET, "account_page"), (Method::POST, "resend_form")]),
    page("/account/login", &[(Method::GET, "login_page"), (Method::POST, "login_form")]),
    page("/account/forgot", &[(Method::GET, "forgot_page"), (Method::POST, "forgot_form")]),
    page("/account/reset", &[(Method::GET, "reset_page"), (Method::POST, "reset_form")]),
    page("/account/logout", &[(Method::GET, "account_page"), (Method::POST, "logout_form")]),
    page("/account/password", &[(Method::GET, "account_page"), (Method::POST, "password_form")]),
    page("/account/email", &[(Method::GET, "account_page"), (Method::POST, "email_form")]),
    page("/account/email-code", &[(Method::GET, "account_page"), (Method::POST, "email_code_form")]),
    page("/account/session", &[(Method::GET, "account_page"), (Method::POST, "session_form")]),
    page("/account/sessions", &[(Method::GET, "account_page"), (Method::POST, "sessions_form")]),
    page("/account/delete", &[(Method::GET, "account_page"), (Method::POST, "delete_form")]),
    Route { path: "/dev/mailbox", operations: &[(Method::GET, "mailbox")], shown: Shown::WithMailbox },
    Route {
        path: "/dev/mailbox.json",
        operations: &[(Method::GET, "mailbox_json")],
        shown: Shown::WithMailbox,
    },
    Route { path: "/dev/clock", operations: &[(Method::POST, "clock")], shown: Shown::InTestBuilds },
];

static PROBLEM_PAGE: Route =
    Route { path: "/problems/", operations: &[(Method::GET, "problem")], shown: Shown::Always };

/// Returns the route of a path.
pub(super) fn find(path: &str, shared: &AppState) -> Option<&'static Route> {
    if let Some(name) = path.strip_prefix(PROBLEM_PAGE.path) {
        return KINDS.iter().any(|kind| kind.name == name).then_some(&PROBLEM_PAGE);
    }
    ROUTES.iter().find(|route| route.is_at(path)).filter(|route| match route.shown {
        Shown::Always => true,
        Shown::WithLogin => shared.login,
        Shown::WithDocs => shared.docs,
        Shown::WithMailbox => shared.mailbox.is_some(),
        Shown::WithPages => shared.pages.is_some(),
        Shown::InTestBuilds => hooks::ENABLED,
    })
}

/// Returns the path that the application has nested the service at, without a slash at the end.
pub(super) fn mount(request: &Request) -> &str {
    let (whole, rest) = (request.original_uri().path(), request.uri().path());
    let mount = whole.strip_suffix(rest).or((rest == "/").then_some(whole));
    mount.unwrap_or_default().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use serde_json::Value;

    use super::{super::document, ROUTES};

    const CONTRACT: &str = "docs/evidence-http.md";

    /// Without a route an operation is 404 before anybody asks it.
    #[test]
    fn every_operation_has_its_route_and_its_row_of_evidence() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(CONTRACT);
        let contract = fs::read_to_string(contract).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() >= 5, "{paths:?}");
        for (path, operations) in paths {
            let route = ROUTES.iter().find(|route| route.path == path);
            let route = route.unwrap_or_else(|| panic!("{path} has no route"));
            let documented: BTreeSet<_> = operations
                .as_object()
                .unwrap()
                .iter()
                .map(|(method, operation)| {
                    (method.to_uppercase(), operation["operationId"].as_str().unwrap().to_owned())
                })
                .collect();
            let routed =
                route.operations.iter().map(|(method, name)| (method.to_string(), (*name).to_owned()));
            assert_eq!(documented, routed.collect(), "{path} in logs and metrics");
            assert!(contract.contains(&format!("{path}`")), "{path} has no row in {CONTRACT}");
        }
    }
}
