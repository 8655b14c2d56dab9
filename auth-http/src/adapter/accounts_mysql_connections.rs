//! The connections to MySQL and MariaDB, and how a call on one may end: in time, with its real error,
//! and known whether anything may have happened. It knows no table.
//!
//! sqlx' own pool hides why a server cannot be reached until its time-out is over, and takes back a
//! connection whose call was cut off. Here a connection comes back only after a call that succeeded.

use std::{
    error::Error as StdError,
    fmt, io,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use auth_core::Fault;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    deadlines::mysql,
    port::{self, PoolLoad, PortError},
};

/// Connections of one node: more transactions at once only wait for the same disk, and nine nodes
/// stay below the 151 connections that both servers admit by default.
const MOST: u32 = 16;
/// How often a call is repeated that a deadlock or a closed connection ended.
const REPEATS: u32 = 9;
/// After so long unused a connection is tried before it is lent: something on the way may have closed it.
const TRIED_AFTER: Duration = Duration::from_secs(1);

/// Returns what each connection is told, whatever the server's defaults. Strict: a value that does not fit is an
/// error, not a shorter one. A COMMIT ends nothing else and begins nothing. Waits for a lock end before a
/// call's time does, and so with nothing done.
/// Threat: a node that is cut off in a transaction keeps its locks until the server closes its connection.
fn session() -> AssertSqlSafe<String> {
    let (lock, unused) = (mysql::LOCK.as_secs(), mysql::UNUSED_AT_THE_SERVER.as_secs());
    // Safe: nothing but numbers is put in.
    AssertSqlSafe(format!(
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, time_zone = '+00:00', autocommit = 1,
            sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = {lock},
            wait_timeout = {unused}, completion_type = 0, sql_safe_updates = 0;
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
    ))
}

/// The connections of a node to its database.
#[derive(Clone)]
pub(super) struct Connections(Arc<Inner>);

struct Inner {
    options: MySqlConnectOptions,
    unused: Mutex<Vec<Unused>>,
    permits: Arc<Semaphore>,
}

struct Unused {
    connection: MySqlConnection,
    since: Instant,
}

/// A connection that is lent. Dropped, it is closed: the server undoes what was not committed.
pub(super) struct Lent {
    pub(super) connection: MySqlConnection,
    home: Connections,
    /// Whether it was lent before: the server may have closed it since.
    used: bool,
    permit: OwnedSemaphorePermit,
}

/// How a call failed.
pub(super) struct Failed {
    fault: Fault,
    repeats: bool,
    error: sqlx::Error,
}

