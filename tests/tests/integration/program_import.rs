//! The command `account import`: accounts of another program.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use auth_tests::{OTHER, PASSWORD, Program, Server, start};
use serde_json::{Value, json};

/// bcrypt of the password of the tests.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS";

fn line(email: &str, verified: bool) -> Value {
    json!({ "email": email, "password_hash": HASH, "verified": verified, "since": "2024-05-01T12:00:00Z" })
}

fn file(server: &Server, lines: &[String]) -> String {
    let path = server.folder().join("accounts.jsonl");
    fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Imports lines; returns status, output, and what was said of lines.
fn imported(server: &Server, more: &[&str], lines: &[String]) -> (i32, String, Vec<String>) {
    let path = file(server, lines);
    let (status, out, err) = server.run(&[&["account", "import", path.as_str()], more].concat());
    let said = err.lines().filter(|line| line.starts_with("line ")).map(str::to_owned).collect();
    (status, out, said)
}

fn texts(lines: &[Value]) -> Vec<String> {
    lines.iter().map(Value::to_string).collect()
}

#[test]
fn imported_accounts_log_in_with_the_password_that_they_had() {
    let server = start(&[]);
    let (status, out, said) = imported(&server, &[], &texts(&[line("ada@example.org", true)]));
    assert_eq!((status, said.len()), (0, 0), "{out}");
    assert_eq!(out, "1 lines: 1 imported, 0 have an account already, 0 refused\n");
    let hash = || {
        let shown = server.run(&["account", "show", "ada@example.org", "--json"]).1;
        serde_json::from_str::<Value>(&shown).unwrap()["password"].as_str().unwrap().to_owned()
    };
    assert_eq!(hash(), "imported bcrypt 5,0,0");
    assert_eq!(server.login("ada@example.org", OTHER).status, 401);
    let account = server.login("ada@example.org", PASSWORD).json()["account"].clone();
    assert_eq!(account["since"], "2024-05-01T12:00:00Z");
    assert_eq!(hash(), "scrypt N=2^4, r=8, p=1", "the hash is one of today");
    assert_eq!(server.login("ada@example.org", PASSWORD).status, 200);
    assert!(server.mails_to("ada@example.org").is_empty(), "nobody gets a mail");
}

#[test]
fn what_is_not_proven_must_be_activated() {
    let server = start(&[]);
    let (status, ..) = imported(&server, &[], &texts(&[line("ada@example.org", false)]));
    assert_eq!(status, 0);
    assert_eq!(server.login("ada@example.org", PASSWORD).status, 401);
    assert_eq!(server.resend("ada@example.org").status, 202);
    let code = server.code("ada@example.org");
    assert_eq!(server.activate("ada@example.org", PASSWORD, &code).status, 200);
    assert_eq!(server.login("ada@example.org", PASSWORD).status, 200);
}

/// Threat: an import that replaces an account, or that a stranger keeps out by registering first.
#[test]
fn accounts_that_are_there_stay_and_what_is_not_proven_makes_room() {
    let server = start(&[]);
    let token = server.entered("ada@example.org", OTHER);
    server.register("bob@example.org", OTHER);
    let lines = texts(&[line("Ada@example.org", true), line("bob@example.org", true)]);
    let (status, out, _) = imported(&server, &[], &lines);
    assert_eq!((status, out.as_str()), (0, "2 lines: 1 imported, 1 have an account already, 0 refused\n"));
    assert_eq!(server.session(&token).status, 200);
    assert_eq!(server.login("ada@example.org", OTHER).status, 200);
    assert_eq!(server.login("ada@example.org", PASSWORD).status, 401);
    assert_eq!(server.login("bob@example.org", PASSWORD).status, 200);
    // Stopped and repeated, it does the rest.
    let (status, out, _) = imported(&server, &["--json"], &lines);
    let out: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, out), (0, json!({ "lines": 2, "imported": 0, "kept": 2, "refused": 0 })));
}

