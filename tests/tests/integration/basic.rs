//! HTTP Basic as activation reads it: RFC 7617, strict where that leaves a choice.

use auth_tests::{HttpAnswer, PASSWORD, Server, basic, start};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

const ADA: &str = "ada@example.org";
const OTHER_LATIN: &str = "nicht so schöne Äpfel";

fn activate(server: &Server, authorization: &str, code: &str) -> HttpAnswer {
    server.post("/v1/activate", &[("Authorization", authorization)], &json!({ "code": code }))
}

#[test]
fn scheme_is_read_in_any_case() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let credentials = basic(ADA, PASSWORD);
    let credentials = credentials.strip_prefix("Basic ").unwrap();
    for scheme in ["Basic", "basic", "BASIC", "bAsIc", "Basic  "] {
        assert_eq!(activate(&server, &format!("{scheme} {credentials}"), &code).status, 200, "{scheme}");
    }
}

#[test]
fn whatever_register_accepts_works_through_basic() {
    let server = start(&[]);
    for (number, password) in [
        "colons: two of them: here::",
        ":starts with a colon, ends so:",
        "blanks around the edges   ",
        "quotes \" and ' and \\ backslashes \u{a0}",
        "пароль с буквами кириллицы",
        "emoji 🐌🦉🐙 and CJK 漢字かな",
        "zero\u{200b}width and \u{2028} separators",
        "percent %41%00 and plus + signs",
        &"a rather long one, as managers make them: ".repeat(24),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("user{number}@example.org");
        assert_eq!(server.register(&address, password).status, 202, "{password}");
        let code = server.code(&address);
        assert_eq!(server.activate(&address, password, &code).status, 200, "{password}");
    }
}

#[test]
fn composed_and_decomposed_spellings_are_one_password() {
    let server = start(&[]);
    let (composed, decomposed) =
        ("el niño comió piñón tostado", "el nin\u{303}o comio\u{301} pin\u{303}o\u{301}n tostado");
    assert_ne!(composed, decomposed);
    for (address, registered, typed) in
        [("nfc@example.org", composed, decomposed), ("nfd@example.org", decomposed, composed)]
    {
        server.register(address, registered);
        let code = server.code(address);
        assert_eq!(server.activate(address, typed, &code).status, 200, "{address}");
    }
}

#[test]
fn letters_that_only_look_alike_are_another_password() {
    let server = start(&[]);
    server.register(ADA, "ﬁve full-width snails: ａｂｃ");
    let code = server.code(ADA);
    assert_eq!(server.activate(ADA, "five full-width snails: abc", &code).status, 401, "no NFKC");
    assert_eq!(server.activate(ADA, "ﬁve full-width snails: ａｂｃ ", &code).status, 401, "no trimming");
    assert_eq!(server.activate(ADA, "ﬁve full-width snails: ａｂｃ", &code).status, 200);
}

#[test]
fn malformed_credentials_are_401_with_a_challenge() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let right = basic(ADA, PASSWORD);
    let encoded = |text: &[u8]| format!("Basic {}", STANDARD.encode(text));
    let unpadded = right.trim_end_matches('=').to_owned() + "=====";
    for (what, authorization) in [
        ("no header's value", String::new()),
        ("scheme alone", "Basic".to_owned()),
        ("nothing encoded", "Basic =".to_owned()),
        ("not base64", "Basic !!!!".to_owned()),
        ("wrong padding", unpadded),
        ("in the clear", format!("Basic {ADA}:{PASSWORD}")),
        ("another scheme", right.replace("Basic", "Bearer")),
        ("a longer scheme", right.replace("Basic", "Basically")),
        ("no blank", right.replace(' ', "")),
        ("two credentials", format!("{right}, {right}")),
        ("no colon", encoded(b"ada@example.org")),
        ("no address", encoded(format!(":{PASSWORD}").as_bytes())),
        ("no password", encoded(b"ada@example.org:")),
        ("no such address", encoded(format!("ada:{PASSWORD}").as_bytes())),
        ("blank in the address", encoded(format!("ada @example.org:{PASSWORD}").as_bytes())),
        ("another password in ISO-8859-1", encoded(b"ada@example.org:correct horse \xff battery staple")),
        ("overlong UTF-8", encoded(b"ada@example.org:correct horse \xc0\xaf battery staple")),
        ("C1 control in ISO-8859-1", encoded(b"ada@example.org:correct horse \x85 battery staple")),
        ("NUL after the password", encoded(format!("{ADA}:{PASSWORD}\0").as_bytes())),
        ("a line after the password", encoded(format!("{ADA}:{PASSWORD}\r\nX: y").as_bytes())),
        ("NUL in the address", encoded(format!("ada\0@example.org:{PASSWORD}").as_bytes())),
        ("password of 1025 bytes", encoded(format!("{ADA}:{}", "x".repeat(1025)).as_bytes())),
        ("12 kilobytes", encoded(format!("{ADA}:{}", "x".repeat(9000)).as_bytes())),
    ] {
        let answer = activate(&server, &authorization, &code);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(answer.problem(), "activation-refused", "{what}");
        assert!(answer.header("www-authenticate").is_some(), "{what}");
    }
    assert_eq!(activate(&server, &right, &code).status, 200);
}

