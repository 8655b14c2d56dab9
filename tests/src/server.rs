//! The server that tests talk to: the built program, started on a free port in its own folder.
//!
//! Tests go through HTTP and the mailbox only. Next: `client.rs` for requests, `wait.rs` for waiting.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::{
    stack::{Stack, administer, alter_file, texts_of_file, texts_of_mysql},
    until,
};

/// Cheap hashes: test builds accept them.
const CHEAP: (&str, &str) = ("AUTH_SCRYPT", "4,8,1");

/// One running server. It is killed when dropped, and its folder removed.
pub struct Server {
    child: Child,
    hooks: bool,
    pub base: String,
    pub metrics: Option<String>,
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
    /// Its log: a file and not a pipe, so that what it has written can be read at once.
    log: File,
    printed: Arc<Mutex<String>>,
    /// Its part of the real servers; removed with the last server that uses it.
    stack: Option<Arc<Stack>>,
}

/// Makes a server hold its hashes until `release_hashes`.
pub const HOLD_HASHES: (&str, &str) = ("AUTH_TEST_HOLD_HASHES", "1");

/// Starts a server of the test build with cheap hashes, metrics, and these settings over the defaults:
/// on the embedded stores, or on the real ones that the run selects.
pub fn start(settings: &[(&str, &str)]) -> Server {
    let stack = Stack::of_the_run().map(Arc::new);
    start_on(stack, settings)
}

/// Starts a server as `start` does, on these real servers.
pub fn start_on(stack: Option<Arc<Stack>>, settings: &[(&str, &str)]) -> Server {
    let mut all =
        owned(&[CHEAP, ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"), ("AUTH_METRICS_LISTEN", "127.0.0.1:0")]);
    all.extend(stack.iter().flat_map(|stack| stack.settings()));
    // The last setting of a name counts.
    all.extend(owned(settings));
    launch(true, Arc::new(TempDir::new().unwrap()), all, &[]).on(stack)
}

/// Starts the released server with these settings and no others, on these real servers or the embedded stores.
pub fn start_released_on(stack: Option<Arc<Stack>>, settings: &[(&str, &str)]) -> Server {
    let mut all = owned(settings);
    all.extend(stack.iter().flat_map(|stack| stack.settings()));
    launch(false, Arc::new(TempDir::new().unwrap()), all, &[]).on(stack)
}

pub(crate) fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Returns the program: the test build or the released one.
pub fn program(hooks: bool) -> PathBuf {
    let (variable, name) =
        if hooks { ("AUTH_HTTP_HOOKS_BIN", "auth-http-hooks") } else { ("AUTH_HTTP_BIN", "auth-http") };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-bin").join(name);
    let path = env::var_os(variable).map_or(built, PathBuf::from);
    assert!(path.exists(), "{} is not built; run: cargo xtask test --only server", path.display());
    path
}

/// Returns a command of the program in a folder, without the variables of the environment.
pub fn command(hooks: bool, folder: &Path, settings: &[(String, String)]) -> Command {
    command_under(&[], hooks, folder, settings)
}

/// Returns the same through a command that finally executes the program: `sh -c 'umask 0; exec "$0" "$@"'`.
pub(crate) fn command_under(
    wrapper: &[&str],
    hooks: bool,
    folder: &Path,
    settings: &[(String, String)],
) -> Command {
    let program = program(hooks);
    let mut command = match wrapper {
        [] => Command::new(program),
        [first, arguments @ ..] => {
            let mut command = Command::new(first);
            command.args(arguments).arg(program);
            command
        }
    };
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("AUTH_") {
            command.env_remove(variable);
        }
    }
    command.current_dir(folder).envs(settings.iter().map(|(key, value)| (key, value)));
    command
}

pub(crate) fn launch(
    hooks: bool,
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
    arguments: &[&str],
) -> Server {
    launch_under(&[], hooks, folder, settings, arguments)
}

pub(crate) fn launch_under(
    wrapper: &[&str],
    hooks: bool,
    folder: Arc<TempDir>,
    settings: Vec<(String, String)>,
    arguments: &[&str],
) -> Server {
    let mut command = command_under(wrapper, hooks, folder.path(), &settings);
    if !settings.iter().any(|(key, _)| key == "AUTH_LISTEN") {
        command.env("AUTH_LISTEN", "127.0.0.1:0");
    }
    let log = tempfile::tempfile().unwrap();
    command.args(arguments).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let base = first_line(&mut lines, "listening on ", &log);
    let metrics = settings
        .iter()
        .any(|(key, _)| key == "AUTH_METRICS_LISTEN")
        .then(|| first_line(&mut lines, "metrics on ", &log));
    let printed = collect(lines);
    Server { child, hooks, base, metrics, folder, settings, log, printed, stack: None }
}

fn first_line(lines: &mut BufReader<ChildStdout>, prefix: &str, log: &File) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    match line.trim_end().strip_prefix(prefix) {
        Some(url) => url.to_owned(),
        None => panic!("the server said {line:?}, not {prefix:?}; its log:\n{}", read(log)),
    }
}

