//! The commit of accounts, one or many, in one transaction.
//!
//! Each order stands for itself: one that does not fit is left out of what is written. In company, one that cannot be
//! decided at once goes alone, as does every order of a batch whose statements the server refuses. So no order fails
//! for another one, unless the server or the connection itself fails.

use std::{collections::HashMap, fmt::Write, time::Duration};

use auth_core::{Commit, CommitAccount, MailChange, OwedMail, Version, WaitingMail};
use sqlx::{AssertSqlSafe, FromRow, MySqlConnection, Row, mysql::MySqlRow};
use tokio::time::Instant;

use super::{
    accounts_mysql::{AccountsMysql, COMMIT, now},
    accounts_mysql_connections::{carry_out_until, in_time, refused},
    accounts_rows::{AccountRow, WaitingRow, micros, time},
    together::{Batch, Call, fail},
};
use crate::port::Result;

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decided {
    Fits,
    Conflict,
    /// Not decided in company: another transaction has the row.
    Alone,
}

/// Version and generation of a row.
type Account = (i64, Option<Vec<u8>>);

/// What is stored of an address: a row once for each of its mails.
struct StoredNow {
    clock: i64,
    key: Vec<u8>,
    account: Option<Account>,
    waiting: WaitingRow,
}

impl FromRow<'_, MySqlRow> for StoredNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (version, generation): (Option<i64>, _) = (row.try_get("version")?, row.try_get("generation")?);
        Ok(Self {
            clock: row.try_get("clock")?,
            key: row.try_get("address_key")?,
            account: version.map(|version| (version, generation)),
            waiting: WaitingRow::from_row(row)?,
        })
    }
}

impl AccountsMysql {
    /// Carries out a batch of commits, and replies to each.
    pub(super) async fn commit_batch(self, calls: Vec<Call<CommitAccount, Result<Commit>>>) {
        let Batch { orders, replies, until } = Batch::begin(calls, COMMIT);
        let decided = match self.commit_all(&orders, until).await {
            Ok(decided) => decided,
            Err(error) => return fail(replies, &error),
        };
        for ((order, reply), decided) in orders.into_iter().zip(replies).zip(decided) {
            let done = match decided {
                Decided::Fits => Ok(Commit::Committed),
                Decided::Conflict => Ok(Commit::Conflict),
                Decided::Alone => {
                    let this = self.clone();
                    tokio::spawn(async move { drop(reply.send(this.commit_alone(&order, until).await)) });
                    continue;
                }
            };
            drop(reply.send(done));
        }
    }

    /// Commits an account in a transaction of its own, which waits for others that have the row.
    async fn commit_alone(&self, order: &CommitAccount, until: Instant) -> Result<Commit> {
        let decided = self.commit_all(std::slice::from_ref(order), until).await?;
        Ok(if decided == [Decided::Fits] { Commit::Committed } else { Commit::Conflict })
    }

