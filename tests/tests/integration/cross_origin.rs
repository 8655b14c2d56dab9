//! Front ends of other origins: which origins may be listed, in which spellings, and what their preflights may request.

use auth_tests::{HttpAnswer, PASSWORD, Program, Server, start};
use serde_json::json;

const APP: &str = "https://app.example";

fn preflight(server: &Server, origin: &str, asked: &str) -> HttpAnswer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", asked),
    ];
    server.request("OPTIONS", "/v1/activate", &headers, b"")
}

fn allowed(answer: &HttpAnswer) -> Vec<&str> {
    let list = answer.header("access-control-allow-headers").unwrap_or_else(|| panic!("{answer:?}"));
    list.split(", ").collect()
}

#[test]
fn origins_are_listed_in_any_spelling_and_match_what_browsers_send() {
    for (listed, sent) in [
        ("HTTPS://App.Example", "https://app.example"),
        ("https://app.example:443", "https://app.example"),
        ("http://app.example:80", "http://app.example"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("http://app.example:443", "http://app.example:443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example:443", "https://xn--bcher-kva.example"),
        ("http://[0:0::1]:5173", "http://[::1]:5173"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("ionic://localhost", "ionic://localhost"),
        ("Tauri://LocalHost", "tauri://localhost"),
        ("https://tauri.localhost", "https://tauri.localhost"),
    ] {
        let server = start(&[("AUTH_CORS_ORIGINS", listed)]);
        let body = json!({ "email": "ada@example.org" });
        let answer = server.post("/v1/resend", &[("Origin", sent)], &body);
        assert_eq!(answer.header("access-control-allow-origin"), Some(sent), "{listed}");
        assert_eq!(preflight(&server, sent, "content-type").status, 204, "{listed}");
    }
}

#[test]
fn what_no_browser_could_send_is_refused_at_start() {
    for listed in [
        "https://app.example/",
        "https://app.example/login",
        "https://user@app.example",
        "https://user:password@app.example",
        "https://app.example#x",
        "https://app.example:0x50",
        "https://app.example:65536",
        "https://app.example:",
        "https:app.example",
        "https:\\\\app.example",
        "https://app example",
        "https://xn--a.example",
        "https://exa%2fmple.org",
        "//app.example",
        "://app.example",
        "capacitor://",
        "capacitor://localhost/",
        "capacitor://*",
        "capacitor://bücher.example",
        "1password://localhost",
        "file://localhost",
        "data://x",
        "ws://app.example",
        "wss://app.example",
    ] {
        let said = Program::plain(&[("AUTH_CORS_ORIGINS", listed)]).refusal(&[]);
        let helps = said.contains("AUTH_CORS_ORIGINS") && said.contains("https://app.example.org");
        assert!(helps, "{listed}: {said}");
    }
}

#[test]
fn preflight_allows_the_headers_that_it_asks_for() {
    let server = start(&[("AUTH_CORS_ORIGINS", APP)]);
    let answer = preflight(&server, APP, "traceparent,sentry-trace, baggage ,X-Requested-With,content-type");
    let allowed = allowed(&answer);
    for name in
        ["traceparent", "sentry-trace", "baggage", "x-requested-with", "content-type", "authorization"]
    {
        assert_eq!(allowed.iter().filter(|one| **one == name).count(), 1, "{name}: {allowed:?}");
    }
    let without = server.request("OPTIONS", "/v1/activate", &[("Origin", APP)], b"");
    assert!(self::allowed(&without).contains(&"authorization"), "{without:?}");
}

#[test]
fn preflight_allows_names_alone_and_so_many() {
    let server = start(&[("AUTH_CORS_ORIGINS", APP)]);
    let answer = preflight(&server, APP, "a b, x:y, <script>, *, é, \"q\", , good-one");
    let named = allowed(&answer);
    assert!(
        named.contains(&"good-one") && named.iter().all(|name| !name.contains([' ', ':', '<', '*', '"']))
    );
    let many: Vec<String> = (0..500).map(|n| format!("x-{n}")).collect();
    let answer = preflight(&server, APP, &many.join(","));
    assert!((33..=40).contains(&allowed(&answer).len()), "{answer:?}");
    let long = format!("{},x-short", "y".repeat(5000));
    assert!(answer.header("access-control-allow-headers").unwrap().len() < 1000);
    assert!(preflight(&server, APP, &long).header("access-control-allow-headers").unwrap().len() < 1000);
}

#[test]
fn front_end_that_activates_in_the_body_reads_every_answer() {
    let server = start(&[("AUTH_CORS_ORIGINS", APP)]);
    server.register("ada@example.org", PASSWORD);
    let code = server.code("ada@example.org");
    for (code, status) in [("1", 400), ("000000", 401), (code.as_str(), 200)] {
        let body = json!({ "email": "ada@example.org", "password": PASSWORD, "code": code });
        let answer = server.post("/v1/activate", &[("Origin", APP)], &body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{answer:?}");
    }
}
