//! Request bodies: strict JSON of exactly the known strings, in 4,096 bytes.

use std::fs;

use auth_tests::{PASSWORD, Server, basic, parse, start};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn refused(server: &Server, path: &str, body: &[u8]) -> Vec<Value> {
    let authorization = basic("ada@example.org", PASSWORD);
    let answer = server.request("POST", path, &[JSON, ("Authorization", &authorization)], body);
    let shown = String::from_utf8_lossy(body);
    assert_eq!(answer.status, 400, "{path} {shown}: {answer:?}");
    assert_eq!(answer.problem(), "invalid-request", "{path} {shown}");
    answer.json()["errors"].as_array().cloned().unwrap_or_else(|| panic!("no errors: {answer:?}"))
}

/// Returns a registration padded with blanks to this number of bytes.
fn padded(bytes: usize) -> Vec<u8> {
    let mut body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string().into_bytes();
    assert!(body.len() <= bytes);
    body.resize(bytes, b' ');
    body
}

fn in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut chunked = Vec::new();
    for chunk in body.chunks(size) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    chunked
}

#[test]
fn fields_must_be_json_strings() {
    let server = start(&[]);
    for value in [
        json!(["ada@example.org"]),
        json!(null),
        json!(1),
        json!(true),
        json!({ "$ne": "" }),
        json!([["ada@example.org"], ["eve@example.org"]]),
    ] {
        for (path, body, field) in [
            ("/v1/register", json!({ "email": value, "password": PASSWORD }), "email"),
            ("/v1/register", json!({ "email": "ada@example.org", "password": value }), "password"),
            ("/v1/resend", json!({ "email": value }), "email"),
            ("/v1/activate", json!({ "code": value }), "code"),
        ] {
            let errors = refused(&server, path, body.to_string().as_bytes());
            assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!(field), &json!("type")), "{body}");
        }
    }
    assert!(server.mails().is_empty());
}

#[test]
fn missing_doubled_and_unknown_fields_are_named() {
    let server = start(&[]);
    for (path, body, field, code) in [
        ("/v1/register", r#"{"email":"ada@example.org"}"#, "password", "missing"),
        ("/v1/register", "{}", "email", "missing"),
        (
            "/v1/register",
            r#"{"email":"a@b.cd","email":"ada@example.org","password":"x"}"#,
            "email",
            "doubled",
        ),
        (
            "/v1/register",
            r#"{"\u0065mail":"a@b.cd","email":"ada@example.org","password":"x"}"#,
            "email",
            "doubled",
        ),
        (
            "/v1/register",
            r#"{"email":"ada@example.org","password":"x","password":"x"}"#,
            "password",
            "doubled",
        ),
        (
            "/v1/register",
            r#"{"Email":"ada@example.org","email":"ada@example.org","password":"x"}"#,
            "",
            "unknown-field",
        ),
        ("/v1/resend", r#"{"email":"ada@example.org","id":"1"}"#, "", "unknown-field"),
        ("/v1/resend", r#"{"email":"ada@example.org","":""}"#, "", "unknown-field"),
        ("/v1/activate", r#"{"code":"123456","code":"123457"}"#, "code", "doubled"),
        ("/v1/activate", r#"{"code":"123456","email":"eve@example.org"}"#, "", "unknown-field"),
    ] {
        let errors = refused(&server, path, body.as_bytes());
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!(field), &json!(code)), "{body}");
        assert!(errors[0]["message"].is_string());
    }
}

#[test]
fn several_errors_are_told_together() {
    let server = start(&[]);
    let errors = refused(&server, "/v1/register", br#"{"email":"ada","password":""}"#);
    let fields: Vec<&str> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
    assert_eq!(fields, ["email", "password"]);
}

#[test]
fn no_field_sets_status_id_or_verified() {
    let server = start(&[("AUTH_DISCLOSURE", "explicit")]);
    for field in ["status", "id", "verified", "active", "role", "generation", "locale", "__proto__"] {
        let body = json!({ "email": "ada@example.org", "password": PASSWORD, field: "active" });
        refused(&server, "/v1/register", body.to_string().as_bytes());
    }
    assert_eq!(server.resend("ada@example.org").problem(), "account-not-found", "nothing was registered");
}

#[test]
fn body_must_be_one_json_object_in_utf_8() {
    let server = start(&[]);
    let deep_array = "[".repeat(4096);
    let deep_object = r#"{"email":"#.repeat(400);
    let nested = format!(r#"{{"email":{}{},"password":"x"}}"#, "[".repeat(2000), "]".repeat(2000));
    for body in [
        &b""[..],
        b" ",
        b"null",
        b"[]",
        b"\"ada@example.org\"",
        b"123456",
        b"{",
        b"{\"email\"}",
        b"{'email':'ada@example.org'}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\",}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\"}{}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\"} // x",
        b"\xef\xbb\xbf{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\"}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse \xff\xfe staple\"}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse \xc0\xaf staple\"}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse \xed\xa0\x80 staple\"}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse \\ud800 staple\"}",
        b"{\"email\":\"ada@example.org\",\"password\":\"correct horse \n staple\"}",
        b"{\"email\":1e999,\"password\":\"x\"}",
        b"\xff\xfe{\x00}\x00",
        deep_array.as_bytes(),
        deep_object.as_bytes(),
        nested.as_bytes(),
    ] {
        refused(&server, "/v1/register", body);
    }
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202, "none of it did any harm");
}

#[test]
fn password_has_no_controls_and_is_not_empty() {
    let server = start(&[]);
    for (password, code) in [
        ("", "empty"),
        ("correct horse\u{0} battery staple", "control-character"),
        ("correct horse\n battery staple", "control-character"),
        ("correct horse\u{7f} battery staple", "control-character"),
        ("correct horse\u{85} battery staple", "control-character"),
    ] {
        let body = json!({ "email": "ada@example.org", "password": password }).to_string();
        let errors = refused(&server, "/v1/register", body.as_bytes());
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!("password"), &json!(code)), "{body}");
    }
}

#[test]
fn code_has_exactly_its_length_in_ascii() {
    let server = start(&[]);
    for code in [
        "",
        "12345",
        "1234567",
        "12345 ",
        "12345-",
        "-123456",
        "123456-",
        "123.456",
        "123\u{2013}456",
        "123456\n",
        "12345a",
        "１２３４５６",
        "١٢٣٤٥٦",
        "123\u{0}56",
        "+12345",
    ] {
        let errors = refused(&server, "/v1/activate", json!({ "code": code }).to_string().as_bytes());
        assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!("code"), &json!("format")), "{code}");
    }
}

