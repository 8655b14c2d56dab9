//! Problems, the answers to failed requests: their form, their headers, their pages, their order.

use auth_tests::{HttpAnswer, PASSWORD, Server, basic, start};

/// All problems that the contract lists.
const NAMES: [&str; 28] = [
    "invalid-request",
    "code-wrong",
    "activation-refused",
    "credentials-refused",
    "account-not-found",
    "not-found",
    "method-not-allowed",
    "not-acceptable",
    "login-refused",
    "no-session",
    "not-activated",
    "account-blocked",
    "password-refused",
    "confirm-first",
    "origin-refused",
    "session-not-found",
    "request-timeout",
    "email-taken",
    "already-active",
    "code-expired",
    "body-too-large",
    "unsupported-media-type",
    "weak-password",
    "rate-limited",
    "head-too-large",
    "internal",
    "overloaded",
    "unavailable",
];

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn is(answer: &HttpAnswer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{answer:?}");
}

#[test]
fn every_problem_has_a_page_that_explains_it() {
    let server = start(&[]);
    for name in NAMES {
        let page = server.get(&format!("/problems/{name}"));
        assert_eq!(page.status, 200, "{name}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"), "{name}");
        assert!(page.body.contains(&format!("/problems/{name}")), "{name} names its type");
        assert!(page.body.contains("What to do"), "{name} says what helps");
    }
    for unknown in ["/problems/", "/problems", "/problems/unheard-of", "/problems/internal/more"] {
        is(&server.get(unknown), 404, "not-found");
    }
}

#[test]
fn unknown_path_is_404() {
    let server = start(&[]);
    for path in [
        "/v1",
        "/v1/register/",
        "//v1/register",
        "/v1//register",
        "/V1/REGISTER",
        "/v1/%72egister",
        "/v1/register%00",
        "/v1/../v1/register",
        "/v1/logins",
        "/v1/sessions/",
        "/v1/sessions/x/y",
        "/metrics",
        "/dev",
        "/favicon.ico",
        "/docs/",
        "/.env",
        "*",
    ] {
        is(&server.request("POST", path, &[JSON], b"{}"), 404, "not-found");
        is(&server.get(path), 404, "not-found");
    }
}

#[test]
fn query_is_no_part_of_a_path() {
    let server = start(&[]);
    assert_eq!(server.get("/livez?x=1").status, 200);
}

#[test]
fn other_method_is_405_with_the_methods_that_there_are() {
    let server = start(&[]);
    for path in &server.operations() {
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post"] {
            let answer = server.request(method, path, &[], b"");
            is(&answer, 405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
        }
        assert_eq!(server.request("HEAD", path, &[], b"").status, 405);
    }
    for path in
        ["/livez", "/readyz", "/docs", "/openapi.json", "/problems/internal", "/dev/mailbox.json", "/"]
    {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = server.request(method, path, &[], b"");
            is(&answer, 405, "method-not-allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {path}");
        }
    }
}

#[test]
fn head_is_answered_as_get_without_a_body() {
    let server = start(&[]);
    for path in ["/livez", "/readyz", "/docs", "/openapi.json", "/problems/internal", "/dev/mailbox"] {
        let (get, head) = (server.get(path), server.request("HEAD", path, &[], b""));
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        for header in ["content-type", "content-length", "cache-control", "content-security-policy"] {
            assert_eq!(head.header(header), get.header(header), "{path}: {header}");
        }
    }
}

#[test]
fn accept_without_json_is_406() {
    let server = start(&[]);
    for path in &server.operations() {
        for accept in ["text/html", "application/xml, text/*;q=0.8", "application/json;q=0", "image/*"] {
            is(&server.request("POST", path, &[JSON, ("Accept", accept)], b"{}"), 406, "not-acceptable");
        }
        for accept in [
            "*/*",
            "application/json",
            "application/problem+json",
            "text/html, application/*;q=0.1",
            "Application/JSON; charset=utf-8",
            "",
        ] {
            let answer = server.request("POST", path, &[JSON, ("Accept", accept)], b"{}");
            assert_ne!(answer.status, 406, "{path} {accept}");
        }
    }
}