// Threat: the options hold the password.
impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    /// Connects once, so that what is wrong with the URL shows.
    pub(super) async fn open(url: &str) -> sqlx::Result<Self> {
        let options = MySqlConnectOptions::from_str(url)?;
        let host = options.get_host().trim_matches(['[', ']']).to_owned();
        let options = options
            .host(&host)
            // Closing a statement costs 40 ms (no TCP_NODELAY): room for all that the adapter has.
            .statement_cache_capacity(100)
            // All of this is set by `session()`, in one round trip.
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .set_names(false);
        let permits = Arc::new(Semaphore::new(MOST as usize));
        let new = Self(Arc::new(Inner { options, unused: Mutex::default(), permits }));
        let connection = new.connect().await?;
        new.unused().push(Unused { connection, since: Instant::now() });
        Ok(new)
    }

    /// Connects, beside those that are lent.
    pub(super) async fn connect(&self) -> sqlx::Result<MySqlConnection> {
        let connecting = async {
            let mut connection = self.0.options.connect().await?;
            sqlx::raw_sql(session()).execute(&mut connection).await?;
            Ok(connection)
        };
        match timeout(mysql::CONNECT, connecting).await {
            Ok(connected) => connected.map_err(plain),
            Err(_) => Err(unanswered()),
        }
    }

    /// Lends a connection.
    pub(super) async fn lend(&self, until: Instant) -> Result<Lent, Failed> {
        let lending = async {
            let permits = Arc::clone(&self.0.permits);
            let permit = permits.acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            while let Some(mut next) = self.take() {
                if next.since.elapsed() < TRIED_AFTER
                    || matches!(timeout(mysql::PING, next.connection.ping()).await, Ok(Ok(())))
                {
                    return Ok(Lent { connection: next.connection, home: self.clone(), used: true, permit });
                }
                self.forget();
            }
            let (lender, lent) = oneshot::channel();
            let home = self.clone();
            // On a task of its own, so that a caller who leaves does not cut it off. Threat: after
            // `max_connect_errors` handshakes that were cut off the server refuses the whole host.
            tokio::spawn(async move {
                let connected = home.connect().await;
                let lent = connected.map(|connection| Lent { connection, home, used: false, permit });
                // Who asked has left: what took long is for the next call, which might get none either.
                if let Err(Ok(lent)) = lender.send(lent) {
                    lent.give_back();
                }
            });
            let connected = timeout(mysql::CONNECTED, lent).await.map_err(|_| unanswered())?;
            connected.map_err(io::Error::other)?
        };
        let lent = timeout_at(until, lending).await;
        lent.unwrap_or_else(|_| {
            Err(late("no connection in time: the server hangs, or all connections are in use"))
        })
        .map_err(|error| Failed { fault: Fault::NotDone, repeats: false, error })
    }

    /// Returns how many are lent, and how many wait to be.
    pub(super) fn load(&self) -> PoolLoad {
        let max = MOST as usize;
        let used = max.saturating_sub(self.0.permits.available_permits());
        PoolLoad { used, idle: self.unused().len(), max }
    }

    /// Waits for those that are lent, and closes all.
    pub(super) async fn close(&self) {
        // An error says that it is closed already.
        let _ = self.0.permits.acquire_many(MOST).await;
        self.0.permits.close();
        let unused = std::mem::take(&mut *self.unused());
        for Unused { connection, .. } in unused {
            // The server sees the end anyway.
            let _ = timeout(mysql::PING, connection.close()).await;
        }
    }

    /// Takes the connection that was used last; closes those that were unused for long.
    fn take(&self) -> Option<Unused> {
        let mut unused = self.unused();
        let old = unused.iter().take_while(|unused| unused.since.elapsed() > mysql::UNUSED).count();
        let old: Vec<Unused> = unused.drain(..old).collect();
        let next = unused.pop();
        drop(unused);
        if !old.is_empty() {
            tokio::spawn(async move {
                for Unused { connection, .. } in old {
                    let _ = timeout(mysql::PING, connection.close()).await;
                }
            });
        }
        next
    }

    /// Drops the unused connections: where one was lost the others are as well.
    fn forget(&self) {
        self.unused().clear();
    }

    fn unused(&self) -> MutexGuard<'_, Vec<Unused>> {
        // Nothing in here panics half way.
        self.0.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// Ends a call that read; gives the connection back.
    pub(super) fn read<T>(self, done: sqlx::Result<T>) -> Result<T, Failed> {
        match done {
            Ok(done) => {
                self.give_back();
                Ok(done)
            }
            Err(error) => Err(self.not_done(error)),
        }
    }

    /// Ends a call of one statement, which commits by itself. What the server refuses it has not done.
    pub(super) fn wrote<T>(self, done: sqlx::Result<T>) -> Result<T, Failed> {
        match done {
            Err(error) if number(&error).is_none() || is_lost(&error) => Err(self.unknown(error)),
            done => self.read(done),
        }
    }

    /// Begins a transaction.
    pub(super) async fn begin(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql("BEGIN").execute(&mut self.connection).await.map(drop)
    }

    /// Ends a call that was a transaction: commits it, unless it failed or has nothing to commit.
    pub(super) async fn commit<T>(self, done: sqlx::Result<(T, bool)>) -> Result<T, Failed> {
        self.commit_within(mysql::COMMIT, done).await
    }

    /// The same where a commit may take longer.
    pub(super) async fn commit_within<T>(
        mut self,
        patience: Duration,
        done: sqlx::Result<(T, bool)>,
    ) -> Result<T, Failed> {
        let (done, commits) = match done {
            Ok(done) => done,
            Err(error) => return Err(self.not_done(error)),
        };
        let sql = if commits { "COMMIT" } else { "ROLLBACK" };
        // A time of its own: what is begun late would end unknown.
        let until = Instant::now() + patience;
        match in_time(until, sqlx::raw_sql(sql).execute(&mut self.connection)).await {
            Ok(_) => {
                self.give_back();
                Ok(done)
            }
            // Nothing was to be kept, and the server keeps nothing of a connection that is closed.
            Err(_) if !commits => Ok(done),
            // A cluster refuses a commit by calling it a deadlock. Of other errors nothing is known.
            Err(error) if is_deadlock(&error) => Err(self.not_done(error)),
            Err(error) => Err(self.unknown(error)),
        }
    }

    /// Gives it back: nothing is open on it.
    fn give_back(self) {
        let Self { connection, home, permit, .. } = self;
        home.unused().push(Unused { connection, since: Instant::now() });
        drop(permit);
    }

    fn not_done(self, error: sqlx::Error) -> Failed {
        let lost = is_lost(&error);
        if lost {
            self.home.forget();
        }
        let repeats = is_deadlock(&error) || (lost && self.used);
        Failed { fault: Fault::NotDone, repeats, error }
    }

    fn unknown(self, error: sqlx::Error) -> Failed {
        Failed { fault: Fault::Unknown, repeats: false, ..self.not_done(error) }
    }
}

