//! `/v1/email`: an account moves to another address.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, start};
use serde_json::json;

const ADA: &str = "ada@example.org";
const NEW: &str = "ada@new.example";

fn is(answer: &HttpAnswer, status: u16, name: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{answer:?}");
}

fn asks(server: &Server, session: &str, address: &str) -> HttpAnswer {
    server.send_with_token("PUT", "/v1/email", session, &json!({ "email": address }))
}

fn confirms(server: &Server, session: &str, code: &str) -> HttpAnswer {
    server.send_with_token("POST", "/v1/email/confirm", session, &json!({ "code": code }))
}

/// Asks for a move, and returns the code that the new address gets.
fn code(server: &Server, session: &str, address: &str) -> String {
    let answer = asks(server, session, address);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["code_ttl_seconds"], 600);
    let mails = server.wait_for_mails(address, 1);
    mails[0]["code"].as_str().unwrap_or_else(|| panic!("no code in {:?}", mails[0])).to_owned()
}

#[test]
fn code_from_the_new_address_moves_the_account_and_ends_every_session() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    let other = server.token(ADA, PASSWORD);
    let account = server.session(&session).json()["account"].clone();
    let code = code(&server, &session, "Ada@new.example");
    is(&server.login(NEW, PASSWORD), 401, "login-refused");
    assert_eq!(server.mails_to(ADA).len(), 1, "asking tells the old address nothing");
    is(&confirms(&server, &session, "000000"), 400, "code-wrong");
    is(&confirms(&server, &session, "no code"), 400, "invalid-request");
    is(&confirms(&server, "auths_none", &code), 401, "no-session");
    let answer = confirms(&server, &session, &code);
    assert_eq!(answer.status, 200, "{answer:?}");
    let moved = answer.json();
    assert_eq!(moved["account"]["id"], account["id"]);
    assert_eq!(moved["account"]["email"], "Ada@new.example");
    for ended in [&session, &other] {
        is(&server.session(ended), 401, "no-session");
    }
    let new = moved["session_token"].as_str().unwrap();
    assert_eq!(server.session(new).header("x-auth-email"), Some(NEW));
    is(&server.login(ADA, PASSWORD), 401, "login-refused");
    assert_eq!(server.login(NEW, PASSWORD).status, 200);
    let device = moved["device_token"].as_str().unwrap();
    (0..12).for_each(|_| drop(server.login(NEW, OTHER)));
    assert_eq!(server.login_from(NEW, PASSWORD, device).status, 200, "the device is a known one");
    let told = server.wait_for_mails(ADA, 2);
    assert!(told[0]["subject"].as_str().unwrap().contains("address was changed"), "{:?}", told[0]);
    is(&confirms(&server, new, &code), 400, "code-wrong");
}

#[test]
fn asking_needs_a_fresh_session_and_shows_nothing_of_the_address() {
    let server = start(&[("AUTH_FRESH_SECONDS", "60")]);
    server.activated("bob@example.org", PASSWORD);
    server.register("pending@example.org", PASSWORD);
    server.wait_for_mails("pending@example.org", 1);
    let session = server.entered(ADA, PASSWORD);
    let addresses = ["bob@example.org", "pending@example.org", "nobody@example.org", "ADA@example.org"];
    let answers = addresses.map(|address| asks(&server, &session, address));
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (202, &answers[0].body), "{answer:?}");
    }
    let told = server.wait_for_mails("bob@example.org", 2);
    assert!(told[0]["code"].is_null(), "its owner gets a notice: {:?}", told[0]);
    let spelled = server.session(&session).json()["account"]["email"].clone();
    assert_eq!(spelled, "ADA@example.org", "another spelling is taken at once");
    is(&asks(&server, &session, "no address"), 400, "invalid-request");
    is(&asks(&server, "auths_none", NEW), 401, "no-session");
    server.pass(61);
    is(&asks(&server, &session, NEW), 403, "confirm-first");
}

#[test]
fn explicit_says_that_the_address_is_taken() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    server.activated("bob@example.org", PASSWORD);
    let session = server.entered(ADA, PASSWORD);
    is(&asks(&server, &session, "bob@example.org"), 409, "email-taken");
    assert_eq!(asks(&server, &session, NEW).status, 202);
}

