//! `POST /v1/register` where answers hide the state of an address.

use auth_tests::{OTHER, PASSWORD, Server, start};
use serde_json::{Value, json};

const ADA: &str = "ada@example.org";

/// Returns the rules that a refused password breaks.
fn broken_rules(server: &Server, password: &str) -> Vec<Value> {
    let answer = server.register(ADA, password);
    assert_eq!(answer.status, 422, "{password}");
    assert_eq!(answer.problem(), "weak-password");
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    assert!(errors.iter().all(|error| error["field"] == "password"), "{errors:?}");
    errors
}

#[test]
fn registration_is_accepted_with_the_configured_times() {
    let server = start(&[
        ("AUTH_CODE_TTL_SECONDS", "300"),
        ("AUTH_RESEND_AFTER_SECONDS", "90"),
        ("AUTH_RESEND_AFTER_MAX_SECONDS", "3600"),
        ("AUTH_CODE_LENGTH", "8"),
    ]);
    let answer = server.register(ADA, PASSWORD);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let mut body = answer.json();
    assert!(body["message"].take().is_string());
    assert_eq!(body, json!({ "message": null, "code_ttl_seconds": 300, "resend_after_seconds": 90 }));
}

#[test]
fn times_are_ten_minutes_and_one_by_default() {
    let body = start(&[]).register(ADA, PASSWORD).json();
    assert_eq!((&body["code_ttl_seconds"], &body["resend_after_seconds"]), (&json!(600), &json!(60)));
}

#[test]
fn weak_password_is_refused_with_what_to_improve() {
    let server = start(&[("AUTH_SERVICE_NAME", "Analytical Engines")]);
    for (password, rule) in [
        ("zQ4#xW7", "too-short"),
        ("password1", "common"),
        ("iloveyou", "common"),
        ("Trustno11", "guessable"),
        ("ada@example.org", "common"),
        ("example.org1", "guessable"),
        ("analytical", "common"),
        ("analyticalengines", "guessable"),
        ("Analytical Engines", "common"),
    ] {
        let errors = broken_rules(&server, password);
        assert_eq!(errors[0]["code"], rule, "{password}: {errors:?}");
        assert!(!errors.iter().any(|error| error.to_string().contains(password)), "no echo: {errors:?}");
    }
    let advice = broken_rules(&server, "qwerty12");
    assert!(advice.iter().any(|error| error["code"] == "advice"), "{advice:?}");
    assert!(server.mails().is_empty(), "nothing was registered");
}

#[test]
fn runs_of_digits_and_patterns_of_many_symbols_are_refused() {
    let server = start(&[]);
    for password in [
        "1234567890",
        "12345678901",
        "123456789012",
        "0987654321",
        "98765432109876",
        "1357913579",
        "!@#$%^&*()",
        "01234567890123456789",
        "P@$$w0rd123456",
    ] {
        broken_rules(&server, password);
    }
    assert_eq!(broken_rules(&server, "1234567890")[0]["code"], "common");
    assert!(server.mails().is_empty(), "nothing was registered");
}

#[test]
fn entry_of_the_blocklist_is_refused_whatever_score_is_asked_for() {
    let server = start(&[("AUTH_PASSWORD_MIN_SCORE", "0")]);
    // zxcvbn prefers to read the last three as a repetition or as a word and two digits.
    for password in ["1234567890", "11111111", "harley11", "joshua19"] {
        assert_eq!(broken_rules(&server, password)[0]["code"], "common", "{password}");
    }
}

#[test]
fn strong_password_of_many_symbols_is_accepted() {
    let server = start(&[]);
    for password in [
        "zQ4#xW7!kP2$vM",
        r"v{8(K<2%m[Q9+T|5",
        // The most readings that single characters can cause, and so long that zxcvbn is not asked.
        r"4 k@Qm8zW(xT{vb[Hn<Yr3Lp6Jd9Fs!Gc1|7Uq0$5Ew+Xo%2ZaRh#jK^uB&tN*iV)yM~P",
    ] {
        assert_eq!(server.register(ADA, password).status, 202, "{password}");
    }
}

