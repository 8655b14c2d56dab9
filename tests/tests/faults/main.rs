//! Faults: real servers and nodes stopped, killed, frozen and cut off.
//!
//! A test that harms servers has its own; `cargo xtask test` starts the shared ones.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod codes;
mod database;
mod disk;
mod mail;
mod nodes;
mod sessions;
mod world;
