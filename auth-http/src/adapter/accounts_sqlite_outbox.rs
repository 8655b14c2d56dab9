//! The outbox's half of the SQLite adapter: leases, their ends, and what operators see.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::{Lease, LeaseToken, LeasedMail, MailId, SettleMail, Settled, Settlement};
use sqlx::sqlite::SqliteQueryResult;
use tokio::time::Instant;

use super::{
    accounts_rows::{Damaged, ListedRow, MailRow, listed_columns, micros, time},
    accounts_rows_commits::safe,
    accounts_sqlite::{AccountsSqlite, in_a_call},
    together::{Batch, Call, ENDED, fail, padded},
};
use crate::{
    port::{Outbox, OutboxDepth, OutboxMail, PortError, Result, Which},
    random,
};

#[async_trait]
impl Outbox for AccountsSqlite {
    async fn lease(&self, most: u32, lasting: Duration) -> Result<Vec<LeasedMail>> {
        const OPERATION: &str = "lease mails";
        let token = LeaseToken::from_bytes(random::bytes()?);
        let mut writer = self.lend(OPERATION, in_a_call()).await?;
        let now = self.now();
        let rows: Vec<MailRow> = sqlx::query_as(
            "UPDATE outbox SET lease = ?1, next_at = ?2, attempts = attempts + 1
             WHERE (address_key, purpose) IN (
                SELECT address_key, purpose FROM outbox
                WHERE dead_since IS NULL AND next_at <= ?3 ORDER BY next_at LIMIT ?4)
             RETURNING address_key, purpose, mail_id, generation, locale, recipient, due, attempts, unknowns",
        )
        .bind(token.as_bytes().as_slice())
        .bind(micros(now.after(lasting)))
        .bind(micros(now))
        .bind(i64::from(most))
        .fetch_all(&mut *writer)
        .await
        .map_err(|e| PortError::unknown(OPERATION, e))?;
        drop(writer);
        let mut leased = Vec::new();
        for row in rows {
            let (key, purpose) = (row.address_key.clone(), row.purpose);
            match row.leased(token) {
                Ok(mail) => leased.push(mail),
                Err(damaged) => self.bury(&key, purpose, &damaged).await?,
            }
        }
        leased.sort_by_key(|leased| leased.mail.first_due);
        Ok(leased)
    }

    async fn renew(&self, lease: &Lease, lasting: Duration) -> Result<Settled> {
        const OPERATION: &str = "renew a lease";
        let mut writer = self.lend(OPERATION, in_a_call()).await?;
        sqlx::query("UPDATE outbox SET next_at = ?3 WHERE mail_id = ?1 AND lease = ?2 AND dead_since IS NULL")
            .bind(lease.mail.as_bytes().as_slice())
            .bind(lease.token.as_bytes().as_slice())
            .bind(micros(self.now().after(lasting)))
            .execute(&mut *writer)
            .await
            .map(|done| held(&done))
            .map_err(|e| PortError::unknown(OPERATION, e))
    }

    async fn release(&self, lease: &Lease) -> Result<Settled> {
        const OPERATION: &str = "give a lease back";
        let mut writer = self.lend(OPERATION, in_a_call()).await?;
        sqlx::query(
            "UPDATE outbox SET next_at = ?3, lease = NULL, attempts = attempts - 1
             WHERE mail_id = ?1 AND lease = ?2",
        )
        .bind(lease.mail.as_bytes().as_slice())
        .bind(lease.token.as_bytes().as_slice())
        .bind(micros(self.now()))
        .execute(&mut *writer)
        .await
        .map(|done| held(&done))
        .map_err(|e| PortError::unknown(OPERATION, e))
    }

    async fn settle(&self, order: &SettleMail) -> Result<Settled> {
        let query = match &order.settlement {
            Settlement::Sent | Settlement::Superseded => {
                let this = self.clone();
                let carry_out = move |batch| this.clone().delete_batch(batch);
                let settled =
                    self.deletions.call(order.lease, in_a_call(), |lease| &lease.mail, carry_out).await;
                return settled.unwrap_or_else(|| Err(PortError::unknown(SETTLE, ENDED)));
            }
            Settlement::Retry { after, unknowns, detail } => sqlx::query(
                "UPDATE outbox SET lease = NULL, next_at = ?1, last_error = ?2, unknowns = ?5
                 WHERE mail_id = ?3 AND lease = ?4",
            )
            .bind(micros(self.now().after(*after)))
            .bind(detail.as_str())
            .bind(order.lease.mail.as_bytes().as_slice())
            .bind(order.lease.token.as_bytes().as_slice())
            .bind(i64::from(*unknowns)),
            Settlement::Dead { detail } => sqlx::query(
                "UPDATE outbox SET lease = NULL, next_at = ?1, last_error = ?2, dead_since = ?1
                 WHERE mail_id = ?3 AND lease = ?4",
            )
            .bind(micros(self.now()))
            .bind(detail.as_str())
            .bind(order.lease.mail.as_bytes().as_slice())
            .bind(order.lease.token.as_bytes().as_slice()),
        };
        let mut writer = self.lend(SETTLE, in_a_call()).await?;
        let done = query.execute(&mut *writer).await.map_err(|e| PortError::unknown(SETTLE, e))?;
        Ok(held(&done))
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let next: Option<i64> =
            sqlx::query_scalar("SELECT MIN(next_at) FROM outbox WHERE dead_since IS NULL")
                .fetch_one(&self.pool)
                .await
                .map_err(|e| PortError::not_done("look for due mails", e))?;
        Ok(next.map(|next| time(next).since(self.now())))
    }

