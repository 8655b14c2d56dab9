//! Where passwords, codes and addresses must never show.

use auth_tests::{HttpAnswer, Server, basic, start};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

const ADDRESS: &str = "c4n4ry.address@example.org";
const PASSWORD: &str = "c4n4ry passphrase of some length";
const WRONG: &str = "c4n4ry passphrase that is wrong";
const WEAK: &str = "c4n4ry1";
const WRONG_CODE: &str = "C4N4RYC4N4RYC4N4RYC4";
const WRONG_TOKEN: &str = "auths_c4n4ry";

/// A setting for long codes: none is in a file by chance.
fn settings<'a>(format: &'a str, level: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("AUTH_LOG", level),
        ("AUTH_LOG_FORMAT", format),
        ("AUTH_CODE_ALPHABET", "crockford"),
        ("AUTH_CODE_LENGTH", "20"),
    ]
}

/// Does everything that a visitor can do, right and wrong; returns the answers, and what is secret in them: the code, and
/// the tokens of sessions and devices.
fn everything(server: &Server) -> (Vec<HttpAnswer>, Vec<String>) {
    let mut answers = vec![
        server.register(ADDRESS, WEAK),
        server.register(ADDRESS, PASSWORD),
        server.register(ADDRESS, PASSWORD),
        server.post(
            "/v1/register",
            &[],
            &json!({ "email": ADDRESS, "password": PASSWORD, "c4n4ry": PASSWORD }),
        ),
        server.post("/v1/register", &[], &json!({ "email": [ADDRESS], "password": format!("{PASSWORD}\n") })),
        server.request("POST", "/v1/register", &[("Content-Type", "application/json")], PASSWORD.as_bytes()),
        server.request("POST", &format!("/{PASSWORD}?{PASSWORD}").replace(' ', "+"), &[], b""),
        server.request("GET", "/livez", &[("Authorization", &basic(ADDRESS, PASSWORD))], PASSWORD.as_bytes()),
    ];
    let code = server.code(ADDRESS);
    for (password, code) in
        [(WRONG, code.as_str()), (PASSWORD, WRONG_CODE), (PASSWORD, &code), (PASSWORD, &code)]
    {
        answers.push(server.activate(ADDRESS, password, code));
    }
    answers.push(server.activate(&format!("{ADDRESS}\u{1}"), PASSWORD, &code));
    answers.push(server.activate(ADDRESS, PASSWORD, &format!("{code}c4n4ry")));
    answers.push(server.register(ADDRESS, PASSWORD));
    answers.push(server.resend(ADDRESS));
    let mut secrets = vec![code];
    answers.push(server.login(ADDRESS, WRONG));
    let entered = server.login(ADDRESS, PASSWORD);
    let mut token = String::new();
    for name in ["device_token", "session_token"] {
        token = entered.json()[name].as_str().unwrap().to_owned();
        secrets.push(token.clone());
    }
    answers.push(server.session(&token));
    answers.push(server.with_token("GET", "/v1/sessions", &token));
    answers.push(server.with_token("GET", "/v1/session", WRONG_TOKEN));
    answers.push(server.confirm(&token, WRONG));
    let confirmed = server.confirm(&token, PASSWORD);
    token = confirmed.json()["session_token"].as_str().unwrap().to_owned();
    secrets.push(token.clone());
    answers.push(server.with_token("DELETE", "/v1/sessions/x", &token));
    answers.push(server.with_token("DELETE", "/v1/session", &token));
    server.wait_for_mails(ADDRESS, 2);
    server.wait_until_nothing_is_due();
    (answers, secrets)
}

fn secrets(found: &[String]) -> Vec<String> {
    let mut secrets: Vec<String> =
        [PASSWORD, WRONG, WEAK, WRONG_CODE, WRONG_TOKEN].map(str::to_owned).to_vec();
    secrets.extend_from_slice(found);
    secrets.push(PASSWORD.replace(' ', "+"));
    for password in [PASSWORD, WRONG] {
        // Base64 depends on the alignment, so both the whole header's value and the password's own.
        secrets.push(STANDARD.encode(format!("{ADDRESS}:{password}")));
        secrets.push(STANDARD.encode(password).trim_end_matches('=').to_owned());
    }
    secrets
}

#[test]
fn logs_show_no_password_code_or_address_but_the_development_mailers() {
    for (format, level) in [("json", "trace"), ("pretty", "trace"), ("json", "info")] {
        let mut server = start(&settings(format, level));
        let (_, found) = everything(&server);
        let code = &found[0];
        server.terminate();
        let log = server.whole_log();
        assert!(
            log.contains("activated") && log.contains(code),
            "it does log, the mailer's code too:\n{log}"
        );
        for line in log.lines() {
            let mailers = line.contains("development mail");
            for secret in secrets(&found) {
                assert!(!line.contains(&secret) || (mailers && secret == *code), "{secret} in {line}");
            }
            assert!(mailers || !line.to_lowercase().contains("c4n4ry"), "{line}");
        }
    }
}

