//! The SQLite adapter: accounts and outbox in a file in WAL mode, or in memory.
//!
//! Whatever reads and then writes begins IMMEDIATE: a deferred transaction that upgrades fails
//! under contention. Next: `accounts_sqlite_commits.rs` for the commit of accounts, one or many,
//! `accounts_sqlite_outbox.rs` for the outbox's half of the port,
//! `accounts_sqlite_writes.rs` for disks that are full or fail, `accounts_sqlite_file.rs` for the files.

use std::{
    collections::HashMap,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use auth_core::{
    AddressKey, Change, Commit, CommitAccount, Found, FoundSession, Lease, SessionHash, Settled, Time,
};
use sqlx::{
    ConnectOptions, FromRow, Row, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::time::{Instant, timeout_at};

use super::{
    accounts_rows::{FoundRow, account_columns, micros, span, waiting_columns},
    accounts_rows_commits::safe,
    accounts_sqlite_commits::{COMMIT, stored},
    accounts_sqlite_file::{Claim, ClaimError, Mode, create, open_to_others},
    accounts_sqlite_writes::{Writes, may_be_lent_again},
    clock::Clock,
    migrations::migrations,
    together::{Batch, Call, ENDED, Together, fail, padded},
};
use crate::{
    deadlines,
    port::{Accounts, AccountsDatabase, Finding, PoolLoad, PortError, Result},
};

pub(super) static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    migrations!(
        "sqlite": "0001_accounts", "0002_accounts_expires", "0003_outbox", "0004_outbox_next",
        "0005_outbox_mail_id", "0006_accounts_last_mail_left", "0007_accounts_id", "0008_outbox_recipient",
        "0009_sessions",
    )
});

/// What reading an account is called in logs.
const FIND: &str = "find an account";

struct FoundAsked {
    key: Vec<u8>,
    found: FoundRow,
}

impl FromRow<'_, SqliteRow> for FoundAsked {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { key: row.try_get("address_key")?, found: FoundRow::from_row(row)? })
    }
}

/// Returns when a call that begins now must have been carried out.
pub(super) fn in_a_call() -> Instant {
    Instant::now() + deadlines::sqlite::CALL
}

/// Connections that read a file.
const READERS: u32 = 8;
/// Programs that may bring the same file's schema up to date at once.
const RACERS: u32 = 16;

/// Accounts and outbox in SQLite.
#[derive(Clone)]
pub struct AccountsSqlite {
    pub(super) pool: SqlitePool,
    /// The one connection that writes. Writers of several connections find SQLite's lock taken, sleep, and look again,
    /// later each time, while others overtake them; and each drops the pages that it has kept once another has written.
    pub(super) writer: SqlitePool,
    pub(super) clock: Clock,
    pub(super) writes: Arc<Writes>,
    finds: Arc<Together<AddressKey, Result<Found>>>,
    commits: Arc<Together<Change, Result<Commit>>>,
    pub(super) sessions: Arc<Together<SessionHash, Result<FoundSession>>>,
    pub(super) deletions: Arc<Together<Lease, Result<Settled>>>,
    /// The right to serve it; none where it is in memory or a command beside the server uses it.
    claim: Arc<Mutex<Option<Claim>>>,
    mode: Mode,
    /// Keeps a database in memory alive: it goes with its last connection, and the pool closes
    /// one whose query was cut off.
    keeper: Option<Arc<Mutex<SqliteConnection>>>,
}

