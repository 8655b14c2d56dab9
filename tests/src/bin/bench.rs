//! `bench STORE SECONDS REPETITIONS CONNECTIONS..`: measures the server `AUTH_BENCH_SERVER` under the load of
//! `AUTH_BENCH_LOAD`, and prints one line of JSON for each measurement. `cargo xtask bench` makes a table of them.
//!
//! MariaDB and MySQL write their files to the disk and commit durably, other than those of the tests. Each measurement
//! has a new server and a new database. Numbers of connections take turns, so that whatever else the machine does
//! hits all of them.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    env,
    error::Error,
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use auth_tests::container::{self, Service, docker, free_port};
use serde_json::{Value, json};
use sqlx::{Connection, MySqlConnection};
use tokio::{task::JoinSet, time::Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

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
    let [store, seconds, repetitions, connections @ ..] = &arguments[..] else {
        return Err("STORE SECONDS REPETITIONS CONNECTIONS..".into());
    };
    let servers = match store.as_str() {
        "sqlite" => None,
        "mysql" => Some((container::mysql(DURABLE), container::redis(&[]))),
        "mariadb" => Some((container::mariadb(DURABLE), container::redis(&[]))),
        other => return Err(format!("{other}: sqlite, mysql or mariadb").into()),
    };
    for repetition in 0..repetitions.parse()? {
        if let Some((database, _)) = &servers {
            println!("{}", json!({ "bare_commits_per_second": bare_commits(database, seconds.parse()?)? }));
        }
        for connections in connections {
            let run = format!("bench_{repetition}_{connections}");
            let mut measured = run_load(servers.as_ref(), &run, connections, seconds)?;
            measured["connections"] = connections.parse::<u32>()?.into();
            println!("{measured}");
        }
    }
    Ok(())
}

/// A server that is killed when the measurement is over. Its output stays open, or it would fail to write to it.
struct Running {
    server: Child,
    output: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn run_load(
    servers: Option<&(Service, Service)>,
    run: &str,
    connections: &str,
    seconds: &str,
) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let smtp = free_port();
    let mut server = Command::new(env::var("AUTH_BENCH_SERVER")?);
    server
        .arg("serve")
        .current_dir(folder.path())
        .env_clear()
        .env("AUTH_LISTEN", "127.0.0.1:0")
        // The cheapest hash, so that everything else shows.
        .envs([("AUTH_PROFILE", "seed-compat"), ("AUTH_SCRYPT", "1,8,1"), ("AUTH_HASH_QUEUE", "10000")])
        .envs([("AUTH_CLIENT_REQUESTS_PER_MINUTE", "0"), ("AUTH_CODE_TTL_SECONDS", "3600")])
        .envs([("AUTH_MAIL_PER_SECOND", "100000"), ("AUTH_MAIL_CONNECTIONS", "32")])
        .envs([("AUTH_SMTP_URL", format!("smtp://127.0.0.1:{smtp}").as_str())])
        .envs([("AUTH_MAIL_FROM", "bench@example.net"), ("AUTH_LOG_FORMAT", "json")]);
    let mut others = Vec::new();
    if let Some((database, redis)) = servers {
        block_on(async {
            let mut root = MySqlConnection::connect(&database.mysql_url()).await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {run}"))).execute(&mut root).await
        })?;
        server
            .env("AUTH_DATABASE_URL", format!("{}/{run}?ssl-mode=disabled", database.mysql_url()))
            .env("AUTH_REDIS_URL", format!("{}/0", redis.redis_url()))
            .env("AUTH_REDIS_PREFIX", run);
        for service in [database, redis] {
            others.push(docker(&["inspect", "--format", "{{.State.Pid}}", service.id()]).trim().to_owned());
        }
    }
    let begun = Instant::now();
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = BufReader::new(server.stdout.take().ok_or("its output")?);
    let mut running = Running { server, output };
    let mut line = String::new();
    running.output.read_line(&mut line)?;
    let start = begun.elapsed();
    let address = line.trim().strip_prefix("listening on http://").ok_or("the server did not start")?;
    let pids = [vec![running.server.id().to_string()], others].concat().join(",");
    let output = Command::new(env::var("AUTH_BENCH_LOAD")?)
        .args([address, &smtp.to_string(), connections, seconds, &pids])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the load ended with {}", output.status).into());
    }
    let mut measured: Value = serde_json::from_slice(&output.stdout)?;
    measured["start_ms"] = (start.as_secs_f64() * 1e3).into();
    Ok(measured)
}

/// Returns how many rows the database stores per second, each with a durable commit of its own: the limit of a service
/// that shares none.
fn bare_commits(database: &Service, seconds: u64) -> Result<f64> {
    let url = database.mysql_url();
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