#[test]
fn answers_metrics_and_pages_show_no_password_or_code() {
    let server = start(&settings("json", "info"));
    let (answers, found) = everything(&server);
    let pages =
        [server.scrape("/metrics"), server.get("/openapi.json"), server.get("/docs"), server.get("/readyz")];
    for answer in answers.iter().chain(&pages) {
        // Whoever has the session or the code is told whose account it is.
        let whole = format!("{answer:?}").replace(ADDRESS, "");
        assert!(!whole.contains("c4n4ry"), "{whole}");
        assert!(found.iter().all(|secret| !whole.contains(secret)), "{whole}");
    }
}

#[test]
fn database_holds_neither_password_nor_code() {
    let mut server = start(&settings("json", "info"));
    let (_, mut found) = everything(&server);
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let kept = server.post("/v1/login", &[("User-Agent", "of-the-kept-session")], &body);
    let token = kept.json()["session_token"].as_str().unwrap().to_owned();
    let digits = URL_SAFE_NO_PAD.decode(token.strip_prefix("auths_").unwrap()).unwrap();
    found.extend([token, kept.json()["device_token"].as_str().unwrap().to_owned()]);
    server.register("c4n4ry.pending@example.org", PASSWORD);
    let pending = server.code("c4n4ry.pending@example.org");
    server.register("c4n4ry.pending@example.org", WRONG);
    server.terminate();
    server.wait();
    let database = server.stored();
    let has = |wanted: &[u8]| database.windows(wanted.len()).any(|bytes| bytes == wanted);
    let holds = |text: &str| has(text.as_bytes());
    assert!(holds(ADDRESS) && holds("$scrypt$"), "it is the database");
    assert!(holds("of-the-kept-session") && !has(&digits), "the session is there, its token is not");
    for secret in secrets(&found).iter().chain([&pending]) {
        assert!(!holds(secret), "{secret}");
    }
}

#[test]
fn input_forges_no_log_line() {
    for format in ["json", "pretty"] {
        let mut server = start(&settings(format, "trace"));
        let forged =
            "x\r\n{\"level\":\"ERROR\",\"message\":\"F0RGED\"}\r\n\u{1b}[31mF0RGED\u{1b}[0m\u{9b}31m";
        server.register(forged, PASSWORD);
        server.register("ada@example.org", forged);
        server.activate(forged, forged, "123456");
        server.activate("ada@example.org", PASSWORD, forged);
        server.get("/%0d%0aF0RGED%1b[31m");
        for head in [
            "GET /\u{1b}[31mF0RGED HTTP/1.1\r\nHost: x\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \u{1b}[31mF0RGED\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: F0RGED\u{9b}31m\r\n",
            "F0RGED / HTTP/1.1\r\nHost: F0RGED\r\nReferer: F0RGED\r\n",
        ] {
            server.raw(format!("{head}Connection: close\r\n\r\n").as_bytes());
        }
        server.terminate();
        let log = server.whole_log();
        assert!(!log.contains("F0RGED") && !log.contains("\u{1b}[31mF"), "{log}");
        if format == "json" {
            assert!(!log.contains('\u{1b}'), "{log}");
            for line in log.lines() {
                assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
            }
        }
    }
}

#[test]
fn outcomes_are_audited_with_their_true_reason_and_a_pseudonym() {
    let mut server = start(&settings("json", "info"));
    everything(&server);
    let token = server.token(ADDRESS, PASSWORD);
    let id = server.session(&token).json()["session"]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.with_token("DELETE", &format!("/v1/sessions/{id}"), &token).status, 204);
    server.register("other@example.org", PASSWORD);
    server.terminate();
    let log = server.whole_log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let audit: Vec<Value> = lines.filter(|line| line["target"] == "audit").collect();
    let events: Vec<&str> = audit.iter().map(|line| line["fields"]["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        [
            "weak_password",
            "registered",
            "registered_again",
            "wrong_password",
            "wrong_code",
            "activated",
            "activated_again",
            "already_active",
            "already_active",
            "wrong_password",
            "logged_in",
            "wrong_password",
            "confirmed",
            "logged_out",
            "logged_in",
            "logged_out",
            "registered"
        ]
    );
    let all = |name: &str| audit.iter().filter_map(|line| line["fields"][name].as_str()).collect::<Vec<_>>();
    let (addresses, sessions) = (all("address"), all("session"));
    assert!(addresses[..12].iter().all(|pseudonym| *pseudonym == addresses[0]), "one address, one name");
    assert_ne!(addresses[0], addresses[12], "another address, another name");
    assert!(addresses.len() == 13 && sessions.len() == 4, "{audit:#?}");
    assert_eq!(sessions[0], sessions[1], "one session, one name");
    assert_ne!(sessions[1], sessions[2], "the one in its place has another");
    assert!(audit.iter().all(|line| line["span"]["id"].is_string()), "with the request's id: {}", audit[0]);
}
