//! Owns the user table and the outbox, in SQLite.
//!
//! Errors tell what they leave behind: what failed before a commit has not happened, a commit that failed may have.

use std::{
    fs::OpenOptions,
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use auth_core::{
    Address, AddressKey, Attempt, Commit, CommitAccount, Fault, Found, Generation, LastMail, LeaseToken,
    LeasedMail, Locale, MailChange, MailId, PasswordRecord, QueuedMail, Row, SettleMail, Settled, Settlement,
    Status, Time, Version,
};
use sqlx::{
    Connection as _, FromRow, Row as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

use crate::host::random;

/// How long a mail rests whose delivery broke off.
const LEASE: Duration = Duration::from_secs(60);
/// Dead letters are kept for a week.
const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 86_400);

pub struct Users(SqlitePool);

/// The columns of `users` that are auth-core's.
#[derive(Default)]
struct UserRow {
    version: i64,
    status: String,
    address: Option<String>,
    locale: Option<String>,
    password: Option<String>,
    generation: Option<Vec<u8>>,
    active_since: Option<i64>,
    last_mail_due: Option<i64>,
    last_mail_interval: Option<i64>,
    last_mail_left: i64,
    last_notice: Option<i64>,
    expires: Option<i64>,
}

impl FromRow<'_, SqliteRow> for UserRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            version: row.try_get("version")?,
            status: row.try_get("status")?,
            address: row.try_get("address")?,
            locale: row.try_get("locale")?,
            password: row.try_get("password")?,
            generation: row.try_get("generation")?,
            active_since: row.try_get("active_since")?,
            last_mail_due: row.try_get("last_mail_due")?,
            last_mail_interval: row.try_get("last_mail_interval")?,
            last_mail_left: row.try_get("last_mail_left")?,
            last_notice: row.try_get("last_notice")?,
            expires: row.try_get("expires")?,
        })
    }
}

/// Makes the file if there is none. Threat: other users of the machine who read password hashes; SQLite gives the
/// files beside it the same mode.
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
            // A transaction whose end failed, on a full disk for example, counts as open on its connection for good.
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

    /// Counts the members: those whose address is proven.
    pub async fn members(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT COUNT(*) FROM users WHERE status = 'active'").fetch_one(&self.0).await
    }

    pub async fn find(&self, key: &AddressKey) -> Result<Found, Fault> {
        // One transaction: row and mails are of one moment.
        let mut transaction = self.0.begin().await.map_err(not_done)?;
        found(&mut transaction, key).await
    }

    pub async fn commit(&self, order: &CommitAccount) -> Result<Commit, Fault> {
        let row = UserRow::of(&order.row);
        let Version(expected) = order.expected;
        // Whatever reads and then writes begins IMMEDIATE: a deferred transaction fails under contention.
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await.map_err(not_done)?;
        if !order.fits(&found(&mut transaction, &order.key).await?) {
            return Ok(Commit::Conflict);
        }
        let sql = if expected == 0 {
            "INSERT INTO users (version, status, address, locale, password, generation, active_since,
                last_mail_due, last_mail_interval, last_mail_left, last_notice, expires, email)
             VALUES (?1 + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
        } else {
            "UPDATE users SET version = ?1 + 1, status = ?2, address = ?3, locale = ?4, password = ?5,
                generation = ?6, active_since = ?7, last_mail_due = ?8, last_mail_interval = ?9,
                last_mail_left = ?10, last_notice = ?11, expires = ?12
             WHERE email = ?13"
        };
        let query = sqlx::query(sql)
            .bind(expected.cast_signed())
            .bind(row.status)
            .bind(row.address)
            .bind(row.locale)
            .bind(row.password)
            .bind(row.generation)
            .bind(row.active_since)
            .bind(row.last_mail_due)
            .bind(row.last_mail_interval)
            .bind(row.last_mail_left)
            .bind(row.last_notice)
            .bind(row.expires)
            .bind(order.key.as_str());
        query.execute(&mut *transaction).await.map_err(not_done)?;
        match &order.mail {
            Some(MailChange::Owe(mail)) => {
                let queued = QueuedMail::new(order.key.clone(), mail.clone());
                enqueue(&mut transaction, Some(&queued)).await
            }
            Some(MailChange::Begin { mail, unknowns }) => {
                let mut queued = queued(&mut transaction, *mail).await?.ok_or(Fault::NotDone)?;
                queued.begin(*mail, *unknowns);
                update(&mut transaction, &queued, None).await
            }
            None => enqueue(&mut transaction, None).await,
        }
        .map_err(not_done)?;
        transaction.commit().await.map_err(unknown)?;
        Ok(Commit::Committed)
    }

    /// Leases the mails that are due. This process has the one worker, so a lease is only how long a mail rests
    /// whose delivery broke off.
    pub async fn due(&self) -> sqlx::Result<Vec<LeasedMail>> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        let rows: Vec<(Vec<u8>, String)> =
            sqlx::query_as("SELECT id, mail FROM outbox WHERE next <= ?1 ORDER BY next")
                .bind(micros(now()))
                .fetch_all(&mut *transaction)
                .await?;
        let mut due = Vec::new();
        for (id, json) in rows {
            let Ok(mut queued) = serde_json::from_str::<QueuedMail>(&json) else {
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

    /// Deletes what has expired: accounts that were never activated, and old dead letters.
    pub async fn purge(&self) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM users WHERE expires <= ?1").bind(micros(now())).execute(&self.0).await?;
        let old =
            now().as_micros().saturating_sub(u64::try_from(DEAD_LETTER_AGE.as_micros()).unwrap_or(u64::MAX));
        sqlx::query("DELETE FROM outbox WHERE died <= ?1").bind(old.cast_signed()).execute(&self.0).await?;
        Ok(())
    }
}

