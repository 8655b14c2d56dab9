//! The commit of accounts, one or many, in one transaction.
//!
//! In a batch each change stands for itself: one that does not fit is left out of what is written. One that cannot be
//! decided at once goes alone, as does every change of a batch whose statements the server refuses. So no change fails
//! for another one, unless the server or the connection itself fails. Changes that belong together go alone.

use std::time::Duration;

use auth_core::{AccountId, Change, Commit, Version};
use sqlx::{FromRow, MySqlConnection, Row, mysql::MySqlRow};
use tokio::time::Instant;

use super::{
    accounts_mysql::{AccountsMysql, COMMIT, now},
    accounts_mysql_connections::{carry_out_until, in_time, refused},
    accounts_rows::{time, waiting_columns},
    accounts_rows_commits::{
        ACCOUNT, ACCOUNT_COLUMNS, Decided, MAIL, MAIL_COLUMNS, Mails, StoredRow, bind_account, bind_mail,
        decide, marks, powers_of_two, safe,
    },
    together::{Batch, Call, fail, padded},
};
use crate::port::Result;

struct StoredNow {
    clock: i64,
    stored: StoredRow,
}

impl FromRow<'_, MySqlRow> for StoredNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self { clock: row.try_get("clock")?, stored: StoredRow::from_row(row)? })
    }
}

impl AccountsMysql {
    /// Carries out a batch of changes, and replies to each.
    pub(super) async fn commit_batch(self, calls: Vec<Call<Change, Result<Commit>>>) {
        let Batch { orders: changes, replies, until } = Batch::begin(calls, COMMIT);
        let decided = match self.commit_each(&changes, until).await {
            Ok(decided) => decided,
            Err(error) => return fail(replies, &error),
        };
        for ((change, reply), decided) in changes.into_iter().zip(replies).zip(decided) {
            let done = match decided {
                Decided::Fits => Ok(Commit::Committed),
                Decided::Conflict => Ok(Commit::Conflict),
                Decided::Alone => {
                    let this = self.clone();
                    tokio::spawn(async move {
                        let changes = std::slice::from_ref(&change);
                        drop(reply.send(this.commit_alone(changes, None, until).await));
                    });
                    continue;
                }
            };
            drop(reply.send(done));
        }
    }

    /// Commits changes in a transaction of their own, all or none, which waits for others that have the rows; with
    /// them, the sessions of an account end.
    pub(super) async fn commit_alone(
        &self,
        changes: &[Change],
        end: Option<AccountId>,
        until: Instant,
    ) -> Result<Commit> {
        carry_out_until(until, COMMIT, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let done = in_time(until, async {
                lent.begin().await?;
                let decided = self.decide(&mut lent.connection, changes, false).await?;
                if decided.iter().any(|decided| *decided != Decided::Fits) {
                    return Ok((Commit::Conflict, false));
                }
                for change in changes {
                    // One after the other: an account's id is in one row at a time.
                    write_rows(&mut lent.connection, &[change]).await?;
                }
                write_mails(&mut lent.connection, &changes.iter().collect::<Vec<_>>()).await?;
                if let Some(account) = end {
                    let query = sqlx::query("DELETE FROM sessions WHERE account_id = ?");
                    query.bind(account.as_bytes().as_slice()).execute(&mut lent.connection).await?;
                }
                Ok((Commit::Committed, true))
            });
            let done = match done.await {
                // Another transaction inserted the row in the meantime.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    Ok((Commit::Conflict, false))
                }
                done => done,
            };
            lent.commit(done).await
        })
        .await
    }

    /// Commits changes in one transaction, each of which stands for itself; one that would make others wait or fail is
    /// not decided.
    async fn commit_each(&self, changes: &[Change], until: Instant) -> Result<Vec<Decided>> {
        match changes {
            [] => return Ok(Vec::new()),
            [_] => {
                let done = self.commit_alone(changes, None, until).await?;
                return Ok(vec![if done == Commit::Committed { Decided::Fits } else { Decided::Conflict }]);
            }
            _ => {}
        }
        carry_out_until(until, COMMIT, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let done = in_time(until, async {
                lent.begin().await?;
                let decided = self.decide(&mut lent.connection, changes, true).await?;
                let fitting: Vec<&Change> = changes
                    .iter()
                    .zip(&decided)
                    .filter_map(|(change, decided)| (*decided == Decided::Fits).then_some(change))
                    .collect();
                write_rows(&mut lent.connection, &fitting).await?;
                write_mails(&mut lent.connection, &fitting).await?;
                Ok((decided, !fitting.is_empty()))
            });
            let done = match done.await {
                Err(error) if refused(&error) => Ok((vec![Decided::Alone; changes.len()], false)),
                done => done,
            };
            lent.commit(done).await
        })
        .await
    }

    /// Compares what the changes depend on, and locks it, which blocks other decisions about the same addresses. In
    /// company, what another transaction has is passed over, so that a batch waits for nobody; then it cannot be told
    /// from what is gone, and the order goes alone.
    async fn decide(
        &self,
        connection: &mut MySqlConnection,
        changes: &[Change],
        in_company: bool,
    ) -> sqlx::Result<Vec<Decided>> {
        let (skip, absent) =
            if in_company { ("SKIP LOCKED", Decided::Alone) } else { ("", Decided::Conflict) };
        let sql = format!(
            "SELECT n.clock, k.address_key, a.version, a.generation, {} {} ORDER BY o.purpose FOR UPDATE {skip}",
            waiting_columns!(),
            stored(changes.len()),
        );
        let query = sqlx::query_as(safe(sql)).bind(self.after(Duration::ZERO));
        let keys = padded(changes).map(|change| change.key.as_str().as_bytes());
        let rows: Vec<StoredNow> =
            keys.fold(query, |query, key| query.bind(key)).fetch_all(connection).await?;
        let now = time(rows.first().map_or(0, |row| row.clock));
        Ok(decide(rows.into_iter().map(|row| row.stored).collect(), changes, now, absent))
    }
}

