//! The contracts of the ports: one suite for each, run against every adapter.
//!
//! A rule is a function over a harness and knows no adapter. A suite (`suites.rs`) makes one test from
//! each rule for one adapter. A new adapter needs a harness in `adapters*.rs` and one line below.

mod accounts_cut_off;
mod accounts_directory;
mod accounts_leases;
mod accounts_moves;
mod accounts_next_due;
mod accounts_operator;
mod accounts_owed;
mod accounts_purge;
mod accounts_races;
mod accounts_rows;
mod accounts_sessions;
mod accounts_settling;
mod accounts_versions;
mod accounts_waits;
mod adapters;
mod adapters_mysql;
pub(crate) mod adapters_redis;
mod adapters_smtp;
mod codes_admit;
mod codes_bounds;
mod codes_core;
mod codes_lifetimes;
mod codes_newest;
mod codes_races;
mod codes_redeem;
mod codes_tries;
mod harness;
mod mailbox;
mod mailer;
mod orders;
mod stack_redis_slots;
mod suites;
mod values;

use adapters::{Development, InProcess, SqliteFile, SqliteMemory};
use adapters_mysql::{Mariadb, Mysql};
use adapters_redis::{Redis, Valkey};
use adapters_smtp::Smtp;
use suites::{accounts_suite, codes_suite, mailbox_suite, mailer_suite, suite};

accounts_suite!(accounts_sqlite_file: SqliteFile);
accounts_suite!(accounts_sqlite_memory: SqliteMemory);
codes_suite!(codes_in_process: InProcess);
mailer_suite!(mailer_development: Development);
mailer_suite!(mailer_smtp: Smtp);
mailbox_suite!(mailbox_development: Development);

/// The suites that need real servers: `cargo xtask test` starts them.
mod stack {
    use super::{accounts_suite, codes_suite, suite};

    accounts_suite!(mysql: Mysql);
    accounts_suite!(mariadb: Mariadb);
    codes_suite!(redis: Redis);
    codes_suite!(valkey: Valkey);
}
