//! Owns `POST /v1/activate` where answers hide the state of an address.

use auth_tests::{OTHER, PASSWORD, start};
use serde_json::json;

const ADA: &str = "ada@example.org";

/// Returns a code of the same form that is another one.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('7') { '8' } else { '7' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[test]
fn activation_answers_200_with_a_message_alone() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let answer = server.activate(ADA, PASSWORD, &server.code(ADA));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let mut body = answer.json();
    assert!(body["message"].take().is_string());
    assert_eq!(body, json!({ "message": null }));
}

#[test]
fn every_reason_to_refuse_is_the_one_401_that_says_what_helps() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let active = "active@example.org";
    let used = server.activated(active, PASSWORD);
    for (reason, answer) in [
        ("wrong password", server.activate(ADA, OTHER, &code)),
        ("wrong code", server.activate(ADA, PASSWORD, &wrong(&code))),
        ("no account", server.activate("absent@example.org", PASSWORD, &code)),
        ("active, wrong password", server.activate(active, OTHER, &used)),
        ("active, wrong code", server.activate(active, PASSWORD, &wrong(&used))),
    ] {
        assert_eq!((answer.status, answer.problem().as_str()), (401, "activation-refused"), "{reason}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("Ask for a new code"), "{detail}");
        assert!(detail.contains("register again with your password"), "{detail}");
    }
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200, "none of it did any harm");
}

#[test]
fn address_in_any_spelling_names_the_same_account() {
    let server = start(&[]);
    for (registered, typed, mailed) in [
        ("Grace.Hopper@Example.ORG", "grace.hopper@EXAMPLE.org", "Grace.Hopper@example.org"),
        ("o'brien+tag@sub.Example.org", "O'BRIEN+TAG@SUB.EXAMPLE.ORG", "o'brien+tag@sub.example.org"),
        ("ada@Bücher.example", "ADA@xn--bcher-kva.EXAMPLE", "ada@xn--bcher-kva.example"),
        ("bob@xn--bcher-kva.example", "bob@BU\u{308}CHER\u{3002}example", "bob@xn--bcher-kva.example"),
    ] {
        assert_eq!(server.register(registered, PASSWORD).status, 202, "{registered}");
        let code = server.code(mailed);
        assert_eq!(server.activate(typed, PASSWORD, &code).status, 200, "{registered} as {typed}");
    }
}

#[test]
fn nothing_authenticates_before_activation() {
    // The one operation that takes credentials tells a pending account's right password no more
    // than a wrong one's.
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = wrong(&server.code(ADA));
    let bodies = [PASSWORD, OTHER].map(|password| {
        let mut body = server.activate(ADA, password, &code).json();
        body["request_id"].take();
        body
    });
    assert_eq!(bodies[0], bodies[1]);
}
