//! Failed calls on MySQL and MariaDB: they leave nothing on their connection, since it is closed.

use auth_core::{Commit, Fault};
use auth_http::port::{Accounts, Outbox};

use crate::stack_mysql::{connection, execute, migrated, order};

/// A call whose first statement has written and whose second one fails: its transaction is neither committed nor undone.
#[test]
fn call_that_failed_in_its_transaction_leaves_nothing_on_its_connection() {
    migrated(async |database, accounts| {
        let mut other = connection(database).await;
        // An open transaction shows soon, instead of never.
        execute(&mut other, "SET lock_wait_timeout = 5").await;
        for n in [1, 2] {
            execute(&mut other, "RENAME TABLE outbox TO hidden").await;
            for _ in 0..20 {
                let error = accounts.commit(&order(n)).await.unwrap_err();
                assert_eq!(error.fault, Fault::NotDone, "{error}");
            }
            // Waits for every transaction that has touched the table.
            execute(&mut other, format!("ALTER TABLE accounts COMMENT = 'version {n}'")).await;
            execute(&mut other, "RENAME TABLE hidden TO outbox").await;
            assert_eq!(accounts.commit(&order(n)).await.unwrap(), Commit::Committed, "no row of it stayed");
        }
        assert_eq!(accounts.mails().await.unwrap().len(), 2);
    });
}