/// The encoding of `btoa` and generated clients: one byte for each character.
fn latin_1(address: &str, password: &str) -> String {
    let bytes: Vec<u8> =
        format!("{address}:{password}").chars().map(|character| u8::try_from(character).unwrap()).collect();
    assert!(str::from_utf8(&bytes).is_err(), "{password} would be read as UTF-8");
    format!("Basic {}", STANDARD.encode(bytes))
}

#[test]
fn what_is_not_utf_8_is_read_as_iso_8859_1() {
    let server = start(&[]);
    for (number, registered, typed) in [
        (0, "sehr schöne Äpfel für müde Bären", "sehr schöne Äpfel für müde Bären"),
        (1, "el nin\u{303}o comio\u{301} pin\u{303}o\u{301}n tostado", "el niño comió piñón tostado"),
        (2, "\u{a0}£ § © ÿ þ Ð × ÷ «quoted»", "\u{a0}£ § © ÿ þ Ð × ÷ «quoted»"),
    ] {
        let address = format!("user{number}@example.org");
        server.register(&address, registered);
        let code = server.code(&address);
        assert_eq!(activate(&server, &latin_1(&address, OTHER_LATIN), &code).status, 401, "{typed}");
        assert_eq!(activate(&server, &latin_1(&address, typed), &code).status, 200, "{typed}");
        assert_eq!(server.activate(&address, registered, &code).status, 200, "UTF-8 is read as before");
    }
    server.register("ada@bücher.example", PASSWORD);
    let code = server.code("ada@xn--bcher-kva.example");
    assert_eq!(
        activate(&server, &latin_1("ada@bücher.example", PASSWORD), &code).status,
        200,
        "addresses too"
    );
}

#[test]
fn blanks_around_the_address_are_taken_off() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    for typed in [" ada@example.org", "ada@example.org  ", "\u{a0}ada@example.org"] {
        assert_eq!(server.activate(typed, PASSWORD, &code).status, 200, "{typed:?}");
    }
    let padded = format!("{PASSWORD} ");
    assert_eq!(server.activate(ADA, &padded, &code).status, 401, "a password's blanks are its own");
}

#[test]
fn bytes_outside_ascii_in_the_header_are_401() {
    let server = start(&[]);
    let head = server.head(
        "/v1/activate",
        "Authorization: Basic \u{fc}\u{fc}==\r\nContent-Length: 0\r\nConnection: close",
    );
    let answer = auth_tests::parse(&server.raw(head.as_bytes()));
    assert_eq!((answer.status, answer.problem().as_str()), (401, "activation-refused"));
}

#[test]
fn two_authorization_headers_are_refused() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    let (right, other) = (basic(ADA, PASSWORD), basic("eve@example.org", PASSWORD));
    for pair in [[&right, &other], [&other, &right], [&right, &right]] {
        let headers = pair.map(|value| ("Authorization", value.as_str()));
        let answer = server.post("/v1/activate", &headers, &json!({ "code": code }));
        assert_eq!((answer.status, answer.problem().as_str()), (401, "activation-refused"));
    }
    assert_eq!(activate(&server, &right, &code).status, 200);
}
