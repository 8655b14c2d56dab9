//! Owns the contracts of the ports: one suite for each, run against every adapter.
//!
//! A rule is a function over a harness and knows no adapter. A suite (`suites.rs`) makes one test of
//! each rule for one adapter. Another adapter is a harness in `adapters.rs` and one line below.

mod accounts_cut_off;
mod accounts_leases;
mod accounts_next_due;
mod accounts_operator;
mod accounts_owed;
mod accounts_purge;
mod accounts_races;
mod accounts_rows;
mod accounts_settling;
mod accounts_versions;
mod accounts_waits;
mod adapters;
mod codes_admit;
mod codes_bounds;
mod codes_lifetimes;
mod codes_newest;
mod codes_races;
mod codes_redeem;
mod codes_tries;
mod harness;
mod mailbox;
mod mailer;
mod orders;
mod suites;
mod values;

use adapters::{Development, InProcess, SqliteFile, SqliteMemory};
use suites::{accounts_suite, codes_suite, mailbox_suite, mailer_suite, suite};

accounts_suite!(accounts_sqlite_file: SqliteFile);
accounts_suite!(accounts_sqlite_memory: SqliteMemory);
codes_suite!(codes_in_process: InProcess);
mailer_suite!(mailer_development: Development);
mailbox_suite!(mailbox_development: Development);
