//! `bench PARTS STORE SECONDS REPETITIONS RATE CONNECTIONS..`: measures the server `AUTH_HTTP_BIN` under the load of
//! `AUTH_BENCH_LOAD`, and prints one line of JSON for each measurement. `cargo xtask bench` makes a table of them.
//!
//! MariaDB and MySQL write their files to the disk and commit durably, other than those of the tests. Each measurement
//! has a new server and a new database. Parts and numbers of connections take turns, so that whatever else the machine
//! does hits all of them.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    env,
    error::Error,
    ffi::OsString,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use auth_tests::{
    container::{self, Service, docker, free_port},
    stack::SqlSession,
    until_within,
};
use serde_json::{Value, json};
use sqlx::{Connection, MySqlConnection};
use tempfile::TempDir;
use tokio::{task::JoinSet, time::Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The cheapest hash, so that everything else shows.
const CHEAP: &[(&str, &str)] =
    &[("AUTH_PROFILE", "seed-compat"), ("AUTH_SCRYPT", "1,8,1"), ("AUTH_HASH_QUEUE", "10000")];
/// The same, as a deployment with logins has it.
const WITH_LOGIN: &[(&str, &str)] = &[
    ("AUTH_PROFILE", "seed-compat"),
    ("AUTH_SCRYPT", "1,8,1"),
    ("AUTH_LOGIN", "on"),
    ("AUTH_DISCLOSURE", "hidden"),
];
/// Accounts of each state that are logged in to.
const EACH_STATE: &str = "64";
/// Flushed at each commit, which is the default of both and said so that no other default counts.
const DURABLE: &[&str] = &["--innodb-flush-log-at-trx-commit=1"];
/// Connections of the loop of bare commits: as many as a node has to its database.
const COMMITTERS: usize = 16;

fn main() -> Result<()> {
    container::sweep();
    let measured = measure();
    container::sweep();
    measured
}

fn measure() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [parts, store, seconds, repetitions, rate, connections @ ..] = &arguments[..] else {
        return Err("PARTS STORE SECONDS REPETITIONS RATE CONNECTIONS..".into());
    };
    let servers = match store.as_str() {
        "sqlite" => None,
        "mysql" => Some((container::mysql(DURABLE), container::redis(&[]))),
        "mariadb" => Some((container::mariadb(DURABLE), container::redis(&[]))),
        other => return Err(format!("{other}: sqlite, mysql or mariadb").into()),
    };
    let servers = servers.as_ref();
    for repetition in 0..repetitions.parse()? {
        for part in parts.split(',') {
            let run = format!("bench_{repetition}_{part}");
            match part {
                "limits" => {
                    println!("{}", load(&["limits", "64", seconds])?);
                    if let Some((database, _)) = servers {
                        let commits = bare_commits(database, seconds.parse()?)?;
                        println!("{}", json!({ "bare_commits_per_second": commits }));
                    }
                }
                "closed" => {
                    for connections in connections {
                        let name = format!("{run}_{connections}");
                        let running = Running::start(servers, &name, CHEAP)?;
                        if let Some((database, _)) = servers {
                            fill(database, &name)?;
                        }
                        let mut measured =
                            running.load("closed", &[connections, seconds, &running.pids.join(",")])?;
                        measured["connections"] = connections.parse::<u32>()?.into();
                        measured["start_ms"] = running.start_ms.into();
                        println!("{measured}");
                    }
                }
                "open" => println!(
                    "{}",
                    Running::start(servers, &run, CHEAP)?.load("open", &["64", seconds, rate])?
                ),
                "hashing" => {
                    println!("{}", Running::start(servers, &run, &[])?.load("hashing", &["8", seconds])?)
                }
                "sessions" => {
                    for connections in connections {
                        let running = Running::start(servers, &format!("{run}_{connections}"), WITH_LOGIN)?;
                        let mut measured = running.load("sessions", &[connections, seconds])?;
                        measured["connections"] = connections.parse::<u32>()?.into();
                        println!("{measured}");
                    }
                }
                "logins" => {
                    let running = Running::start(servers, &run, WITH_LOGIN)?;
                    let registered = running.load("register", &[EACH_STATE])?;
                    for address in registered["to_block"].as_array().into_iter().flatten() {
                        running.operate(&["account", "block", address.as_str().unwrap_or_default()])?;
                    }
                    println!("{}", running.load("logins", &[EACH_STATE])?);
                }
                "scrypt" => println!("{}", load(&["scrypt", seconds])?),
                other => {
                    return Err(format!(
                        "{other}: limits, closed, open, hashing, sessions, logins or scrypt"
                    )
                    .into());
                }
            }
        }
    }
    Ok(())
}

