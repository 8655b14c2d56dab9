//! Owns what the tests share: a running server, requests to it, waiting.
//!
//! Tests go through HTTP and the mailbox only. `server.rs` starts the built program, `client.rs`
//! talks to it, `wait.rs` waits for what happens.

#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

mod client;
mod server;
mod wait;

pub use client::{Answer, basic, parse};
pub use server::{Server, command, program, start};
pub use wait::until;
