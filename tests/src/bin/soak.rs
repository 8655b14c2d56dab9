//! `soak STORE SECONDS PEOPLE`: so many people at a time register and activate while one thing after another fails. At the
//! end every mail must have come, the outbox be empty, and memory and file handles not have grown.
//!
//! The server is `AUTH_HTTP_BIN`, the people are `AUTH_BENCH_LOAD`. `cargo xtask soak` builds and starts all of it.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "it prints, ends where something is missing, and waits between failures"
)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use auth_tests::{
    Server,
    container::{self, Service, free_port},
    stack::Stack,
    start_released_on, until_within,
};
use serde_json::Value;
use tokio::time::Instant;

/// How many things fail in a run, one after the other.
const DISTURBANCES: u32 = 12;
/// How long something stays frozen.
const FROZEN: Duration = Duration::from_secs(2);
/// Longer than the wait after a mail of unknown outcome.
const OUTBOX_EMPTIES: Duration = Duration::from_secs(900);
/// The connections that an idle server keeps: 16 to the database, 16 to Redis, 8 to the mail server.
const POOLED: usize = 40;
/// How much more memory the server may have at the end than in the middle.
const GROWTH_MB: f64 = 8.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [store, seconds, people] = &arguments[..] else { panic!("STORE SECONDS PEOPLE") };
    container::sweep();
    let wrong = soak(store, seconds.parse().unwrap(), people);
    container::sweep();
    wrong.iter().for_each(|what| println!("WRONG: {what}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns what is wrong at the end.
fn soak(store: &str, seconds: u32, people: &str) -> Vec<String> {
    // Other than those of the tests, they keep what they have acknowledged.
    let durable = ["--appendonly", "yes", "--appendfsync", "always"];
    let servers = match store {
        "sqlite" => None,
        "mysql" => Some((container::mysql(&[]), container::redis(&durable))),
        "mariadb" => Some((container::mariadb(&[]), container::redis(&durable))),
        other => panic!("{other}: sqlite, mysql or mariadb"),
    };
    let stack = servers.as_ref().map(|(database, redis)| {
        Arc::new(Stack::on(&database.mysql_url(), &format!("{}/0", redis.redis_url())))
    });
    let (port, smtp) = (free_port(), free_port());
    let mut server = start_released_on(
        stack,
        &[
            ("AUTH_PROFILE", "seed-compat"),
            ("AUTH_SCRYPT", "1,8,1"),
            ("AUTH_DISCLOSURE", "hidden"),
            ("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"),
            ("AUTH_CODE_TTL_SECONDS", "3600"),
            ("AUTH_SMTP_URL", &format!("smtp://127.0.0.1:{smtp}")),
            ("AUTH_MAIL_FROM", "soak@example.net"),
            ("AUTH_MAIL_PER_SECOND", "100000"),
            ("AUTH_LISTEN", &format!("127.0.0.1:{port}")),
            ("AUTH_METRICS_LISTEN", "127.0.0.1:0"),
        ],
    );
    let idle = Footprint::of(&server);
    let load = Command::new(env::var("AUTH_BENCH_LOAD").unwrap())
        .args(["people", &format!("127.0.0.1:{port}"), &smtp.to_string(), people, &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut load = Load(load);

    let mut middle = Footprint::default();
    let begun = Instant::now();
    for n in 1..=DISTURBANCES {
        let due = Duration::from_secs(seconds.into()) * n / (DISTURBANCES + 1);
        thread::sleep(due.saturating_sub(begun.elapsed())); // pace of the load
        let disturbance = Disturbance::of(n, servers.is_some());
        let before = Footprint::of(&server);
        println!("{:4} s: {disturbance:?}, with {before:?}", begun.elapsed().as_secs());
        server = disturbance.happen(server, servers.as_ref());
        if n == DISTURBANCES / 2 + 1 {
            middle = before;
        }
    }
    let people = people_are_done(&mut load.0);
    println!("{people}");
    let settled = || server.scrape("/metrics").body.contains("auth_outbox_mails{state=\"waiting\"} 0\n");
    until_within(OUTBOX_EMPTIES, "an empty outbox", || settled().then_some(()));
    let end = Footprint::of(&server);
    println!("{:4} s: the outbox is empty, with {end:?}", begun.elapsed().as_secs());
    drop(load);

    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: String| wrong.extend((!holds).then_some(what));
    let count = |name: &str| people[name].as_u64().unwrap();
    demand(
        count("people") > 0 && count("activated") == count("people"),
        "somebody was not activated".to_owned(),
    );
    for nobody in ["without_a_mail", "unexpected_answers"] {
        demand(count(nobody) == 0, format!("{nobody}: {}", count(nobody)));
    }
    demand(server.metric("auth_outbox_mails{state=\"dead\"}") == 0.0, "mails are dead".to_owned());
    let (most, files) = (idle.files + POOLED, end.files);
    demand(files <= most, format!("{files} files are open, {} when it had started", idle.files));
    let growth = end.resident_mb - middle.resident_mb;
    demand(growth <= GROWTH_MB, format!("{growth:.1} MB more memory than in the middle"));
    demand(!server.log().contains("panicked"), "something panicked".to_owned());
    wrong
}

/// The people, who leave when this is dropped: by themselves, or because something has panicked.
struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for the line that the load prints in the end; its mail server stays.
fn people_are_done(load: &mut Child) -> Value {
    let mut line = String::new();
    BufReader::new(load.stdout.take().unwrap()).read_line(&mut line).unwrap();
    serde_json::from_str(&line).expect("the load prints what it counted")
}

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    Nothing,
    ServerKilled,
    DatabaseFrozen,
    CodesFrozen,
    DatabaseKilled,
    CodesRestarted,
}

impl Disturbance {
    /// Returns the n-th one. The server is killed in the first half alone, so that it can be seen to grow in the second.
    const fn of(n: u32, has_servers: bool) -> Self {
        match n % 5 {
            1 if n < DISTURBANCES / 2 => Self::ServerKilled,
            _ if !has_servers => Self::Nothing,
            1 | 2 => Self::DatabaseFrozen,
            3 => Self::CodesFrozen,
            4 => Self::DatabaseKilled,
            _ => Self::CodesRestarted,
        }
    }

    fn happen(self, server: Server, servers: Option<&(Service, Service)>) -> Server {
        let freeze = |service: &Service| {
            service.pause();
            thread::sleep(FROZEN); // pace of the load
            service.unpause();
        };
        match (self, servers) {
            (Self::DatabaseFrozen, Some((database, _))) => freeze(database),
            (Self::CodesFrozen, Some((_, redis))) => freeze(redis),
            (Self::DatabaseKilled, Some((database, _))) => {
                database.kill();
                database.start();
                database.wait_for_mysql();
            }
            (Self::CodesRestarted, Some((_, redis))) => {
                redis.stop();
                redis.start();
                redis.wait_for_redis();
            }
            (Self::ServerKilled, _) => return server.restart(&[]),
            (Self::Nothing, _) | (_, None) => {}
        }
        server
    }
}

/// What a process takes up.
#[derive(Clone, Copy, Debug, Default)]
struct Footprint {
    resident_mb: f64,
    files: usize,
}

impl Footprint {
    fn of(server: &Server) -> Self {
        let process = format!("/proc/{}", server.id());
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        let files = fs::read_dir(format!("{process}/fd")).unwrap().count();
        Self { resident_mb: kilobytes / 1024.0, files }
    }
}
