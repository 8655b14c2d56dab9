//! `POST /v1/login`: who gets in, who does not, and how often they may try.

use std::thread;

use auth_tests::{OTHER, PASSWORD, Server, start};
use serde_json::json;

const ADA: &str = "ada@example.org";

fn explicit() -> Server {
    start(&[("AUTH_DISCLOSURE", "explicit")])
}

#[test]
fn login_opens_a_session_of_the_account() {
    let server = start(&[]);
    server.register("Ada@Example.org", PASSWORD);
    let code = server.code("Ada@example.org");
    let account = server.activate(ADA, PASSWORD, &code).json()["account"].clone();
    let answer = server.login("  ADA@example.ORG ", PASSWORD);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("set-cookie"), None);
    let body = answer.json();
    assert_eq!(body["account"], account);
    assert_eq!(body["account"]["email"], "Ada@Example.org", "as it was spelled");
    assert_eq!(body["expires_in_seconds"], 30 * 86_400);
    let token = body["session_token"].as_str().unwrap();
    assert!(token.starts_with("auths_") && token.len() == 49, "{token}");
    let device = body["device_token"].as_str().unwrap();
    assert!(device.starts_with("authd_") && device.len() == 70, "{device}");
    assert_eq!(server.session(token).json()["account"], account);
}

#[test]
fn every_reason_to_refuse_is_the_one_401() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    server.register("pending@example.org", PASSWORD);
    for (address, password) in [
        (ADA, OTHER),
        ("pending@example.org", PASSWORD),
        ("pending@example.org", OTHER),
        ("nobody@example.org", OTHER),
    ] {
        let answer = server.login(address, password);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "login-refused"), "{address}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"auth\""));
    }
}

#[test]
fn explicit_deployments_tell_why() {
    let server = explicit();
    server.activated(ADA, PASSWORD);
    server.register("pending@example.org", PASSWORD);
    for (address, password, status, name) in [
        ("nobody@example.org", PASSWORD, 404, "account-not-found"),
        (ADA, OTHER, 401, "credentials-refused"),
        ("pending@example.org", OTHER, 401, "credentials-refused"),
        ("pending@example.org", PASSWORD, 403, "not-activated"),
    ] {
        let answer = server.login(address, password);
        assert_eq!((answer.status, answer.problem().as_str()), (status, name), "{address} {password}");
    }
    assert_eq!(server.login(ADA, PASSWORD).status, 200);
}

