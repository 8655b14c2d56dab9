//! What a commit compares and writes, the same in SQLite and MySQL.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use auth_core::{Change, MailChange, OwedMail, Time, Version, WaitingMail};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Type};

use super::accounts_rows::WaitingRow;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    Fits,
    Conflict,
    /// Not decided in company: another transaction has the row.
    #[cfg(feature = "mysql")]
    Alone,
}

/// Version and generation of a row.
type Account = (i64, Option<Vec<u8>>);

/// What is stored of an address: a row once for each of its mails.
pub(super) struct StoredRow {
    key: Vec<u8>,
    account: Option<Account>,
    waiting: WaitingRow,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for StoredRow
where
    WaitingRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let (version, generation): (Option<i64>, _) = (row.try_get("version")?, row.try_get("generation")?);
        Ok(Self {
            key: row.try_get("address_key")?,
            account: version.map(|version| (version, generation)),
            waiting: WaitingRow::from_row(row)?,
        })
    }
}

/// Compares what is stored with what the changes depend on. `absent` is said of a change whose row or mails are not
/// there.
pub(super) fn decide(rows: Vec<StoredRow>, changes: &[Change], now: Time, absent: Decided) -> Vec<Decided> {
    let mut stored: HashMap<Vec<u8>, (Option<Account>, Vec<WaitingRow>)> = HashMap::new();
    for row in rows {
        let (account, waiting) = stored.entry(row.key).or_default();
        *account = row.account;
        waiting.push(row.waiting);
    }
    let decide = |change: &Change| {
        let (account, waiting) = stored.remove(change.key.as_str().as_bytes()).unwrap_or_default();
        let expected = expected(change);
        let generation = change.generation.map(|generation| generation.as_bytes().to_vec());
        let mails: Vec<WaitingMail> = WaitingRow::mails(waiting, now);
        match account {
            _ if now > change.until => Decided::Conflict,
            Some(stored) if stored != (expected, generation) => Decided::Conflict,
            None if expected != 0 => absent,
            Some(_) | None if mails == change.waiting => Decided::Fits,
            Some(_) | None => absent,
        }
    };
    changes.iter().map(decide).collect()
}

/// Returns the version that a row must have: 0 for none.
pub(super) fn expected(change: &Change) -> i64 {
    let Version(expected) = change.expected;
    i64::try_from(expected).unwrap_or(i64::MAX)
}

/// The columns of an account.
pub(super) const ACCOUNT_COLUMNS: &str = "accounts (address_key, version, status, address, locale, password,
    generation, active_since, account_id, blocked, moving_address, moving_generation, moving_until, last_mail_due,
    last_mail_distance, last_mail_left, last_notice, expires)";

/// What `bind_account` binds.
pub(super) const ACCOUNT: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Binds the row of a change, for either database.
macro_rules! bind_account {
    ($query:expr, $change:expr) => {{
        let (change, row) = ($change, $crate::adapter::accounts_rows::AccountRow::new(&$change.row));
        $query
            .bind(change.key.as_str().as_bytes())
            .bind($crate::adapter::accounts_rows_commits::expected(change).saturating_add(1))
            .bind(row.status)
            .bind(row.address)
            .bind(row.locale)
            .bind(row.password)
            .bind(row.generation)
            .bind(row.active_since)
            .bind(row.account_id)
            .bind(row.blocked)
            .bind(row.moving_address)
            .bind(row.moving_generation)
            .bind(row.moving_until)
            .bind(row.last_mail_due)
            .bind(row.last_mail_distance)
            .bind(row.last_mail_left)
            .bind(row.last_notice)
            .bind(row.expires)
    }};
}
pub(super) use bind_account;

/// The columns of a mail.
pub(super) const MAIL_COLUMNS: &str =
    "outbox (address_key, purpose, mail_id, generation, locale, recipient, due, next_at)";

/// What `bind_mail` binds.
pub(super) const MAIL: &str = "(?, ?, ?, ?, ?, ?, ?, ?)";

/// Binds a mail that a change owes, for either database.
macro_rules! bind_mail {
    ($query:expr, $change:expr, $mail:expr) => {{
        let (change, mail) = ($change, $mail);
        $query
            .bind(change.key.as_str().as_bytes())
            .bind(i64::from(mail.purpose.number()))
            .bind(mail.id.as_bytes().as_slice())
            .bind(mail.generation.as_bytes().as_slice())
            .bind(mail.locale.as_str())
            .bind(mail.to.as_ref().map(auth_core::Address::given))
            .bind($crate::adapter::accounts_rows::micros(mail.first_due))
            .bind($crate::adapter::accounts_rows::micros(mail.first_due))
    }};
}
pub(super) use bind_mail;

/// The mails of changes.
#[derive(Default)]
pub(super) struct Mails<'a> {
    /// What is owed, and by which change.
    pub(super) owed: Vec<(&'a Change, &'a OwedMail)>,
    /// What is about to leave, by how often its fate was unknown.
    pub(super) begun: BTreeMap<u8, Vec<&'a [u8]>>,
    /// Whether a change has no mails, and none is owed. Threat: a state that owes none would answer sooner, so a
    /// statement runs in any case, which writes nothing then.
    pub(super) idle: bool,
}

impl<'a> Mails<'a> {
    pub(super) fn of(changes: &[&'a Change]) -> Self {
        let mut mails = Self::default();
        for change in changes {
            mails.idle |= change.mails.is_empty();
            for mail in &change.mails {
                match mail {
                    MailChange::Owe(mail) => mails.owed.push((change, mail)),
                    MailChange::Begin { mail, unknowns } => {
                        mails.begun.entry(*unknowns).or_default().push(mail.as_bytes().as_slice());
                    }
                }
            }
        }
        mails.idle &= mails.owed.is_empty();
        mails
    }
}

/// Returns parts whose lengths are powers of two, so that few texts are prepared.
pub(super) fn powers_of_two<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
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
