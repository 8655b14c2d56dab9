//! Owns the configuration: which keys there are, where values come from, what they mean.
//!
//! `keys.rs` is the table, `layers.rs` finds the values and their sources, `settings.rs` gives them
//! types, `refusals.rs` says which combinations are not served.

mod keys;
mod layers;
mod refusals;
mod settings;

pub use keys::{KEYS, Key};
pub use layers::{Layers, Source};
pub use settings::{Database, Settings};

/// Tells what is wrong with the configuration and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl ConfigError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
