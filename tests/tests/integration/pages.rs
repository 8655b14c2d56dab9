//! The pages for people, the API document, and which origins may read what in a browser.

use auth_tests::{HttpAnswer, PASSWORD, Server, parse, start};
use serde_json::Value;

const ADA: &str = "ada@example.org";

fn get(server: &Server, path: &str, headers: &[(&str, &str)]) -> HttpAnswer {
    server.request("GET", path, headers, b"")
}

/// Gets a path with exactly these lines as the head.
fn get_with(server: &Server, path: &str, lines: &str) -> HttpAnswer {
    parse(&server.raw(format!("GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").as_bytes()))
}

/// Returns a page without the contents of these elements.
fn without(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}"), format!("</{element}>"));
    let mut rest = html.split(open.as_str());
    let mut kept = rest.next().unwrap_or_default().to_owned();
    for part in rest {
        let (attributes, content) = part.split_once('>').unwrap();
        kept.push_str(attributes);
        kept.push_str(content.split_once(close.as_str()).map_or("", |(_, after)| after));
    }
    kept
}

#[test]
fn pages_need_nothing_from_elsewhere() {
    let server = start(&[]);
    for path in ["/docs", "/dev/mailbox", "/problems/weak-password"] {
        let page = server.get(path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
        let markup = without(&without(&page.body, "script"), "style");
        assert!(
            !markup.contains("http://") && !markup.contains("https://") && !markup.contains("//cdn"),
            "{path}"
        );
        assert!(!markup.contains("<script src") && !markup.contains("<link rel=\"stylesheet"), "{path}");
        assert!(!page.body.contains("@import") && !page.body.contains("url(http"), "{path}");
        let policy = page.header("content-security-policy").unwrap();
        for directive in
            ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("http") && !policy.contains("'unsafe-eval'"), "{path}: {policy}");
        let scripts = policy.split(';').find(|directive| directive.contains("script-src")).unwrap();
        assert!(!scripts.contains("unsafe"), "{path}: {scripts}");
    }
}

#[test]
fn root_leads_to_the_api_page() {
    let answer = start(&[]).get("/");
    assert_eq!((answer.status, answer.header("location")), (307, Some("docs")));
}

#[test]
fn document_says_which_answer_belongs_to_which_disclosure() {
    let document: Value = start(&[]).get("/openapi.json").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    for (path, answers) in [
        (
            "/v1/register",
            &[("201", "explicit"), ("202", "hidden"), ("409", "email-taken"), ("422", "weak-password")][..],
        ),
        ("/v1/resend", &[("202", "hidden"), ("404", "account-not-found"), ("409", "already-active")]),
        (
            "/v1/activate",
            &[
                ("200", "hidden"),
                ("401", "activation-refused"),
                ("401", "credentials-refused"),
                ("404", "account-not-found"),
                ("409", "already-active"),
                ("410", "code-expired"),
                ("400", "code-wrong"),
            ],
        ),
    ] {
        let responses = &document["paths"][path]["post"]["responses"];
        for (status, word) in answers {
            let description = responses[status]["description"].as_str().unwrap_or_default();
            assert!(description.contains(word), "{path} {status}: {description}");
            assert!(description.contains("hidden") || description.contains("explicit"), "{path} {status}");
        }
        for (status, name) in [
            ("400", "invalid-request"),
            ("406", "not-acceptable"),
            ("408", "request-timeout"),
            ("413", "body-too-large"),
            ("415", "unsupported-media-type"),
            ("429", "rate-limited"),
            ("503", "overloaded"),
            ("503", "unavailable"),
        ] {
            let described = &responses[status];
            assert!(described["description"].as_str().unwrap_or_default().contains(name), "{path} {status}");
            assert!(described["content"]["application/problem+json"].is_object(), "{path} {status}");
        }
        assert!(responses["429"]["headers"].to_string().to_lowercase().contains("retry-after"), "{path}");
    }
    let security = document["paths"]["/v1/activate"]["post"]["security"].to_string();
    assert!(security.contains("basic"), "{security}");
    assert!(
        document["paths"]["/livez"]["get"].is_object() && document["paths"]["/readyz"]["get"].is_object()
    );
}

#[test]
fn docs_off_removes_page_and_document() {
    let server = start(&[("AUTH_DOCS", "off")]);
    for path in ["/docs", "/openapi.json", "/"] {
        assert_eq!(server.get(path).problem(), "not-found", "{path}");
    }
    assert!(!server.printed().contains("/docs"), "{}", server.printed());
    server.activated(ADA, PASSWORD);
    assert_eq!(server.get("/problems/not-found").status, 200);
}

#[test]
fn mailbox_answers_no_foreign_host() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    server.code(ADA);
    for path in ["/dev/mailbox", "/dev/mailbox.json"] {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8000",
            "192.0.2.1",
            "[2001:db8::1]",
            "[::1.evil.example",
            "0.0.0.0",
            "localhosts",
            "",
        ] {
            let answer = get_with(&server, path, &format!("Host: {host}\r\n"));
            assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{host}");
        }
        for host in ["localhost", "LocalHost:1", "127.0.0.1", "127.8.7.6:80", "[::1]", "[::1]:8000"] {
            assert_eq!(get_with(&server, path, &format!("Host: {host}\r\n")).status, 200, "{host}");
        }
        let old = parse(&server.raw(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()));
        assert_eq!(old.status, 404, "no Host at all");
    }
}

