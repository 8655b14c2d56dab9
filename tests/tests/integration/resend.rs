//! `POST /v1/resend` where answers hide the state of an address.

use auth_tests::{PASSWORD, start};
use serde_json::json;

const ADA: &str = "ada@example.org";

#[test]
fn resend_is_accepted_with_the_configured_times_in_every_state() {
    let server = start(&[]);
    server.register("pending@example.org", PASSWORD);
    server.activated("active@example.org", PASSWORD);
    for address in ["pending@example.org", "active@example.org", "absent@example.org"] {
        let answer = server.resend(address);
        assert_eq!(answer.status, 202, "{answer:?}");
        let mut body = answer.json();
        assert!(body["message"].take().is_string());
        assert_eq!(body, json!({ "message": null, "code_ttl_seconds": 600, "resend_after_seconds": 60 }));
    }
}

#[test]
fn resend_mails_another_code_once_the_interval_allows() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let first = server.code(ADA);
    assert_eq!(server.resend(ADA).status, 202);
    server.pass(61);
    let second = server.wait_for_mails(ADA, 2)[0]["code"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    assert_eq!(server.activate(ADA, PASSWORD, &second).status, 200);
}

#[test]
fn resend_takes_nothing_but_an_address() {
    let server = start(&[]);
    let answer = server.post("/v1/resend", &[], &json!({ "email": ADA, "password": PASSWORD }));
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"));
}

#[test]
fn resend_for_an_unknown_address_sends_nothing() {
    let server = start(&[]);
    server.resend(ADA);
    server.pass(3600);
    server.wait_until_nothing_is_due();
    assert_eq!(server.mails_to(ADA).len(), 0);
}