/// Returns the tables of a query for what is stored of so many addresses: the time, then the keys, padded, are bound. It
/// has a row at least for each key.
pub(super) fn stored(keys: usize) -> String {
    // UNION, not UNION ALL: the last key is repeated.
    format!(
        "FROM (SELECT {} AS clock) n CROSS JOIN (SELECT CAST(? AS BINARY) AS address_key{}) k
            LEFT JOIN accounts a FORCE INDEX (PRIMARY) ON a.address_key = k.address_key
            LEFT JOIN outbox o FORCE INDEX (PRIMARY)
                ON o.address_key = k.address_key AND o.dead_since IS NULL",
        now!(),
        " UNION SELECT CAST(? AS BINARY)".repeat(keys.next_power_of_two() - 1),
    )
}

/// Inserts the new rows, where a row that is there after all is an error, and replaces the others, which are locked.
async fn write_rows(connection: &mut MySqlConnection, changes: &[&Change]) -> sqlx::Result<()> {
    // The primary key is looked at first: it is this row that is replaced, not another one with the same id.
    const REPLACE: &str = "ON DUPLICATE KEY UPDATE version = VALUES(version), status = VALUES(status),
        address = VALUES(address), locale = VALUES(locale), password = VALUES(password),
        generation = VALUES(generation), active_since = VALUES(active_since), account_id = VALUES(account_id),
        blocked = VALUES(blocked), moving_address = VALUES(moving_address),
        moving_generation = VALUES(moving_generation), moving_until = VALUES(moving_until),
        last_mail_due = VALUES(last_mail_due), last_mail_distance = VALUES(last_mail_distance),
        last_mail_left = VALUES(last_mail_left), last_notice = VALUES(last_notice), expires = VALUES(expires)";
    let (new, others): (Vec<&Change>, Vec<_>) =
        changes.iter().partition(|change| change.expected == Version(0));
    for (changes, end) in [(new, ""), (others, REPLACE)] {
        for changes in powers_of_two(&changes) {
            let sql = format!("INSERT INTO {ACCOUNT_COLUMNS} VALUES {} {end}", marks(ACCOUNT, changes.len()));
            let query =
                changes.iter().fold(sqlx::query(safe(sql)), |query, change| bind_account!(query, *change));
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Enqueues the mails, and notes those that are about to leave.
async fn write_mails(connection: &mut MySqlConnection, changes: &[&Change]) -> sqlx::Result<()> {
    let Mails { owed, begun, idle } = Mails::of(changes);
    if idle {
        let sql =
            format!("REPLACE INTO {MAIL_COLUMNS} SELECT '', 0, '', '', '', NULL, 0, 0 FROM DUAL WHERE 1 = 0");
        sqlx::query(safe(sql)).execute(&mut *connection).await?;
    }
    for owed in powers_of_two(&owed) {
        let sql = format!("REPLACE INTO {MAIL_COLUMNS} VALUES {}", marks(MAIL, owed.len()));
        let query = owed
            .iter()
            .fold(sqlx::query(safe(sql)), |query, (change, mail)| bind_mail!(query, *change, *mail));
        query.execute(&mut *connection).await?;
    }
    for (unknowns, mails) in begun {
        let sql = format!(
            "UPDATE outbox SET unknowns = ? WHERE mail_id IN ({})",
            marks("?", mails.len().next_power_of_two())
        );
        let query = sqlx::query(safe(sql)).bind(i64::from(unknowns));
        padded(&mails).fold(query, |query, mail| query.bind(*mail)).execute(&mut *connection).await?;
    }
    Ok(())
}
