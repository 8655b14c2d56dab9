//! What the tests share: a running server, requests to it, waiting.
//!
//! Tests go through HTTP and the mailbox only. `server.rs` starts the built program, `client.rs`
//! talks to it, `wire.rs` does so byte by byte, `scrape.rs` reads its metrics, `program.rs` runs its
//! commands, `wait.rs` waits for events. `smtp_peer.rs` is a mail server that misbehaves as programmed.

#![expect(clippy::unwrap_used, reason = "test helpers fail by panicking")]

pub mod certificates;
mod client;
pub mod container;
mod forms;
mod program;
pub mod proxy;
mod received;
mod scrape;
mod server;
pub mod smtp_peer;
mod smtp_talk;
pub mod stack;
mod wait;
mod wire;

pub use client::{HttpAnswer, basic, exchange, parse, request};
pub use forms::Visitor;
pub use program::{Exit, Program};
pub use received::Received;
pub use server::{HOLD_HASHES, Server, command, program, start, start_on, start_released_on};
pub use wait::{took, until, until_within};
pub use wire::Wire;

/// A password that is strong enough.
pub const PASSWORD: &str = "correct horse battery staple";
/// Another strong password.
pub const OTHER: &str = "seven purple elephants juggle";
/// A third strong password.
pub const THIRD: &str = "unlikely marmalade submarine";
