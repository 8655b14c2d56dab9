//! The MySQL adapter, as an operator's commands look accounts up.

use async_trait::async_trait;
use auth_core::{AccountId, AddressKey, Row};
use tokio::time::Instant;

use super::{
    accounts_mysql::AccountsMysql,
    accounts_mysql_connections::{carry_out, carry_out_until, in_time},
    accounts_rows::{KeyedRow, account_columns},
};
use crate::{
    deadlines,
    port::{Directory, PortError, Result},
};

macro_rules! by {
    () => {
        concat!("SELECT a.address_key, ", account_columns!(), " FROM accounts a WHERE ")
    };
}

#[async_trait]
impl Directory for AccountsMysql {
    async fn account(&self, id: AccountId) -> Result<Option<(AddressKey, Row)>> {
        let found = self.one(concat!(by!(), "a.account_id = ?"), id).await?;
        if found.is_some() {
            return Ok(found);
        }
        // A version without ids has activated it, and nobody has read it since: its id is its generation's.
        self.one(concat!(by!(), "a.account_id IS NULL AND a.status = 2 AND a.generation = ?"), id).await
    }

    async fn accounts(&self, after: Option<&AddressKey>, most: u32) -> Result<Vec<(AddressKey, Row)>> {
        self.listed(
            concat!(by!(), "a.address_key > ? ORDER BY a.address_key LIMIT ?"),
            // No key is empty.
            after.map_or(&[][..], |key| key.as_str().as_bytes()),
            most,
        )
        .await
    }

    async fn active(&self, after: Option<AccountId>, most: u32) -> Result<Vec<(AddressKey, Row)>> {
        self.listed(
            concat!(by!(), "a.account_id > ? ORDER BY a.account_id LIMIT ?"),
            after.as_ref().map_or(&[][..], |id| id.as_bytes()),
            most,
        )
        .await
    }
}

impl AccountsMysql {
    async fn one(&self, query: &'static str, id: AccountId) -> Result<Option<(AddressKey, Row)>> {
        const OPERATION: &str = "find an account by its id";
        let row = carry_out(OPERATION, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(query).bind(id.as_bytes().as_slice());
            let row = in_time(until, query.fetch_optional(&mut lent.connection)).await;
            lent.read(row)
        });
        let row: Option<KeyedRow> = row.await?;
        row.map(KeyedRow::keyed).transpose().map_err(|e| PortError::not_done(OPERATION, e))
    }

    async fn listed(&self, query: &'static str, after: &[u8], most: u32) -> Result<Vec<(AddressKey, Row)>> {
        const OPERATION: &str = "list accounts";
        let until = Instant::now() + deadlines::mysql::OPERATOR;
        let rows = carry_out_until(until, OPERATION, |until| async move {
            let mut lent = self.connections.lend(until).await?;
            let query = sqlx::query_as(query).bind(after).bind(most);
            let rows = in_time(until, query.fetch_all(&mut lent.connection)).await;
            lent.read(rows)
        });
        KeyedRow::listed(rows.await?).map_err(|e| PortError::not_done(OPERATION, e))
    }
}
