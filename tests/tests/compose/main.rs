//! docker-compose.yml as its users use it: started, used, restarted, removed.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod file;
mod project;