    async fn mails(&self) -> Result<Vec<OutboxMail>> {
        let rows: Vec<ListedRow> = sqlx::query_as(concat!(
            "SELECT ",
            listed_columns!(),
            " FROM outbox o LEFT JOIN accounts a ON a.address_key = o.address_key ORDER BY o.due",
        ))
        .fetch_all(&self.pool)
        .await
        .map_err(|e| PortError::not_done("list the outbox", e))?;
        let now = self.now();
        Ok(rows.into_iter().filter_map(|row| row.listed(now)).collect())
    }

    async fn retry(&self, which: &Which) -> Result<u64> {
        self.for_each(
            which,
            "retry mails",
            // `due` starts afresh as well, or a dead letter would be too old at once.
            // A mail that a worker holds is on its way; due again it would be sent twice.
            "UPDATE outbox SET due = ?1, next_at = ?1, attempts = 0, unknowns = 0, lease = NULL,
                dead_since = NULL
             WHERE (?2 IS NULL OR mail_id = ?2) AND (lease IS NULL OR next_at <= ?1)",
        )
        .await
    }

    async fn drop_mails(&self, which: &Which) -> Result<u64> {
        self.for_each(
            which,
            "drop mails",
            "DELETE FROM outbox WHERE ?1 >= 0 AND (?2 IS NULL OR mail_id = ?2)",
        )
        .await
    }

    async fn depth(&self) -> Result<OutboxDepth> {
        let (waiting, dead, oldest): (i64, i64, Option<i64>) = sqlx::query_as(
            "SELECT COUNT(*) FILTER (WHERE dead_since IS NULL), COUNT(*) FILTER (WHERE dead_since IS NOT NULL),
                MIN(due) FILTER (WHERE dead_since IS NULL)
             FROM outbox",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(|e| PortError::not_done("count the outbox", e))?;
        Ok(OutboxDepth {
            waiting: waiting.unsigned_abs(),
            dead: dead.unsigned_abs(),
            oldest: oldest.map_or(Duration::ZERO, |due| self.now().since(time(due))),
        })
    }
}

/// What the end of a mail is called in logs.
const SETTLE: &str = "settle a mail";

impl AccountsSqlite {
    /// Deletes a batch of mails whose leases are held, and replies to each.
    async fn delete_batch(self, calls: Vec<Call<Lease, Result<Settled>>>) {
        let Batch { orders: leases, replies, until } = Batch::begin(calls, SETTLE);
        let deleted = match self.delete_mails(&leases, until).await {
            Ok(deleted) => deleted,
            Err(error) => return fail(replies, &error),
        };
        for (lease, reply) in leases.iter().zip(replies) {
            let deleted = deleted.iter().any(|mail| mail == lease.mail.as_bytes());
            drop(reply.send(Ok(if deleted { Settled::Settled } else { Settled::Lost })));
        }
    }

    async fn delete_mails(&self, leases: &[Lease], until: Instant) -> Result<Vec<Vec<u8>>> {
        const HELD: &str = "(mail_id = ? AND lease = ?)";
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let count = leases.len().next_power_of_two();
        // Not IN over pairs: that reads the whole table.
        let sql = format!("DELETE FROM outbox WHERE {} RETURNING mail_id", [HELD].repeat(count).join(" OR "));
        let query = padded(leases).fold(sqlx::query_scalar(safe(sql)), |query, lease| {
            query.bind(lease.mail.as_bytes().as_slice()).bind(lease.token.as_bytes().as_slice())
        });
        let mut writer = self.lend(SETTLE, until).await?;
        query.fetch_all(&mut *writer).await.map_err(|e| PortError::unknown(SETTLE, e))
    }

    /// Keeps a row that cannot be read for the operator, out of the way of the others.
    async fn bury(&self, key: &[u8], purpose: i64, damaged: &Damaged) -> Result<()> {
        const OPERATION: &str = "put a damaged mail aside";
        tracing::error!(error = %damaged, "a mail cannot be read; it is a dead letter now");
        let mut writer = self.lend(OPERATION, in_a_call()).await?;
        sqlx::query(
            "UPDATE outbox SET lease = NULL, dead_since = ?3, last_error = ?4
             WHERE address_key = ?1 AND purpose = ?2",
        )
        .bind(key)
        .bind(purpose)
        .bind(micros(self.now()))
        .bind(damaged.to_string())
        .execute(&mut *writer)
        .await
        .map(drop)
        .map_err(|e| PortError::unknown(OPERATION, e))
    }

    /// Runs a statement for every mail, or for each of those named; all of them or none.
    async fn for_each(&self, which: &Which, operation: &'static str, sql: &'static str) -> Result<u64> {
        let now = micros(self.now());
        let mut transaction = self.begin(operation, in_a_call()).await?;
        let ids: Vec<Option<&MailId>> = match which {
            Which::All => vec![None],
            Which::Ids(ids) => ids.iter().map(Some).collect(),
        };
        let mut changed = 0;
        for id in ids {
            let done = sqlx::query(sql)
                .bind(now)
                .bind(id.map(|id| id.as_bytes().as_slice()))
                .execute(&mut *transaction)
                .await
                .map_err(|e| PortError::not_done(operation, e))?;
            changed += done.rows_affected();
        }
        self.end(operation, transaction).await?;
        Ok(changed)
    }
}

fn held(done: &SqliteQueryResult) -> Settled {
    if done.rows_affected() == 0 { Settled::Lost } else { Settled::Settled }
}