impl AccountsSqlite {
    /// Opens a database by its URL, `sqlite://path?mode=rwc` or `sqlite::memory:`.
    ///
    /// # Errors
    /// The database's own error, for a file that cannot be opened or is not a database.
    pub async fn open(url: &str, clock: Clock) -> sqlx::Result<Self> {
        let memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = SqliteConnectOptions::from_str(url)?
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged registration survives a power cut, not only a crash.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(deadlines::sqlite::LOCK)
            .optimize_on_close(true, None);
        let mode = Mode::of(url);
        let options = if memory { options } else { on_disk(options, mode)? };
        let keeper = if memory { Some(Arc::new(Mutex::new(options.clone().connect().await?))) } else { None };
        let connections = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(deadlines::sqlite::CALL)
            // There is no network on the way to a file.
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(may_be_lent_again(connection)));
        let writer = connections.clone().connect_with(options.clone()).await?;
        // Connections to a database in memory lock each other out: exactly one, forever.
        let pool = if memory {
            writer.clone()
        } else {
            let reading = options.pragma("query_only", "ON").optimize_on_close(false, None);
            connections.max_connections(READERS).connect_with(reading).await?
        };
        let (writes, claim) = Default::default();
        let (finds, sessions) = (Together::one_at_a_time().into(), Together::one_at_a_time().into());
        let (commits, deletions) = (Together::one_at_a_time().into(), Together::one_at_a_time().into());
        Ok(Self { pool, writer, clock, writes, finds, commits, sessions, deletions, claim, mode, keeper })
    }

    /// Returns the path of its file, as SQLite has opened it; none for a database in memory.
    async fn path(&self) -> sqlx::Result<Option<PathBuf>> {
        let path: Option<String> =
            sqlx::query_scalar("SELECT file FROM pragma_database_list WHERE name = 'main'")
                .fetch_one(&self.pool)
                .await?;
        Ok(path.filter(|path| !path.is_empty()).map(PathBuf::from))
    }

    /// Reads a batch of accounts in one query, and replies to each: handing a query to the thread of its connection and
    /// back takes longer than the query itself.
    async fn find_batch(self, calls: Vec<Call<AddressKey, Result<Found>>>) {
        let Batch { orders: keys, replies, until } = Batch::begin(calls, FIND);
        let rows = match timeout_at(until, self.find_all(&keys)).await {
            Ok(Ok(rows)) => rows,
            Err(_) => return fail(replies, &PortError::not_done(FIND, "no answer in time")),
            Ok(Err(error)) => return fail(replies, &PortError::not_done(FIND, error)),
        };
        let now = self.now();
        let mut found: HashMap<Vec<u8>, Vec<FoundRow>> = HashMap::new();
        for FoundAsked { key, found: row } in rows {
            found.entry(key).or_default().push(row);
        }
        for (key, reply) in keys.iter().zip(replies) {
            // Threat: one visitor gets another's row. Answers are matched by their keys, never by their order.
            let found = match found.remove(key.as_str().as_bytes()) {
                Some(rows) => {
                    FoundRow::found(rows, now).map_err(|damaged| PortError::not_done(FIND, damaged))
                }
                None => Err(PortError::not_done(FIND, "SQLite returned no row for a key")),
            };
            drop(reply.send(found));
        }
    }

    /// Reads accounts with their mails: a row at least for each key.
    async fn find_all(&self, keys: &[AddressKey]) -> sqlx::Result<Vec<FoundAsked>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT k.address_key, {}, {} {}",
            account_columns!(),
            waiting_columns!(),
            stored(keys.len())
        );
        let query = sqlx::query_as(safe(sql));
        padded(keys).fold(query, |query, key| query.bind(key.as_str().as_bytes())).fetch_all(&self.pool).await
    }

    const fn is_in_memory(&self) -> bool {
        self.keeper.is_some()
    }

    fn claimed(&self) -> MutexGuard<'_, Option<Claim>> {
        // A panic while it is held leaves no half-made value: every change is one assignment.
        self.claim.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Time {
        self.clock.wall()
    }
}

/// Creates the database file; SQLite does not create it itself.
fn on_disk(options: SqliteConnectOptions, mode: Mode) -> sqlx::Result<SqliteConnectOptions> {
    let path = options.get_filename();
    let wrong = |why: String| sqlx::Error::Configuration(why.into());
    // Threat: a second spelling, whose path only SQLite can read: its file would be made as the umask says.
    if path.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        return Err(wrong("write the path itself: sqlite://path, without file:".to_owned()));
    }
    if mode.creates {
        create(path)
            .map_err(|error| wrong(format!("unable to open database file {}: {error}", path.display())))?;
    }
    Ok(options.create_if_missing(false))
}

#[async_trait]
impl Accounts for AccountsSqlite {
    async fn find(&self, key: &AddressKey) -> Result<Found> {
        let this = self.clone();
        let carry_out = move |batch| this.clone().find_batch(batch);
        let found = self.finds.call(key.clone(), in_a_call(), |key| key, carry_out).await;
        found.unwrap_or_else(|| Err(PortError::not_done(FIND, ENDED)))
    }

    async fn commit(&self, order: &CommitAccount) -> Result<Commit> {
        let ([change], None) = (&order.changes[..], order.end) else {
            return self.commit_alone(&order.changes, order.end, in_a_call()).await;
        };
        let this = self.clone();
        let carry_out = move |batch| this.clone().commit_batch(batch);
        let committed = self.commits.call(change.clone(), in_a_call(), |change| &change.key, carry_out).await;
        committed.unwrap_or_else(|| Err(PortError::unknown(COMMIT, ENDED)))
    }