#[test]
fn length_counts_code_points_and_nothing_asks_for_digits_or_symbols() {
    let server = start(&[("AUTH_PASSWORD_MIN_SCORE", "0")]);
    assert_eq!(broken_rules(&server, "žluťouč")[0]["code"], "too-short", "seven of them, in ten bytes");
    assert_eq!(server.register(ADA, "žluťoučk").status, 202, "eight of them");
    assert_eq!(server.register(ADA, "gleamiwhp").status, 202, "letters alone");
    assert_eq!(server.register(ADA, "🐌🦉🐙🦀🐝🦇🐢🦑").status, 202, "no letters at all");
}

#[test]
fn minimum_length_and_score_are_configured() {
    let server = start(&[("AUTH_PASSWORD_MIN_LENGTH", "15"), ("AUTH_PASSWORD_MIN_SCORE", "4")]);
    assert_eq!(broken_rules(&server, "zQ4#xW7!kP2$vM")[0]["code"], "too-short");
    assert_eq!(broken_rules(&server, "sunshine-monday")[0]["code"], "guessable");
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    let lax = start(&[("AUTH_PASSWORD_MIN_LENGTH", "1"), ("AUTH_PASSWORD_MIN_SCORE", "0")]);
    assert_eq!(lax.register(ADA, "7k").status, 202);
    assert_eq!(broken_rules(&lax, "password")[0]["code"], "common", "known ones stay refused");
}

#[test]
fn password_of_1024_bytes_counts_whole_and_one_more_is_refused() {
    let server = start(&[]);
    let beginning = "no two of these words belong together: teapot, glacier, ledger; ";
    let longest = beginning.repeat(16);
    assert_eq!(longest.len(), 1024);
    let code = {
        assert_eq!(server.register(ADA, &longest).status, 202);
        server.code(ADA)
    };
    let answer = server.register("bob@example.org", &format!("{longest}x"));
    assert_eq!(answer.problem(), "invalid-request");
    assert_eq!(answer.json()["errors"][0]["code"], "too-long");
    let cut = &longest[..1023];
    assert_eq!(server.activate(ADA, cut, &code).status, 401, "nothing is cut off");
    assert_eq!(server.activate(ADA, &longest, &code).status, 200);
}

#[test]
fn registering_again_with_the_same_password_keeps_the_code_good() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let code = server.code(ADA);
    assert_eq!(server.register(ADA, PASSWORD).status, 202);
    assert_eq!(server.activate(ADA, PASSWORD, &code).status, 200);
}

#[test]
fn registering_again_mails_another_code_as_soon_as_the_interval_allows() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let first = server.code(ADA);
    server.register(ADA, PASSWORD);
    server.pass(61);
    let mails = server.wait_for_mails(ADA, 2);
    assert_ne!(mails[0]["code"], first.as_str());
    assert_eq!(server.activate(ADA, PASSWORD, &first).status, 200, "the earlier one is good as well");
}

#[test]
fn another_password_kills_the_earlier_attempt_and_its_codes_at_once() {
    let server = start(&[]);
    server.register(ADA, PASSWORD);
    let old = server.code(ADA);
    assert_eq!(server.register(ADA, OTHER).status, 202);
    assert_eq!(server.activate(ADA, PASSWORD, &old).status, 401, "the earlier attempt");
    assert_eq!(server.activate(ADA, OTHER, &old).status, 401, "the earlier code for the later attempt");
    server.pass(61);
    let new = server.wait_for_mails(ADA, 2)[0]["code"].as_str().unwrap().to_owned();
    assert_eq!(server.activate(ADA, PASSWORD, &new).status, 401);
    assert_eq!(server.activate(ADA, OTHER, &new).status, 200);
}
