//! Conversations with a program line by line, as a person has them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A running program and its output. Dropping it closes the program's input, which ends the program.
pub(crate) struct Conversation {
    program: Child,
    says: BufReader<ChildStdout>,
}

impl Conversation {
    /// Starts the command with a limit of two minutes: a program that hangs must not block the tests.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut limited = Command::new("timeout");
        limited.arg("120").arg(command.get_program()).args(command.get_args());
        limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            limited.current_dir(folder);
        }
        let mut program = limited.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let says = program.stdout.take().context("its output is a pipe")?;
        Ok(Self { program, says: BufReader::new(says) })
    }

    /// Types a line and returns the first line of the answer.
    pub(crate) fn does(&mut self, typed: &str) -> Result<String> {
        let input = self.program.stdin.as_mut().context("its input is a pipe")?;
        writeln!(input, "{typed}").context("the program does not read its input")?;
        self.line()
    }

    /// Returns the next line of output.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.says.read_line(&mut line)? > 0, "the program has stopped");
        println!("{}", line.trim_end());
        Ok(line.trim_end().to_owned())
    }

    /// Closes its input, and checks that it ends successfully.
    pub(crate) fn ends(mut self) -> Result<()> {
        drop(self.program.stdin.take());
        let status = self.program.wait()?;
        ensure!(status.success(), "the program ended with {status}");
        Ok(())
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        drop(self.program.stdin.take());
        let _ = self.program.wait();
    }
}

/// Registers an address with an in-memory host and activates the account, as a person does. `host` makes the command
/// with the given arguments.
pub(crate) fn registers_a_person(host: impl Fn(&[&str]) -> Command) -> Result<()> {
    let mut person = Conversation::start(&mut host(&["Ada@example.org", "correct-horse-battery"]))?;
    ensure!(person.line()? == "accepted", "the registration was not accepted");
    let mail = person.line()?;
    let code = mail.strip_prefix("mail to Ada@example.org: ").context("no mail came")?.to_owned();
    let wrong = format!("{:06}", (code.parse::<u32>()? + 1) % 1_000_000);
    for (typed, told) in [
        ("12", "a code has six digits"),
        (wrong.as_str(), "refused"),
        (code.as_str(), "activated"),
        (code.as_str(), "activated"),
    ] {
        ensure!(person.does(typed)? == told, "`{told}` was expected");
    }
    person.ends()?;
    let weak = host(&["ada@example.org", "short"]).output()?;
    let refused = weak.status.code() == Some(1) && weak.stderr == b"the password is too weak\n";
    ensure!(refused, "a short password was not refused: {weak:?}");
    Ok(())
}
