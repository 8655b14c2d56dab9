//! Owns the integration tests: the built program over HTTP, and the ports' contracts.

mod walkthrough;
