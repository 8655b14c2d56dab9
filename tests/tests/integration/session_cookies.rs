//! Sessions in cookies: what a browser is given, and what its pages may ask.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Program, Server, start};
use serde_json::json;

const ADA: &str = "ada@example.org";
const ORIGIN: &str = "https://app.example.org";

/// Starts a server with cookies; requests of its own pages pass `own`.
fn with_cookies(more: &[(&str, &str)]) -> Server {
    start(&[&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", ORIGIN)][..], more].concat())
}

fn own() -> (&'static str, &'static str) {
    ("Origin", ORIGIN)
}

/// Registers and activates from the service's own pages.
fn activated(server: &Server) {
    let body = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(server.post("/v1/register", &[own()], &body).status, 202);
    let body = json!({ "email": ADA, "password": PASSWORD, "code": server.code(ADA) });
    assert_eq!(server.post("/v1/activate", &[own()], &body).status, 200);
}

fn login(server: &Server, more: &[(&str, &str)]) -> HttpAnswer {
    let headers = [&[own()], more].concat();
    server.post("/v1/login", &headers, &json!({ "email": ADA, "password": PASSWORD }))
}

/// Returns a cookie that an answer sets: its whole line, and what a browser sends back.
fn cookie(answer: &HttpAnswer, name: &str) -> (String, String) {
    let mut set =
        answer.headers.iter().filter(|(header, value)| header == "set-cookie" && value.starts_with(name));
    let (Some((_, line)), None) = (set.next(), set.next()) else { panic!("not one {name} in {answer:?}") };
    (line.clone(), line.split(';').next().unwrap().to_owned())
}

#[test]
fn login_gives_cookies_alone_that_recognise_and_are_cleared() {
    let server = with_cookies(&[]);
    activated(&server);
    let answer = login(&server, &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.body.contains("auths_") && !answer.body.contains("authd_"), "{}", answer.body);
    let (line, session) = cookie(&answer, "__Host-session=");
    let attributes: Vec<&str> = line.split("; ").skip(1).collect();
    assert_eq!(attributes, ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Lax", "Secure"]);
    let (line, device) = cookie(&answer, "__Host-device=");
    assert!(line.contains("Max-Age=31536000; HttpOnly"), "{line}");
    let cookies = format!("{device}; {session}");
    let asked = server.request("GET", "/v1/session", &[("Cookie", &cookies)], b"");
    assert_eq!(asked.json()["account"]["email"], ADA);
    assert_eq!(asked.header("set-cookie"), None, "recognising sets none");

    let confirmed =
        server.post("/v1/session/confirm", &[own(), ("Cookie", &cookies)], &json!({ "password": PASSWORD }));
    assert!(!confirmed.body.contains("auths_"), "{confirmed:?}");
    let (_, fresh) = cookie(&confirmed, "__Host-session=");
    assert_ne!(fresh, session);
    assert_eq!(server.request("GET", "/v1/session", &[("Cookie", &session)], b"").status, 401);

    let ended = server.request("DELETE", "/v1/session", &[own(), ("Cookie", &fresh)], b"");
    assert_eq!(ended.status, 204);
    assert!(cookie(&ended, "__Host-session=;").0.contains("Max-Age=0"), "{ended:?}");
    assert_eq!(server.request("GET", "/v1/session", &[("Cookie", &fresh)], b"").status, 401);
}

#[test]
fn known_device_is_told_by_its_cookie() {
    let server = with_cookies(&[]);
    activated(&server);
    let (_, device) = cookie(&login(&server, &[]), "__Host-device=");
    let guess = json!({ "email": ADA, "password": "not the password" });
    (0..10).for_each(|_| assert_eq!(server.post("/v1/login", &[own()], &guess).status, 401));
    assert_eq!(login(&server, &[]).status, 429);
    assert_eq!(login(&server, &[("Cookie", &device)]).status, 200);
}

/// Threat: another site's page that registers, activates, logs in or out, or ends sessions for its visitor (CSRF).
#[test]
fn what_changes_something_must_come_from_the_own_pages() {
    let server = with_cookies(&[]);
    activated(&server);
    let (_, session) = cookie(&login(&server, &[]), "__Host-session=");
    let body = json!({ "email": ADA, "password": PASSWORD, "code": "123456" }).to_string();
    let operations = [
        ("POST", "/v1/register"),
        ("POST", "/v1/resend"),
        ("POST", "/v1/activate"),
        ("POST", "/v1/login"),
        ("POST", "/v1/session/confirm"),
        ("DELETE", "/v1/session"),
        ("DELETE", "/v1/sessions"),
        ("DELETE", "/v1/sessions/0123456789abcdef0123456789abcdef"),
    ];
    let foreign = [
        None,
        Some(("Origin", "https://evil.example")),
        Some(("Origin", "null")),
        Some(("Sec-Fetch-Site", "cross-site")),
        Some(("Sec-Fetch-Site", "same-site")),
    ];
    for (method, path) in operations {
        for from in foreign {
            let headers = [("Content-Type", "application/json"), ("Cookie", session.as_str())];
            let headers = [&headers[..], from.as_slice()].concat();
            let answer = server.request(method, path, &headers, body.as_bytes());
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (403, "origin-refused"),
                "{path} {from:?}"
            );
        }
    }
    let cookie = [("Cookie", session.as_str())];
    assert_eq!(server.request("GET", "/v1/session", &cookie, b"").status, 200, "nothing has happened");
    let same = [("Cookie", session.as_str()), ("Sec-Fetch-Site", "same-origin")];
    assert_eq!(server.request("DELETE", "/v1/session", &same, b"").status, 204);
}

#[test]
fn token_and_cookie_at_once_are_400_and_tokens_that_exist_stay_good() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    let server = server.restart(&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "http://localhost:8000")]);
    assert_eq!(server.session(&token).status, 200);
    let answer = login(&server, &[("Sec-Fetch-Site", "same-origin")]);
    let (line, session) = cookie(&answer, "session=");
    assert!(!line.contains("Secure"), "plain HTTP on loopback: {line}");
    let authorization = format!("Bearer {token}");
    let both = [("Authorization", authorization.as_str()), ("Cookie", session.as_str())];
    let answer = server.request("GET", "/v1/session", &both, b"");
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"));
}

