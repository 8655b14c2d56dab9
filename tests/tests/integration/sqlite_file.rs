//! The files of a SQLite database: one server at a time uses them, and only their owner reads them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use auth_http::{
    config::{Layers, Settings},
    node::Node,
};
use auth_tests::{PASSWORD, Program};
use tempfile::TempDir;

const FILES: [&str; 4] = ["auth.db", "auth.db-wal", "auth.db-shm", "auth.db-lock"];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Threat: two servers that keep codes in their own memory; one refuses the codes that the other has mailed.
#[test]
fn second_server_on_a_file_is_refused_and_told_who_has_it() {
    let program = Program::plain(&[]);
    let first = program.serve(&[]);
    let folder = program.folder();
    symlink("auth.db", folder.join("link.db")).unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    symlink("../link.db", folder.join("sub/link.db")).unwrap();
    symlink(".", folder.join("here")).unwrap();
    for url in [
        "sqlite://auth.db?mode=rwc".to_owned(),
        "sqlite:auth.db".to_owned(),
        "sqlite://./sub/../auth.db?mode=rw".to_owned(),
        "sqlite://au%74h.db".to_owned(),
        "sqlite://link.db?mode=rwc".to_owned(),
        "sqlite://sub/link.db".to_owned(),
        "sqlite://here/here/auth.db".to_owned(),
        "sqlite://auth.db?mode=ro".to_owned(),
        format!("sqlite://{}/auth.db", folder.display()),
    ] {
        let said = program.with(&[("AUTH_DATABASE_URL", &url)]).refusal(&[]);
        for words in
            ["AUTH_DATABASE_URL", &format!("process {},", first.id()), "auth.db already", "stop it first"]
        {
            assert!(said.contains(words), "{url}: {words} is not in {said}");
        }
    }
    assert_eq!(first.get("/readyz").status, 200, "nothing has happened to it");
    let other = program.with(&[("AUTH_DATABASE_URL", "sqlite://other.db?mode=rwc")]).serve(&[]);
    assert_eq!(other.get("/readyz").status, 200, "another file is another database");
}

#[test]
fn commands_work_beside_a_server() {
    let program = Program::plain(&[("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0")]);
    let server = program.serve(&[]);
    for command in [&["migrate"][..], &["check"], &["purge"], &["mail", "list"], &["mail", "retry", "--all"]]
    {
        let ran = program.run(command);
        assert_eq!(ran.status, 0, "{command:?}: {ran:?}");
    }
    assert!(program.refusal(&[]).contains("already"), "the server still has it");
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202);
}

#[test]
fn server_that_was_killed_leaves_its_file_to_the_next() {
    let program = Program::plain(&[]);
    let mut first = program.serve(&[]);
    first.kill();
    assert!(program.folder().join("auth.db-lock").exists(), "the lock file that is left blocks nobody");
    let second = program.serve(&[]);
    assert!(
        program.refusal(&[]).contains(&format!("process {},", second.id())),
        "not the one that was killed"
    );
}

/// Returns the settings of a node on a database, with the defaults otherwise.
pub(super) fn settings(database: &str) -> Settings {
    let variables = vec![("AUTH_DATABASE_URL".to_owned(), database.to_owned())];
    let layers = Layers::collect(Some(Path::new("/dev/null")), variables.into_iter(), Vec::new());
    Settings::parse(&layers.unwrap()).unwrap()
}

#[tokio::test]
async fn second_node_in_one_process_is_refused_until_the_first_has_ended() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("auth.db").display());
    let first = Node::start(settings(&url)).await.unwrap();
    for _ in 0..2 {
        let refused = Node::start(settings(&url)).await.err().unwrap().to_string();
        assert!(refused.contains(&format!("process {},", std::process::id())), "{refused}");
    }
    assert!(first.finish(async {}).await);
    let second = Node::start(settings(&url)).await.unwrap();
    assert!(second.finish(async {}).await);
}

#[tokio::test]
async fn databases_in_memory_are_never_shared() {
    let url = "sqlite::memory:";
    let nodes = [Node::start(settings(url)).await.unwrap(), Node::start(settings(url)).await.unwrap()];
    for node in nodes {
        assert!(node.finish(async {}).await);
    }
}

/// Threat: other users of the machine who read addresses and password hashes.
#[test]
fn files_are_made_for_their_owner_alone_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let shell = format!("umask {umask} && exec \"$0\" \"$@\"");
        let server = Program::plain(&[]).serve_under(&["sh", "-c", &shell]);
        assert_eq!(server.register("ada@example.org", PASSWORD).status, 202, "umask {umask}");
        assert_eq!(FILES.map(|name| mode(&server.folder().join(name))), [0o600; 4], "umask {umask}");
    }
}

#[test]
fn file_behind_a_link_is_made_for_its_owner_alone() {
    let program = Program::plain(&[]);
    fs::create_dir(program.folder().join("data")).unwrap();
    symlink("data/real.db", program.folder().join("auth.db")).unwrap();
    assert_eq!(program.run(&["migrate"]).status, 0);
    assert_eq!(mode(&program.folder().join("data/real.db")), 0o600);
}

/// Giving a backup's user the right to read is intended.
#[test]
fn mode_of_a_file_that_was_there_stays_and_check_warns_of_it() {
    let program = Program::plain(&[]);
    assert_eq!(program.run(&["migrate"]).status, 0);
    let path = program.folder().join("auth.db");
    assert!(!program.run(&["check"]).out.contains("mode"), "nothing to warn of");
    for wide in [0o640, 0o644] {
        set_mode(&path, wide);
        let ran = program.run(&["check"]);
        let line = ran.out.lines().find(|line| line.starts_with("warning database: "));
        let line = line.unwrap_or_else(|| panic!("{ran:?}"));
        assert!(
            ran.status == 0 && line.contains(&format!("{wide:04o}")) && line.contains("chmod 600"),
            "{line}"
        );
        assert!(program.serve(&[]).log().contains("chmod 600"), "so does serve");
        assert_eq!(mode(&path), wide);
    }
}

#[test]
fn second_spelling_of_a_path_is_refused() {
    let program = Program::plain(&[("AUTH_DATABASE_URL", "sqlite:file:auth.db?mode=rwc")]);
    let said = program.refusal(&[]);
    assert!(said.contains("AUTH_DATABASE_URL") && said.contains("sqlite://path"), "{said}");
}
