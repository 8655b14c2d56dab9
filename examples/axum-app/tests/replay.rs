//! Replays every script of auth-core/scripts, as the synchronous host does.

#[path = "../../rust-sync/tests/replay.rs"]
mod replay;