#[test]
fn of_two_accounts_that_move_to_one_address_the_first_one_gets_it() {
    let server = start(&[]);
    let (ada, bob) = (server.entered(ADA, PASSWORD), server.entered("bob@example.org", PASSWORD));
    let adas = code(&server, &ada, NEW);
    server.pass(61);
    assert_eq!(asks(&server, &bob, NEW).status, 202);
    let bobs = server.wait_for_mails(NEW, 2)[0]["code"].as_str().unwrap().to_owned();
    assert_eq!(confirms(&server, &ada, &adas).status, 200);
    is(&confirms(&server, &bob, &bobs), 400, "code-wrong");
    assert_eq!(server.session(&bob).status, 200, "it stays where it is");
}

/// Threat: pre-hijacking (Sudhodanan & Paverd, USENIX Security 2022): a change of address that outlives a new password.
#[test]
fn a_new_password_ends_a_change_that_waits() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    let code = code(&server, &session, NEW);
    let changed = server.change(&session, PASSWORD, OTHER);
    let session = changed.json()["session_token"].as_str().unwrap().to_owned();
    is(&confirms(&server, &session, &code), 400, "code-wrong");
    is(&server.login(NEW, OTHER), 401, "login-refused");
}

#[test]
fn changes_of_address_are_limited_apart_from_those_of_the_password() {
    let server = start(&[]);
    let session = server.entered(ADA, PASSWORD);
    for n in 0..10 {
        assert_eq!(asks(&server, &session, &format!("ada{n}@new.example")).status, 202);
    }
    is(&asks(&server, &session, NEW), 429, "rate-limited");
    assert_eq!(server.change(&session, PASSWORD, OTHER).status, 200, "its owner can still end every session");
}

#[test]
fn cookies_follow_a_new_address_and_other_sites_change_nothing() {
    let server = start(&[("AUTH_SESSION_COOKIE", "on"), ("AUTH_ORIGIN", "http://localhost:8000")]);
    let own = ("Origin", "http://localhost:8000");
    let json_type = ("Content-Type", "application/json");
    let body = |value: serde_json::Value| value.to_string().into_bytes();
    let set = |answer: &HttpAnswer, name: &str| {
        let line =
            answer.headers.iter().find(|(header, value)| header == "set-cookie" && value.starts_with(name));
        line.map(|(_, value)| value.split(';').next().unwrap().to_owned())
    };
    assert_eq!(
        server.post("/v1/register", &[own], &json!({ "email": ADA, "password": PASSWORD })).status,
        202
    );
    let mails = server.wait_for_mails(ADA, 1);
    let activate = json!({ "email": ADA, "password": PASSWORD, "code": mails[0]["code"] });
    assert_eq!(server.post("/v1/activate", &[own], &activate).status, 200);
    let login = server.post("/v1/login", &[own], &json!({ "email": ADA, "password": PASSWORD }));
    let session = set(&login, "session=").unwrap();
    for (method, path, content) in [
        ("PUT", "/v1/email", json!({ "email": NEW })),
        ("POST", "/v1/email/confirm", json!({ "code": "000000" })),
    ] {
        let headers = [("Origin", "https://evil.example.org"), ("Cookie", session.as_str()), json_type];
        is(&server.request(method, path, &headers, &body(content)), 403, "origin-refused");
    }
    let headers = [own, ("Cookie", session.as_str()), json_type];
    let asked = server.request("PUT", "/v1/email", &headers, &body(json!({ "email": NEW })));
    assert_eq!(asked.status, 202, "{asked:?}");
    let code = server.wait_for_mails(NEW, 1)[0]["code"].clone();
    let moved = server.request("POST", "/v1/email/confirm", &headers, &body(json!({ "code": code })));
    assert_eq!(moved.status, 200, "{moved:?}");
    assert!(!moved.body.contains("auths_") && !moved.body.contains("authd_"), "{moved:?}");
    let new = set(&moved, "session=").unwrap();
    assert!(set(&moved, "device=authd_").is_some(), "{moved:?}");
    let recognised = |cookie: &str| server.request("GET", "/v1/session", &[("Cookie", cookie)], b"").status;
    assert_eq!((recognised(&session), recognised(&new)), (401, 200));
}