    /// Commits accounts in one transaction. One order is decided whatever happens; in company, one that would make
    /// others wait or fail is not.
    async fn commit_all(&self, orders: &[CommitAccount], until: Instant) -> Result<Vec<Decided>> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let in_company = orders.len() > 1;
        carry_out_until(until, COMMIT, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let done = in_time(until, async {
                lent.begin().await?;
                let decided = self.decide(&mut lent.connection, orders).await?;
                let fitting: Vec<&CommitAccount> = orders
                    .iter()
                    .zip(&decided)
                    .filter_map(|(order, decided)| (*decided == Decided::Fits).then_some(order))
                    .collect();
                write_rows(&mut lent.connection, &fitting).await?;
                write_mails(&mut lent.connection, &fitting).await?;
                Ok((decided, !fitting.is_empty()))
            });
            let done = match done.await {
                Err(error) if in_company && refused(&error) => {
                    Ok((vec![Decided::Alone; orders.len()], false))
                }
                // Another transaction inserted the row in the meantime.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    Ok((vec![Decided::Conflict], false))
                }
                done => done,
            };
            lent.commit(done).await
        })
        .await
    }

    /// Compares what the orders depend on, and locks it, which blocks other decisions about the same addresses. In
    /// company, what another transaction has is passed over, so that a batch waits for nobody; then it cannot be told
    /// from what is gone, and the order goes alone.
    async fn decide(
        &self,
        connection: &mut MySqlConnection,
        orders: &[CommitAccount],
    ) -> sqlx::Result<Vec<Decided>> {
        let (skip, undecided) =
            if orders.len() > 1 { ("SKIP LOCKED", Decided::Alone) } else { ("", Decided::Conflict) };
        let sql = format!(
            "SELECT n.clock, k.address_key, a.version, a.generation, o.purpose AS waiting_purpose,
                o.mail_id AS waiting_id, o.next_at AS waiting_next, o.lease AS waiting_lease
             {} ORDER BY o.purpose FOR UPDATE {skip}",
            stored(orders.len()),
        );
        let query = sqlx::query_as(safe(sql)).bind(self.after(Duration::ZERO));
        let keys = padded(orders).map(|order| order.key.as_str().as_bytes());
        let rows: Vec<StoredNow> =
            keys.fold(query, |query, key| query.bind(key)).fetch_all(connection).await?;
        let now = time(rows.first().map_or(0, |row| row.clock));
        let mut stored: HashMap<Vec<u8>, (Option<Account>, Vec<WaitingRow>)> = HashMap::new();
        for row in rows {
            let (account, waiting) = stored.entry(row.key).or_default();
            *account = row.account;
            waiting.push(row.waiting);
        }
        Ok(orders
            .iter()
            .map(|order| {
                let (account, waiting) = stored.remove(order.key.as_str().as_bytes()).unwrap_or_default();
                let Version(expected) = order.expected;
                let expected = i64::try_from(expected).unwrap_or(i64::MAX);
                let generation = order.generation.map(|generation| generation.as_bytes().to_vec());
                let mails: Vec<WaitingMail> = WaitingRow::mails(waiting, now);
                match account {
                    _ if now > order.until => Decided::Conflict,
                    Some(stored) if stored != (expected, generation) => Decided::Conflict,
                    None if expected != 0 => undecided,
                    Some(_) | None if mails == order.waiting => Decided::Fits,
                    Some(_) | None => undecided,
                }
            })
            .collect())
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
async fn write_rows(connection: &mut MySqlConnection, orders: &[&CommitAccount]) -> sqlx::Result<()> {
    const COLUMNS: &str =
        "(address_key, version, status, address, locale, password, generation, active_since,
        last_mail_due, last_mail_distance, last_mail_left, last_notice, expires)";
    const REPLACE: &str = "ON DUPLICATE KEY UPDATE version = VALUES(version), status = VALUES(status),
        address = VALUES(address), locale = VALUES(locale), password = VALUES(password),
        generation = VALUES(generation), active_since = VALUES(active_since),
        last_mail_due = VALUES(last_mail_due), last_mail_distance = VALUES(last_mail_distance),
        last_mail_left = VALUES(last_mail_left), last_notice = VALUES(last_notice), expires = VALUES(expires)";
    let (new, others): (Vec<&CommitAccount>, Vec<_>) =
        orders.iter().partition(|order| order.expected == Version(0));
    for (orders, end) in [(new, ""), (others, REPLACE)] {
        for orders in powers_of_two(&orders) {
            let rows = marks("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", orders.len());
            let mut query = sqlx::query(safe(format!("INSERT INTO accounts {COLUMNS} VALUES {rows} {end}")));
            for order in orders {
                let row = AccountRow::new(&order.row);
                let Version(expected) = order.expected;
                query = query
                    .bind(order.key.as_str().as_bytes())
                    .bind(i64::try_from(expected).unwrap_or(i64::MAX).saturating_add(1))
                    .bind(row.status)
                    .bind(row.address)
                    .bind(row.locale)
                    .bind(row.password)
                    .bind(row.generation)
                    .bind(row.active_since)
                    .bind(row.last_mail_due)
                    .bind(row.last_mail_distance)
                    .bind(row.last_mail_left)
                    .bind(row.last_notice)
                    .bind(row.expires);
            }
            query.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Enqueues the mails, and notes those that are about to leave.
///
/// Threat: a state that owes none would answer sooner. If no mail is enqueued, a statement runs that writes nothing.
async fn write_mails(connection: &mut MySqlConnection, orders: &[&CommitAccount]) -> sqlx::Result<()> {
    const REPLACE: &str =
        "REPLACE INTO outbox (address_key, purpose, mail_id, generation, locale, due, next_at)";
    let (mut owed, mut idle): (Vec<(&CommitAccount, &OwedMail)>, bool) = (Vec::new(), false);
    let mut begun: HashMap<u8, Vec<&[u8]>> = HashMap::new();
    for order in orders {
        match &order.mail {
            Some(MailChange::Owe(mail)) => owed.push((*order, mail)),
            Some(MailChange::Begin { mail, unknowns }) => {
                begun.entry(*unknowns).or_default().push(mail.as_bytes().as_slice());
            }
            None => idle = true,
        }
    }
    if idle && owed.is_empty() {
        let sql = format!("{REPLACE} SELECT '', 0, '', '', '', 0, 0 FROM DUAL WHERE 1 = 0");
        sqlx::query(safe(sql)).execute(&mut *connection).await?;
    }
    for owed in powers_of_two(&owed) {
        let rows = marks("(?, ?, ?, ?, ?, ?, ?)", owed.len());
        let mut query = sqlx::query(safe(format!("{REPLACE} VALUES {rows}")));
        for (order, mail) in owed {
            query = query
                .bind(order.key.as_str().as_bytes())
                .bind(i64::from(mail.purpose.number()))
                .bind(mail.id.as_bytes().as_slice())
                .bind(mail.generation.as_bytes().as_slice())
                .bind(mail.locale.as_str())
                .bind(micros(mail.first_due))
                .bind(micros(mail.first_due));
        }
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

/// Returns the values, the last one repeated up to a power of two, so that few texts are prepared.
pub(super) fn padded<T>(values: &[T]) -> impl Iterator<Item = &T> {
    values.iter().chain(values.last().into_iter().cycle()).take(values.len().next_power_of_two())
}

/// Returns parts whose lengths are powers of two, so that few texts are prepared.
fn powers_of_two<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = 1 << rest.len().checked_ilog2()?;
        let (part, others) = rest.split_at(length);
        rest = others;
        Some(part)
    })
}

/// Returns `count` times a list's element.
pub(super) fn marks(element: &str, count: usize) -> String {
    let mut list = String::from(element);
    for _ in 1..count {
        // Writing to a string does not fail.
        let _ = write!(list, ", {element}");
    }
    list
}

/// Marks a text that is made of constants alone.
pub(super) fn safe(sql: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql)
}
