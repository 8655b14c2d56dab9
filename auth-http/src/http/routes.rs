//! The table of paths: what exists, and with which methods.

use poem::Request;

use super::{app_state::AppState, problem::KINDS};
use crate::hooks;

/// One path.
#[derive(Debug)]
pub(super) struct Route {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// Its path.
    path: &'static str,
    /// What it can be asked with.
    pub methods: Methods,
    shown: Shown,
}

/// What a path can be asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Methods {
    /// GET and HEAD.
    Get,
    /// POST, and OPTIONS for other origins.
    Post,
}

impl Methods {
    /// Returns the value of an Allow header.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
        }
    }
}

#[derive(Debug)]
enum Shown {
    Always,
    WithDocs,
    WithMailbox,
    InTestBuilds,
}

const fn route(name: &'static str, path: &'static str, methods: Methods, shown: Shown) -> Route {
    Route { name, path, methods, shown }
}

static ROUTES: [Route; 11] = [
    route("register", "/v1/register", Methods::Post, Shown::Always),
    route("resend", "/v1/resend", Methods::Post, Shown::Always),
    route("activate", "/v1/activate", Methods::Post, Shown::Always),
    route("livez", "/livez", Methods::Get, Shown::Always),
    route("readyz", "/readyz", Methods::Get, Shown::Always),
    route("root", "/", Methods::Get, Shown::WithDocs),
    route("docs", "/docs", Methods::Get, Shown::WithDocs),
    route("openapi", "/openapi.json", Methods::Get, Shown::WithDocs),
    route("mailbox", "/dev/mailbox", Methods::Get, Shown::WithMailbox),
    route("mailbox_json", "/dev/mailbox.json", Methods::Get, Shown::WithMailbox),
    route("clock", "/dev/clock", Methods::Post, Shown::InTestBuilds),
];

static PROBLEM_PAGE: Route = route("problem", "/problems/", Methods::Get, Shown::Always);

/// Returns the route of a path.
pub(super) fn find(path: &str, shared: &AppState) -> Option<&'static Route> {
    if let Some(name) = path.strip_prefix(PROBLEM_PAGE.path) {
        return KINDS.iter().any(|kind| kind.name == name).then_some(&PROBLEM_PAGE);
    }
    ROUTES.iter().find(|route| route.path == path).filter(|route| match route.shown {
        Shown::Always => true,
        Shown::WithDocs => shared.docs,
        Shown::WithMailbox => shared.mailbox.is_some(),
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
    use std::{fs, path::Path};

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
            let name = route.unwrap_or_else(|| panic!("{path} has no route")).name;
            for operation in operations.as_object().unwrap().values() {
                assert_eq!(operation["operationId"], name, "{path} in logs and metrics");
            }
            assert!(contract.contains(&format!("{path}`")), "{path} has no row in {CONTRACT}");
        }
    }
}
