//! Owns the user table and the outbox, in SQLite.
//!
//! Errors tell what they leave behind: what failed before a commit has not happened, a commit that failed may have.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth_core::{
    Address, AddressKey, Attempt, Commit, CommitAccount, Fault, Found, Generation, LastMail, Lease,
    LeaseToken, LeasedMail, Locale, MailId, OwedMail, PasswordRecord, Purpose, Row, SettleMail, Settled,
    Settlement, Status, Time, Version,
};
use sqlx::{
    FromRow, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

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
    last_mail_distance: Option<i64>,
    last_notice: Option<i64>,
    expires: Option<i64>,
}

struct MailRow {
    email: String,
    purpose: i64,
    id: Vec<u8>,
    generation: Vec<u8>,
    locale: String,
    due: i64,
    attempts: i64,
    unknowns: i64,
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
            last_mail_distance: row.try_get("last_mail_distance")?,
            last_notice: row.try_get("last_notice")?,
            expires: row.try_get("expires")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for MailRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            email: row.try_get("email")?,
            purpose: row.try_get("purpose")?,
            id: row.try_get("id")?,
            generation: row.try_get("generation")?,
            locale: row.try_get("locale")?,
            due: row.try_get("due")?,
            attempts: row.try_get("attempts")?,
            unknowns: row.try_get("unknowns")?,
        })
    }
}