impl UserRow {
    fn of(row: &Row) -> Self {
        let (status, attempt, since) = match &row.status {
            Status::Vacant => ("vacant", None, None),
            Status::Pending(attempt) => ("pending", Some(attempt), None),
            Status::Active { attempt, since } => ("active", Some(attempt), Some(*since)),
        };
        Self {
            version: 0,
            status: status.to_owned(),
            address: attempt.map(|attempt| attempt.address.given().to_owned()),
            locale: attempt.map(|attempt| attempt.locale.as_str().to_owned()),
            password: attempt.map(|attempt| attempt.password.to_phc().expose().clone()),
            generation: attempt.map(|attempt| attempt.generation.as_bytes().to_vec()),
            active_since: since.map(micros),
            last_mail_due: row.last_mail.map(|last| micros(last.due)),
            last_mail_interval: row.last_mail.map(|last| span(last.interval)),
            last_mail_left: i64::from(row.last_mail.is_none_or(|last| last.left)),
            last_notice: row.last_notice.map(micros),
            expires: row.expires.map(micros),
        }
    }

    /// Returns none for what this module has not written.
    fn row(self) -> Option<Row> {
        let last_mail = self.last_mail_due.zip(self.last_mail_interval).map(|(due, interval)| LastMail {
            due: time(due),
            interval: Duration::from_micros(interval.unsigned_abs()),
            left: self.last_mail_left != 0,
        });
        let (last_notice, expires) = (self.last_notice.map(time), self.expires.map(time));
        let status = match (self.status.as_str(), self.active_since) {
            ("vacant", _) => Status::Vacant,
            ("pending", _) => Status::Pending(self.attempt()?),
            ("active", Some(since)) => Status::Active { attempt: self.attempt()?, since: time(since) },
            _ => return None,
        };
        Some(Row { status, last_mail, last_notice, expires })
    }

    fn attempt(self) -> Option<Attempt> {
        Some(Attempt {
            generation: Generation::from_bytes(self.generation?.try_into().ok()?),
            address: Address::parse(&self.address?).ok()?,
            locale: Locale::parse(&self.locale?).ok()?,
            // Not a fault: that would answer 503 for this address alone, and never end.
            password: PasswordRecord::from_phc(&self.password?).unwrap_or_else(|_| {
                tracing::error!("a stored password hash cannot be read; it never verifies");
                PasswordRecord::unusable()
            }),
        })
    }
}

/// Reads the row of an address and its mails.
async fn found(connection: &mut SqliteConnection, key: &AddressKey) -> Result<Found, Fault> {
    let row: Option<UserRow> = sqlx::query_as("SELECT * FROM users WHERE email = ?1")
        .bind(key.as_str())
        .fetch_optional(&mut *connection)
        .await
        .map_err(not_done)?;
    let row = match row.map(|row| Some((Version(row.version.unsigned_abs()), row.row()?))) {
        Some(None) => {
            tracing::error!("a user's row is damaged: restore it from a backup, or delete it");
            return Err(Fault::NotDone);
        }
        row => row.flatten(),
    };
    let mails: Vec<String> = sqlx::query_scalar("SELECT mail FROM outbox WHERE email = ?1 ORDER BY purpose")
        .bind(key.as_str())
        .fetch_all(connection)
        .await
        .map_err(not_done)?;
    let mails = mails.iter().filter_map(|json| serde_json::from_str::<QueuedMail>(json).ok());
    let now = now();
    Ok(Found { now, row, waiting: mails.filter_map(|queued| queued.waiting(now)).collect() })
}

/// Threat: a state that owes no mail would answer sooner. The statement runs in any case, and inserts nothing then.
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
    .bind(queued.map(json).transpose()?)
    .execute(connection)
    .await
    .map(drop)
}

async fn queued(connection: &mut SqliteConnection, id: MailId) -> Result<Option<QueuedMail>, Fault> {
    let json: Option<String> = sqlx::query_scalar("SELECT mail FROM outbox WHERE id = ?1")
        .bind(id.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(not_done)?;
    Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
}

/// Writes a mail back, or removes it; `dead` says why it was given up.
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
        .bind(json(queued)?)
        .bind(dead)
        .bind(dead.map(|_| micros(now())))
        .execute(connection)
        .await
        .map(drop)
}

fn json(queued: &QueuedMail) -> sqlx::Result<String> {
    serde_json::to_string(queued).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn not_done(error: sqlx::Error) -> Fault {
    tracing::warn!(%error, "the database failed; nothing has changed");
    Fault::NotDone
}

fn unknown(error: sqlx::Error) -> Fault {
    tracing::warn!(%error, "the database failed in the middle");
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

fn time(micros: i64) -> Time {
    Time::from_micros(micros.unsigned_abs())
}

fn span(duration: Duration) -> i64 {
    micros(Time::from_micros(0).after(duration))
}

#[cfg(test)]
mod tests;
