//! Refusals of invalid values: choices, numbers, addresses, lists.

use auth_tests::Program;

/// Asserts that a value is refused by its variable's name, with these words.
fn refused(variable: &str, value: &str, words: &[&str]) {
    let said = Program::plain(&[(variable, value)]).refusal(&[]);
    for word in [variable].iter().chain(words) {
        assert!(said.contains(word), "{variable}={value}: {word} is not in {said}");
    }
}

fn accepted(variable: &str, value: &str) {
    let ran = Program::plain(&[(variable, value)]).run(&["--print-config"]);
    assert_eq!(ran.status, 0, "{variable}={value}: {ran:?}");
}

#[test]
fn wrong_choices_are_refused_with_the_right_ones() {
    for (variable, choices) in [
        ("AUTH_PROFILE", "standard, seed-compat"),
        ("AUTH_CODE_ALPHABET", "digits, crockford"),
        ("AUTH_DISCLOSURE", "hidden, explicit"),
        ("AUTH_LOG_FORMAT", "pretty, json"),
        ("AUTH_FORWARDED_HEADER", "x-forwarded-for, forwarded"),
    ] {
        for value in ["nonsense", "On", "true", " on"] {
            refused(variable, value, &[value, choices, "environment"]);
        }
        for choice in choices.split(", ") {
            accepted(variable, choice);
        }
    }
}

#[test]
fn switches_take_the_usual_words_in_any_case() {
    for variable in ["AUTH_DOCS", "AUTH_MIGRATE", "AUTH_SINGLE_NODE"] {
        for value in ["nonsense", " on", "2", "enabled", "ja", "-1"] {
            refused(variable, value, &[value, "on, off, true, false, yes, no, 1, 0", "environment"]);
        }
        for value in ["on", "OFF", "true", "False", "yes", "NO", "1", "0"] {
            accepted(variable, value);
        }
    }
    for (value, status) in [("TRUE", 200), ("Yes", 200), ("1", 200), ("OFF", 404), ("false", 404), ("0", 404)]
    {
        assert_eq!(Program::plain(&[("AUTH_DOCS", value)]).serve(&[]).get("/docs").status, status, "{value}");
    }
}

#[test]
fn a_refusal_names_the_source_of_the_value() {
    let program = Program::plain(&[]);
    let said = program.refusal(&["--disclosure", "open"]);
    assert!(said.contains("AUTH_DISCLOSURE (flag --disclosure): `open`"), "{said}");
    program.write("auth.toml", "disclosure = \"open\"\n");
    let said = program.refusal(&[]);
    assert!(said.contains("AUTH_DISCLOSURE (file auth.toml): `open`"), "{said}");
}

#[test]
fn numbers_have_their_ranges() {
    for (variable, bad, range) in [
        ("AUTH_HASH_WORKERS", &["0", "257", "-1", "two"][..], "1 to 256"),
        ("AUTH_HASH_QUEUE", &["0", "100001", "1e3"], "1 to 100000"),
        ("AUTH_MAIL_PER_SECOND", &["0", "100001", "fast"], "1 to 100000"),
        ("AUTH_MAIL_CONNECTIONS", &["0", "257", "-1"], "1 to 256"),
        ("AUTH_CLIENT_REQUESTS_PER_MINUTE", &["-1", "4294967296", "many"], "number"),
        ("AUTH_PASSWORD_MIN_LENGTH", &["-1", "65536", "long"], "number"),
        ("AUTH_PASSWORD_MIN_SCORE", &["-1", "256", "strong"], "number"),
        ("AUTH_KEEP_ALIVE_SECONDS", &["0", "3601", "-1", "75s"], "1 to 3600"),
        ("AUTH_MAIL_GIVE_UP_SECONDS", &["-1", "a day"], "seconds"),
        ("AUTH_RESEND_AFTER_SECONDS", &["-1", "1.5"], "seconds"),
        ("AUTH_RESEND_AFTER_MAX_SECONDS", &["-1", "2h"], "seconds"),
    ] {
        for value in bad {
            refused(variable, value, &[value, range]);
        }
    }
    accepted("AUTH_HASH_WORKERS", "256");
    accepted("AUTH_HASH_QUEUE", "1");
    accepted("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0");
    accepted("AUTH_KEEP_ALIVE_SECONDS", "1");
    accepted("AUTH_KEEP_ALIVE_SECONDS", "3600");
}

#[test]
fn a_refused_policy_names_its_variables_with_values_and_sources() {
    for (variable, value) in [
        ("AUTH_CODE_LENGTH", "5"),
        ("AUTH_CODE_TRIES", "0"),
        ("AUTH_CODE_TRIES", "6"),
        ("AUTH_CODE_TTL_SECONDS", "29"),
        ("AUTH_RESEND_AFTER_SECONDS", "0"),
        ("AUTH_RESEND_AFTER_MAX_SECONDS", "59"),
        ("AUTH_RESEND_AFTER_MAX_SECONDS", "60"),
        ("AUTH_SCRYPT", "10,8,1"),
        ("AUTH_PASSWORD_MIN_LENGTH", "0"),
        ("AUTH_PASSWORD_MIN_SCORE", "5"),
        ("AUTH_MAIL_GIVE_UP_SECONDS", "59"),
    ] {
        refused(
            variable,
            value,
            &["refused to start", &format!("{variable}={value} (environment {variable})")],
        );
    }
    let said = Program::plain(&[]).refusal(&["--password-min-score", "5"]);
    assert!(said.contains("AUTH_PASSWORD_MIN_SCORE=5 (flag --password-min-score)"), "{said}");
    assert!(said.contains("AUTH_PASSWORD_MIN_LENGTH=8 (default)"), "{said}");
}