#[test]
fn body_of_4096_bytes_is_read_and_one_more_is_413() {
    let server = start(&[]);
    assert_eq!(server.request("POST", "/v1/register", &[JSON], &padded(4096)).status, 202);
    let answer = server.request("POST", "/v1/register", &[JSON], &padded(4097));
    assert_eq!((answer.status, answer.problem().as_str()), (413, "body-too-large"));
    let send = |bytes, size| {
        let head = server.head("/v1/register", "Transfer-Encoding: chunked\r\nConnection: close");
        parse(&server.raw(&[head.as_bytes(), &in_chunks(&padded(bytes), size)].concat()))
    };
    for size in [1, 1000, 5000] {
        assert_eq!(send(4096, size).status, 202, "in pieces of {size}");
        let answer = send(4097, size);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (413, "body-too-large"),
            "in pieces of {size}"
        );
    }
}

#[test]
fn declared_length_above_the_limit_is_413_without_waiting_for_the_body() {
    let server = start(&[]);
    for (what, about) in [
        ("a little too long", "Content-Length: 4097"),
        ("as long as can be said", "Content-Length: 9223372036854775807"),
        ("the client waits for a sign", "Expect: 100-continue\r\nContent-Length: 5000"),
    ] {
        let mut wire = server.wire();
        wire.send(server.head("/v1/register", about));
        let answer = wire.answer().unwrap();
        assert_eq!((answer.status, answer.problem().as_str()), (413, "body-too-large"), "{what}");
    }
}

/// Returns the peak memory of a process, in kilobytes.
fn peak_memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn memory_stays_flat_under_a_body_of_50_megabytes() {
    const MEGABYTE: usize = 1 << 20;
    let server = start(&[]);
    server.register("ada@example.org", PASSWORD);
    server.code("ada@example.org");
    let before = peak_memory(server.id());
    let chunk = in_chunks(&vec![b' '; MEGABYTE], MEGABYTE);
    let endless = &chunk[..chunk.len() - 5];
    for about in ["Transfer-Encoding: chunked".to_owned(), format!("Content-Length: {}", 50 * MEGABYTE)] {
        let mut wire = server.wire();
        wire.send(server.head("/v1/register", &about));
        for _ in 0..50 {
            if !wire.send(endless) {
                break;
            }
        }
        let answer = parse(wire.rest().as_bytes());
        assert_eq!((answer.status, answer.problem().as_str()), (413, "body-too-large"), "{about}");
    }
    let grown = peak_memory(server.id()) - before;
    assert!(grown < 4096, "{grown} kB more than the {before} kB before");
}
