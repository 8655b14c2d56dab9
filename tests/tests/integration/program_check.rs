//! The command `check`: it tries every part and prints what it finds.

use std::fs;

use auth_tests::{Exit, Program};

/// The parts, in the order in which they are tried on the embedded defaults.
const PARTS: [&str; 7] = ["database", "schema", "codes", "mail", "hash", "odds", "code keys"];

/// Returns the finding about a part, and whether it is good.
fn finding<'a>(ran: &'a Exit, part: &str) -> (bool, &'a str) {
    let line = ran.out.lines().find_map(|line| {
        let (verdict, rest) = line.split_once(' ')?;
        Some((verdict == "ok", rest.trim_start().strip_prefix(part)?.strip_prefix(": ")?))
    });
    line.unwrap_or_else(|| panic!("{part} was not tried: {}", ran.out))
}

fn check(program: &Program, arguments: &[&str]) -> Exit {
    let ran = program.run(&[&["check"], arguments].concat());
    let bad = ran.out.lines().any(|line| line.starts_with("FAILED "));
    assert_eq!(ran.status, i32::from(bad), "{ran:?}");
    ran
}

#[test]
fn every_part_is_good_on_the_defaults() {
    let program = Program::plain(&[]);
    assert_eq!(program.run(&["migrate"]).status, 0);
    let ran = check(&program, &[]);
    for part in PARTS {
        assert!(finding(&ran, part).0, "{part} in {}", ran.out);
    }
    assert!(finding(&ran, "database").1.starts_with("SQLite 3."), "its version: {}", ran.out);
    assert_eq!(finding(&ran, "schema").1, "up to date; 0 mails wait, 0 are dead letters");
    assert_eq!(finding(&ran, "mail templates").1, "languages en, fr");
    let (_, hash) = finding(&ran, "hash");
    assert!(hash.contains("N=2^17, r=8, p=1") && hash.ends_with(" a second"), "{hash}");
    let measured = hash.split_once("measured: ").and_then(|(_, rest)| rest.split_once(" ms")).unwrap().0;
    assert!(measured.parse::<u32>().unwrap() > 10, "128 MiB are not written in a moment: {hash}");
}

#[test]
fn odds_are_told_with_their_numbers() {
    let ran = check(&Program::plain(&[]), &[]);
    let (_, odds) = finding(&ran, "odds");
    for number in ["3 codes", "5 tries", "18 mails", "1000000 codes", "270 in a million", "limit is 300"] {
        assert!(odds.contains(number), "{number} in {odds}");
    }
    let ran = check(&Program::plain(&[("AUTH_CODE_LENGTH", "8"), ("AUTH_CODE_TRIES", "10")]), &[]);
    assert!(finding(&ran, "odds").1.contains("100000000 codes = 6 in a million"), "{}", ran.out);
}

#[test]
fn database_that_cannot_be_opened_fails_with_its_error_and_the_rest_is_still_tried() {
    let program = Program::plain(&[("AUTH_DATABASE_URL", "sqlite://folder")]);
    fs::create_dir(program.folder().join("folder")).unwrap();
    let ran = check(&program, &[]);
    let (good, said) = finding(&ran, "database");
    assert!(!good && said.contains("unable to open database file"), "{said}");
    assert!(finding(&ran, "mail").0 && finding(&ran, "odds").0, "{}", ran.out);
    assert!(ran.message().contains("failed: database;"), "{ran:?}");
}

#[test]
fn text_file_fails_as_a_database() {
    let program = Program::plain(&[]);
    program.write("auth.db", "no database\n".repeat(500));
    let ran = check(&program, &[]);
    assert_eq!((ran.status, finding(&ran, "database").0), (1, false), "{ran:?}");
    assert!(ran.out.contains("file is not a database"), "{}", ran.out);
}

#[test]
fn old_schema_fails_only_where_serve_would_not_mend_it() {
    let program = Program::plain(&[]);
    let ran = check(&program, &[]);
    let (good, said) = finding(&ran, "schema");
    assert!(good && said.contains("`serve` will"), "{said}");
    let ran = check(&program.with(&[("AUTH_MIGRATE", "off")]), &[]);
    let (good, said) = finding(&ran, "schema");
    assert!(!good && said.contains("`auth-http migrate`"), "{said}");
}

#[test]
fn templates_that_are_wrong_fail_as_mail() {
    let program = Program::plain(&[("AUTH_MAIL_TEMPLATES", "mails")]);
    let ran = check(&program, &[]);
    assert!(!finding(&ran, "mail").0 && ran.out.contains("mails cannot be read"), "{}", ran.out);
    program.write("mails/activation.en.txt", "no code in here");
    let ran = check(&program, &[]);
    assert!(!finding(&ran, "mail").0 && ran.out.contains("activation.en.txt"), "{}", ran.out);
}

#[test]
fn test_mail_is_shown_where_none_can_be_sent() {
    let ran = check(&Program::plain(&[("AUTH_SERVICE_NAME", "Ada & Co")]), &["--mail-to", "ada@example.org"]);
    let (good, said) = finding(&ran, "test mail");
    assert!(good && said.contains("ada@example.org") && said.contains("not sent"), "{said}");
    assert!(ran.out.contains("Ada & Co: you already have an account"), "{}", ran.out);
}

#[test]
fn test_mail_to_an_invalid_address_fails() {
    for address in ["ada", "ada@localhost", "ada@example.org\nBcc: eve@example.org", ""] {
        let ran = check(&Program::plain(&[]), &["--mail-to", address]);
        let (good, said) = finding(&ran, "test mail");
        assert!(!good && said.contains("--mail-to"), "{said}");
    }
}

#[test]
fn code_keys_are_mentioned_but_not_printed() {
    let ran = check(&Program::plain(&[]), &[]);
    assert!(finding(&ran, "code keys").1.contains("development key"), "{}", ran.out);
    let key = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=";
    let ran = check(&Program::plain(&[("AUTH_CODE_KEYS", &format!("k1:{key}"))]), &[]);
    assert_eq!(finding(&ran, "code keys").1, "set");
    assert!(!ran.out.contains(key) && !ran.err.contains(key));
}