/// Returns what has been written to a file so far, whoever writes to it.
fn read(file: &File) -> String {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Collects the output of a process while it runs.
fn collect(mut lines: impl BufRead + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&text);
    thread::spawn(move || {
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
            collected.lock().unwrap().push_str(&line);
            line.clear();
        }
    });
    text
}

impl Server {
    fn on(mut self, stack: Option<Arc<Stack>>) -> Self {
        self.stack = stack;
        self
    }

    /// Returns its log so far.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// Returns its output after the first lines.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// Returns its folder, with the database `auth.db`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) -> ExitStatus {
        until("the server's end", || self.child.try_wait().unwrap())
    }

    /// Returns whether it has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has ended, and returns its whole log.
    pub fn whole_log(&mut self) -> String {
        self.wait();
        self.log()
    }

    /// Ends it and starts another server in the same folder, with more settings.
    pub fn restart(mut self, more: &[(&str, &str)]) -> Self {
        self.kill();
        let mut settings = self.settings.clone();
        settings.retain(|(key, _)| !more.iter().any(|(other, _)| key == other));
        settings.extend(owned(more));
        launch(self.hooks, Arc::clone(&self.folder), settings, &[]).on(self.stack.clone())
    }

    /// Starts another server on the same database, with more settings. On SQLite this one must have ended.
    pub fn sibling_with(&self, more: &[(&str, &str)]) -> Self {
        let mut settings = self.settings.clone();
        settings.extend(owned(more));
        launch(self.hooks, Arc::clone(&self.folder), settings, &[]).on(self.stack.clone())
    }

    /// Runs another command of the program in its folder, with its settings.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        self.run_with(&[], arguments)
    }

    /// Runs another command of the program in its folder, with its settings and more of them.
    pub fn run_with(&self, more: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
        let mut settings = self.settings.clone();
        settings.extend(owned(more));
        let output = command(self.hooks, self.folder(), &settings).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Moves its clocks by a number of seconds, forward or back.
    pub fn shift_clock(&self, seconds: i64) {
        let answer = self.request("POST", &format!("/dev/clock?seconds={seconds}"), &[], b"");
        assert_eq!(answer.status, 204, "the clock of a test build can be moved");
    }

    /// Lets it make the hashes that `AUTH_TEST_HOLD_HASHES` holds.
    pub fn release_hashes(&self) {
        self.signal("USR2");
    }

    /// Returns the bytes of everything stored: the database file with its journal, or every value of
    /// every table and key.
    pub fn stored(&self) -> Vec<u8> {
        let codes = self.stack.as_ref().map(|stack| stack.dump_codes());
        [self.accounts(), codes.unwrap_or_default()].concat()
    }

    /// Executes statements on the database: the first ones on SQLite, the others on MySQL and MariaDB.
    pub fn alter(&self, sqlite: &[&str], mysql: &[&str]) {
        match &self.stack {
            Some(stack) => mysql.iter().for_each(|sql| administer(&stack.database.url, (*sql).to_owned())),
            None => alter_file(
                self.folder().join("auth.db"),
                sqlite.iter().map(|sql| (*sql).to_owned()).collect(),
            ),
        }
    }

    /// Returns what a query answers, the text of its one column in each row.
    pub fn query(&self, sqlite: &str, mysql: &str) -> Vec<String> {
        match &self.stack {
            Some(stack) => texts_of_mysql(&stack.database.url, mysql.to_owned()),
            None => texts_of_file(self.folder().join("auth.db"), sqlite.to_owned()),
        }
    }

    /// Returns whether codes outlive a restart: they are in Redis.
    pub fn keeps_codes(&self) -> bool {
        self.stack.is_some()
    }

    /// Returns the bytes of all stored accounts and mails.
    pub fn accounts(&self) -> Vec<u8> {
        if let Some(stack) = &self.stack {
            return stack.database.dump();
        }
        ["auth.db", "auth.db-wal"]
            .iter()
            .flat_map(|f| fs::read(self.folder().join(f)).unwrap_or_default())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