    async fn purge(&self, dead_letters: Duration) -> Result<u64> {
        const OPERATION: &str = "delete expired rows";
        /// Rows of one transaction: writers wait for it.
        const CHUNK: usize = 500;
        let not_done = |e| PortError::not_done(OPERATION, e);
        let now = micros(self.now());
        let mut pending = 0;
        loop {
            let deleted: Vec<i64> = sqlx::query_scalar(
                "DELETE FROM accounts WHERE address_key IN
                    (SELECT address_key FROM accounts WHERE expires <= ?1 LIMIT ?2)
                 RETURNING status",
            )
            .bind(now)
            .bind(i64::try_from(CHUNK).unwrap_or(i64::MAX))
            .fetch_all(&self.writer)
            .await
            .map_err(not_done)?;
            pending += deleted.iter().filter(|status| **status == 1).count() as u64;
            if deleted.len() < CHUNK {
                break;
            }
        }
        loop {
            let deleted = sqlx::query(
                "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expires <= ?1 LIMIT ?2)",
            )
            .bind(now)
            .bind(i64::try_from(CHUNK).unwrap_or(i64::MAX))
            .execute(&self.writer)
            .await
            .map_err(not_done)?;
            if deleted.rows_affected() < CHUNK as u64 {
                break;
            }
        }
        sqlx::query("DELETE FROM outbox WHERE dead_since <= ?1")
            .bind(now.saturating_sub(span(dead_letters)))
            .execute(&self.writer)
            .await
            .map_err(not_done)?;
        Ok(pending)
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1 FROM accounts LIMIT 1")
            .execute(&self.pool)
            .await
            .map_err(|e| PortError::not_done("reach the database", e))?;
        self.can_write().await
    }

    fn pool(&self) -> Option<PoolLoad> {
        let pools = if self.is_in_memory() { &[&self.pool][..] } else { &[&self.pool, &self.writer] };
        let (mut all, mut idle, mut max) = (0, 0, 0);
        for pool in pools {
            all += pool.size() as usize;
            idle += pool.num_idle();
            max += pool.options().get_max_connections() as usize;
        }
        // These are read one after the other, and others use the pools meanwhile.
        Some(PoolLoad { used: all.saturating_sub(idle), idle, max })
    }
}

#[async_trait]
impl AccountsDatabase for AccountsSqlite {
    async fn claim(&self) -> Result<()> {
        const OPERATION: &str = "claim the database";
        let path = self.path().await.map_err(|e| PortError::not_done(OPERATION, e))?;
        let Some(path) = path else { return Ok(()) };
        match Claim::take(&path) {
            Ok(claim) => *self.claimed() = Some(claim),
            Err(ClaimError::Unusable(_)) if self.mode.reads_only => {}
            Err(error) => return Err(PortError::not_done(OPERATION, error)),
        }
        Ok(())
    }

    async fn migrate(&self) -> Result<()> {
        // The migrator has no lock on SQLite: of several programs that start at once one creates a
        // table, and the others fail on it. What they find then is what they wanted, or less.
        let mut tries = 0;
        loop {
            match MIGRATOR.run(&self.writer).await {
                Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if tries < RACERS => {
                    tries += 1
                }
                result => return result.map_err(|e| PortError::not_done("migrate", e)),
            }
        }
    }

    async fn is_migrated(&self) -> Result<bool> {
        let not_done = |e| PortError::not_done("read the schema's version", e);
        let table: Option<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE name = '_sqlx_migrations'")
                .fetch_optional(&self.pool)
                .await
                .map_err(not_done)?;
        if table.is_none() {
            return Ok(false);
        }
        let applied: Vec<i64> =
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version")
                .fetch_all(&self.pool)
                .await
                .map_err(not_done)?;
        // Neither less nor more: a later version's schema is none that this one knows.
        Ok(MIGRATOR.iter().map(|migration| migration.version).eq(applied))
    }

    async fn examine(&self) -> Vec<Finding> {
        let version: sqlx::Result<String> =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&self.pool).await;
        let mut findings = vec![match version {
            Ok(version) => Finding::good("database", format_args!("SQLite {version}")),
            Err(error) => Finding::bad("database", error),
        }];
        // Who may read what was there before is for the operator to say: a backup may run as another user.
        let files = self.path().await.ok().flatten().map_or_else(Vec::new, |path| open_to_others(&path));
        findings.extend(files.into_iter().map(|(path, mode)| {
            let path = path.display();
            let text = format!(
                "{path} has mode {mode:04o}: others than its owner may read addresses and password hashes, or write \
                 them; `chmod 600 {path}`"
            );
            Finding::warning("database", text)
        }));
        findings
    }

    async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
        *self.claimed() = None;
    }
}