#[test]
fn each_refusal_is_a_line_and_the_others_are_imported() {
    let server = start(&[]);
    let good = line("ada@example.org", true);
    let mut lines = texts(std::slice::from_ref(&good));
    lines.extend(["", "not json", r#"{"email":"x"}"#].map(str::to_owned));
    for (field, value) in [
        ("email", json!("ada")),
        ("password_hash", json!("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/")),
        ("password_hash", json!(HASH.replace("$05$", "$17$"))),
        ("verified", json!("yes")),
        ("since", json!("yesterday")),
        ("language", json!("no language")),
        ("admin", json!(true)),
    ] {
        let mut bad = good.clone();
        bad["email"] = json!("other@example.org");
        bad[field] = value;
        lines.push(bad.to_string());
    }
    // Two lines: the longest that there may be, with one byte more, and a much longer one.
    lines.push("x".repeat(8192));
    lines.push(format!(r#"{{"email":"{}"}}"#, "x".repeat(20_000)));
    lines.push(line("bob@example.org", true).to_string());
    let (status, out, said) = imported(&server, &[], &lines);
    assert_eq!(status, 1, "{out}");
    assert_eq!(out, "13 lines: 2 imported, 0 have an account already, 11 refused\n");
    for (said, why) in said.iter().zip([
        "not an object",
        "not an object",
        "must contain an @",
        "known formats",
        "limits are",
        "not an object",
        "RFC 3339",
        "language tag",
        "not an object",
        "8192 bytes",
        "8192 bytes",
    ]) {
        assert!(said.contains(why), "{why} in {said}");
    }
    assert_eq!(said.len(), 11);
    assert_eq!(server.login("bob@example.org", PASSWORD).status, 200);
}

#[test]
fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let server = start(&[]);
    server.activated("bob@example.org", OTHER);
    for waits in ["carol@example.org", "dan@example.org"] {
        assert_eq!(server.register(waits, OTHER).status, 202);
    }
    let mut lines = texts(&[
        line("ada@example.org", true),
        line("bob@example.org", true),
        line("carol@example.org", true),
        line("dan@example.org", false),
    ]);
    lines.push("not json".to_owned());
    let (status, would, said) = imported(&server, &["--dry-run"], &lines);
    assert_eq!((status, said.len()), (1, 1));
    assert_eq!(would, "5 lines: 2 would be imported, 2 have an account already, 1 refused\n");
    assert_eq!(server.login("ada@example.org", PASSWORD).status, 401);
    assert!(server.run(&["account", "show", "ada@example.org"]).2.contains("no account"));
    let (_, done, _) = imported(&server, &[], &lines);
    assert_eq!(done, would.replace("would be imported", "imported"), "and then it does");
}

#[test]
fn accounts_come_from_standard_input_too() {
    let program = Program::plain(&[]);
    assert_eq!(program.run(&["migrate"]).status, 0);
    let ran = program.run_reading(&["account", "import", "-"], &line("ada@example.org", true).to_string());
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.out, "1 lines: 1 imported, 0 have an account already, 0 refused\n");
}

#[test]
fn lines_are_counted_as_they_stand_and_the_first_of_two_counts() {
    let server = start(&[]);
    let other = json!({ "email": "ADA@example.org", "verified": true, "password_hash":
        "pbkdf2_sha256$1000$saltsaltsaltsaltsalt22$VyASWC9DewTL9QN51wURpDh7QYYAVnmwgpYqxhJrQs0=" });
    let lines = ["", "", "not json", &line("ada@example.org", true).to_string(), &other.to_string()];
    let (status, out, said) = imported(&server, &[], &lines.map(str::to_owned));
    assert_eq!((status, out.as_str()), (1, "3 lines: 1 imported, 1 have an account already, 1 refused\n"));
    assert!(said[0].starts_with("line 3: "), "{said:?}");
    let shown = server.run(&["account", "show", "ada@example.org"]).1;
    assert!(shown.contains("imported bcrypt 5,0,0"), "{shown}");
}

#[test]
fn a_file_that_is_not_there_is_a_refusal() {
    let server = start(&[]);
    let (status, _, err) = server.run(&["account", "import", "no-such-file"]);
    assert_eq!(status, 1);
    assert!(err.contains("no-such-file"), "{err}");
}

/// Each is imported once, in bounded memory, whatever order they end in, and visitors are served meanwhile.
#[test]
fn many_accounts_are_imported() {
    let server = start(&[]);
    let lines: Vec<String> =
        (0..2000).map(|n| line(&format!("user{n}@example.org"), true).to_string()).collect();
    let (done, registered) = (AtomicBool::new(false), AtomicU32::new(0));
    let (status, out, _) = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let n = registered.fetch_add(1, Ordering::SeqCst);
                assert_eq!(server.register(&format!("visitor{n}@example.net"), OTHER).status, 202);
            }
        });
        let ended = imported(&server, &[], &lines);
        done.store(true, Ordering::SeqCst);
        ended
    });
    assert_eq!(
        (status, out.as_str()),
        (0, "2000 lines: 2000 imported, 0 have an account already, 0 refused\n")
    );
    let (_, listed, _) = server.run(&["account", "list", "--json"]);
    let visitors = registered.load(Ordering::SeqCst) as usize;
    assert_eq!(listed.lines().count(), 2000 + visitors, "in pages of 500");
    assert_eq!(server.login("user1999@example.org", PASSWORD).status, 200);
}

/// Returns the query of the documentation that stands behind this, without what the shell adds.
fn documented(begins: &str) -> String {
    const PAGE: &str = include_str!("../../../docs/operating.md");
    let (_, rest) = PAGE.split_once(begins).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// A table of users, with bcrypt hashes, as many programs have one.
#[test]
fn a_table_of_users_is_imported_by_the_query_of_the_documentation() {
    let server = start(&[]);
    let table =
        "CREATE TABLE users (email VARCHAR(254), password VARCHAR(100), active BOOLEAN, created_at DATETIME)";
    let rows = format!(
        "INSERT INTO users VALUES ('ada@example.org', '{HASH}', TRUE, '2024-05-01 12:00:00'),
         ('bob@example.org', '{HASH}', FALSE, '2024-05-02 12:00:00'), ('eve@example.org', '{HASH}', NULL, NULL)"
    );
    server.alter(&[table, &rows], &[table, &rows]);
    let lines = server.query(
        &documented("sqlite3 app.db \""),
        &documented("mysql --batch --raw --skip-column-names app -e \""),
    );
    let (status, out, said) = imported(&server, &[], &lines);
    assert_eq!((status, said.len()), (0, 0), "{out} {said:?} {lines:?}");
    assert_eq!(server.login("ada@example.org", PASSWORD).json()["account"]["since"], "2024-05-01T12:00:00Z");
    for pending in ["bob@example.org", "eve@example.org"] {
        assert_eq!(server.login(pending, PASSWORD).status, 401, "{pending} is not proven");
        assert_eq!(server.resend(pending).status, 202);
        let code = server.code(pending);
        assert_eq!(server.activate(pending, PASSWORD, &code).status, 200, "{pending}");
    }
}

#[test]
fn what_is_no_truth_value_proves_nothing() {
    let server = start(&[]);
    let with = |verified: &str| {
        format!("{{\"email\": \"a@b.example\", \"password_hash\": \"{HASH}\", \"verified\": {verified}}}")
    };
    let lines = ["2", "-1", "1.0", "\"true\"", "[]"].map(with);
    let (status, out, said) = imported(&server, &[], &lines);
    assert_eq!((status, said.len()), (1, lines.len()), "{out} {said:?}");
}
