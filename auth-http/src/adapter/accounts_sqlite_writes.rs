//! Whether a SQLite database takes writes: the outcome of its last transaction, or of a test write.
//!
//! Only a commit shows it. A file on a full disk opens, reads and begins transactions, and what a
//! transaction writes stays in memory until its COMMIT puts the pages into the write-ahead log.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};
use tokio::time::{Instant, timeout_at};

use super::accounts_sqlite::{AccountsSqlite, in_a_call};
use crate::port::{PortError, Result};

/// For how long a transaction that was committed shows that the next one will be. Threat: readiness is asked for by
/// anybody, as often as they like; each commit is some pages on the disk and a wait for it. A service that is used
/// makes no trial at all, an idle one at most one in this time.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// For how long one that failed shows the same: short, since nothing else says that the disk is back.
const BAD_FOR: Duration = Duration::from_millis(500);

/// A mail to nobody, and its end. The key is no address. SQLite writes every page that was touched, also where
/// nothing has changed in the end: the same table and indexes as a registration's mail, some five pages.
const TRIAL: [&str; 2] = [
    "INSERT INTO outbox (address_key, purpose, mail_id, generation, locale, due, next_at)
     VALUES (x'00', 0, x'00', x'00', '', 0, 0)",
    "DELETE FROM outbox WHERE address_key = x'00'",
];

/// The outcome of the last transaction.
#[derive(Debug, Default)]
pub(super) struct Writes {
    last: Mutex<Option<Last>>,
    /// Held during a trial: others wait for its result.
    trial: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    failed: Option<String>,
}

impl Writes {
    /// Records the outcome of a transaction.
    pub(super) fn note<T>(&self, done: &sqlx::Result<T>) {
        let failed = done.as_ref().err().map(ToString::to_string);
        *self.last() = Some(Last { at: Instant::now(), failed });
    }

    /// Returns what is still known; none if only a trial can tell.
    fn known(&self) -> Option<std::result::Result<(), String>> {
        let last = self.last();
        let Last { at, failed } = last.as_ref()?;
        let lasting = if failed.is_some() { BAD_FOR } else { GOOD_FOR };
        (at.elapsed() < lasting).then(|| failed.clone().map_or(Ok(()), Err))
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // A panic while it is held leaves no half-made value: every change is one assignment.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountsSqlite {
    /// Lends the connection that writes; a call that gets none in time has done nothing.
    pub(super) async fn lend(
        &self,
        operation: &'static str,
        until: Instant,
    ) -> Result<PoolConnection<Sqlite>> {
        let lent = timeout_at(until, self.writer.acquire()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        lent.map_err(|error| PortError::not_done(operation, error))
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(
        &self,
        operation: &'static str,
        until: Instant,
    ) -> Result<Transaction<'_, Sqlite>> {
        let begun = timeout_at(until, self.writer.begin_with("BEGIN IMMEDIATE")).await;
        let begun = begun.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        if begun.is_err() {
            self.writes.note(&begun);
        }
        begun.map_err(|error| PortError::not_done(operation, error))
    }

    /// Commits a transaction.
    pub(super) async fn end(
        &self,
        operation: &'static str,
        transaction: Transaction<'_, Sqlite>,
    ) -> Result<()> {
        let ended = transaction.commit().await;
        self.writes.note(&ended);
        ended.map_err(|error| PortError::unknown(operation, error))
    }

    /// Checks whether a registration could be written now.
    pub(super) async fn can_write(&self) -> Result<()> {
        const OPERATION: &str = "write to the database";
        let _alone = self.writes.trial.lock().await;
        if let Some(known) = self.writes.known() {
            return known.map_err(|error| PortError::not_done(OPERATION, error));
        }
        let mut transaction = self.begin(OPERATION, in_a_call()).await?;
        for sql in TRIAL {
            let done = sqlx::query(sql).execute(&mut *transaction).await;
            if done.is_err() {
                self.writes.note(&done);
            }
            done.map_err(|error| PortError::not_done(OPERATION, error))?;
        }
        self.end(OPERATION, transaction).await
    }
}

/// Returns whether a connection may be lent again. sqlx takes back what a call left behind, a transaction that
/// was never ended for example, once the connection is free: it may be cut off at any await. Where the end of a
/// transaction failed (full disk, I/O error) sqlx counts it as open for good, whatever SQLite has made of it, and
/// refuses every later one: such a connection is closed, and SQLite undoes what it had not committed.
pub(super) async fn may_be_lent_again(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    // Behind all that was left to do: calls that were given up, and the ROLLBACK of what was dropped.
    connection.ping().await?;
    let open = connection.is_in_transaction();
    if open {
        tracing::warn!("a transaction could not be ended; its connection is closed");
    }
    Ok(!open)
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;
    use crate::{
        adapter::clock::Clock,
        port::{Accounts, AccountsDatabase},
    };

    async fn on_disk() -> (tempfile::TempDir, AccountsSqlite) {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("auth.db").display());
        let accounts = AccountsSqlite::open(&url, Clock::default()).await.unwrap();
        accounts.migrate().await.unwrap();
        (folder, accounts)
    }

    /// SQLite undoes such a transaction by itself; sqlx counts it as open, and its ROLLBACK fails.
    #[tokio::test]
    async fn connection_whose_transaction_failed_to_end_is_not_lent_again() {
        let (_folder, accounts) = on_disk().await;
        for _ in 0..20 {
            let mut connection = accounts.writer.acquire().await.unwrap();
            connection.execute("PRAGMA max_page_count = 1").await.unwrap();
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
            let full = transaction.execute("CREATE TABLE filler (x)").await.unwrap_err();
            assert!(full.to_string().contains("full"), "{full}");
        }
        accounts.begin("test", in_a_call()).await.unwrap();
    }

    #[tokio::test]
    async fn trial_leaves_nothing_behind() {
        let (_folder, accounts) = on_disk().await;
        accounts.ping().await.unwrap();
        let rows: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(&accounts.pool).await.unwrap();
        assert_eq!(rows, 0);
    }

    /// Threat: readiness that is asked for all the time.
    #[tokio::test]
    async fn what_the_last_transaction_came_to_is_the_answer_for_a_while() {
        let (_folder, accounts) = on_disk().await;
        let failed: sqlx::Result<()> = Err(sqlx::Error::WorkerCrashed);
        accounts.writes.note(&failed);
        let error = accounts.can_write().await.unwrap_err();
        assert!(error.to_string().contains("crashed"), "{error}");
        accounts.end("test", accounts.begin("test", in_a_call()).await.unwrap()).await.unwrap();
        accounts.can_write().await.unwrap();
        assert!(accounts.writes.known().is_some_and(|known| known.is_ok()));
    }
}
