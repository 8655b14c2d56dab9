//! The real servers as a test sees them: their addresses, and the part that belongs to one test alone.
//!
//! `cargo xtask test` starts them once per run and passes their addresses in the environment; nothing here starts one.

use std::{
    env,
    net::SocketAddr,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Decode, Executor, MySql, MySqlConnection, Row,
    mysql::MySqlConnectOptions, sqlite::SqliteConnectOptions,
};
use tokio::runtime::{Builder, Runtime};

/// Returns the address of a server: `AUTH_TEST_MYSQL_URL` for example.
pub fn server(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: `cargo xtask test` starts the servers, `--embedded` runs the rest")
    })
}

/// Returns host and port of a URL.
pub fn address_of(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, address)| address);
    rest.split('/').next().unwrap().parse().unwrap()
}

/// Returns the URL with another host and port.
pub fn with_address(url: &str, address: SocketAddr) -> String {
    url.replacen(&address_of(url).to_string(), &address.to_string(), 1)
}

/// Returns a name that no other test has, in this run or another.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{what}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// One test's part of the real servers: a database, and keys in Redis.
pub struct Stack {
    /// Its database.
    pub database: TestDb,
    /// The URL of Redis.
    pub redis: String,
    /// The prefix of its keys.
    pub prefix: String,
}

impl Stack {
    /// Returns one on the servers that this run selects; none if it selects the embedded stores.
    pub fn of_the_run() -> Option<Self> {
        let (database, redis) = match env::var("AUTH_TEST_STACK").ok()?.as_str() {
            "mysql" => ("AUTH_TEST_MYSQL_URL", "AUTH_TEST_REDIS_URL"),
            "mariadb" => ("AUTH_TEST_MARIADB_URL", "AUTH_TEST_VALKEY_URL"),
            other => panic!("AUTH_TEST_STACK is mysql or mariadb, not {other}"),
        };
        Some(Self::on(&server(database), &server(redis)))
    }

    /// Returns one on these servers.
    pub fn on(database: &str, redis: &str) -> Self {
        Self { database: TestDb::create(database), redis: redis.to_owned(), prefix: unique("test") }
    }

    /// Returns the settings of a program that uses it.
    pub fn settings(&self) -> Vec<(String, String)> {
        [("DATABASE_URL", &self.database.url), ("REDIS_URL", &self.redis), ("REDIS_PREFIX", &self.prefix)]
            .map(|(name, value)| (format!("AUTH_{name}"), value.clone()))
            .into()
    }

    /// Returns each of its keys with the value.
    pub fn dump_codes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        let mut connection = redis::Client::open(self.redis.as_str()).unwrap().get_connection().unwrap();
        let keys: Vec<Vec<u8>> =
            redis::cmd("KEYS").arg(format!("{}*", self.prefix)).query(&mut connection).unwrap();
        for key in keys {
            let value: Vec<u8> = redis::cmd("DUMP").arg(&key).query(&mut connection).unwrap_or_default();
            all.extend([key, value].concat());
        }
        all
    }
}

/// One database of a MySQL or MariaDB server; dropping this drops it.
pub struct TestDb {
    /// Its URL, for the program.
    pub url: String,
    server: String,
    name: String,
}

impl TestDb {
    /// Creates an empty database on a server, `mysql://root:password@127.0.0.1:3306`.
    pub fn create(server: &str) -> Self {
        let (server, name) = (server.trim_end_matches('/').to_owned(), unique("auth"));
        administer(&server, format!("CREATE DATABASE `{name}`"));
        Self { url: format!("{server}/{name}"), server, name }
    }
}

impl TestDb {
    /// Returns every value of every table.
    pub fn dump(&self) -> Vec<u8> {
        let url = self.url.clone();
        let work = async move {
            let mut connection = url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap();
            let mut all = Vec::new();
            for table in ["accounts", "outbox", "sessions"] {
                let query = AssertSqlSafe(format!("SELECT * FROM {table}"));
                for row in sqlx::query(query).fetch_all(&mut connection).await.unwrap() {
                    for column in 0..row.len() {
                        let value = row.try_get_raw(column).unwrap();
                        all.extend(<&[u8] as Decode<MySql>>::decode(value).unwrap_or_default());
                    }
                }
            }
            all
        };
        thread::spawn(|| blocking(work)).join().unwrap()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        // The test may have removed the server; its databases are gone with its container then.
        let _ =
            thread::spawn(carry_out(&self.server, format!("DROP DATABASE IF EXISTS `{}`", self.name))).join();
    }
}

