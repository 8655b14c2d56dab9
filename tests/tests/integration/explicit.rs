//! Answers of a deployment that discloses reasons, in the order of its checks.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, THIRD, start};
use serde_json::json;

const ADA: &str = "ada@example.org";
const ACTIVE: &str = "active@example.org";
const ABSENT: &str = "absent@example.org";

fn explicit() -> Server {
    start(&[("AUTH_DISCLOSURE", "explicit")])
}

fn told(answer: &HttpAnswer) -> (u16, String) {
    (answer.status, answer.problem())
}

fn problem(status: u16, name: &str) -> (u16, String) {
    (status, name.to_owned())
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
}

#[test]
fn registration_is_201_new_and_renewed() {
    let server = explicit();
    for (what, password) in [("new", PASSWORD), ("renewed", PASSWORD), ("replaced", OTHER)] {
        let answer = server.register(ADA, password);
        assert_eq!(answer.status, 201, "{what}: {answer:?}");
        let body = answer.json();
        assert!(body["message"].is_string(), "{what}");
        assert_eq!(
            (body["code_ttl_seconds"].as_u64(), body["resend_after_seconds"].as_u64()),
            (Some(600), Some(60))
        );
    }
}

#[test]
fn registration_of_an_active_address_is_409() {
    let server = explicit();
    server.activated(ACTIVE, PASSWORD);
    for password in [PASSWORD, OTHER] {
        assert_eq!(told(&server.register(ACTIVE, password)), problem(409, "email-taken"));
    }
    assert_eq!(told(&server.register(ACTIVE, "weak")), problem(422, "weak-password"), "checked before");
}

#[test]
fn registration_that_expired_is_new_again() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    server.shift_clock(86_401);
    assert_eq!(told(&server.activate(ADA, PASSWORD, &code)), problem(404, "account-not-found"));
    assert_eq!(told(&server.resend(ADA)), problem(404, "account-not-found"));
    assert_eq!(server.register(ADA, OTHER).status, 201);
    server.wait_for_mails(ADA, 2);
    assert_eq!(server.activate(ADA, OTHER, &server.code(ADA)).status, 200);
}

#[test]
fn resend_tells_pending_absent_and_active_apart() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    server.activated(ACTIVE, PASSWORD);
    let answer = server.resend(ADA);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["resend_after_seconds"], 60);
    assert_eq!(told(&server.resend(ABSENT)), problem(404, "account-not-found"));
    assert_eq!(told(&server.resend(ABSENT)), problem(404, "account-not-found"), "asking leaves no account");
    assert_eq!(told(&server.resend(ACTIVE)), problem(409, "already-active"));
}

#[test]
fn activation_is_200_and_then_409_for_any_well_formed_request() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200);
    for (password, code) in [(PASSWORD, code.clone()), (PASSWORD, wrong(&code)), (OTHER, code.clone())] {
        assert_eq!(told(&server.activate(ADA, password, &code)), problem(409, "already-active"));
    }
    server.shift_clock(100_000);
    assert_eq!(told(&server.activate(ADA, PASSWORD, &code)), problem(409, "already-active"));
}

#[test]
fn absent_account_is_404_whatever_else_is_wrong() {
    let server = explicit();
    assert_eq!(told(&server.activate(ABSENT, PASSWORD, "123456")), problem(404, "account-not-found"));
}

#[test]
fn wrong_password_is_401_before_the_code_is_looked_at() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    for typed in [code.clone(), wrong(&code)] {
        let answer = server.activate(ADA, OTHER, &typed);
        assert_eq!(told(&answer), problem(401, "credentials-refused"));
        assert!(answer.json()["detail"].as_str().unwrap().contains("register again with your password"));
    }
    server.shift_clock(601);
    let answer = server.activate(ADA, OTHER, &code);
    assert_eq!(told(&answer), problem(401, "credentials-refused"), "also where the code has expired");
}

#[test]
fn no_credentials_are_answered_like_a_wrong_password() {
    let server = explicit();
    let code = json!({ "code": "123456" });
    for headers in [&[][..], &[("Authorization", "Bearer x")]] {
        let answer = server.post("/v1/activate", headers, &code);
        assert_eq!(told(&answer), problem(401, "credentials-refused"), "{headers:?}");
    }
}

#[test]
fn expired_code_is_410_before_it_is_compared() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    server.shift_clock(601);
    for typed in [code.clone(), wrong(&code)] {
        assert_eq!(told(&server.activate(ADA, PASSWORD, &typed)), problem(410, "code-expired"));
    }
}

#[test]
fn wrong_code_is_400_until_its_tries_are_used_up_and_then_410() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    for _ in 0..5 {
        assert_eq!(told(&server.activate(ADA, PASSWORD, &wrong(&code))), problem(400, "code-wrong"));
    }
    let answer = server.activate(ADA, PASSWORD, &code);
    assert_eq!(told(&answer), problem(410, "code-expired"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("Ask for a new code"));
}

#[test]
fn attempt_that_was_replaced_is_a_wrong_password_and_a_wrong_code() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    let old = server.code(ADA);
    server.register(ADA, OTHER);
    assert_eq!(told(&server.activate(ADA, PASSWORD, &old)), problem(401, "credentials-refused"));
    assert_eq!(told(&server.activate(ADA, OTHER, &old)), problem(410, "code-expired"), "none is mailed yet");
    server.pass(61);
    server.wait_for_mails(ADA, 2);
    assert_eq!(told(&server.activate(ADA, OTHER, &old)), problem(400, "code-wrong"));
}

#[test]
fn malformed_request_is_the_same_in_every_state() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    server.activated(ACTIVE, PASSWORD);
    for address in [ADA, ACTIVE, ABSENT] {
        assert_eq!(told(&server.activate(address, PASSWORD, "12345")), problem(400, "invalid-request"));
        assert_eq!(told(&server.register(address, "weak")), problem(422, "weak-password"));
        let no_credentials = server.post("/v1/activate", &[], &serde_json::json!({ "code": "123456" }));
        assert_eq!(told(&no_credentials), problem(401, "credentials-refused"));
        assert_eq!(
            told(&server.activate_in_body(address, PASSWORD, "12345")),
            problem(400, "invalid-request")
        );
    }
}

#[test]
fn reasons_are_the_same_for_credentials_in_the_body() {
    let server = explicit();
    server.register(ADA, PASSWORD);
    server.activated(ACTIVE, PASSWORD);
    let code = server.code(ADA);
    let activate = |address, password, code: &str| told(&server.activate_in_body(address, password, code));
    assert_eq!(activate(ABSENT, PASSWORD, &code), problem(404, "account-not-found"));
    assert_eq!(activate(ACTIVE, OTHER, &code), problem(409, "already-active"));
    assert_eq!(activate(ADA, OTHER, &code), problem(401, "credentials-refused"));
    assert_eq!(activate(ADA, PASSWORD, &wrong(&code)), problem(400, "code-wrong"));
    assert_eq!(server.activate_in_body(ADA, PASSWORD, &code).status, 200);
    server.register("late@example.org", PASSWORD);
    let code = server.code("late@example.org");
    server.shift_clock(601);
    assert_eq!(activate("late@example.org", PASSWORD, &code), problem(410, "code-expired"));
}

#[test]
fn mail_of_the_latest_attempt_opens_it_in_explicit_too() {
    let server = explicit();
    for password in [PASSWORD, OTHER, THIRD] {
        server.register(ADA, password);
        server.pass(130);
    }
    let code = server.wait_for_mails(ADA, 3)[0]["code"].as_str().unwrap().to_owned();
    assert_eq!(server.activate(ADA, THIRD, &code).status, 200);
}
