//! The sessions' part of the SQLite adapter.

use std::collections::HashMap;

use async_trait::async_trait;
use auth_core::{
    AccountId, FoundSession, PutSession, Session, SessionChange, SessionHash, SessionId, SessionStored, Time,
};
use sqlx::{FromRow, Row, Sqlite, Transaction, sqlite::SqliteRow};
use tokio::time::timeout_at;

use super::{
    accounts_rows::{account_columns, micros},
    accounts_rows_commits::safe,
    accounts_rows_sessions::{FoundSessionRow, SessionRow, session_columns, token},
    accounts_sqlite::{AccountsSqlite, in_a_call},
    together::{Batch, Call, ENDED, fail, padded},
};
use crate::port::{PortError, Result, Sessions};

#[async_trait]
impl Sessions for AccountsSqlite {
    async fn find_session(&self, hash: &SessionHash) -> Result<FoundSession> {
        let this = self.clone();
        let carry_out = move |batch| this.clone().find_session_batch(batch);
        let found = self.sessions.call(*hash, in_a_call(), |hash| hash, carry_out).await;
        found.unwrap_or_else(|| Err(PortError::not_done(FIND, ENDED)))
    }

    async fn put_session(&self, order: &PutSession) -> Result<SessionStored> {
        const OPERATION: &str = "put a session";
        let not_done = |e| PortError::not_done(OPERATION, e);
        // Threat: made-up tokens, each of which takes the one lock that all writes wait for.
        if !matches!(order.change, SessionChange::Open { .. }) {
            let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM sessions WHERE token = ?1")
                .bind(token(&order.token))
                .fetch_optional(&self.pool)
                .await
                .map_err(not_done)?;
            if there.is_none() {
                return Ok(SessionStored::Gone);
            }
        }
        let mut transaction = self.begin(OPERATION, in_a_call()).await?;
        let stored = put(&mut transaction, order).await.map_err(not_done)?;
        // Dropped, the transaction is undone; then nothing was to be done.
        if stored == SessionStored::Done {
            self.end(OPERATION, transaction).await?;
        }
        Ok(stored)
    }

    async fn sessions(&self, account: AccountId) -> Result<(Time, Vec<Session>)> {
        const OPERATION: &str = "list sessions";
        let rows: Vec<SessionRow> = sqlx::query_as(concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions s WHERE s.account_id = ?1 ORDER BY s.created DESC, s.token",
        ))
        .bind(account.as_bytes().as_slice())
        .fetch_all(&self.pool)
        .await
        .map_err(|e| PortError::not_done(OPERATION, e))?;
        let sessions: std::result::Result<Vec<_>, _> = rows.into_iter().map(SessionRow::session).collect();
        let sessions = sessions.map_err(|e| PortError::not_done(OPERATION, e))?;
        Ok((self.now(), sessions.into_iter().flatten().collect()))
    }

    async fn end_session(&self, account: AccountId, id: SessionId) -> Result<bool> {
        const OPERATION: &str = "end a session";
        let mut writer = self.lend(OPERATION, in_a_call()).await?;
        sqlx::query("DELETE FROM sessions WHERE account_id = ?1 AND session_id = ?2")
            .bind(account.as_bytes().as_slice())
            .bind(id.as_bytes().as_slice())
            .execute(&mut *writer)
            .await
            .map(|done| done.rows_affected() > 0)
            .map_err(|e| PortError::unknown(OPERATION, e))
    }
}

/// What reading a session is called in logs.
const FIND: &str = "find a session";

struct FoundAsked {
    token: Vec<u8>,
    found: FoundSessionRow,
}

impl FromRow<'_, SqliteRow> for FoundAsked {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { token: row.try_get("asked")?, found: FoundSessionRow::from_row(row)? })
    }
}

