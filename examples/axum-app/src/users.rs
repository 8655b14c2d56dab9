//! The user table, the sessions and the outbox, in SQLite.
//!
//! Errors before a commit mean that nothing happened; after an error of the commit itself it may have happened.

mod sessions;

use std::{
    fs::OpenOptions,
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_core::{
    AccountId, AddressKey, BadStored, Commit, CommitAccount, Fault, Found, LeaseToken, LeasedMail,
    MailChange, MailId, QueuedMail, Row, SettleMail, Settled, Settlement, Status, Stored, Time, Version,
};
use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::host::random;

/// How long a mail waits after its delivery was interrupted.
const LEASE: Duration = Duration::from_secs(60);
/// How long dead letters are kept.
const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 86_400);

pub struct Users(SqlitePool);

/// Creates the file if it is missing. Threat: other users of the machine who read password hashes; SQLite creates its
/// additional files with the same mode.
fn create(file: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Users {
    pub async fn open(file: &str) -> sqlx::Result<Self> {
        create(file)?;
        let options = SqliteConnectOptions::new().filename(file);
        let patience = Duration::from_secs(3);
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(patience)
            // A transaction whose end failed, on a full disk for example, stays open on its connection forever.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(options.busy_timeout(patience))
            .await?;
        sqlx::raw_sql(include_str!("users.sql")).execute(&pool).await?;
        Ok(Self(pool))
    }

    /// Counts the members: users with a proven address.
    pub async fn members(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE active").fetch_one(&self.0).await
    }

    /// Returns a member's name and the number of books that they have read.
    pub async fn member(&self, id: AccountId) -> sqlx::Result<Option<(String, i64)>> {
        sqlx::query_as("SELECT name, books_read FROM users WHERE account_id = ?1")
            .bind(id.as_bytes().as_slice())
            .fetch_optional(&self.0)
            .await
    }

    /// Counts a book that a member has read.
    pub async fn has_read(&self, id: AccountId) -> sqlx::Result<()> {
        let sql = "UPDATE users SET books_read = books_read + 1 WHERE account_id = ?1";
        sqlx::query(sql).bind(id.as_bytes().as_slice()).execute(&self.0).await.map(drop)
    }

    /// Returns a member's name, or `None` if the address is not proven.
    #[cfg(test)]
    async fn name(&self, key: &AddressKey) -> Option<String> {
        let sql = "SELECT name FROM users WHERE email = ?1 AND active";
        sqlx::query_scalar(sql).bind(key.as_str()).fetch_optional(&self.0).await.unwrap()
    }

    pub async fn find(&self, key: &AddressKey) -> Result<Found, Fault> {
        // One transaction: row and mails belong to the same moment.
        let mut transaction = self.0.begin().await.map_err(not_done)?;
        found(&mut transaction, key).await
    }

    /// Commits; `name` is that of a registration.
    pub async fn commit(&self, order: &CommitAccount, name: Option<&str>) -> Result<Commit, Fault> {
        // What registers, activates and logs in changes one row and one mail, and ends no sessions.
        let ([change], None) = (&order.changes[..], order.end) else { return Err(Fault::NotDone) };
        // A transaction that reads and then writes begins IMMEDIATE: a deferred one fails under contention.
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await.map_err(not_done)?;
        if !change.fits(&found(&mut transaction, &change.key).await?) {
            return Ok(Commit::Conflict);
        }
        // Threat: somebody who knows a member's address registers it again, and so renames its owner.
        let name = name.filter(|_| change.is_new_attempt());
        let account = change.row.to_bytes();
        let id = match &change.row.status {
            Status::Active { id, .. } => Some(*id),
            Status::Vacant | Status::Pending(_) => None,
        };
        sqlx::query(
            "INSERT INTO users (email, name, version, account, active, expires, account_id)
             VALUES (?1, COALESCE(?2, ''), ?3 + 1, ?4, ?5, ?6, ?7)
             ON CONFLICT (email) DO UPDATE SET name = COALESCE(?2, name), version = ?3 + 1, account = ?4,
                active = ?5, expires = ?6, account_id = ?7",
        )
        .bind(change.key.as_str())
        .bind(name)
        .bind(change.expected.0.cast_signed())
        .bind(account.expose().as_slice())
        .bind(id.is_some())
        .bind(change.row.expires.map(micros))
        .bind(id.map(|id| id.as_bytes().to_vec()))
        .execute(&mut *transaction)
        .await
        .map_err(not_done)?;
        match &change.mails[..] {
            [MailChange::Owe(mail)] => {
                let queued = QueuedMail::new(change.key.clone(), mail.clone());
                enqueue(&mut transaction, Some(&queued)).await
            }
            [MailChange::Begin { mail, unknowns }] => {
                let mut queued = queued(&mut transaction, *mail).await?.ok_or(Fault::NotDone)?;
                queued.begin(*mail, *unknowns);
                update(&mut transaction, &queued, None).await
            }
            [] => enqueue(&mut transaction, None).await,
            _ => return Err(Fault::NotDone),
        }
        .map_err(not_done)?;
        transaction.commit().await.map_err(unknown)?;
        Ok(Commit::Committed)
    }

    /// Leases the mails that are due. This process has the only worker, so a lease is only the time that a mail waits
    /// after its delivery was interrupted.
    pub async fn due(&self) -> sqlx::Result<Vec<LeasedMail>> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let rows: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT id, mail FROM outbox WHERE next <= ?1 ORDER BY next")
                .bind(micros(now()))
                .fetch_all(&mut *transaction)
                .await?;
        let mut due = Vec::new();
        for (id, bytes) in rows {
            let Ok(mut queued) = QueuedMail::from_bytes(&bytes) else {
                tracing::error!("a mail's row is damaged; it is a dead letter now");
                let bury = "UPDATE outbox SET next = NULL, dead = 'its row is damaged' WHERE id = ?1";
                sqlx::query(bury).bind(id).execute(&mut *transaction).await?;
                continue;
            };
            let token = LeaseToken::from_bytes(random().map_err(io::Error::from)?);
            due.extend(queued.lease(token, LEASE, now()));
            update(&mut transaction, &queued, None).await?;
        }
        transaction.commit().await?;
        Ok(due)
    }

    pub async fn settle(&self, order: &SettleMail) -> Result<Settled, Fault> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await.map_err(not_done)?;
        let Some(mut queued) = queued(&mut transaction, order.lease.mail).await? else {
            return Ok(Settled::Lost);
        };
        let settled = queued.settle(order, now());
        let dead = match &order.settlement {
            Settlement::Dead { detail } => Some(detail.as_str()),
            Settlement::Sent | Settlement::Superseded | Settlement::Retry { .. } => None,
        };
        update(&mut transaction, &queued, dead).await.map_err(not_done)?;
        transaction.commit().await.map_err(unknown)?;
        Ok(settled)
    }

    /// Deletes expired rows: accounts that were never activated, sessions that are over, and old dead letters.
    pub async fn purge(&self) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM sessions WHERE expires <= ?1").bind(micros(now())).execute(&self.0).await?;
        sqlx::query("DELETE FROM users WHERE expires <= ?1").bind(micros(now())).execute(&self.0).await?;
        let old =
            now().as_micros().saturating_sub(u64::try_from(DEAD_LETTER_AGE.as_micros()).unwrap_or(u64::MAX));
        sqlx::query("DELETE FROM outbox WHERE died <= ?1").bind(old.cast_signed()).execute(&self.0).await?;
        Ok(())
    }
}

