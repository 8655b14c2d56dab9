//! Harnesses of the accounts in MySQL and MariaDB: each has its own database on a real server.

use std::{sync::Arc, time::Duration};

use auth_core::Secret;
use auth_http::{
    adapter::{accounts_mysql::AccountsMysql, clock::Clock},
    port::{Accounts, AccountsDatabase},
};
use auth_tests::stack::{self, TestDb};

use super::{adapters::shift, harness::AccountsHarness};

/// A database on the MySQL server.
pub(super) struct Mysql(Fresh);

/// A database on the MariaDB server.
pub(super) struct Mariadb(Fresh);

struct Fresh {
    database: TestDb,
    clock: Clock,
}

impl AccountsHarness for Mysql {
    async fn fresh() -> Self {
        Self(Fresh::on("AUTH_TEST_MYSQL_URL").await)
    }

    async fn open(&self) -> Arc<dyn Accounts> {
        Arc::new(self.0.open().await)
    }

    async fn advance(&self, by: Duration) {
        shift(&self.0.clock, by);
    }
}

impl AccountsHarness for Mariadb {
    async fn fresh() -> Self {
        Self(Fresh::on("AUTH_TEST_MARIADB_URL").await)
    }

    async fn open(&self) -> Arc<dyn Accounts> {
        Arc::new(self.0.open().await)
    }

    async fn advance(&self, by: Duration) {
        shift(&self.0.clock, by);
    }
}

impl Fresh {
    async fn on(server: &str) -> Self {
        let new = Self { database: TestDb::create(&stack::server(server)), clock: Clock::default() };
        new.open().await.migrate().await.unwrap();
        new
    }

    async fn open(&self) -> AccountsMysql {
        let url = Secret::new(format!("{}?ssl-mode=DISABLED", self.database.url));
        AccountsMysql::open(&url, self.clock.clone()).await.unwrap()
    }
}