#[test]
fn combinations_that_are_not_served_name_their_variables() {
    refused("AUTH_LISTEN", "0.0.0.0:8000", &["AUTH_LISTEN=0.0.0.0:8000", "AUTH_CODE_KEYS"]);
    refused("AUTH_DATABASE_URL", "mysql://app@127.0.0.1/auth", &["AUTH_REDIS_URL"]);
    refused("AUTH_TRUSTED_PROXIES", "10.0.0.0/8", &["AUTH_SMTP_URL"]);
}

/// It is not used without SMTP, and otherwise the error would show only once SMTP is configured.
#[test]
fn a_sender_is_read_without_a_mail_server_too() {
    refused("AUTH_MAIL_FROM", "nonsense", &["nonsense", "no-reply@example.org"]);
    accepted("AUTH_MAIL_FROM", "Accounts <no-reply@example.net>");
    // The output of --print-config can be read again.
    accepted("AUTH_MAIL_FROM", "Accounts <no-reply@localhost>");
}

#[test]
fn traces_go_to_a_collector_over_plain_http_alone() {
    for endpoint in
        ["https://collector.example/v1/traces", "collector:4318", "grpc://127.0.0.1:4317", "http://", "4318"]
    {
        refused("AUTH_OTLP_ENDPOINT", endpoint, &[endpoint, "http://127.0.0.1:4318"]);
    }
    accepted("AUTH_OTLP_ENDPOINT", "http://collector.example:4318");
}

#[test]
fn password_minimum_is_1_to_1024_code_points_with_score_0_to_4() {
    for length in ["0", "1025", "65535"] {
        refused("AUTH_PASSWORD_MIN_LENGTH", length, &["password", "1 to 1024"]);
    }
    for score in ["5", "255"] {
        refused("AUTH_PASSWORD_MIN_SCORE", score, &["password", "0 to 4"]);
    }
    accepted("AUTH_PASSWORD_MIN_LENGTH", "1024");
    accepted("AUTH_PASSWORD_MIN_SCORE", "4");
}

#[test]
fn mails_are_given_up_after_a_minute_to_a_week() {
    for seconds in ["0", "59", "604801"] {
        refused("AUTH_MAIL_GIVE_UP_SECONDS", seconds, &["giving mails up", "60 s to 604800 s"]);
    }
    accepted("AUTH_MAIL_GIVE_UP_SECONDS", "60");
    accepted("AUTH_MAIL_GIVE_UP_SECONDS", "604800");
}

#[test]
fn listeners_are_addresses_with_ports() {
    for variable in ["AUTH_LISTEN", "AUTH_METRICS_LISTEN"] {
        for value in ["8000", "localhost:8000", "127.0.0.1", "127.0.0.1:65536", "http://127.0.0.1:8000"] {
            refused(variable, value, &[value, "an address and a port"]);
        }
    }
}

#[test]
fn databases_of_other_kinds_are_refused() {
    for url in ["postgres://db.example/auth", "auth.db", "/var/lib/auth.db", "SQLITE://auth.db"] {
        refused("AUTH_DATABASE_URL", url, &["sqlite://"]);
    }
}

#[test]
fn trusted_proxies_are_networks() {
    for list in ["nonsense", "10.0.0.0/33", "10.0.0.0/8,proxy.example", "10.0.0.0/8 10.1.0.0/8"] {
        refused("AUTH_TRUSTED_PROXIES", list, &[list, "10.0.0.0/8"]);
    }
}

#[test]
fn cors_origins_are_scheme_host_and_port() {
    for list in [
        "*",
        "https://*.example.org",
        "app.example.org",
        "https://app.example.org/",
        "https://app.example.org?x",
        "https://",
        "null",
        "ftp://app.example.org",
        "https://a.example,b.example",
    ] {
        refused("AUTH_CORS_ORIGINS", list, &[list, "https://app.example.org"]);
    }
    accepted("AUTH_CORS_ORIGINS", "https://app.example.org, http://localhost:3000");
}

#[test]
fn service_name_is_one_short_line() {
    for name in ["a\nb", "a\r\nBcc: eve@example.org", "\u{1b}[31m", &"x".repeat(65)] {
        let ran = Program::plain(&[("AUTH_SERVICE_NAME", name)]).run(&["--print-config"]);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.contains("AUTH_SERVICE_NAME") && ran.err.contains("1 to 64 characters"), "{ran:?}");
    }
    accepted("AUTH_SERVICE_NAME", &"é".repeat(64));
}

/// Threat: a value from elsewhere that colours the terminal or forges a line of its own.
#[test]
fn a_refused_value_is_shown_on_one_line_without_controls() {
    for (variable, value) in [
        ("AUTH_DISCLOSURE", "hidden\nauth-http: all is well"),
        ("AUTH_SERVICE_NAME", "\u{1b}[2Jx"),
        ("AUTH_LISTEN", "127.0.0.1:0\r"),
    ] {
        let ran = Program::plain(&[(variable, value)]).run(&["--print-config"]);
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(!ran.err.trim_end().chars().any(char::is_control), "{ran:?}");
    }
}

#[test]
fn scrypt_is_three_numbers() {
    for value in ["17", "17,8", "17,8,1,1", "17;8;1", "17,8,x", "256,8,1", "-17,8,1"] {
        refused("AUTH_SCRYPT", value, &[value, "17,8,1"]);
    }
}

#[test]
fn argon2id_is_three_numbers() {
    for value in ["19456", "19456,2", "19456,2,1,1", "19456;2;1", "19456,2,x", "19456,2,256", "-19456,2,1"] {
        refused("AUTH_ARGON2ID", value, &[value, "19456,2,1"]);
    }
}

#[test]
fn log_directives_are_checked() {
    for value in ["auth_http=nonsense", "=,="] {
        refused("AUTH_LOG", value, &["write info"]);
    }
}