#[test]
fn anything_but_json_is_415() {
    let server = start(&[]);
    let body = format!("{{\"email\":\"ada@example.org\",\"password\":\"{PASSWORD}\"}}");
    is(&server.request("POST", "/v1/register", &[], body.as_bytes()), 415, "unsupported-media-type");
    for other in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/problem+json",
        "application/jsonp",
        "application/json, text/plain",
        "",
    ] {
        let answer = server.request("POST", "/v1/register", &[("Content-Type", other)], body.as_bytes());
        is(&answer, 415, "unsupported-media-type");
    }
    for coding in ["gzip", "br", "identity", "gzip, deflate"] {
        let headers = [JSON, ("Content-Encoding", coding)];
        for body in [body.as_bytes(), b"\x1f\x8b\x08\x00\x00\x00\x00\x00"] {
            let answer = server.request("POST", "/v1/register", &headers, body);
            is(&answer, 415, "unsupported-media-type");
            assert!(answer.json()["detail"].as_str().unwrap().contains("Content-Encoding"), "{answer:?}");
            assert_eq!(answer.header("accept-encoding"), Some("identity"), "RFC 9110 section 15.5.16");
        }
    }
    for json in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"] {
        let answer = server.request("POST", "/v1/register", &[("Content-Type", json)], body.as_bytes());
        assert_eq!(answer.status, 202, "{json}: {answer:?}");
    }
}

