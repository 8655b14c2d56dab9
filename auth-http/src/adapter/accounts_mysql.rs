//! Accounts and outbox in MySQL and MariaDB: rows, on the server's clock.
//!
//! The texts of the statements are few and fixed, so that each is prepared once a connection. Next:
//! `accounts_mysql_commits.rs` for the commit of accounts, one or many,
//! `accounts_mysql_outbox.rs` for the outbox's half of the port, `accounts_mysql_schema.rs` for the
//! schema, `accounts_mysql_connections.rs` for time-outs and faults.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{
    AddressKey, Change, Commit, CommitAccount, Found, FoundSession, Lease, Secret, SessionHash, Settled,
};
use sqlx::{FromRow, Row, mysql::MySqlRow};
use tokio::time::Instant;

use super::{
    accounts_mysql_commits::stored,
    accounts_mysql_connections::{Connections, carry_out, carry_out_until, in_a_call, in_time, number},
    accounts_rows::{FoundRow, account_columns, span, time, waiting_columns},
    accounts_rows_commits::safe,
    clock::Clock,
    together::{Batch, Call, ENDED, Together, fail, padded},
};
use crate::port::{Accounts, PoolLoad, PortError, Result};

/// The server's time in microseconds, moved by what is bound: one clock for all nodes, whatever
/// theirs say.
macro_rules! now {
    () => {
        "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 + ? AS SIGNED)"
    };
}
pub(super) use now;

/// Accounts and outbox in MySQL or MariaDB.
#[derive(Clone)]
pub struct AccountsMysql {
    pub(super) connections: Connections,
    clock: Clock,
    finds: Arc<Together<AddressKey, Result<Found>>>,
    commits: Arc<Together<Change, Result<Commit>>>,
    pub(super) sessions: Arc<Together<SessionHash, Result<FoundSession>>>,
    pub(super) deletions: Arc<Together<Lease, Result<Settled>>>,
}

/// What reading an account is called in logs.
const FIND: &str = "find an account";
/// What a commit is called in logs.
pub(super) const COMMIT: &str = "commit an account";

struct FoundNow {
    clock: i64,
    key: Vec<u8>,
    found: FoundRow,
}

impl FromRow<'_, MySqlRow> for FoundNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (clock, key) = (row.try_get("clock")?, row.try_get("address_key")?);
        Ok(Self { clock, key, found: FoundRow::from_row(row)? })
    }
}

impl AccountsMysql {
    /// Opens a database by its URL, `mysql://user:password@host:3306/database?ssl-mode=..`. Of `clock`
    /// the shift alone counts, which test builds have.
    ///
    /// # Errors
    /// The server's own error: who refuses, or why nobody answers.
    pub async fn open(url: &Secret<String>, clock: Clock) -> sqlx::Result<Self> {
        let connections = Connections::open(url.expose()).await?;
        let (finds, commits, sessions, deletions) = Default::default();
        Ok(Self { connections, clock, finds, commits, sessions, deletions })
    }

    /// Returns whether the server refuses to be opened for a reason that goes away by itself.
    #[must_use]
    pub fn is_busy(error: &sqlx::Error) -> bool {
        // Shutdown in progress; too many connections, in all or of this user.
        matches!(number(error), Some(1053 | 1040 | 1203 | 1226))
    }

    /// Returns what to add to the server's time for the time after so long.
    pub(super) fn after(&self, duration: Duration) -> i64 {
        self.clock.shift_micros().saturating_add(span(duration))
    }

    /// Returns what to add to the server's time for the time so long ago.
    fn before(&self, duration: Duration) -> i64 {
        self.clock.shift_micros().saturating_sub(span(duration))
    }

