//! `POST /v1/activate` where answers hide the state of an address.

use auth_tests::{HttpAnswer, OTHER, PASSWORD, Server, basic, start};
use serde_json::json;

const ADA: &str = "ada@example.org";
type Activate = fn(&Server, &str, &str, &str) -> HttpAnswer;
/// Requests with Basic, and with the credentials in the body.
const BOTH_WAYS: [Activate; 2] = [Server::activate, Server::activate_in_body];

/// Returns another code of the same form.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('7') { '8' } else { '7' };
    format!("{}{last}", &code[..code.len() - 1])
}

#[test]
fn activation_answers_200_with_a_message_and_the_account() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let answer = server.activate(ADA, PASSWORD, &server.code(ADA));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let mut body = answer.json();
    assert!(body["message"].take().is_string());
    let (id, since) = (body["account"]["id"].take(), body["account"]["since"].take());
    assert_eq!(body, json!({ "message": null, "account": { "id": null, "email": ADA, "since": null } }));
    let (id, since) = (id.as_str().unwrap(), since.as_str().unwrap());
    assert!(id.len() == 36 && id.as_bytes()[14] == b'4', "{id} is a UUIDv4");
    assert!(since.starts_with("20") && since.ends_with('Z'), "{since}");
}

#[test]
fn every_reason_to_refuse_is_the_one_401_that_says_what_helps() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let active = "active@example.org";
    let used = server.activated(active, PASSWORD);
    for activate in BOTH_WAYS {
        for (reason, answer) in [
            ("wrong password", activate(&server, ADA, OTHER, &code)),
            ("wrong code", activate(&server, ADA, PASSWORD, &wrong(&code))),
            ("no account", activate(&server, "absent@example.org", PASSWORD, &code)),
            ("active, wrong password", activate(&server, active, OTHER, &used)),
            ("active, wrong code", activate(&server, active, PASSWORD, &wrong(&used))),
        ] {
            assert_eq!((answer.status, answer.problem().as_str()), (401, "activation-refused"), "{reason}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("Ask for a new code"), "{detail}");
            assert!(detail.contains("register again with your password"), "{detail}");
        }
    }
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200, "none of it did any harm");
}

#[test]
fn credentials_in_the_body_activate() {
    let server = start(&[]);
    for (address, password) in [
        (ADA, PASSWORD),
        ("grace@example.org", "пароль с буквами кириллицы"),
        ("zoe@bücher.example", ":colons: at: the edges, blanks too:  "),
    ] {
        server.register(address, password);
        let mailed = address.replace("bücher", "xn--bcher-kva");
        let code = server.code(&mailed);
        let answer = server.activate_in_body(address, password, &code);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            server.activate(address, password, &code).status,
            200,
            "and it can be repeated either way"
        );
    }
}

#[test]
fn credentials_in_both_places_are_400() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let authorization = basic(ADA, PASSWORD);
    for body in [
        json!({ "email": ADA, "password": PASSWORD, "code": code }),
        json!({ "email": ADA, "code": code }),
        json!({ "password": PASSWORD, "code": code }),
        json!({ "email": ADA, "password": PASSWORD, "code": "1" }),
    ] {
        let answer = server.post("/v1/activate", &[("Authorization", &authorization)], &body);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{body}");
        let error = answer.json()["errors"][0].clone();
        assert!(error["message"].as_str().unwrap().contains("Authorization"), "{error}");
    }
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200, "none of it was carried out");
}

/// Threat: after a wrong code, a front end's visitors get the browser's own login dialog; what they type there is sent
/// with every later request.
#[test]
fn refusal_of_credentials_in_the_body_opens_no_dialog() {
    for disclosure in ["hidden", "explicit"] {
        let server = start(&[("AUTH_DISCLOSURE", disclosure)]);
        server.register(ADA, PASSWORD);
        let code = server.code(ADA);
        for answer in [
            server.activate_in_body(ADA, OTHER, &code),
            server.post("/v1/activate", &[], &json!({ "code": code })),
            server.post("/v1/activate", &[], &json!({ "code": "1" })),
            server.post("/v1/activate", &[], &json!({})),
        ] {
            assert_eq!(answer.status, 401, "{answer:?}");
            assert_eq!(answer.header("www-authenticate"), Some(r#"Body realm="auth""#));
        }
    }
}

#[test]
fn what_is_wrong_with_a_body_that_has_credentials_is_named() {
    let server = start(&[]);
    for (body, field, rule) in [
        (json!({ "email": ADA, "code": "123456" }), "password", "missing"),
        (json!({ "password": PASSWORD, "code": "123456" }), "email", "missing"),
        (json!({ "email": ADA, "password": PASSWORD }), "code", "missing"),
        (json!({ "email": [ADA], "password": PASSWORD, "code": "123456" }), "email", "type"),
        (json!({ "email": ADA, "password": null, "code": "123456" }), "password", "type"),
        (json!({ "email": "ada", "password": PASSWORD, "code": "123456" }), "email", "address"),
        (json!({ "email": ADA, "password": "", "code": "123456" }), "password", "empty"),
        (json!({ "email": ADA, "password": "a\u{7}", "code": "123456" }), "password", "control-character"),
        (json!({ "email": ADA, "password": PASSWORD, "code": "12345" }), "code", "format"),
        (json!({ "email": ADA, "password": PASSWORD, "code": "123456", "x": "" }), "", "unknown-field"),
    ] {
        let answer = server.post("/v1/activate", &[], &body);
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{body}");
        let error = answer.json()["errors"][0].clone();
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(rule)), "{body}");
    }
    let answer = server.activate_in_body("ada", "", "1");
    let errors = answer.json()["errors"].clone();
    let fields: Vec<&str> = errors.as_array().unwrap().iter().filter_map(|e| e["field"].as_str()).collect();
    assert_eq!(fields, ["email", "password", "code"], "all at once");
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
    // The one operation with credentials gives the right password of a pending account the same answer
    // as a wrong one.
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
