//! The commit of accounts in SQLite, one or many in one transaction: only its end waits for the disk.
//!
//! In a batch each change stands for itself: one that does not fit writes nothing. If SQLite refuses one they all go alone,
//! so that none fails for another one. Changes that belong together go alone.

use std::slice;

use auth_core::{AccountId, Change, Commit};
use sqlx::{Sqlite, Transaction, error::ErrorKind};
use tokio::time::Instant;

use super::{
    accounts_rows::waiting_columns,
    accounts_rows_commits::{
        ACCOUNT, ACCOUNT_COLUMNS, Decided, MAIL, MAIL_COLUMNS, Mails, StoredRow, bind_account, bind_mail,
        decide, marks, powers_of_two, safe,
    },
    accounts_sqlite::AccountsSqlite,
    together::{Batch, Call, fail, padded},
};
use crate::port::{PortError, Result};

/// What a commit is called in logs.
pub(super) const COMMIT: &str = "commit an account";

impl AccountsSqlite {
    /// Carries out a batch of changes, and replies to each.
    pub(super) async fn commit_batch(self, calls: Vec<Call<Change, Result<Commit>>>) {
        let Batch { orders: changes, replies, until } = Batch::begin(calls, COMMIT);
        match self.commit_each(&changes, until).await {
            Ok(Some(done)) => {
                for (done, reply) in done.into_iter().zip(replies) {
                    drop(reply.send(Ok(done)));
                }
            }
            Ok(None) => {
                for (change, reply) in changes.iter().zip(replies) {
                    drop(reply.send(self.commit_alone(slice::from_ref(change), None, until).await));
                }
            }
            Err(error) => fail(replies, &error),
        }
    }

    /// Commits changes in one transaction, each of which stands for itself; `None` if nothing was done, because SQLite
    /// refuses one of them.
    async fn commit_each(&self, changes: &[Change], until: Instant) -> Result<Option<Vec<Commit>>> {
        if changes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut transaction = self.begin(COMMIT, until).await?;
        let done = match self.write(&mut transaction, changes).await {
            Ok(done) => done,
            Err(error) if changes.len() > 1 && is_refused(&error) => return Ok(None),
            Err(error) => return Err(PortError::not_done(COMMIT, error)),
        };
        if done.contains(&Commit::Committed) {
            self.end(COMMIT, transaction).await?;
        }
        Ok(Some(done))
    }

    /// Commits changes in a transaction of their own, all or none; with them, the sessions of an account end.
    pub(super) async fn commit_alone(
        &self,
        changes: &[Change],
        end: Option<AccountId>,
        until: Instant,
    ) -> Result<Commit> {
        let not_done = |e| PortError::not_done(COMMIT, e);
        let mut transaction = self.begin(COMMIT, until).await?;
        for change in changes {
            // One after the other: an account's id is in one row at a time.
            let done = self.write(&mut transaction, slice::from_ref(change)).await.map_err(not_done)?;
            if done.contains(&Commit::Conflict) {
                // Dropped, the transaction is undone as a whole.
                return Ok(Commit::Conflict);
            }
        }
        if let Some(account) = end {
            sqlx::query("DELETE FROM sessions WHERE account_id = ?1")
                .bind(account.as_bytes().as_slice())
                .execute(&mut *transaction)
                .await
                .map_err(not_done)?;
        }
        self.end(COMMIT, transaction).await?;
        Ok(Commit::Committed)
    }

    /// Writes the changes for which everything that they depend on is as it was read. Nobody else writes until the
    /// transaction ends.
    async fn write(
        &self,
        transaction: &mut Transaction<'_, Sqlite>,
        changes: &[Change],
    ) -> sqlx::Result<Vec<Commit>> {
        let decided = decide(read(transaction, changes).await?, changes, self.now(), Decided::Conflict);
        let fits = |decided: &Decided| *decided == Decided::Fits;
        let fitting: Vec<&Change> = changes
            .iter()
            .zip(&decided)
            .filter_map(|(change, decided)| fits(decided).then_some(change))
            .collect();
        write_rows(transaction, &fitting).await?;
        write_mails(transaction, &fitting).await?;
        let done = |decided| if fits(decided) { Commit::Committed } else { Commit::Conflict };
        Ok(decided.iter().map(done).collect())
    }
}

