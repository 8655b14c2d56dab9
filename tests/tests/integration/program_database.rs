//! The program and its database: unavailable, not a database, another program's, old or too new.

use std::{fs, io::Write, net::TcpStream, thread, time::Duration};

use auth_tests::{Exit, PASSWORD, Program, start, took, until};
use serde_json::json;

/// The commands besides `serve` that need the database.
const COMMANDS: [&[&str]; 7] = [
    &["mail", "list"],
    &["mail", "retry", "--all"],
    &["mail", "drop", "--all"],
    &["account", "list"],
    &["account", "block", "ada@example.org"],
    &["account", "logout", "--all"],
    &["purge"],
];

fn refused(ran: &Exit) -> String {
    assert_eq!(ran.status, 1, "{ran:?}");
    ran.message()
}

/// Asserts that `serve` and the commands refuse this database in time, with its own error.
fn assert_refused(program: &Program, error: &str) {
    let (said, time) = took(|| program.refusal(&[]));
    assert!(said.contains(error) && said.contains("AUTH_DATABASE_URL"), "{said}");
    assert!(time < Duration::from_secs(15), "after ten seconds of trying: {time:?}");
    for command in COMMANDS.into_iter().chain([&["migrate"][..]]) {
        let said = refused(&program.run(command));
        assert!(said.contains(error), "{command:?}: {said}");
    }
}

#[test]
fn missing_folder_is_refused_with_the_real_error() {
    let program = Program::plain(&[("AUTH_DATABASE_URL", "sqlite://no/such/folder/auth.db?mode=rwc")]);
    assert_refused(&program, "unable to open database file");
    assert_eq!(fs::read_dir(program.folder()).unwrap().count(), 0, "nothing is made");
}

#[test]
fn folder_is_no_database() {
    let program = Program::plain(&[("AUTH_DATABASE_URL", "sqlite://folder?mode=rwc")]);
    fs::create_dir(program.folder().join("folder")).unwrap();
    assert_refused(&program, "unable to open database file");
}

#[test]
fn missing_file_is_refused_where_none_may_be_made() {
    let program = Program::plain(&[("AUTH_DATABASE_URL", "sqlite://auth.db")]);
    assert_refused(&program, "unable to open database file");
}

#[test]
fn text_file_is_no_database_and_stays_as_it_is() {
    let program = Program::plain(&[]);
    let text = "Dear diary, today I was taken for a database.\n".repeat(100);
    let path = program.write("auth.db", &text);
    assert_refused(&program, "file is not a database");
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn database_of_a_later_version_is_refused_and_stays_as_it_is() {
    let program = Program::plain(&[]);
    assert_eq!(program.run(&["migrate"]).status, 0);
    let path = program.folder().join("auth.db");
    let database = with_a_later_migration(fs::read(&path).unwrap());
    fs::write(&path, &database).unwrap();
    for said in [program.refusal(&[]), refused(&program.run(&["migrate"]))] {
        assert!(said.contains("later version") && said.contains("schema"), "{said}");
    }
    assert!(fs::read(&path).unwrap() == database, "nothing was written");
}

/// Renames the newest applied migration to number 99. Its row is the number, in one byte, before
/// the description that comes from the file's name; the index has the number before the row's.
fn with_a_later_migration(mut database: Vec<u8>) -> Vec<u8> {
    let newest = newest_migration();
    let (number, description) = newest.split_once('_').unwrap();
    let number: u8 = number.parse().unwrap();
    let row = [&[number], description.trim_end_matches(".sql").replace('_', " ").as_bytes()].concat();
    let index = [3, 1, 1, number, number];
    for (pattern, at) in [(&row[..], 0), (&index, 3)] {
        let found = database.windows(pattern.len()).position(|bytes| bytes == pattern).unwrap();
        database[found + at] = 99;
    }
    database
}

fn newest_migration() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-http/migrations/sqlite");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).max().unwrap()
}

#[test]
fn without_migrating_an_old_schema_is_refused_and_the_command_helps() {
    let program = Program::plain(&[("AUTH_MIGRATE", "off")]);
    let said = program.refusal(&[]);
    assert!(said.contains("run `auth-http migrate`"), "{said}");
    for command in COMMANDS {
        let said = refused(&program.run(command));
        assert!(said.contains("run `auth-http migrate`"), "{command:?}: {said}");
    }
    for _ in 0..2 {
        let ran = program.run(&["migrate"]);
        assert_eq!((ran.status, ran.out.as_str()), (0, "the schema is up to date\n"), "{ran:?}");
    }
    assert_eq!(program.serve(&[]).get("/readyz").status, 200);
    assert_eq!(program.run(&["purge"]).status, 0);
}

/// A server starts beside an operator's command, or two servers after an update.
#[test]
fn programs_that_migrate_at_once_all_succeed() {
    for _ in 0..5 {
        let program = Program::plain(&[]);
        let ran: Vec<Exit> = thread::scope(|scope| {
            let runs = [(); 4].map(|()| scope.spawn(|| program.run(&["migrate"])));
            runs.map(|run| run.join().unwrap()).into()
        });
        assert!(ran.iter().all(|ran| ran.status == 0), "{ran:#?}");
    }
}

#[test]
fn serve_migrates_by_itself() {
    let program = Program::plain(&[]);
    assert_eq!(program.serve(&[]).get("/readyz").status, 200);
    assert_eq!(program.with(&[("AUTH_MIGRATE", "off")]).serve(&[]).get("/readyz").status, 200);
}

#[test]
fn default_database_is_a_file_in_the_working_directory() {
    let program = Program::plain(&[]);
    drop(program.serve(&[]));
    assert!(program.folder().join("auth.db").exists());
}

#[test]
fn database_in_memory_leaves_no_file() {
    for url in ["sqlite::memory:", "sqlite://:memory:"] {
        let server = start(&[("AUTH_DATABASE_URL", url)]);
        server.activated("ada@example.org", PASSWORD);
        assert_eq!(fs::read_dir(server.folder()).unwrap().count(), 0, "{url}");
    }
}

/// Threat: a visitor disconnects in the middle of a request; the database lives in the one
/// connection that their request used.
#[test]
fn database_in_memory_survives_visitors_who_disconnect() {
    let server = start(&[("AUTH_DATABASE_URL", "sqlite::memory:")]);
    assert_eq!(server.register("ada@example.org", PASSWORD).status, 202);
    let code = server.code("ada@example.org");
    for n in 0..300 {
        let body = json!({ "email": format!("user{n}@example.org"), "password": PASSWORD }).to_string();
        let request = server.head("/v1/register", &format!("Content-Length: {}", body.len())) + body.as_str();
        let mut stream = TcpStream::connect(server.authority()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
    }
    until("being ready", || (server.get("/readyz").status == 200).then_some(()));
    // 503 as long as the queue is full of their hashes.
    let activate = || server.activate("ada@example.org", PASSWORD, &code).status;
    assert_eq!(until("room for a hash", || Some(activate()).filter(|&status| status != 503)), 200);
}
