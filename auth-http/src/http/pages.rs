//! The pages for people: the API page, the problems, the development mailbox.
//!
//! Threat: a script that gets into a page. Every page has a Content-Security-Policy that names the
//! hashes of its own script and style, computed from the page itself; nothing else runs.

use std::{net::IpAddr, sync::LazyLock};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use minijinja::{Environment, context};
use poem::{
    IntoResponse, Request, Response,
    http::{HeaderMap, StatusCode, header},
    web::{Json, Path},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    app_state::AppState,
    problem::{KINDS, NOT_FOUND, Problem},
};

const MAILBOX: &str = include_str!("../../assets/mailbox.html");
const PROBLEM: &str = include_str!("../../assets/problem.html");

/// A page and its policy.
#[derive(Clone, Debug)]
pub(super) struct Page {
    html: Bytes,
    policy: String,
}

impl Page {
    /// Takes a page with inline scripts and styles.
    #[must_use]
    pub(super) fn new(html: &str) -> Self {
        Self::with(html, "'unsafe-inline'", "connect-src 'self'; form-action 'none'")
    }

    /// Takes a page of forms, which are sent to this service. It asks for nothing else by itself.
    #[must_use]
    pub(super) fn with_forms(html: &str) -> Self {
        Self::with(html, "'none'", "form-action 'self'")
    }

    fn with(html: &str, style_attributes: &str, more: &str) -> Self {
        // A browser hashes what it has parsed, and parsing makes every line end a line feed.
        let html = html.replace("\r\n", "\n").replace('\r', "\n");
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {styles}; style-src-elem {styles}; \
             style-src-attr {style_attributes}; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; {more}",
            hashes(&html, "script"),
            styles = hashes(&html, "style"),
        );
        Self { html: html.into(), policy }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, self.policy)
            .body(self.html)
    }
}

/// Returns the hashes of a page's inline elements, as a policy's sources.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let (mut sources, mut rest) = (Vec::new(), html);
    // From end to beginning of the next: an element's content may hold the opening tag as text.
    while let Some((_, tail)) = rest.split_once(&open) {
        let Some((content, after)) = tail.split_once('>').and_then(|(_, inside)| inside.split_once(&close))
        else {
            break;
        };
        sources.push(format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content))));
        rest = after;
    }
    if sources.is_empty() { "'none'".to_owned() } else { sources.join(" ") }
}

/// Answers the page of one problem.
#[poem::handler]
pub(crate) fn problem(Path(name): Path<String>) -> Response {
    let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
        return Problem::new(&NOT_FOUND).into_response();
    };
    let others: Vec<_> =
        KINDS.iter().map(|k| context! { name => k.name, title => k.title, status => k.status }).collect();
    let mut environment = Environment::new();
    let rendered = environment.add_template("problem.html", PROBLEM).and_then(|()| {
        environment.get_template("problem.html")?.render(context! {
            title => kind.title, status => kind.status, name => kind.name,
            explanation => kind.explanation, remedy => kind.remedy, others => others,
        })
    });
    match rendered {
        Ok(html) => Page::new(&html).into_response(),
        Err(error) => {
            tracing::error!(%error, "the problem page does not render");
            Problem::new(&super::problem::INTERNAL).into_response()
        }
    }
}

/// Answers the root with the way to the API page.
#[poem::handler]
pub(crate) fn root(request: &Request) -> Response {
    // Relative, so that it holds behind a proxy that strips a path, too.
    let docs = match request.original_uri().path().rsplit_once('/') {
        Some((_, last)) if !last.is_empty() => format!("{last}/docs"),
        Some(_) | None => "docs".to_owned(),
    };
    Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, docs).finish()
}

/// Answers the page of the development mailbox.
#[poem::handler]
pub(crate) fn mailbox(request: &Request) -> Response {
    static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(MAILBOX));
    if is_local(request) { PAGE.clone().into_response() } else { Problem::new(&NOT_FOUND).into_response() }
}

/// Answers the mails of the development mailbox, newest first.
#[poem::handler]
pub(crate) fn mailbox_json(request: &Request) -> Response {
    match &AppState::of(request).mailbox {
        Some(shown) if is_local(request) => Json(json!({ "mails": shown.mails() })).into_response(),
        Some(_) | None => Problem::new(&NOT_FOUND).into_response(),
    }
}

/// Moves the embedded stores' clocks, in test builds: `POST /dev/clock?seconds=60`.
#[poem::handler]
pub(crate) fn clock(request: &Request) -> Response {
    let seconds = request.uri().query().and_then(|query| query.strip_prefix("seconds=")?.parse().ok());
    match (&AppState::of(request).shift_clock, seconds) {
        (Some(shift), Some(seconds)) if is_local(request) => {
            shift(seconds);
            super::middleware::empty(StatusCode::NO_CONTENT)
        }
        _ => Problem::new(&NOT_FOUND).into_response(),
    }
}

/// Returns whether a request comes from this machine and means it.
///
/// Threats: a peer without an address, whom a proxy passes in through a Unix socket; DNS rebinding (a
/// foreign page whose name points to 127.0.0.1 shows in Host); and a proxy on this machine that passes
/// the outside in (it shows in its headers).
fn is_local(request: &Request) -> bool {
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical());
    let from_here = peer.is_some_and(|ip| ip.is_loopback());
    from_here && asks_for_loopback(request) && !is_forwarded(request.headers())
}

fn asks_for_loopback(request: &Request) -> bool {
    let Some(host) = request.header(header::HOST) else { return false };
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || ["forwarded", "x-real-ip", "via"].contains(&name)
    })
}
