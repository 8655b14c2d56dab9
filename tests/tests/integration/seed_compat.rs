//! The profile `seed-compat`: its values, and that explicit settings override them.

use auth_tests::{Server, start};

const ADA: &str = "ada@example.org";

fn seed_compat(more: &[(&str, &str)]) -> Server {
    start(&[&[("AUTH_PROFILE", "seed-compat")], more].concat())
}

fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
}

#[test]
fn seed_compat_takes_any_password_and_mails_four_digits() {
    let server = seed_compat(&[]);
    let answer = server.register(ADA, "a");
    assert_eq!(answer.status, 201, "explicit: {answer:?}");
    assert_eq!(answer.json()["code_ttl_seconds"], 60);
    let code = server.code(ADA);
    assert_eq!(code.len(), 4);
    assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_eq!(server.activate(ADA, "a", "123456").problem(), "invalid-request", "six are too many");
    assert_eq!(server.activate(ADA, "a", &code).status, 200);
    assert_eq!(server.register("bob@example.org", "password").status, 201, "known ones too");
}

#[test]
fn seed_compat_codes_live_a_minute() {
    let server = seed_compat(&[]);
    server.register(ADA, "a");
    let code = server.code(ADA);
    server.shift_clock(61);
    assert_eq!(server.activate(ADA, "a", &code).problem(), "code-expired");
}

#[test]
fn seed_compat_allows_three_wrong_codes() {
    let server = seed_compat(&[]);
    server.register(ADA, "a");
    let code = server.code(ADA);
    for _ in 0..3 {
        assert_eq!(server.activate(ADA, "a", &wrong(&code)).problem(), "code-wrong");
    }
    assert_eq!(server.activate(ADA, "a", &code).problem(), "code-expired");
}

#[test]
fn what_is_set_explicitly_counts_in_seed_compat() {
    let server = seed_compat(&[
        ("AUTH_DISCLOSURE", "hidden"),
        ("AUTH_CODE_LENGTH", "6"),
        ("AUTH_PASSWORD_MIN_LENGTH", "8"),
    ]);
    let answer = server.register(ADA, "gleamiwhp");
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["code_ttl_seconds"], 60, "the profile's");
    assert_eq!(server.code(ADA).len(), 6);
    assert_eq!(server.register(ADA, "zQ4#xW7").status, 422);
}

#[test]
fn seed_compat_warns_of_each_thing_that_it_lowers() {
    let server = seed_compat(&[]);
    let log = server.log();
    for word in ["guessed", "disclosure", "passwords", "scrypt"] {
        let warned = log
            .lines()
            .any(|line| line.contains("\"WARN\"") && line.contains("seed-compat") && line.contains(word));
        assert!(warned, "{word} in:\n{log}");
    }
}