/// A server that is killed when the measurement is over. Its output stays open, or it would fail to write to it.
struct Running {
    server: Child,
    _output: BufReader<ChildStdout>,
    /// With the database, where it is SQLite's.
    folder: TempDir,
    settings: Vec<(OsString, OsString)>,
    address: String,
    smtp: String,
    start_ms: f64,
    /// The server's process, the database's and that of Redis.
    pids: Vec<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Running {
    /// Starts a server with a database of this name.
    fn start(servers: Option<&(Service, Service)>, name: &str, hash: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let smtp = free_port().to_string();
        let mut server = Command::new(env::var("AUTH_HTTP_BIN")?);
        server
            .arg("serve")
            .current_dir(folder.path())
            .env_clear()
            .env("AUTH_LISTEN", "127.0.0.1:0")
            .envs(hash.iter().copied())
            .envs([("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"), ("AUTH_CODE_TTL_SECONDS", "3600")])
            .envs([("AUTH_MAIL_PER_SECOND", "100000"), ("AUTH_MAIL_CONNECTIONS", "32")])
            .envs([("AUTH_SMTP_URL", format!("smtp://127.0.0.1:{smtp}").as_str())])
            .envs([("AUTH_MAIL_FROM", "bench@example.net"), ("AUTH_LOG_FORMAT", "json")]);
        let mut others = Vec::new();
        if let Some((database, redis)) = servers {
            let url = direct_mysql(database);
            block_on(async {
                let mut root = MySqlConnection::connect(&url).await?;
                sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut root).await
            })?;
            server
                .env("AUTH_DATABASE_URL", format!("{url}/{name}?ssl-mode=disabled"))
                .env("AUTH_REDIS_URL", format!("redis://{}:6379/0", redis.inner_address()))
                .env("AUTH_REDIS_PREFIX", name);
            for service in [database, redis] {
                let pid = docker(&["inspect", "--format", "{{.State.Pid}}", service.id()]);
                others.push(pid.trim().to_owned());
            }
        }
        let set = server.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let settings = set.collect();
        let begun = Instant::now();
        let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut output = BufReader::new(server.stdout.take().ok_or("its output")?);
        let pids = [vec![server.id().to_string()], others].concat();
        let mut line = String::new();
        output.read_line(&mut line)?;
        let start_ms = begun.elapsed().as_secs_f64() * 1e3;
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_default().to_owned();
        let running = Self { server, _output: output, folder, settings, address, smtp, start_ms, pids };
        if running.address.is_empty() {
            return Err("the server did not start".into());
        }
        Ok(running)
    }

    /// Runs another command of the program with the server's settings.
    fn operate(&self, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new(env::var("AUTH_HTTP_BIN")?);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.settings.iter().cloned());
        let output = command.output()?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    fn load(&self, command: &str, arguments: &[&str]) -> Result<Value> {
        load(&[&[command, &self.address, &self.smtp], arguments].concat())
    }
}

