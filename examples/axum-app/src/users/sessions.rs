//! The sessions of the club's members, beside the user table.

use auth_core::{
    AccountId, AddressKey, Fault, FindSession, FoundSession, PutSession, Row, Session, SessionChange,
    SessionHash, SessionStored, Stored,
};
use sqlx::SqliteConnection;

use super::{Users, micros, not_done, now, unknown};

impl Users {
    /// Reads a session and the user that it is of, at one moment. Here is only one database, which sessions are written
    /// to: never read them from a replica.
    pub async fn find_session(&self, order: &FindSession) -> Result<FoundSession, Fault> {
        let mut transaction = self.0.begin().await.map_err(not_done)?;
        let session = session(&mut transaction, &order.token).await?;
        let account = match &session {
            Some(session) => user(&mut transaction, session.account).await?,
            None => None,
        };
        Ok(FoundSession { now: now(), session, account })
    }

    /// Opens, touches or ends a session, in one transaction.
    pub async fn put_session(&self, order: &PutSession) -> Result<SessionStored, Fault> {
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await.map_err(not_done)?;
        let stored = put(&mut transaction, order).await?;
        // Dropped, the transaction is undone.
        if stored == SessionStored::Done {
            transaction.commit().await.map_err(unknown)?;
        }
        Ok(stored)
    }
}

async fn put(connection: &mut SqliteConnection, order: &PutSession) -> Result<SessionStored, Fault> {
    match &order.change {
        SessionChange::Open { session, replaces, newest } => {
            // The reply to an earlier order may have been lost.
            if self::session(connection, &order.token).await?.is_some() {
                return Ok(SessionStored::Done);
            }
            let user = user(connection, session.account).await?;
            // Threat: a login that a new password, a block or a deletion overtakes.
            if !user.is_some_and(|(_, row)| row.admits(session)) {
                return Ok(SessionStored::Gone);
            }
            if let Some(replaced) = replaces
                && end(connection, replaced).await? == SessionStored::Gone
            {
                return Ok(SessionStored::Gone);
            }
            write(connection, &order.token, session).await?;
            sqlx::query(
                "DELETE FROM sessions WHERE account = ?1 AND token NOT IN
                    (SELECT token FROM sessions WHERE account = ?1 ORDER BY created DESC, token LIMIT ?2)",
            )
            .bind(session.account.as_bytes().as_slice())
            .bind(*newest)
            .execute(connection)
            .await
            .map_err(not_done)?;
            Ok(SessionStored::Done)
        }
        SessionChange::Touch { seen, expires } => match session(connection, &order.token).await? {
            Some(mut session) if session.seen < *seen => {
                (session.seen, session.expires) = (*seen, *expires);
                write(connection, &order.token, &session).await?;
                Ok(SessionStored::Done)
            }
            Some(_) | None => Ok(SessionStored::Gone),
        },
        SessionChange::End => end(connection, &order.token).await,
    }
}

async fn session(connection: &mut SqliteConnection, token: &SessionHash) -> Result<Option<Session>, Fault> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT session FROM sessions WHERE token = ?1")
        .bind(token.as_bytes().as_slice())
        .fetch_optional(connection)
        .await
        .map_err(not_done)?;
    Ok(bytes.and_then(|bytes| Session::from_bytes(&bytes).ok()))
}

async fn user(
    connection: &mut SqliteConnection,
    account: AccountId,
) -> Result<Option<(AddressKey, Row)>, Fault> {
    let user: Option<(String, Vec<u8>)> =
        sqlx::query_as("SELECT email, account FROM users WHERE account_id = ?1")
            .bind(account.as_bytes().as_slice())
            .fetch_optional(connection)
            .await
            .map_err(not_done)?;
    let Some((email, bytes)) = user else { return Ok(None) };
    let (Ok(key), Ok(row)) = (AddressKey::parse(&email), Row::from_bytes(&bytes)) else {
        tracing::error!("a user's row is damaged: restore it from a backup, or delete it");
        return Err(Fault::NotDone);
    };
    Ok(Some((key, row)))
}

async fn write(
    connection: &mut SqliteConnection,
    token: &SessionHash,
    session: &Session,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT OR REPLACE INTO sessions (token, account, created, expires, session) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(token.as_bytes().as_slice())
    .bind(session.account.as_bytes().as_slice())
    .bind(micros(session.created))
    .bind(micros(session.expires))
    .bind(session.to_bytes().expose().as_slice())
    .execute(connection)
    .await
    .map(drop)
    .map_err(not_done)
}

async fn end(connection: &mut SqliteConnection, token: &SessionHash) -> Result<SessionStored, Fault> {
    let ended = sqlx::query("DELETE FROM sessions WHERE token = ?1")
        .bind(token.as_bytes().as_slice())
        .execute(connection)
        .await
        .map_err(not_done)?;
    Ok(if ended.rows_affected() > 0 { SessionStored::Done } else { SessionStored::Gone })
}
