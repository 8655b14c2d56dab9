//! How rows of sessions become values of the core: the same columns in SQLite and MySQL.

use auth_core::{AccountId, FoundSession, Generation, Session, SessionHash, SessionId, Time, UserAgent};
use sqlx::{ColumnIndex, Decode, FromRow, Type};

use super::accounts_rows::{AccountRow, Damaged, key, row, sixteen, time};

/// The columns of a session in a query where it may be missing.
macro_rules! session_columns {
    () => {
        "s.session_id, s.account_id AS session_account, s.generation AS session_generation, s.created, s.proven,
            s.seen, s.expires AS session_expires, s.user_agent"
    };
}
pub(super) use session_columns;

row! {
    /// A session; without an id where there is none.
    SessionRow {
        session_id: Option<Vec<u8>>,
        session_account: Option<Vec<u8>>,
        session_generation: Option<Vec<u8>>,
        created: Option<i64>,
        proven: Option<i64>,
        seen: Option<i64>,
        session_expires: Option<i64>,
        user_agent: Option<String>,
    }
}

impl SessionRow {
    pub(super) fn session(self) -> Result<Option<Session>, Damaged> {
        let Some(id) = self.session_id else { return Ok(None) };
        let at = |micros: Option<i64>| micros.map(time).ok_or(Damaged("time of a session"));
        let account = sixteen(&self.session_account.unwrap_or_default(), "account of a session")?;
        let generation = sixteen(&self.session_generation.unwrap_or_default(), "generation of a session")?;
        Ok(Some(Session {
            id: SessionId::from_bytes(sixteen(&id, "session id")?),
            account: AccountId::from_bytes(account),
            generation: Generation::from_bytes(generation),
            created: at(self.created)?,
            proven: at(self.proven)?,
            seen: at(self.seen)?,
            expires: at(self.session_expires)?,
            agent: UserAgent::new(&self.user_agent.unwrap_or_default()),
        }))
    }
}

/// A session and the account that it is of.
pub(super) struct FoundSessionRow {
    session: SessionRow,
    address_key: Option<Vec<u8>>,
    account: AccountRow,
}

impl<'r, R: sqlx::Row> FromRow<'r, R> for FoundSessionRow
where
    SessionRow: FromRow<'r, R>,
    AccountRow: FromRow<'r, R>,
    &'static str: ColumnIndex<R>,
    Option<Vec<u8>>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let (session, account) = (SessionRow::from_row(row)?, AccountRow::from_row(row)?);
        Ok(Self { session, address_key: row.try_get("address_key")?, account })
    }
}

impl FoundSessionRow {
    pub(super) fn found(self, now: Time) -> Result<FoundSession, Damaged> {
        let account = match self.address_key {
            Some(bytes) => Some((key(&bytes)?, self.account.row()?)),
            None => None,
        };
        Ok(FoundSession { now, session: self.session.session()?, account })
    }
}

/// Returns the bytes to store of a session's token.
pub(super) fn token(hash: &SessionHash) -> &[u8] {
    hash.as_bytes()
}
