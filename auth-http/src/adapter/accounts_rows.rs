//! How rows of a database become values of the core, and back: the same columns in SQLite and MySQL.

use std::time::Duration;

use auth_core::{
    AccountId, Address, AddressKey, Attempt, Found, Generation, LastMail, Lease, LeaseToken, LeasedMail,
    Locale, MailId, Moving, OwedMail, PasswordRecord, Purpose, Row, Status, Time, Version, WaitingMail,
    WaitingState,
};
use sqlx::{ColumnIndex, Decode, FromRow, Type};

use crate::port::{OutboxMail, OutboxState};

/// A stored row that this module did not write.
#[derive(Debug, thiserror::Error)]
#[error("the stored {0} is damaged; restore it from a backup or delete the row")]
pub(super) struct Damaged(pub(super) &'static str);

/// The columns of an account in a query where it may be missing.
macro_rules! account_columns {
    () => {
        "COALESCE(a.version, 0) AS version, COALESCE(a.status, 0) AS status, a.address, a.locale, a.password,
            a.generation, a.active_since, a.account_id, COALESCE(a.blocked, 0) AS blocked, a.moving_address,
            a.moving_generation, a.moving_until, a.last_mail_due, a.last_mail_distance,
            COALESCE(a.last_mail_left, 1) AS last_mail_left, a.last_notice, a.expires"
    };
}
pub(super) use account_columns;

/// The columns of a waiting mail, of the outbox as `o`.
macro_rules! waiting_columns {
    () => {
        "o.purpose AS waiting_purpose, o.mail_id AS waiting_id, o.generation AS waiting_generation,
            o.next_at AS waiting_next, o.lease AS waiting_lease"
    };
}
pub(super) use waiting_columns;

/// The columns of a listed mail, of the outbox as `o` and its account as `a`. A change of address (purpose 6) goes to the
/// new one.
macro_rules! listed_columns {
    () => {
        "o.address_key, o.purpose, o.mail_id, o.attempts, o.next_at, o.lease, o.dead_since, o.last_error,
            CASE o.purpose WHEN 6 THEN a.moving_address ELSE COALESCE(o.recipient, a.address) END AS address"
    };
}
pub(super) use listed_columns;

/// A row with columns of these names, from either database.
///
/// By hand, since sqlx' derive builds the drivers of every database a second time, for the compiler.
macro_rules! row {
    ($(#[$meta:meta])* $name:ident { $($column:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        pub(super) struct $name { $(pub(super) $column: $type,)+ }

        impl<'r, R: sqlx::Row> FromRow<'r, R> for $name
        where
            &'static str: ColumnIndex<R>,
            $($type: Decode<'r, R::Database> + Type<R::Database>,)+
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                Ok(Self { $($column: row.try_get(stringify!($column))?,)+ })
            }
        }
    };
}
pub(super) use row;

row! {
    #[derive(Default)]
    AccountRow {
        version: i64,
        status: i64,
        address: Option<String>,
        locale: Option<String>,
        password: Option<String>,
        generation: Option<Vec<u8>>,
        active_since: Option<i64>,
        account_id: Option<Vec<u8>>,
        blocked: i64,
        moving_address: Option<String>,
        moving_generation: Option<Vec<u8>>,
        moving_until: Option<i64>,
        last_mail_due: Option<i64>,
        last_mail_distance: Option<i64>,
        last_mail_left: i64,
        last_notice: Option<i64>,
        expires: Option<i64>,
    }
}

impl AccountRow {
    pub(super) fn new(row: &Row) -> Self {
        let (status, attempt) = match &row.status {
            Status::Vacant => (0, None),
            Status::Pending(attempt) => (1, Some(attempt)),
            Status::Active { attempt, .. } => (2, Some(attempt)),
        };
        let active = match &row.status {
            Status::Active { id, since, blocked, moving, .. } => Self {
                active_since: Some(micros(*since)),
                account_id: Some(id.as_bytes().to_vec()),
                blocked: i64::from(*blocked),
                moving_address: moving.as_ref().map(|moving| moving.address.given().to_owned()),
                moving_generation: moving.as_ref().map(|moving| moving.generation.as_bytes().to_vec()),
                moving_until: moving.as_ref().map(|moving| micros(moving.until)),
                ..Self::default()
            },
            Status::Vacant | Status::Pending(_) => Self::default(),
        };
        Self {
            status,
            address: attempt.map(|a| a.address.given().to_owned()),
            locale: attempt.map(|a| a.locale.as_str().to_owned()),
            password: attempt.map(|a| a.password.to_phc().expose().clone()),
            generation: attempt.map(|a| a.generation.as_bytes().to_vec()),
            last_mail_due: row.last_mail.map(|mail| micros(mail.due)),
            last_mail_distance: row.last_mail.map(|mail| span(mail.interval)),
            last_mail_left: i64::from(row.last_mail.is_none_or(|mail| mail.left)),
            last_notice: row.last_notice.map(micros),
            expires: row.expires.map(micros),
            ..active
        }
    }

    pub(super) fn row(self) -> Result<Row, Damaged> {
        let last_mail = self.last_mail_due.zip(self.last_mail_distance);
        let (left, last_notice, expires) = (self.last_mail_left != 0, self.last_notice, self.expires);
        Ok(Row {
            last_mail: last_mail.map(|(due, interval)| LastMail {
                due: time(due),
                interval: Duration::from_micros(interval.unsigned_abs()),
                left,
            }),
            last_notice: last_notice.map(time),
            expires: expires.map(time),
            status: match (self.status, self.active_since) {
                (0, _) => Status::Vacant,
                (1, _) => Status::Pending(self.attempt()?),
                (2, Some(since)) => self.active(time(since))?,
                _ => return Err(Damaged("status")),
            },
        })
    }

    fn active(self, since: Time) -> Result<Status, Damaged> {
        let moving = match (&self.moving_address, &self.moving_generation, self.moving_until) {
            (Some(given), Some(generation), Some(until)) => Some(Moving {
                address: Address::parse(given).map_err(|_| Damaged("new address"))?,
                generation: Generation::from_bytes(sixteen(generation, "new generation")?),
                until: time(until),
            }),
            _ => None,
        };
        // A version without ids has activated it: the MySQL adapter fills in what this stands for.
        let id = self.account_id.as_ref().or(self.generation.as_ref()).ok_or(Damaged("account id"))?;
        let (id, blocked) = (AccountId::from_bytes(sixteen(id, "account id")?), self.blocked != 0);
        Ok(Status::Active { attempt: self.attempt()?, id, since, blocked, moving })
    }

    fn attempt(self) -> Result<Attempt, Damaged> {
        let parse = |text: Option<String>, what| text.ok_or(Damaged(what));
        let password = parse(self.password, "password hash")?;
        Ok(Attempt {
            generation: Generation::from_bytes(sixteen(&self.generation.unwrap_or_default(), "generation")?),
            address: Address::parse(&parse(self.address, "address")?).map_err(|_| Damaged("address"))?,
            locale: Locale::parse(&parse(self.locale, "locale")?).map_err(|_| Damaged("locale"))?,
            password: PasswordRecord::from_phc(&password).unwrap_or_else(|_| {
                tracing::error!("a stored password hash cannot be read; it never verifies");
                PasswordRecord::unusable()
            }),
        })
    }
}

row! {
    /// A mail of an address that is not dead; without a purpose where there is none.
    WaitingRow {
        waiting_purpose: Option<i64>,
        waiting_id: Option<Vec<u8>>,
        waiting_generation: Option<Vec<u8>>,
        waiting_next: Option<i64>,
        waiting_lease: Option<Vec<u8>>,
    }
}

impl WaitingRow {
    /// Returns the mails as they stand at a time. A damaged one waits for nobody: a worker puts it aside.
    pub(super) fn mails(rows: Vec<Self>, now: Time) -> Vec<WaitingMail> {
        rows.into_iter().filter_map(|row| row.mail(now)).collect()
    }

    fn mail(self, now: Time) -> Option<WaitingMail> {
        let purpose = purpose(self.waiting_purpose?).ok()?;
        let id = MailId::from_bytes(self.waiting_id?.try_into().ok()?);
        let generation = Generation::from_bytes(self.waiting_generation?.try_into().ok()?);
        let next = time(self.waiting_next?);
        let state = match self.waiting_lease {
            Some(token) if now < next => {
                WaitingState::Held { token: LeaseToken::from_bytes(token.try_into().ok()?) }
            }
            Some(_) | None => WaitingState::Free { next },
        };
        Some(WaitingMail { id, purpose, generation, state })
    }
}

/// An account's row, of version 0 where there is none, once for each of its mails.
pub(super) struct FoundRow {
    account: AccountRow,
    mail: WaitingRow,
}

impl FoundRow {
    /// Returns whether a version without ids has activated the account.
    #[cfg(feature = "mysql")]
    pub(super) const fn lacks_id(&self) -> bool {
        self.account.status == 2 && self.account.account_id.is_none()
    }
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for FoundRow
where
    AccountRow: FromRow<'r, R>,
    WaitingRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self { account: AccountRow::from_row(row)?, mail: WaitingRow::from_row(row)? })
    }
}

