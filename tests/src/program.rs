//! Runs of the program in their own folders: commands, and servers that refuse to start.
//!
//! Next: `server.rs` for servers that do start.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    thread,
};

use tempfile::TempDir;

use crate::{
    Server,
    server::{command, launch, launch_under, owned},
};

/// One of the two builds, in its own folder, with settings.
pub struct Program {
    hooks: bool,
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Exit {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Program {
    /// Returns the released build, with these variables and no others.
    pub fn plain(settings: &[(&str, &str)]) -> Self {
        Self { hooks: false, folder: Arc::new(TempDir::new().unwrap()), settings: owned(settings) }
    }

    /// Returns the test build, with these variables and no others.
    pub fn hooks(settings: &[(&str, &str)]) -> Self {
        Self { hooks: true, ..Self::plain(settings) }
    }

    /// Returns the same program in the same folder with more variables.
    #[must_use]
    pub fn with(&self, more: &[(&str, &str)]) -> Self {
        let mut settings = self.settings.clone();
        settings.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
        settings.extend(owned(more));
        Self { hooks: self.hooks, folder: Arc::clone(&self.folder), settings }
    }

    /// Returns its folder, which is also its working directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into its folder; returns its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs it until it ends.
    pub fn run(&self, arguments: &[&str]) -> Exit {
        let Output { status, stdout, stderr } =
            command(self.hooks, self.folder(), &self.settings).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Exit { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }.checked()
    }

    /// Runs it until it ends, with this as its standard input.
    pub fn run_reading(&self, arguments: &[&str], input: &str) -> Exit {
        let mut command = command(self.hooks, self.folder(), &self.settings);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Exit { status: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }.checked()
    }

    /// Starts it as a server, on a free port unless the settings name one.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        launch(self.hooks, Arc::clone(&self.folder), self.settings.clone(), arguments)
    }

    /// Starts it as `serve` does, through a command that finally executes it.
    pub fn serve_under(&self, wrapper: &[&str]) -> Server {
        launch_under(wrapper, self.hooks, Arc::clone(&self.folder), self.settings.clone(), &["serve"])
    }

    /// Starts it as a server that must refuse to serve; returns its last message.
    pub fn refusal(&self, arguments: &[&str]) -> String {
        let mut command = command(self.hooks, self.folder(), &self.settings);
        if !self.settings.iter().any(|(key, _)| key == "AUTH_LISTEN") {
            command.env("AUTH_LISTEN", "127.0.0.1:0");
        }
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).map(|_| text)
        });
        // Standard output ends with the process; a first line would say that it serves.
        let mut out = String::new();
        if BufReader::new(child.stdout.take().unwrap()).read_line(&mut out).unwrap() > 0 {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap().code().unwrap_or(-1);
        let err = log.join().unwrap().unwrap();
        let ran = Exit { status, out, err }.checked();
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "it serves: {ran:?}, with {:?}", self.settings);
        ran.message()
    }
}

impl Exit {
    /// Returns the program's last message.
    pub fn message(&self) -> String {
        let said = self.err.lines().rfind(|line| line.starts_with("auth-http: "));
        said.unwrap_or_else(|| panic!("no message: {self:?}")).to_owned()
    }

    fn checked(self) -> Self {
        let trace = ["panicked", "stack backtrace", "RUST_BACKTRACE"].iter().any(|w| self.err.contains(w));
        assert!(!trace, "a stack trace is no message: {}", self.err);
        self
    }
}