/// Reads the row of an address and its mails.
async fn found(connection: &mut SqliteConnection, key: &AddressKey) -> Result<Found, Fault> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT version, account FROM users WHERE email = ?1")
        .bind(key.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(not_done)?;
    let row =
        match row.map(|(version, bytes)| Ok((Version(version.unsigned_abs()), Row::from_bytes(&bytes)?))) {
            Some(Err(BadStored)) => {
                tracing::error!("a user's row is damaged: restore it from a backup, or delete it");
                return Err(Fault::NotDone);
            }
            row => row.and_then(Result::ok),
        };
    let mails: Vec<Vec<u8>> = sqlx::query_scalar("SELECT mail FROM outbox WHERE email = ?1 ORDER BY purpose")
        .bind(key.as_str())
        .fetch_all(connection)
        .await
        .map_err(not_done)?;
    let mails = mails.iter().filter_map(|bytes| QueuedMail::from_bytes(bytes).ok());
    let now = now();
    Ok(Found { now, row, waiting: mails.filter_map(|queued| queued.waiting(now)).collect() })
}

/// Threat: a state that owes no mail would answer sooner. The statement always runs, and inserts nothing then.
async fn enqueue(connection: &mut SqliteConnection, queued: Option<&QueuedMail>) -> sqlx::Result<()> {
    let mail = queued.map(QueuedMail::mail);
    sqlx::query(
        "INSERT OR REPLACE INTO outbox (email, purpose, id, next, mail)
         SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?3 IS NOT NULL",
    )
    .bind(queued.map(|queued| queued.key().as_str()))
    .bind(mail.map(|mail| mail.purpose.number()))
    .bind(mail.map(|mail| mail.id.as_bytes().as_slice()))
    .bind(mail.map(|mail| micros(mail.first_due)))
    .bind(queued.map(|queued| queued.to_bytes().expose().clone()))
    .execute(connection)
    .await
    .map(drop)
}

async fn queued(connection: &mut SqliteConnection, id: MailId) -> Result<Option<QueuedMail>, Fault> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT mail FROM outbox WHERE id = ?1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(not_done)?;
    Ok(bytes.and_then(|bytes| QueuedMail::from_bytes(&bytes).ok()))
}

/// Writes a mail back, or deletes it; `dead` is the reason if it was given up.
async fn update(
    connection: &mut SqliteConnection,
    queued: &QueuedMail,
    dead: Option<&str>,
) -> sqlx::Result<()> {
    let id = queued.mail().id;
    if queued.is_over() {
        return sqlx::query("DELETE FROM outbox WHERE id = ?1")
            .bind(id.as_bytes().as_slice())
            .execute(connection)
            .await
            .map(drop);
    }
    sqlx::query("UPDATE outbox SET next = ?2, mail = ?3, dead = ?4, died = ?5 WHERE id = ?1")
        .bind(id.as_bytes().as_slice())
        .bind(queued.next().map(micros))
        .bind(queued.to_bytes().expose().as_slice())
        .bind(dead)
        .bind(dead.map(|_| micros(now())))
        .execute(connection)
        .await
        .map(drop)
}

fn not_done(error: sqlx::Error) -> Fault {
    tracing::warn!(%error, "the database failed before the commit; nothing has changed");
    Fault::NotDone
}

fn unknown(error: sqlx::Error) -> Fault {
    tracing::warn!(%error, "the database failed during the commit; the change may have happened");
    Fault::Unknown
}

#[expect(clippy::disallowed_methods, reason = "SQLite runs in this process, whose clock is the store's")]
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(0).after(since)
}

fn micros(time: Time) -> i64 {
    time.as_micros().cast_signed()
}

#[cfg(test)]
mod tests;
