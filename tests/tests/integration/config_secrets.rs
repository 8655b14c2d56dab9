//! Secrets in the configuration: read from files, masked when printed, never in a message.

use auth_tests::Program;

/// 32 bytes that no output may show.
const KEY: &str = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTc3MzE=";
const OTHER_KEY: &str = "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItMTI=";

fn printed(program: &Program, arguments: &[&str]) -> String {
    let ran = program.run(&[&["--print-config"], arguments].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.out
}

#[test]
fn secrets_are_masked_and_what_helps_is_left() {
    let keys = format!("k1:{KEY},2026-07:{OTHER_KEY}");
    let out = printed(&Program::plain(&[("AUTH_CODE_KEYS", &keys)]), &[]);
    assert!(out.contains(r#"code_keys = "k1:***,2026-07:***" # environment AUTH_CODE_KEYS"#), "{out}");
    assert!(!out.contains(KEY) && !out.contains(OTHER_KEY), "{out}");
}

#[test]
fn password_in_a_database_url_is_masked() {
    // No such URL is served yet; the file's name may look like one.
    let url = "sqlite://app:canary-7731@p4ss/w@host.db?mode=rwc";
    let out = printed(&Program::plain(&[("AUTH_DATABASE_URL", url)]), &[]);
    assert!(out.contains("sqlite://app:***@host.db?mode=rwc") && !out.contains("canary"), "{out}");
}

#[test]
fn code_keys_come_from_a_file_without_its_last_line_end() {
    // Some editors write a byte order mark before UTF-8.
    for (mark, ending) in [("", ""), ("", "\n"), ("", "\r\n"), ("\u{feff}", "\r\n")] {
        let program = Program::plain(&[("AUTH_CODE_KEYS_FILE", "keys")]);
        program.write("keys", format!("{mark}k1:{KEY}{ending}"));
        let out = printed(&program, &[]);
        assert!(out.contains(r#"code_keys = "k1:***" # environment AUTH_CODE_KEYS_FILE"#), "{out}");
    }
}

#[test]
fn every_secret_may_come_from_a_file_from_every_source() {
    let program = Program::plain(&[("AUTH_DATABASE_URL_FILE", "url")]);
    program.write("url", "sqlite://secret.db?mode=rwc\n");
    program.write("keys", format!("k1:{KEY}\n"));
    program.write("auth.toml", "code_keys_file = \"keys\"\n");
    let out = printed(&program, &[]);
    assert!(out.contains("secret.db?mode=rwc\" # environment AUTH_DATABASE_URL_FILE"), "{out}");
    assert!(out.contains("code_keys = \"k1:***\" # file auth.toml"), "{out}");
    let out = printed(&program, &["--code-keys-file", "keys"]);
    assert!(out.contains("code_keys = \"k1:***\" # flag --code-keys-file"), "{out}");
    drop(program.serve(&[]));
    assert!(program.folder().join("secret.db").exists());
}

#[test]
fn later_source_overrides_a_file_of_an_earlier_one() {
    let program = Program::plain(&[]);
    program.write("keys", format!("from-file:{KEY}"));
    program.write("auth.toml", "code_keys_file = \"keys\"\n");
    let program = program.with(&[("AUTH_CODE_KEYS", &format!("k2:{OTHER_KEY}"))]);
    let out = printed(&program, &[]);
    assert!(out.contains(r#"code_keys = "k2:***" # environment AUTH_CODE_KEYS"#), "{out}");
    let out = printed(&program, &["--code-keys-file", "keys"]);
    assert!(out.contains(r#"code_keys = "from-file:***" # flag --code-keys-file"#), "{out}");
}

#[test]
fn value_and_file_from_one_source_are_refused() {
    let keys = format!("k1:{KEY}");
    let program = Program::plain(&[("AUTH_CODE_KEYS", &keys), ("AUTH_CODE_KEYS_FILE", "keys")]);
    program.write("keys", &keys);
    let said = program.refusal(&[]);
    for told in ["AUTH_CODE_KEYS_FILE", "environment AUTH_CODE_KEYS ", "keep one"] {
        assert!(said.contains(told), "{told} in {said}");
    }
    let program = program.with(&[("AUTH_CODE_KEYS", ""), ("AUTH_CODE_KEYS_FILE", "")]);
    program.write("auth.toml", format!("code_keys = \"{keys}\"\ncode_keys_file = \"keys\"\n"));
    let said = program.refusal(&[]);
    assert!(said.contains("auth.toml") && said.contains("code_keys") && !said.contains(KEY), "{said}");
    program.write("auth.toml", "");
    let said = program.refusal(&["--code-keys", &keys, "--code-keys-file", "keys"]);
    assert!(said.contains("flag --code-keys-file") && !said.contains(KEY), "{said}");
}

#[test]
fn file_that_cannot_be_read_is_refused_by_its_name() {
    let said = Program::plain(&[("AUTH_CODE_KEYS_FILE", "no/such/file")]).refusal(&[]);
    assert!(said.contains("AUTH_CODE_KEYS_FILE") && said.contains("no/such/file cannot be read"), "{said}");
    let program = Program::plain(&[]);
    program.write("auth.toml", "code_keys_file = \"no/such/file\"\n");
    let said = program.refusal(&[]);
    assert!(said.contains("AUTH_CODE_KEYS_FILE (file auth.toml): no/such/file cannot be read"), "{said}");
}

#[test]
fn values_that_are_no_secrets_come_from_no_file() {
    let program = Program::plain(&[("AUTH_SERVICE_NAME_FILE", "name")]);
    program.write("name", "Ada & Co");
    assert!(program.refusal(&[]).contains("no such key as service_name_file"));
}

#[test]
fn wrong_secrets_are_refused_without_a_word_of_them() {
    for (variable, value) in [
        ("AUTH_CODE_KEYS", "canary-7731"),
        ("AUTH_CODE_KEYS", "k1:canary7731"),
        ("AUTH_DATABASE_URL", "postgres://app:canary@db.example/auth"),
        ("AUTH_DATABASE_URL", "canary"),
        ("AUTH_REDIS_URL", "redis://:canary@redis.example/name"),
        ("AUTH_REDIS_URL", "canary"),
        ("AUTH_SMTP_URL", "smtp://app:canary@mail.example"),
    ] {
        let mut shown = vec![Program::plain(&[(variable, value)]).refusal(&[])];
        let program = Program::plain(&[]);
        program.write("secret", value);
        shown.push(program.with(&[(&format!("{variable}_FILE"), "secret")]).refusal(&[]));
        for said in shown {
            assert!(said.contains(variable) && !said.contains("canary"), "{said}");
        }
    }
}

#[test]
fn printed_configuration_is_one_that_is_read_back() {
    let first = printed(&Program::plain(&[("AUTH_CODE_TRIES", "4"), ("AUTH_DOCS", "off")]), &[]);
    let program = Program::plain(&[]);
    program.write("auth.toml", &first);
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(" # ").map_or(line, |(value, _)| value).to_owned()).collect()
    };
    let second = printed(&program, &[]);
    assert_eq!(values(&second), values(&first));
    assert!(second.contains(r#"code_tries = "4" # file auth.toml"#), "{second}");
}
