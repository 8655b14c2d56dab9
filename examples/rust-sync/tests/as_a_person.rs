//! Uses the program as a person does.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

struct Person {
    program: Child,
    reads: BufReader<ChildStdout>,
}

impl Drop for Person {
    fn drop(&mut self) {
        // The program ends when its input ends.
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

impl Person {
    fn starts(arguments: &[&str]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_rust-sync"));
        program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = program.spawn().unwrap();
        Self { reads: BufReader::new(program.stdout.take().unwrap()), program }
    }

    fn types(&mut self, line: &str) -> String {
        writeln!(self.program.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.reads()
    }

    fn reads(&mut self) -> String {
        let mut line = String::new();
        self.reads.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn an_account_is_registered_activated_and_logged_in() {
    let mut person = Person::starts(&["Ada@example.org", "correct-horse-battery"]);
    assert_eq!(person.reads(), "Ok(Accepted)");
    let mail = person.reads();
    let code = mail.strip_prefix("mail to Ada@example.org: ").unwrap_or_else(|| panic!("{mail}")).to_owned();
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    assert_eq!(person.types(&wrong), "Ok(Refused)");
    assert_eq!(person.types("12"), "a code has six digits");
    let activated = person.types(&code);
    assert!(activated.starts_with("Ok(Activated("), "{activated}");
    let known = person.reads();
    assert!(known.starts_with("Authenticated {") && known.contains("fresh: true"), "{known}");
    assert!(!known.contains("auths_"), "no token is printed: {known}");
    assert_eq!(person.reads(), "LoggedOut");
    assert!(person.program.wait().unwrap().success());
}

#[test]
fn tries_are_counted() {
    let mut person = Person::starts(&["ada@example.org", "correct-horse-battery"]);
    assert_eq!(person.reads(), "Ok(Accepted)");
    let code = person.reads().rsplit_once(' ').unwrap().1.to_owned();
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..5 {
        assert_eq!(person.types(&wrong), "Ok(Refused)");
    }
    assert_eq!(person.types(&code), "Ok(Refused)", "no try is left");
}

#[test]
fn invalid_arguments_are_explained() {
    for (arguments, message) in [
        (&["ada", "secret-secret"][..], "an e-mail address must contain an @"),
        (&["ada@example.org", ""], "a password must have at least one character"),
        (&["ada@example.org"], "usage: rust-sync ADDRESS PASSWORD"),
    ] {
        let mut person = Person::starts(arguments);
        let mut error = String::new();
        person.program.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert!(error.contains(message), "{error}");
    }
}