fn load(arguments: &[&str]) -> Result<Value> {
    let mut load = Command::new(env::var("AUTH_BENCH_LOAD")?);
    let output = load.args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the load ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns the database's URL at its container's own address: a published port goes through the engine's proxy, whose
/// processor time would be in no figure.
fn direct_mysql(database: &Service) -> String {
    let at = database.at(3306).to_string();
    database.mysql_url().replace(&at, &format!("{}:3306", database.inner_address()))
}

/// Rows that a statement stores: with many more the database would be busy with undoing what it might have to undo.
const CHUNK: u64 = 1 << 17;

/// Stores as many active accounts as `AUTH_BENCH_STORED` says, and mails that wait for tomorrow, as many as
/// `AUTH_BENCH_BACKLOG` says. Their keys are spread evenly over those of the load, which thus meets every page.
fn fill(database: &Service, name: &str) -> Result<()> {
    let number = |variable| env::var(variable).ok().map_or(Ok(0), |number| number.parse::<u64>());
    let (stored, backlog) = (number("AUTH_BENCH_STORED")?, number("AUTH_BENCH_BACKLOG")?);
    let most = stored.max(backlog);
    if most == 0 {
        return Ok(());
    }
    let step = (1_u64 << 32) / most.next_power_of_two();
    let id = |chunk: u64| format!("(n + {})", chunk * CHUNK);
    let key = |chunk| format!("CONCAT(LOWER(LPAD(HEX({} * {step}), 8, '0')), '@stored.example')", id(chunk));
    let mut statements = vec![format!("USE {name}; CREATE TABLE numbers (n BIGINT PRIMARY KEY);")];
    statements.push("INSERT INTO numbers VALUES (0);".to_owned());
    let doublings = (0..CHUNK.ilog2()).map(|power| 1_u64 << power);
    statements
        .extend(doublings.map(|so_far| format!("INSERT INTO numbers SELECT n + {so_far} FROM numbers;")));
    for chunk in 0..stored.div_ceil(CHUNK) {
        let (id, key) = (id(chunk), key(chunk));
        statements.push(format!(
            "INSERT INTO accounts
                (address_key, version, status, address, locale, password, generation, active_since, account_id)
             SELECT {key}, 2, 2, {key}, 'en', CONCAT('$scrypt$ln=17,r=8,p=1$', REPEAT('A', 22), '$', REPEAT('A', 43)),
                UNHEX(MD5({id})), 1, UNHEX(LPAD(HEX({id}), 32, '0'))
             FROM numbers WHERE {id} < {stored} ORDER BY n;"
        ));
    }
    for chunk in 0..backlog.div_ceil(CHUNK) {
        let (id, key) = (id(chunk), key(chunk));
        statements.push(format!(
            "INSERT INTO outbox (address_key, purpose, mail_id, generation, locale, due, next_at, attempts)
             SELECT {key}, 1, UNHEX(MD5({id})), UNHEX(MD5({id})), 'en', t.now, t.now + 86400000000, 1
             FROM numbers, (SELECT CAST(UNIX_TIMESTAMP() * 1000000 AS SIGNED) AS now) t
             WHERE {id} < {backlog} ORDER BY n;"
        ));
    }
    statements.push("DROP TABLE numbers; SET GLOBAL innodb_max_dirty_pages_pct = 0;".to_owned());
    let url = direct_mysql(database);
    block_on(async {
        let mut root = MySqlConnection::connect(&url).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statements.concat())).execute(&mut root).await
    })?;
    // What is still to be written would slow down what is measured.
    let mut status = SqlSession::open(&format!("{url}/{name}"));
    let written = || (status.counted("Innodb_buffer_pool_pages_dirty") < 10).then_some(());
    until_within(Duration::from_secs(600), "the pages to be written", written);
    status.run("SET GLOBAL innodb_max_dirty_pages_pct = DEFAULT");
    Ok(())
}

/// Returns how many rows the database stores per second, each with a durable commit of its own: the limit of a service
/// that shares none.
fn bare_commits(database: &Service, seconds: u64) -> Result<f64> {
    let url = direct_mysql(database);
    block_on(async {
        let mut root = MySqlConnection::connect(&url).await?;
        sqlx::raw_sql("CREATE DATABASE IF NOT EXISTS bare").execute(&mut root).await?;
        let table = "CREATE TABLE IF NOT EXISTS bare.rows_of (id BIGINT AUTO_INCREMENT PRIMARY KEY, value BINARY(200))";
        sqlx::raw_sql(table).execute(&mut root).await?;
        let begun = Instant::now();
        let mut committers: JoinSet<sqlx::Result<u32>> = JoinSet::new();
        for _ in 0..COMMITTERS {
            let mut connection = MySqlConnection::connect(&url).await?;
            committers.spawn(async move {
                let mut commits = 0_u32;
                while begun.elapsed().as_secs() < seconds {
                    let insert =
                        sqlx::query("INSERT INTO bare.rows_of (value) VALUES (?)").bind(&[7_u8; 200][..]);
                    insert.execute(&mut connection).await?;
                    commits += 1;
                }
                Ok(commits)
            });
        }
        let mut commits = 0;
        while let Some(done) = committers.join_next().await {
            commits += done.map_err(|error| sqlx::Error::Io(error.into()))??;
        }
        Ok(f64::from(commits) / begun.elapsed().as_secs_f64())
    })
}

fn block_on<T>(work: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work)?)
}