#[test]
fn every_401_has_exactly_one_challenge() {
    for disclosure in ["hidden", "explicit"] {
        let server = start(&[("AUTH_DISCLOSURE", disclosure)]);
        server.register("ada@example.org", PASSWORD);
        let wrong = basic("ada@example.org", "not the password");
        for headers in
            [&[JSON][..], &[JSON, ("Authorization", "Bearer x")], &[JSON, ("Authorization", &wrong)]]
        {
            let answer = server.request("POST", "/v1/activate", headers, br#"{"code":"123456"}"#);
            assert_eq!(answer.status, 401, "{answer:?}");
            let challenges = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
            let challenges: Vec<&str> = challenges.map(|(_, value)| value.as_str()).collect();
            let by_header = headers.iter().any(|(name, _)| *name == "Authorization");
            let expected =
                if by_header { r#"Basic realm="auth", charset="UTF-8""# } else { r#"Body realm="auth""# };
            assert_eq!(challenges, [expected]);
        }
    }
}

/// Corrects everything that is wrong with a request, one thing after the other.
fn refusals_of_activate(server: &Server) {
    let (long, malformed) = (vec![b'x'; 5000], &b"{"[..]);
    let well_formed = br#"{"code":"123456"}"#;
    let right = basic("ada@example.org", PASSWORD);
    let (html, text, auth) =
        (("Accept", "text/html"), ("Content-Type", "text/plain"), ("Authorization", right.as_str()));
    is(&server.request("PUT", "/v1/activat", &[html, text], &long), 404, "not-found");
    is(&server.request("PUT", "/v1/activate", &[html, text], &long), 405, "method-not-allowed");
    is(&server.request("POST", "/v1/activate", &[html, text], &long), 406, "not-acceptable");
    let other = ("Authorization", "Bearer x");
    is(&server.request("POST", "/v1/activate", &[text, other], &long), 401, "activation-refused");
    is(&server.request("POST", "/v1/activate", &[text, auth], &long), 415, "unsupported-media-type");
    is(&server.request("POST", "/v1/activate", &[JSON, auth], &long), 413, "body-too-large");
    is(&server.request("POST", "/v1/activate", &[JSON, auth], malformed), 400, "invalid-request");
    is(&server.request("POST", "/v1/activate", &[JSON, auth], br#"{"code":"1"}"#), 400, "invalid-request");
    is(&server.request("POST", "/v1/activate", &[JSON, auth], well_formed), 429, "rate-limited");
}

/// The same without Authorization: the credentials come with the fields.
fn refusals_of_activate_in_the_body(server: &Server) {
    let (long, malformed) = (vec![b'x'; 5000], &b"{"[..]);
    let body = |code: &str| {
        format!(r#"{{"email":"ada@example.org","password":"{PASSWORD}","code":"{code}"}}"#).into_bytes()
    };
    let text = ("Content-Type", "text/plain");
    is(&server.request("POST", "/v1/activate", &[text], &long), 415, "unsupported-media-type");
    is(&server.request("POST", "/v1/activate", &[JSON], &long), 413, "body-too-large");
    is(&server.request("POST", "/v1/activate", &[JSON], malformed), 400, "invalid-request");
    is(&server.request("POST", "/v1/activate", &[JSON], br#"{"code":1}"#), 401, "activation-refused");
    is(&server.request("POST", "/v1/activate", &[JSON], &body("1")), 400, "invalid-request");
    is(&server.request("POST", "/v1/activate", &[JSON], &body("123456")), 429, "rate-limited");
}

fn refusals_of_register(server: &Server) {
    let long = vec![b'x'; 5000];
    let weak = br#"{"email":"bob@example.org","password":"weak"}"#;
    let (html, text) = (("Accept", "text/html"), ("Content-Type", "text/plain"));
    is(&server.request("PUT", "/v1/registe", &[html, text], &long), 404, "not-found");
    is(&server.request("PUT", "/v1/register", &[html, text], &long), 405, "method-not-allowed");
    is(&server.request("POST", "/v1/register", &[html, text], &long), 406, "not-acceptable");
    is(&server.request("POST", "/v1/register", &[text], &long), 415, "unsupported-media-type");
    is(&server.request("POST", "/v1/register", &[JSON], &long), 413, "body-too-large");
    is(&server.request("POST", "/v1/register", &[JSON], b"[]"), 400, "invalid-request");
    is(&server.request("POST", "/v1/register", &[JSON], weak), 429, "rate-limited");
    server.shift_clock(60);
    is(&server.request("POST", "/v1/register", &[JSON], weak), 422, "weak-password");
}

#[test]
fn refusals_come_in_the_contracts_order() {
    let server = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "1")]);
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202, "the one request of this minute");
    refusals_of_activate(&server);
    refusals_of_activate_in_the_body(&server);
    refusals_of_register(&server);
}

#[test]
fn nothing_of_a_request_is_echoed() {
    let server = start(&[]);
    let canary = "c4n4ry";
    let authorization = basic(canary, canary);
    let headers = [
        JSON,
        ("Authorization", authorization.as_str()),
        ("X-Request-Id", canary),
        ("Accept-Language", canary),
    ];
    let path = format!("/{canary}");
    let bodies = [
        format!("{{\"{canary}\":1}}"),
        format!("{{\"email\":\"{canary}\",\"password\":\"{canary}\",\"code\":\"{canary}\"}}"),
        format!("{{\"email\":\"{canary}\",\"password\":\"\u{7f}{canary}\"}}"),
        format!("{{\"email\":\"{canary}@example.org\",\"password\":\"{canary}\"}}"),
        format!("{{\"code\":\"{canary}\"}}"),
        format!("{{\"code\": {canary}}}"),
        canary.to_owned(),
    ];
    for path in server.operations().iter().chain([&path]) {
        for body in &bodies {
            let answer = server.request("POST", path, &headers, body.as_bytes());
            assert!((400..500).contains(&answer.status), "{answer:?}");
            assert!(NAMES.contains(&answer.problem().as_str()), "{answer:?}");
            assert!(!format!("{answer:?}").contains(canary), "{path} {body}: {answer:?}");
        }
    }
}

#[test]
fn each_request_has_an_id_of_its_own() {
    let server = start(&[]);
    let ids: Vec<String> = (0..20)
        .map(|_| server.request("GET", "/livez", &[("X-Request-Id", "mine")], b""))
        .map(|answer| answer.header("x-request-id").unwrap().to_owned())
        .collect();
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id) && id != "mine", "{ids:?}");
    }
}
