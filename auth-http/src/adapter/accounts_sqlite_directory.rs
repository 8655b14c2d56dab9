//! The SQLite adapter, as an operator's commands look accounts up.

use async_trait::async_trait;
use auth_core::{AccountId, AddressKey, Row};

use super::{
    accounts_rows::{KeyedRow, account_columns},
    accounts_sqlite::AccountsSqlite,
};
use crate::port::{Directory, PortError, Result};

const LIST: &str = "list accounts";

#[async_trait]
impl Directory for AccountsSqlite {
    async fn account(&self, id: AccountId) -> Result<Option<(AddressKey, Row)>> {
        const OPERATION: &str = "find an account by its id";
        let row: Option<KeyedRow> = sqlx::query_as(concat!(
            "SELECT a.address_key, ",
            account_columns!(),
            " FROM accounts a WHERE a.account_id = ?1",
        ))
        .bind(id.as_bytes().as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(|e| PortError::not_done(OPERATION, e))?;
        row.map(KeyedRow::keyed).transpose().map_err(|e| PortError::not_done(OPERATION, e))
    }

    async fn accounts(&self, after: Option<&AddressKey>, most: u32) -> Result<Vec<(AddressKey, Row)>> {
        let rows: sqlx::Result<Vec<KeyedRow>> = sqlx::query_as(concat!(
            "SELECT a.address_key, ",
            account_columns!(),
            " FROM accounts a WHERE a.address_key > ?1 ORDER BY a.address_key LIMIT ?2",
        ))
        // No key is empty.
        .bind(after.map_or(&[][..], |key| key.as_str().as_bytes()))
        .bind(most)
        .fetch_all(&self.pool)
        .await;
        let rows = rows.map_err(|e| PortError::not_done(LIST, e))?;
        KeyedRow::listed(rows).map_err(|e| PortError::not_done(LIST, e))
    }

    async fn active(&self, after: Option<AccountId>, most: u32) -> Result<Vec<(AddressKey, Row)>> {
        let rows: sqlx::Result<Vec<KeyedRow>> = sqlx::query_as(concat!(
            "SELECT a.address_key, ",
            account_columns!(),
            " FROM accounts a WHERE a.account_id > ?1 ORDER BY a.account_id LIMIT ?2",
        ))
        .bind(after.as_ref().map_or(&[][..], |id| id.as_bytes()))
        .bind(most)
        .fetch_all(&self.pool)
        .await;
        let rows = rows.map_err(|e| PortError::not_done(LIST, e))?;
        KeyedRow::listed(rows).map_err(|e| PortError::not_done(LIST, e))
    }
}
