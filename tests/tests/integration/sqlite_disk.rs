//! SQLite on a disk that refuses writes, or behind another program that writes: 503, not ready, and a quick recovery.
//!
//! A limit on file sizes simulates the disk. A disk that really is full is in `tests/faults/disk.rs`.

use std::{fs, process::Command, thread, time::Duration};

use auth_tests::{HttpAnswer, PASSWORD, Program, Server, took, until};
use sqlx::{Connection, Executor, SqliteConnection};

const ADA: &str = "ada@example.org";
/// The longest time in which a server recovers after its disk.
const RECOVERY: Duration = Duration::from_secs(5);
/// A limit below a write-ahead log with one page in it.
const NOTHING: u64 = 4096;
/// A limit that allows some registrations.
const SOMETHING: u64 = 256 * 1024;

/// Starts the released program, with cheap hashes.
fn program() -> Program {
    Program::plain(&[
        ("AUTH_PROFILE", "seed-compat"),
        ("AUTH_SCRYPT", "4,8,1"),
        ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"),
    ])
}

/// Limits the size of the files that a server writes; without a number, removes the limit.
fn limit(server: &Server, bytes: Option<u64>) {
    let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let arguments = ["--pid", &server.id().to_string(), &format!("--fsize={soft}:")];
    assert!(Command::new("prlimit").args(arguments).status().unwrap().success());
}

fn is_unavailable(answer: &HttpAnswer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "unavailable"), "{answer:?}");
}

fn is_not_ready(server: &Server) {
    let answer = server.get("/readyz");
    is_unavailable(&answer);
    assert!(answer.json()["detail"].as_str().unwrap().contains("accounts"), "{answer:?}");
}

/// Registers new addresses, many at once; returns the accepted ones and the number of the others.
fn rush(server: &Server, round: &str) -> (Vec<String>, usize) {
    let register = |n: usize| {
        let address = format!("{round}-{n}@example.org");
        let answer = server.register(&address, PASSWORD);
        if answer.status == 201 {
            return Some(address);
        }
        is_unavailable(&answer);
        None
    };
    let answers: Vec<Option<String>> = thread::scope(|scope| {
        let visitors: Vec<_> = (0..16)
            .map(|visitor| scope.spawn(move || [0, 1, 2].map(|n| register(visitor * 3 + n))))
            .collect();
        visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect()
    });
    let refused = answers.iter().filter(|answer| answer.is_none()).count();
    (answers.into_iter().flatten().collect(), refused)
}

#[test]
fn disk_that_refuses_writes_is_503_and_the_server_is_itself_again_soon_after() {
    for bytes in [NOTHING, SOMETHING] {
        let server = program().serve(&[]);
        assert_eq!(server.register(ADA, PASSWORD).status, 201);
        let mut accepted = vec![ADA.to_owned()];
        limit(&server, Some(bytes));
        // SQLite's caches delay some writes.
        let mut failed = 0;
        for round in 0..20 {
            let (more, refused) = rush(&server, &format!("limited-{round}"));
            accepted.extend(more);
            failed += refused;
            if failed > 60 {
                break;
            }
        }
        assert!(failed > 60, "the limit is not reached: {bytes}");
        // Where the log was emptied meanwhile it fills again.
        is_unavailable(&until("no room for one mail more", || {
            Some(server.resend(ADA)).filter(|answer| answer.status == 503)
        }));
        is_not_ready(&server);
        assert_eq!(server.get("/livez").status, 200);

        limit(&server, None);
        let ((), time) = took(|| {
            until("the server serving again", || {
                (server.register("again@example.org", PASSWORD).status == 201).then_some(())
            });
        });
        assert!(time < RECOVERY, "{bytes}: {time:?}");
        assert_eq!(server.get("/readyz").status, 200);
        let (more, refused) = rush(&server, "after");
        assert_eq!(refused, 0, "{bytes}: nobody is refused any more\n{}", server.log());
        for address in accepted.iter().chain(&more) {
            assert_eq!(server.resend(address).status, 202, "{bytes}: {address} was accepted and is lost");
        }
    }
}

#[test]
fn idle_server_on_a_disk_that_refuses_writes_is_not_ready_and_is_again_soon_after() {
    let server = program().serve(&[]);
    limit(&server, Some(NOTHING));
    is_not_ready(&server);
    limit(&server, None);
    let ((), time) = took(|| {
        until("the server being ready", || (server.get("/readyz").status == 200).then_some(()));
    });
    assert!(time < RECOVERY, "{time:?}");
    assert_eq!(server.register(ADA, PASSWORD).status, 201);
}

/// Threat: anybody may request readiness, as often as they like.
#[test]
fn readiness_is_found_out_by_a_real_write_and_not_by_one_for_each_question() {
    let server = program().serve(&[]);
    let log = || fs::metadata(server.folder().join("auth.db-wal")).unwrap().len();
    let before = log();
    let ((), time) = took(|| {
        for _ in 0..300 {
            assert_eq!(server.get("/readyz").status, 200);
        }
    });
    let (written, trials) = (log() - before, 2 + time.as_secs() / 5);
    assert!(written > 4096, "nothing has reached the log");
    assert!(written < trials * 40_000, "{written} bytes in {time:?}");
}

#[test]
fn check_says_that_nothing_can_be_written() {
    let program = program();
    assert_eq!(program.run(&["check"]).status, 0);
    assert_eq!(program.run(&["migrate"]).status, 0);
    let reads = [("AUTH_DATABASE_URL", "sqlite://auth.db?mode=ro"), ("AUTH_MIGRATE", "off")];
    let ran = program.with(&reads).run(&["check"]);
    let line = ran.out.lines().find(|line| line.starts_with("FAILED  writing: "));
    let line = line.unwrap_or_else(|| panic!("{ran:?}"));
    assert!(ran.status == 1 && line.contains("readonly") && line.contains("read-only"), "{line}");
    let before = fs::read(program.folder().join("auth.db")).unwrap();
    let ran = program.run(&["check"]);
    assert!(ran.status == 0 && !ran.out.contains("writing"), "{ran:?}");
    let (status, out) = (ran.status, program.run(&["mail", "list"]).out);
    assert_eq!((status, out.as_str()), (0, "the outbox is empty\n"), "{} bytes before", before.len());
}

/// Threat: a program beside the server that keeps SQLite's one lock, and requests that wait for it without end.
#[tokio::test]
async fn who_waits_for_another_program_is_told_in_time_and_nothing_is_done() {
    let server = program().serve(&[]);
    let url = format!("sqlite://{}", server.folder().join("auth.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let (answers, time) = took(|| {
        thread::scope(|scope| {
            let visitors = [0, 1, 2, 3].map(|n| {
                let server = &server;
                scope.spawn(move || server.register(&format!("{n}-{ADA}"), PASSWORD))
            });
            visitors.map(|visitor| visitor.join().unwrap())
        })
    });
    answers.iter().for_each(is_unavailable);
    assert!(time < Duration::from_secs(9), "{time:?}");
    is_not_ready(&server);
    let rows = sqlx::query("SELECT 1 FROM accounts").fetch_all(&mut other).await.unwrap();
    assert!(rows.is_empty(), "what is answered with 503 at the first effect that fails was not done");
    other.execute("ROLLBACK").await.unwrap();
    let again = until("the server serving again", || {
        Some(server.register(ADA, PASSWORD)).filter(|answer| answer.status != 503)
    });
    assert_eq!(again.status, 201);
}
