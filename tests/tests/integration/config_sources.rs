//! The sources of values: defaults, profile, file, environment, flags, and files of secrets.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use auth_tests::{Exit, Program, Server};

/// Asserts how one value is printed, with its source.
fn is(program: &Program, arguments: &[&str], expected: &str) {
    let ran = program.run(&[&["serve", "--print-config"], arguments].concat());
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.out.lines().any(|line| line == expected), "{expected} is not in:\n{}", ran.out);
}

fn refused(program: &Program, arguments: &[&str]) -> String {
    let said = program.refusal(arguments);
    let ran = program.run(&[&["--print-config"], arguments].concat());
    assert_eq!((ran.status, ran.message()), (1, said.clone()), "--print-config refuses as serve does");
    said
}

#[test]
fn each_source_is_named_and_later_ones_win() {
    let program = Program::plain(&[]);
    is(&program, &[], r#"code_tries = "5" # default"#);
    let program = program.with(&[("AUTH_PROFILE", "seed-compat")]);
    is(&program, &[], r#"code_tries = "3" # profile seed-compat"#);
    program.write("auth.toml", "code_tries = 2\n");
    is(&program, &[], r#"code_tries = "2" # file auth.toml"#);
    let program = program.with(&[("AUTH_CODE_TRIES", "1")]);
    is(&program, &[], r#"code_tries = "1" # environment AUTH_CODE_TRIES"#);
    is(&program, &["--code-tries", "3"], r#"code_tries = "3" # flag --code-tries"#);
}

#[test]
fn profile_itself_may_come_from_anywhere() {
    let program = Program::plain(&[]);
    is(&program, &["--profile", "seed-compat"], r#"code_length = "4" # profile seed-compat"#);
    program.write("auth.toml", "profile = \"seed-compat\"\n");
    is(&program, &[], r#"disclosure = "explicit" # profile seed-compat"#);
    is(&program, &["--profile", "standard"], r#"disclosure = "hidden" # default"#);
}

#[test]
fn file_is_auth_toml_in_the_working_directory_or_the_one_that_is_named() {
    let program = Program::plain(&[]);
    program.write("auth.toml", "code_length = 7\n");
    program.write("other.toml", "code_tries = 4\n");
    is(&program, &[], r#"code_length = "7" # file auth.toml"#);
    is(&program, &["--config", "other.toml"], r#"code_tries = "4" # file other.toml"#);
    is(&program, &["--config", "other.toml"], r#"code_length = "6" # default"#);
}

#[test]
fn file_counts_for_what_is_served() {
    let program = Program::plain(&[]);
    program.write("auth.toml", "docs = false\ndatabase_url = \"sqlite://toml.db?mode=rwc\"\n");
    let server = program.serve(&[]);
    assert_eq!(server.get("/docs").status, 404);
    assert!(program.folder().join("toml.db").exists());
    drop(server);
    assert_eq!(program.serve(&["--docs", "on"]).get("/docs").status, 200, "a flag overrides it");
}

#[test]
fn file_has_strings_whole_numbers_switches_and_lists() {
    let program = Program::plain(&[]);
    program.write(
        "auth.toml",
        "service_name = \"Ada & Co\"\nhash_queue = 7\nmigrate = true\ndocs = false\n\
         cors_origins = [\"https://a.example\", \"https://b.example:8443\"]\n",
    );
    is(&program, &[], r#"service_name = "Ada & Co" # file auth.toml"#);
    is(&program, &[], r#"hash_queue = "7" # file auth.toml"#);
    is(&program, &[], r#"migrate = "on" # file auth.toml"#);
    is(&program, &[], r#"docs = "off" # file auth.toml"#);
    is(&program, &[], r#"cors_origins = "https://a.example,https://b.example:8443" # file auth.toml"#);
}

#[test]
fn other_toml_is_refused_by_its_key() {
    for (toml, told) in [
        ("code_length = 6.5\n", "code_length must be"),
        ("[code]\nlength = 6\n", "code must be"),
        ("log = 1979-05-27\n", "log must be"),
        ("cors_origins = [1, 2]\n", "cors_origins must be a list of strings"),
    ] {
        let program = Program::plain(&[]);
        program.write("auth.toml", toml);
        let said = refused(&program, &[]);
        assert!(said.contains("auth.toml") && said.contains(told), "{said}");
    }
}

/// Threat: the parser's own message quotes the line, and with it a secret.
#[test]
fn broken_file_is_refused_without_a_word_of_its_content() {
    for toml in [
        "code_keys = \"k1:canary-7731\n",
        "code_keys = canary-7731\n",
        "code_keys = \"a\"\ncode_keys = \"canary-7731\"\n",
        "canary-7731\n",
        "code_keys = [\"canary-7731\"\n",
        "code_keys = \"\\canary-7731\"\n",
    ] {
        let program = Program::plain(&[]);
        program.write("auth.toml", toml);
        let said = refused(&program, &[]);
        assert!(said.contains("auth.toml is no TOML") && !said.contains("canary"), "{said}");
    }
    let program = Program::plain(&[]);
    program.write("auth.toml", [b'a', 0xff, 0xfe]);
    assert!(refused(&program, &[]).contains("auth.toml cannot be read"));
}

#[test]
fn named_file_that_is_not_there_is_refused() {
    let said = refused(&Program::plain(&[]), &["--config", "none.toml"]);
    assert!(said.contains("none.toml cannot be read"), "{said}");
}

#[test]
fn empty_values_count_as_not_set() {
    let program =
        Program::plain(&[("AUTH_CODE_LENGTH", ""), ("AUTH_CODE_KEYS", ""), ("AUTH_CODE_KEYS_FILE", "")]);
    is(&program, &[], r#"code_length = "6" # default"#);
    is(&program, &[], "# code_keys is not set");
    program.write("auth.toml", "code_length = 7\n");
    is(&program, &[], r#"code_length = "7" # file auth.toml"#);
}

#[test]
fn unknown_keys_name_the_nearest_one() {
    for (variable, nearest) in [
        ("AUTH_CODE_LENGHT", "AUTH_CODE_LENGTH"),
        ("AUTH_DATABASE", "AUTH_DATABASE_URL"),
        ("AUTH_TRUSTED_PROXY", "AUTH_TRUSTED_PROXIES"),
        ("AUTH_CODE_KEY_FILE", "AUTH_CODE_KEYS_FILE"),
        ("AUTH_REDIS", "AUTH_REDIS_URL"),
        ("AUTH_CODE_TTL", "AUTH_CODE_TTL_SECONDS"),
        ("AUTH_LISTEN_FILE", "AUTH_LISTEN"),
    ] {
        let said = refused(&Program::plain(&[(variable, "7")]), &[]);
        assert!(said.contains(variable) && said.ends_with(&format!("did you mean {nearest}?")), "{said}");
    }
    for (key, nearest) in [("code_lenght", "code_length"), ("AUTH_DOCS", "docs"), ("smtpurl", "smtp_url")] {
        let program = Program::plain(&[]);
        program.write("auth.toml", format!("{key} = \"on\"\n"));
        let said = refused(&program, &[]);
        assert!(said.contains("file auth.toml") && said.contains(key), "{said}");
        assert!(said.ends_with(&format!("did you mean {nearest}?")), "{said}");
    }
}

/// The variables that Kubernetes sets in every container beside services named auth, auth-http, auth-redis and auth-listen.
const LINKS: [(&str, &str); 13] = [
    ("AUTH_SERVICE_HOST", "10.96.0.7"),
    ("AUTH_SERVICE_PORT", "8000"),
    ("AUTH_SERVICE_PORT_HTTP", "8000"),
    ("AUTH_PORT", "tcp://10.96.0.7:8000"),
    ("AUTH_PORT_8000_TCP", "tcp://10.96.0.7:8000"),
    ("AUTH_PORT_8000_TCP_PROTO", "tcp"),
    ("AUTH_PORT_8000_TCP_PORT", "8000"),
    ("AUTH_PORT_8000_TCP_ADDR", "10.96.0.7"),
    ("AUTH_HTTP_SERVICE_HOST", "fd00::7"),
    ("AUTH_HTTP_PORT", "tcp://[fd00::7]:8000"),
    ("AUTH_REDIS_SERVICE_HOST", "10.96.0.8"),
    ("AUTH_REDIS_PORT", "tcp://10.96.0.8:6379"),
    ("AUTH_LISTEN_PORT", "tcp://10.96.0.9:80"),
];
const COMMANDS: [&[&str]; 6] =
    [&["migrate"], &["serve", "--print-config"], &["mail", "list"], &["purge"], &["check"], &["openapi"]];

fn healthy(variables: &[(&str, &str)], server: &Server) -> Exit {
    let ran = Program::plain(variables).with(&[("AUTH_LISTEN", server.authority())]).run(&["healthcheck"]);
    assert_eq!((ran.status, ran.out.as_str()), (0, "ready\n"), "{ran:?}");
    ran
}

#[test]
fn service_links_are_passed_over_without_a_word_by_every_command() {
    let program = Program::plain(&LINKS);
    for arguments in COMMANDS {
        let ran = program.run(arguments);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
    }
    is(&program, &[], "# redis_url is not set");
    let mut server = program.serve(&[]);
    assert_eq!(healthy(&LINKS, &server).err, "");
    server.terminate();
    let log = server.whole_log();
    assert!(!LINKS.iter().any(|(variable, _)| log.contains(variable)), "{log}");
}

/// The first two are those of the compose file, which a shell may have exported.
#[test]
fn other_unknown_variables_are_a_warning_of_every_command() {
    let others = [("AUTH_PORT", "8001"), ("AUTH_MAIL_PORT", "8026"), ("AUTH_SECRET", "canary-7731")];
    let program = Program::plain(&others);
    let warned = |text: &str| {
        for (variable, _) in others {
            assert!(text.contains(variable) && text.contains("there is no such key"), "{variable} in {text}");
        }
        assert!(!text.contains("canary"), "{text}");
    };
    for arguments in COMMANDS.iter().filter(|arguments| arguments[0] != "openapi") {
        let ran = program.run(arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.err.lines().all(|line| line.starts_with("auth-http: warning: AUTH_")), "{ran:?}");
        warned(&ran.err);
    }
    let mut server = program.serve(&[]);
    warned(&healthy(&others, &server).err);
    server.terminate();
    let log = server.whole_log();
    warned(&log);
    assert_eq!(log.matches("there is no such key").count(), others.len(), "once each: {log}");
}

#[test]
fn only_the_value_of_a_key_must_be_utf_8() {
    let run = |variable: &str| {
        let folder = tempfile::TempDir::new().unwrap();
        let mut command = auth_tests::command(false, folder.path(), &[]);
        command.arg("--print-config").env(variable, OsStr::from_bytes(b"canary\xff"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = run("AUTH_SECRET");
    assert!(status == Some(0) && said.contains("AUTH_SECRET") && !said.contains("canary"), "{said}");
    for variable in ["AUTH_SERVICE_NAME", "AUTH_CODE_KEYS_FILE"] {
        let (status, said) = run(variable);
        assert!(status == Some(1) && said.contains(&format!("{variable}: the value is not UTF-8")), "{said}");
    }
}

#[test]
fn variables_of_other_programs_are_ignored() {
    let program = Program::plain(&[("AUTHOR", "ada"), ("XAUTH_CODE_LENGTH", "1"), ("auth_code_length", "1")]);
    is(&program, &[], r#"code_length = "6" # default"#);
}