/// Returns what is stored of the addresses: a row at least for each.
async fn read(transaction: &mut Transaction<'_, Sqlite>, changes: &[Change]) -> sqlx::Result<Vec<StoredRow>> {
    let sql = format!(
        "SELECT k.address_key, a.version, a.generation, {} {}",
        waiting_columns!(),
        stored(changes.len())
    );
    let keys = padded(changes).map(|change| change.key.as_str().as_bytes());
    keys.fold(sqlx::query_as(safe(sql)), |query, key| query.bind(key)).fetch_all(&mut **transaction).await
}

/// Returns the tables of a query for what is stored of so many addresses, whose keys, padded, are bound, and the order of
/// their mails.
pub(super) fn stored(keys: usize) -> String {
    // UNION, not UNION ALL: the last key is repeated.
    format!(
        "FROM (SELECT ? AS address_key{}) k
            LEFT JOIN accounts a ON a.address_key = k.address_key
            LEFT JOIN outbox o ON o.address_key = k.address_key AND o.dead_since IS NULL
         ORDER BY o.purpose",
        " UNION SELECT ?".repeat(keys.next_power_of_two() - 1),
    )
}

/// Returns whether a row does not fit to others: which one, is not known.
fn is_refused(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| !matches!(error.kind(), ErrorKind::Other))
}

/// Inserts or replaces the rows.
async fn write_rows(transaction: &mut Transaction<'_, Sqlite>, changes: &[&Change]) -> sqlx::Result<()> {
    // The primary key is looked at first: it is this row that is replaced, not another one with the same id.
    const REPLACE: &str = "ON CONFLICT (address_key) DO UPDATE SET version = excluded.version,
        status = excluded.status, address = excluded.address, locale = excluded.locale,
        password = excluded.password, generation = excluded.generation, active_since = excluded.active_since,
        account_id = excluded.account_id, blocked = excluded.blocked, moving_address = excluded.moving_address,
        moving_generation = excluded.moving_generation, moving_until = excluded.moving_until,
        last_mail_due = excluded.last_mail_due, last_mail_distance = excluded.last_mail_distance,
        last_mail_left = excluded.last_mail_left, last_notice = excluded.last_notice,
        expires = excluded.expires";
    for changes in powers_of_two(changes) {
        let sql = format!("INSERT INTO {ACCOUNT_COLUMNS} VALUES {} {REPLACE}", marks(ACCOUNT, changes.len()));
        let query =
            changes.iter().fold(sqlx::query(safe(sql)), |query, change| bind_account!(query, *change));
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Enqueues the mails, and notes those that are about to leave.
async fn write_mails(transaction: &mut Transaction<'_, Sqlite>, changes: &[&Change]) -> sqlx::Result<()> {
    const REPLACE: &str = "ON CONFLICT (address_key, purpose) DO UPDATE SET mail_id = excluded.mail_id,
        generation = excluded.generation, locale = excluded.locale, recipient = excluded.recipient,
        due = excluded.due, next_at = excluded.next_at, attempts = 0, unknowns = 0, lease = NULL,
        dead_since = NULL, last_error = NULL";
    let Mails { owed, begun, idle } = Mails::of(changes);
    if idle {
        let sql = format!("INSERT INTO {MAIL_COLUMNS} SELECT x'', 0, x'', x'', '', NULL, 0, 0 WHERE 1 = 0");
        sqlx::query(safe(sql)).execute(&mut **transaction).await?;
    }
    for owed in powers_of_two(&owed) {
        let sql = format!("INSERT INTO {MAIL_COLUMNS} VALUES {} {REPLACE}", marks(MAIL, owed.len()));
        let query = owed
            .iter()
            .fold(sqlx::query(safe(sql)), |query, (change, mail)| bind_mail!(query, *change, *mail));
        query.execute(&mut **transaction).await?;
    }
    for (unknowns, mails) in begun {
        let sql = format!(
            "UPDATE outbox SET unknowns = ? WHERE mail_id IN ({})",
            marks("?", mails.len().next_power_of_two())
        );
        let query = sqlx::query(safe(sql)).bind(i64::from(unknowns));
        padded(&mails).fold(query, |query, mail| query.bind(*mail)).execute(&mut **transaction).await?;
    }
    Ok(())
}
