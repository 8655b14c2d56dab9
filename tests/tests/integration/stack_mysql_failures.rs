//! Failed calls on MySQL and MariaDB: they leave nothing on their connection, since it is closed.

use std::{sync::Arc, time::Duration};

use auth_core::{Commit, Fault, Secret};
use auth_http::{
    adapter::{accounts_mysql::AccountsMysql, clock::Clock},
    port::{Accounts, Outbox},
};
use tokio::{task::JoinSet, time::Instant};

use crate::stack_mysql::{connection, execute, migrated, order, proxied};

/// How long the driver waits for a call: later it takes what did not happen for unknown.
const EFFECT: Duration = Duration::from_secs(3);

/// Calls that wait for those before them, which hang: their time in the queue counts.
#[test]
fn calls_behind_a_server_that_hangs_are_told_in_time_that_nothing_was_done() {
    migrated(async |database, _| {
        let (proxy, url) = proxied(database, &database.url);
        let accounts = Arc::new(AccountsMysql::open(&Secret::new(url), Clock::default()).await.unwrap());
        proxy.freeze(true);
        let mut commits = JoinSet::new();
        for n in 1..=100 {
            let accounts = Arc::clone(&accounts);
            let begun = Instant::now();
            commits.spawn(async move { (accounts.commit(&order(n).into()).await, begun.elapsed()) });
        }
        for (committed, time) in commits.join_all().await {
            let error = committed.unwrap_err();
            assert_eq!(error.fault, Fault::NotDone, "{error}");
            assert!(time < EFFECT, "{time:?}: {error}");
        }
        proxy.freeze(false);
        assert_eq!(accounts.commit(&order(1).into()).await.unwrap(), Commit::Committed);
    });
}

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
                let error = accounts.commit(&order(n).into()).await.unwrap_err();
                assert_eq!(error.fault, Fault::NotDone, "{error}");
            }
            // Waits for every transaction that has touched the table.
            execute(&mut other, format!("ALTER TABLE accounts COMMENT = 'version {n}'")).await;
            execute(&mut other, "RENAME TABLE hidden TO outbox").await;
            assert_eq!(
                accounts.commit(&order(n).into()).await.unwrap(),
                Commit::Committed,
                "no row of it stayed"
            );
        }
        assert_eq!(accounts.mails().await.unwrap().len(), 2);
    });
}