impl Users {
    pub async fn open(file: &str) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let patience = Duration::from_secs(3);
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(patience)
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
        let row: Option<UserRow> = sqlx::query_as("SELECT * FROM users WHERE email = ?1")
            .bind(key.as_str())
            .fetch_optional(&self.0)
            .await
            .map_err(not_done)?;
        let row = match row.map(|row| Some((Version(row.version.unsigned_abs()), row.row()?))) {
            Some(None) => {
                tracing::error!("a user's row is damaged: restore it from a backup, or delete it");
                return Err(Fault::NotDone);
            }
            row => row.flatten(),
        };
        let mail_waits: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE email = ?1 AND purpose = ?2 AND dead IS NULL)",
        )
        .bind(key.as_str())
        .bind(Purpose::Activation.number())
        .fetch_one(&self.0)
        .await
        .map_err(not_done)?;
        Ok(Found { now: now(), row, mail_waits })
    }

    pub async fn commit(&self, order: &CommitAccount) -> Result<Commit, Fault> {
        let row = UserRow::of(&order.row);
        let Version(expected) = order.expected;
        // Whatever reads and then writes begins IMMEDIATE: a deferred transaction fails under contention.
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await.map_err(not_done)?;
        let sql = if expected == 0 {
            "INSERT INTO users (version, status, address, locale, password, generation, active_since,
                last_mail_due, last_mail_distance, last_notice, expires, email)
             VALUES (?1 + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (email) DO NOTHING"
        } else {
            "UPDATE users SET version = ?1 + 1, status = ?2, address = ?3, locale = ?4, password = ?5,
                generation = ?6, active_since = ?7, last_mail_due = ?8, last_mail_distance = ?9,
                last_notice = ?10, expires = ?11
             WHERE email = ?12 AND version = ?1 AND generation IS ?13"
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
            .bind(row.last_mail_distance)
            .bind(row.last_notice)
            .bind(row.expires)
            .bind(order.key.as_str());
        let query = match expected {
            0 => query,
            _ => query.bind(order.generation.map(|generation| generation.as_bytes().to_vec())),
        };
        if query.execute(&mut *transaction).await.map_err(not_done)?.rows_affected() == 0 {
            return Ok(Commit::Conflict);
        }
        // Threat: a state that owes no mail would answer sooner. The statement runs in any case, and inserts nothing then.
        let mail = order.mail.as_ref();
        sqlx::query(
            "INSERT OR REPLACE INTO outbox (email, purpose, id, generation, locale, due, next)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6 WHERE ?3 IS NOT NULL",
        )
        .bind(order.key.as_str())
        .bind(mail.map(|mail| mail.purpose.number()))
        .bind(mail.map(|mail| mail.id.as_bytes().as_slice()))
        .bind(mail.map(|mail| mail.generation.as_bytes().as_slice()))
        .bind(mail.map(|mail| mail.locale.as_str()))
        .bind(mail.map(|mail| micros(mail.due)))
        .execute(&mut *transaction)
        .await
        .map_err(not_done)?;
        transaction.commit().await.map_err(unknown)?;
        Ok(Commit::Committed)
    }

    /// Takes the mails that are due. This process has the one worker, so a lease is only how long a mail rests
    /// whose delivery broke off.
    pub async fn due(&self) -> sqlx::Result<Vec<LeasedMail>> {
        let rows: Vec<MailRow> = sqlx::query_as(
            "UPDATE outbox SET attempts = attempts + 1, next = ?2 WHERE dead IS NULL AND next <= ?1
             RETURNING email, purpose, id, generation, locale, due, attempts, unknowns",
        )
        .bind(micros(now()))
        .bind(micros(now().after(LEASE)))
        .fetch_all(&self.0)
        .await?;
        let mut due = Vec::new();
        for row in rows {
            let id = row.id.clone();
            match row.leased() {
                Some(mail) => due.push(mail),
                None => {
                    tracing::error!("a mail's row is damaged; it is a dead letter now");
                    let bury = sqlx::query("UPDATE outbox SET dead = 'its row is damaged' WHERE id = ?1");
                    bury.bind(id).execute(&self.0).await?;
                }
            }
        }
        Ok(due)
    }

    pub async fn settle(&self, SettleMail { lease, settlement }: &SettleMail) -> Result<Settled, Fault> {
        let id = lease.mail.as_bytes().as_slice();
        let query = match settlement {
            Settlement::Begun { unknowns } => {
                sqlx::query("UPDATE outbox SET unknowns = ?2 WHERE id = ?1").bind(id).bind(unknowns)
            }
            Settlement::Sent | Settlement::Superseded => {
                sqlx::query("DELETE FROM outbox WHERE id = ?1").bind(id)
            }
            Settlement::Retry { after, unknowns, .. } => {
                sqlx::query("UPDATE outbox SET next = ?2, unknowns = ?3 WHERE id = ?1")
                    .bind(id)
                    .bind(micros(now().after(*after)))
                    .bind(unknowns)
            }
            Settlement::Dead { detail } => {
                sqlx::query("UPDATE outbox SET next = ?2, dead = ?3 WHERE id = ?1")
                    .bind(id)
                    .bind(micros(now()))
                    .bind(detail.as_str())
            }
        };
        let done = query.execute(&self.0).await.map_err(unknown)?;
        // A newer mail has another id.
        Ok(if done.rows_affected() == 0 { Settled::Lost } else { Settled::Settled })
    }

    /// Deletes what has expired: accounts that were never activated, and old dead letters.
    pub async fn purge(&self) -> sqlx::Result<()> {
        sqlx::query("DELETE FROM users WHERE expires <= ?1").bind(micros(now())).execute(&self.0).await?;
        sqlx::query("DELETE FROM outbox WHERE dead IS NOT NULL AND next + ?2 <= ?1")
            .bind(micros(now()))
            .bind(span(DEAD_LETTER_AGE))
            .execute(&self.0)
            .await?;
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
            last_mail_distance: row.last_mail.map(|last| span(last.distance)),
            last_notice: row.last_notice.map(micros),
            expires: row.expires.map(micros),
        }
    }

    /// Returns none for what this module has not written.
    fn row(self) -> Option<Row> {
        let last_mail = self.last_mail_due.zip(self.last_mail_distance).map(|(due, distance)| LastMail {
            due: time(due),
            distance: Duration::from_micros(distance.unsigned_abs()),
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

impl MailRow {
    fn leased(self) -> Option<LeasedMail> {
        let id = MailId::from_bytes(self.id.try_into().ok()?);
        Some(LeasedMail {
            lease: Lease { mail: id, token: LeaseToken::from_bytes([0; 16]) },
            key: AddressKey::parse(&self.email).ok()?,
            mail: OwedMail {
                id,
                purpose: Purpose::from_number(u8::try_from(self.purpose).ok()?)?,
                generation: Generation::from_bytes(self.generation.try_into().ok()?),
                locale: Locale::parse(&self.locale).ok()?,
                due: time(self.due),
            },
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            unknowns: u8::try_from(self.unknowns).unwrap_or(u8::MAX),
        })
    }
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