impl FoundRow {
    pub(super) fn found(rows: Vec<Self>, now: Time) -> Result<Found, Damaged> {
        let (mut accounts, mails): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|row| (row.account, row.mail)).unzip();
        let stored = accounts.pop().filter(|account| account.version > 0);
        let row = stored.map(|row| Ok((Version(row.version.unsigned_abs()), row.row()?))).transpose()?;
        Ok(Found { now, row, waiting: WaitingRow::mails(mails, now) })
    }
}

/// An account's row under its key, as an operator's commands read it.
pub(super) struct KeyedRow {
    address_key: Vec<u8>,
    account: AccountRow,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for KeyedRow
where
    AccountRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self { address_key: row.try_get("address_key")?, account: AccountRow::from_row(row)? })
    }
}

impl KeyedRow {
    /// Returns the rows that can be read; the log tells of the others, and one damaged row hides no other.
    ///
    /// # Errors
    /// [`Damaged`] if none can be read though there are some: an empty page would be the end of the list.
    pub(super) fn listed(rows: Vec<Self>) -> Result<Vec<(AddressKey, Row)>, Damaged> {
        let (mut read, mut unread) = (Vec::with_capacity(rows.len()), None);
        for row in rows {
            match row.keyed() {
                Ok(row) => read.push(row),
                Err(error) => {
                    tracing::error!(%error, "an account cannot be listed");
                    unread = Some(error);
                }
            }
        }
        unread.filter(|_| read.is_empty()).map_or(Ok(read), Err)
    }

