//! Owns what faults may do: real servers and nodes stopped, killed, frozen and cut off.
//!
//! Each test has servers of its own if it harms them; `cargo xtask test` starts those that are shared.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod codes;
mod database;
mod disk;
mod mail;
mod nodes;
mod world;
