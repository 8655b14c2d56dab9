//! Running other programs: prints each command before it runs; in a dry run, only prints it.
//! Knows the repository's root and nothing about the programs.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

pub(crate) struct Shell {
    pub(crate) root: PathBuf,
    /// The folder where cargo puts the programs it builds: beside this one.
    pub(crate) built: PathBuf,
    pub(crate) dry_run: bool,
    time_building: Mutex<Duration>,
}

impl Shell {
    /// Finds the root through the variable that `cargo run` sets, so that a target folder
    /// shared by several clones cannot point at another tree.
    pub(crate) fn new(dry_run: bool) -> Result<Self> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set: start this as `cargo xtask`")?;
        let mut root = PathBuf::from(manifest_dir);
        root.pop();
        let mut built = env::current_exe().context("cannot find this program's own file")?;
        built.pop();
        Ok(Self { root, built, dry_run, time_building: Mutex::default() })
    }

    /// Returns the target folder: the one that this program was built into.
    pub(crate) fn target(&self) -> PathBuf {
        self.built.parent().map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// Returns a command that starts in the repository's root.
    pub(crate) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.command("cargo", arguments)
    }

    /// Returns flags for rustc that keep this machine's paths out of the build: another clone makes the same bytes, and
    /// a release does not show who made it.
    pub(crate) fn portable(&self) -> String {
        let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo = cargo.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
        let sources = cargo.join("registry/src");
        // Each registry's are in a folder of their own; the last prefix that fits counts.
        let folders = fs::read_dir(&sources).into_iter().flatten().flatten().map(|folder| folder.path());
        let prefixes = [self.root.clone(), sources].into_iter().chain(folders);
        prefixes.map(|prefix| format!(" --remap-path-prefix={}=.", prefix.display())).collect()
    }

    /// Runs the command with its output visible and returns whether it succeeded.
    pub(crate) fn run(&self, command: &mut Command) -> Result<bool> {
        println!("$ {}", describe(command));
        if self.dry_run {
            return Ok(true);
        }
        let status = if builds(command) { self.building(|| command.status()) } else { command.status() };
        Ok(status.with_context(|| format!("cannot start `{}`", describe(command)))?.success())
    }

    /// Calls a function whose result another run reuses, and counts its time as spent on building.
    pub(crate) fn building<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = now();
        let done = work();
        *self.time_building.lock().expect("nothing panics while it is locked") += started.elapsed();
        done
    }

    /// Returns the time that was spent on building and installing so far.
    pub(crate) fn time_building(&self) -> Duration {
        *self.time_building.lock().expect("nothing panics while it is locked")
    }

    /// Returns the standard output of a command that changes nothing; also runs it in a dry run.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program, arguments);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start `{}`", describe(&command)))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", describe(&command), output.status);
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{}` printed text that is not UTF-8", describe(&command)))
    }

    /// Returns whether a command without output, such as `sudo -n true`, succeeds.
    pub(crate) fn succeeds(&self, program: &str, arguments: &[&str]) -> bool {
        self.command(program, arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

#[expect(clippy::disallowed_methods, reason = "a duration is shown to a person; nothing depends on it")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns whether the command builds or installs something that the next run finds.
fn builds(command: &Command) -> bool {
    let words = ["build", "clippy", "doc", "rustdoc", "install", "--no-run", "add"];
    let named = command.get_args().any(|argument| words.iter().any(|word| argument == *word));
    named || command.get_args().next().is_some_and(|first| first == "check")
}

/// Returns whether PATH has a file of this name.
pub(crate) fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Returns the command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

/// Returns the command with the variables that it adds.
fn describe(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default();
        text += &format!("{}={} ", name.display(), quoted(value));
    }
    text + &line(command)
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_described_as_typed() {
        let mut command = Command::new("cargo");
        command.args(["test", "two words"]).env("A", "b");
        assert_eq!(describe(&command), "A=b cargo test 'two words'");
        assert_eq!(line(&command), "cargo test 'two words'");
    }

    #[test]
    fn what_stays_for_the_next_run_counts_as_building() {
        let builds = |line: &str| {
            let (program, arguments) = line.split_once(' ').unwrap();
            builds(Command::new(program).args(arguments.split(' ')))
        };
        for line in ["cargo clippy --locked", "cargo check", "cargo test --no-run", "env apt-get install x"] {
            assert!(builds(line), "{line}");
        }
        for line in ["cargo test --workspace --doc", "cargo fmt --check", "cargo-deny --locked check bans"] {
            assert!(!builds(line), "{line}");
        }
        let shell = Shell::new(true).unwrap();
        assert_eq!(shell.time_building(), Duration::ZERO);
        shell.building(|| std::hint::black_box("something"));
        assert!(shell.time_building() > Duration::ZERO);
    }

    #[test]
    fn a_program_that_does_not_exist_is_not_on_path() {
        assert!(!on_path("no-program-has-this-name"));
    }
}