#[test]
fn mailbox_answers_no_forwarded_request() {
    let server = start(&[]);
    for path in ["/dev/mailbox", "/dev/mailbox.json"] {
        for header in [
            "Forwarded",
            "X-Forwarded-For",
            "X-Forwarded-Host",
            "X-Forwarded-Proto",
            "X-Forwarded-Anything",
            "X-Real-IP",
            "Via",
            "x-forwarded-for",
        ] {
            assert_eq!(get(&server, path, &[(header, "127.0.0.1")]).status, 404, "{header}");
        }
        assert_eq!(get(&server, path, &[("X-Request-Id", "1")]).status, 200);
    }
}

#[test]
fn nothing_is_stored_and_nothing_is_sniffed() {
    let server = start(&[("AUTH_CORS_ORIGINS", "https://app.example")]);
    let listed = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")];
    let answers = [
        server.register(ADA, PASSWORD),
        server.register(ADA, "weak"),
        server.resend(ADA),
        server.activate(ADA, PASSWORD, "1"),
        server.activate(ADA, "another", "123456"),
        server.get("/livez"),
        server.get("/readyz"),
        server.get("/"),
        server.get("/docs"),
        server.get("/openapi.json"),
        server.get("/problems/internal"),
        server.get("/dev/mailbox"),
        server.get("/dev/mailbox.json"),
        server.get("/nothing"),
        server.get("/v1/register"),
        server.request("HEAD", "/livez", &[], b""),
        server.request("OPTIONS", "/v1/register", &listed, b""),
        server.request("POST", "/v1/register", &[], &[b' '; 5000]),
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{answer:?}");
        assert!(answer.header("content-security-policy").is_some(), "{answer:?}");
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
        for talkative in ["server", "set-cookie", "x-powered-by", "etag"] {
            assert_eq!(answer.header(talkative), None, "{answer:?}");
        }
    }
}

fn cross_origin(answer: &HttpAnswer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

fn register_from(server: &Server, origin: &str) -> HttpAnswer {
    let body = serde_json::json!({ "email": ADA, "password": PASSWORD });
    server.post("/v1/register", &[("Origin", origin)], &body)
}

fn preflight(server: &Server, origin: &str) -> HttpAnswer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ];
    server.request("OPTIONS", "/v1/activate", &headers, b"")
}

#[test]
fn no_other_origin_reads_answers_by_default() {
    let server = start(&[]);
    for origin in ["https://app.example", "null", server.base.as_str()] {
        let answer = register_from(&server, origin);
        assert_eq!(
            (answer.status, cross_origin(&answer)),
            (202, vec![]),
            "also the page of the service itself"
        );
        let answer = preflight(&server, origin);
        assert_eq!((answer.status, cross_origin(&answer)), (405, vec![]), "{origin}");
    }
}

#[test]
fn listed_origins_may_ask_and_read() {
    let server = start(&[("AUTH_CORS_ORIGINS", "https://app.example, http://localhost:5173")]);
    for origin in ["https://app.example", "http://localhost:5173"] {
        let refused = server.post("/v1/activate", &[("Origin", origin)], &serde_json::json!({}));
        for answer in [register_from(&server, origin), refused, get(&server, "/livez", &[("Origin", origin)])]
        {
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
            assert!(answer.header("vary").unwrap().contains("Origin"), "{answer:?}");
            assert!(
                answer.header("access-control-expose-headers").unwrap().contains("retry-after"),
                "{answer:?}"
            );
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
        let answer = preflight(&server, origin);
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        for header in ["authorization", "content-type", "accept-language"] {
            assert!(headers.contains(header), "{headers}");
        }
    }
}

#[test]
fn other_origins_may_not_where_some_are_listed() {
    let server = start(&[("AUTH_CORS_ORIGINS", "https://app.example")]);
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example.evil.example",
        "https://xapp.example",
        "https://app.example:8443",
        "https://APP.example",
        "null",
    ] {
        let answer = register_from(&server, origin);
        assert_eq!((answer.status, cross_origin(&answer)), (202, vec![]), "{origin}");
        assert!(answer.header("vary").unwrap().contains("Origin"), "a cache must know: {answer:?}");
        let answer = preflight(&server, origin);
        assert_eq!((answer.status, cross_origin(&answer)), (405, vec![]), "{origin}");
    }
}

#[test]
fn service_on_ipv6_loopback_serves_its_mailbox_too() {
    let server = start(&[("AUTH_LISTEN", "[::1]:0")]);
    assert!(server.base.starts_with("http://[::1]:"), "{}", server.base);
    server.activated(ADA, PASSWORD);
}

#[test]
fn probes_say_alive_and_ready() {
    let server = start(&[]);
    for (path, message) in [("/livez", "alive"), ("/readyz", "ready")] {
        let answer = server.get(path);
        assert_eq!((answer.status, &answer.json()["message"]), (200, &Value::from(message)));
    }
}
