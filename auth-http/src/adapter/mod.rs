//! Owns the adapters: one technology behind one port each, named port first.
//!
//! None of them decides anything; `driver.rs` calls them through the traits in `port.rs`.

pub mod accounts_sqlite;
mod accounts_sqlite_outbox;
mod accounts_sqlite_rows;
pub mod clock;
pub mod codes_memory;
pub mod hash_scrypt;
pub mod mail_development;
pub mod mail_templates;
