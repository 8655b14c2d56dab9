//! The sessions' part of the MySQL adapter.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use auth_core::{
    AccountId, FoundSession, PutSession, Session, SessionChange, SessionHash, SessionId, SessionStored, Time,
};
use sqlx::{
    FromRow, MySql, MySqlConnection, Row,
    mysql::{MySqlArguments, MySqlRow},
    query::Query,
};
use tokio::time::Instant;

use super::{
    accounts_mysql::{AccountsMysql, now},
    accounts_mysql_connections::{carry_out, carry_out_until, in_a_call, in_time},
    accounts_rows::{account_columns, micros, time},
    accounts_rows_commits::{marks, safe},
    accounts_rows_sessions::{FoundSessionRow, SessionRow, session_columns, token},
    together::{Batch, Call, ENDED, fail, padded},
};
use crate::port::{PortError, Result, Sessions};

/// What reading a session is called in logs.
const FIND: &str = "find a session";
/// What writing one is called there.
const PUT: &str = "put a session";

struct FoundNow {
    clock: i64,
    token: Vec<u8>,
    found: FoundSessionRow,
}

impl FromRow<'_, MySqlRow> for FoundNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        let (clock, token) = (row.try_get("clock")?, row.try_get("asked")?);
        Ok(Self { clock, token, found: FoundSessionRow::from_row(row)? })
    }
}

struct ListedNow {
    clock: i64,
    session: SessionRow,
}

impl FromRow<'_, MySqlRow> for ListedNow {
    fn from_row(row: &MySqlRow) -> sqlx::Result<Self> {
        Ok(Self { clock: row.try_get("clock")?, session: SessionRow::from_row(row)? })
    }
}

#[async_trait]
impl Sessions for AccountsMysql {
    async fn find_session(&self, hash: &SessionHash) -> Result<FoundSession> {
        let this = self.clone();
        let carry_out = move |batch| this.clone().find_session_batch(batch);
        let found = self.sessions.call(*hash, in_a_call(), |hash| hash, carry_out).await;
        found.unwrap_or_else(|| Err(PortError::not_done(FIND, ENDED)))
    }

    async fn put_session(&self, order: &PutSession) -> Result<SessionStored> {
        let hash = &order.token;
        match &order.change {
            SessionChange::Open { session, replaces, newest } => {
                carry_out(PUT, |until| async move {
                    let mut lent = self.connections.lend(until).await?;
                    let done = in_time(until, async {
                        lent.begin().await?;
                        let opened = open(&mut lent.connection, hash, session, replaces.as_ref(), *newest);
                        let stored = opened.await?;
                        Ok((stored, stored == SessionStored::Done))
                    });
                    let done = done.await;
                    lent.commit(done).await
                })
                .await
            }
            SessionChange::Touch { seen, expires } => {
                self.change_one(|| {
                    sqlx::query("UPDATE sessions SET seen = ?, expires = ? WHERE token = ? AND seen < ?")
                        .bind(micros(*seen))
                        .bind(micros(*expires))
                        .bind(token(hash))
                        .bind(micros(*seen))
                })
                .await
            }
            SessionChange::End => {
                self.change_one(|| sqlx::query("DELETE FROM sessions WHERE token = ?").bind(token(hash)))
                    .await
            }
        }
    }

    async fn sessions(&self, account: AccountId) -> Result<(Time, Vec<Session>)> {
        const OPERATION: &str = "list sessions";
        let rows = carry_out(OPERATION, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(concat!(
                "SELECT n.clock, ",
                session_columns!(),
                " FROM (SELECT ",
                now!(),
                " AS clock) n LEFT JOIN sessions s ON s.account_id = ? ORDER BY s.created DESC, s.token",
            ))
            .bind(self.after(Duration::ZERO))
            .bind(account.as_bytes().as_slice());
            let rows = in_time(until, query.fetch_all(&mut lent.connection)).await;
            lent.read(rows)
        });
        let rows: Vec<ListedNow> = rows.await?;
        let clock = time(rows.first().map_or(0, |row| row.clock));
        let sessions: std::result::Result<Vec<_>, _> =
            rows.into_iter().map(|row| row.session.session()).collect();
        let sessions = sessions.map_err(|e| PortError::not_done(OPERATION, e))?;
        Ok((clock, sessions.into_iter().flatten().collect()))
    }

    async fn end_session(&self, account: AccountId, id: SessionId) -> Result<bool> {
        let ended = carry_out("end a session", |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query("DELETE FROM sessions WHERE account_id = ? AND session_id = ?")
                .bind(account.as_bytes().as_slice())
                .bind(id.as_bytes().as_slice());
            let done = in_time(until, query.execute(&mut lent.connection)).await;
            lent.wrote(done)
        });
        Ok(ended.await?.rows_affected() > 0)
    }
}

