#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! `http/` turns requests into flows, [`driver`] carries out their effects, [`port`] says what it needs
//! for that, `adapter/` has one technology behind each port. [`node`] puts them together, for an
//! application to mount; [`program`] is the command line.

#[cfg(not(any(feature = "mysql", feature = "sqlite")))]
compile_error!("accounts need a database: enable the feature mysql or sqlite");

pub mod adapter;
pub mod config;
mod deadlines;
pub mod driver;
pub mod hooks;
pub mod http;
pub mod metrics;
pub mod node;
mod once_a_minute;
pub mod port;
mod preflight;
pub mod program;
mod random;
mod rfc3339;
pub mod server;
pub mod telemetry;
mod template_folder;
pub mod visitor;
mod wiring;
pub mod worker;
