//! Refusals of codes that could be guessed, and of invalid keys.

use auth_tests::Program;
use base64::{Engine, engine::general_purpose::STANDARD};

/// Asserts that a configuration is refused, in a message with these words.
fn refused(settings: &[(&str, &str)], words: &[&str]) {
    let said = Program::plain(settings).refusal(&[]);
    for word in words {
        assert!(said.contains(word), "{word} is not in {said}");
    }
}

fn accepted(settings: &[(&str, &str)]) {
    let ran = Program::plain(settings).run(&["--print-config"]);
    assert_eq!(ran.status, 0, "{settings:?}: {ran:?}");
}

#[test]
fn odds_above_the_limit_are_refused_with_their_numbers() {
    refused(
        &[("AUTH_CODE_LENGTH", "5")],
        &[
            "3 codes",
            "5 tries",
            "18 mails a day",
            "100000 codes",
            "2700 in a million",
            "limit is 300",
            "longer codes",
        ],
    );
    refused(&[("AUTH_CODE_LENGTH", "4")], &["27000 in a million", "limit is 300"]);
    refused(&[("AUTH_CODE_TRIES", "6")], &["6 tries", "324 in a million"]);
    let often = [("AUTH_RESEND_AFTER_SECONDS", "60"), ("AUTH_RESEND_AFTER_MAX_SECONDS", "60")];
    refused(&often, &["1440 mails a day", "21600 in a million"]);
}

#[test]
fn odds_within_the_limit_are_served() {
    accepted(&[]);
    accepted(&[("AUTH_CODE_LENGTH", "4"), ("AUTH_CODE_ALPHABET", "crockford")]);
    accepted(&[("AUTH_CODE_LENGTH", "20"), ("AUTH_CODE_TRIES", "255")]);
    accepted(&[("AUTH_CODE_LENGTH", "8"), ("AUTH_RESEND_AFTER_MAX_SECONDS", "60")]);
}

#[test]
fn code_length_has_its_range() {
    for length in ["0", "3", "21", "255"] {
        refused(&[("AUTH_CODE_LENGTH", length)], &["AUTH_CODE_LENGTH", length, "4 to 20"]);
    }
    for length in ["256", "-6", "6.0", "six", " 6", "0x6", "+-6"] {
        refused(&[("AUTH_CODE_LENGTH", length)], &["AUTH_CODE_LENGTH", length, "number"]);
    }
}

#[test]
fn code_tries_have_their_range() {
    refused(&[("AUTH_CODE_TRIES", "0")], &["at least 1 try"]);
    for tries in ["256", "-1", "many"] {
        refused(&[("AUTH_CODE_TRIES", tries)], &["AUTH_CODE_TRIES", tries, "number"]);
    }
}

#[test]
fn code_lifetime_is_30_seconds_to_a_day() {
    for ttl in ["0", "29", "86401", "18446744073709551615"] {
        refused(&[("AUTH_CODE_TTL_SECONDS", ttl)], &[ttl, "30 s to 86400 s"]);
    }
    for ttl in ["-1", "10m", "18446744073709551616"] {
        refused(&[("AUTH_CODE_TTL_SECONDS", ttl)], &["AUTH_CODE_TTL_SECONDS", ttl, "seconds"]);
    }
    accepted(&[("AUTH_CODE_TTL_SECONDS", "30")]);
    accepted(&[("AUTH_CODE_TTL_SECONDS", "86400")]);
}

#[test]
fn longest_interval_is_not_below_the_first() {
    for (first, longest) in [("60", "59"), ("0", "60"), ("7201", "7200"), ("60", "86401"), ("0", "0")] {
        let settings = [("AUTH_RESEND_AFTER_SECONDS", first), ("AUTH_RESEND_AFTER_MAX_SECONDS", longest)];
        refused(&settings, &[&format!("{first} s to {longest} s"), "not below it"]);
    }
    accepted(&[("AUTH_RESEND_AFTER_SECONDS", "7200")]);
    accepted(&[("AUTH_RESEND_AFTER_SECONDS", "86400"), ("AUTH_RESEND_AFTER_MAX_SECONDS", "86400")]);
}

#[test]
fn code_keys_are_32_bytes_of_base64_each() {
    for keys in [
        "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=",
        "k1:",
        "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE",
        "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3",
        "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzEt",
        "k1:not base64 not base64 not base64 not base64=",
        "k1:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=;k2:Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzI=",
    ] {
        refused(&[("AUTH_CODE_KEYS", keys)], &["AUTH_CODE_KEYS", "32 bytes", "openssl rand -base64 32"]);
    }
}

fn list(ids: &[&str], keys: &[u8]) -> String {
    ids.iter()
        .zip(keys)
        .map(|(id, n)| format!("{id}:{}", STANDARD.encode([*n; 32])))
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn code_keys_have_an_id_each_and_none_is_repeated() {
    refused(&[("AUTH_CODE_KEYS", &list(&["k1", "k1"], &[0, 1]))], &["AUTH_CODE_KEYS", "each id stands once"]);
    refused(&[("AUTH_CODE_KEYS", &list(&["", "k1"], &[0, 1]))], &["AUTH_CODE_KEYS", "each id stands once"]);
    refused(&[("AUTH_CODE_KEYS", &list(&["k1", "k2"], &[0, 0]))], &["AUTH_CODE_KEYS", "repeated"]);
    let ids = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    refused(&[("AUTH_CODE_KEYS", &list(&ids, &all))], &["AUTH_CODE_KEYS", "eight"]);
    accepted(&[("AUTH_CODE_KEYS", &list(&ids[..8], &all[..8]))]);
    accepted(&[("AUTH_CODE_KEYS", &list(&["k1"], &[0]))]);
}