    pub(super) fn keyed(self) -> Result<(AddressKey, Row), Damaged> {
        Ok((key(&self.address_key)?, self.account.row()?))
    }
}

row! {
    MailRow {
        address_key: Vec<u8>,
        purpose: i64,
        mail_id: Vec<u8>,
        generation: Vec<u8>,
        locale: String,
        recipient: Option<String>,
        due: i64,
        attempts: i64,
        unknowns: i64,
    }
}

impl MailRow {
    pub(super) fn leased(self, token: LeaseToken) -> Result<LeasedMail, Damaged> {
        let id = MailId::from_bytes(sixteen(&self.mail_id, "mail id")?);
        Ok(LeasedMail {
            lease: Lease { mail: id, token },
            key: key(&self.address_key)?,
            mail: OwedMail {
                id,
                purpose: purpose(self.purpose)?,
                generation: Generation::from_bytes(sixteen(&self.generation, "generation")?),
                locale: Locale::parse(&self.locale).map_err(|_| Damaged("locale"))?,
                first_due: time(self.due),
                to: self
                    .recipient
                    .map(|given| Address::parse(&given).map_err(|_| Damaged("recipient")))
                    .transpose()?,
            },
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            unknowns: u8::try_from(self.unknowns).unwrap_or(u8::MAX),
        })
    }
}

row! {
    /// A mail as the operator's list has it.
    ListedRow {
        address_key: Vec<u8>,
        purpose: i64,
        mail_id: Vec<u8>,
        attempts: i64,
        next_at: i64,
        lease: Option<Vec<u8>>,
        dead_since: Option<i64>,
        last_error: Option<String>,
        address: Option<String>,
    }
}

impl ListedRow {
    /// Returns none for a damaged row, which the log tells of: the others are listed all the same.
    pub(super) fn listed(self, now: Time) -> Option<OutboxMail> {
        self.parsed(now).inspect_err(|error| tracing::error!(%error, "a mail cannot be listed")).ok()
    }

    fn parsed(self, now: Time) -> Result<OutboxMail, Damaged> {
        let next_at = time(self.next_at);
        Ok(OutboxMail {
            id: MailId::from_bytes(sixteen(&self.mail_id, "mail id")?),
            to: self.address.and_then(|given| Address::parse(&given).ok()),
            key: key(&self.address_key)?,
            purpose: purpose(self.purpose)?,
            state: match (self.dead_since, self.lease) {
                (Some(_), _) => OutboxState::Dead,
                (None, Some(_)) if next_at > now => OutboxState::Leased,
                (None, _) => OutboxState::Waiting,
            },
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            next_at,
            last_error: self.last_error,
        })
    }
}

fn purpose(number: i64) -> Result<Purpose, Damaged> {
    u8::try_from(number).ok().and_then(Purpose::from_number).ok_or(Damaged("purpose"))
}

pub(super) fn key(bytes: &[u8]) -> Result<AddressKey, Damaged> {
    let text = str::from_utf8(bytes).map_err(|_| Damaged("address key"))?;
    AddressKey::parse(text).map_err(|_| Damaged("address key"))
}

pub(super) fn sixteen(bytes: &[u8], what: &'static str) -> Result<[u8; 16], Damaged> {
    bytes.try_into().map_err(|_| Damaged(what))
}

pub(super) fn micros(time: Time) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn time(micros: i64) -> Time {
    Time::from_micros(micros.unsigned_abs())
}

pub(super) fn span(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
