//! Uses the program as a person does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

struct Person {
    program: Child,
    reads: BufReader<ChildStdout>,
}

impl Drop for Person {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

impl Person {
    fn starts() -> Self {
        let program = env!("CARGO_BIN_EXE_rust-sync");
        let mut program = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { reads: BufReader::new(program.stdout.take().unwrap()), program }
    }

    fn does(&mut self, command: &str) -> String {
        writeln!(self.program.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reads.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn an_account_is_registered_and_activated() {
    let mut person = Person::starts();
    let mail = person.does("register Ada@example.org correct-horse-battery");
    let code = mail.strip_prefix("mail to Ada@example.org: ").unwrap_or_else(|| panic!("{mail}")).to_owned();
    assert_eq!(person.line(), "Ok(Accepted)");
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    let activate = |password: &str, code: &str| format!("activate ada@example.org {password} {code}");
    assert_eq!(person.does(&activate("correct-horse-battery", &wrong)), "Ok(Refused)");
    assert_eq!(person.does(&activate("wrong-horse-battery", &code)), "Ok(Refused)");
    assert_eq!(person.does(&activate("correct-horse-battery", &code)), "Ok(Activated)");
    assert_eq!(
        person.does("register ada@example.org another-password"),
        "mail to Ada@example.org: you have an account"
    );
    assert_eq!(person.line(), "Ok(Accepted)");
}

#[test]
fn what_cannot_be_is_told() {
    let mut person = Person::starts();
    assert!(person.does("register ada secret-secret").contains('@'));
    assert_eq!(person.does("activate ada@example.org secret 12"), "a code has six digits");
    assert!(person.does("hello").starts_with("register ADDRESS PASSWORD"));
}