impl AccountsSqlite {
    /// Reads a batch of sessions in one query, and replies to each: handing a query to the thread of its connection and
    /// back takes longer than the query itself.
    async fn find_session_batch(self, calls: Vec<Call<SessionHash, Result<FoundSession>>>) {
        let Batch { orders: hashes, replies, until } = Batch::begin(calls, FIND);
        let rows = match timeout_at(until, self.find_sessions(&hashes)).await {
            Ok(Ok(rows)) => rows,
            Err(_) => return fail(replies, &PortError::not_done(FIND, "no answer in time")),
            Ok(Err(error)) => return fail(replies, &PortError::not_done(FIND, error)),
        };
        let now = self.now();
        let mut found: HashMap<Vec<u8>, FoundSessionRow> =
            rows.into_iter().map(|row| (row.token, row.found)).collect();
        for (hash, reply) in hashes.iter().zip(replies) {
            // Threat: one visitor gets another's session. Answers are matched by their tokens, never by their order.
            let found = match found.remove(token(hash)) {
                Some(row) => row.found(now).map_err(|damaged| PortError::not_done(FIND, damaged)),
                None => Err(PortError::not_done(FIND, "SQLite returned no row for a token")),
            };
            drop(reply.send(found));
        }
    }

    /// Reads sessions with their accounts: one row for each token.
    async fn find_sessions(&self, hashes: &[SessionHash]) -> sqlx::Result<Vec<FoundAsked>> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        // UNION, not UNION ALL: the last token is repeated.
        let sql = format!(
            "SELECT t.token AS asked, {}, a.address_key, {} FROM (SELECT ? AS token{}) t
                LEFT JOIN sessions s ON s.token = t.token
                LEFT JOIN accounts a ON a.account_id = s.account_id",
            session_columns!(),
            account_columns!(),
            " UNION SELECT ?".repeat(hashes.len().next_power_of_two() - 1),
        );
        let query = padded(hashes).fold(sqlx::query_as(safe(sql)), |query, hash| query.bind(token(hash)));
        query.fetch_all(&self.pool).await
    }
}

async fn put(transaction: &mut Transaction<'_, Sqlite>, order: &PutSession) -> sqlx::Result<SessionStored> {
    let changed = match &order.change {
        SessionChange::Open { session, replaces, newest } => {
            return open(transaction, &order.token, session, replaces.as_ref(), *newest).await;
        }
        SessionChange::Touch { seen, expires } => {
            sqlx::query("UPDATE sessions SET seen = ?2, expires = ?3 WHERE token = ?1 AND seen < ?2")
                .bind(token(&order.token))
                .bind(micros(*seen))
                .bind(micros(*expires))
                .execute(&mut **transaction)
                .await?
        }
        SessionChange::End => {
            sqlx::query("DELETE FROM sessions WHERE token = ?1")
                .bind(token(&order.token))
                .execute(&mut **transaction)
                .await?
        }
    };
    Ok(if changed.rows_affected() > 0 { SessionStored::Done } else { SessionStored::Gone })
}

async fn open(
    transaction: &mut Transaction<'_, Sqlite>,
    hash: &SessionHash,
    session: &Session,
    replaces: Option<&SessionHash>,
    newest: u16,
) -> sqlx::Result<SessionStored> {
    let inserted = sqlx::query(
        "INSERT INTO sessions (token, session_id, account_id, generation, created, proven, seen, expires, user_agent)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM accounts
         WHERE account_id = ?3 AND generation = ?4 AND status = 2 AND blocked = 0
         ON CONFLICT (token) DO NOTHING",
    )
    .bind(token(hash))
    .bind(session.id.as_bytes().as_slice())
    .bind(session.account.as_bytes().as_slice())
    .bind(session.generation.as_bytes().as_slice())
    .bind(micros(session.created))
    .bind(micros(session.proven))
    .bind(micros(session.seen))
    .bind(micros(session.expires))
    .bind(session.agent.as_str())
    .execute(&mut **transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        // Carried out before, it is done; or its account is not there.
        let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM sessions WHERE token = ?1")
            .bind(token(hash))
            .fetch_optional(&mut **transaction)
            .await?;
        return Ok(if there.is_some() { SessionStored::Done } else { SessionStored::Gone });
    }
    if let Some(replaced) = replaces {
        let deleted = sqlx::query("DELETE FROM sessions WHERE token = ?1")
            .bind(token(replaced))
            .execute(&mut **transaction)
            .await?;
        if deleted.rows_affected() == 0 {
            return Ok(SessionStored::Gone);
        }
    }
    sqlx::query(
        "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE account_id = ?1
            ORDER BY created DESC, token LIMIT -1 OFFSET ?2)",
    )
    .bind(session.account.as_bytes().as_slice())
    .bind(i64::from(newest))
    .execute(&mut **transaction)
    .await?;
    Ok(SessionStored::Done)
}