/// Returns when a call that begins now must be over, save its commit.
pub(super) fn in_a_call() -> Instant {
    Instant::now() + mysql::CALL
}

/// Carries out a call, again if a deadlock or a closed connection ended it with nothing done.
pub(super) async fn carry_out<T, F>(operation: &'static str, call: impl Fn(Instant) -> F) -> port::Result<T>
where
    F: Future<Output = Result<T, Failed>>,
{
    carry_out_until(in_a_call(), operation, call).await
}

/// The same for calls that must be over at another time, save their commit.
pub(super) async fn carry_out_until<T, F>(
    until: Instant,
    operation: &'static str,
    call: impl Fn(Instant) -> F,
) -> port::Result<T>
where
    F: Future<Output = Result<T, Failed>>,
{
    let mut repeats = REPEATS;
    let mut before = None;
    loop {
        match call(until).await {
            Ok(done) => return Ok(done),
            Err(failed) if failed.repeats && repeats > 0 && Instant::now() < until => {
                tracing::debug!(operation, error = %failed.error, "tried again");
                repeats -= 1;
                before = Some(failed.error);
            }
            Err(Failed { fault, error, .. }) => {
                // What used up the time says more than that it is over.
                let error = before.filter(|_| is_late(&error)).unwrap_or(error);
                return Err(PortError { fault, operation, source: cause(error) });
            }
        }
    }
}

/// Waits for statements until a call's time is over.
pub(super) async fn in_time<T>(
    until: Instant,
    work: impl Future<Output = sqlx::Result<T>>,
) -> sqlx::Result<T> {
    timeout_at(until, work).await.unwrap_or_else(|_| Err(late("no answer in time")))
}

/// Returns the error behind one of connecting, so that a server that is away, which may come back, differs from what
/// stays wrong.
fn plain(error: sqlx::Error) -> sqlx::Error {
    let sqlx::Error::Io(error) = error else { return error };
    // What stays wrong is nothing to wait for.
    if error.get_ref().is_some_and(|error| error.is::<rustls::Error>()) {
        return sqlx::Error::Tls(error.into());
    }
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) {
        return sqlx::Error::Configuration(
            format!("a file that the URL names cannot be read: {error}").into(),
        );
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return io::Error::new(error.kind(), "the server hangs up while connecting").into();
    }
    error.into()
}

fn unanswered() -> sqlx::Error {
    late("the server does not answer in time")
}

fn late(what: &'static str) -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, what).into()
}

fn is_late(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut)
}

/// Returns what an error is about: what goes around it would say the same again.
pub(super) fn cause(error: sqlx::Error) -> Box<dyn StdError + Send + Sync> {
    if let sqlx::Error::Migrate(error) = error {
        error
    } else if let sqlx::Error::Database(error) = error {
        error.into_error()
    } else {
        error.into()
    }
}

/// Returns the number of an error that the server reported.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}

/// Returns whether the server refused a statement for what it says: the connection is good, and nothing waits.
pub(super) fn refused(error: &sqlx::Error) -> bool {
    number(error).is_some() && !is_deadlock(error) && !is_lost(error)
}

fn is_deadlock(error: &sqlx::Error) -> bool {
    // Deadlock, and a wait for a lock that was too long.
    matches!(number(error), Some(1213 | 1205))
}

fn is_lost(error: &sqlx::Error) -> bool {
    // Shutdown in progress, connection killed, closed for inactivity.
    let said = matches!(number(error), Some(1053 | 1927 | 4031));
    said || matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_))
}