#[test]
fn what_is_wrong_with_a_body_is_named() {
    let server = start(&[]);
    for (body, field, code) in [
        (json!({ "email": ADA }), "password", "missing"),
        (json!({ "email": "ada", "password": PASSWORD }), "email", "address"),
        (json!({ "email": ADA, "password": "" }), "password", "empty"),
        (json!({ "email": ADA, "password": PASSWORD, "device_token": null }), "device_token", "type"),
        (json!({ "email": ADA, "password": PASSWORD, "device_token": ["x"] }), "device_token", "type"),
        (json!({ "email": ADA, "password": PASSWORD, "remember": "x" }), "", "unknown-field"),
    ] {
        let answer = server.post("/v1/login", &[], &body);
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{body}");
    }
    let doubled =
        format!(r#"{{"email":"{ADA}","password":"{PASSWORD}","device_token":"a","device_token":"b"}}"#);
    let json = [("Content-Type", "application/json")];
    let answer = server.request("POST", "/v1/login", &json, doubled.as_bytes());
    assert_eq!(answer.json()["errors"][0]["code"], "doubled");
}

/// Threat: parallel guesses, each compared before any is counted.
#[test]
fn of_100_wrong_passwords_at_once_ten_are_hashed() {
    let server = start(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"), ("AUTH_HASH_QUEUE", "1000")]);
    server.activated(ADA, PASSWORD);
    let before = server.metric("auth_hash_duration_seconds_count");
    let statuses: Vec<u16> = thread::scope(|scope| {
        let guesses = (0..100).map(|_| scope.spawn(|| server.login(ADA, OTHER).status));
        guesses.collect::<Vec<_>>().into_iter().map(|guess| guess.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert!(statuses.iter().all(|status| [401, 429].contains(status)), "{statuses:?}");
    assert_eq!(server.metric("auth_hash_duration_seconds_count") - before, 10.0);
    let limited = server.login(ADA, PASSWORD);
    assert_eq!(limited.problem(), "rate-limited");
    let wait: u64 = limited.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    server.shift_clock(900);
    assert_eq!(server.login(ADA, PASSWORD).status, 200, "a try has come back");
}

#[test]
fn right_passwords_cost_nothing() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    for n in 0..12 {
        assert_eq!(server.login(ADA, PASSWORD).status, 200, "{n}");
    }
}

/// Threat: a stranger guesses until the owner is locked out.
#[test]
fn owners_device_gets_in_while_a_stranger_guesses() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    let device = server.login(ADA, PASSWORD).json()["device_token"].as_str().unwrap().to_owned();
    (0..10).for_each(|_| assert_eq!(server.login(ADA, OTHER).status, 401));
    assert_eq!(server.login(ADA, PASSWORD).status, 429);
    assert_eq!(server.login_from(ADA, PASSWORD, "authd_forged").status, 429);
    assert_eq!(server.login_from(ADA, PASSWORD, &device).status, 200);
    // And it has tries of its own.
    let tried = (0..12).filter(|_| server.login_from(ADA, OTHER, &device).status == 401).count();
    assert_eq!(tried, 10);
}

#[test]
fn hash_of_earlier_parameters_is_replaced_at_the_next_login() {
    let server = start(&[("AUTH_SCRYPT", "5,8,1")]);
    server.activated(ADA, PASSWORD);
    let server = server.restart(&[("AUTH_SCRYPT", "6,8,1")]);
    let holds = |text: &str| server.stored().windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert_eq!(server.login(ADA, OTHER).status, 401);
    assert!(!holds("$scrypt$ln=6"), "a wrong password replaces nothing");
    let token = server.token(ADA, PASSWORD);
    assert!(holds("$scrypt$ln=6"), "the hash is today's");
    assert_eq!(server.session(&token).status, 200, "and the session counts");
    assert_eq!(server.login(ADA, PASSWORD).status, 200);
}

/// From scrypt to Argon2id and back: nobody notices.
#[test]
fn hash_of_another_function_is_replaced_at_the_next_login() {
    let server = start(&[]);
    server.activated(ADA, PASSWORD);
    let holds = |server: &Server, text: &str| {
        server.stored().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    let server = server.restart(&[("AUTH_ARGON2ID", "64,2,1")]);
    assert_eq!(server.login(ADA, OTHER).status, 401);
    assert!(!holds(&server, "$argon2id$"), "a wrong password replaces nothing");
    server.token(ADA, PASSWORD);
    assert!(holds(&server, "$argon2id$v=19$m=64,t=2,p=1$"), "the hash is today's");
    assert_eq!(server.login(ADA, PASSWORD).status, 200);
    assert_eq!(server.login(ADA, OTHER).status, 401);
    server.entered("bob@example.org", PASSWORD);
    let server = server.restart(&[("AUTH_ARGON2ID", "")]);
    for address in [ADA, "bob@example.org"] {
        assert_eq!(server.login(address, PASSWORD).status, 200, "{address}");
    }
}

#[test]
fn without_logins_only_registration_and_activation_are_there() {
    let server = start(&[("AUTH_LOGIN", "off")]);
    server.activated(ADA, PASSWORD);
    assert_eq!(server.login(ADA, PASSWORD).problem(), "not-found");
    for path in ["/v1/session", "/v1/sessions", "/v1/sessions/0123456789abcdef0123456789abcdef"] {
        assert_eq!(server.get(path).problem(), "not-found", "{path}");
    }
    let document = server.get("/openapi.json").json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["/v1/register", "/v1/resend", "/v1/activate", "/livez", "/readyz"]);
}
