//! Owns docker-compose.yml as its users meet it: brought up, used, restarted, taken down.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod file;
mod project;
