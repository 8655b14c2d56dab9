//! Heads of requests that reach no operation: unreadable ones, too large ones, ones without a host.

use auth_tests::{HttpAnswer, Server, parse, start, until};

const APP: &str = "https://app.example";

fn said(server: &Server, bytes: impl AsRef<[u8]>) -> HttpAnswer {
    parse(&server.raw(bytes.as_ref()))
}

/// Checks what every answer has, also one to a request that could not be read.
fn is(answer: &HttpAnswer, status: u16, name: &str, what: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{what}: {answer:?}");
    for (header, value) in
        [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("connection", "close")]
    {
        assert_eq!(answer.header(header), Some(value), "{what}: {answer:?}");
    }
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()), "{what}");
    assert!(answer.header("date").is_some(), "{what}: {answer:?}");
}

#[test]
fn head_that_is_no_http_is_a_problem() {
    let server = start(&[]);
    for head in [
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "EHLO example.org\r\n\r\n",
    ] {
        let answer = said(&server, head);
        is(&answer, 400, "invalid-request", head);
        assert_eq!(answer.json()["errors"][0]["code"], "http", "{head}");
    }
    assert_eq!(server.get("/livez").status, 200);
}

#[test]
fn head_of_more_than_16_kilobytes_is_a_problem() {
    let server = start(&[]);
    for (what, size) in [("a little more", 17_000), ("much more", 1_000_000)] {
        let big = "x".repeat(size);
        let head = format!("GET /livez HTTP/1.1\r\nHost: x\r\nBaggage: {big}\r\n\r\n");
        is(&said(&server, head), 431, "head-too-large", what);
        let path = format!("GET /{big} HTTP/1.1\r\nHost: x\r\n\r\n");
        is(&said(&server, path), 431, "head-too-large", what);
    }
    let many = "X: y\r\n".repeat(200);
    is(&said(&server, format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")), 431, "head-too-large", "many");
}

#[test]
fn front_end_can_read_why_its_head_was_refused() {
    let server = start(&[("AUTH_CORS_ORIGINS", APP)]);
    let big = "x".repeat(20_000);
    let origin = format!("oRiGiN:  {APP}\r\n");
    for (what, status, head) in [
        ("before it", 431, format!("{origin}Baggage: {big}\r\n")),
        ("behind it", 431, format!("Baggage: {big}\r\n{origin}")),
        ("malformed", 400, format!("{origin}Content-Length: x\r\n")),
        ("malformed, before", 400, format!("Bad Name: x\r\n{origin}")),
    ] {
        let answer = said(&server, format!("POST /v1/register HTTP/1.1\r\nHost: x\r\n{head}\r\n"));
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{what}: {answer:?}");
        assert!(answer.header("access-control-expose-headers").is_some(), "{what}");
        answer.problem();
    }
    for (what, origin) in [
        ("another origin", "Origin: https://evil.example\r\n"),
        ("no origin", ""),
        ("in the text of another header", "X: Origin: https://app.example\r\n"),
    ] {
        let answer = said(&server, format!("GET / HTTP/1.1\r\nHost: x\r\n{origin}Baggage: {big}\r\n\r\n"));
        assert_eq!(answer.header("access-control-allow-origin"), None, "{what}: {answer:?}");
        assert!(answer.header("vary").unwrap().contains("Origin"), "{what}");
    }
}

#[test]
fn refused_head_is_answered_behind_what_was_asked_before() {
    let server = start(&[("AUTH_CORS_ORIGINS", APP)]);
    let good = format!("GET /livez HTTP/1.1\r\nHost: {}\r\nOrigin: {APP}\r\n\r\n", server.authority());
    let mut wire = server.wire();
    wire.send(good.repeat(3) + "GET / HTTP/1.1\r\nno header\r\n\r\n");
    for _ in 0..3 {
        assert_eq!(wire.answer().unwrap().status, 200);
    }
    let refused = wire.answer().unwrap();
    is(&refused, 400, "invalid-request", "the fourth");
    assert_eq!(wire.rest(), "", "and nothing else");
}

#[test]
fn refused_heads_are_logged_and_counted() {
    let server = start(&[]);
    let answer = said(&server, "GET / HTTP/1.1\r\nno header\r\n\r\n");
    let id = answer.header("x-request-id").unwrap().to_owned();
    until("a line of the log", || server.log().contains(&id).then_some(()));
    assert!(server.metric(r#"auth_http_answers_total{operation="none",status="400"}"#) >= 1.0);
}

#[test]
fn http_1_1_without_exactly_one_host_is_400() {
    let server = start(&[]);
    let body = r#"{"email":"ada@example.org"}"#;
    let about = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    for (what, host) in
        [("none", ""), ("two", "Host: a\r\nHost: b\r\n"), ("the same twice", "Host: a\r\nHost: a\r\n")]
    {
        let head = format!("POST /v1/resend HTTP/1.1\r\n{host}{about}\r\nConnection: close\r\n\r\n{body}");
        let answer = said(&server, head);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{what}");
        assert_eq!(answer.json()["errors"][0]["code"], "host", "{what}");
    }
    let old = said(&server, format!("POST /v1/resend HTTP/1.0\r\n{about}\r\n\r\n{body}"));
    assert_eq!(old.status, 202, "HTTP/1.0 knows no Host: {old:?}");
}
