//! Accounts and outbox in MySQL and MariaDB: rows, on the server's clock.
//!
//! The texts of the statements are few and fixed, so that each is prepared once a connection. Next:
//! `accounts_mysql_commits.rs` for the commit of accounts, one or many,
//! `accounts_mysql_outbox.rs` for the outbox's half of the port, `accounts_mysql_schema.rs` for the
//! schema, `accounts_mysql_connections.rs` for time-outs and faults.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_core::{AddressKey, Commit, CommitAccount, Found, Lease, Secret, Settled};
use sqlx::{FromRow, Row, mysql::MySqlRow};

use super::{
    accounts_mysql_connections::{Connections, carry_out, in_a_call, in_time, number},
    accounts_rows::{FoundRow, span, time},
    clock::Clock,
    together::Together,
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
    commits: Arc<Together<CommitAccount, Result<Commit>>>,
    pub(super) deletions: Arc<Together<Lease, Result<Settled>>>,
}

/// What a commit is called in logs.
pub(super) const COMMIT: &str = "commit an account";
/// Why a call has no reply.
pub(super) const ENDED: &str = "its batch ended in the middle";

struct FoundNow {
    clock: i64,
    found: FoundRow,
}

impl FromRow<'_, MySqlRow> for FoundNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self { clock: row.try_get("clock")?, found: FoundRow::from_row(row)? })
    }
}

impl AccountsMysql {
    /// Opens a database by its URL, `mysql://user:password@host:3306/database?ssl-mode=..`. Of `clock`
    /// the shift alone counts, which test builds have.
    ///
    /// # Errors
    /// The server's own error: who refuses, or why nobody answers.
    pub async fn open(url: &Secret<String>, clock: Clock) -> sqlx::Result<Self> {
        let (commits, deletions) = Default::default();
        Ok(Self { connections: Connections::open(url.expose()).await?, clock, commits, deletions })
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

    /// Repeats a statement of up to 500 rows until no more are there: writers wait for each.
    async fn delete(&self, sql: &'static str, moved: i64) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let chunk = carry_out("delete expired rows", |until| async move {
                let mut lent = self.connections.lend(until).await?;
                let done = in_time(until, sqlx::query(sql).bind(moved).execute(&mut lent.connection)).await;
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
        const OPERATION: &str = "find an account";
        let rows: Vec<FoundNow> = carry_out(OPERATION, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(concat!(
                "SELECT n.clock, COALESCE(a.version, 0) AS version, COALESCE(a.status, 0) AS status,
                    a.address, a.locale, a.password, a.generation, a.active_since, a.last_mail_due,
                    a.last_mail_distance, COALESCE(a.last_mail_left, 1) AS last_mail_left, a.last_notice,
                    a.expires, o.purpose AS waiting_purpose, o.mail_id AS waiting_id,
                    o.next_at AS waiting_next, o.lease AS waiting_lease
                 FROM (SELECT ",
                now!(),
                " AS clock, CAST(? AS BINARY) AS address_key) n
                    LEFT JOIN accounts a ON a.address_key = n.address_key
                    LEFT JOIN outbox o ON o.address_key = n.address_key AND o.dead_since IS NULL
                 ORDER BY o.purpose",
            ))
            .bind(self.after(Duration::ZERO))
            .bind(key.as_str().as_bytes());
            let found = in_time(until, query.fetch_all(&mut lent.connection)).await;
            lent.read(found)
        })
        .await?;
        let clock = rows.first().map_or(0, |row| row.clock);
        let rows = rows.into_iter().map(|row| row.found).collect();
        FoundRow::found(rows, time(clock)).map_err(|e| PortError::not_done(OPERATION, e))
    }

    async fn commit(&self, order: &CommitAccount) -> Result<Commit> {
        let this = self.clone();
        let carry_out = move |batch| this.clone().commit_batch(batch);
        let committed = self.commits.call(order.clone(), in_a_call(), |order| &order.key, carry_out).await;
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
