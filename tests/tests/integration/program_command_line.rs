//! The command line: wrong ones end with status 2, help and version with 0.

use auth_tests::Program;

/// Every variable of the configuration table.
const VARIABLES: [&str; 49] = [
    "AUTH_PROFILE",
    "AUTH_LISTEN",
    "AUTH_METRICS_LISTEN",
    "AUTH_DATABASE_URL",
    "AUTH_REDIS_URL",
    "AUTH_REDIS_PREFIX",
    "AUTH_SINGLE_NODE",
    "AUTH_SMTP_URL",
    "AUTH_MAIL_FROM",
    "AUTH_MAIL_REPLY_TO",
    "AUTH_SERVICE_NAME",
    "AUTH_MAIL_TEMPLATES",
    "AUTH_CODE_LENGTH",
    "AUTH_CODE_TTL_SECONDS",
    "AUTH_CODE_ALPHABET",
    "AUTH_CODE_TRIES",
    "AUTH_CODE_KEYS",
    "AUTH_DISCLOSURE",
    "AUTH_SCRYPT",
    "AUTH_ARGON2ID",
    "AUTH_HASH_WORKERS",
    "AUTH_HASH_QUEUE",
    "AUTH_PASSWORD_MIN_LENGTH",
    "AUTH_PASSWORD_MIN_SCORE",
    "AUTH_RESEND_AFTER_SECONDS",
    "AUTH_RESEND_AFTER_MAX_SECONDS",
    "AUTH_MAIL_PER_SECOND",
    "AUTH_MAIL_CONNECTIONS",
    "AUTH_MAIL_GIVE_UP_SECONDS",
    "AUTH_CLIENT_REQUESTS_PER_MINUTE",
    "AUTH_LOGIN",
    "AUTH_SESSION_COOKIE",
    "AUTH_ORIGIN",
    "AUTH_PAGES",
    "AUTH_PAGE_TEMPLATES",
    "AUTH_SESSION_SECONDS",
    "AUTH_SESSION_IDLE_SECONDS",
    "AUTH_FRESH_SECONDS",
    "AUTH_RESET_TTL_SECONDS",
    "AUTH_RESET_URL",
    "AUTH_KEEP_ALIVE_SECONDS",
    "AUTH_TRUSTED_PROXIES",
    "AUTH_FORWARDED_HEADER",
    "AUTH_CORS_ORIGINS",
    "AUTH_DOCS",
    "AUTH_MIGRATE",
    "AUTH_LOG",
    "AUTH_LOG_FORMAT",
    "AUTH_OTLP_ENDPOINT",
];

fn is_wrong(arguments: &[&str]) -> String {
    let ran = Program::plain(&[]).run(arguments);
    assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}: {ran:?}");
    assert!(ran.err.starts_with("error: ") && ran.err.contains("--help"), "{arguments:?}: {ran:?}");
    ran.err
}

#[test]
fn wrong_command_lines_end_with_2() {
    for arguments in [
        &["frobnicate"][..],
        &["serve", "migrate"],
        &["--frobnicate"],
        &["--listen"],
        &["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:1"],
        &["mail"],
        &["mail", "frobnicate"],
        &["purge", "everything"],
        &["healthcheck", "--url"],
        &["check", "ada@example.org"],
        &["openapi", "--json"],
    ] {
        is_wrong(arguments);
    }
}

#[test]
fn mail_retry_and_drop_take_ids_or_all_and_not_both() {
    let id = "0a".repeat(16);
    for command in ["retry", "drop"] {
        let said = is_wrong(&["mail", command]);
        assert!(said.contains("--all|ID"), "it says what is missing: {said}");
        is_wrong(&["mail", command, "--all", &id]);
    }
}

#[test]
fn mail_ids_are_32_hexadecimal_digits() {
    for command in ["retry", "drop"] {
        for id in ["1", &"0a".repeat(15), &"0a".repeat(17), &"zz".repeat(16)] {
            let ran = Program::plain(&[]).run(&["mail", command, id]);
            assert_eq!(ran.status, 2, "{ran:?}");
            assert!(ran.err.contains("32 hexadecimal digits") && ran.err.contains("mail list"), "{ran:?}");
        }
    }
}

#[test]
fn unknown_flag_names_the_nearest() {
    let said = is_wrong(&["--code-lenght", "6"]);
    assert!(said.contains("--code-length"), "{said}");
}

#[test]
fn help_lists_every_command_and_every_variable() {
    let ran = Program::plain(&[]).run(&["--help"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    for command in ["serve", "migrate", "check", "openapi", "account", "mail", "purge", "healthcheck"] {
        assert!(ran.out.contains(&format!("\n  {command} ")), "{command} in {}", ran.out);
    }
    for variable in VARIABLES {
        let flag = format!("--{}", variable.trim_start_matches("AUTH_").to_lowercase().replace('_', "-"));
        assert!(ran.out.contains(variable), "{variable} in {}", ran.out);
        assert!(ran.out.contains(&format!("{flag} <VALUE>")), "{flag} in {}", ran.out);
    }
}

#[test]
fn print_config_lists_the_same_keys_as_help() {
    let ran = Program::plain(&[]).run(&["--print-config"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let names = ran.out.lines().map(|line| {
        let name = line.trim_start_matches("# ").split(' ').next().unwrap_or_default();
        format!("AUTH_{}", name.to_uppercase())
    });
    let (mut printed, mut expected): (Vec<String>, Vec<&str>) = (names.collect(), VARIABLES.into());
    printed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(printed, expected);
}

#[test]
fn version_is_printed() {
    let ran = Program::plain(&[]).run(&["--version"]);
    assert_eq!(ran.status, 0);
    let version = ran.out.trim_end().strip_prefix("auth-http ").unwrap();
    assert_eq!(version.split('.').count(), 3, "{version}");
}

#[test]
fn flags_count_before_and_after_the_command() {
    for arguments in [
        &["--print-config", "--code-length", "7", "serve"][..],
        &["serve", "--code-length", "7", "--print-config"],
        &["mail", "list", "--code-length", "7", "--print-config"],
        &["--code-length", "7", "mail", "--print-config", "list"],
    ] {
        let ran = Program::plain(&[]).run(arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.out.contains("code_length = \"7\" # flag --code-length"), "{arguments:?}: {}", ran.out);
    }
}

/// `auth-http account list | head` is no failure that anybody has to read about.
#[test]
fn reader_that_has_seen_enough_gets_no_message() {
    let folder = tempfile::TempDir::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = auth_tests::command(false, folder.path(), &[]).arg("openapi").stdout(writer).output().unwrap();
    assert_eq!((ran.status.code(), ran.stderr), (Some(1), Vec::new()));
}