impl AccountsMysql {
    /// Carries out one statement, which commits by itself, on one session.
    async fn change_one<'q>(
        &self,
        query: impl Fn() -> Query<'q, MySql, MySqlArguments>,
    ) -> Result<SessionStored> {
        let query = &query;
        let changed = carry_out(PUT, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let done = in_time(until, query().execute(&mut lent.connection)).await;
            lent.wrote(done)
        });
        Ok(if changed.await?.rows_affected() > 0 { SessionStored::Done } else { SessionStored::Gone })
    }

    /// Reads a batch of sessions, and replies to each.
    async fn find_session_batch(self, calls: Vec<Call<SessionHash, Result<FoundSession>>>) {
        let Batch { orders: hashes, replies, until } = Batch::begin(calls, FIND);
        let rows = match self.find_sessions(&hashes, until).await {
            Ok(rows) => rows,
            Err(error) => return fail(replies, &error),
        };
        let mut found: HashMap<Vec<u8>, FoundNow> =
            rows.into_iter().map(|row| (row.token.clone(), row)).collect();
        for (hash, reply) in hashes.iter().zip(replies) {
            // Threat: one visitor gets another's session. Answers are matched by their tokens, never by their order.
            let found = match found.remove(token(hash)) {
                Some(row) => {
                    row.found.found(time(row.clock)).map_err(|damaged| PortError::not_done(FIND, damaged))
                }
                None => Err(PortError::not_done(FIND, "the server returned no row for a token")),
            };
            drop(reply.send(found));
        }
    }

    /// Reads sessions with their accounts: one row for each token.
    async fn find_sessions(&self, hashes: &[SessionHash], until: Instant) -> Result<Vec<FoundNow>> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        // UNION, not UNION ALL: the last token is repeated.
        let sql = format!(
            "SELECT n.clock, t.token AS asked, {}, a.address_key, {}
             FROM (SELECT {} AS clock) n CROSS JOIN (SELECT CAST(? AS BINARY) AS token{}) t
                LEFT JOIN sessions s FORCE INDEX (PRIMARY) ON s.token = t.token
                LEFT JOIN accounts a FORCE INDEX (accounts_account_id) ON a.account_id = s.account_id",
            session_columns!(),
            account_columns!(),
            now!(),
            " UNION SELECT CAST(? AS BINARY)".repeat(hashes.len().next_power_of_two() - 1),
        );
        let sql = &sql;
        carry_out_until(until, FIND, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(safe(sql.clone())).bind(self.after(Duration::ZERO));
            let query = padded(hashes).fold(query, |query, hash| query.bind(token(hash)));
            let found = in_time(until, query.fetch_all(&mut lent.connection)).await;
            lent.read(found)
        })
        .await
    }
}

async fn open(
    connection: &mut MySqlConnection,
    hash: &SessionHash,
    session: &Session,
    replaces: Option<&SessionHash>,
    newest: u16,
) -> sqlx::Result<SessionStored> {
    // Threat: a session that is opened while its account is deleted, and stays. The lock holds either up, whatever the
    // isolation.
    let inserted = sqlx::query(
        "INSERT IGNORE INTO sessions (token, session_id, account_id, generation, created, proven, seen, expires,
            user_agent)
         SELECT ?, ?, a.account_id, a.generation, ?, ?, ?, ?, ? FROM accounts a
         WHERE a.account_id = ? AND a.generation = ? AND a.status = 2 AND a.blocked = 0
         LOCK IN SHARE MODE",
    )
    .bind(token(hash))
    .bind(session.id.as_bytes().as_slice())
    .bind(micros(session.created))
    .bind(micros(session.proven))
    .bind(micros(session.seen))
    .bind(micros(session.expires))
    .bind(session.agent.as_str())
    .bind(session.account.as_bytes().as_slice())
    .bind(session.generation.as_bytes().as_slice())
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        // Carried out before, it is done; or its account is not there.
        let there: Option<i64> = sqlx::query_scalar("SELECT 1 FROM sessions WHERE token = ?")
            .bind(token(hash))
            .fetch_optional(&mut *connection)
            .await?;
        return Ok(if there.is_some() { SessionStored::Done } else { SessionStored::Gone });
    }
    if let Some(replaced) = replaces {
        let deleted = sqlx::query("DELETE FROM sessions WHERE token = ?")
            .bind(token(replaced))
            .execute(&mut *connection)
            .await?;
        if deleted.rows_affected() == 0 {
            return Ok(SessionStored::Gone);
        }
    }
    // MySQL has no LIMIT in a subquery of IN.
    let surplus: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT token FROM sessions WHERE account_id = ? ORDER BY created DESC, token LIMIT 1000 OFFSET ?",
    )
    .bind(session.account.as_bytes().as_slice())
    .bind(i64::from(newest))
    .fetch_all(&mut *connection)
    .await?;
    if !surplus.is_empty() {
        let list = marks("?", surplus.len().next_power_of_two());
        let query = sqlx::query(safe(format!("DELETE FROM sessions WHERE token IN ({list})")));
        padded(&surplus).fold(query, |query, token| query.bind(token)).execute(connection).await?;
    }
    Ok(SessionStored::Done)
}