    /// Reads a batch of accounts, and replies to each.
    async fn find_batch(self, calls: Vec<Call<AddressKey, Result<Found>>>) {
        let Batch { orders: keys, replies, until } = Batch::begin(calls, FIND);
        let rows = match self.find_all(&keys, until).await {
            Ok(rows) => rows,
            Err(error) => return fail(replies, &error),
        };
        for row in rows.iter().filter(|row| row.found.lacks_id()) {
            if let Err(error) = self.fill_id(&row.key, until).await {
                return fail(replies, &error);
            }
        }
        let mut found: HashMap<Vec<u8>, (i64, Vec<FoundRow>)> = HashMap::new();
        for row in rows {
            let (clock, rows) = found.entry(row.key).or_default();
            *clock = row.clock;
            rows.push(row.found);
        }
        for (key, reply) in keys.iter().zip(replies) {
            // Threat: one visitor gets another's row. Answers are matched by their keys, never by their order.
            let found = match found.remove(key.as_str().as_bytes()) {
                Some((clock, rows)) => {
                    FoundRow::found(rows, time(clock)).map_err(|damaged| PortError::not_done(FIND, damaged))
                }
                None => Err(PortError::not_done(FIND, "the server returned no row for a key")),
            };
            drop(reply.send(found));
        }
    }

    /// Reads accounts with their mails: a row at least for each key.
    async fn find_all(&self, keys: &[AddressKey], until: Instant) -> Result<Vec<FoundNow>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT n.clock, k.address_key, {}, {} {} ORDER BY o.purpose",
            account_columns!(),
            waiting_columns!(),
            stored(keys.len()),
        );
        let sql = &sql;
        carry_out_until(until, FIND, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(safe(sql.clone())).bind(self.after(Duration::ZERO));
            let query = padded(keys).fold(query, |query, key| query.bind(key.as_str().as_bytes()));
            let found = in_time(until, query.fetch_all(&mut lent.connection)).await;
            lent.read(found)
        })
        .await
    }

    /// Gives an account the id that it lacks: a version without ids has activated it, before the upgrade or during it.
    ///
    /// Sessions are found with their account by its id, and only after a login, which finds the account first.
    async fn fill_id(&self, key: &[u8], until: Instant) -> Result<()> {
        carry_out_until(until, FIND, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query(
                "UPDATE accounts SET account_id = generation
                 WHERE address_key = ? AND status = 2 AND account_id IS NULL",
            )
            .bind(key);
            let done = in_time(until, query.execute(&mut lent.connection)).await;
            lent.wrote(done)
        })
        .await
        .map(drop)
    }

    /// Repeats a statement of up to 500 rows until no more are there: writers wait for each.
    async fn delete(&self, sql: &'static str, moved: i64) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let chunk = carry_out("delete expired rows", |until| async move {
                let mut lent = self.connections.lend(until).await?;
                let query = sqlx::query(sql).bind(moved);
                let done = in_time(until, query.execute(&mut lent.connection)).await;
                lent.wrote(done)
            });
            match chunk.await?.rows_affected() {
                0 => return Ok(deleted),
                chunk => deleted += chunk,
            }
        }
    }
}

#[async_trait]
impl Accounts for AccountsMysql {
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
        let now = self.after(Duration::ZERO);
        let pending = self
            .delete(
                concat!(
                    "DELETE FROM accounts WHERE status = 1 AND expires <= ",
                    now!(),
                    " ORDER BY expires LIMIT 500"
                ),
                now,
            )
            .await?;
        self.delete(
            concat!(
                "DELETE FROM accounts WHERE status <> 1 AND expires <= ",
                now!(),
                " ORDER BY expires LIMIT 500"
            ),
            now,
        )
        .await?;
        self.delete(
            concat!("DELETE FROM sessions WHERE expires <= ", now!(), " ORDER BY expires LIMIT 500"),
            now,
        )
        .await?;
        self.delete(
            concat!("DELETE FROM outbox WHERE dead_since <= ", now!(), " ORDER BY dead_since LIMIT 500"),
            self.before(dead_letters),
        )
        .await?;
        Ok(pending)
    }

    async fn ping(&self) -> Result<()> {
        self.reach().await
    }

    fn pool(&self) -> Option<PoolLoad> {
        Some(self.connections.load())
    }
}
