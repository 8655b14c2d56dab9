//! The adapters: one technology behind one port each, named port first.
//!
//! None of them decides anything; `driver.rs` calls them through the traits in `port.rs`.

#[cfg(feature = "mysql")]
pub mod accounts_mysql;
#[cfg(feature = "mysql")]
mod accounts_mysql_commits;
#[cfg(feature = "mysql")]
mod accounts_mysql_connections;
#[cfg(feature = "mysql")]
mod accounts_mysql_directory;
#[cfg(feature = "mysql")]
mod accounts_mysql_outbox;
#[cfg(feature = "mysql")]
mod accounts_mysql_schema;
#[cfg(feature = "mysql")]
mod accounts_mysql_sessions;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod accounts_rows;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod accounts_rows_commits;
#[cfg(any(feature = "mysql", feature = "sqlite"))]
mod accounts_rows_sessions;
#[cfg(feature = "sqlite")]
pub mod accounts_sqlite;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_commits;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_directory;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_file;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_outbox;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_sessions;
#[cfg(feature = "sqlite")]
mod accounts_sqlite_writes;
pub(crate) mod authorities;
pub mod clock;
pub mod codes_memory;
pub mod codes_redis;
pub(crate) mod hash_functions;
pub mod hash_threads;
pub mod mail_development;
pub mod mail_smtp;
mod mail_smtp_conversation;
mod mail_smtp_failure;
mod mail_smtp_idle;
mod mail_smtp_message;
pub mod mail_templates;
mod migrations;
mod together;
