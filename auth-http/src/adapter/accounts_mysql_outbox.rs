//! The outbox's half of the MySQL adapter: leases, their ends, and what operators see.

use std::time::Duration;

use async_trait::async_trait;
use auth_core::{Lease, LeaseToken, LeasedMail, MailId, SettleMail, Settled, Settlement};
use sqlx::{
    FromRow, MySql, Row,
    mysql::{MySqlArguments, MySqlRow},
    query::Query,
};
use tokio::time::Instant;

use super::{
    accounts_mysql::{AccountsMysql, now},
    accounts_mysql_connections::{Lent, carry_out, carry_out_until, in_a_call, in_time},
    accounts_rows::{Damaged, ListedRow, MailRow, listed_columns, time},
    accounts_rows_commits::{marks, safe},
    together::{Batch, Call, ENDED, fail, padded},
};
use crate::{
    deadlines,
    port::{Outbox, OutboxDepth, OutboxMail, PortError, Result, Which},
    random,
};

struct ListedNow {
    clock: i64,
    row: ListedRow,
}

impl FromRow<'_, MySqlRow> for ListedNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self { clock: row.try_get("clock")?, row: ListedRow::from_row(row)? })
    }
}

#[async_trait]
impl Outbox for AccountsMysql {
    async fn lease(&self, most: u32, lasting: Duration) -> Result<Vec<LeasedMail>> {
        let token = LeaseToken::from_bytes(random::bytes()?);
        carry_out("lease mails", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let leased = in_time(until, async {
                lent.begin().await?;
                let rows = self.lock_due(&mut lent, most).await?;
                let mut leased = Vec::new();
                for row in rows {
                    let (key, purpose) = (row.address_key.clone(), row.purpose);
                    match row.leased(token) {
                        Ok(mail) => leased.push(mail),
                        Err(damaged) => self.bury(&mut lent, &key, purpose, &damaged).await?,
                    }
                }
                self.mark(&mut lent, &leased, token, lasting).await?;
                leased.sort_by_key(|leased| leased.mail.first_due);
                Ok((leased, true))
            });
            let leased = leased.await;
            lent.commit(leased).await
        })
        .await
    }

    async fn renew(&self, lease: &Lease, lasting: Duration) -> Result<Settled> {
        self.held("renew a lease", in_a_call(), lease, || {
            sqlx::query(concat!(
                "UPDATE outbox SET next_at = ",
                now!(),
                " WHERE mail_id = ? AND lease = ? AND dead_since IS NULL",
            ))
            .bind(self.after(lasting))
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<Settled> {
        self.held("give a lease back", in_a_call(), lease, || {
            sqlx::query(concat!(
                "UPDATE outbox SET lease = NULL, attempts = attempts - 1, next_at = ",
                now!(),
                " WHERE mail_id = ? AND lease = ?",
            ))
            .bind(self.after(Duration::ZERO))
        })
        .await
    }

    async fn settle(&self, order: &SettleMail) -> Result<Settled> {
        match &order.settlement {
            Settlement::Sent | Settlement::Superseded => {
                let this = self.clone();
                let carry_out = move |batch| this.clone().delete_batch(batch);
                let settled =
                    self.deletions.call(order.lease, in_a_call(), |lease| &lease.mail, carry_out).await;
                settled.unwrap_or_else(|| Err(PortError::unknown(SETTLE, ENDED)))
            }
            Settlement::Retry { after, unknowns, detail } => {
                self.held(SETTLE, in_a_call(), &order.lease, || {
                    sqlx::query(concat!(
                        "UPDATE outbox SET lease = NULL, unknowns = ?, last_error = ?, next_at = ",
                        now!(),
                        " WHERE mail_id = ? AND lease = ?",
                    ))
                    .bind(i64::from(*unknowns))
                    .bind(detail.as_str())
                    .bind(self.after(*after))
                })
                .await
            }
            Settlement::Dead { detail } => {
                self.held(SETTLE, in_a_call(), &order.lease, || {
                    sqlx::query(concat!(
                        "UPDATE outbox SET lease = NULL, last_error = ?, dead_since = ",
                        now!(),
                        ", next_at = dead_since WHERE mail_id = ? AND lease = ?",
                    ))
                    .bind(detail.as_str())
                    .bind(self.after(Duration::ZERO))
                })
                .await
            }
        }
    }

    async fn next_due(&self) -> Result<Option<Duration>> {
        let next = carry_out("look for due mails", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(concat!(
                "SELECT ",
                now!(),
                ", (SELECT MIN(next_at) FROM outbox WHERE dead_since IS NULL)",
            ))
            .bind(self.after(Duration::ZERO));
            let next = in_time(until, query.fetch_one(&mut lent.connection)).await;
            lent.read(next)
        });
        let (clock, next): (i64, Option<i64>) = next.await?;
        Ok(next.map(|next| time(next).since(time(clock))))
    }

    async fn mails(&self) -> Result<Vec<OutboxMail>> {
        let rows = carry_out_until(
            Instant::now() + deadlines::mysql::OPERATOR,
            "list the outbox",
            |until| async move {
                let mut lent = self.connections.lend(until).await?;
                let query = sqlx::query_as(concat!(
                    "SELECT ",
                    now!(),
                    " AS clock, ",
                    listed_columns!(),
                    " FROM outbox o LEFT JOIN accounts a ON a.address_key = o.address_key ORDER BY o.due",
                ))
                .bind(self.after(Duration::ZERO));
                let rows = in_time(until, query.fetch_all(&mut lent.connection)).await;
                lent.read(rows)
            },
        );
        let rows: Vec<ListedNow> = rows.await?;
        Ok(rows.into_iter().filter_map(|listed| listed.row.listed(time(listed.clock))).collect())
    }

    async fn retry(&self, which: &Which) -> Result<u64> {
        let now = self.after(Duration::ZERO);
        self.for_each(which, "retry mails", |id| match id {
            // `due` starts afresh as well, or a dead letter would be too old at once.
            // A mail that a worker holds is on its way; due again it would be sent twice.
            None => sqlx::query(concat!(
                "UPDATE outbox SET due = ",
                now!(),
                ", next_at = due, attempts = 0, unknowns = 0, lease = NULL, dead_since = NULL
                 WHERE lease IS NULL OR next_at <= ",
                now!(),
            ))
            .bind(now)
            .bind(now),
            Some(id) => sqlx::query(concat!(
                "UPDATE outbox SET due = ",
                now!(),
                ", next_at = due, attempts = 0, unknowns = 0, lease = NULL, dead_since = NULL
                 WHERE (lease IS NULL OR next_at <= ",
                now!(),
                ") AND mail_id = ?",
            ))
            .bind(now)
            .bind(now)
            .bind(id.as_bytes().as_slice()),
        })
        .await
    }

    async fn drop_mails(&self, which: &Which) -> Result<u64> {
        self.for_each(which, "drop mails", |id| match id {
            None => sqlx::query("DELETE FROM outbox"),
            Some(id) => sqlx::query("DELETE FROM outbox WHERE mail_id = ?").bind(id.as_bytes().as_slice()),
        })
        .await
    }

    async fn depth(&self) -> Result<OutboxDepth> {
        let counted = carry_out("count the outbox", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(concat!(
                "SELECT ",
                now!(),
                ", COUNT(CASE WHEN dead_since IS NULL THEN 1 END), COUNT(dead_since),
                    MIN(CASE WHEN dead_since IS NULL THEN due END)
                 FROM outbox",
            ))
            .bind(self.after(Duration::ZERO));
            let counted = in_time(until, query.fetch_one(&mut lent.connection)).await;
            lent.read(counted)
        });
        let (clock, waiting, dead, oldest): (i64, i64, i64, Option<i64>) = counted.await?;
        Ok(OutboxDepth {
            waiting: waiting.unsigned_abs(),
            dead: dead.unsigned_abs(),
            oldest: oldest.map_or(Duration::ZERO, |due| time(clock).since(time(due))),
        })
    }
}

/// What the end of a mail is called in logs.
const SETTLE: &str = "settle a mail";

impl AccountsMysql {
    /// Ends the mails of a batch whose leases are still held by deleting them, and replies to each.
    async fn delete_batch(self, calls: Vec<Call<Lease, Result<Settled>>>) {
        let Batch { orders: leases, replies, until } = Batch::begin(calls, SETTLE);
        if let [lease] = &leases[..] {
            let delete = || sqlx::query("DELETE FROM outbox WHERE mail_id = ? AND lease = ?");
            let settled = self.held(SETTLE, until, lease, delete).await;
            for (reply, settled) in replies.into_iter().zip([settled]) {
                drop(reply.send(settled));
            }
            return;
        }
        let held = match self.delete_held(&leases, until).await {
            Ok(held) => held,
            Err(error) => return fail(replies, &error),
        };
        for (lease, reply) in leases.into_iter().zip(replies) {
            let settled = if held.contains(&lease) { Settled::Settled } else { Settled::Lost };
            drop(reply.send(Ok(settled)));
        }
    }

    /// Deletes the mails whose leases are still held; returns these leases.
    async fn delete_held(&self, leases: &[Lease], until: Instant) -> Result<Vec<Lease>> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        carry_out_until(until, SETTLE, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let done = in_time(until, async {
                lent.begin().await?;
                let asked: Vec<&[u8]> = leases.iter().map(|lease| lease.mail.as_bytes().as_slice()).collect();
                let sql = format!(
                    "SELECT mail_id, lease FROM outbox FORCE INDEX (outbox_mail_id)
                     WHERE mail_id IN ({}) FOR UPDATE",
                    marks("?", asked.len().next_power_of_two())
                );
                let query = padded(&asked).fold(sqlx::query_as(safe(sql)), |query, mail| query.bind(*mail));
                let stored: Vec<(Vec<u8>, Option<Vec<u8>>)> = query.fetch_all(&mut lent.connection).await?;
                let is_held = |lease: &&Lease| {
                    stored.iter().any(|(mail, token)| {
                        mail == lease.mail.as_bytes() && token.as_deref() == Some(lease.token.as_bytes())
                    })
                };
                let held: Vec<Lease> = leases.iter().filter(is_held).copied().collect();
                let mails: Vec<&[u8]> = held.iter().map(|lease| lease.mail.as_bytes().as_slice()).collect();
                if !mails.is_empty() {
                    let list = marks("?", mails.len().next_power_of_two());
                    let query = sqlx::query(safe(format!("DELETE FROM outbox WHERE mail_id IN ({list})")));
                    let query = padded(&mails).fold(query, |query, mail| query.bind(*mail));
                    query.execute(&mut lent.connection).await?;
                }
                let deletes = !held.is_empty();
                Ok((held, deletes))
            });
            let done = done.await;
            lent.commit(done).await
        })
        .await
    }

    /// Reads mails that are due and that no other worker is about to lease. The index is forced: a
    /// scan of the table would lock mails that are not leased then, and hide them from other workers.
    async fn lock_due(&self, lent: &mut Lent, most: u32) -> sqlx::Result<Vec<MailRow>> {
        sqlx::query_as(concat!(
            "SELECT address_key, purpose, mail_id, generation, locale, recipient, due, attempts + 1 AS attempts, unknowns
             FROM outbox FORCE INDEX (outbox_next) WHERE dead_since IS NULL AND next_at <= ",
            now!(),
            " ORDER BY next_at LIMIT ? FOR UPDATE SKIP LOCKED",
        ))
        .bind(self.after(Duration::ZERO))
        .bind(i64::from(most))
        .fetch_all(&mut lent.connection)
        .await
    }

    async fn mark(
        &self,
        lent: &mut Lent,
        leased: &[LeasedMail],
        token: LeaseToken,
        lasting: Duration,
    ) -> sqlx::Result<()> {
        if leased.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "UPDATE outbox SET lease = ?, attempts = attempts + 1, next_at = {} WHERE mail_id IN ({})",
            now!(),
            marks("?", leased.len().next_power_of_two())
        );
        let query = sqlx::query(safe(sql)).bind(token.as_bytes().as_slice()).bind(self.after(lasting));
        let mails = padded(leased).map(|leased| leased.lease.mail.as_bytes().as_slice());
        mails.fold(query, |query, mail| query.bind(mail)).execute(&mut lent.connection).await.map(drop)
    }

    /// Keeps a row that cannot be read for the operator, out of the way of the others.
    async fn bury(&self, lent: &mut Lent, key: &[u8], purpose: i64, damaged: &Damaged) -> sqlx::Result<()> {
        tracing::error!(error = %damaged, "a mail cannot be read; it is a dead letter now");
        sqlx::query(concat!(
            "UPDATE outbox SET lease = NULL, last_error = ?, dead_since = ",
            now!(),
            " WHERE address_key = ? AND purpose = ?",
        ))
        .bind(damaged.to_string())
        .bind(self.after(Duration::ZERO))
        .bind(key)
        .bind(purpose)
        .execute(&mut lent.connection)
        .await
        .map(drop)
    }

    /// Runs one statement over a mail that is leased, which ends with mail and token; tells whether the lease was still
    /// held.
    async fn held<'q>(
        &self,
        operation: &'static str,
        until: Instant,
        lease: &'q Lease,
        query: impl Fn() -> Query<'q, MySql, MySqlArguments>,
    ) -> Result<Settled> {
        let query = &query;
        let changed = carry_out_until(until, operation, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query =
                query().bind(lease.mail.as_bytes().as_slice()).bind(lease.token.as_bytes().as_slice());
            let done = in_time(until, query.execute(&mut lent.connection)).await;
            lent.wrote(done)
        });
        Ok(if changed.await?.rows_affected() == 0 { Settled::Lost } else { Settled::Settled })
    }

    /// Runs a statement for every mail, or for each of those named; all of them or none.
    async fn for_each<'q>(
        &self,
        which: &'q Which,
        operation: &'static str,
        query: impl Fn(Option<&'q MailId>) -> Query<'q, MySql, MySqlArguments>,
    ) -> Result<u64> {
        let query = &query;
        carry_out_until(Instant::now() + deadlines::mysql::OPERATOR, operation, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let changed = in_time(until, async {
                let ids: Vec<Option<&MailId>> = match which {
                    Which::All => vec![None],
                    Which::Ids(ids) => ids.iter().map(Some).collect(),
                };
                lent.begin().await?;
                let mut changed = 0;
                for id in ids {
                    changed += query(id).execute(&mut lent.connection).await?.rows_affected();
                }
                Ok((changed, true))
            });
            let changed = changed.await;
            // What changed many rows takes long to commit as well.
            lent.commit_within(deadlines::mysql::OPERATOR, changed).await
        })
        .await
    }
}
