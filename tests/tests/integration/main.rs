//! Owns the integration tests: the built program over HTTP, and the ports' contracts.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod activate;
mod addresses;
mod arrival;
mod basic;
mod codes;
mod config_codes;
mod config_exposure;
mod config_scrypt;
mod config_secrets;
mod config_seed_compat;
mod config_sources;
mod config_values;
mod contract;
mod distances;
mod explicit;
mod faults;
mod hidden;
mod life;
mod limits;
mod mails;
mod metrics;
mod outbox;
mod pages;
mod parsing;
mod problems;
mod program_check;
mod program_command_line;
mod program_database;
mod program_healthcheck;
mod program_mail;
mod program_openapi;
mod program_purge;
mod program_serve;
mod register;
mod resend;
mod secrets;
mod seed_compat;
mod shutdown;
mod telemetry;
mod templates;
mod walkthrough;
mod worker;