/// Executes one statement as the administrator, from its own thread: callers may be async.
pub fn administer(server: &str, sql: String) {
    thread::spawn(carry_out(server, sql)).join().unwrap().unwrap();
}

/// Executes statements on a SQLite file, from a thread of its own: callers may be async.
pub(crate) fn alter_file(file: PathBuf, statements: Vec<String>) {
    let work = move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::from_secs(10));
            let mut connection = options.connect().await.unwrap();
            for sql in statements {
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            connection.close().await.unwrap();
        });
    };
    thread::spawn(work).join().unwrap();
}

/// Returns the one column that a query of a SQLite file answers.
pub(crate) fn texts_of_file(file: PathBuf, sql: String) -> Vec<String> {
    let work = async move {
        let mut connection = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        let texts = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        texts
    };
    thread::spawn(|| blocking(work)).join().unwrap()
}

/// Returns the one column that a query of a MySQL or MariaDB server answers.
pub(crate) fn texts_of_mysql(url: &str, sql: String) -> Vec<String> {
    let url = url.to_owned();
    let work = async move {
        let mut connection = url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap();
        // The column is JSON in MySQL and text in MariaDB.
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.try_get_unchecked(0).unwrap()).collect()
    };
    thread::spawn(|| blocking(work)).join().unwrap()
}

/// One connection that stays open between statements, for transactions.
pub struct SqlSession {
    runtime: Runtime,
    connection: MySqlConnection,
}

impl SqlSession {
    /// Connects to a database.
    pub fn open(url: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let options: MySqlConnectOptions = url.parse().unwrap();
        let connection = runtime.block_on(options.connect()).unwrap();
        Self { runtime, connection }
    }

    /// Executes a statement.
    pub fn run(&mut self, sql: &'static str) {
        self.runtime.block_on(sqlx::raw_sql(sql).execute(&mut self.connection)).unwrap();
    }

    /// Returns the status of the storage engine.
    pub fn engine_status(&mut self) -> String {
        let query = sqlx::query("SHOW ENGINE INNODB STATUS");
        self.runtime.block_on(query.fetch_one(&mut self.connection)).unwrap().get(2)
    }

    /// Returns a counter of the server, by its name in SHOW GLOBAL STATUS.
    pub fn counted(&mut self, name: &str) -> u64 {
        let query = AssertSqlSafe(format!("SHOW GLOBAL STATUS LIKE '{name}'"));
        let row = self.runtime.block_on(sqlx::query(query).fetch_one(&mut self.connection)).unwrap();
        row.get::<String, _>(1).parse().unwrap()
    }
}

/// Returns whether a server answers its administrator.
pub(crate) fn reaches_mysql(server: &str) -> bool {
    thread::spawn(carry_out(server, "DO 1".to_owned())).join().unwrap().is_ok()
}

/// Returns the version of a MySQL or MariaDB server.
pub fn mysql_version(server: &str) -> String {
    let url = server.to_owned();
    let work = async move {
        let mut connection = url.parse::<MySqlConnectOptions>().unwrap().connect().await.unwrap();
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await.unwrap()
    };
    thread::spawn(|| blocking(work)).join().unwrap()
}

/// Sends one command to a Redis or Valkey server.
pub fn redis_command(server: &str, words: &[&str]) {
    let mut connection = redis::Client::open(server).unwrap().get_connection().unwrap();
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.exec(&mut connection).unwrap();
}

/// Returns the version of a Redis or Valkey server.
pub fn redis_version(server: &str) -> String {
    let mut connection = redis::Client::open(server).unwrap().get_connection().unwrap();
    let info: String = redis::cmd("INFO").arg("server").query(&mut connection).unwrap();
    // Valkey calls itself Redis 7.2 in the older field.
    let named = |field: &str| info.lines().find_map(|line| Some(line.strip_prefix(field)?.trim().to_owned()));
    named("valkey_version:").or_else(|| named("redis_version:")).unwrap()
}

fn carry_out(server: &str, sql: String) -> impl FnOnce() -> sqlx::Result<()> + Send + 'static {
    let url = server.to_owned();
    let work = async move {
        let mut connection = url.parse::<MySqlConnectOptions>()?.connect().await?;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await
    };
    || blocking(work)
}

fn blocking<T>(work: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