#[test]
fn without_the_setting_a_cookie_means_nothing() {
    let server = start(&[]);
    let token = server.entered(ADA, PASSWORD);
    for name in ["session", "__Host-session"] {
        let cookie = format!("{name}={token}");
        assert_eq!(server.request("GET", "/v1/session", &[("Cookie", &cookie)], b"").status, 401);
    }
}

#[test]
fn cookies_follow_a_new_password_and_end_with_the_account() {
    let server = with_cookies(&[]);
    activated(&server);
    let (_, session) = cookie(&login(&server, &[]), "__Host-session=");
    let body = json!({ "password": PASSWORD, "new_password": OTHER }).to_string();
    let headers = [own(), ("Cookie", session.as_str()), ("Content-Type", "application/json")];
    let changed = server.request("PUT", "/v1/password", &headers, body.as_bytes());
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(!changed.body.contains("auths_"), "{changed:?}");
    assert!(!changed.body.contains("authd_"), "{changed:?}");
    let (_, new) = cookie(&changed, "__Host-session=");
    cookie(&changed, "__Host-device=authd_");
    let recognised = |cookie: &str| server.request("GET", "/v1/session", &[("Cookie", cookie)], b"").status;
    assert_eq!((recognised(&session), recognised(&new)), (401, 200));

    server.wait_for_mails(ADA, 2);
    server.shift_clock(61);
    let body = json!({ "email": ADA });
    assert_eq!(server.post("/v1/password/forgot", &[own()], &body).status, 202);
    let mails = server.wait_for_mails(ADA, 3);
    let token = mails[0]["token"].as_str().unwrap();
    let body = json!({ "email": ADA, "token": token, "new_password": PASSWORD });
    let reset = server.post("/v1/password/reset", &[own()], &body);
    assert!(!reset.body.contains("authd_"), "{reset:?}");
    let (_, device) = cookie(&reset, "__Host-device=");
    assert_eq!(recognised(&new), 401);

    let (_, last) = cookie(&login(&server, &[("Cookie", &device)]), "__Host-session=");
    let deleted = server.request("DELETE", "/v1/account", &[own(), ("Cookie", &last)], b"");
    assert_eq!(deleted.status, 204, "{deleted:?}");
    for name in ["__Host-session=", "__Host-device="] {
        assert!(cookie(&deleted, name).0.contains("Max-Age=0"), "{deleted:?}");
    }
    assert_eq!(recognised(&last), 401);
}

#[test]
fn cookies_that_could_leak_are_refused_at_start() {
    for (settings, said) in [
        (&[("AUTH_SESSION_COOKIE", "on")][..], "AUTH_ORIGIN"),
        (&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "http://app.example.org")], "AUTH_ORIGIN"),
        (&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "https://app.example.org/x")], "AUTH_ORIGIN"),
        (
            &[
                ("AUTH_SESSION_COOKIE", "on"),
                ("AUTH_ORIGIN", ORIGIN),
                ("AUTH_CORS_ORIGINS", "https://other.example.org"),
            ],
            "AUTH_CORS_ORIGINS",
        ),
        (&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", ORIGIN), ("AUTH_LOGIN", "off")], "AUTH_LOGIN"),
        (&[("AUTH_SESSION_IDLE_SECONDS", "59")], "AUTH_SESSION_IDLE_SECONDS"),
        (&[("AUTH_SESSION_SECONDS", "100"), ("AUTH_SESSION_IDLE_SECONDS", "101")], "AUTH_SESSION_SECONDS"),
    ] {
        let refusal = Program::plain(settings).refusal(&[]);
        assert!(refusal.contains(said), "{settings:?}: {refusal}");
    }
}
